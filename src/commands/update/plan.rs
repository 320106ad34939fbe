//! What an update does to each component: its new answers, its three sides, and what comes of them.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use anyhow::{Context as _, Result};
use semver::Version;

use super::choose::Target;
use super::combine::{Combined, combine};
use super::edition::Edition;
use super::secret_places::not_filled_in;
use super::sides::{Ours, Sides};
use super::upstream::Versions;
use crate::commands::answers::{self, Given, ask};
use crate::commands::places::Places;
use crate::commands::prepared::{Place, Prepared, applied};
use crate::commands::secrets;
use crate::context::Context;
use crate::error::{Code, Failure};
use crate::formats::text::Labels;
use crate::model::carry::{Carried, Variables, carry, follow_renames, may_skip_renames};
use crate::model::id::ComponentId;
use crate::model::index::{VersionRecord, VersionState};
use crate::model::lockfile::LockEntry;
use crate::model::manifest::Needs;
use crate::model::path::RelPath;
use crate::model::resolve::Catalog as _;
use crate::model::update::VariableChange;
use crate::model::variables::{Answers, Variable, complete};
use crate::store::fs::snapshot::Snapshot;
use crate::store::interrupt;
use crate::store::registry::Registry;
use crate::store::workspace::Workspace;

/// One component that changes.
pub(super) struct Plan<'r> {
    pub(super) id: ComponentId,
    /// The version that is here; none for a component that comes anew.
    pub(super) from: Option<Version>,
    /// Its entry in the lock when all is settled.
    pub(super) entry: LockEntry,
    /// Its answers in `forum.toml` then.
    pub(super) variables: Answers,
    pub(super) changed_variables: Vec<VariableChange>,
    pub(super) sides: Sides<'r>,
    pub(super) combined: Combined,
    pub(super) needs: Needs,
    /// Secrets that are not filled in, and where.
    pub(super) not_filled_in: Vec<(String, RelPath)>,
    /// What its directory looked like when it was read.
    pub(super) read: Snapshot,
}

/// A version with its answers, before anything is merged.
struct Draft<'r> {
    edition: Edition<'r>,
    old: Option<Old<'r>>,
    carried: Carried,
}

/// What is here, as it was fetched.
struct Old<'r> {
    fetched: Edition<'r>,
    /// Secrets that could be read back from its files.
    secrets: Answers,
}

/// Plans for everything that moves or gets other answers.
pub(super) fn plan<'r>(
    context: &Context,
    workspace: &Workspace,
    places: &'r Places<'_>,
    targets: &[Target],
    given: &Given,
    named: &[ComponentId],
) -> Result<Vec<Plan<'r>>> {
    let (mut drafts, mut missing) = (Vec::new(), Vec::new());
    for target in targets {
        let named = named.contains(&target.id);
        let Some(draft) = draft(context, workspace, places, target, given, named).with_context(|| label(target))? else { continue };
        let names = complete(&draft.edition.manifest.variables, &draft.edition.answers).err().unwrap_or_default();
        let unknown = names.into_iter().filter(|name| !draft.carried.secrets.contains(name));
        missing.extend(unknown.map(|name| (target.id.clone(), name)));
        drafts.push((target, draft));
    }
    given.check_used(named, &drafts.iter().map(|(target, draft)| (&target.id, &draft.edition.manifest.variables)).collect())?;
    if !missing.is_empty() {
        return Err(answers::missing(context, "update", named, &missing).into());
    }
    drafts.into_iter().map(|(target, draft)| finish(workspace, places, target, draft).with_context(|| label(target))).collect()
}

fn label(target: &Target) -> String {
    format!("{} {}", target.id, target.chosen.record.version)
}

/// Reads and answers a version. `None` where nothing is to be done.
fn draft<'r>(
    context: &Context,
    workspace: &Workspace,
    places: &'r Places<'_>,
    target: &Target,
    given: &Given,
    named: bool,
) -> Result<Option<Draft<'r>>> {
    let Target { id, chosen, registry, .. } = target;
    let entry = workspace.lock.components.get(id);
    let wish = workspace.file.components.get(id).cloned().unwrap_or_default();
    let moves = entry.is_none_or(|entry| entry.version != chosen.record.version);
    let other_answers = given.concerns(id, named) || entry.is_some_and(|entry| !wish.answers_hold(&entry.answers));
    if !moves && !other_answers || entry.is_some_and(|entry| entry.pending.is_some()) {
        return Ok(None);
    }
    entry.map_or(Ok(()), |entry| refuse_moved(workspace, entry))?;
    let opened = places.opened(registry)?;
    let mut edition = Edition::read(opened, id, &chosen.record)?;
    let old = entry.map(|entry| old(opened, workspace, entry)).transpose()?.flatten();
    let none = BTreeMap::new();
    let before = old.as_ref().map_or(&none, |old| &old.fetched.manifest.variables);
    let applied = entry.map(|entry| entry.answers.clone()).unwrap_or_default();
    if let Some(entry) = entry {
        follow_skipped(opened, target, &entry.version, before, &mut edition.manifest.variables)?;
    }
    let carried = carry(before, &edition.manifest.variables, &applied, &wish.variables);
    let mut answers = carried.answers.clone();
    if let Some(old) = &old {
        let earlier = |name: &String| old.secrets.get(carried.renamed.get(name).unwrap_or(name)).cloned();
        answers.extend(carried.secrets.iter().filter_map(|name| Some((name.clone(), earlier(name)?))));
    }
    answers.extend(given.for_component(id, named, &edition.manifest.variables)?);
    if context.ui.can_ask() {
        let further = |name: &String| carried.secrets.contains(name) && goes_further(before, &edition.manifest.variables, &carried, name);
        ask(&context.ui, id, &edition.manifest, &|name| carried.asked.contains_key(name) || further(name), &mut answers)?;
    }
    // A default must not take the place of a secret that stands in the receiver's file.
    for name in carried.secrets.iter().filter(|name| !answers.contains_key(*name)) {
        edition.manifest.variables.entry(name.clone()).and_modify(|variable| variable.default = None);
    }
    edition.answers = answers;
    Ok(Some(Draft { edition, old, carried }))
}

/// Whether a variable goes into a file that it did not go into before: nothing stands there yet.
fn goes_further(old: &Variables, new: &Variables, carried: &Carried, name: &String) -> bool {
    let before: BTreeSet<&RelPath> = old.get(carried.renamed.get(name).unwrap_or(name)).into_iter().flat_map(Variable::files).collect();
    new.get(name).into_iter().flat_map(Variable::files).any(|file| !before.contains(file))
}

/// Variables of a newer version whose names lead back to those of here only through the versions between, which are
/// read from the newest on, as far as need be. One that cannot be had any more renames nothing.
fn follow_skipped(registry: &Registry, target: &Target, from: &Version, old: &Variables, new: &mut Variables) -> Result<()> {
    let Target { id, chosen, .. } = target;
    let skipped = |record: &&Rc<VersionRecord>| {
        let removed = matches!(chosen.index.state(&record.version), VersionState::Removed(_));
        record.version > *from && record.version < chosen.record.version && !removed
    };
    let mut records: Vec<_> = chosen.index.versions.iter().filter(skipped).collect();
    records.sort_by(|a, b| b.version.cmp(&a.version));
    let mut between = Vec::new();
    for record in records {
        if !may_skip_renames(old, new) {
            break;
        }
        interrupt::check()?;
        if let Ok(edition) = Edition::read(registry, id, record) {
            between.push(edition.manifest.variables);
            follow_renames(old, new, &between);
        }
    }
    Ok(())
}

/// Refuses a component that `forum.toml` has elsewhere: `fetch` knows what to do with it.
fn refuse_moved(workspace: &Workspace, entry: &LockEntry) -> Result<()> {
    let (id, is) = (&entry.id, &entry.path);
    let wanted = workspace.file.path_of(id)?;
    if wanted == *is {
        return Ok(());
    }
    let failure = Failure::new(Code::Occupied, format!("{id} lies in `{is}`, and forum.toml has it in `{wanted}`"));
    Err(failure.hint("forum fetch, then the same command").into())
}

/// What was fetched, with the answers of the lock. `None` where the directory is gone: then all comes anew.
fn old<'r>(registry: &'r Registry, workspace: &Workspace, entry: &LockEntry) -> Result<Option<Old<'r>>> {
    if workspace.directory(&entry.path)?.is_none() {
        return Ok(None);
    }
    let record = fetched_record(registry, entry)?;
    let as_fetched = || format!("{} as it was fetched", entry.version);
    let mut fetched = Edition::fetched(registry, entry, &record).with_context(as_fetched)?;
    let secrets = secrets::read_back(workspace, entry, &fetched.manifest.variables, &|path| fetched.outline(path));
    let secrets = secrets.with_context(as_fetched)?;
    if !secrets.is_empty() {
        let without = fetched.answers.clone();
        fetched.answers.extend(secrets.clone());
        if fetched.write(Place::of(entry)).is_ok() {
            return Ok(Some(Old { fetched, secrets }));
        }
        fetched.answers = without;
    }
    fetched.write(Place::of(entry)).with_context(as_fetched)?;
    Ok(Some(Old { fetched, secrets: Answers::new() }))
}

/// The record of the version that is here.
pub(super) fn fetched_record(registry: &Registry, entry: &LockEntry) -> Result<Rc<VersionRecord>> {
    let id = &entry.id;
    let index = registry.index(id)?;
    let record = index.as_ref().and_then(|index| index.versions.iter().find(|record| record.version == entry.version));
    let Some(record) = record else {
        let failure = Failure::new(Code::NotFound, format!("the registry does not know {id} {}, which is here", entry.version));
        return Err(failure.hint("forum registry refresh").into());
    };
    crate::commands::refuse_other_digests(entry, record)?;
    Ok(Rc::clone(record))
}

fn finish<'r>(workspace: &Workspace, places: &Places<'_>, target: &Target, draft: Draft<'r>) -> Result<Plan<'r>> {
    let Draft { mut edition, old, carried } = draft;
    let (id, record) = (&target.id, &target.chosen.record);
    let here = workspace.lock.components.get(id);
    let path = here.map_or_else(|| workspace.file.path_of(id), |entry| Ok(entry.path.clone()))?;
    if old.is_none() {
        workspace.require_free(&id.to_string(), &path)?;
    }
    let place = Place { registry: places.url(&target.registry)?, path, requested: target.requested };
    let entry = edition.write(place)?;
    let now = applied(&edition.manifest, &edition.answers);
    let none = BTreeMap::new();
    let before = old.as_ref().map_or(&none, |old| &old.fetched.manifest.variables);
    let answered = here.map(|entry| entry.answers.clone()).unwrap_or_default();
    let changed_variables = carried.changes(before, &edition.manifest.variables, &answered, &now);
    let needs = edition.manifest.needs.without(old.as_ref().map(|old| &old.fetched.manifest.needs));
    let variables = wanted(workspace, id, &carried, &edition);
    let from = here.filter(|_| old.is_some()).map_or(&record.version, |entry| &entry.version);
    let label = |version: &Version| format!("{id} {version}");
    let labels = Labels { base: label(from), ours: "yours".to_owned(), theirs: label(&record.version) };
    let read = workspace.snapshot(&entry.path)?;
    let ours = if old.is_some() { Ours::read(workspace, &entry)? } else { Ours::default() };
    let base = old.map(|old| old.fetched);
    let sides = Sides { base, ours, theirs: edition, from: from.clone(), to: record.version.clone(), labels };
    let combined = combine(&sides)?;
    let not_filled_in = not_filled_in(&sides, &combined)?;
    let from = here.map(|entry| entry.version.clone());
    Ok(Plan { id: id.clone(), from, entry, variables, changed_variables, sides, combined, needs, not_filled_in, read })
}

/// The answers in `forum.toml`: those that stand there under their new names, and those that were given now.
pub(super) fn wanted(workspace: &Workspace, id: &ComponentId, carried: &Carried, edition: &Edition<'_>) -> Answers {
    let variables = &edition.manifest.variables;
    let stood = workspace.file.components.get(id).map(|entry| entry.variables.clone()).unwrap_or_default();
    let open = |name: &String| variables.get(name).is_some_and(|variable| !variable.is_secret());
    let mut wanted = Answers::new();
    for (name, answer) in &edition.answers {
        let earlier = carried.renamed.get(name).unwrap_or(name);
        let was_carried = carried.answers.get(name) == Some(answer);
        if open(name) && (!was_carried || stood.contains_key(name) || stood.contains_key(earlier)) {
            wanted.insert(name.clone(), answer.clone());
        }
    }
    wanted
}

/// Both versions with the answers that carry over; nothing is asked.
pub(super) fn versions(workspace: &Workspace, places: &Places<'_>, target: &Target, entry: &LockEntry) -> Result<Versions> {
    let (id, record) = (&target.id, &target.chosen.record);
    let opened = places.opened(&target.registry)?;
    let mut prepared = Prepared::read(opened, id, record)?;
    let before = fetched_record(opened, entry)?;
    let mut old = Prepared::fetched(opened, entry, &before).with_context(|| format!("{} as it was fetched", entry.version))?;
    let wish = workspace.file.components.get(id).cloned().unwrap_or_default();
    follow_skipped(opened, target, &entry.version, &old.manifest.variables, &mut prepared.manifest.variables)?;
    let carried = carry(&old.manifest.variables, &prepared.manifest.variables, &entry.answers, &wish.variables);
    prepared.answers = carried.answers;
    let (_, base) = old.write(id, &before, Place::of(entry))?;
    let (new, theirs) = prepared.write(id, record, Place::of(entry))?;
    let renames = prepared.manifest.renames;
    Ok(Versions { from: entry.version.clone(), to: record.version.clone(), base, theirs, renames, entry: new })
}
