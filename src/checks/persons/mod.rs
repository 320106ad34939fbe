//! Personal data that stands in the files: identity numbers and addresses of persons (rules
//! `personal-identity-number`, `possible-identity-number`, `test-identity-number`, `personal-email`, `possible-email`).

mod email;
mod numbers;

use std::ops::Range;

use self::email::Whose;
use self::numbers::{Comma, Number, number, says_person};
use super::contents::Hit;
use super::rules::id;
use super::texts::{Piece, Style};

/// How far before ten bare digits a word may stand that says what they are, in bytes.
const NEAR: usize = 60;

/// More of a line than this is not looked at.
const MAX_LINE: usize = 2000;

/// Calls `read` with each run of digits; it returns the end of what it has read beyond.
pub(super) fn digit_runs(text: &str, read: &mut dyn FnMut(Range<usize>) -> Option<usize>) {
    let bytes = text.as_bytes();
    let mut at = 0;
    while at < bytes.len() {
        if !bytes[at].is_ascii_digit() {
            at += 1;
            continue;
        }
        let start = at;
        while at < bytes.len() && bytes[at].is_ascii_digit() {
            at += 1;
        }
        at = read(start..at).unwrap_or(at);
    }
}

/// The identity number that begins with a run of digits.
pub(super) fn identity_number(piece: &Piece<'_>, run: &Range<usize>) -> Option<Hit> {
    let bytes = piece.text.as_bytes();
    // `name,9503121270,7` is a row of a table where the head or the key says so, and a decimal else.
    let in_row = || run.len() == 10 && bytes.get(run.end) == Some(&b',') && stands_for_person(piece, run, &[',']);
    let found = number(bytes, run.start, run.end, Comma::Decimal);
    let (end, number) = found.or_else(|| in_row().then(|| number(bytes, run.start, run.end, Comma::Divides)).flatten())?;
    let range = run.start..end;
    let number = if number == Number::Possible && is_named(piece, &range) { Number::Personal } else { number };
    let (rule, message) = match number {
        Number::Personal => (id::PERSONAL_IDENTITY_NUMBER, "holds a personal identity number"),
        Number::Possible => (id::POSSIBLE_IDENTITY_NUMBER, "holds ten digits that may be a personal identity number"),
        Number::Test => (id::TEST_IDENTITY_NUMBER, "holds an official test number of Skatteverket"),
    };
    Some(Hit::new(rule, range, message))
}

/// Whether a name, a word before it or the head of its column says that the number is a person's.
fn is_named(piece: &Piece<'_>, range: &Range<usize>) -> bool {
    let before = line_before(piece.text, range.start);
    says_person(&before[before.ceil_char_boundary(before.len().saturating_sub(NEAR))..]) || stands_for_person(piece, range, &SIGNS)
}

/// Signs that divide the columns of a table. Of those in its head the first counts.
const SIGNS: [char; 4] = [';', '\t', ',', '|'];

/// Whether the key, or the head of the column in a table that one of `signs` divides, says that the number is a person's.
fn stands_for_person(piece: &Piece<'_>, range: &Range<usize>, signs: &[char]) -> bool {
    if piece.name().is_some_and(says_person) {
        return true;
    }
    let text = piece.text;
    let before = line_before(text, range.start);
    let beginning = &text.as_bytes()[..text.len().min(MAX_LINE + 1)];
    let head = memchr::memchr(b'\n', beginning).map_or("", |end| &text[..end]);
    if !text[..range.start - before.len()].ends_with('\n') {
        return false;
    }
    let sign = SIGNS.into_iter().find(|sign| head.contains(*sign)).filter(|sign| signs.contains(sign));
    let column = sign.and_then(|sign| head.split(sign).nth(before.matches(sign).count()));
    column.is_some_and(says_person)
}

/// What stands on the same line before `at`, as far as it matters.
fn line_before(text: &str, at: usize) -> &str {
    let near = &text[text.ceil_char_boundary(at.saturating_sub(MAX_LINE))..at];
    &near[near.rfind('\n').map_or(0, |end| end + 1)..]
}

/// Names, or parts of them, that fields for personal data have, in lower case.
pub(super) const FIELDS: [&str; 18] = [
    "personnr",
    "personnummer",
    "person_nr",
    "person_nummer",
    "personalnumber",
    "personal_number",
    "personalidentitynumber",
    "samordningsnummer",
    "civicno",
    "civicregistrationnumber",
    "civic_registration_number",
    "socialsecuritynumber",
    "social_security_number",
    "skyddadidentitet",
    "skyddad_identitet",
    "sekretessmarkering",
    "skyddadfolkbokforing",
    "nationalidentitynumber",
];

/// The field whose name holds one of [`FIELDS`]. A text for people may speak of them.
pub(super) fn field(piece: &Piece<'_>, word: &Range<usize>) -> Option<Hit> {
    let sentence = piece.style == Style::Value && piece.text.contains(' ') && !piece.text.contains(['=', '(', ';', '{']);
    if piece.style == Style::Prose || sentence {
        return None;
    }
    // Without digits: what a name ends in may be the number itself.
    let of_name = |c: char| c.is_alphabetic() || c == '_';
    let start =
        piece.text[..word.start].char_indices().rev().take(40).take_while(|(_, c)| of_name(*c)).last().map_or(word.start, |(at, _)| at);
    let end = piece.text[word.end..].char_indices().take(40).find(|(_, c)| !of_name(*c)).map_or(word.end, |(length, _)| word.end + length);
    let name: String = piece.text[start..end].chars().take(60).collect();
    Some(Hit::new(id::PERSONAL_DATA, start..end, format!("has a field `{name}`, but the manifest says `personal-data = \"none\"`")))
}

/// The address around an `@`.
pub(super) fn email(piece: &Piece<'_>, at: usize) -> Option<Hit> {
    let (range, whose) = email::address(piece.text, at)?;
    let line = line_before(piece.text, range.start);
    // A notice that the licence asks to keep.
    if line.to_lowercase().contains("copyright") {
        return None;
    }
    Some(match whose {
        Whose::Person => Hit::new(id::PERSONAL_EMAIL, range, "holds the e-mail address of a person"),
        Whose::Unknown => Hit::new(id::POSSIBLE_EMAIL, range, "holds an e-mail address that may be a person's"),
    })
}
