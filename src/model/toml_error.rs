//! What is wrong in a TOML file: the place and the rule. The line itself is never repeated: it may hold a secret, an
//! answer or a password in an address, which must reach no terminal and no log (contract, sections 2 and 4).

use std::ops::Range;

/// Says what is wrong in `text` in terms of line and column.
pub(crate) fn explain(text: &str, span: Option<Range<usize>>, message: &str) -> String {
    let rule = message.trim_end().replace('\n', ", ");
    let Some(before) = span.and_then(|span| text.get(..span.start)) else { return rule };
    let line = before.matches('\n').count() + 1;
    let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
    format!("line {line}, column {column}: {rule}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_place_is_named_and_the_line_is_not_repeated() {
        for text in ["a = 1\nö = \"HUNTER2\n", "a = 1\nö = HUNTER2\n", "a = 1\nö = \"x\" HUNTER2\n", "a = 1\nö = [\"HUNTER2\"\nb = 1\n"]
        {
            let error = toml::from_str::<toml::Table>(text).expect_err(text);
            let shown = explain(text, error.span(), error.message());
            assert!(shown.starts_with("line ") && shown.contains(", column ") && !shown.contains("HUNTER"), "{shown}");
            assert!(!shown.contains('\n'), "{shown}");
        }
        assert_eq!(explain("ö = 1", Some(3..4), "no"), "line 1, column 3: no");
        assert_eq!(explain("", None, "no\n"), "no");
    }
}
