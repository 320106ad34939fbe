//! Where a reader of JSON, or of a flow collection of YAML, has come to in its text.

use std::borrow::Cow;

use super::place::{Decoder, Layer, Place, Way};
use super::{Style, Walk, plain};

/// A text that is read from its beginning.
pub(super) struct Cursor<'r, 'v> {
    pub(super) walk: &'r mut Walk<'v>,
    pub(super) text: &'r str,
    pub(super) layer: &'r Layer<'r>,
    pub(super) at: usize,
    /// From here on it is not what the reader takes it for.
    pub(super) lost: bool,
}

impl<'r, 'v> Cursor<'r, 'v> {
    pub(super) const fn new(walk: &'r mut Walk<'v>, text: &'r str, layer: &'r Layer<'r>) -> Self {
        Self { walk, text, layer, at: 0, lost: false }
    }

    /// The next byte.
    pub(super) fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    /// What is still to be read.
    pub(super) fn rest(&self) -> &'r str {
        &self.text[self.at..]
    }

    /// Passes over white space.
    pub(super) fn blanks(&mut self) {
        self.at = self.text.len() - self.rest().trim_ascii_start().len();
    }

    /// Gives out what stands here, and passes over it.
    pub(super) fn give(&mut self, length: usize, style: Style, place: &Place<'_>) {
        self.walk.give(&self.text[self.at..self.at + length], style, self.layer, self.at, place);
        self.at += length;
    }

    /// Gives out a name as it was read.
    pub(super) fn name(&mut self, name: &str, way: Way, place: &Place<'_>) {
        self.walk.give(name, Style::Name, &Layer { up: Some(self.layer), way }, 0, place);
    }

    /// Passes over a string in quotes. One that is not closed ends the structure.
    pub(super) fn quoted(&mut self, quote: u8) -> Option<(Cow<'r, str>, Way)> {
        let bytes = self.text.as_bytes();
        let start = self.at + 1;
        let mut at = start;
        while let Some(found) = memchr::memchr2(quote, b'\\', bytes.get(at..).unwrap_or_default()) {
            at += found;
            match (bytes[at], bytes.get(at + 1)) {
                (b'\\', _) => at += if quote == b'"' { 2 } else { 1 },
                (b'\'', Some(b'\'')) => at += 2,
                _ => {
                    self.at = at + 1;
                    let raw = &self.text[start..at];
                    return Some(if quote == b'"' { unescape(raw, start) } else { single(raw, start) });
                }
            }
        }
        self.lost = true;
        None
    }

    /// What stands here, without passing over it.
    pub(super) fn ahead<T>(&mut self, read: impl FnOnce(&mut Self) -> Option<T>) -> Option<T> {
        let at = self.at;
        let found = read(self);
        (self.at, self.lost) = (at, false);
        found
    }

    /// From where it stopped to be what the reader took it for, it is plain text.
    pub(super) fn leave(self, place: &Place<'_>) {
        if self.at < self.text.len() {
            plain::walk(self.walk, self.rest(), &Layer { up: Some(self.layer), way: Way::Part(self.at) }, place, Style::Code);
        }
    }
}

/// Whether a key says what the value beside it is called: `{"name": "password", "value": "…"}`.
pub(super) fn names_its_sibling(key: &str) -> bool {
    ["name", "key", "id"].iter().any(|name| key.eq_ignore_ascii_case(name))
}

/// Undoes the doubled quotes of a scalar in single ones.
pub(super) fn single(raw: &str, start: usize) -> (Cow<'_, str>, Way) {
    let mut decoder = Decoder::new(raw, start);
    for at in memchr::memmem::find_iter(raw.as_bytes(), b"''") {
        decoder.replace(at, at + 2, "'");
    }
    decoder.finish()
}

/// Decodes what a backslash begins. What is no escape stays.
pub(super) fn unescape(raw: &str, start: usize) -> (Cow<'_, str>, Way) {
    let Some(first) = memchr::memchr(b'\\', raw.as_bytes()) else { return (Cow::Borrowed(raw), Way::Part(start)) };
    let mut decoder = Decoder::new(raw, start);
    let mut at = first;
    while let Some(found) = memchr::memchr(b'\\', &raw.as_bytes()[at..]) {
        at += found;
        let (instead, length) = escape(&raw[at..]);
        if let Some(character) = instead {
            decoder.replace(at, at + length, character.encode_utf8(&mut [0; 4]));
        }
        at = (at + length).min(raw.len());
    }
    decoder.finish()
}

/// The character that an escape stands for, and the escape's length.
fn escape(text: &str) -> (Option<char>, usize) {
    let hex = |from: usize, digits: usize| u32::from_str_radix(text.get(from..from + digits)?, 16).ok();
    match text.as_bytes().get(1) {
        Some(b'n') => (Some('\n'), 2),
        Some(b'r') => (Some('\r'), 2),
        Some(b't') => (Some('\t'), 2),
        Some(b'b' | b'f' | b'0') => (Some(' '), 2),
        Some(byte @ (b'"' | b'\\' | b'/' | b'\'')) => (Some(char::from(*byte)), 2),
        Some(b'x') => hex(2, 2).and_then(char::from_u32).map_or((None, 2), |character| (Some(character), 4)),
        Some(b'u') => match hex(2, 4) {
            Some(first @ 0xd800..=0xdbff) if text[6..].starts_with("\\u") => {
                let pair = hex(8, 4).filter(|second| (0xdc00..=0xdfff).contains(second));
                let character = pair.and_then(|second| char::from_u32(0x1_0000 + ((first - 0xd800) << 10) + (second - 0xdc00)));
                (Some(character.unwrap_or(char::REPLACEMENT_CHARACTER)), if pair.is_some() { 12 } else { 6 })
            }
            Some(unit) => (Some(char::from_u32(unit).unwrap_or(char::REPLACEMENT_CHARACTER)), 6),
            None => (None, 2),
        },
        // One byte of a longer character must not be cut.
        _ => (None, 1),
    }
}
