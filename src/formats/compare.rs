//! How two versions of a document differ, in its own terms: the seam between `forum diff` and the formats.

use std::fmt;

use serde::Serialize;

use super::json::compare as json;

/// A place in a document that differs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Place {
    /// Where: RFC 6901, with `!` where a string is entered.
    pub pointer: String,
    /// What happened there.
    pub change: PlaceChange,
    /// What was there, shortened; `null` where nothing was.
    pub from: Option<String>,
    /// What is there, shortened; `null` where nothing is.
    pub to: Option<String>,
}

/// What happened at a place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum PlaceChange {
    /// It is new.
    Added,
    /// It is gone.
    Removed,
    /// It holds something else.
    Changed,
    /// Its elements stand in another order.
    Reordered,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = match self.change {
            PlaceChange::Added => "added",
            PlaceChange::Removed => "removed",
            PlaceChange::Changed => "changed",
            PlaceChange::Reordered => "reordered",
        };
        write!(f, "{word} {}", self.pointer)?;
        match (&self.from, &self.to) {
            (Some(from), Some(to)) => write!(f, ": {from} -> {to}"),
            (Some(one), None) | (None, Some(one)) => write!(f, ": {one}"),
            (None, None) => Ok(()),
        }
    }
}

/// The places that differ; `None` for documents of no known format.
#[must_use]
pub fn compare(old: &[u8], new: &[u8]) -> Option<Vec<Place>> {
    json::compare(old, new).filter(|places| !places.is_empty())
}
