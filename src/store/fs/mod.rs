//! The file system: writes that are all-or-nothing, locks, kept copies.

mod apply;
pub mod atomic;
pub mod dir;
mod faults;
pub mod journal;
pub mod lock;
mod platform;

/// A number that no other run has: the standard library seeds its hashers from the system's randomness.
fn random() -> u64 {
    use std::hash::{BuildHasher as _, Hasher as _};
    std::collections::hash_map::RandomState::new().build_hasher().finish()
}
