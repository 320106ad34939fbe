//! What was fetched, made again from the registry: the published files with the answers of the lock in them.

use std::collections::BTreeMap;

use anyhow::Result;
use serde::Serialize;

use super::prepared::{Place, Prepared};
use crate::model::content::ContentFile;
use crate::model::digest::{Checksum, FileMode};
use crate::model::lockfile::LockEntry;
use crate::model::path::RelPath;
use crate::model::resolve::Catalog as _;
use crate::model::written::file_digests;
use crate::store::registry::Registry;
use crate::store::workspace::Workspace;

/// A file as it was fetched. Secret answers are not known: their placeholders stand in it.
pub(super) struct Original {
    pub(super) file: ContentFile,
    /// Bytes between the places of secret answers, where there are any.
    pub(super) pieces: Option<Vec<u64>>,
}

/// The files that `entry` stands for; `None` where they are not at hand, or are others now.
pub(super) fn originals(registry: &Registry, entry: &LockEntry) -> Result<Option<Vec<Original>>> {
    let index = registry.index(&entry.id)?;
    let record = index.as_ref().and_then(|index| index.record(&entry.version));
    let same = record.filter(|record| entry.other_digests(record).is_empty());
    let Some(record) = same else { return Ok(None) };
    if !registry.is_at_hand(record)? {
        return Ok(None);
    }
    let (written, files) = Prepared::fetched(registry, entry, record)?.write(&entry.id, record, Place::of(entry))?;
    let original = |file: ContentFile| Original { pieces: written.pieces.get(&file.path).cloned(), file };
    Ok(Some(files.into_iter().map(original).collect()))
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

/// The files that differ between a component's directory and its originals, sorted by path.
pub(super) fn changed(workspace: &Workspace, entry: &LockEntry, originals: &[Original]) -> Result<Vec<Changed>> {
    let mut open: BTreeMap<&RelPath, &Original> = originals.iter().map(|original| (&original.file.path, original)).collect();
    let mut differ = Vec::new();
    for found in workspace.files(entry)?.into_iter().flatten() {
        let found = found?;
        let original = found.path.as_ref().and_then(|path| open.remove(path));
        let same = original.is_some_and(|original| {
            let pieces = original.pieces.as_deref();
            let was = file_digests(&original.file.bytes, pieces);
            let is_executable = original.file.mode == FileMode::Executable;
            let common = |sums: &[Checksum]| sums.iter().any(|sum| was.contains(sum));
            found.bytes.as_ref().is_some_and(|bytes| common(&file_digests(bytes, pieces)))
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
