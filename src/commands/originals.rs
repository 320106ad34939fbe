//! What was fetched, made again from the registry: the published files with the answers of the lock in them.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use anyhow::Result;
use serde::Serialize;

use super::prepared::{Place, Prepared, Written};
use crate::model::content::ContentFile;
use crate::model::digest::FileMode;
use crate::model::index::VersionRecord;
use crate::model::lockfile::LockEntry;
use crate::model::path::RelPath;
use crate::model::resolve::Catalog as _;
use crate::model::secret_places::reading::{Reading, read, read_lines};
use crate::model::secret_places::{Outline, Rules};
use crate::model::variables::Variable;
use crate::model::written::normalise;
use crate::store::registry::Registry;
use crate::store::workspace::{FoundFile, Workspace};

/// A file as it was fetched. Secret answers are not known: their placeholders stand in it.
pub(super) struct Original {
    pub(super) file: ContentFile,
    /// What stands between the places of secret answers, where there are any.
    pub(super) outline: Option<Outline>,
}

/// A component as it was fetched.
pub(super) struct Originals {
    pub(super) files: Vec<Original>,
    pub(super) variables: BTreeMap<String, Variable>,
}

/// No secret is so short that it could be any word.
const SHORTEST_SECRET: usize = 4;

impl Originals {
    /// The secrets that can be read from files as they lie here.
    pub(super) fn secrets(&self, found: &[FoundFile]) -> BTreeSet<String> {
        let rules = Rules::of(&self.variables);
        let mut secrets = BTreeSet::new();
        for (original, outline) in self.files.iter().filter_map(|one| Some((&one.file.path, one.outline.as_ref()?))) {
            let here = found.iter().find(|file| file.path.as_ref() == Some(original)).and_then(|file| file.bytes.as_deref());
            let Some(bytes) = here.map(normalise) else { continue };
            let answers = match read(&bytes, outline, &rules) {
                Reading::Found(answers) => answers,
                Reading::Other | Reading::Unclear => read_lines(&bytes, outline, &rules),
            };
            secrets.extend(answers.into_values().flatten().filter(|secret| secret.len() >= SHORTEST_SECRET));
        }
        secrets
    }
}

/// The registry's record of what was fetched; `None` where it has none, or one with other digests.
pub(super) fn record_of(registry: &Registry, entry: &LockEntry) -> Result<Option<Rc<VersionRecord>>> {
    let index = registry.index(&entry.id)?;
    let record = index.as_ref().and_then(|index| index.versions.iter().find(|record| record.version == entry.version));
    Ok(record.filter(|record| entry.other_digests(record).is_empty()).cloned())
}

/// The files that `entry` stands for; `None` where they are not at hand, or are others now.
pub(super) fn originals(registry: &Registry, entry: &LockEntry) -> Result<Option<Originals>> {
    let Some(record) = record_of(registry, entry)? else { return Ok(None) };
    if !registry.is_at_hand(&record)? {
        return Ok(None);
    }
    let mut prepared = Prepared::fetched(registry, entry, &record)?;
    let Written { files, mut outlines, .. } = prepared.written(&entry.id, &record, Place::of(entry))?;
    let original = |file: ContentFile| Original { outline: outlines.remove(&file.path), file };
    Ok(Some(Originals { files: files.into_iter().map(original).collect(), variables: prepared.manifest.variables }))
}

/// A file that differs from its original, as its path.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(transparent)]
pub(super) struct Changed {
    /// In the component's directory.
    pub(super) path: String,
    /// Whether it is not there any more.
    #[serde(skip)]
    pub(super) deleted: bool,
}

/// Compares files with those that were fetched.
pub(super) struct Comparison<'o> {
    rules: Rules<'o>,
    /// The answers that stand in files that were compared: a secret is the same in all of them.
    secrets: BTreeMap<String, Option<String>>,
}

impl<'o> Comparison<'o> {
    pub(super) fn new(variables: &'o BTreeMap<String, Variable>) -> Self {
        Self { rules: Rules::of(variables), secrets: BTreeMap::new() }
    }

    /// Whether a file holds what was fetched, line ends and secrets aside.
    pub(super) fn is_same(&mut self, was: &[u8], outline: Option<&Outline>, is: &[u8]) -> bool {
        let Some(outline) = outline else { return normalise(was) == normalise(is) };
        match read(&normalise(is), outline, &self.rules) {
            Reading::Other => false,
            Reading::Unclear => true,
            Reading::Found(found) => found.into_iter().all(|(name, answer)| match self.secrets.entry(name) {
                Entry::Occupied(known) => *known.get() == answer,
                Entry::Vacant(open) => *open.insert(answer.clone()) == answer,
            }),
        }
    }
}

/// The files that differ between a component's directory and its originals, sorted by path.
pub(super) fn changed(workspace: &Workspace, entry: &LockEntry, originals: &Originals) -> Result<Vec<Changed>> {
    let mut open: BTreeMap<&RelPath, &Original> = originals.files.iter().map(|original| (&original.file.path, original)).collect();
    let (mut comparison, mut differ) = (Comparison::new(&originals.variables), Vec::new());
    for found in workspace.files(entry)?.into_iter().flatten() {
        let found = found?;
        let original = found.path.as_ref().and_then(|path| open.remove(path));
        let same = original.zip(found.bytes.as_ref()).is_some_and(|(original, bytes)| {
            let is_executable = original.file.mode == FileMode::Executable;
            comparison.is_same(&original.file.bytes, original.outline.as_ref(), bytes)
                && found.executable.is_none_or(|x| x == is_executable)
        });
        if !same {
            differ.push(Changed { path: found.shown, deleted: false });
        }
    }
    differ.extend(open.keys().map(|path| Changed { path: path.to_string(), deleted: true }));
    differ.sort();
    Ok(differ)
}
