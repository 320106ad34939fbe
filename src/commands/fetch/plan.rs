//! What is to be done for each chosen component: decided from lock and disk, before anything is written.

use std::collections::BTreeMap;

use anyhow::{Context as _, Result};

use super::removed::removal;
use crate::commands::answers::{Given, ask};
use crate::commands::places::Places;
use crate::commands::prepared::{Place, Prepared, needs_on_disk};
use crate::commands::{refuse_other_digests, refuse_waiting};
use crate::context::Context;
use crate::error::{Code, Failure};
use crate::model::content::ContentFile;
use crate::model::id::ComponentId;
use crate::model::lockfile::LockEntry;
use crate::model::manifest::{Manifest, Needs};
use crate::model::path::RelPath;
use crate::model::resolve::Chosen;
use crate::model::variables::{Answers, complete};
use crate::model::workspace_file::Entry;
use crate::store::workspace::{State, Workspace};

/// One component that the workspace should hold.
pub(super) struct Target {
    pub(super) id: ComponentId,
    pub(super) chosen: Chosen,
    pub(super) registry: String,
    pub(super) requested: bool,
}

/// What the command line says of components.
#[derive(Clone, Copy)]
pub(super) struct Asked<'a> {
    /// Those that it names.
    pub(super) named: &'a [ComponentId],
    /// Whether their local changes are thrown away.
    pub(super) force: bool,
}

/// What is done for it.
pub(super) enum Step {
    /// It is as the lock says.
    Unchanged,
    /// Its receiver changed it: left as it is. With the version that it would otherwise have moved to.
    Kept { wanted: Option<semver::Version> },
    /// Its directory is written.
    Write { files: Vec<ContentFile>, new: bool },
}

/// A component with its lock entry as it will be.
pub(super) struct Planned {
    pub(super) entry: LockEntry,
    pub(super) registry: String,
    pub(super) step: Step,
    pub(super) needs: Needs,
    /// The reason, where the version was yanked.
    pub(super) yanked: Option<String>,
}

/// The plan where the lock satisfies `forum.toml` and everything is there: no registry is asked, none is even opened.
pub(super) fn settled(workspace: &Workspace, places: &Places<'_>) -> Result<Option<Vec<Planned>>> {
    let lock = &workspace.lock.components;
    let mut open: Vec<&ComponentId> = workspace.file.components.keys().filter(|id| workspace.file.wants(id)).collect();
    let mut reached = BTreeMap::new();
    // What only reads the two files comes first: hashing what lies on the disk is for locks that satisfy.
    while let Some(id) = open.pop() {
        let Some(entry) = lock.get(id) else { return Ok(None) };
        let Some(registry) = satisfied(workspace, places, entry)? else { return Ok(None) };
        if reached.insert(id, (entry, registry)).is_none() {
            open.extend(&entry.dependencies);
        }
    }
    if reached.is_empty() || reached.len() != lock.len() {
        return Ok(None);
    }
    let mut planned = Vec::new();
    for (entry, registry) in reached.into_values() {
        let step = match workspace.state(entry)? {
            State::Missing => return Ok(None),
            State::Clean => Step::Unchanged,
            State::Adapted => Step::Kept { wanted: None },
        };
        planned.push(Planned { entry: entry.clone(), registry, step, needs: needs_on_disk(workspace, entry), yanked: None });
    }
    Ok(Some(planned))
}

/// The registry of a lock entry that is as `forum.toml` wants it.
fn satisfied(workspace: &Workspace, places: &Places<'_>, entry: &LockEntry) -> Result<Option<String>> {
    let file = &workspace.file;
    let wish = file.components.get(&entry.id).cloned().unwrap_or_default();
    let holds = wish.version.as_ref().is_none_or(|requirement| requirement.matches(&entry.version))
        && file.path_of(&entry.id)? == entry.path
        && wish.answers_hold(&entry.answers)
        && entry.requested == wish.is_wish();
    let named = places.name_of(&entry.registry).filter(|name| wish.registry.as_ref().is_none_or(|wish| wish == name));
    Ok(named.filter(|_| holds))
}

/// Decides for all targets; asks for missing answers once, or lists them all.
pub(super) fn plan(
    context: &Context,
    workspace: &mut Workspace,
    places: &mut Places<'_>,
    targets: &[Target],
    given: &Given,
    asked: Asked<'_>,
) -> Result<Vec<Planned>> {
    refuse_shared_places(workspace, targets)?;
    let (mut drafts, mut missing) = (Vec::new(), Vec::new());
    for target in targets {
        let draft = draft(context, workspace, places, target, given, asked)?;
        if let Some(prepared) = &draft.prepared
            && let Err(names) = complete(&prepared.manifest.variables, &prepared.answers)
        {
            missing.extend(names.into_iter().map(|name| (target.id.clone(), name)));
        }
        drafts.push(draft);
    }
    let known: BTreeMap<_, _> =
        targets.iter().zip(&drafts).filter_map(|(t, d)| Some((&t.id, &d.prepared.as_ref()?.manifest.variables))).collect();
    given.check_used(&known)?;
    if let Some((first, name)) = missing.first() {
        let list: Vec<_> = missing.iter().map(|(id, name)| format!("{id}: {name}")).collect();
        let failure = Failure::new(Code::MissingAnswers, format!("these variables have no answer: {}", list.join(", ")));
        return Err(failure.hint(format!("forum fetch {first} --set {name}=…")).into());
    }
    targets
        .iter()
        .zip(drafts)
        .map(|(target, draft)| finish(workspace, target, draft).with_context(|| format!("{} {}", target.id, target.chosen.record.version)))
        .collect()
}

/// No component lies in another: its files would be changes of the other's.
fn refuse_shared_places(workspace: &Workspace, targets: &[Target]) -> Result<()> {
    let mut taken: Vec<(&ComponentId, RelPath)> = Vec::new();
    for Target { id, .. } in targets {
        let path = workspace.file.path_of(id)?;
        if let Some((other, there)) = taken.iter().find(|(_, there)| there.contains(&path) || path.contains(there)) {
            let failure = Failure::new(Code::Occupied, format!("{id} in `{path}` and {other} in `{there}`: one would lie in the other"));
            return Err(failure.hint(format!("forum fetch {id} --path OTHER-DIRECTORY")).into());
        }
        taken.push((id, path));
    }
    Ok(())
}

struct Draft {
    path: RelPath,
    url: String,
    state: Option<State>,
    prepared: Option<Prepared>,
}

fn draft(
    context: &Context,
    workspace: &mut Workspace,
    places: &mut Places<'_>,
    target: &Target,
    given: &Given,
    asked: Asked<'_>,
) -> Result<Draft> {
    let Target { id, chosen, registry, .. } = target;
    let record = &chosen.record;
    let named = asked.named.contains(id);
    let wish = workspace.file.components.get(id).cloned().unwrap_or_default();
    let path = workspace.file.path_of(id)?;
    let old = workspace.lock.components.get(id).filter(|entry| entry.path == path);
    let url = places.url(registry)?;
    let state = old.map(|entry| workspace.state(entry)).transpose()?;
    if let Some(entry) = old.filter(|entry| entry.version == record.version) {
        refuse_other_digests(entry, record)?;
    }
    if let Some(waiting) = old.filter(|entry| entry.pending.is_some() && (state == Some(State::Missing) || asked.force && named)) {
        return Err(refuse_waiting(waiting).into());
    }
    match state {
        None | Some(State::Missing) => workspace.require_free(&id.to_string(), &path)?,
        Some(State::Clean | State::Adapted) => {}
    }
    let same = |entry: &LockEntry| entry.version == record.version && wish.answers_hold(&entry.answers);
    let settled = old.is_some_and(same) && !given.concerns(id, named);
    let forced = asked.force && named;
    if state == Some(State::Adapted) && !forced && given.concerns(id, named) {
        let failure = Failure::new(Code::Usage, format!("{id} has your changes: a new answer comes into it by an update"));
        return Err(failure.hint(format!("forum update {id} --set KEY=VALUE")).into());
    }
    if state == Some(State::Clean) && settled || state == Some(State::Adapted) && !forced {
        return Ok(Draft { path, url, state, prepared: None });
    }
    if let Some(failure) = removal(places.open(registry)?, id, &record.version)? {
        return Err(failure.into());
    }
    let Prepared { content, manifest, .. } = Prepared::read(places.open(registry)?, id, record)?;
    let mut answers = Answers::new();
    for (name, answer) in &wish.variables {
        if let Some(variable) = manifest.variables.get(name) {
            answers.insert(name.clone(), variable.check_answer(name, answer).with_context(|| format!("forum.toml: {id}"))?);
        }
    }
    answers.extend(given.for_component(id, named, &manifest.variables)?);
    if context.ui.can_ask() && old.is_none() {
        ask(&context.ui, id, &manifest.variables, &mut answers)?;
    }
    write_down(workspace, target, &wish, &manifest, &answers);
    Ok(Draft { path, url, state, prepared: Some(Prepared { content, manifest, answers }) })
}

/// Answers that were given go into `forum.toml`, secrets excepted.
fn write_down(workspace: &mut Workspace, target: &Target, wish: &Entry, manifest: &Manifest, answers: &Answers) {
    let open = answers.iter().filter(|(name, _)| manifest.variables.get(*name).is_some_and(|v| !v.is_secret()));
    let mut entry = wish.clone();
    entry.variables.extend(open.map(|(name, answer)| (name.clone(), answer.clone())));
    if entry.variables != wish.variables {
        workspace.file.set_component(&target.id, &entry);
    }
}

fn finish(workspace: &Workspace, target: &Target, draft: Draft) -> Result<Planned> {
    let record = &target.chosen.record;
    let yanked = target.chosen.index.yanked.get(&record.version).map(|notice| notice.reason.clone());
    let old = workspace.lock.components.get(&target.id);
    let Some(mut prepared) = draft.prepared else {
        let Some(old) = old else { unreachable!("without an old entry the content was read") };
        let wanted = (old.version != record.version).then(|| record.version.clone());
        let step = if draft.state == Some(State::Clean) { Step::Unchanged } else { Step::Kept { wanted } };
        let entry = LockEntry { requested: target.requested, registry: draft.url, ..old.clone() };
        let needs = needs_on_disk(workspace, &entry);
        return Ok(Planned { entry, registry: target.registry.clone(), step, needs, yanked });
    };
    let place = Place { registry: draft.url, path: draft.path, requested: target.requested };
    let (entry, files) = prepared.write(&target.id, record, place)?;
    let step = Step::Write { files, new: !matches!(draft.state, Some(State::Clean | State::Adapted)) };
    Ok(Planned { entry, registry: target.registry.clone(), step, needs: prepared.manifest.needs, yanked })
}
