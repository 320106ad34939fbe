//! Secret answers that stand in a component's files, read back for a merge.
//!
//! They are written down nowhere else. In a component that was not changed here, the lengths between them (`pieces` of
//! the lock) tell where they stand; what is read is believed only if the files, written with it, are those that lie there.

use anyhow::Result;

use super::prepared::{Place, Prepared};
use crate::model::lockfile::LockEntry;
use crate::model::manifest::Manifest;
use crate::model::path::RelPath;
use crate::model::resolve::Catalog as _;
use crate::model::variables::{Answer, Answers};
use crate::model::written::normalise;
use crate::store::registry::Registry;
use crate::store::workspace::{State, Workspace};

/// The secrets of a component that lies here as it was fetched; `None` where they cannot be told from what is around them.
pub(super) fn known(workspace: &Workspace, registry: &Registry, entry: &LockEntry) -> Result<Option<Answers>> {
    if entry.pieces.is_empty() {
        return Ok(None);
    }
    let index = registry.index(&entry.id)?;
    let Some(record) = index.as_ref().and_then(|index| index.record(&entry.version)) else { return Ok(None) };
    let mut prepared = Prepared::fetched(registry, entry, record)?;
    let Some(secrets) = read_back(workspace, entry, &prepared.manifest)? else { return Ok(None) };
    prepared.answers.extend(secrets.clone());
    let Ok((_, files)) = prepared.write(&entry.id, record, Place::of(entry)) else { return Ok(None) };
    Ok(workspace.holds(&entry.path, &files)?.then_some(secrets))
}

/// What stands where secrets stand in a component that was not changed here. It is to be believed only if the files,
/// written with it, are those that lie there.
pub(super) fn read_back(workspace: &Workspace, entry: &LockEntry, manifest: &Manifest) -> Result<Option<Answers>> {
    if entry.pieces.is_empty() || workspace.state(entry)? != State::Clean {
        return Ok(None);
    }
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
