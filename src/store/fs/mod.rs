//! The file system: writes that are all-or-nothing, and locks.

mod apply;
pub mod atomic;
pub mod dir;
mod entry;
mod faults;
pub mod journal;
pub mod lock;
mod platform;
mod recover;
pub mod snapshot;
mod staged;
mod step;

use std::path::Path;

use anyhow::{Context as _, Result};

use crate::error::Code;
use crate::fail;

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

/// Removes a file; one that is gone already is as good as removed.
///
/// # Errors
/// When the file system refuses.
pub fn remove_file(path: &Path) -> Result<()> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error).with_context(|| format!("removing {}", path.display())),
        _ => Ok(()),
    }
}

/// Removes a directory and everything in it; links in it are removed, not followed.
///
/// # Errors
/// When the file system refuses.
pub fn remove_directory(path: &Path) -> Result<()> {
    std::fs::remove_dir_all(path).with_context(|| format!("removing {}", path.display()))
}

/// The names in a directory, those that are UTF-8; none where there is no directory.
///
/// # Errors
/// When it cannot be listed.
pub fn names_in(path: &Path) -> Result<Vec<String>> {
    let read = || std::fs::read_dir(path)?.map(|entry| Ok(entry?.file_name())).collect::<std::io::Result<Vec<_>>>();
    match read() {
        Ok(names) => Ok(names.into_iter().filter_map(|name| name.into_string().ok()).collect()),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Vec::new()),
        Err(error) => Err(error).with_context(|| format!("listing {}", path.display())),
    }
}

/// How many bytes the files below a directory hold; links are not followed.
///
/// # Errors
/// When it cannot be listed.
pub fn size_of(path: &Path) -> Result<u64> {
    let (mut open, mut bytes) = (vec![path.to_path_buf()], 0);
    while let Some(next) = open.pop() {
        let read = || -> std::io::Result<()> {
            for entry in std::fs::read_dir(&next)? {
                let entry = entry?;
                match entry.metadata()? {
                    found if found.is_dir() => open.push(entry.path()),
                    found => bytes += found.len(),
                }
            }
            Ok(())
        };
        // Another run may be at work: what it has just taken away does not count.
        match { read }() {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                return Err(error).with_context(|| format!("listing {}", next.display()));
            }
            _ => {}
        }
    }
    Ok(bytes)
}

/// Reads a file that a person named.
///
/// # Errors
/// When it cannot be read or is not UTF-8.
pub fn read_text(path: &Path) -> Result<String> {
    std::fs::read_to_string(path).with_context(|| format!("reading {}", path.display()))
}

/// Reads a file of at most `limit` bytes; `None` where there is none.
///
/// # Errors
/// When it cannot be read, is no file, or is larger.
pub fn read_small(path: &Path, limit: u64) -> Result<Option<Vec<u8>>> {
    let doing = || format!("reading {}", path.display());
    match std::fs::metadata(path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error).with_context(doing),
        // Opening a pipe would wait for a writer.
        Ok(found) if !found.is_file() => fail!(Code::Io, "{} is no file", path.display()),
        Ok(found) if found.len() > limit => fail!(Code::Io, "{} has more than {limit} bytes", path.display()),
        Ok(_) => std::fs::read(path).map(Some).with_context(doing),
    }
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
