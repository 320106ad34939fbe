//! Flow collections of YAML: `{password: plain, 'key': "quoted"}`, `[a, {b: c}]`. JSON is a part of it.

use std::borrow::Cow;

use super::cursor::{Cursor, names_its_sibling};
use super::json::MAX_DEPTH;
use super::place::{Layer, Place, Step, Way};
use super::{Style, Walk};

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
    let mut reader = Reader(Cursor::new(walk, text, layer));
    reader.node(place);
    reader.0.leave(place);
}

struct Reader<'r, 'v>(Cursor<'r, 'v>);

impl<'r> Reader<'r, '_> {
    /// Passes over white space and comments. What a comment says is given out.
    fn blank(&mut self, place: &Place<'_>) {
        loop {
            self.0.blanks();
            let behind_blank = self.0.text[..self.0.at].ends_with([' ', '\t', '\n']);
            if self.0.peek() != Some(b'#') || !behind_blank {
                return;
            }
            let rest = self.0.rest();
            self.0.give(rest.find('\n').unwrap_or(rest.len()), Style::Prose, place);
        }
    }

    /// Whether an array or a mapping begins here, and no template.
    fn opens(&self) -> bool {
        match self.0.peek() {
            Some(b'[') => true,
            Some(b'{') => !self.0.rest().starts_with("{{"),
            _ => false,
        }
    }

    fn node(&mut self, place: &Place<'_>) {
        match self.0.peek() {
            Some(b'{' | b'[') if self.0.walk.depth >= MAX_DEPTH => self.0.lost = true,
            Some(open) if self.opens() => self.collection(if open == b'[' { b']' } else { b'}' }, place),
            _ => {
                if let Some((text, way)) = scalar(&mut self.0) {
                    self.0.walk.string(&text, way, self.0.layer, place);
                }
            }
        }
    }

    fn collection(&mut self, close: u8, place: &Place<'_>) {
        self.0.at += 1;
        self.0.walk.depth += 1;
        let mut sibling: Option<Cow<'r, str>> = None;
        let mut index = 0;
        while !self.0.lost {
            self.blank(place);
            match self.0.peek() {
                None => break,
                Some(byte) if byte == close => {
                    self.0.at += 1;
                    break;
                }
                Some(b',') => {
                    self.0.at += 1;
                    index += 1;
                }
                Some(b'}' | b']') => self.0.lost = true,
                Some(_) if close == b']' => self.entry(&place.then(Step::Index(index)), &mut None),
                Some(_) => self.entry(place, &mut sibling),
            }
        }
        self.0.walk.depth -= 1;
    }

    /// A pair, or a node by itself.
    fn entry(&mut self, place: &Place<'_>, sibling: &mut Option<Cow<'r, str>>) {
        if self.0.rest().starts_with("? ") {
            self.0.at += 2;
            self.blank(place);
        }
        if self.opens() {
            return self.node(place);
        }
        let Some((key, way)) = scalar(&mut self.0) else { return };
        self.blank(place);
        if self.0.peek() != Some(b':') {
            return self.0.walk.string(&key, way, self.0.layer, place);
        }
        self.0.at += 1;
        self.0.name(&key, way, place);
        self.blank(place);
        if matches!(self.0.peek(), None | Some(b',' | b'}' | b']')) {
            return;
        }
        if names_its_sibling(&key) {
            *sibling = self.ahead().or(sibling.take());
        }
        let is_value = key.eq_ignore_ascii_case("value");
        self.node(&place.then(Step::Key(&key, sibling.as_deref().filter(|_| is_value))));
    }

    /// The scalar that stands here, without passing over it.
    fn ahead(&mut self) -> Option<Cow<'r, str>> {
        if matches!(self.0.peek(), Some(b'{' | b'[')) {
            return None;
        }
        self.0.ahead(scalar).map(|(text, _)| text)
    }
}

/// Passes over anchors and tags, and a scalar.
fn scalar<'r>(cursor: &mut Cursor<'r, '_>) -> Option<(Cow<'r, str>, Way)> {
    while matches!(cursor.peek(), Some(b'&' | b'!')) {
        let rest = cursor.rest();
        let Some(length) = rest.find(|c: char| c.is_ascii_whitespace() || matches!(c, ',' | '}' | ']')) else { break };
        let blanks = rest[length..].len() - rest[length..].trim_ascii_start().len();
        if blanks == 0 {
            break;
        }
        cursor.at += length + blanks;
    }
    match cursor.peek()? {
        quote @ (b'"' | b'\'') => cursor.quoted(quote),
        _ => Some(plain(cursor)),
    }
}

/// A scalar without quotes, up to what divides or closes. `{{name}}` of a template is a part of it.
fn plain<'r>(cursor: &mut Cursor<'r, '_>) -> (Cow<'r, str>, Way) {
    let bytes = cursor.text.as_bytes();
    let start = cursor.at;
    let mut templates = 0_usize;
    while let Some(byte) = cursor.peek() {
        let next = bytes.get(cursor.at + 1);
        match byte {
            b'{' if next == Some(&b'{') => {
                templates += 1;
                cursor.at += 1;
            }
            b'}' if templates > 0 && next == Some(&b'}') => {
                templates -= 1;
                cursor.at += 1;
            }
            b',' | b']' | b'}' if templates == 0 => break,
            b':' if matches!(next, None | Some(b' ' | b'\t' | b'\n' | b'\r' | b',' | b'}' | b']')) => break,
            b'#' if cursor.at > start && bytes[cursor.at - 1].is_ascii_whitespace() => break,
            _ => {}
        }
        cursor.at += 1;
    }
    let text = cursor.text[start..cursor.at].trim_ascii_end();
    // A sign that begins nothing must not hold the reader up.
    if cursor.at == start && !matches!(cursor.peek(), Some(b',' | b':' | b'}' | b']')) {
        cursor.lost = true;
    }
    (Cow::Borrowed(text), Way::Part(start))
}
