//! What an update does to each component: its new answers, its three sides, and what comes of them.

use std::collections::BTreeMap;

use anyhow::{Context as _, Result};
use semver::Version;

use super::choose::Target;
use super::combine::{Combined, Sides, combine};
use super::upstream::Versions;
use crate::commands::answers::{self, Given, ask};
use crate::commands::places::Places;
use crate::commands::prepared::{Place, Prepared};
use crate::commands::secrets::{self, Known};
use crate::context::Context;
use crate::error::{Code, Failure};
use crate::formats::text::Labels;
use crate::model::carry::{Carried, carry};
use crate::model::content::ContentFile;
use crate::model::id::ComponentId;
use crate::model::lockfile::LockEntry;
use crate::model::manifest::{Manifest, Needs};
use crate::model::resolve::Catalog as _;
use crate::model::update::VariableChange;
use crate::model::variables::{Answers, complete};
use crate::store::fs::snapshot::Snapshot;
use crate::store::registry::Registry;
use crate::store::workspace::{State, Workspace};

/// One component that changes.
pub(crate) struct Plan {
    pub(crate) id: ComponentId,
    /// The version that is here; none for a component that comes anew.
    pub(crate) from: Option<Version>,
    /// Its entry in the lock when all is settled.
    pub(crate) entry: LockEntry,
    /// Its answers in `forum.toml` then.
    pub(crate) variables: Answers,
    pub(crate) changed_variables: Vec<VariableChange>,
    pub(crate) combined: Combined,
    pub(crate) needs: Needs,
    /// What its directory looked like when it was read.
    pub(crate) read: Snapshot,
}

/// A version with its answers, before anything is merged.
struct Draft {
    prepared: Prepared,
    old: Option<Old>,
    carried: Carried,
}

/// What is here.
struct Old {
    entry: LockEntry,
    manifest: Manifest,
    files: Vec<ContentFile>,
    /// Secrets that could be read back from its files.
    secrets: Answers,
}

/// Plans for everything that moves or gets other answers.
pub(super) fn plan(
    context: &Context,
    workspace: &Workspace,
    places: &mut Places<'_>,
    targets: &[Target],
    given: &Given,
    named: &[ComponentId],
) -> Result<Vec<Plan>> {
    let (mut drafts, mut missing) = (Vec::new(), Vec::new());
    for target in targets {
        let named = named.contains(&target.id);
        let Some(draft) = draft(context, workspace, places, target, given, named).with_context(|| label(target))? else { continue };
        let names = complete(&draft.prepared.manifest.variables, &draft.prepared.answers).err().unwrap_or_default();
        let unknown = names.into_iter().filter(|name| !draft.carried.secrets.contains(name));
        missing.extend(unknown.map(|name| (target.id.clone(), name)));
        drafts.push((target, draft));
    }
    given.check_used(named, &drafts.iter().map(|(target, draft)| (&target.id, &draft.prepared.manifest.variables)).collect())?;
    if !missing.is_empty() {
        return Err(answers::missing(context, "update", named, &missing).into());
    }
    drafts.into_iter().map(|(target, draft)| finish(workspace, places, target, draft).with_context(|| label(target))).collect()
}

fn label(target: &Target) -> String {
    format!("{} {}", target.id, target.chosen.record.version)
}

/// Reads and answers a version. `None` where nothing is to be done.
fn draft(
    context: &Context,
    workspace: &Workspace,
    places: &mut Places<'_>,
    target: &Target,
    given: &Given,
    named: bool,
) -> Result<Option<Draft>> {
    let Target { id, chosen, registry, .. } = target;
    let entry = workspace.lock.components.get(id);
    let wish = workspace.file.components.get(id).cloned().unwrap_or_default();
    let moves = entry.is_none_or(|entry| entry.version != chosen.record.version);
    let other_answers = given.concerns(id, named) || entry.is_some_and(|entry| !wish.answers_hold(&entry.answers));
    if !moves && !other_answers || entry.is_some_and(|entry| entry.pending.is_some()) {
        return Ok(None);
    }
    let opened = places.open(registry)?;
    let mut prepared = Prepared::read(opened, id, &chosen.record)?;
    let old = entry.map(|entry| old(opened, workspace, entry)).transpose()?.flatten();
    let none = BTreeMap::new();
    let before = old.as_ref().map_or(&none, |old| &old.manifest.variables);
    let applied = entry.map(|entry| entry.answers.clone()).unwrap_or_default();
    let carried = carry(before, &prepared.manifest.variables, &applied, &wish.variables);
    let mut answers = carried.answers.clone();
    if let Some(old) = &old {
        let earlier = |name: &String| old.secrets.get(carried.renamed.get(name).unwrap_or(name)).cloned();
        answers.extend(carried.secrets.iter().filter_map(|name| Some((name.clone(), earlier(name)?))));
    }
    answers.extend(given.for_component(id, named, &prepared.manifest.variables)?);
    if context.ui.can_ask() {
        ask(&context.ui, id, &prepared.manifest, &|name| carried.asked.contains_key(name), &mut answers)?;
    }
    // A default must not take the place of a secret that stands in the receiver's file.
    for name in carried.secrets.iter().filter(|name| !answers.contains_key(*name)) {
        prepared.manifest.variables.entry(name.clone()).and_modify(|variable| variable.default = None);
    }
    prepared.answers = answers;
    Ok(Some(Draft { prepared, old, carried }))
}

/// What was fetched, with the answers of the lock. `None` where the directory is gone: then all comes anew.
fn old(registry: &Registry, workspace: &Workspace, entry: &LockEntry) -> Result<Option<Old>> {
    if workspace.directory(&entry.path)?.is_none() {
        return Ok(None);
    }
    if !entry.pieces.is_empty()
        && workspace.state(entry)? == State::Clean
        && let Some(Known { manifest, secrets, files }) = secrets::known(workspace, registry, entry)?
    {
        return Ok(Some(Old { entry: entry.clone(), manifest, files, secrets }));
    }
    fetched(registry, entry).map(Some)
}

fn fetched(registry: &Registry, entry: &LockEntry) -> Result<Old> {
    let id = &entry.id;
    let index = registry.index(id)?;
    let Some(record) = index.as_ref().and_then(|index| index.record(&entry.version)) else {
        let failure = Failure::new(Code::NotFound, format!("the registry does not know {id} {}, which is here", entry.version));
        return Err(failure.hint("forum registry refresh").into());
    };
    crate::commands::refuse_other_digests(entry, record)?;
    let mut prepared = Prepared::fetched(registry, entry, record).with_context(|| format!("{} as it was fetched", entry.version))?;
    let (_, files) = prepared.write(id, record, Place::of(entry))?;
    Ok(Old { entry: entry.clone(), manifest: prepared.manifest, files, secrets: Answers::new() })
}

fn finish(workspace: &Workspace, places: &Places<'_>, target: &Target, draft: Draft) -> Result<Plan> {
    let Draft { mut prepared, old, carried } = draft;
    let (id, record) = (&target.id, &target.chosen.record);
    let here = workspace.lock.components.get(id);
    let path = here.map_or_else(|| workspace.file.path_of(id), |entry| Ok(entry.path.clone()))?;
    if old.is_none() {
        workspace.require_free(&id.to_string(), &path)?;
    }
    let place = Place { registry: places.url(&target.registry)?, path, requested: target.requested };
    let (entry, theirs) = prepared.write(id, record, place)?;
    let now = complete(&prepared.manifest.variables, &prepared.answers).unwrap_or_else(|_| prepared.answers.clone());
    let (none, no_files) = (BTreeMap::new(), Vec::new());
    let (before, base) = old.as_ref().map_or((&none, &no_files), |old| (&old.manifest.variables, &old.files));
    let applied = here.map(|entry| entry.answers.clone()).unwrap_or_default();
    let changed_variables = carried.changes(before, &prepared.manifest.variables, &applied, &now);
    let read = workspace.snapshot(&entry.path)?;
    let ours = if old.is_some() { workspace.all_files(&entry)? } else { Vec::new() };
    let from = old.as_ref().map(|old| old.entry.version.clone());
    let label = |version: &Version| format!("{id} {version}");
    let old_version = from.clone().unwrap_or_else(|| record.version.clone());
    let combined = combine(&Sides {
        base,
        ours: &ours,
        theirs: &theirs,
        from: &old_version,
        to: &record.version,
        renames: &prepared.manifest.renames,
        labels: Labels { base: label(&old_version), ours: "yours".to_owned(), theirs: label(&record.version) },
    });
    let needs = prepared.manifest.needs.without(old.as_ref().map(|old| &old.manifest.needs));
    let variables = wanted(workspace, id, &carried, &prepared);
    Ok(Plan { id: id.clone(), from: here.map(|entry| entry.version.clone()), entry, variables, changed_variables, combined, needs, read })
}

/// The answers in `forum.toml`: those that stand there under their new names, and those that were given now.
fn wanted(workspace: &Workspace, id: &ComponentId, carried: &Carried, prepared: &Prepared) -> Answers {
    let variables = &prepared.manifest.variables;
    let stood = workspace.file.components.get(id).map(|entry| entry.variables.clone()).unwrap_or_default();
    let open = |name: &String| variables.get(name).is_some_and(|variable| !variable.is_secret());
    let mut wanted = Answers::new();
    for (name, answer) in &prepared.answers {
        let earlier = carried.renamed.get(name).unwrap_or(name);
        let was_carried = carried.answers.get(name) == Some(answer);
        if open(name) && (!was_carried || stood.contains_key(name) || stood.contains_key(earlier)) {
            wanted.insert(name.clone(), answer.clone());
        }
    }
    wanted
}

/// Both versions with the answers that carry over; nothing is asked.
pub(super) fn versions(workspace: &Workspace, places: &mut Places<'_>, target: &Target, entry: &LockEntry) -> Result<Versions> {
    let (id, record) = (&target.id, &target.chosen.record);
    let opened = places.open(&target.registry)?;
    let mut prepared = Prepared::read(opened, id, record)?;
    let old = fetched(opened, entry)?;
    let wish = workspace.file.components.get(id).cloned().unwrap_or_default();
    let carried = carry(&old.manifest.variables, &prepared.manifest.variables, &entry.answers, &wish.variables);
    prepared.answers = carried.answers;
    let (new, theirs) = prepared.write(id, record, Place::of(entry))?;
    let renames = prepared.manifest.renames;
    Ok(Versions { from: entry.version.clone(), to: record.version.clone(), base: old.files, theirs, renames, entry: new })
}
