//! Folding, matching and ranking of search words, and the index that they are looked up in.
//!
//! A search has to answer in the blink of an eye over tens of thousands of components,
//! in a program that starts anew each time. So nothing is read into objects: the index is
//! one run of bytes in which folded text is scanned, and only what is shown is decoded.
//!
//! - [`Document`] is what the index knows of one component.
//! - `fold` says when a typed letter is a written one.
//! - `query` makes terms of typed words and the registry's synonyms.
//! - `file` owns the bytes of the index.
//! - `rank` scans them.

mod file;
mod fold;
mod query;
mod rank;

use serde::{Deserialize, Serialize};

use super::digest::ObjectId;
use super::id::ComponentId;
use super::index::Card;

pub use file::{Damaged, PREFIX_LENGTH, Records, SearchIndex};
pub use query::{Query, Synonyms};
pub use rank::Hit;

/// What can be found and shown of one component.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Document {
    /// Its id.
    pub id: ComponentId,
    /// What its index file says of it.
    #[serde(flatten)]
    pub card: Card,
    /// What people call its owner; empty where the registry does not tell.
    pub owner_title: String,
    /// How many organisations have it in pilot or production.
    pub adopters: u32,
    /// The blob of the index file that all this was read from: the same blob need not be read again.
    pub blob: ObjectId,
}

#[cfg(test)]
mod tests;
