//! The file system: writes that are all-or-nothing, and locks.

mod apply;
pub mod atomic;
pub mod dir;
mod faults;
pub mod journal;
pub mod lock;
mod platform;

use std::path::Path;

use anyhow::{Context as _, Result};

/// Makes a directory and those above it.
///
/// # Errors
/// When the file system refuses.
pub fn make_directory(path: &Path) -> Result<()> {
    std::fs::create_dir_all(path).with_context(|| format!("making the directory {}", path.display()))
}

/// Removes a directory where it is empty; where it is not, it stays.
pub fn remove_if_empty(path: &Path) {
    let _ = std::fs::remove_dir(path);
}

/// Removes a file, which may be gone already.
///
/// # Errors
/// When the file system refuses.
pub fn remove_file_if_there(path: &Path) -> Result<()> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error).with_context(|| format!("removing {}", path.display())),
        _ => Ok(()),
    }
}

/// Reads a file that a person named.
///
/// # Errors
/// When it cannot be read or is not UTF-8.
pub fn read_text(path: &Path) -> Result<String> {
    std::fs::read_to_string(path).with_context(|| format!("reading {}", path.display()))
}

/// Makes a directory that only its user can read, and those above it.
///
/// # Errors
/// When the file system refuses.
pub fn make_private_directory(path: &Path) -> Result<()> {
    platform::make_private_dirs(path).with_context(|| format!("making the directory {}", path.display()))
}

/// A number that no other run has: the standard library seeds its hashers from the system's randomness.
fn random() -> u64 {
    use std::hash::{BuildHasher as _, Hasher as _};
    std::collections::hash_map::RandomState::new().build_hasher().finish()
}
