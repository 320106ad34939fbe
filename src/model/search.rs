//! Folding, matching and ranking of search words.
