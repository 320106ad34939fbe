//! RFC 8259 from text to nodes. Strict: what one reader of JSON takes and another does not is refused here.

use std::collections::HashSet;

use super::{Content, Document, InvalidJson, Kind, MAX_DEPTH, Member, Node, NodeId, text};

/// Reads one document.
pub(super) fn document(text: String) -> Result<Document, InvalidJson> {
    let start = if text.starts_with('\u{feff}') { '\u{feff}'.len_utf8() } else { 0 };
    let mut parser = Parser { text: &text, at: start, nodes: Vec::new() };
    parser.white_space();
    let root = parser.value(0)?;
    parser.white_space();
    if parser.at < text.len() {
        return Err(parser.invalid("something follows the value"));
    }
    let nodes = parser.nodes;
    Ok(Document { text, nodes, root })
}

/// An error at the byte offset `at` of `text`.
pub(super) fn invalid_at(text: &str, at: usize, rule: impl Into<String>) -> InvalidJson {
    let before = text[..at].trim_start_matches('\u{feff}');
    let line = before.matches('\n').count() + 1;
    let column = before.rsplit('\n').next().unwrap_or(before).chars().count() + 1;
    InvalidJson { line, column, rule: rule.into() }
}

struct Parser<'a> {
    text: &'a str,
    at: usize,
    nodes: Vec<Node>,
}

impl Parser<'_> {
    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn take(&mut self, byte: u8) -> bool {
        let found = self.peek() == Some(byte);
        self.at += usize::from(found);
        found
    }

    fn white_space(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    fn invalid(&self, rule: impl Into<String>) -> InvalidJson {
        invalid_at(self.text, self.at, rule)
    }

    fn add(&mut self, start: usize, content: Content) -> NodeId {
        self.nodes.push(Node { span: start..self.at, content });
        NodeId(self.nodes.len() - 1)
    }

    fn value(&mut self, depth: usize) -> Result<NodeId, InvalidJson> {
        let start = self.at;
        let content = match self.peek() {
            Some(b'{' | b'[') if depth == MAX_DEPTH => return Err(self.invalid(format!("nested deeper than {MAX_DEPTH} levels"))),
            Some(b'{') => Content::Object(self.object(depth)?),
            Some(b'[') => Content::Array(self.array(depth)?),
            Some(b'"') => {
                self.string()?;
                Content::Scalar(Kind::String)
            }
            Some(b'-' | b'0'..=b'9') => {
                self.number()?;
                Content::Scalar(Kind::Number)
            }
            _ => Content::Scalar(self.word()?),
        };
        Ok(self.add(start, content))
    }

    fn word(&mut self) -> Result<Kind, InvalidJson> {
        for (word, kind) in [("null", Kind::Null), ("true", Kind::Boolean), ("false", Kind::Boolean)] {
            if self.text.as_bytes()[self.at..].starts_with(word.as_bytes()) {
                self.at += word.len();
                return Ok(kind);
            }
        }
        Err(self.invalid(if self.at == self.text.len() { "the text ends where a value should be" } else { "no JSON value" }))
    }

    fn number(&mut self) -> Result<(), InvalidJson> {
        match text::number_length(&self.text.as_bytes()[self.at..]) {
            Ok(length) => {
                self.at += length;
                Ok(())
            }
            Err(length) => Err(invalid_at(self.text, self.at + length, "a number lacks digits")),
        }
    }

    /// Passes over a string, checking its escapes.
    fn string(&mut self) -> Result<(), InvalidJson> {
        self.at += 1;
        loop {
            match self.peek() {
                None => return Err(self.invalid("a string is not closed")),
                Some(b'"') => {
                    self.at += 1;
                    return Ok(());
                }
                Some(b'\\') => match text::escape(&self.text[self.at..]) {
                    Ok((_, length)) => self.at += length,
                    Err(rule) => return Err(self.invalid(rule)),
                },
                Some(0..0x20) => return Err(self.invalid("a control character in a string")),
                // Bytes of longer characters are all above 0x7f: none looks like a quote or a backslash.
                Some(_) => self.at += 1,
            }
        }
    }

    fn array(&mut self, depth: usize) -> Result<Vec<NodeId>, InvalidJson> {
        self.at += 1;
        let mut elements = Vec::new();
        self.white_space();
        if self.take(b']') {
            return Ok(elements);
        }
        loop {
            self.white_space();
            elements.push(self.value(depth + 1)?);
            self.white_space();
            if self.take(b']') {
                return Ok(elements);
            }
            if !self.take(b',') {
                return Err(self.invalid("`,` or `]` should follow an element"));
            }
        }
    }

    fn object(&mut self, depth: usize) -> Result<Vec<Member>, InvalidJson> {
        self.at += 1;
        let mut members = Vec::new();
        let mut seen = HashSet::new();
        self.white_space();
        if self.take(b'}') {
            return Ok(members);
        }
        loop {
            let member = self.member(depth)?;
            if !seen.insert(member.key.clone()) {
                let rule = format!("the key `{}` stands twice in one object", member.key.escape_debug());
                return Err(invalid_at(self.text, member.key_span.start, rule));
            }
            members.push(member);
            self.white_space();
            if self.take(b'}') {
                return Ok(members);
            }
            if !self.take(b',') {
                return Err(self.invalid("`,` or `}` should follow a member"));
            }
        }
    }

    fn member(&mut self, depth: usize) -> Result<Member, InvalidJson> {
        self.white_space();
        let start = self.at;
        if self.peek() != Some(b'"') {
            return Err(self.invalid("a key should stand here"));
        }
        self.string()?;
        let key_span = start..self.at;
        self.white_space();
        if !self.take(b':') {
            return Err(self.invalid("`:` should follow a key"));
        }
        self.white_space();
        let value = self.value(depth + 1)?;
        let key = text::decode(&self.text[key_span.start + 1..key_span.end - 1], 0).into_text();
        Ok(Member { key, key_span, value })
    }
}
