//! What was fetched, made again from the registry: the published files with the answers of the lock in them.

use std::collections::BTreeMap;

use anyhow::Result;

use crate::formats::render::{files_named, render};
use crate::model::content::ContentFile;
use crate::model::digest::{Checksum, FileMode};
use crate::model::lockfile::LockEntry;
use crate::model::manifest::{MANIFEST_FILE, Manifest};
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
    let same = record.filter(|record| record.tree == entry.tree && record.checksum == entry.checksum);
    let Some(record) = same else { return Ok(None) };
    if !registry.is_at_hand(record)? {
        return Ok(None);
    }
    let content = registry.content(&entry.id, record)?;
    let Some(bytes) = content.get(MANIFEST_FILE) else { return Ok(None) };
    let manifest = Manifest::parse(&entry.id, &entry.version, bytes)?;
    let named = files_named(&manifest.variables);
    let mut originals = Vec::new();
    for mut file in content.files {
        let mut pieces = None;
        if named.contains(&file.path) {
            let rendered = render(&entry.id, &file.path, &file.bytes, &manifest.variables, &entry.answers)?;
            file.bytes = rendered.bytes;
            pieces = Some(rendered.pieces).filter(|pieces| !pieces.is_empty());
        }
        originals.push(Original { file, pieces });
    }
    Ok(Some(originals))
}

/// The paths that differ between a component's directory and its originals, sorted.
pub(super) fn changed(workspace: &Workspace, entry: &LockEntry, originals: &[Original]) -> Result<Vec<String>> {
    let mut open: BTreeMap<&RelPath, &Original> = originals.iter().map(|original| (&original.file.path, original)).collect();
    let mut differ = Vec::new();
    for found in workspace.files(entry)? {
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
            differ.push(found.shown);
        }
    }
    differ.extend(open.keys().map(ToString::to_string));
    differ.sort();
    Ok(differ)
}
