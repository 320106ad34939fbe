//! The journal of a change to a workspace, and how all of it is done or undone.
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
use super::snapshot::Snapshot;
use super::step::{Progress, Step, look, nothing, tree};
use crate::error::Code;
use crate::fail;
use crate::model::digest::{Checksum, FileMode};
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
/// How often something may be rescued beside one target.
const MOST_RESCUED: usize = 1000;
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
    /// What lay at the target when the change was decided, and what is to lie there: as [`look`] tells. So the next run knows
    /// whether a person was at work there since.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) before: Option<Checksum>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) after: Option<Checksum>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum OperationKind {
    PutTree,
    PutFile,
    RemoveTree,
    RemoveFile,
}

impl Operation {
    pub(super) const fn new(kind: OperationKind, target: RelPath, area: Option<usize>, inode: Option<u64>) -> Self {
        Self { kind, target, area, inode, before: None, after: None }
    }
}

impl OperationKind {
    pub(super) const fn fits(self, kind: Kind) -> bool {
        match self {
            Self::PutTree | Self::RemoveTree => matches!(kind, Kind::Dir),
            Self::PutFile | Self::RemoveFile => matches!(kind, Kind::File { .. }),
        }
    }

    pub(super) const fn wanted(self) -> &'static str {
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

/// What a change finds when it is decided.
pub(super) struct Look {
    /// What lies at the target.
    pub(super) before: Checksum,
    /// What is to lie there.
    pub(super) after: Checksum,
    /// What that looks like, where it is a directory.
    pub(super) staged: Snapshot,
}

/// The directories that a journal speaks of.
pub(super) struct Change<'a> {
    pub(super) workspace: &'a Dir,
    pub(super) forum: &'a Dir,
    pub(super) journal: &'a Journal,
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
            if !self.has_parent(&self.journal.operations[number]) {
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

    /// Saves what a person wrote into something that was in place for a moment and was taken back again: it goes beside
    /// the target, under a name that is told.
    /// `staged` is what the directories looked like before. A file that the change did not touch is the same in both.
    pub(super) fn rescue(&self, staged: &[Snapshot]) -> Result<Vec<String>> {
        let mut rescued = Vec::new();
        for ((number, operation), staged) in self.journal.operations.iter().enumerate().zip(staged) {
            if !self.has_parent(operation) {
                continue;
            }
            let (stage, _, slot) = self.stage(number)?;
            let (parent, name) = self.place(&operation.target)?;
            let written = match operation.kind {
                OperationKind::PutTree => tree(&stage, &slot)?.has_more_than(&[staged, &tree(&parent, &name)?]),
                OperationKind::PutFile => Some(look(&stage, &slot)?) != operation.after,
                OperationKind::RemoveTree | OperationKind::RemoveFile => false,
            };
            if !written {
                continue;
            }
            let names = (1..).map(|number| PathBuf::from(format!("{}.meanwhile-{number}", name.display())));
            let free = |name: &PathBuf| parent.kind(name).is_ok_and(|kind| kind.is_none());
            let Some(beside) = names.take(MOST_RESCUED).find(free) else {
                fail!(Code::Occupied, "{} has no room beside it", operation.target)
            };
            stage.rename(&slot, &parent, &beside)?;
            parent.sync()?;
            rescued.push(
                operation.target.parent().map_or_else(|| beside.display().to_string(), |above| format!("{above}/{}", beside.display())),
            );
        }
        Ok(rescued)
    }

    /// What lies at each target and on each stage, for the journal.
    pub(super) fn look(&self) -> Result<Vec<Look>> {
        let mut looks = Vec::new();
        for (number, operation) in self.journal.operations.iter().enumerate() {
            let (stage, _, slot) = self.stage(number)?;
            let above = if self.has_parent(operation) { Some(self.place(&operation.target)?) } else { None };
            let before = above.map_or_else(|| Ok(nothing()), |(parent, name)| look(&parent, &name))?;
            let is_tree = operation.kind == OperationKind::PutTree;
            let staged = if is_tree { tree(&stage, &slot)? } else { Snapshot::default() };
            let after = if is_tree { staged.digest() } else { look(&stage, &slot)? };
            looks.push(Look { before, after, staged });
        }
        Ok(looks)
    }

    /// Whether each step is done, and whether its target is what the journal says: else a person was at work there since.
    pub(super) fn progress(&self) -> Result<Vec<Progress>> {
        let mut all = Vec::new();
        for (number, operation) in self.journal.operations.iter().enumerate() {
            // A step whose directory was never made cannot have been done.
            let none = Progress { done: false, changed: false };
            all.push(if self.has_parent(operation) { self.step(number)?.progress(operation)? } else { none });
        }
        Ok(all)
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
            if !self.has_parent(operation) {
                continue;
            }
            let step = self.step(number)?;
            if parents.insert(operation.target.parent()) {
                step.parent.sync()?;
            }
            if areas.insert(operation.area) {
                step.stage.sync()?;
                // Where entries are exchanged nothing was ever put there.
                if !step.old.names()?.is_empty() {
                    step.old.sync()?;
                }
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

    /// Whether the directory is there that the target of an operation lies in.
    fn has_parent(&self, operation: &Operation) -> bool {
        let above = operation.target.parent();
        above.is_none_or(|above| matches!(self.workspace.find_below(&above), Ok(Some(_))))
    }

    /// Where an operation's entry is staged, where what it replaces is put, and what both are called.
    fn stage(&self, number: usize) -> Result<(Dir, Dir, PathBuf)> {
        let area = match self.journal.operations[number].area.and_then(|n| self.journal.areas.get(n)) {
            Some(beside) => self.workspace.open_below(beside)?,
            None => self.forum.try_clone()?,
        };
        let open = |name: &str| -> Result<Dir> {
            match area.child(Path::new(name))? {
                Some(dir) => Ok(dir),
                None => fail!(Code::InvalidWorkspace, "{} is missing, which the journal beside it needs", area.show(Path::new(name))),
            }
        };
        Ok((open(STAGE)?, open(OLD)?, PathBuf::from(number.to_string())))
    }

    fn step(&self, number: usize) -> Result<Step> {
        let Operation { kind, inode, target, .. } = &self.journal.operations[number];
        let (parent, name) = self.place(target)?;
        let (stage, old, slot) = self.stage(number)?;
        Ok(Step { kind: *kind, inode: *inode, parent, name, stage, old, slot })
    }
}
