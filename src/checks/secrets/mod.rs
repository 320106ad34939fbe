//! Secrets: rules as data, tried only where a word says that it may be worth it (rules `secret-*`).

mod assignment;
mod base64;
mod connection;
mod judge;
mod names;
mod tokens;

use std::ops::Range;
use std::sync::OnceLock;

use regex::Regex;

use self::judge::{KNOWN_EXAMPLES, Verdict, entropy, is_placeholder, judge};
use self::names::{Promise, promise};
use self::tokens::{DETECTORS, Detector};
use super::rules::id;
use super::texts::{Piece, Style};

/// What must hold beside a pattern.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Judge {
    /// The form says it all.
    Form,
    /// Made by a machine: no placeholder, and no pattern in it.
    Made,
    /// A key between lines of dashes: something must follow.
    Armour,
    /// `user:password` in base64.
    Basic,
    /// Not the example that everybody copies.
    Jwt,
    /// `user:password@host`.
    Address,
    /// A password as such.
    Password,
}

/// A secret, or what might be one.
pub(super) struct Leak {
    /// The rule that it breaks.
    pub(super) rule: &'static str,
    /// Where in the piece.
    pub(super) range: Range<usize>,
    /// What it is, without saying it.
    pub(super) what: &'static str,
}

/// How many triggers there are: each detector, and assignments.
pub(super) const TRIGGERS: usize = DETECTORS.len() + 1;

/// The words that make trying worth it, each with its trigger.
pub(super) fn triggers() -> impl Iterator<Item = (&'static str, usize)> {
    let assignments = assignment::NEAR.iter().map(|word| (*word, DETECTORS.len()));
    DETECTORS.iter().enumerate().flat_map(|(index, detector)| detector.near.iter().map(move |word| (*word, index))).chain(assignments)
}

/// Tries what a word has triggered. Also returns up to where the piece has been looked at for it.
pub(super) fn tried(piece: &Piece<'_>, trigger: usize, hit: Range<usize>, looked_at: usize) -> (Option<Leak>, usize) {
    match DETECTORS.get(trigger) {
        Some(detector) => pattern(piece.text, detector, trigger, hit, looked_at),
        None => {
            let end = hit.end;
            (assigned(piece, hit), end)
        }
    }
}

/// The value of a name that promises a secret, in a structured file.
pub(super) fn named(piece: &Piece<'_>) -> Option<Leak> {
    let text = piece.text;
    if piece.style != Style::Value || text.len() > 300 || text.len() < 4 {
        return None;
    }
    let promise = promise(piece.name()?)?;
    leak(judge(text, promise), promise, 0..text.len())
}

/// The rule that the default of a secret variable breaks, where it is no placeholder.
pub(super) fn default_of_secret(default: &str) -> Option<&'static str> {
    let verdict = judge(default, Promise::Password).max(judge(default, Promise::Token));
    leak(verdict, Promise::Password, 0..default.len()).map(|leak| leak.rule)
}

fn assigned(piece: &Piece<'_>, hit: Range<usize>) -> Option<Leak> {
    let (range, verdict, promise) = assignment::at(piece, hit)?;
    leak(verdict, promise, range)
}

fn leak(verdict: Verdict, promise: Promise, range: Range<usize>) -> Option<Leak> {
    let (rule, what) = match (verdict, promise) {
        (Verdict::Harmless, _) => return None,
        (Verdict::Suspect, Promise::Password) => (id::SECRET_SUSPECT, "what may be a password"),
        (Verdict::Suspect, Promise::Token) => (id::SECRET_SUSPECT, "what may be a key or token"),
        (Verdict::Secret, Promise::Password) => (id::SECRET_PASSWORD, "a password"),
        (Verdict::Secret, Promise::Token) => (id::SECRET_TOKEN, "a key or token"),
    };
    Some(Leak { rule, range, what })
}

/// The patterns, compiled when they are first tried.
fn compiled(index: usize) -> &'static Regex {
    static COMPILED: [OnceLock<Regex>; DETECTORS.len()] = [const { OnceLock::new() }; DETECTORS.len()];
    COMPILED[index].get_or_init(|| Regex::new(DETECTORS[index].pattern).expect("a test compiles each pattern"))
}

/// How far around the word a pattern may reach.
const BEFORE: usize = 300;
const BEHIND: usize = 4200;

fn pattern(text: &str, detector: &'static Detector, index: usize, hit: Range<usize>, looked_at: usize) -> (Option<Leak>, usize) {
    let from = text.floor_char_boundary(hit.start.saturating_sub(BEFORE).max(looked_at));
    if detector.judge == Judge::Address && !is_address(&text[hit.end..]) {
        return (None, hit.end);
    }
    // A secret stands on one line; only a key between dashes goes on, and its judge looks for itself.
    let line_end = memchr::memchr(b'\n', &text.as_bytes()[hit.end..]).map_or(text.len(), |length| hit.end + length);
    let to = text.floor_char_boundary(line_end.min(hit.end + BEHIND));
    let Some(captures) = compiled(index).captures_at(&text[..to], from) else {
        // The line is done with, or half of what was read: what begins there may end beyond it.
        return (None, if to == line_end { to } else { hit.end.max(to - BEHIND / 2) });
    };
    let all = captures.get(0).expect("the whole match").range();
    let secret = captures.get(1).map_or_else(|| all.clone(), |group| group.range());
    let leak = Leak { rule: detector.rule, range: secret, what: detector.what };
    (Some(leak).filter(|leak| held(text, detector.judge, &leak.range)), all.end)
}

fn held(text: &str, judged: Judge, range: &Range<usize>) -> bool {
    let value = &text[range.clone()];
    match judged {
        Judge::Form => true,
        Judge::Made => !is_placeholder(value) && entropy(value) >= 2.8 && !KNOWN_EXAMPLES.iter().any(|known| value.contains(known)),
        Judge::Jwt => !KNOWN_EXAMPLES.iter().any(|known| value.contains(known)),
        Judge::Password => judge(value, Promise::Password) == Verdict::Secret,
        Judge::Basic => {
            let pair = base64::decode(value).and_then(|bytes| String::from_utf8(bytes).ok());
            let pair = pair.as_deref().filter(|pair| !pair.chars().any(char::is_control)).and_then(|pair| pair.split_once(':'));
            pair.is_some_and(|(user, password)| user != password && judge(password, Promise::Password) != Verdict::Harmless)
        }
        Judge::Address => address(value),
        Judge::Armour => armour(&text[range.end..]),
    }
}

/// Whether a user and a password may follow `://`: nearly no address has them, and the pattern is dear.
fn is_address(behind: &str) -> bool {
    let mut colon = false;
    for byte in behind.bytes().take(220) {
        match byte {
            b':' => colon = true,
            b'@' => return colon,
            b'/' | b'"' | b'\'' | b'<' | b'>' | b'?' | b'#' | 0..=b' ' => return false,
            _ => {}
        }
    }
    false
}

/// `user:password@host`, where the host is somebody's.
fn address(value: &str) -> bool {
    let Some((pair, host)) = value.rsplit_once('@') else { return false };
    let Some((user, password)) = pair.split_once(':') else { return false };
    let own =
        host == "localhost" || host.starts_with("127.") || host.ends_with(".local.test") || !host.contains(|c: char| c.is_alphanumeric());
    let shown = ["example.com", "example.org", "example.net"].iter().any(|example| host.ends_with(example)) || is_placeholder(host);
    !own && !shown && user != password && judge(password, Promise::Password) == Verdict::Secret
}

/// Whether a line that could be of a key follows the line of dashes.
fn armour(behind: &str) -> bool {
    let end = behind.find("-----END").unwrap_or(behind.len());
    let limit = behind.floor_char_boundary(end.min(700));
    let of_key = |c: char| c.is_ascii_alphanumeric() || matches!(c, '+' | '/' | '=');
    let body = behind[..limit].replace("\\r", "\n").replace("\\n", "\n");
    body.split(|c| !of_key(c)).any(|line| line.len() >= 40 && entropy(line) >= 3.0)
}

#[cfg(test)]
mod tests;
