//! Base, ours and theirs of a component, of which a file is read when it is needed: memory is bounded by the largest
//! file, not by the component.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Error, Result};
use semver::Version;

use super::edition::{Edition, Known, KnownFiles};
use crate::formats::merge::{Merged, merge_file};
use crate::formats::text::{Labels, in_ends_of_ours};
use crate::model::lockfile::LockEntry;
use crate::model::merge::renames::{Files, Lines, Reader, detected, renames};
use crate::model::path::RelPath;
use crate::model::written::Sums;
use crate::store::fs::dir::Dir;
use crate::store::fs::snapshot::changed;
use crate::store::interrupt;
use crate::store::workspace::Workspace;

/// What lies in the workspace.
#[derive(Default)]
pub(super) struct Ours {
    /// Its directory, and where that is in the workspace.
    place: Option<(RelPath, Dir)>,
    pub(super) files: KnownFiles,
}

impl Ours {
    /// Looks at the files of a component.
    pub(super) fn read(workspace: &Workspace, entry: &LockEntry) -> Result<Self> {
        let mut files = KnownFiles::new();
        for found in workspace.files(entry)?.into_iter().flatten() {
            interrupt::check()?;
            let found = found?;
            // A name that could not be published is that of no file of the component.
            if let Some(path) = found.path {
                files.insert(path, Known { sums: found.bytes.as_deref().map(Sums::of), executable: found.executable });
            }
        }
        Ok(Self { place: workspace.directory(&entry.path)?.map(|dir| (entry.path.clone(), dir)), files })
    }

    /// One file. It must be what it was when it was looked at: by that was decided.
    fn bytes(&self, path: &RelPath) -> Result<Vec<u8>> {
        let Some((at, dir)) = &self.place else { return Ok(Vec::new()) };
        let sums = self.files.get(path).and_then(|known| known.sums);
        match dir.read(path, u64::MAX)? {
            Some(bytes) if Some(Sums::of(&bytes)) == sums => Ok(bytes),
            _ => Err(changed(&format!("{at}/{path}")).into()),
        }
    }
}

/// The three sides of a component.
pub(super) struct Sides<'r> {
    /// None for a component that comes anew.
    pub(super) base: Option<Edition<'r>>,
    pub(super) ours: Ours,
    pub(super) theirs: Edition<'r>,
    pub(super) from: Version,
    pub(super) to: Version,
    pub(super) labels: Labels,
}

/// Where a file lies on each side, as far as it is there.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Trio {
    pub(super) base: Option<RelPath>,
    pub(super) ours: Option<RelPath>,
    pub(super) theirs: Option<RelPath>,
}

/// Where what is written comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Source {
    /// The newer version; where nothing but line ends was changed here, with those of here.
    Theirs,
    /// Ours, at another place.
    Ours,
    /// Both; the text itself as long as there is room for it, else it is merged once more.
    Merged(Option<Vec<u8>>),
    /// A report on what disagrees.
    Report(Vec<u8>),
}

/// Three texts of one file.
pub(super) struct Texts {
    pub(super) base: Vec<u8>,
    pub(super) ours: Vec<u8>,
    pub(super) theirs: Vec<u8>,
}

impl Texts {
    pub(super) fn merge(&self, labels: &Labels) -> Merged {
        merge_file(&self.base, &self.ours, &self.theirs, labels)
    }
}

static NO_FILES: KnownFiles = KnownFiles::new();

impl Sides<'_> {
    pub(super) fn base_files(&self) -> &KnownFiles {
        self.base.as_ref().map_or(&NO_FILES, |base| &base.files)
    }

    /// Reads the three texts of a file; empty ones where it is not.
    pub(super) fn texts(&self, trio: &Trio) -> Result<Texts> {
        interrupt::check()?;
        let base = trio.base.as_ref().zip(self.base.as_ref()).map(|(path, base)| base.bytes(path)).transpose()?;
        let ours = trio.ours.as_ref().map(|path| self.ours.bytes(path)).transpose()?;
        let theirs = trio.theirs.as_ref().map(|path| self.theirs.bytes(path)).transpose()?;
        Ok(Texts { base: base.unwrap_or_default(), ours: ours.unwrap_or_default(), theirs: theirs.unwrap_or_default() })
    }

    /// What is written to a file.
    pub(super) fn written<'s>(&self, trio: &Trio, source: &'s Source) -> Result<Cow<'s, [u8]>> {
        Ok(match source {
            Source::Report(bytes) | Source::Merged(Some(bytes)) => Cow::Borrowed(bytes),
            Source::Ours => Cow::Owned(self.texts(&Trio { ours: trio.ours.clone(), ..Trio::default() })?.ours),
            Source::Theirs if trio.base.is_none() || trio.ours.is_none() => {
                Cow::Owned(self.texts(&Trio { theirs: trio.theirs.clone(), ..Trio::default() })?.theirs)
            }
            Source::Theirs => {
                let Texts { base, ours, theirs } = self.texts(trio)?;
                Cow::Owned(in_ends_of_ours(&base, &ours, &theirs).into_owned())
            }
            Source::Merged(None) => {
                let texts = self.texts(trio)?;
                match texts.merge(&self.labels) {
                    Merged::Clean(bytes) | Merged::Marked(bytes) | Merged::Reported(bytes, _) => Cow::Owned(bytes),
                    Merged::Unmergeable => Cow::Owned(texts.ours),
                }
            }
        })
    }

    /// What was renamed upstream, as far as no file that only we have stands there; and here, as far as upstream changed
    /// the file, moved it or took it away. What both renamed alike is in both.
    pub(super) fn moves(&self) -> Result<(Renames, Renames)> {
        let (base, ours) = (self.base_files(), &self.ours.files);
        let sums = |files: &'_ KnownFiles| -> Vec<(RelPath, Sums)> {
            files.iter().filter_map(|(path, known)| Some((path.clone(), known.sums?))).collect()
        };
        let (old, new, mine) = (sums(base), sums(&self.theirs.files), sums(ours));
        let [old, new, mine] = [&old, &new, &mine].map(|all| all.iter().map(|(path, sums)| (path, *sums)).collect::<Files<'_>>());
        let declared = &self.theirs.manifest.renames;
        let reader = Likeness { new: &|path| self.theirs.bytes(path), old: &|path| self.base_bytes(path) };
        let mut upstream = renames((&self.from, &old), (&self.to, &new), declared, &reader)?;
        let reader = Likeness { new: &|path| self.ours.bytes(path), old: &|path| self.base_bytes(path) };
        let mut here: Renames = detected(&old, &mine, &reader)?.into_iter().map(|(from, to)| (from.clone(), to.clone())).collect();
        let only_ours = |path: &RelPath| ours.contains_key(path) && !base.contains_key(path);
        upstream.retain(|from, to| {
            let taken = only_ours(to) && here.get(from) != Some(to);
            !taken && ours.get(from).is_none_or(|file| file.sums.is_some())
        });
        let taken_over: BTreeSet<&RelPath> = upstream.values().collect();
        let changed = |path: &RelPath| !taken_over.contains(path) && new.get(path).is_none_or(|sums| sums.exact != old[path].exact);
        here.retain(|from, to| match upstream.get(from) {
            Some(theirs) => theirs == to || !new.contains_key(to),
            None => changed(from) && !new.contains_key(to),
        });
        Ok((upstream, here))
    }

    fn base_bytes(&self, path: &RelPath) -> Result<Vec<u8>> {
        self.base.as_ref().map_or_else(|| Ok(Vec::new()), |base| base.bytes(path))
    }
}

/// New names by old ones.
pub(super) type Renames = BTreeMap<RelPath, RelPath>;

/// Reads files to see which are alike.
struct Likeness<'a> {
    old: &'a dyn Fn(&RelPath) -> Result<Vec<u8>>,
    new: &'a dyn Fn(&RelPath) -> Result<Vec<u8>>,
}

impl Reader for Likeness<'_> {
    type Error = Error;

    fn gone(&self, path: &RelPath) -> Result<Option<Lines>> {
        Ok(Lines::of(&(self.old)(path)?))
    }

    fn come(&self, path: &RelPath) -> Result<Option<Lines>> {
        Ok(Lines::of(&(self.new)(path)?))
    }
}
