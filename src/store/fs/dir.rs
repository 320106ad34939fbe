//! A directory handle through which no link is followed.
//!
//! Everything that forum reads from and writes to a workspace goes part by part through such handles,
//! so that a link put on the way, before or during the run, never leads out of the workspace.
//! Special files are recognised before they are opened: a named pipe never blocks a run.

use std::ffi::OsStr;
use std::io::{self, Read as _, Write as _};
use std::path::{Component, Path, PathBuf};

use anyhow::{Context as _, Result};
use cap_fs_ext::{DirExt as _, FollowSymlinks, OpenOptionsFollowExt as _};
use cap_std::fs::{Dir as CapDir, Metadata};

use super::{faults, platform};
use crate::error::Code;
use crate::fail;
use crate::model::digest::FileMode;
use crate::model::path::RelPath;

pub use super::entry::{Entry, EntryPath, Kind, Limits};
pub use super::platform::Readers;

/// A directory, opened once, and what to call it in messages.
#[derive(Debug)]
pub struct Dir {
    inner: CapDir,
    shown: PathBuf,
}

impl Dir {
    /// Opens a directory that the user named; links on the way to it are the user's own and are followed.
    ///
    /// # Errors
    /// When there is no such directory or it cannot be opened.
    pub fn open(path: &Path) -> Result<Self> {
        let inner = CapDir::open_ambient_dir(path, cap_std::ambient_authority())
            .with_context(|| format!("opening the directory {}", path.display()))?;
        Ok(Self { inner, shown: path.to_owned() })
    }

    /// The path by which it was opened, for messages.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.shown
    }

    /// A second handle to the same directory.
    ///
    /// # Errors
    /// When the system has no more handles.
    pub fn try_clone(&self) -> Result<Self> {
        let inner = self.inner.try_clone().with_context(|| self.doing("opening", Path::new("")))?;
        Ok(Self { inner, shown: self.shown.clone() })
    }

    /// Opens a directory below, or `None` where there is none.
    ///
    /// # Errors
    /// A link or another non-directory on the way: [`Code::Occupied`].
    pub fn find_below(&self, below: &RelPath) -> Result<Option<Self>> {
        let mut here = self.try_clone()?;
        for part in below.parts() {
            match here.child(Path::new(part))? {
                Some(next) => here = next,
                None => return Ok(None),
            }
        }
        Ok(Some(here))
    }

    /// Opens a directory below.
    ///
    /// # Errors
    /// As [`Self::find_below`]; and when there is none.
    pub fn open_below(&self, below: &RelPath) -> Result<Self> {
        let absent = || io::Error::from(io::ErrorKind::NotFound);
        self.find_below(below)?.ok_or_else(absent).with_context(|| self.doing("opening", &below.to_path()))
    }

    /// Opens a directory below and makes what is missing on the way.
    ///
    /// # Errors
    /// As [`Self::find_below`]; and when a directory cannot be made.
    pub fn create_below(&self, below: &RelPath) -> Result<Self> {
        self.create_parts(&below.to_path(), Readers::Everyone)
    }

    pub(super) fn create_parts(&self, below: &Path, readers: Readers) -> Result<Self> {
        let mut here = self.try_clone()?;
        for part in parts(below)? {
            let part = Path::new(part);
            if here.kind(part)?.is_none() {
                here.make_dir(part, readers)?;
            }
            here = here.child(part)?.with_context(|| here.doing("opening", part))?;
        }
        Ok(here)
    }

    /// What lies at `below`, or `None`.
    ///
    /// # Errors
    /// A link or another non-directory on the way: [`Code::Occupied`].
    pub fn kind_below(&self, below: &RelPath) -> Result<Option<Kind>> {
        Ok(self.metadata_below(below)?.as_ref().map(Kind::of))
    }

    pub(super) fn metadata_below(&self, below: &RelPath) -> Result<Option<Metadata>> {
        let above = match below.parent() {
            Some(parent) => self.find_below(&parent)?,
            None => Some(self.try_clone()?),
        };
        above.map_or(Ok(None), |dir| dir.metadata(Path::new(below.file_name())))
    }

    /// Reads a regular file of at most `limit` bytes, or `None` where there is none.
    ///
    /// # Errors
    /// A link or a special file, also on the way: [`Code::Occupied`]. A longer file: [`Code::UnsafeContent`].
    pub fn read(&self, below: &RelPath, limit: u64) -> Result<Option<Vec<u8>>> {
        self.read_native(&below.to_path(), limit)
    }

    /// As [`Self::read`], for a path as it was listed.
    ///
    /// # Errors
    /// As [`Self::read`].
    pub fn read_native(&self, below: &Path, limit: u64) -> Result<Option<Vec<u8>>> {
        let all = parts(below)?;
        let Some((name, above)) = all.split_last() else { return Ok(None) };
        let mut here = self.try_clone()?;
        for part in above {
            match here.child(Path::new(part))? {
                Some(next) => here = next,
                None => return Ok(None),
            }
        }
        here.read_child(Path::new(name), limit)
    }

    fn read_child(&self, name: &Path, limit: u64) -> Result<Option<Vec<u8>>> {
        match self.kind(name)? {
            None => return Ok(None),
            Some(Kind::File { .. }) => {}
            Some(kind) => return self.refuse(name, kind, "a file"),
        }
        let mut options = platform::read_options();
        options.follow(FollowSymlinks::No);
        let doing = || self.doing("reading", name);
        let file = self.inner.open_with(name, &options).with_context(doing)?;
        let kind = Kind::of(&file.metadata().with_context(doing)?);
        let Kind::File { len, .. } = kind else { return self.refuse(name, kind, "a file") };
        let mut bytes = Vec::new();
        if len <= limit {
            bytes.reserve(usize::try_from(len).unwrap_or(0));
            file.take(limit.saturating_add(1)).read_to_end(&mut bytes).with_context(doing)?;
        }
        if len > limit || bytes.len() as u64 > limit {
            fail!(Code::UnsafeContent, "{} is larger than {limit} bytes", self.show(name));
        }
        Ok(Some(bytes))
    }

    /// The text of a symbolic link; where it leads is not looked at.
    pub(super) fn read_link_native(&self, below: &Path) -> Result<PathBuf> {
        let name = Path::new(below.file_name().unwrap_or_default());
        let above = self.create_parts(below.parent().unwrap_or(Path::new("")), Readers::Everyone)?;
        above.inner.read_link_contents(name).with_context(|| above.doing("reading the link", name))
    }

    /// Everything below, sorted; directories come before what they hold.
    ///
    /// # Errors
    /// More than `limits` allow: [`Code::UnsafeContent`].
    pub fn list(&self, limits: Limits) -> Result<Vec<Entry>> {
        let mut found = Vec::new();
        self.list_into(Path::new(""), limits, 0, &mut found)?;
        found.sort_by(|a: &(PathBuf, Kind), b| a.0.cmp(&b.0));
        Ok(found.into_iter().map(|(path, kind)| Entry { path: EntryPath::new(&path), kind }).collect())
    }

    fn list_into(&self, prefix: &Path, limits: Limits, depth: usize, found: &mut Vec<(PathBuf, Kind)>) -> Result<()> {
        if depth > limits.depth {
            fail!(Code::UnsafeContent, "{} is nested deeper than {} directories", self.shown.display(), limits.depth);
        }
        for name in self.names()? {
            let Some(kind) = self.kind(&name)? else { continue };
            if found.len() >= limits.entries {
                fail!(Code::UnsafeContent, "{} holds more than {} files and directories", self.shown.display(), limits.entries);
            }
            let path = prefix.join(&name);
            found.push((path.clone(), kind));
            if kind == Kind::Dir
                && let Some(below) = self.child(&name)?
            {
                below.list_into(&path, limits, depth + 1, found)?;
            }
        }
        Ok(())
    }

    /// The names in this directory.
    pub(super) fn names(&self) -> Result<Vec<PathBuf>> {
        let read = || self.inner.entries()?.map(|entry| entry.map(|e| PathBuf::from(e.file_name()))).collect::<io::Result<Vec<_>>>();
        read().with_context(|| self.doing("listing", Path::new("")))
    }

    /// Who may enter this directory, where the system says so.
    pub(super) fn own_mode(&self) -> Result<Option<u32>> {
        Ok(platform::mode_of(&self.inner.dir_metadata().with_context(|| self.doing("looking at", Path::new("")))?))
    }

    /// As [`Self::find_below`], for a path as it was listed.
    pub(super) fn find_parts(&self, below: &Path) -> Result<Option<Self>> {
        let mut here = self.try_clone()?;
        for part in parts(below)? {
            match here.child(Path::new(part))? {
                Some(next) => here = next,
                None => return Ok(None),
            }
        }
        Ok(Some(here))
    }

    pub(super) fn metadata(&self, name: &Path) -> Result<Option<Metadata>> {
        match self.inner.symlink_metadata(name) {
            Ok(metadata) => Ok(Some(metadata)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error).with_context(|| self.doing("looking at", name)),
        }
    }

    pub(super) fn kind(&self, name: &Path) -> Result<Option<Kind>> {
        Ok(self.metadata(name)?.as_ref().map(Kind::of))
    }

    /// Whether `other` lies on the same file system, so that entries can be renamed between the two.
    pub(super) fn shares_file_system(&self, other: &Self) -> Result<bool> {
        let of = |dir: &Self| dir.inner.dir_metadata().with_context(|| dir.doing("looking at", Path::new("")));
        Ok(platform::same_file_system(&of(self)?, &of(other)?) && !faults::is_elsewhere(&other.shown))
    }

    pub(super) fn child(&self, name: &Path) -> Result<Option<Self>> {
        match self.kind(name)? {
            None => Ok(None),
            Some(Kind::Dir) => {
                let inner = self.inner.open_dir_nofollow(name).with_context(|| self.doing("opening", name))?;
                Ok(Some(Self { inner, shown: self.show_path(name) }))
            }
            Some(kind) => self.refuse(name, kind, "a directory"),
        }
    }

    pub(super) fn make_dir(&self, name: &Path, readers: Readers) -> Result<()> {
        let made = faults::step().and_then(|()| platform::make_dir(&self.inner, name, readers));
        made.with_context(|| self.doing("making the directory", name))
    }

    pub(super) fn make_link(&self, name: &Path, text: &Path) -> Result<()> {
        let made = faults::step().and_then(|()| platform::symlink(&self.inner, name, text));
        made.with_context(|| self.doing("making the link", name))
    }

    /// Writes a file that must not exist yet. It is not on the disk before [`Self::sync_file`].
    pub(super) fn write_new(&self, name: &Path, bytes: &[u8], mode: FileMode, readers: Readers) -> Result<()> {
        let write = || {
            faults::step()?;
            let mut options = platform::new_file(mode, readers);
            options.follow(FollowSymlinks::No);
            let mut file = self.inner.open_with(name, &options)?;
            faults::step()?;
            file.write_all(bytes)
        };
        write().with_context(|| self.doing("writing", name))
    }

    pub(super) fn set_mode(&self, name: &Path, mode: u32) -> Result<()> {
        let mut options = platform::read_options();
        options.follow(FollowSymlinks::No);
        let change = || {
            faults::step()?;
            platform::change_mode(&self.inner.open_with(name, &options)?, mode)
        };
        change().with_context(|| self.doing("changing the mode of", name))
    }

    pub(super) fn sync_file(&self, name: &Path) -> Result<()> {
        let mut options = platform::read_options();
        // Windows syncs only what is open for writing.
        options.follow(FollowSymlinks::No).write(cfg!(windows));
        let sync = || {
            faults::step()?;
            self.inner.open_with(name, &options)?.sync_all()
        };
        sync().with_context(|| self.doing("syncing", name))
    }

    /// Brings the names in this directory to the disk.
    ///
    /// # Errors
    /// When the disk fails.
    pub fn sync(&self) -> Result<()> {
        let synced = faults::step().and_then(|()| platform::sync_dir(&self.inner));
        synced.with_context(|| self.doing("syncing", Path::new("")))
    }

    pub(super) fn sync_file_system(&self) -> Result<bool> {
        let synced = faults::step().and_then(|()| platform::sync_file_system(&self.inner));
        synced.with_context(|| self.doing("syncing", Path::new("")))
    }

    /// Renames within and between directories; a file at the destination is replaced.
    pub(super) fn rename(&self, name: &Path, to: &Self, to_name: &Path) -> Result<()> {
        let renamed = faults::step().and_then(|()| self.inner.rename(name, &to.inner, to_name));
        renamed.with_context(|| format!("renaming {} to {}", self.show(name), to.show(to_name)))
    }

    pub(super) fn hard_link(&self, name: &Path, to: &Self, to_name: &Path) -> Result<()> {
        let linked = faults::step().and_then(|()| self.inner.hard_link(name, &to.inner, to_name));
        linked.with_context(|| format!("linking {} to {}", self.show(name), to.show(to_name)))
    }

    /// Exchanges two entries in one step. `Ok(false)` where that is not supported.
    pub(super) fn exchange(&self, name: &Path, to: &Self, to_name: &Path) -> Result<bool> {
        if faults::exchange_is_missing() {
            return Ok(false);
        }
        let exchanged = faults::step().and_then(|()| platform::exchange(&self.inner, name, &to.inner, to_name));
        exchanged.with_context(|| format!("exchanging {} and {}", self.show(name), to.show(to_name)))
    }

    /// Removes a file or link; one that is gone already is as good as removed.
    pub(super) fn remove_file(&self, name: &Path) -> Result<()> {
        let removed = faults::step().and_then(|()| self.inner.remove_file_or_symlink(name));
        gone(removed).with_context(|| self.doing("removing", name))
    }

    /// Removes an empty directory; one that is gone already is as good as removed.
    pub(super) fn remove_dir(&self, name: &Path) -> Result<()> {
        let removed = faults::step().and_then(|()| self.inner.remove_dir(name));
        gone(removed).with_context(|| self.doing("removing", name))
    }

    /// Removes an entry and everything below it. Links are removed, never followed.
    ///
    /// # Errors
    /// When the system refuses.
    pub(super) fn remove_tree(&self, name: &Path) -> Result<()> {
        let Some(metadata) = self.metadata(name)? else { return Ok(()) };
        if Kind::of(&metadata) != Kind::Dir {
            return self.remove_file(name);
        }
        // What the user protected against writing cannot be emptied otherwise.
        if let Some(mode) = platform::mode_of(&metadata)
            && mode & 0o700 != 0o700
        {
            let _ = self.set_mode(name, mode | 0o700);
        }
        if let Some(below) = self.child(name)? {
            for inner in below.names()? {
                below.remove_tree(&inner)?;
            }
        }
        self.remove_dir(name)
    }

    /// Ends with the rule that what lies at `name` breaks.
    pub(super) fn refuse<T>(&self, name: &Path, kind: Kind, wanted: &str) -> Result<T> {
        fail!(Code::Occupied, "{} is {kind}, where {wanted} is needed; links are never followed", self.show(name))
    }

    fn show_path(&self, name: &Path) -> PathBuf {
        if name.as_os_str().is_empty() { self.shown.clone() } else { self.shown.join(name) }
    }

    pub(super) fn show(&self, name: &Path) -> String {
        self.show_path(name).display().to_string()
    }

    fn doing(&self, what: &str, name: &Path) -> String {
        format!("{what} {}", self.show(name))
    }
}

fn gone(result: io::Result<()>) -> io::Result<()> {
    match result {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        other => other,
    }
}

/// The parts of a relative path in this platform's form; anything that could lead upwards is refused.
pub(super) fn parts(path: &Path) -> Result<Vec<&OsStr>> {
    let mut found = Vec::new();
    for part in path.components() {
        match part {
            Component::Normal(name) => found.push(name),
            _ => fail!(Code::UnsafeContent, "path `{}` does not stay below its directory", path.display().to_string().escape_debug()),
        }
    }
    Ok(found)
}

#[cfg(test)]
#[path = "dir_tests.rs"]
mod tests;
