//! Spans of JSON tokens, so that one token can be replaced and every other byte stays.
//!
//! Process exports hold JSON inside strings, several levels deep, and their
//! white space, escapes and numbers are their maker's. Re-serialising would
//! change bytes that nobody meant to change. So a [`Document`] knows of every
//! value where it stands, a [`Pointer`] leads to one, also inside strings, and
//! what comes back is the range in the outermost text.

mod align;
pub mod compare;
pub mod merge;
mod parse;
mod pointer;
mod splice;
mod text;

use std::fmt;
use std::ops::Range;

pub use pointer::{Pointer, Target, segment};
pub use text::{Decoded, embed, is_number, quote};

/// How deep arrays and objects may stand in each other.
pub const MAX_DEPTH: usize = 512;

/// A value's place in its [`Document`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeId(usize);

/// The six kinds of JSON values.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// `null`
    Null,
    /// `true` or `false`
    Boolean,
    /// Kept as written.
    Number,
    /// Kept as written; [`Document::string`] decodes it.
    String,
    /// `[…]`
    Array,
    /// `{…}`
    Object,
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Null => "null",
            Self::Boolean => "a boolean",
            Self::Number => "a number",
            Self::String => "a string",
            Self::Array => "an array",
            Self::Object => "an object",
        })
    }
}

/// A member of an object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// The key, decoded.
    pub key: String,
    /// The key as written, with its quotes.
    pub key_span: Range<usize>,
    /// The value.
    pub value: NodeId,
}

#[derive(Debug, Clone)]
enum Content {
    Scalar(Kind),
    Array(Vec<NodeId>),
    Object(Vec<Member>),
}

#[derive(Debug, Clone)]
struct Node {
    span: Range<usize>,
    content: Content,
}

/// JSON text, and where every value of it stands.
#[derive(Debug, Clone)]
pub struct Document {
    text: String,
    nodes: Vec<Node>,
    root: NodeId,
}

/// Why bytes are no JSON: RFC 8259, strictly, with each key at most once in an object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InvalidJson {
    /// Counted from 1.
    pub line: usize,
    /// Counted from 1, in characters.
    pub column: usize,
    rule: String,
}

impl fmt::Display for InvalidJson {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (line {}, column {})", self.rule, self.line, self.column)
    }
}

impl std::error::Error for InvalidJson {}

impl Document {
    /// Reads UTF-8 text with one JSON value; a byte order mark before it is passed over.
    ///
    /// # Errors
    /// The first place that breaks a rule of JSON.
    pub fn parse(bytes: &[u8]) -> Result<Self, InvalidJson> {
        match std::str::from_utf8(bytes) {
            Ok(text) => parse::document(text.to_owned()),
            Err(error) => {
                let before = String::from_utf8_lossy(&bytes[..error.valid_up_to()]);
                Err(parse::invalid_at(&before, before.len(), "not UTF-8"))
            }
        }
    }

    /// The whole text; spans count its bytes.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The outermost value.
    #[must_use]
    pub const fn root(&self) -> NodeId {
        self.root
    }

    /// What kind of value it is.
    #[must_use]
    pub fn kind(&self, node: NodeId) -> Kind {
        match &self.nodes[node.0].content {
            Content::Scalar(kind) => *kind,
            Content::Array(_) => Kind::Array,
            Content::Object(_) => Kind::Object,
        }
    }

    /// Where the value stands, brackets and quotes included.
    #[must_use]
    pub fn span(&self, node: NodeId) -> Range<usize> {
        self.nodes[node.0].span.clone()
    }

    /// The value as written.
    #[must_use]
    pub fn token(&self, node: NodeId) -> &str {
        &self.text[self.span(node)]
    }

    /// The elements of an array; empty for anything else.
    #[must_use]
    pub fn elements(&self, node: NodeId) -> &[NodeId] {
        match &self.nodes[node.0].content {
            Content::Array(elements) => elements,
            _ => &[],
        }
    }

    /// The members of an object in the order of the text; empty for anything else.
    #[must_use]
    pub fn members(&self, node: NodeId) -> &[Member] {
        match &self.nodes[node.0].content {
            Content::Object(members) => members,
            _ => &[],
        }
    }

    /// The value of a key, where `node` is an object that has it.
    #[must_use]
    pub fn get(&self, node: NodeId, key: &str) -> Option<NodeId> {
        self.members(node).iter().find(|member| member.key == key).map(|member| member.value)
    }

    /// The content of a string, decoded, with the way back to this text; `None` for anything else.
    #[must_use]
    pub fn string(&self, node: NodeId) -> Option<Decoded> {
        let span = self.span(node);
        (self.kind(node) == Kind::String).then(|| text::decode(&self.text[span.start + 1..span.end - 1], span.start + 1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_value_knows_its_place() {
        let text = "\u{feff} {\"a\" : [1.50, -0e+1 ,true,null, \"x\\ny\"],\r\n\t\"b\":{}} ";
        let document = Document::parse(text.as_bytes()).expect("JSON");
        let root = document.root();
        let a = document.get(root, "a").expect("a");
        let tokens: Vec<_> = document.elements(a).iter().map(|node| document.token(*node)).collect();
        assert_eq!(tokens, ["1.50", "-0e+1", "true", "null", "\"x\\ny\""]);
        let kinds: Vec<_> = document.elements(a).iter().map(|node| document.kind(*node)).collect();
        assert_eq!(kinds, [Kind::Number, Kind::Number, Kind::Boolean, Kind::Null, Kind::String]);
        assert_eq!(document.string(document.elements(a)[4]).expect("a string").text(), "x\ny");
        assert_eq!(&text[document.members(root)[1].key_span.clone()], "\"b\"");
        assert_eq!(document.token(root), text.trim_start_matches('\u{feff}').trim());
        assert!(document.string(a).is_none() && document.get(a, "a").is_none());
    }

    #[test]
    fn what_is_no_json_is_refused_with_its_place() {
        for (bad, line, column) in [
            ("", 1, 1),
            ("{\"a\":1,}", 1, 8),
            ("[1,]", 1, 4),
            ("[1 2]", 1, 4),
            ("01", 1, 2),
            ("1.", 1, 3),
            ("+1", 1, 1),
            (".5", 1, 1),
            ("-", 1, 2),
            ("1e", 1, 3),
            ("nul", 1, 1),
            ("truex", 1, 5),
            ("{a:1}", 1, 2),
            ("{\"a\" 1}", 1, 6),
            ("[\n\"å\u{1}\"]", 2, 3),
            ("\"\\x\"", 1, 2),
            ("\"\\u12g4\"", 1, 2),
            ("\"\\u+123\"", 1, 2),
            ("\"\\ud800\"", 1, 2),
            ("\"\\ud800\\u0041\"", 1, 2),
            ("\"\\udc00\"", 1, 2),
            ("\"open", 1, 6),
            ("[", 1, 2),
            ("1 2", 1, 3),
            ("// no\n1", 1, 1),
            ("\u{a0}1", 1, 1),
            ("NaN", 1, 1),
        ] {
            let error = Document::parse(bad.as_bytes()).expect_err(bad);
            assert_eq!((error.line, error.column), (line, column), "{bad:?}: {error}");
        }
        assert!(Document::parse(b"\"\xff\"").expect_err("no UTF-8").to_string().contains("UTF-8"));
    }

    #[test]
    fn a_key_stands_once_in_an_object() {
        let error = Document::parse(br#"[{"a":1},{"a":1, "\u0061":2}]"#).expect_err("twice");
        assert!(error.to_string().contains("key `a` stands twice"), "{error}");
    }

    #[test]
    fn depth_has_a_limit() {
        let nested = |depth: usize| "[".repeat(depth) + &"]".repeat(depth);
        assert!(Document::parse(nested(MAX_DEPTH).as_bytes()).is_ok());
        assert!(Document::parse(nested(MAX_DEPTH + 1).as_bytes()).is_err());
        assert!(Document::parse("{\"a\":".repeat(100_000).as_bytes()).is_err());
    }
}
