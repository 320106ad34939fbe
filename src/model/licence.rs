//! Licences as SPDX expressions (<https://spdx.github.io/spdx-spec/v2.3/SPDX-license-expressions/>).

/// Whether an expression can be satisfied with licences of a list. An empty list allows everything.
///
/// An expression that is none is allowed only where the list has it word for word.
#[must_use]
pub fn is_allowed(expression: &str, allowed: &[String]) -> bool {
    if allowed.is_empty() || allowed.iter().any(|one| one.eq_ignore_ascii_case(expression)) {
        return true;
    }
    let Ok(parsed) = spdx::Expression::parse_mode(expression, spdx::ParseMode::LAX) else { return false };
    parsed.evaluate(|requirement| allowed.iter().any(|one| one.eq_ignore_ascii_case(&requirement.to_string())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_way_through_the_expression_is_enough() {
        let allowed = ["EUPL-1.2", "MIT", "CC-BY-4.0"].map(str::to_owned);
        for (expression, is) in [
            ("MIT", true),
            ("eupl-1.2", true),
            ("MIT OR GPL-3.0-only", true),
            ("MIT AND CC-BY-4.0", true),
            ("MIT AND GPL-3.0-only", false),
            ("GPL-3.0-only", false),
            ("", false),
            ("Our own", false),
        ] {
            assert_eq!(is_allowed(expression, &allowed), is, "{expression}");
        }
        assert!(is_allowed("Our own", &[]));
    }
}
