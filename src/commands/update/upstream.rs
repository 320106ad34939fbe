//! What a newer version would bring, for `forum diff --upstream`: both versions with the answers of here.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use anyhow::Result;
use semver::Version;

use super::choose::{self, Movable};
use super::plan;
use crate::commands::places::Places;
use crate::error::{Code, Failure};
use crate::model::content::ContentFile;
use crate::model::id::ComponentId;
use crate::model::lockfile::LockEntry;
use crate::model::manifest::Rename;
use crate::model::merge::renames::{Held, renames};
use crate::model::path::RelPath;
use crate::store::workspace::Workspace;

/// Two versions of a component as they would be written here.
pub(in crate::commands) struct Versions {
    pub(in crate::commands) from: Version,
    pub(in crate::commands) to: Version,
    pub(in crate::commands) base: Vec<ContentFile>,
    pub(in crate::commands) theirs: Vec<ContentFile>,
    pub(super) renames: Vec<Rename>,
    /// The lock's entry for the newer version.
    pub(in crate::commands) entry: LockEntry,
}

impl Versions {
    /// New names of files by old ones.
    pub(in crate::commands) fn renamed(&self) -> BTreeMap<RelPath, RelPath> {
        let held = Held {
            old: self.base.iter().map(|file| (&file.path, file.bytes.as_slice())).collect(),
            new: self.theirs.iter().map(|file| (&file.path, file.bytes.as_slice())).collect(),
        };
        let (old, new) = held.sums();
        let Ok(found) = renames((&self.from, &old), (&self.to, &new), &self.renames, &held);
        found
    }
}

/// The versions of those of `ids` for which there is a newer one.
pub(in crate::commands) fn upstream(
    workspace: &Workspace,
    places: &mut Places<'_>,
    ids: &BTreeSet<ComponentId>,
    to: Option<&Version>,
) -> Result<Vec<(ComponentId, Versions)>> {
    let choice = choose::choose(workspace, places, &Movable { ids: ids.clone(), to: None })?;
    let mut found = Vec::new();
    for mut target in choice.targets.into_iter().filter(|target| ids.contains(&target.id)) {
        let Some(entry) = workspace.lock.components.get(&target.id) else { continue };
        // To look at a version takes no leave of forum.toml.
        let index = Rc::clone(&target.chosen.index);
        let newest = || index.newest().map(|record| &record.version).filter(|newest| **newest > target.chosen.record.version);
        if let Some(version) = to.or_else(newest) {
            let wanted = index.versions.iter().find(|record| record.version == *version);
            let Some(record) = wanted.filter(|_| !index.removed.contains_key(version)) else {
                let failure = Failure::new(Code::NotFound, format!("{} has no version {version}", target.id));
                return Err(failure.hint(format!("forum show {}", target.id)).into());
            };
            target.chosen.record = Rc::clone(record);
        }
        if entry.version != target.chosen.record.version {
            found.push((target.id.clone(), plan::versions(workspace, places, &target, entry)?));
        }
    }
    Ok(found)
}
