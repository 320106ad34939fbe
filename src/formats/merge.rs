//! Merging one file by what it holds: the seam between the update and the formats.
//!
//! A structured document is merged by its structure, so that it stays valid; everything else, and what does not parse,
//! by its lines.

use serde::{Deserialize, Serialize};

use super::json::merge as json;
use super::text::{self, Labels, MergedText};
use super::xml::merge as xml;

/// What came of merging a file that both sides changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Merged {
    /// Both changes stand in it.
    Clean(Vec<u8>),
    /// Markers stand around what disagrees.
    Marked(Vec<u8>),
    /// The document is valid, and holds ours where the two disagree.
    Reported(Vec<u8>, Vec<Disagreement>),
    /// Neither lines nor structure could be merged: ours stays.
    Unmergeable,
}

/// A place in a document that both sides changed, each in its own way.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Disagreement {
    /// Where: RFC 6901, with `!` where a string is entered.
    pub pointer: String,
    /// What was fetched, as written; `null` where nothing was.
    pub base: Option<String>,
    /// What lies here: it stays until a person chooses.
    pub ours: Option<String>,
    /// What the newer version has.
    pub theirs: Option<String>,
}

/// Merges what both sides changed.
#[must_use]
pub fn merge_file(base: &[u8], ours: &[u8], theirs: &[u8], labels: &Labels) -> Merged {
    if let Some(merged) = json::merge(base, ours, theirs) {
        let json::MergedJson { text, disagreements } = merged;
        return if disagreements.is_empty() { Merged::Clean(text) } else { Merged::Reported(text, disagreements) };
    }
    match text::merge(base, ours, theirs, labels) {
        MergedText::Clean(bytes) => Merged::Clean(bytes),
        MergedText::Marked(bytes) => merge_xml(base, ours, theirs).unwrap_or(Merged::Marked(bytes)),
        MergedText::Unmergeable => Merged::Unmergeable,
    }
}

/// XML whose lines disagree may come together by its elements.
fn merge_xml(base: &[u8], ours: &[u8], theirs: &[u8]) -> Option<Merged> {
    let text = |bytes| std::str::from_utf8(bytes).ok();
    let (base, ours, theirs) = (text(base)?, text(ours)?, text(theirs)?);
    let merged = xml::merge(base, ours, theirs, "")?;
    let bytes = merged.apply(ours)?.into_bytes();
    Some(if merged.disagreements.is_empty() { Merged::Clean(bytes) } else { Merged::Reported(bytes, merged.disagreements) })
}
