//! JSON, as forgiving as its many readers: comments, stray commas, doubled keys, several values in one text.
//!
//! `formats::json` refuses what is ambiguous, since it writes. A scanner must see what any reader might.

use std::borrow::Cow;

use super::place::{Decoder, Layer, Place, Step, Way};
use super::{Style, Walk, plain};

/// How deep arrays and objects may stand in each other, those around the string included; below, the text is plain.
pub(super) const MAX_DEPTH: usize = 200;

/// Whether the bytes after `{` or `[` could be of JSON. `{{`, `[section]` and blocks of code are not.
pub(super) fn may_follow(rest: &[u8]) -> bool {
    let rest = rest.trim_ascii_start();
    match rest.first() {
        Some(b'"' | b'[' | b']' | b'}' | b'-' | b'0'..=b'9') => true,
        Some(b'{') => may_follow(&rest[1..]),
        Some(b'/') => matches!(rest.get(1), Some(b'/' | b'*')),
        Some(b't' | b'f' | b'n') => [b"true" as &[u8], b"false", b"null"].iter().any(|word| rest.starts_with(word)),
        _ => false,
    }
}

/// Gives out every string, number, key and comment.
pub(super) fn walk(walk: &mut Walk<'_>, text: &str, layer: &Layer<'_>, place: &Place<'_>) {
    let place = place.then(Step::Inside);
    let mut reader = Reader { walk, text, layer, at: 0, lost: false };
    while !reader.lost {
        reader.blank(&place);
        if reader.at >= text.len() {
            return;
        }
        reader.value(&place);
    }
    // From where it stopped to be JSON, it is plain text.
    let at = reader.at;
    plain::walk(walk, &text[at..], &Layer { up: Some(layer), way: Way::Part(at) }, &place, Style::Code);
}

struct Reader<'r, 'v> {
    walk: &'r mut Walk<'v>,
    text: &'r str,
    layer: &'r Layer<'r>,
    at: usize,
    /// It is no JSON from here on.
    lost: bool,
}

/// A string as written, without its quotes.
struct Raw<'r> {
    text: &'r str,
    start: usize,
    escaped: bool,
}

impl<'r> Reader<'r, '_> {
    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    /// Passes over white space, commas and comments. What a comment says is given out.
    fn blank(&mut self, place: &Place<'_>) {
        let bytes = self.text.as_bytes();
        loop {
            match self.peek() {
                Some(b' ' | b'\t' | b'\n' | b'\r' | b',') => self.at += 1,
                Some(b'/') if matches!(bytes.get(self.at + 1), Some(b'/' | b'*')) => {
                    let line = bytes[self.at + 1] == b'/';
                    let rest = &self.text[self.at..];
                    let length = if line { rest.find('\n') } else { rest.find("*/").map(|end| end + 2) }.unwrap_or(rest.len());
                    self.walk.give(&rest[..length], Style::Code, self.layer, self.at, place);
                    self.at += length;
                }
                _ => return,
            }
        }
    }

    fn value(&mut self, place: &Place<'_>) {
        match self.peek() {
            Some(open @ (b'{' | b'[')) if self.walk.depth < MAX_DEPTH => {
                self.walk.depth += 1;
                if open == b'{' {
                    self.object(place);
                } else {
                    self.array(place);
                }
                self.walk.depth -= 1;
            }
            Some(b'"') => {
                if let Some(raw) = self.raw() {
                    self.give(&raw, place);
                }
            }
            Some(b'-' | b'0'..=b'9' | b'a'..=b'z' | b'A'..=b'Z') => {
                let word = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'+' | b'.');
                let length = self.text.as_bytes()[self.at..].iter().take_while(|byte| word(byte)).count();
                let token = &self.text[self.at..self.at + length];
                let known = matches!(token, "true" | "false" | "null" | "NaN" | "Infinity");
                if !known && token.starts_with(|c: char| c.is_ascii_alphabetic()) {
                    self.lost = true;
                    return;
                }
                if !known {
                    self.walk.give(token, Style::Value, self.layer, self.at, place);
                }
                self.at += length;
            }
            _ => self.lost = true,
        }
    }

    fn object(&mut self, place: &Place<'_>) {
        self.at += 1;
        let mut sibling: Option<Cow<'r, str>> = None;
        loop {
            self.blank(place);
            match self.peek() {
                Some(b'}') => {
                    self.at += 1;
                    return;
                }
                Some(b'"') => {}
                None => return,
                _ => {
                    self.lost = true;
                    return;
                }
            }
            let Some(raw) = self.raw() else { return };
            let (key, way) = decode(&raw);
            self.walk.give(&key, Style::Name, &Layer { up: Some(self.layer), way }, 0, place);
            self.blank(place);
            if self.peek() != Some(b':') {
                self.lost = self.peek().is_some();
                return;
            }
            self.at += 1;
            self.blank(place);
            if ["name", "key", "id"].iter().any(|name| key.eq_ignore_ascii_case(name)) {
                sibling = self.ahead().or(sibling);
            }
            let is_value = key.eq_ignore_ascii_case("value");
            let inner = place.then(Step::Key(&key, sibling.as_deref().filter(|_| is_value)));
            self.value(&inner);
            if self.lost {
                return;
            }
        }
    }

    /// The string that stands here, without passing over it.
    fn ahead(&mut self) -> Option<Cow<'r, str>> {
        let at = self.at;
        let raw = if self.peek() == Some(b'"') { self.raw() } else { None };
        self.at = at;
        self.lost = false;
        raw.map(|raw| decode(&raw).0)
    }

    fn array(&mut self, place: &Place<'_>) {
        self.at += 1;
        for index in 0.. {
            self.blank(place);
            match self.peek() {
                Some(b']') => {
                    self.at += 1;
                    return;
                }
                None => return,
                _ => self.value(&place.then(Step::Index(index))),
            }
            if self.lost {
                return;
            }
        }
    }

    /// Passes over a string. One that is not closed ends the structure.
    fn raw(&mut self) -> Option<Raw<'r>> {
        let start = self.at + 1;
        let bytes = self.text.as_bytes();
        let mut at = start;
        let mut escaped = false;
        while let Some(found) = memchr::memchr2(b'"', b'\\', bytes.get(at..).unwrap_or_default()) {
            at += found;
            if bytes[at] == b'"' {
                self.at = at + 1;
                return Some(Raw { text: &self.text[start..at], start, escaped });
            }
            escaped = true;
            at += 2;
        }
        self.lost = true;
        None
    }

    fn give(&mut self, raw: &Raw<'_>, place: &Place<'_>) {
        if raw.escaped {
            let (text, way) = decode(raw);
            self.walk.string(&text, way, self.layer, place);
        } else {
            self.walk.string(raw.text, Way::Part(raw.start), self.layer, place);
        }
    }
}

fn decode<'r>(raw: &Raw<'r>) -> (Cow<'r, str>, Way) {
    if raw.escaped { unescape(raw.text, raw.start) } else { (Cow::Borrowed(raw.text), Way::Part(raw.start)) }
}

/// Decodes what a backslash begins. What is no escape stays.
pub(super) fn unescape(raw: &str, start: usize) -> (Cow<'_, str>, Way) {
    let mut decoder = Decoder::new(raw, start);
    let mut at = 0;
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
