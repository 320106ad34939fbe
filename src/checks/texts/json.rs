//! JSON, as forgiving as its many readers: comments, stray commas, doubled keys, several values in one text.
//!
//! `formats::json` refuses what is ambiguous, since it writes. A scanner must see what any reader might.

use std::borrow::Cow;

use super::cursor::{Cursor, names_its_sibling};
use super::place::{Layer, Place, Step};
use super::{Style, Walk};

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
    let mut reader = Reader(Cursor::new(walk, text, layer));
    while !reader.0.lost {
        reader.blank(&place);
        if reader.0.at >= text.len() {
            return;
        }
        reader.value(&place);
    }
    reader.0.leave(&place);
}

struct Reader<'r, 'v>(Cursor<'r, 'v>);

impl<'r> Reader<'r, '_> {
    /// Passes over white space, commas and comments. What a comment says is given out.
    fn blank(&mut self, place: &Place<'_>) {
        loop {
            let rest = self.0.rest();
            match rest.as_bytes() {
                [b' ' | b'\t' | b'\n' | b'\r' | b',', ..] => self.0.at += 1,
                [b'/', b'/', ..] => self.0.give(rest.find('\n').unwrap_or(rest.len()), Style::Code, place),
                [b'/', b'*', ..] => self.0.give(rest.find("*/").map_or(rest.len(), |end| end + 2), Style::Code, place),
                _ => return,
            }
        }
    }

    fn value(&mut self, place: &Place<'_>) {
        match self.0.peek() {
            Some(open @ (b'{' | b'[')) if self.0.walk.depth < MAX_DEPTH => {
                self.0.walk.depth += 1;
                if open == b'{' {
                    self.object(place);
                } else {
                    self.array(place);
                }
                self.0.walk.depth -= 1;
            }
            Some(quote @ b'"') => {
                if let Some((text, way)) = self.0.quoted(quote) {
                    self.0.walk.string(&text, way, self.0.layer, place);
                }
            }
            Some(b'-' | b'0'..=b'9' | b'a'..=b'z' | b'A'..=b'Z') => self.word(place),
            _ => self.0.lost = true,
        }
    }

    /// A number, or one of the words that JSON has. Numbers are given out.
    fn word(&mut self, place: &Place<'_>) {
        let of_word = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'+' | b'.');
        let rest = self.0.rest();
        let length = rest.bytes().take_while(of_word).count();
        if matches!(&rest[..length], "true" | "false" | "null" | "NaN" | "Infinity") {
            self.0.at += length;
        } else if rest.starts_with(|c: char| c.is_ascii_alphabetic()) {
            self.0.lost = true;
        } else {
            self.0.give(length, Style::Value, place);
        }
    }

    fn object(&mut self, place: &Place<'_>) {
        self.0.at += 1;
        let mut sibling: Option<Cow<'r, str>> = None;
        loop {
            self.blank(place);
            match self.0.peek() {
                Some(b'}') => {
                    self.0.at += 1;
                    return;
                }
                Some(b'"') => {}
                None => return,
                _ => {
                    self.0.lost = true;
                    return;
                }
            }
            let Some((key, way)) = self.0.quoted(b'"') else { return };
            self.0.name(&key, way, place);
            self.blank(place);
            if self.0.peek() != Some(b':') {
                self.0.lost = self.0.peek().is_some();
                return;
            }
            self.0.at += 1;
            self.blank(place);
            if names_its_sibling(&key) {
                sibling = self.ahead().or(sibling);
            }
            let is_value = key.eq_ignore_ascii_case("value");
            let inner = place.then(Step::Key(&key, sibling.as_deref().filter(|_| is_value)));
            self.value(&inner);
            if self.0.lost {
                return;
            }
        }
    }

    /// The string that stands here, without passing over it.
    fn ahead(&mut self) -> Option<Cow<'r, str>> {
        self.0.ahead(|cursor| if cursor.peek() == Some(b'"') { cursor.quoted(b'"') } else { None }).map(|(text, _)| text)
    }

    fn array(&mut self, place: &Place<'_>) {
        self.0.at += 1;
        for index in 0.. {
            self.blank(place);
            match self.0.peek() {
                Some(b']') => {
                    self.0.at += 1;
                    return;
                }
                None => return,
                _ => self.value(&place.then(Step::Index(index))),
            }
            if self.0.lost {
                return;
            }
        }
    }
}
