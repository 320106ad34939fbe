//! XML and HTML, as forgiving: what stands between tags, in attributes, in comments and in CDATA, with entities decoded.
//!
//! No pointer leads into it; the line does.

use std::borrow::Cow;
use std::ops::Range;

use super::Walk;
use super::place::{Decoder, Layer, Place, Step, Way};

/// Gives out every text, attribute and comment.
pub(super) fn walk(walk: &mut Walk<'_>, text: &str, layer: &Layer<'_>, place: &Place<'_>) {
    let mut reader = Reader { walk, text, layer, at: 0, element: "".into(), named: "".into() };
    while reader.at < text.len() {
        let next = next_tag(text, reader.at);
        reader.content(reader.at..next.unwrap_or(text.len()), place);
        let Some(tag) = next else { return };
        reader.at = tag;
        reader.tag(place);
    }
}

/// Where the next tag, comment or CDATA begins; a lone `<` is text.
fn next_tag(text: &str, from: usize) -> Option<usize> {
    let bytes = text.as_bytes();
    memchr::memchr_iter(b'<', &bytes[from..])
        .map(|at| from + at)
        .find(|at| matches!(bytes.get(at + 1), Some(b'a'..=b'z' | b'A'..=b'Z' | b'_' | b'/' | b'!' | b'?')))
}

struct Reader<'r, 'v> {
    walk: &'r mut Walk<'v>,
    text: &'r str,
    layer: &'r Layer<'r>,
    at: usize,
    /// What the text that follows is called: the element around it.
    element: Cow<'r, str>,
    /// What `name` or `key` of an element before it said: `<setting name="…"><value>`, `<key>…</key><string>`,
    /// `<name>…</name><value>`.
    named: Cow<'r, str>,
}

impl<'r> Reader<'r, '_> {
    /// Text between tags.
    fn content(&mut self, range: Range<usize>, place: &Place<'_>) {
        let raw = &self.text[range.clone()];
        let trimmed = raw.trim();
        if trimmed.is_empty() {
            return;
        }
        let start = range.start + (raw.len() - raw.trim_start().len());
        let is = |names: &[&str]| names.iter().any(|name| self.element.eq_ignore_ascii_case(name));
        let names = is(&["key", "name", "param-name"]);
        let name = if is(&["value", "string", "param-value"]) { self.named.clone() } else { self.element.clone() };
        self.decoded(trimmed, start, &name, place);
        if names {
            self.named = unescape(trimmed, start).0;
        }
    }

    fn decoded(&mut self, raw: &str, start: usize, name: &str, place: &Place<'_>) {
        let (text, way) = unescape(raw, start);
        if name.is_empty() {
            self.walk.string(&text, way, self.layer, place);
        } else {
            self.walk.string(&text, way, self.layer, &place.then(Step::Name(name)));
        }
    }

    /// Passes over what begins with `<`.
    fn tag(&mut self, place: &Place<'_>) {
        let rest = &self.text[self.at..];
        for (open, close) in [("<!--", "-->"), ("<![CDATA[", "]]>")] {
            if let Some(inner) = rest.strip_prefix(open) {
                let length = inner.find(close).unwrap_or(inner.len());
                let start = self.at + open.len();
                let name = if open == "<!--" { "".into() } else { self.element.clone() };
                self.walk.string(&inner[..length], Way::Part(start), self.layer, &place.then(Step::Name(&name)));
                self.at = (start + length + close.len()).min(self.text.len());
                return;
            }
        }
        if rest.starts_with("</") {
            self.at += rest.find('>').map_or(rest.len(), |end| end + 1);
            self.element = "".into();
            return;
        }
        let declares = rest[1..].starts_with(['?', '!']);
        let start = usize::from(declares) + 1;
        let length = rest[start..].find(|c: char| c.is_whitespace() || matches!(c, '>' | '/')).unwrap_or(rest.len() - start);
        let element = local(&rest[start..start + length]);
        self.at += start + length;
        let named = self.attributes(place);
        if !declares {
            self.element = named.clone().unwrap_or(Cow::Borrowed(element));
        }
        self.named = named.unwrap_or_else(|| std::mem::take(&mut self.named));
    }

    /// Gives out the attributes. What `name` or `key` says is what the content is called.
    fn attributes(&mut self, place: &Place<'_>) -> Option<Cow<'r, str>> {
        let mut sibling: Option<Cow<'r, str>> = None;
        loop {
            let rest = &self.text[self.at..];
            let skipped = rest.len() - rest.trim_start_matches(|c: char| c.is_whitespace() || matches!(c, '/' | '?')).len();
            self.at += skipped;
            let rest = &self.text[self.at..];
            let Some(first) = rest.chars().next() else { return sibling };
            if first == '>' {
                self.at += 1;
                return sibling;
            }
            let length = rest.find(|c: char| c.is_whitespace() || matches!(c, '=' | '>' | '/')).unwrap_or(rest.len()).max(first.len_utf8());
            let name = &rest[..length];
            self.at += length;
            let Some((raw, start)) = self.attribute_value() else { continue };
            if ["key", "name"].iter().any(|key| local(name).eq_ignore_ascii_case(key)) {
                sibling = Some(unescape(raw, start).0);
            }
            let named = sibling.as_deref().filter(|_| local(name).eq_ignore_ascii_case("value"));
            let name = named.map_or_else(|| local(name).to_owned(), str::to_owned);
            self.decoded(raw, start, &name, place);
        }
    }

    fn attribute_value(&mut self) -> Option<(&'r str, usize)> {
        let rest = &self.text[self.at..];
        let after = rest.trim_start().strip_prefix('=')?.trim_start();
        let start = self.at + (rest.len() - after.len());
        let quote = after.chars().next().filter(|c| matches!(c, '"' | '\''));
        let (start, value) = match quote {
            Some(quote) => (start + 1, after[1..].split(quote).next().unwrap_or_default()),
            None => (start, after.split(|c: char| c.is_whitespace() || c == '>').next().unwrap_or_default()),
        };
        self.at = (start + value.len() + usize::from(quote.is_some())).min(self.text.len());
        Some((value, start))
    }
}

/// The name without its namespace.
fn local(name: &str) -> &str {
    name.rsplit_once(':').map_or(name, |(_, local)| local)
}

/// Decodes the five entities of XML and character references. What is none stays.
fn unescape(raw: &str, start: usize) -> (Cow<'_, str>, Way) {
    let mut decoder = Decoder::new(raw, start);
    for at in memchr::memchr_iter(b'&', raw.as_bytes()) {
        let Some(length) = raw.as_bytes()[at..].iter().take(12).position(|byte| *byte == b';') else { continue };
        let Some(name) = raw.get(at + 1..at + length) else { continue };
        let character = match name {
            "lt" => Some('<'),
            "gt" => Some('>'),
            "amp" => Some('&'),
            "quot" => Some('"'),
            "apos" => Some('\''),
            "nbsp" => Some('\u{a0}'),
            _ => name.strip_prefix('#').and_then(|number| {
                let code = number.strip_prefix(['x', 'X']).map_or_else(|| number.parse().ok(), |hex| u32::from_str_radix(hex, 16).ok());
                code.and_then(char::from_u32)
            }),
        };
        if let Some(character) = character {
            decoder.replace(at, at + length + 1, character.encode_utf8(&mut [0; 4]));
        }
    }
    decoder.finish()
}
