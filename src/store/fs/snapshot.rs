//! What a directory looked like when it was read, so that what a person does there meanwhile is noticed.

use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use anyhow::Result;
use cap_std::time::SystemTime;

use super::dir::{Dir, Kind};
use super::platform;
use crate::error::{Code, Failure};
use crate::model::digest::Checksum;
use crate::model::path::RelPath;

/// Names, kinds, inodes, sizes and times of everything below a directory.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Snapshot(Vec<Seen>);

#[derive(Debug, Clone, PartialEq, Eq)]
struct Seen {
    path: PathBuf,
    kind: Kind,
    inode: Option<u64>,
    modified: Option<SystemTime>,
}

impl Snapshot {
    /// What the directory looks like now.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn of(dir: &Dir) -> Result<Self> {
        let mut seen = Vec::new();
        look(dir, Path::new(""), &mut seen)?;
        seen.sort_by(|a: &Seen, b| a.path.cmp(&b.path));
        Ok(Self(seen))
    }

    /// Whether nothing was there.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// One number for all of it, to be written down.
    pub(super) fn digest(&self) -> Checksum {
        let mut bytes = Vec::new();
        for Seen { path, kind, inode, modified } in &self.0 {
            let modified = modified.and_then(|time| time.into_std().duration_since(UNIX_EPOCH).ok()).map(|since| since.as_nanos());
            bytes.extend_from_slice(path.as_os_str().as_encoded_bytes());
            bytes.extend_from_slice(format!("\0{kind:?} {inode:?} {modified:?}\n").as_bytes());
        }
        Checksum::of(&bytes)
    }

    /// Whether something is here that is in none of `others`, as it is.
    pub(super) fn has_more_than(&self, others: &[&Self]) -> bool {
        self.0.iter().any(|seen| !others.iter().any(|other| other.0.contains(seen)))
    }

    /// Refuses a directory that looks otherwise now.
    pub(super) fn check(&self, target: &RelPath, now: Option<&Dir>) -> Result<()> {
        let now = now.map(Self::of).transpose()?.unwrap_or_default();
        let differs = |a: &Seen| !now.0.contains(a);
        if now == *self {
            return Ok(());
        }
        let which = self.0.iter().find(|seen| differs(seen)).or_else(|| now.0.iter().find(|seen| !self.0.contains(seen)));
        let which = which.map_or_else(|| target.to_string(), |seen| format!("{target}/{}", seen.path.display()));
        Err(changed(&which).into())
    }
}

/// Refuses a file that holds something else now than when it was read.
pub(super) fn check_file(target: &RelPath, read: Option<&[u8]>, now: Option<&[u8]>) -> Result<()> {
    if now == read { Ok(()) } else { Err(changed(target.as_str()).into()) }
}

/// The error where something is not what it was when it was read.
#[must_use]
pub fn changed(which: &str) -> Failure {
    let message = format!("{which} was changed while forum was at work; nothing was written");
    Failure::new(Code::Occupied, message).hint("the same command again")
}

fn look(dir: &Dir, prefix: &Path, seen: &mut Vec<Seen>) -> Result<()> {
    for name in dir.names()? {
        let Some(metadata) = dir.metadata(&name)? else { continue };
        let kind = Kind::of(&metadata);
        let path = prefix.join(&name);
        if kind == Kind::Dir {
            seen.push(Seen { path: path.clone(), kind, inode: None, modified: None });
            if let Some(below) = dir.child(&name)? {
                look(&below, &path, seen)?;
            }
        } else {
            seen.push(Seen { path, kind, inode: platform::inode(&metadata), modified: metadata.modified().ok() });
        }
    }
    Ok(())
}
