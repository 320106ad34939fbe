//! What a newer version would bring, for `forum diff --upstream`: both versions with the answers of here.

use std::collections::BTreeSet;

use anyhow::Result;
use semver::Version;

use super::choose::{self, Movable};
use super::plan;
use crate::commands::places::Places;
use crate::model::content::ContentFile;
use crate::model::id::ComponentId;
use crate::model::lockfile::LockEntry;
use crate::model::manifest::Rename;
use crate::store::workspace::Workspace;

/// Two versions of a component as they would be written here.
pub(in crate::commands) struct Versions {
    pub(in crate::commands) from: Version,
    pub(in crate::commands) to: Version,
    pub(in crate::commands) base: Vec<ContentFile>,
    pub(in crate::commands) theirs: Vec<ContentFile>,
    pub(in crate::commands) renames: Vec<Rename>,
    /// The lock's entry for the newer version.
    pub(in crate::commands) entry: LockEntry,
}

/// The versions of those of `ids` for which there is a newer one.
pub(in crate::commands) fn upstream(
    workspace: &Workspace,
    places: &mut Places<'_>,
    ids: &BTreeSet<ComponentId>,
    to: Option<Version>,
) -> Result<Vec<(ComponentId, Versions)>> {
    let choice = choose::choose(workspace, places, &Movable { ids: ids.clone(), to })?;
    let mut found = Vec::new();
    for target in choice.targets.iter().filter(|target| ids.contains(&target.id)) {
        let Some(entry) = workspace.lock.components.get(&target.id) else { continue };
        if entry.version != target.chosen.record.version {
            found.push((target.id.clone(), plan::versions(workspace, places, target, entry)?));
        }
    }
    Ok(found)
}
