//! Secret answers that stand in a component's files, read back for a merge.
//!
//! They are written down nowhere else. In a component that was not changed here, the lengths between them (`pieces` of
//! the lock) tell where they stand; what is read is believed only if the files, written with it, are those that lie there.
//! That no other file was changed is what [`State::Clean`] says.

use anyhow::Result;

use super::prepared::Prepared;
use crate::model::content::bytes_of;
use crate::model::index::VersionRecord;
use crate::model::lockfile::LockEntry;
use crate::model::manifest::Manifest;
use crate::model::path::RelPath;
use crate::model::resolve::Catalog as _;
use crate::model::variables::{Answer, Answers};
use crate::model::written::normalise;
use crate::store::registry::Registry;
#[cfg(doc)]
use crate::store::workspace::State;
use crate::store::workspace::Workspace;

/// The secrets of a component that lies here as it was fetched: its state must be [`State::Clean`]. `None` where they
/// cannot be told from what is around them.
pub(super) fn known(workspace: &Workspace, registry: &Registry, entry: &LockEntry) -> Result<Option<Answers>> {
    if entry.pieces.is_empty() {
        return Ok(None);
    }
    let index = registry.index(&entry.id)?;
    let record = index.as_ref().and_then(|index| index.record(&entry.version));
    let same = |record: &&VersionRecord| record.tree == entry.tree && record.checksum == entry.checksum;
    let Some(record) = record.filter(same) else { return Ok(None) };
    let mut prepared = Prepared::fetched(registry, entry, record)?;
    let Some(secrets) = read_back(workspace, entry, &prepared.manifest)? else { return Ok(None) };
    prepared.answers.extend(secrets.clone());
    let Ok(files) = prepared.files(&entry.id) else { return Ok(None) };
    for path in entry.pieces.keys() {
        let lies = workspace.read_whole(&entry.path.join(path)?)?;
        let written = bytes_of(&files, path.as_str());
        if lies.as_deref().map(normalise) != written.map(normalise) {
            return Ok(None);
        }
    }
    Ok(Some(secrets))
}

/// What stands where secrets stand, in a component whose state is [`State::Clean`]. It is to be believed only if the
/// files, written with it, are those that lie there.
pub(super) fn read_back(workspace: &Workspace, entry: &LockEntry, manifest: &Manifest) -> Result<Option<Answers>> {
    let mut secrets = Answers::new();
    for (name, _) in manifest.variables.iter().filter(|(_, variable)| variable.is_secret()) {
        let Some(answer) = stands(workspace, entry, manifest, name)? else { return Ok(None) };
        secrets.insert(name.clone(), answer);
    }
    Ok(Some(secrets))
}

/// What stands in a file where one secret alone stands, once or several times.
fn stands(workspace: &Workspace, entry: &LockEntry, manifest: &Manifest, name: &str) -> Result<Option<Answer>> {
    for (path, pieces) in &entry.pieces {
        let holds = |name: &str| names(manifest, name, path);
        let alone = holds(name) && !manifest.variables.iter().any(|(other, v)| other != name && v.is_secret() && holds(other));
        if !alone {
            continue;
        }
        let Some(bytes) = workspace.read_whole(&entry.path.join(path)?)? else { continue };
        let bytes = normalise(&bytes);
        let (Some(first), Ok(times)) = (pieces.first(), u64::try_from(pieces.len() - 1)) else { continue };
        let free = (bytes.len() as u64).checked_sub(pieces.iter().sum());
        let Some(length) = free.filter(|free| times > 0 && free % times == 0).map(|free| free / times) else { continue };
        let (Ok(start), Ok(end)) = (usize::try_from(*first), usize::try_from(first + length)) else { continue };
        let Some(token) = bytes.get(start..end).and_then(|token| std::str::from_utf8(token).ok()) else { continue };
        // A bound secret stands as a JSON string.
        let text = serde_json::from_str(token).unwrap_or_else(|_| token.to_owned());
        return Ok(Some(Answer::String(text)));
    }
    Ok(None)
}

fn names(manifest: &Manifest, name: &str, path: &RelPath) -> bool {
    let variable = manifest.variables.get(name);
    variable.is_some_and(|v| v.replace.iter().any(|one| one.file == *path) || v.bind.iter().any(|one| one.file == *path))
}
