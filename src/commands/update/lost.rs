//! The record of an update that waits, made again where `.forum` was lost: from the lock, the registry, and what lies in
//! the workspace. A colleague's checkout has the lock alone.

use std::collections::BTreeMap;
use std::rc::Rc;

use anyhow::Result;
use semver::Version;

use super::edition::Edition;
use super::plan::{fetched_record, wanted};
use crate::commands::places::Places;
use crate::commands::prepared::Place;
use crate::context::Context;
use crate::error::Code;
use crate::fail;
use crate::formats::text::has_markers;
use crate::model::carry::carry;
use crate::model::id::ComponentId;
use crate::model::index::VersionRecord;
use crate::model::lockfile::{Lock, LockEntry, Pending};
use crate::model::manifest::{MANIFEST_FILE, Manifest};
use crate::model::merge::Conflict;
use crate::model::path::RelPath;
use crate::model::resolve::Catalog as _;
use crate::model::update::{CONFLICTS, Needs, Open, PendingFile, THEIRS, Waiting, group};
use crate::model::variables::Answers;
use crate::store::registry::Registry;
use crate::store::workspace::{FoundFile, Workspace};

/// Adds what the record lacks.
pub(super) fn make_again(context: &Context, workspace: &Workspace, file: &mut PendingFile) -> Result<()> {
    let lost: Vec<&LockEntry> =
        workspace.lock.components.values().filter(|entry| entry.pending.is_some() && !file.updates.contains_key(&entry.id)).collect();
    if lost.is_empty() {
        return Ok(());
    }
    let mut places = Places::new(context, workspace, Vec::new())?;
    let mut made = BTreeMap::new();
    for entry in lost {
        let Some(pending) = &entry.pending else { continue };
        let registry = places.of_entry(entry)?;
        made.insert(entry.id.clone(), of_locked(workspace, registry, entry, pending)?);
        let mut open: Vec<ComponentId> = made[&entry.id].entry.dependencies.clone();
        while let Some(id) = open.pop() {
            if workspace.lock.components.contains_key(&id) || file.updates.contains_key(&id) || made.contains_key(&id) {
                continue;
            }
            if let Some(new) = of_new(workspace, registry, &id, &entry.registry)? {
                open.extend(new.entry.dependencies.clone());
                made.insert(id, new);
            }
        }
    }
    let needs: Needs<'_> = made.iter().map(|(id, waiting)| (id, waiting.entry.dependencies.as_slice())).collect();
    let groups: Vec<_> = made.keys().map(|id| group(&needs, id)).collect();
    made.values_mut().zip(groups).for_each(|(waiting, together)| waiting.together = together);
    file.updates.extend(made);
    Ok(())
}

/// What waits together with `start`, as far as the lock alone tells.
pub(super) fn together(lock: &Lock, file: &PendingFile, start: &ComponentId) -> Vec<ComponentId> {
    let lost = |entry: &&LockEntry| entry.pending.is_some() && !file.updates.contains_key(&entry.id);
    group(&lock.components.values().filter(lost).map(|entry| (&entry.id, entry.dependencies.as_slice())).collect(), start)
}

fn record<'i>(versions: &'i [Rc<VersionRecord>], id: &ComponentId, version: &Version) -> Result<&'i VersionRecord> {
    match versions.iter().find(|record| record.version == *version) {
        Some(record) => Ok(record),
        None => fail!(Code::NotFound, "the registry has no {id} {version}"),
    }
}

/// One that was here before.
fn of_locked(workspace: &Workspace, registry: &Registry, entry: &LockEntry, pending: &Pending) -> Result<Waiting> {
    let id = &entry.id;
    let Some(index) = registry.index(id)? else { fail!(Code::NotFound, "the registry has no {id}") };
    let mut edition = Edition::read(registry, id, record(&index.versions, id, &pending.to)?)?;
    let before = Edition::read(registry, id, &*fetched_record(registry, entry)?)?;
    let wish = workspace.file.components.get(id).cloned().unwrap_or_default();
    let carried = carry(&before.manifest.variables, &edition.manifest.variables, &entry.answers, &wish.variables);
    edition.answers = carried.answers.clone();
    edition.answers.extend(given(&edition.manifest, &pending.answers));
    let new = edition.write(Place::of(entry))?;
    let variables = wanted(workspace, id, &carried, &edition);
    waiting(workspace, new, variables, Some(entry.version.clone()))
}

/// Answers that were applied, and are no defaults.
fn given(manifest: &Manifest, applied: &Answers) -> Answers {
    let variable = |name: &String| manifest.variables.get(name);
    let fits = |name: &String, answer| variable(name).is_some_and(|variable| variable.check_answer(name, answer).is_ok());
    let is_default = |name: &String, answer| variable(name).and_then(|variable| variable.default.as_ref()) == Some(answer);
    applied.iter().filter(|(name, answer)| fits(name, answer) && !is_default(name, answer)).map(|(n, a)| (n.clone(), a.clone())).collect()
}

/// One that came with the update: its manifest lies where it would lie. `None` where there is none, or another one's.
fn of_new(workspace: &Workspace, registry: &Registry, id: &ComponentId, url: &str) -> Result<Option<Waiting>> {
    let path = workspace.file.path_of(id)?;
    let Some(bytes) = workspace.read(&MANIFEST_FILE.parse::<RelPath>()?.within(&path))? else { return Ok(None) };
    let Some(index) = registry.index(id)? else { return Ok(None) };
    let is_its = |record: &&Rc<VersionRecord>| Manifest::parse(id, &record.version, &bytes).is_ok();
    let Some(record) = index.versions.iter().find(is_its) else { return Ok(None) };
    let mut edition = Edition::read(registry, id, record)?;
    let variables = workspace.file.components.get(id).map(|wish| wish.variables.clone()).unwrap_or_default();
    edition.answers.clone_from(&variables);
    let new = edition.write(Place { registry: url.to_owned(), path, requested: workspace.file.wants(id) })?;
    waiting(workspace, new, variables, None).map(Some)
}

/// Any markers, and any file beside another, count as open.
fn waiting(workspace: &Workspace, entry: LockEntry, variables: Answers, from: Option<Version>) -> Result<Waiting> {
    let mut open = Vec::new();
    for found in workspace.files(&entry)?.into_iter().flatten() {
        let FoundFile { path: Some(path), bytes, .. } = found? else { continue };
        let left = [THEIRS, CONFLICTS].iter().any(|word| path.file_name().contains(&format!("{word}-{}", entry.version)));
        if left || bytes.is_some_and(|bytes| has_markers(&bytes)) {
            let beside = left.then(|| path.clone());
            let secret = !entry.pieces.is_empty();
            open.push(Open { path, conflict: Conflict::BothModified, beside, secret });
        }
    }
    let (touched, files, changed_variables, together) = (BTreeMap::new(), Vec::new(), Vec::new(), Vec::new());
    Ok(Waiting { entry, variables, from, kept: None, open, touched, files, changed_variables, together })
}
