//! Where secret answers stand in files, and what can stand there.
//!
//! The lock says how many bytes lie between the secret answers of a file (`pieces`), and nothing of their lengths. So what
//! counts as a secret answer must be told from what a receiver wrote beside it. What stands at such a place
//!
//! - is text of one line; text of several lines only where it is one closed document: PEM blocks from `BEGIN` to `END`, or
//!   a JSON object or list. Lines that somebody adds before or after are theirs, and the file is adapted;
//! - is one whole JSON token where the variable is bound;
//! - is an answer that the variable takes (`pattern`, `choices`), or the text that was published there;
//! - is the same answer at all places of a variable, in all files.
//!
//! What remains unseen are edits that could be another answer: `KEY=secret # mine` is one line. A secret of several lines
//! that is no closed document is never told from lines beside it: such a file counts as adapted, and nothing is lost.
//! Which variable stands where the component's own manifest says, which lies with the files and is covered by the same
//! digest. [`search`] finds the places by that digest, [`reading`] by the text between them.

pub mod reading;
pub mod search;

use std::collections::BTreeMap;

use regex::Regex;
use serde::de::IgnoredAny;

use super::path::RelPath;
use super::variables::Variable;
use super::written::normalise;

/// No answer that stands beside others in a file is longer.
const LONGEST: usize = 1 << 16;

/// So many places of several answers are told apart, at most.
const MOST_PLACES: usize = 256;

/// How an answer goes into a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Way {
    /// As it is: `replace`.
    Text,
    /// As a JSON token: `bind`.
    Token,
}

/// A place of a secret answer in a published file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The variable.
    pub name: String,
    /// How its answer goes there.
    pub way: Way,
    /// What was published there.
    pub published: Vec<u8>,
}

/// What stands between the secret answers of a file, with LF for CRLF: by it the file is told from an adapted one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outline {
    /// All of it, end to end.
    pub open: Vec<u8>,
    /// The lengths of the parts.
    pub pieces: Vec<u64>,
    /// The places between those parts, in their order.
    pub places: Vec<Place>,
}

/// What the secret variables of a component take.
#[derive(Debug, Default)]
pub struct Rules<'v>(BTreeMap<&'v str, Rule<'v>>);

#[derive(Debug)]
struct Rule<'v> {
    pattern: Option<Regex>,
    variable: &'v Variable,
}

impl<'v> Rules<'v> {
    /// Those of some variables.
    #[must_use]
    pub fn of(variables: &'v BTreeMap<String, Variable>) -> Self {
        let rule = |variable: &'v Variable| Rule { pattern: variable.pattern.as_deref().and_then(|p| Regex::new(p).ok()), variable };
        Self(variables.iter().filter(|(_, v)| v.is_secret()).map(|(name, v)| (name.as_str(), rule(v))).collect())
    }

    /// The answer that `bytes` are at a place; `None` where they cannot be one.
    fn answer(&self, name: &str, way: Way, bytes: &[u8]) -> Option<String> {
        let text = std::str::from_utf8(bytes).ok()?;
        let answer = match way {
            Way::Text if !is_told_apart(text) => return None,
            Way::Text => text.to_owned(),
            Way::Token => decoded(text)?,
        };
        let fits = |rule: &Rule<'_>| {
            let published = way == Way::Text && rule.variable.replace.iter().any(|one| one.text == answer);
            let chosen = rule.variable.choices.is_empty() || rule.variable.choices.contains(&answer);
            published || chosen && rule.pattern.as_ref().is_none_or(|pattern| pattern.is_match(&answer))
        };
        self.0.get(name).is_none_or(fits).then_some(answer)
    }
}

/// Whether an answer can be told from lines beside it, as text.
#[must_use]
pub fn is_told_apart(answer: &str) -> bool {
    let answer = normalise(answer.as_bytes());
    !answer.contains(&b'\n') || closed_ends(&answer, 0).any(|end| end == answer.len())
}

/// The places in a file as a manifest names them, in no order; with their number.
fn places_in<'v>(variables: &'v BTreeMap<String, Variable>, file: &RelPath) -> Vec<(&'v str, Way, usize)> {
    let mut found = Vec::new();
    for (name, variable) in variables.iter().filter(|(_, variable)| variable.is_secret()) {
        let texts = variable.replace.iter().filter(|one| one.file == *file).fold(0_usize, |sum, one| sum.saturating_add(one.count));
        let tokens = variable.bind.iter().filter(|one| one.file == *file).count();
        let ways = [(Way::Text, texts), (Way::Token, tokens)];
        found.extend(ways.into_iter().filter(|(_, times)| *times > 0).map(|(way, times)| (name.as_str(), way, times)));
    }
    found
}

/// Where the line ends that `at` lies in.
fn line_end(bytes: &[u8], at: usize) -> usize {
    memchr::memchr(b'\n', &bytes[at..]).map_or(bytes.len(), |length| at + length)
}

/// Whether a closed document may start at `at`.
fn is_opening(bytes: &[u8], at: usize) -> bool {
    bytes.get(at).is_some_and(|byte| b"-{[".contains(byte))
}

/// Where closed documents of several lines end that start at `at`, with a line end behind them or without.
fn closed_ends(bytes: &[u8], at: usize) -> impl Iterator<Item = usize> {
    let rest = &bytes[at..];
    let mut ends = match rest.first() {
        Some(b'-') => pem_ends(rest),
        Some(b'{' | b'[') => {
            let mut values = serde_json::Deserializer::from_slice(rest).into_iter::<IgnoredAny>();
            let whole = matches!(values.next(), Some(Ok(_)));
            if whole { vec![values.byte_offset()] } else { Vec::new() }
        }
        _ => Vec::new(),
    };
    let behind: Vec<_> = ends.iter().filter(|&&end| rest.get(end) == Some(&b'\n')).map(|end| end + 1).collect();
    ends.extend(behind);
    ends.into_iter().map(move |end| at + end)
}

/// Where PEM blocks end, one after the other.
fn pem_ends(bytes: &[u8]) -> Vec<usize> {
    let (mut ends, mut inside, mut at) = (Vec::new(), false, 0);
    for line in bytes.split_inclusive(|&byte| byte == b'\n') {
        let text = line.trim_ascii_start();
        let is = |word: &[u8]| text.starts_with(word);
        match inside {
            false if !(is(b"-----BEGIN ") && text.trim_ascii_end().ends_with(b"-----")) => break,
            true if is(b"-----END ") => {
                let label = memchr::memmem::find(&text[9..], b"-----");
                ends.extend(label.map(|label| at + line.len() - text.len() + 9 + label + 5));
                inside = false;
            }
            _ => inside = true,
        }
        at += line.len();
    }
    ends
}

/// Where a JSON token ends that starts at `at`, however many strings deep it stands.
fn token_end(bytes: &[u8], at: usize) -> Option<usize> {
    let rest = bytes.get(at..)?;
    let escapes = rest.iter().take_while(|&&byte| byte == b'\\').count();
    if rest.get(escapes) != Some(&b'"') {
        let length = rest.iter().take_while(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(byte)).count();
        return (length > 0).then_some(at + length);
    }
    // Within, a quote has twice as many backslashes and one, and each backslash is doubled as often.
    let mut run = 0;
    for (index, byte) in rest.iter().enumerate().skip(escapes + 1) {
        match byte {
            b'\\' => run += 1,
            b'"' if run % (2 * (escapes + 1)) == escapes => return Some(at + index + 1),
            b'\n' => return None,
            _ => run = 0,
        }
        if *byte == b'"' {
            run = 0;
        }
    }
    None
}

/// What a token holds, however many strings deep it stands.
fn decoded(token: &str) -> Option<String> {
    match token.as_bytes().first()? {
        b'"' => serde_json::from_str(token).ok(),
        b'\\' => decoded(&serde_json::from_str::<String>(&format!("\"{token}\"")).ok()?),
        _ => serde_json::from_str::<serde_json::Value>(token).ok().filter(|value| !value.is_null()).map(|_| token.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PEM: &str = "-----BEGIN PRIVATE KEY-----\nMIIabc\ndef=\n-----END PRIVATE KEY-----";

    fn stands(text: &str) -> bool {
        Rules::default().answer("a", Way::Text, text.as_bytes()).is_some()
    }

    #[test]
    fn an_answer_is_one_line_or_a_closed_document() {
        let json = "{\n  \"a\": [1,\n 2]\n}";
        for good in ["", "abc # x", PEM, &format!("{PEM}\n"), &format!("{PEM}\n{PEM}"), json, "[\n]\n"] {
            assert!(stands(good) && is_told_apart(&good.replace('\n', "\r\n")), "{good}");
        }
        let open = "-----BEGIN X-----\nabc\n";
        for bad in ["a\nb", "\n", "a\n", &format!("{PEM}\nHOST=1"), &format!("{PEM}\n\n"), &format!("{json}\nb"), open, "{\n"] {
            assert!(!stands(bad), "{bad}");
        }
    }

    #[test]
    fn a_token_ends_where_it_ends_at_any_depth() {
        for answer in ["", "abc", "a\"b", "a\\", "\\\"", "a\nb", "å"] {
            let mut token = serde_json::to_string(answer).expect("a string");
            for _ in 0..3 {
                let line = format!("{token},\"x\":{token}\n");
                assert_eq!(token_end(line.as_bytes(), 0), Some(token.len()), "{line}");
                assert_eq!(decoded(&token).as_deref(), Some(answer));
                let outer = serde_json::to_string(&token).expect("a string");
                token = outer[1..outer.len() - 1].to_owned();
            }
        }
        assert_eq!((token_end(b"1.5,", 0), token_end(b"\"a", 0), token_end(b"", 0)), (Some(3), None, None));
        assert_eq!(decoded("abc"), None);
    }
}
