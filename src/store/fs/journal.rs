//! All-or-nothing changes of a workspace: staged, journalled, renamed.
//!
//! ```text
//! .forum/stage/<n>   what is to be put in place     (beside the target, if that is another file system)
//! .forum/old/<n>     what was moved out of the way
//! .forum/stage.json  which stages lie beside targets
//! .forum/journal.json  the change is decided; written when all of the above is on the disk
//! ```
//! A failure leaves the workspace as it was. After a kill each target is wholly old or wholly new, and
//! [`recover`] finishes the change or throws it away.

use std::path::{Path, PathBuf};

use anyhow::Result;

use super::apply::{self, AREAS, BESIDE, Change, FORUM, IGNORE, Journal, Look, OLD, Operation, OperationKind, STAGE};
use super::dir::{Dir, Kind, Readers};
use super::platform;
pub use super::recover::{Recovered, recover};
use super::recover::{clean, is_interrupted};
use super::snapshot::{Snapshot, check_file};
pub use super::staged::StagedTree;
use crate::error::Code;
use crate::fail;
use crate::model::digest::FileMode;
use crate::model::path::{RelPath, collision_key};
use crate::store::interrupt;

pub(super) const IGNORE_ALL: &[u8] = b"*\n";
/// What has to lie at a target when the change is committed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expectation {
    /// Nothing, or an empty directory.
    Absent,
    /// Something.
    Present,
}

/// A change of a workspace. Dropped without [`Self::commit`], it leaves nothing behind.
#[derive(Debug)]
pub struct Transaction {
    pub(super) workspace: Dir,
    forum: Option<Dir>,
    areas: Vec<RelPath>,
    pub(super) operations: Vec<Operation>,
    expectations: Vec<(RelPath, Expectation)>,
    /// Directories that people may be at work in, as they were when they were read.
    watched: Vec<(RelPath, Snapshot)>,
    /// Files that people may write, as they were when they were read.
    watched_files: Vec<(RelPath, Option<Vec<u8>>)>,
    /// Whether dropping cleans up; not so when a journal tells the next run what to do.
    cleans: bool,
}

impl Transaction {
    /// Begins a change; nothing is written before the first file is staged. The caller holds the workspace's lock.
    ///
    /// # Errors
    /// When the workspace cannot be opened.
    pub fn begin(workspace: &Path) -> Result<Self> {
        let workspace = Dir::open(workspace)?;
        Ok(Self {
            workspace,
            forum: None,
            areas: Vec::new(),
            operations: Vec::new(),
            expectations: Vec::new(),
            watched: Vec::new(),
            watched_files: Vec::new(),
            cleans: true,
        })
    }

    /// Stages a directory that will replace what lies at `target`, as a whole.
    ///
    /// # Errors
    /// A link or file on the way or at the target: [`Code::Occupied`].
    pub fn stage_tree(&mut self, target: &RelPath) -> Result<StagedTree<'_>> {
        self.fitting(target, OperationKind::PutTree)?;
        let (area, stage) = self.area(target)?;
        let slot = PathBuf::from(self.operations.len().to_string());
        // An earlier tree may have been begun and not finished.
        stage.remove_tree(&slot)?;
        stage.make_dir(&slot, Readers::Everyone)?;
        let root = stage.create_parts(&slot, Readers::Everyone)?;
        let target = target.clone();
        Ok(StagedTree::new(self, target, area, stage, slot, root))
    }

    /// Stages a file. One that exists keeps its mode; one that has these bytes already is left alone.
    ///
    /// # Errors
    /// A link or directory on the way or at the target: [`Code::Occupied`].
    pub fn stage_file(&mut self, target: &RelPath, bytes: &[u8]) -> Result<()> {
        let existing = self.fitting(target, OperationKind::PutFile)?;
        if let Some(Kind::File { len, .. }) = existing
            && len == bytes.len() as u64
            && self.workspace.read(target, len)?.as_deref() == Some(bytes)
        {
            return Ok(());
        }
        let (area, stage) = self.area(target)?;
        let slot = PathBuf::from(self.operations.len().to_string());
        stage.remove_tree(&slot)?;
        stage.write_new(&slot, bytes, FileMode::Regular, Readers::Everyone)?;
        if let Some(mode) = self.workspace.metadata_below(target)?.as_ref().and_then(platform::mode_of) {
            stage.set_mode(&slot, mode)?;
        }
        stage.sync_file(&slot)?;
        let inode = stage.metadata(&slot)?.as_ref().and_then(platform::inode);
        self.operations.push(Operation::new(OperationKind::PutFile, target.clone(), area, inode));
        Ok(())
    }

    /// Takes a directory away, as a whole. One that is not there is as good as taken away.
    ///
    /// # Errors
    /// A link or file on the way or at the target: [`Code::Occupied`].
    pub fn remove_tree(&mut self, target: &RelPath) -> Result<()> {
        self.remove(target, OperationKind::RemoveTree)
    }

    /// Takes a file away. One that is not there is as good as taken away.
    ///
    /// # Errors
    /// A link or directory on the way or at the target: [`Code::Occupied`].
    pub fn remove_file(&mut self, target: &RelPath) -> Result<()> {
        self.remove(target, OperationKind::RemoveFile)
    }

    fn remove(&mut self, target: &RelPath, kind: OperationKind) -> Result<()> {
        if self.fitting(target, kind)?.is_none() {
            return Ok(());
        }
        let (area, _) = self.area(target)?;
        let inode = self.workspace.metadata_below(target)?.as_ref().and_then(platform::inode);
        self.operations.push(Operation::new(kind, target.clone(), area, inode));
        Ok(())
    }

    /// Demands that something or nothing lies at `target`, now and at the commit.
    ///
    /// # Errors
    /// [`Code::Occupied`] or [`Code::NotFound`].
    pub fn expect(&mut self, target: &RelPath, expectation: Expectation) -> Result<()> {
        self.check(target, expectation)?;
        self.expectations.push((target.clone(), expectation));
        Ok(())
    }

    /// Demands that the directory at `target` is replaced as it was read: what a person does there meanwhile is not lost.
    pub fn watch(&mut self, target: &RelPath, read: Snapshot) {
        self.watched.push((target.clone(), read));
    }

    /// As [`Self::watch`], for a file and what it held; `None` where there was none.
    pub fn watch_file(&mut self, target: &RelPath, read: Option<Vec<u8>>) {
        self.watched_files.push((target.clone(), read));
    }

    fn check_watched(&self) -> Result<()> {
        self.watched.iter().try_for_each(|(target, read)| read.check(target, self.workspace.find_below(target)?.as_ref()))?;
        self.watched_files.iter().try_for_each(|(target, read)| {
            let now = self.workspace.read(target, u64::MAX)?;
            check_file(target, read.as_deref(), now.as_deref())
        })
    }

    /// The same once more for what the change has moved out of the way.
    fn check_replaced(&self, change: &Change<'_>) -> Result<()> {
        let number_of = |target: &RelPath| self.operations.iter().position(|operation| operation.target == *target);
        for (target, read) in &self.watched {
            if let Some(number) = number_of(target) {
                read.check(target, change.replaced(number)?.as_ref())?;
            }
        }
        for (target, read) in &self.watched_files {
            if let Some(number) = number_of(target) {
                check_file(target, read.as_deref(), change.replaced_file(number)?.as_deref())?;
            }
        }
        Ok(())
    }

    fn check(&self, target: &RelPath, expectation: Expectation) -> Result<()> {
        match (expectation, self.workspace.kind_below(target)?) {
            (Expectation::Absent, None) | (Expectation::Present, Some(_)) => Ok(()),
            (Expectation::Absent, Some(Kind::Dir)) if self.workspace.open_below(target)?.names()?.is_empty() => Ok(()),
            (Expectation::Absent, Some(kind)) => fail!(Code::Occupied, "{target} is taken: {kind} is there that forum did not put there"),
            (Expectation::Present, None) => fail!(Code::NotFound, "{target} is gone"),
        }
    }

    /// Makes the change: all of it, or none of it and an error.
    ///
    /// # Errors
    /// What the file system said. The workspace is as it was, unless the message says that the next run finishes.
    pub fn commit(mut self) -> Result<()> {
        for (target, expectation) in &self.expectations {
            self.check(target, *expectation)?;
        }
        self.disjoint()?;
        let Some(forum) = self.forum.as_ref() else { return Ok(()) };
        if self.operations.is_empty() {
            return self.clean();
        }
        self.sync_stages()?;
        interrupt::check()?;
        self.check_watched()?;
        let (journal, staged) = self.decided(forum)?;
        let change = Change { workspace: &self.workspace, forum, journal: &journal };
        journal.write(forum)?;
        if let Err(error) = change.roll_forward().and_then(|()| self.check_replaced(&change)) {
            if let Err(again) = change.roll_back() {
                self.cleans = false;
                return Err(error.context(format!(
                    "half of the change is made and could not be undone ({again:#}); the next run of forum finishes it"
                )));
            }
            return Err(match change.rescue(&staged) {
                Ok(rescued) if rescued.is_empty() => error,
                Ok(rescued) => error.context(format!("what was written at the last moment lies in {}", rescued.join(", "))),
                // Cleaning up would lose it.
                Err(again) => {
                    self.cleans = false;
                    error.context(format!("what was written at the last moment lies in {FORUM}/{STAGE} ({again:#})"))
                }
            });
        }
        // The change is made. What cannot be cleaned up now, the next run cleans up.
        let _ = self.clean();
        self.cleans = false;
        Ok(())
    }

    /// The journal, with what lies at the targets now; and what the directories that are staged look like.
    fn decided(&self, forum: &Dir) -> Result<(Journal, Vec<Snapshot>)> {
        let mut journal = Journal::new(self.missing_parents()?, self.areas.clone(), self.operations.clone());
        let looks = Change { workspace: &self.workspace, forum, journal: &journal }.look()?;
        let mut all_staged = Vec::new();
        for (operation, Look { before, after, staged }) in journal.operations.iter_mut().zip(looks) {
            (operation.before, operation.after) = (Some(before), Some(after));
            all_staged.push(staged);
        }
        Ok((journal, all_staged))
    }

    fn clean(&self) -> Result<()> {
        let Some(forum) = self.forum.as_ref() else { return Ok(()) };
        clean(&self.workspace, forum, &self.areas)
    }

    /// What lies at a target, if the operation can be done to it.
    fn fitting(&self, target: &RelPath, kind: OperationKind) -> Result<Option<Kind>> {
        apply::check_target(target)?;
        match self.workspace.kind_below(target)? {
            Some(found) if !kind.fits(found) => {
                fail!(Code::Occupied, "{target} is {found}; forum replaces only what it put there, and follows no links")
            }
            found => Ok(found),
        }
    }

    /// No target inside another: their order would matter.
    fn disjoint(&self) -> Result<()> {
        let mut keys: Vec<_> =
            self.operations.iter().map(|o| (collision_key(o.target.as_str()).replace('/', "\0") + "\0", &o.target)).collect();
        keys.sort();
        for pair in keys.windows(2) {
            if pair[1].0.starts_with(&pair[0].0) {
                fail!(Code::Occupied, "{} and {} cannot change in one step: one lies in the other", pair[0].1, pair[1].1);
            }
        }
        Ok(())
    }

    fn missing_parents(&self) -> Result<Vec<RelPath>> {
        let mut missing = Vec::new();
        for operation in &self.operations {
            let mut above = operation.target.parent();
            while let Some(path) = above {
                above = path.parent();
                if self.workspace.find_below(&path)?.is_none() && !missing.contains(&path) {
                    missing.push(path);
                }
            }
        }
        missing.sort();
        Ok(missing)
    }

    fn sync_stages(&self) -> Result<()> {
        let Some(forum) = self.forum.as_ref() else { return Ok(()) };
        for beside in &self.areas {
            let area = self.workspace.open_below(beside)?;
            sync_area(&area)?;
            if let Some(above) = beside.parent() {
                self.workspace.open_below(&above)?.sync()?;
            }
        }
        sync_area(forum)?;
        self.workspace.sync()
    }

    /// The stage for a target: its number and directory. Made on first use.
    fn area(&mut self, target: &RelPath) -> Result<(Option<usize>, Dir)> {
        if self.forum.is_none() {
            self.forum = Some(self.open_forum()?);
        }
        let Some(forum) = self.forum.as_ref() else { fail!(Code::Internal, "no stage for {target}") };
        let Some(above) = self.other_file_system(forum, target)? else { return Ok((None, make_area(forum)?)) };
        if let Some(number) = self.areas.iter().position(|area| area.parent().as_ref() == Some(&above)) {
            return Ok((Some(number), make_area(&self.workspace.open_below(&self.areas[number])?)?));
        }
        let beside = above.join(&format!("{BESIDE}{:016x}", super::random()).parse()?)?;
        self.areas.push(beside.clone());
        // The name is on the disk before the directory, so that no kill leaves one that nobody knows.
        apply::write_json(forum, AREAS, &self.areas)?;
        let area = self.workspace.create_below(&beside)?;
        Ok((Some(self.areas.len() - 1), make_area(&area)?))
    }

    /// The innermost existing directory above `target`, if it lies on another file system than the workspace.
    fn other_file_system(&self, forum: &Dir, target: &RelPath) -> Result<Option<RelPath>> {
        let mut above = target.parent();
        while let Some(path) = above {
            if let Some(dir) = self.workspace.find_below(&path)? {
                return Ok(if forum.shares_file_system(&dir)? { None } else { Some(path) });
            }
            above = path.parent();
        }
        Ok(None)
    }

    fn open_forum(&self) -> Result<Dir> {
        let name = Path::new(FORUM);
        if let Some(forum) = self.workspace.child(name)? {
            if is_interrupted(&forum)? {
                fail!(
                    Code::Occupied,
                    "{} holds a change that was cut off; run any command of forum here to finish it",
                    forum.path().display()
                );
            }
            self.ignore_all(&forum)?;
            return Ok(forum);
        }
        let made = self.workspace.create_parts(name, Readers::Everyone).and_then(|forum| self.ignore_all(&forum).map(|()| forum));
        if made.is_err()
            && let Ok(Some(forum)) = self.workspace.child(name)
        {
            let _ = clean(&self.workspace, &forum, &[]);
        }
        made
    }

    #[expect(clippy::unused_self, reason = "reads as what the transaction does to its directory")]
    fn ignore_all(&self, forum: &Dir) -> Result<()> {
        match forum.kind(Path::new(IGNORE))? {
            Some(_) => Ok(()),
            None => forum.write_new(Path::new(IGNORE), IGNORE_ALL, FileMode::Regular, Readers::Everyone),
        }
    }
}

impl Drop for Transaction {
    fn drop(&mut self) {
        if self.cleans {
            let _ = self.clean();
        }
    }
}

fn make_area(area: &Dir) -> Result<Dir> {
    area.create_parts(Path::new(OLD), Readers::Everyone)?;
    area.create_parts(Path::new(STAGE), Readers::Everyone)
}

/// Nothing lies in `old` yet.
fn sync_area(area: &Dir) -> Result<()> {
    if let Some(stage) = area.child(Path::new(STAGE))? {
        stage.sync()?;
    }
    area.sync()
}

#[cfg(test)]
#[path = "journal_tests.rs"]
mod tests;
