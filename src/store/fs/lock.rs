//! Advisory locks between runs of forum.
