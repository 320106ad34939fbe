//! Every text that a file holds, at any depth: JSON in strings of JSON, in XML, in YAML, in string literals of code.
//!
//! Rules want to read what a person or a program would read, and to say where it stands in the file. The readers here
//! never fail: a file that breaks its own format is no reason to look away, so what one cannot read as structure is
//! given out as plain text. What a reader gives out are [`Piece`]s, each once.

mod cursor;
mod flow;
mod json;
mod place;
mod plain;
mod xml;
mod yaml;

use std::borrow::Cow;
use std::ops::Range;

use place::{Layer, Place, Step, Way};

/// How many texts may stand in each other.
const MAX_NESTING: usize = 24;

/// What kind of text a piece is: how much a rule may read into it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Style {
    /// A value that stands by itself.
    Value,
    /// A name: of a member, an element, an attribute.
    Name,
    /// Lines of `name = value`, without quotes around values.
    Settings,
    /// A program, where literals have quotes.
    Code,
    /// For people.
    Prose,
}

/// A stretch of text.
pub(super) struct Piece<'a> {
    pub(super) text: &'a str,
    pub(super) style: Style,
    place: &'a Place<'a>,
    layer: &'a Layer<'a>,
    /// Where it begins in the text of its layer.
    start: usize,
}

impl Piece<'_> {
    /// The name that tells what the text is for: the key around it, the element.
    pub(super) fn name(&self) -> Option<&str> {
        match self.style {
            Style::Name => None,
            _ => self.place.name(),
        }
    }

    /// Where a part of the text stands in the file.
    pub(super) fn outermost(&self, range: &Range<usize>) -> Range<usize> {
        self.layer.outermost(&(range.start + self.start..range.end + self.start))
    }

    /// The way to it inside a structured file.
    pub(super) fn pointer(&self) -> Option<String> {
        self.place.pointer()
    }
}

/// The text of a file, where it is one: UTF-8, UTF-16 with its mark, or single bytes without a NUL among them.
pub(super) fn text_of(bytes: &[u8]) -> Option<Cow<'_, str>> {
    let wide = |from: fn([u8; 2]) -> u16| {
        let units: Vec<u16> = bytes[2..].chunks_exact(2).map(|pair| from([pair[0], pair[1]])).collect();
        String::from_utf16_lossy(&units)
    };
    match bytes {
        [0xff, 0xfe, ..] => return Some(Cow::Owned(wide(u16::from_le_bytes))),
        [0xfe, 0xff, ..] => return Some(Cow::Owned(wide(u16::from_be_bytes))),
        _ => {}
    }
    let nuls = memchr::memchr_iter(0, bytes).count();
    if nuls * 5 > bytes.len() * 2 && bytes.len().is_multiple_of(2) && bytes.chunks_exact(2).all(|pair| pair[0] != 0) {
        let units: Vec<u16> = bytes.chunks_exact(2).map(|pair| u16::from_le_bytes([pair[0], pair[1]])).collect();
        return Some(Cow::Owned(String::from_utf16_lossy(&units)));
    }
    // A stray NUL does not make a log file a picture.
    if nuls * 100 > bytes.len() {
        return None;
    }
    match std::str::from_utf8(bytes) {
        Ok(text) => Some(Cow::Borrowed(text)),
        // Each byte is a character of Latin-1: the letters of older Windows files come out right, and all else is ASCII.
        Err(_) if is_single_byte_text(bytes) => Some(Cow::Owned(bytes.iter().map(|&byte| char::from(byte)).collect())),
        Err(_) => None,
    }
}

/// Whether bytes that are no UTF-8 are text all the same: hardly a control character, and mostly ASCII.
fn is_single_byte_text(bytes: &[u8]) -> bool {
    let control = bytes.iter().filter(|byte| matches!(byte, 0..=8 | 14..=26 | 28..=31 | 127)).count();
    let high = bytes.iter().filter(|byte| **byte >= 0x80).count();
    control * 100 <= bytes.len() && high * 3 < bytes.len()
}

/// Gives out every piece of the text of the file at `path`.
pub(super) fn walk(path: &str, text: &str, visit: &mut dyn FnMut(&Piece<'_>)) {
    let start = if text.starts_with('\u{feff}') { '\u{feff}'.len_utf8() } else { 0 };
    let layer = Layer { up: None, way: Way::Part(start) };
    let mut walk = Walk { visit, nesting: 0, depth: 0 };
    let text = &text[start..];
    let file = path.rsplit('/').next().unwrap_or(path);
    let ending = file.rsplit_once('.').map_or("", |(_, ending)| ending).to_ascii_lowercase();
    let place = Place::whole();
    match ending.as_str() {
        "md" | "markdown" | "txt" | "adoc" | "rst" => plain::walk(&mut walk, text, &layer, &place, Style::Prose),
        "env" | "ini" | "properties" | "toml" | "cfg" | "conf" | "reg" | "tfvars" | "http" | "rest" => {
            plain::walk(&mut walk, text, &layer, &place, Style::Settings);
        }
        "yaml" | "yml" => yaml::walk(&mut walk, text, &layer, &place, yaml::Pointers::Lead),
        "cs" | "js" | "ts" | "py" | "ps1" | "psm1" | "java" | "sql" | "sh" | "csv" | "tsv" | "groovy" | "kt" | "go" | "rs" | "php" => {
            plain::walk(&mut walk, text, &layer, &place, Style::Code);
        }
        _ if file.starts_with('.') && Look::at(text) == Look::Plain => plain::walk(&mut walk, text, &layer, &place, Style::Settings),
        "" if matches!(file, "credentials" | "config" | "netrc") => plain::walk(&mut walk, text, &layer, &place, Style::Settings),
        _ => walk.enter(text, &layer, &place, Style::Code),
    }
}

/// What all readers share.
struct Walk<'v> {
    visit: &'v mut dyn FnMut(&Piece<'_>),
    /// How many texts stand around this one.
    nesting: usize,
    /// How many arrays and objects stand around this place, in all texts.
    depth: usize,
}

impl Walk<'_> {
    fn give(&mut self, text: &str, style: Style, layer: &Layer<'_>, start: usize, place: &Place<'_>) {
        if !text.is_empty() {
            (self.visit)(&Piece { text, style, place, layer, start });
        }
    }

    /// Reads a text as what it looks like.
    fn enter(&mut self, text: &str, layer: &Layer<'_>, place: &Place<'_>, otherwise: Style) {
        if self.nesting >= MAX_NESTING {
            return self.give(text, otherwise, layer, 0, place);
        }
        self.nesting += 1;
        match Look::at(text) {
            Look::Json => json::walk(self, text, layer, place),
            Look::Xml => xml::walk(self, text, layer, place),
            Look::Yaml => {
                let outermost = layer.up.is_none();
                yaml::walk(self, text, layer, place, if outermost { yaml::Pointers::Lead } else { yaml::Pointers::Stop });
            }
            Look::Flow => flow::walk(self, text, layer, &place.then(Step::Name(""))),
            Look::Plain => plain::walk(self, text, layer, place, otherwise),
        }
        self.nesting -= 1;
    }

    /// Reads the content of a string that stands at `start` in the text of `layer`, with `way` leading there.
    fn string(&mut self, text: &str, way: Way, layer: &Layer<'_>, place: &Place<'_>) {
        // Most strings are short and hold nothing but themselves.
        if let (Way::Part(start), 0..8) = (&way, text.len()) {
            return self.give(text, Style::Value, layer, *start, place);
        }
        self.enter(text, &Layer { up: Some(layer), way }, place, Style::Value);
    }
}

/// What a text looks like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Look {
    Json,
    Xml,
    Yaml,
    /// A mapping in braces, with plain keys.
    Flow,
    Plain,
}

impl Look {
    fn at(text: &str) -> Self {
        let trimmed = without_comments(text);
        match trimmed.as_bytes() {
            [b'{' | b'[', rest @ ..] if json::may_follow(rest) => Self::Json,
            [b'{', ..] if flow::looks_like(trimmed) => Self::Flow,
            // A string that is a string again.
            [b'"', .., b'"'] if trimmed.len() > 8 && trimmed[1..].contains("\\\"") => Self::Json,
            [b'<', b'a'..=b'z' | b'A'..=b'Z' | b'?' | b'!', ..] => Self::Xml,
            _ if yaml::looks_like(trimmed) => Self::Yaml,
            _ => Self::Plain,
        }
    }
}

/// The text from behind the comments that a settings file in JSON begins with.
fn without_comments(text: &str) -> &str {
    let mut rest = text.trim_ascii_start();
    loop {
        let behind = match rest.as_bytes() {
            [b'/', b'/', ..] => rest.find('\n').map(|end| end + 1),
            [b'/', b'*', ..] => rest.find("*/").map(|end| end + 2),
            _ => None,
        };
        let Some(behind) = behind else { return rest };
        rest = rest[behind..].trim_ascii_start();
    }
}

#[cfg(test)]
mod tests;
