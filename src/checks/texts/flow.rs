//! Flow collections of YAML: `{password: plain, 'key': "quoted"}`, `[a, {b: c}]`. JSON is a part of it.

use std::borrow::Cow;

use super::json::{MAX_DEPTH, unescape};
use super::place::{Decoder, Layer, Place, Step, Way};
use super::{Style, Walk, plain};

/// Whether a text of one line is a mapping in braces with plain keys, and nothing of a program.
pub(super) fn looks_like(text: &str) -> bool {
    let inner = text.trim_ascii().strip_prefix('{').and_then(|rest| rest.strip_suffix('}'));
    inner.is_some_and(|inner| {
        let key = inner.trim_ascii_start().split_once(": ").map(|(key, _)| key);
        let plain = key.is_some_and(|key| !key.is_empty() && key.chars().all(|c| c.is_alphanumeric() || matches!(c, '_' | '-' | '.')));
        plain && !inner.contains(['\n', ';', '(', '$'])
    })
}

/// Gives out every key, scalar and comment of a text that begins with a bracket.
pub(super) fn walk(walk: &mut Walk<'_>, text: &str, layer: &Layer<'_>, place: &Place<'_>) {
    let mut reader = Reader { walk, text, layer, at: 0, lost: false };
    reader.node(place);
    let at = reader.at;
    if at < text.len() {
        // From where it stopped to be a collection, it is plain text.
        plain::walk(walk, &text[at..], &Layer { up: Some(layer), way: Way::Part(at) }, place, Style::Code);
    }
}

/// Undoes the doubled quotes of a scalar in single ones.
pub(super) fn single(raw: &str, start: usize) -> (Cow<'_, str>, Way) {
    let mut decoder = Decoder::new(raw, start);
    for at in memchr::memmem::find_iter(raw.as_bytes(), b"''") {
        decoder.replace(at, at + 2, "'");
    }
    decoder.finish()
}

struct Reader<'r, 'v> {
    walk: &'r mut Walk<'v>,
    text: &'r str,
    layer: &'r Layer<'r>,
    at: usize,
    /// It is no collection from here on.
    lost: bool,
}

impl<'r> Reader<'r, '_> {
    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    /// Passes over white space and comments. What a comment says is given out.
    fn blank(&mut self, place: &Place<'_>) {
        loop {
            let rest = &self.text[self.at..];
            self.at += rest.len() - rest.trim_ascii_start().len();
            let behind_blank = self.text[..self.at].ends_with([' ', '\t', '\n']);
            if self.peek() != Some(b'#') || !behind_blank {
                return;
            }
            let rest = &self.text[self.at..];
            let length = rest.find('\n').unwrap_or(rest.len());
            self.walk.give(&rest[..length], Style::Prose, self.layer, self.at, place);
            self.at += length;
        }
    }

    fn node(&mut self, place: &Place<'_>) {
        match self.peek() {
            Some(b'{' | b'[') if self.walk.depth >= MAX_DEPTH => self.lost = true,
            Some(b'{') if !self.text[self.at..].starts_with("{{") => self.collection(b'}', place),
            Some(b'[') => self.collection(b']', place),
            _ => {
                if let Some((text, way)) = self.scalar() {
                    self.walk.string(&text, way, self.layer, place);
                }
            }
        }
    }

    fn collection(&mut self, close: u8, place: &Place<'_>) {
        self.at += 1;
        self.walk.depth += 1;
        let mut sibling: Option<Cow<'r, str>> = None;
        let mut index = 0;
        while !self.lost {
            self.blank(place);
            match self.peek() {
                None => break,
                Some(byte) if byte == close => {
                    self.at += 1;
                    break;
                }
                Some(b',') => {
                    self.at += 1;
                    index += 1;
                }
                Some(b'}' | b']') => self.lost = true,
                Some(_) if close == b']' => self.entry(&place.then(Step::Index(index)), &mut None),
                Some(_) => self.entry(place, &mut sibling),
            }
        }
        self.walk.depth -= 1;
    }

    /// A pair, or a node by itself.
    fn entry(&mut self, place: &Place<'_>, sibling: &mut Option<Cow<'r, str>>) {
        if self.text[self.at..].starts_with("? ") {
            self.at += 2;
            self.blank(place);
        }
        if matches!(self.peek(), Some(b'[')) || (self.peek() == Some(b'{') && !self.text[self.at..].starts_with("{{")) {
            return self.node(place);
        }
        let Some((key, way)) = self.scalar() else { return };
        self.blank(place);
        if self.peek() != Some(b':') {
            return self.walk.string(&key, way, self.layer, place);
        }
        self.at += 1;
        self.walk.give(&key, Style::Name, &Layer { up: Some(self.layer), way }, 0, place);
        self.blank(place);
        if matches!(self.peek(), None | Some(b',' | b'}' | b']')) {
            return;
        }
        if ["name", "key", "id"].iter().any(|name| key.eq_ignore_ascii_case(name)) {
            *sibling = self.ahead().or(sibling.take());
        }
        let is_value = key.eq_ignore_ascii_case("value");
        self.node(&place.then(Step::Key(&key, sibling.as_deref().filter(|_| is_value))));
    }

    /// The scalar that stands here, without passing over it.
    fn ahead(&mut self) -> Option<Cow<'r, str>> {
        let at = self.at;
        let scalar = if matches!(self.peek(), Some(b'{' | b'[')) { None } else { self.scalar() };
        (self.at, self.lost) = (at, false);
        scalar.map(|(text, _)| text)
    }

    /// Passes over anchors and tags, and a scalar.
    fn scalar(&mut self) -> Option<(Cow<'r, str>, Way)> {
        while matches!(self.peek(), Some(b'&' | b'!')) {
            let rest = &self.text[self.at..];
            let Some(length) = rest.find(|c: char| c.is_ascii_whitespace() || matches!(c, ',' | '}' | ']')) else { break };
            let blanks = rest[length..].len() - rest[length..].trim_ascii_start().len();
            if blanks == 0 {
                break;
            }
            self.at += length + blanks;
        }
        match self.peek()? {
            quote @ (b'"' | b'\'') => self.quoted(quote),
            _ => Some(self.plain()),
        }
    }

    /// A scalar in quotes. One that is not closed ends the collection.
    fn quoted(&mut self, quote: u8) -> Option<(Cow<'r, str>, Way)> {
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

    /// A scalar without quotes, up to what divides or closes. `{{name}}` of a template is a part of it.
    fn plain(&mut self) -> (Cow<'r, str>, Way) {
        let bytes = self.text.as_bytes();
        let start = self.at;
        let mut templates = 0_usize;
        while let Some(byte) = self.peek() {
            let next = bytes.get(self.at + 1);
            match byte {
                b'{' if next == Some(&b'{') => {
                    templates += 1;
                    self.at += 1;
                }
                b'}' if templates > 0 && next == Some(&b'}') => {
                    templates -= 1;
                    self.at += 1;
                }
                b',' | b']' | b'}' if templates == 0 => break,
                b':' if matches!(next, None | Some(b' ' | b'\t' | b'\n' | b'\r' | b',' | b'}' | b']')) => break,
                b'#' if self.at > start && bytes[self.at - 1].is_ascii_whitespace() => break,
                _ => {}
            }
            self.at += 1;
        }
        let text = self.text[start..self.at].trim_ascii_end();
        // A sign that begins nothing must not hold the reader up.
        if self.at == start && !matches!(self.peek(), Some(b',' | b':' | b'}' | b']')) {
            self.lost = true;
        }
        (Cow::Borrowed(text), Way::Part(start))
    }
}
