//! What lies in a directory: where, and what it is.

use std::ffi::OsStr;
use std::fmt;
use std::path::{Path, PathBuf};

use cap_std::fs::Metadata;

use super::platform;
use crate::model::path::RelPath;

/// What an entry is; links are not followed to find out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A regular file.
    File {
        /// Whether its owner may execute it (never on Windows).
        executable: bool,
        /// Its length in bytes.
        len: u64,
    },
    /// A directory.
    Dir,
    /// A symbolic link, or a junction on Windows.
    Link,
    /// A named pipe, socket or device.
    Special,
}

impl Kind {
    pub(super) fn of(metadata: &Metadata) -> Self {
        let kind = metadata.file_type();
        if kind.is_symlink() {
            Self::Link
        } else if kind.is_dir() {
            Self::Dir
        } else if kind.is_file() {
            Self::File { executable: platform::is_executable(metadata), len: metadata.len() }
        } else {
            Self::Special
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::File { .. } => "a file",
            Self::Dir => "a directory",
            Self::Link => "a symbolic link",
            Self::Special => "a special file (pipe, socket or device)",
        })
    }
}

/// Where an entry lies, below the directory that was listed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EntryPath {
    /// A path that could be published.
    Valid(RelPath),
    /// A name that is not UTF-8, or that another platform would not take.
    Other(PathBuf),
}

impl EntryPath {
    /// The path with this platform's separators.
    #[must_use]
    pub fn native(&self) -> PathBuf {
        match self {
            Self::Valid(path) => path.to_path(),
            Self::Other(path) => path.clone(),
        }
    }

    /// Whether it is git's own directory or file, or lies in one: no part of what lies around it.
    #[must_use]
    pub fn is_git(&self) -> bool {
        matches!(self, Self::Other(path) if path.iter().any(|part| part.eq_ignore_ascii_case(".git")))
    }

    pub(super) fn new(native: &Path) -> Self {
        let joined = native.iter().map(OsStr::to_str).collect::<Option<Vec<_>>>().map(|parts| parts.join("/"));
        match joined.and_then(|text| text.parse().ok()) {
            Some(path) => Self::Valid(path),
            None => Self::Other(native.to_owned()),
        }
    }
}

impl fmt::Display for EntryPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Valid(path) => path.fmt(f),
            Self::Other(path) => path.to_string_lossy().escape_debug().fmt(f),
        }
    }
}

/// One entry of [`Dir::list`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Where it lies.
    pub path: EntryPath,
    /// What it is.
    pub kind: Kind,
}

/// How much of a directory is looked at before giving up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Entries, directories included.
    pub entries: usize,
    /// Directories within directories.
    pub depth: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { entries: 100_000, depth: 64 }
    }
}
