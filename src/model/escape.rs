//! Characters that a terminal would obey, or that hide text: what comes from a registry or a server shows them as
//! `\u{..}` (safety page, 9).

/// Whether `c` is a control character or turns the direction of text around.
fn is_hidden(c: char) -> bool {
    c.is_control() || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// The text with hidden characters escaped; line feeds and tabs stay.
#[must_use]
pub fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if is_hidden(c) && !matches!(c, '\n' | '\t') {
            out.extend(c.escape_unicode());
        } else {
            out.push(c);
        }
    }
    out
}

/// The text on one line: a space for each line end, all else as [`escape`], tabs too.
#[must_use]
pub fn escape_line(text: &str) -> String {
    escape(&text.trim().replace(['\n', '\r'], " ")).replace('\t', "\\u{9}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_characters_never_reach_a_terminal() {
        assert_eq!(escape("a\u{1b}[31m\u{9b}b\u{202e}\nc\té"), "a\\u{1b}[31m\\u{9b}b\\u{202e}\nc\té");
        assert_eq!(escape_line(" a\r\nb\t\u{1b} "), "a  b\\u{9}\\u{1b}");
    }
}
