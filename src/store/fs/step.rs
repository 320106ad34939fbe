//! One step of a change: how it is done, undone and found done.

use std::path::{Path, PathBuf};

use anyhow::Result;

use super::apply::{Operation, OperationKind};
use super::dir::{Dir, Kind, Readers};
use super::platform;
use super::snapshot::Snapshot;
use crate::error::Code;
use crate::fail;
use crate::model::digest::{Checksum, FileMode};

/// Everything that one step touches, opened.
pub(super) struct Step {
    pub(super) kind: OperationKind,
    pub(super) inode: Option<u64>,
    pub(super) parent: Dir,
    pub(super) name: PathBuf,
    pub(super) stage: Dir,
    pub(super) old: Dir,
    pub(super) slot: PathBuf,
}

/// How far a step came, and what became of its target meanwhile.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Progress {
    pub(super) done: bool,
    pub(super) changed: bool,
}

/// What a directory looks like or a file holds, in one number. Nothing is as good as an empty directory, which may be
/// replaced, too.
pub(super) fn look(dir: &Dir, name: &Path) -> Result<Checksum> {
    match dir.kind(name)? {
        None | Some(Kind::Dir) => Ok(tree(dir, name)?.digest()),
        Some(Kind::File { .. }) => Ok(Checksum::of(&dir.read_native(name, u64::MAX)?.unwrap_or_default())),
        Some(kind) => dir.refuse(name, kind, "a file or directory"),
    }
}

/// What a directory looks like; nothing where there is none.
pub(super) fn tree(dir: &Dir, name: &Path) -> Result<Snapshot> {
    let found = if matches!(dir.kind(name)?, Some(Kind::Dir)) { dir.child(name)? } else { None };
    Ok(found.map(|dir| Snapshot::of(&dir)).transpose()?.unwrap_or_default())
}

/// Where nothing lies.
pub(super) fn nothing() -> Checksum {
    Snapshot::default().digest()
}

impl Step {
    pub(super) fn progress(&self, operation: &Operation) -> Result<Progress> {
        let done = self.is_done()?;
        let should = if done { operation.after } else { operation.before };
        // Where entries are not exchanged there is a moment with nothing at the target.
        let halfway = !done && self.old.kind(&self.slot)?.is_some();
        let changed = |should| look(&self.parent, &self.name).ok() != Some(should);
        Ok(Progress { done, changed: !halfway && should.is_some_and(changed) })
    }

    fn is_done(&self) -> Result<bool> {
        match self.kind {
            OperationKind::PutTree | OperationKind::PutFile => Ok(!self.waits()?),
            OperationKind::RemoveTree | OperationKind::RemoveFile => {
                Ok(self.old.kind(&self.slot)?.is_some() || self.parent.kind(&self.name)?.is_none())
            }
        }
    }

    pub(super) fn forward(&self) -> Result<()> {
        match self.kind {
            OperationKind::PutTree | OperationKind::PutFile => self.put(),
            OperationKind::RemoveTree | OperationKind::RemoveFile => self.remove(),
        }
    }

    pub(super) fn back(&self) -> Result<()> {
        match self.kind {
            OperationKind::PutTree | OperationKind::PutFile => self.put_back(),
            OperationKind::RemoveTree | OperationKind::RemoveFile => self.old_to_target(),
        }
    }

    /// Whether what is staged still waits. After an exchange something else lies in its place.
    fn waits(&self) -> Result<bool> {
        let staged = self.stage.metadata(&self.slot)?;
        Ok(staged.is_some_and(|found| self.is_ours(&found)))
    }

    fn is_ours(&self, found: &cap_std::fs::Metadata) -> bool {
        self.inode.is_none() || platform::inode(found) == self.inode
    }

    fn put(&self) -> Result<()> {
        if !self.waits()? {
            return Ok(());
        }
        if let Some(kind) = self.parent.kind(&self.name)? {
            if !self.kind.fits(kind) {
                return self.parent.refuse(&self.name, kind, self.kind.wanted());
            }
            if self.stage.exchange(&self.slot, &self.parent, &self.name)? {
                return Ok(());
            }
            if self.old.kind(&self.slot)?.is_none() {
                self.set_aside()?;
            }
        }
        self.stage.rename(&self.slot, &self.parent, &self.name)
    }

    /// Where entries cannot be exchanged: a directory goes out of the way, of a file a second name is enough.
    fn set_aside(&self) -> Result<()> {
        if self.kind == OperationKind::PutTree {
            return self.parent.rename(&self.name, &self.old, &self.slot);
        }
        if self.parent.hard_link(&self.name, &self.old, &self.slot).is_ok() {
            return Ok(());
        }
        let copy = PathBuf::from(format!("{}.copy", self.slot.display()));
        copy_file(&self.parent, &self.name, &self.old, &copy)?;
        self.old.rename(&copy, &self.old, &self.slot)
    }

    fn put_back(&self) -> Result<()> {
        let staged = self.stage.metadata(&self.slot)?;
        let is_set_aside = self.old.kind(&self.slot)?.is_some();
        match staged {
            Some(found) if self.is_ours(&found) => {}
            Some(_) => {
                if !self.stage.exchange(&self.slot, &self.parent, &self.name)? {
                    fail!(Code::Io, "{} cannot be exchanged any more", self.parent.show(&self.name));
                }
            }
            None if is_set_aside && self.kind == OperationKind::PutFile => {}
            None => self.parent.rename(&self.name, &self.stage, &self.slot)?,
        }
        if is_set_aside { self.old_to_target() } else { Ok(()) }
    }

    fn old_to_target(&self) -> Result<()> {
        match self.old.kind(&self.slot)? {
            Some(_) => self.old.rename(&self.slot, &self.parent, &self.name),
            None => Ok(()),
        }
    }

    fn remove(&self) -> Result<()> {
        let found = self.parent.metadata(&self.name)?;
        // What was put there since is not what was to be removed.
        if self.old.kind(&self.slot)?.is_some() || !found.is_some_and(|found| self.is_ours(&found)) {
            return Ok(());
        }
        match self.parent.kind(&self.name)? {
            Some(kind) if !self.kind.fits(kind) => self.parent.refuse(&self.name, kind, self.kind.wanted()),
            Some(_) => self.parent.rename(&self.name, &self.old, &self.slot),
            None => Ok(()),
        }
    }
}

fn copy_file(from: &Dir, name: &Path, to: &Dir, to_name: &Path) -> Result<()> {
    let bytes = from.read_native(name, u64::MAX)?.unwrap_or_default();
    to.remove_file(to_name)?;
    to.write_new(to_name, &bytes, FileMode::Regular, Readers::Everyone)?;
    if let Some(mode) = from.metadata(name)?.as_ref().and_then(platform::mode_of) {
        to.set_mode(to_name, mode)?;
    }
    to.sync_file(to_name)
}
