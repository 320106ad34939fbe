//! XML as far as merging needs it: elements, their attributes and children, and where each of them stands.
//!
//! Diagrams (BPMN) are XML in a string of an export. What this reader does not know for certain (document types,
//! processing instructions inside, names that do not match) is no document to it, and is left to lines.

pub mod merge;
mod parse;

use std::ops::Range;

/// An attribute.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Attribute {
    pub(crate) name: String,
    /// With name, quotes and the white space before it.
    pub(crate) whole: Range<usize>,
    /// Between the quotes.
    pub(crate) value: Range<usize>,
}

/// An element.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Element {
    pub(crate) name: String,
    pub(crate) span: Range<usize>,
    pub(crate) attributes: Vec<Attribute>,
    /// Where another attribute would go.
    pub(crate) attributes_end: usize,
    /// Between its tags; none for `<x/>`.
    pub(crate) inside: Option<Range<usize>>,
    pub(crate) children: Vec<Element>,
    /// Whether something else than white space stands between the children: text, or a remark.
    pub(crate) has_text: bool,
}

/// A text with one element at its top.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Xml {
    pub(crate) text: String,
    pub(crate) root: Element,
}

impl Xml {
    /// Reads a document; `None` for what is none, or more than this reader knows.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        parse::document(text).map(|root| Self { text: text.to_owned(), root })
    }
}
