//! Personal data that stands in the files: identity numbers and addresses of persons (rules
//! `personal-identity-number`, `possible-identity-number`, `test-identity-number`, `personal-email`, `possible-email`).

mod email;
mod numbers;

use std::ops::Range;

use self::email::Whose;
use self::numbers::{Number, numbers, says_person};
use super::contents::Hit;
use super::rules::id;
use super::texts::Piece;

/// How far before ten bare digits a word may stand that says what they are, in bytes.
const NEAR: usize = 60;

/// The identity numbers in a piece.
pub(super) fn identity_numbers(piece: &Piece<'_>, found: &mut dyn FnMut(Hit)) {
    let text = piece.text;
    numbers(text, &mut |range, number| {
        let number = if number == Number::Possible && is_named(piece, &range) { Number::Personal } else { number };
        let (rule, message) = match number {
            Number::Personal => (id::PERSONAL_IDENTITY_NUMBER, "holds a personal identity number"),
            Number::Possible => (id::POSSIBLE_IDENTITY_NUMBER, "holds ten digits that may be a personal identity number"),
            Number::Test => (id::TEST_IDENTITY_NUMBER, "holds an official test number of Skatteverket"),
        };
        found(Hit::new(rule, range, message));
    });
}

/// Whether a name, a word before it or the head of its column says that the number is a person's.
fn is_named(piece: &Piece<'_>, range: &Range<usize>) -> bool {
    if piece.name().is_some_and(says_person) {
        return true;
    }
    let text = piece.text;
    let line_start = text[..range.start].rfind('\n').map_or(0, |at| at + 1);
    let near = range.start.saturating_sub(NEAR).max(line_start);
    let near = (near..=range.start).find(|at| text.is_char_boundary(*at)).unwrap_or(range.start);
    if says_person(&text[near..range.start]) {
        return true;
    }
    // A table: the head of the same column.
    let (head, before) = (text.lines().next().unwrap_or_default(), &text[line_start..range.start]);
    let sign = [';', '\t', ',', '|'].into_iter().find(|sign| head.contains(*sign));
    let column = sign.and_then(|sign| head.split(sign).nth(before.matches(sign).count()));
    line_start > 0 && column.is_some_and(says_person)
}

/// The address around an `@`.
pub(super) fn email(piece: &Piece<'_>, at: usize) -> Option<Hit> {
    let (range, whose) = email::address(piece.text, at)?;
    Some(match whose {
        Whose::Person => Hit::new(id::PERSONAL_EMAIL, range, "holds the e-mail address of a person"),
        Whose::Unknown => Hit::new(id::POSSIBLE_EMAIL, range, "holds an e-mail address that may be a person's"),
    })
}
