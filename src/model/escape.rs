//! Characters that a terminal would obey, or that hide text: what comes from a registry or a server shows them as
//! `\u{..}` (safety page, 9).

/// Whether `c` is a control character or turns the direction of text around.
fn is_hidden(c: char) -> bool {
    c.is_control() || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// What an agent of Azure Pipelines obeys wherever it stands in a line of a log ("Logging commands").
const LOGGING_COMMAND: &[u8] = b"##vso[";

/// The text with hidden characters escaped, and with what would make a CI agent take it for a command; line feeds and
/// tabs stay.
#[must_use]
pub fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for (at, c) in text.char_indices() {
        let ahead = text.as_bytes()[at..].get(..LOGGING_COMMAND.len());
        let commands = ahead.is_some_and(|ahead| ahead.eq_ignore_ascii_case(LOGGING_COMMAND));
        if commands || is_hidden(c) && !matches!(c, '\n' | '\t') {
            out.extend(c.escape_unicode());
        } else {
            out.push(c);
        }
    }
    out
}

/// A name, or a place in a file, within a line: line feeds and tabs are escaped, too. What begins a line of a log may
/// be a command to a CI agent (GitHub, "Workflow commands").
#[must_use]
pub fn escape_name(text: &str) -> String {
    escape(text).replace('\n', "\\u{a}").replace('\t', "\\u{9}")
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
        assert_eq!(escape_name("a\n\u{1b}\tb"), "a\\u{a}\\u{1b}\\u{9}b");
    }

    #[test]
    fn a_ci_agent_is_given_no_commands() {
        assert_eq!(escape("x ##VSO[task.setvariable variable=PATH]y # ## ##["), "x \\u{23}#VSO[task.setvariable variable=PATH]y # ## ##[");
    }
}
