//! The file system: writes that are all-or-nothing, locks, kept copies.

pub mod dir;
pub mod journal;
pub mod kept;
pub mod lock;
