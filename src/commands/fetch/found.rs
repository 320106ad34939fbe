//! What lies in a workspace whose `forum.lock` was lost: told by the manifests that lie there.

use std::collections::BTreeMap;

use anyhow::Result;
use semver::Version;
use serde::Deserialize;

use crate::model::id::{ComponentId, Name};
use crate::model::manifest::MANIFEST_FILE;
use crate::store::workspace::Workspace;

#[derive(Deserialize)]
struct Found {
    component: Head,
    #[serde(default)]
    dependencies: BTreeMap<ComponentId, toml::Value>,
}

#[derive(Deserialize)]
struct Head {
    owner: Name,
    name: Name,
    version: Version,
}

/// The versions of components that were wanted before this run and lie where `forum.toml` has them, but not in the lock;
/// with what they depend on.
pub(super) fn versions(workspace: &Workspace) -> Result<BTreeMap<ComponentId, Version>> {
    let mut versions = BTreeMap::new();
    let mut open: Vec<ComponentId> =
        workspace.file_before.components.keys().filter(|id| workspace.file_before.wants(id)).cloned().collect();
    while let Some(id) = open.pop() {
        let path = workspace.file.path_of(&id)?;
        if versions.contains_key(&id) || workspace.lock.components.get(&id).is_some_and(|entry| entry.path == path) {
            continue;
        }
        let Some(found) = read(workspace, &id)? else { continue };
        versions.insert(id, found.component.version);
        open.extend(found.dependencies.into_keys());
    }
    Ok(versions)
}

/// A manifest that cannot be read, or is another component's, tells nothing.
fn read(workspace: &Workspace, id: &ComponentId) -> Result<Option<Found>> {
    let path = workspace.file.path_of(id)?.join(&MANIFEST_FILE.parse()?)?;
    let Ok(Some(bytes)) = workspace.read(&path) else { return Ok(None) };
    let found: Option<Found> = std::str::from_utf8(&bytes).ok().and_then(|text| toml::from_str(text).ok());
    Ok(found.filter(|found| found.component.owner == *id.owner() && found.component.name == *id.name()))
}
