//! A directory that is written beside the one that it will replace.
//!
//! What does not change is given a second name instead of a copy: it keeps its time stamp, and what a person writes
//! into it meanwhile is not lost.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use anyhow::Result;

use super::apply::{Operation, OperationKind};
use super::dir::{Dir, Kind, Limits, Readers, parts};
use super::journal::Transaction;
use super::platform;
use crate::error::Code;
use crate::fail;
use crate::model::digest::FileMode;
use crate::model::path::RelPath;
use crate::store::interrupt;

/// From this number of written files on, one sync of the file system is faster than one for each.
const SYNC_EACH: usize = 64;

/// A directory that is being written, file by file.
#[derive(Debug)]
pub struct StagedTree<'t> {
    transaction: &'t mut Transaction,
    target: RelPath,
    area: Option<usize>,
    stage: Dir,
    slot: PathBuf,
    root: Dir,
    /// The directory of the file before: files come sorted, so it is mostly that of the next one.
    above: Option<(PathBuf, Dir)>,
    /// What is not on the disk yet. Files that only got a second name are there.
    written: BTreeSet<PathBuf>,
}

impl<'t> StagedTree<'t> {
    pub(super) fn new(
        transaction: &'t mut Transaction,
        target: RelPath,
        area: Option<usize>,
        stage: Dir,
        slot: PathBuf,
        root: Dir,
    ) -> Self {
        Self { transaction, target, area, stage, slot, root, above: None, written: BTreeSet::new() }
    }

    /// Writes one file and the directories above it.
    ///
    /// # Errors
    /// When it exists already or the disk refuses.
    pub fn write(&mut self, path: &RelPath, mode: FileMode, bytes: &[u8]) -> Result<()> {
        self.write_native(&path.to_path(), mode, bytes)
    }

    /// As [`Self::write`]; who else may read it stays as it is for the file at `like`.
    ///
    /// # Errors
    /// As [`Self::write`].
    pub fn write_like(&mut self, path: &RelPath, mode: FileMode, bytes: &[u8], like: (&Dir, &RelPath)) -> Result<()> {
        self.write(path, mode, bytes)?;
        if let Some(had) = like.0.metadata_below(like.1)?.as_ref().and_then(platform::mode_of) {
            let plain = had & 0o666;
            let bits = if mode == FileMode::Executable { plain | (plain & 0o444) >> 2 } else { plain };
            if bits != if mode == FileMode::Executable { 0o755 } else { 0o644 } {
                self.dir().set_mode(Path::new(path.file_name()), bits)?;
            }
        }
        Ok(())
    }

    /// As [`Self::write`], for names that come from this very disk and that another platform might not take.
    ///
    /// # Errors
    /// As [`Self::write`].
    pub fn write_native(&mut self, path: &Path, mode: FileMode, bytes: &[u8]) -> Result<()> {
        let name = self.enter(path)?;
        self.written.insert(path.to_owned());
        self.dir().write_new(&name, bytes, mode, Readers::Everyone)
    }

    /// Makes a directory. One that is there is as good as made.
    ///
    /// # Errors
    /// When the disk refuses.
    pub fn directory_native(&mut self, path: &Path) -> Result<()> {
        self.root.create_parts(path, Readers::Everyone).map(drop)
    }

    /// Writes a symbolic link; where it leads is not looked at.
    ///
    /// # Errors
    /// When the disk refuses.
    pub fn link_native(&mut self, path: &Path, text: &Path) -> Result<()> {
        let name = self.enter(path)?;
        self.dir().make_link(&name, text)
    }

    /// Writes a copy of a directory, odd names and links too.
    ///
    /// # Errors
    /// A named pipe, socket or device, which has no content to copy; and as [`Self::write_native`].
    pub fn copy_from(&mut self, from: &Dir) -> Result<()> {
        self.copy_some(from, &|_| true)
    }

    /// As [`Self::copy_from`], of the paths that `wanted` names.
    ///
    /// # Errors
    /// As [`Self::copy_from`].
    pub fn copy_some(&mut self, from: &Dir, wanted: &dyn Fn(&Path) -> bool) -> Result<()> {
        for entry in from.list(Limits { entries: usize::MAX, depth: usize::MAX })? {
            let path = entry.path.native();
            if wanted(&path) {
                self.copy_entry(from, &path, entry.kind)?;
            }
        }
        Ok(())
    }

    fn copy_entry(&mut self, from: &Dir, path: &Path, kind: Kind) -> Result<()> {
        match kind {
            Kind::Dir => self.directory_native(path),
            Kind::Link => self.link_native(path, &from.read_link_native(path)?),
            Kind::Special => fail!(Code::Occupied, "{} is {}, of which no copy can be kept", from.show(path), kind),
            Kind::File { executable, .. } => {
                let mode = if executable { FileMode::Executable } else { FileMode::Regular };
                let bytes = from.read_native(path, u64::MAX)?.unwrap_or_default();
                self.write_native(path, mode, &bytes)?;
                let above = from.create_parts(path.parent().unwrap_or(Path::new("")), Readers::Everyone)?;
                let name = Path::new(path.file_name().unwrap_or_default());
                self.same_readers(&above, name, name, if executable { 0o755 } else { 0o644 })
            }
        }
    }

    /// Takes over what lies in `from`, but for the paths that `leave` names. Files get a second name where the file
    /// system has such; directories that hold nothing else are left with what is left out of them.
    ///
    /// # Errors
    /// As [`Self::copy_from`].
    pub fn take_over(&mut self, from: &Dir, leave: &dyn Fn(&Path) -> bool) -> Result<()> {
        let all = from.list(Limits { entries: usize::MAX, depth: usize::MAX })?;
        for (number, entry) in all.iter().enumerate() {
            let path = entry.path.native();
            let is_empty = || all.get(number + 1).is_none_or(|next| !next.path.native().starts_with(&path));
            match entry.kind {
                _ if leave(&path) => {}
                Kind::Dir if is_empty() => self.directory_native(&path)?,
                Kind::Dir => {}
                Kind::File { .. } => self.second_name(from, &path, entry.kind)?,
                Kind::Link | Kind::Special => self.copy_entry(from, &path, entry.kind)?,
            }
        }
        Ok(())
    }

    fn second_name(&mut self, from: &Dir, path: &Path, kind: Kind) -> Result<()> {
        let name = self.enter(path)?;
        let above = from.create_parts(path.parent().unwrap_or(Path::new("")), Readers::Everyone)?;
        if above.hard_link(&name, self.dir(), &name).is_ok() {
            return Ok(());
        }
        self.copy_entry(from, path, kind)
    }

    /// Gives a file that was just written the mode of another, where that is not what it has by itself.
    fn same_readers(&self, above: &Dir, like: &Path, name: &Path, usual: u32) -> Result<()> {
        match above.metadata(like)?.as_ref().and_then(platform::mode_of) {
            Some(mode) if mode != usual => self.dir().set_mode(name, mode),
            _ => Ok(()),
        }
    }

    fn enter(&mut self, path: &Path) -> Result<PathBuf> {
        interrupt::check()?;
        let all = parts(path)?;
        let Some((name, above)) = all.split_last() else { fail!(Code::UnsafeContent, "a file without a name cannot be written") };
        let above: PathBuf = above.iter().collect();
        if self.above.as_ref().is_none_or(|(path, _)| *path != above) {
            let dir = self.root.create_parts(&above, Readers::Everyone)?;
            self.above = Some((above, dir));
        }
        Ok(PathBuf::from(name))
    }

    fn dir(&self) -> &Dir {
        self.above.as_ref().map_or(&self.root, |(_, dir)| dir)
    }

    /// Brings the directory to the disk and adds it to the change.
    ///
    /// # Errors
    /// When the disk fails.
    pub fn finish(self) -> Result<()> {
        if self.written.len() < SYNC_EACH || !self.root.sync_file_system()? {
            sync_tree(&self.root, &self.written)?;
        }
        let inode = self.stage.metadata(&self.slot)?.as_ref().and_then(platform::inode);
        self.transaction.operations.push(Operation::new(OperationKind::PutTree, self.target, self.area, inode));
        Ok(())
    }
}

/// Syncs these files, and every directory below.
fn sync_tree(root: &Dir, written: &BTreeSet<PathBuf>) -> Result<()> {
    for entry in root.list(Limits { entries: usize::MAX, depth: usize::MAX })? {
        let path = entry.path.native();
        if entry.kind != Kind::Dir && !written.contains(&path) {
            continue;
        }
        let above = root.create_parts(path.parent().unwrap_or(Path::new("")), Readers::Everyone)?;
        let name = PathBuf::from(path.file_name().unwrap_or_default());
        match entry.kind {
            Kind::File { .. } => above.sync_file(&name)?,
            Kind::Dir => above.child(&name)?.map_or(Ok(()), |dir| dir.sync())?,
            Kind::Link | Kind::Special => {}
        }
    }
    root.sync()
}
