//! How objects come from a remote repository into a cache repository: one small trait, two engines.

pub mod builtin;
pub mod system;
