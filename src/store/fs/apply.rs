//! The journal of a change to a workspace, and how each of its steps is done, undone and found done.
//!
//! Owns the format of `.forum/journal.json`. Format 1; another format is refused, because a journal is read
//! only by the run after the one that was cut off. Its presence is the commit point: with it the next run
//! rolls forward, without it whatever is staged is thrown away.
//!
//! No progress is written down. Whether a step is done shows in the directories: a staged entry with the
//! inode of the journal has not been put in its place yet, a removed one lies in `old`.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use serde::{Deserialize, Serialize};

use super::dir::{Dir, Kind, Readers};
use super::platform;
use crate::error::Code;
use crate::fail;
use crate::model::digest::FileMode;
use crate::model::path::RelPath;

pub(super) const FORUM: &str = ".forum";
pub(super) const JOURNAL: &str = "journal.json";
pub(super) const AREAS: &str = "stage.json";
pub(super) const IGNORE: &str = ".gitignore";
pub(super) const STAGE: &str = "stage";
pub(super) const OLD: &str = "old";
/// How the name of a stage beside its target begins.
pub(super) const BESIDE: &str = ".forum-stage-";
const FORMAT: u32 = 1;
const LIMIT: u64 = 64 << 20;

/// What the next run needs to know.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Journal {
    pub(super) format: u32,
    /// Directories above targets that did not exist, outermost first.
    pub(super) created: Vec<RelPath>,
    /// Stages beside their targets, on other file systems than the workspace.
    pub(super) areas: Vec<RelPath>,
    pub(super) operations: Vec<Operation>,
}

/// One step. Its entry in `stage` and `old` is named after its place in the list.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Operation {
    pub(super) kind: OperationKind,
    pub(super) target: RelPath,
    /// Which of the stages beside targets; none: the one in `.forum`.
    pub(super) area: Option<usize>,
    /// Of what is staged, or of what is to be removed.
    pub(super) inode: Option<u64>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum OperationKind {
    PutTree,
    PutFile,
    RemoveTree,
    RemoveFile,
}

impl OperationKind {
    pub(super) const fn fits(self, kind: Kind) -> bool {
        match self {
            Self::PutTree | Self::RemoveTree => matches!(kind, Kind::Dir),
            Self::PutFile | Self::RemoveFile => matches!(kind, Kind::File { .. }),
        }
    }

    const fn wanted(self) -> &'static str {
        match self {
            Self::PutTree | Self::RemoveTree => "a directory",
            Self::PutFile | Self::RemoveFile => "a file",
        }
    }
}

impl Journal {
    pub(super) fn new(created: Vec<RelPath>, areas: Vec<RelPath>, operations: Vec<Operation>) -> Self {
        Self { format: FORMAT, created, areas, operations }
    }

    /// Writes the journal; with its rename the change is decided.
    pub(super) fn write(&self, forum: &Dir) -> Result<()> {
        write_json(forum, JOURNAL, self)
    }

    pub(super) fn read(forum: &Dir) -> Result<Option<Self>> {
        let Some(journal) = read_json::<Self>(forum, JOURNAL)? else { return Ok(None) };
        if journal.format != FORMAT {
            fail!(Code::InvalidWorkspace, "{} has format {}, this forum knows {FORMAT}", forum.show(Path::new(JOURNAL)), journal.format);
        }
        let ours = |target: &RelPath| check_target(target).is_ok();
        let areas =
            journal.areas.iter().all(is_beside) && journal.operations.iter().all(|o| o.area.is_none_or(|n| n < journal.areas.len()));
        if !areas || !journal.operations.iter().all(|o| ours(&o.target)) || !journal.created.iter().all(ours) {
            fail!(Code::InvalidWorkspace, "{} names what forum never writes to", forum.show(Path::new(JOURNAL)));
        }
        Ok(Some(journal))
    }
}

/// Refuses what belongs to the machinery itself.
pub(super) fn check_target(target: &RelPath) -> Result<()> {
    let mut parts = target.parts().map(str::to_lowercase);
    let (first, second) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
    let own = ["", STAGE, OLD, JOURNAL, AREAS, IGNORE].contains(&second.as_str());
    if (first == FORUM && own) || target.parts().any(|part| part.to_lowercase().starts_with(BESIDE)) {
        fail!(Code::UnsafeContent, "{target} is where forum itself works");
    }
    Ok(())
}

/// Whether a path can only be a stage that forum made.
pub(super) fn is_beside(path: &RelPath) -> bool {
    path.file_name().starts_with(BESIDE)
}

pub(super) fn write_json<T: Serialize>(forum: &Dir, name: &str, value: &T) -> Result<()> {
    let draft = PathBuf::from(format!("{name}.new"));
    forum.remove_file(&draft)?;
    let bytes = serde_json::to_vec_pretty(value).context("writing JSON")?;
    forum.write_new(&draft, &bytes, FileMode::Regular, Readers::Everyone)?;
    forum.sync_file(&draft)?;
    forum.rename(&draft, forum, Path::new(name))?;
    forum.sync()
}

pub(super) fn read_json<T: for<'a> Deserialize<'a>>(forum: &Dir, name: &str) -> Result<Option<T>> {
    let Some(bytes) = forum.read_native(Path::new(name), LIMIT)? else { return Ok(None) };
    match serde_json::from_slice(&bytes) {
        Ok(value) => Ok(Some(value)),
        Err(why) => fail!(Code::InvalidWorkspace, "{} was not written by forum: {why}", forum.show(Path::new(name))),
    }
}

/// The directories that a journal speaks of.
pub(super) struct Change<'a> {
    pub(super) workspace: &'a Dir,
    pub(super) forum: &'a Dir,
    pub(super) journal: &'a Journal,
}

/// Everything that one step touches, opened.
struct Step {
    kind: OperationKind,
    inode: Option<u64>,
    parent: Dir,
    name: PathBuf,
    stage: Dir,
    old: Dir,
    slot: PathBuf,
}

impl Change<'_> {
    /// Does what is not done yet, and brings it to the disk.
    pub(super) fn roll_forward(&self) -> Result<()> {
        for path in &self.journal.created {
            let (parent, name) = self.place(path)?;
            if parent.kind(&name)?.is_none() {
                parent.make_dir(&name, Readers::Everyone)?;
                parent.sync()?;
            }
        }
        for number in 0..self.journal.operations.len() {
            let step = self.step(number)?;
            step.forward().with_context(|| format!("putting {} in place", self.journal.operations[number].target))?;
        }
        self.sync()
    }

    /// Undoes what is done, last first, and brings that to the disk.
    pub(super) fn roll_back(&self) -> Result<()> {
        for number in (0..self.journal.operations.len()).rev() {
            // A step whose directory was never made cannot have been done.
            let above = self.journal.operations[number].target.parent();
            if above.is_some_and(|above| !matches!(self.workspace.find_below(&above), Ok(Some(_)))) {
                continue;
            }
            let step = self.step(number)?;
            step.back().with_context(|| format!("putting {} back", self.journal.operations[number].target))?;
        }
        self.sync()?;
        for path in self.journal.created.iter().rev() {
            let above = match path.parent() {
                Some(above) => self.workspace.find_below(&above)?,
                None => Some(self.workspace.try_clone()?),
            };
            if let Some(parent) = above
                && parent.find_below(&path.file_name().parse()?)?.is_some_and(|dir| dir.names().is_ok_and(|names| names.is_empty()))
            {
                parent.remove_dir(Path::new(path.file_name()))?;
                parent.sync()?;
            }
        }
        Ok(())
    }

    /// The directory that a step which is done has put out of the way.
    pub(super) fn replaced(&self, number: usize) -> Result<Option<Dir>> {
        let step = self.step(number)?;
        if step.old.kind(&step.slot)?.is_some() { step.old.child(&step.slot) } else { step.stage.child(&step.slot) }
    }

    /// What the file held that a step which is done has put out of the way.
    pub(super) fn replaced_file(&self, number: usize) -> Result<Option<Vec<u8>>> {
        let step = self.step(number)?;
        let from = if step.old.kind(&step.slot)?.is_some() { &step.old } else { &step.stage };
        from.read_native(&step.slot, u64::MAX)
    }

    fn sync(&self) -> Result<()> {
        if self.journal.operations.len() > 16 && self.journal.areas.is_empty() && self.forum.sync_file_system()? {
            return Ok(());
        }
        let (mut parents, mut areas) = (BTreeSet::new(), BTreeSet::new());
        for (number, operation) in self.journal.operations.iter().enumerate() {
            let above = operation.target.parent();
            if above.as_ref().is_some_and(|above| !matches!(self.workspace.find_below(above), Ok(Some(_)))) {
                continue;
            }
            let step = self.step(number)?;
            if parents.insert(above) {
                step.parent.sync()?;
            }
            if areas.insert(operation.area) {
                step.stage.sync()?;
                step.old.sync()?;
            }
        }
        Ok(())
    }

    fn place(&self, path: &RelPath) -> Result<(Dir, PathBuf)> {
        let parent = match path.parent() {
            Some(above) => self.workspace.open_below(&above)?,
            None => self.workspace.try_clone()?,
        };
        Ok((parent, PathBuf::from(path.file_name())))
    }

    fn step(&self, number: usize) -> Result<Step> {
        let operation = &self.journal.operations[number];
        let (parent, name) = self.place(&operation.target)?;
        let area = match operation.area.and_then(|n| self.journal.areas.get(n)) {
            Some(beside) => self.workspace.open_below(beside)?,
            None => self.forum.try_clone()?,
        };
        let open = |name: &str| -> Result<Dir> {
            match area.child(Path::new(name))? {
                Some(dir) => Ok(dir),
                None => fail!(Code::InvalidWorkspace, "{} is missing, which the journal beside it needs", area.show(Path::new(name))),
            }
        };
        let slot = PathBuf::from(number.to_string());
        Ok(Step { kind: operation.kind, inode: operation.inode, parent, name, stage: open(STAGE)?, old: open(OLD)?, slot })
    }
}

impl Step {
    fn forward(&self) -> Result<()> {
        match self.kind {
            OperationKind::PutTree | OperationKind::PutFile => self.put(),
            OperationKind::RemoveTree | OperationKind::RemoveFile => self.remove(),
        }
    }

    fn back(&self) -> Result<()> {
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
