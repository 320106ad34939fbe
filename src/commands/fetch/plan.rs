//! What is to be done for each chosen component: decided from lock and disk, before anything is written.

use std::collections::BTreeMap;

use anyhow::{Context as _, Result};

use super::found;
use super::removed::removal;
use super::unused;
use crate::commands::answers::{self, Given, ask};
use crate::commands::places::Places;
use crate::commands::prepared::{Place, Prepared, manifest_on_disk};
use crate::commands::{refuse_other_digests, refuse_waiting, secrets};
use crate::context::Context;
use crate::error::{Code, Failure};
use crate::fail;
use crate::model::content::ContentFile;
use crate::model::id::ComponentId;
use crate::model::index::Deprecated;
use crate::model::lockfile::LockEntry;
use crate::model::manifest::{Manifest, Needs};
use crate::model::path::RelPath;
use crate::model::resolve::Chosen;
use crate::model::secret_places::is_told_apart;
use crate::model::variables::{Answer, Answers, Variable, complete};
use crate::model::workspace_file::{Entry, WORKSPACE_FILE};
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

impl Asked<'_> {
    /// Whether the local changes of a component are thrown away.
    fn forces(&self, id: &ComponentId) -> bool {
        self.force && self.named.contains(id)
    }
}

/// What is done for it.
pub(super) enum Step {
    /// It is as the lock says.
    Unchanged,
    /// Its receiver changed it: left as it is. With the version that it would otherwise have moved to, and whether
    /// `forum.toml` has other answers than those in it.
    Kept { wanted: Option<semver::Version>, other_answers: bool },
    /// Its directory is written.
    Write { files: Vec<ContentFile>, new: bool },
}

impl Step {
    /// For what stays as it lies; `None` where nothing does.
    const fn as_it_lies(state: State) -> Option<Self> {
        match state {
            State::Missing => None,
            State::Clean => Some(Self::Unchanged),
            State::Adapted => Some(Self::Kept { wanted: None, other_answers: false }),
        }
    }
}

/// A component with its lock entry as it will be.
pub(super) struct Planned {
    pub(super) entry: LockEntry,
    pub(super) registry: String,
    pub(super) step: Step,
    pub(super) needs: Needs,
    /// The reason, where the version was yanked.
    pub(super) yanked: Option<String>,
    /// Why its owner advises against the component, and what to take instead.
    pub(super) deprecated: Option<String>,
    /// Where it was until now.
    pub(super) moved_from: Option<RelPath>,
    /// What nobody was asked and nobody answered: the defaults that were written.
    pub(super) defaults: Answers,
    /// What to say of its answers in `forum.toml`.
    pub(super) warnings: Vec<String>,
}

impl Planned {
    /// For what stays as it lies; nothing is known of its registry.
    fn as_it_is(workspace: &Workspace, entry: LockEntry, registry: String, step: Step) -> Self {
        let manifest = manifest_on_disk(workspace, &entry);
        let wish = workspace.file.components.get(&entry.id);
        let warnings = manifest.as_ref().map(|manifest| unused::warnings(&entry.id, wish, manifest)).unwrap_or_default();
        let needs = manifest.map(|manifest| manifest.needs).unwrap_or_default();
        Self { entry, registry, step, needs, yanked: None, deprecated: None, moved_from: None, defaults: Answers::new(), warnings }
    }
}

/// What of `forum.toml` the lock does not satisfy, in words; told from these two files alone.
pub(super) fn unsatisfied(workspace: &Workspace, places: &Places<'_>) -> Result<Option<String>> {
    for id in workspace.file.components.keys().filter(|id| workspace.file.wants(id)) {
        match workspace.lock.components.get(id) {
            None => return Ok(Some(format!("{id} is not in it"))),
            Some(entry) if satisfied(workspace, places, entry)?.is_none() => {
                return Ok(Some(format!("{id} {} is not what {WORKSPACE_FILE} asks for", entry.version)));
            }
            Some(_) => {}
        }
    }
    Ok(None)
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
    let mut planned = left_over(workspace, places, &|id| reached.contains_key(id))?;
    if reached.is_empty() || reached.len() + planned.len() != lock.len() {
        return Ok(None);
    }
    for (entry, registry) in reached.into_values() {
        let Some(step) = Step::as_it_lies(workspace.state(entry)?) else { return Ok(None) };
        planned.push(Planned::as_it_is(workspace, entry.clone(), registry, step));
    }
    planned.sort_by(|a, b| a.entry.id.cmp(&b.entry.id));
    Ok(Some(planned))
}

/// What an update left since its receiver has changed it, as far as it is there and nothing wants it again: it stays.
pub(super) fn left_over(workspace: &Workspace, places: &Places<'_>, wanted: &dyn Fn(&ComponentId) -> bool) -> Result<Vec<Planned>> {
    let mut found = Vec::new();
    for id in workspace.lock.left_over().into_iter().filter(|id| !wanted(id)) {
        let Some(entry) = workspace.lock.components.get(id) else { continue };
        let Some(step) = Step::as_it_lies(workspace.state(entry)?) else { continue };
        let registry = places.name_of(&entry.registry).unwrap_or_else(|| entry.registry.clone());
        found.push(Planned::as_it_is(workspace, entry.clone(), registry, step));
    }
    Ok(found)
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
    given.check_used(asked.named, &known)?;
    if !missing.is_empty() {
        return Err(answers::missing(context, "fetch", asked.named, &missing).into());
    }
    let mut planned = Vec::new();
    for (target, draft) in targets.iter().zip(drafts) {
        let done = finish(workspace, target, draft, asked);
        planned.push(done.with_context(|| format!("{} {}", target.id, target.chosen.record.version))?);
    }
    refuse_left_behind(targets, &planned)?;
    Ok(planned)
}

/// A component is not written where one that it depends on has the receiver's changes and so stays below what it needs.
fn refuse_left_behind(targets: &[Target], planned: &[Planned]) -> Result<()> {
    for (target, one) in targets.iter().zip(planned).filter(|(_, one)| matches!(one.step, Step::Write { .. })) {
        for (id, requirement) in &target.chosen.record.dependencies {
            let stays = |other: &&Planned| other.entry.id == *id && matches!(other.step, Step::Kept { wanted: Some(_), .. });
            if let Some(other) = planned.iter().find(stays).filter(|other| !requirement.matches(&other.entry.version)) {
                let message = format!(
                    "{} {} needs {id} {requirement}; {id} has your changes, which `fetch` leaves alone, and stays at {}",
                    one.entry.id, one.entry.version, other.entry.version
                );
                let failure = Failure::new(Code::NoSolution, message);
                return Err(failure.hint(format!("forum update {id}")).hint("then the same command again").into());
            }
        }
    }
    Ok(())
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
    if let Some(waiting) = old.filter(|entry| entry.pending.is_some() && (state == Some(State::Missing) || asked.forces(id))) {
        return Err(refuse_waiting(waiting).into());
    }
    if matches!(state, None | Some(State::Missing)) {
        workspace.require_no_file(&id.to_string(), &path)?;
    }
    let same = |entry: &LockEntry| entry.version == record.version && wish.answers_hold(&entry.answers);
    let settled = old.is_some_and(same) && !given.concerns(id, named);
    let forced = asked.forces(id);
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
    for (name, variable) in &manifest.variables {
        let earlier = || variable.renamed_from.as_ref().and_then(|earlier| wish.variables.get(earlier));
        if let Some(answer) = wish.variables.get(name).or_else(earlier) {
            answers.insert(name.clone(), variable.check_answer(name, answer).with_context(|| format!("forum.toml: {id}"))?);
        }
    }
    let given = given.for_component(id, named, &manifest.variables)?;
    let lacks = |name: &String| manifest.variables.get(name).is_some_and(Variable::is_secret) && !given.contains_key(name);
    // A secret stands in the component's files and nowhere else.
    if let Some(entry) = old.filter(|_| state == Some(State::Clean) && manifest.variables.keys().any(lacks))
        && let Some(secrets) = secrets::known(workspace, places.open(registry)?, entry)?
    {
        answers.extend(secrets.into_iter().filter(|(name, _)| lacks(name)));
    }
    answers.extend(given);
    if context.ui.can_ask() && old.is_none() {
        ask(&context.ui, id, &manifest, &|_| true, &mut answers)?;
    }
    let mixed = |(name, answer): &(&String, &Answer)| {
        let variable = manifest.variables.get(*name).filter(|variable| variable.is_secret() && !variable.replace.is_empty());
        variable.is_some() && !is_told_apart(&answer.to_string())
    };
    for (name, _) in answers.iter().filter(mixed) {
        context.ui.say(&format!("note: {id}: the secret `{name}` has lines that nothing tells from yours: its files count as changed"));
    }
    write_down(workspace, target, &wish, &manifest, &answers);
    Ok(Draft { path, url, state, prepared: Some(Prepared { content, manifest, answers }) })
}

/// Answers that were given go into `forum.toml`, secrets excepted.
fn write_down(workspace: &mut Workspace, target: &Target, wish: &Entry, manifest: &Manifest, answers: &Answers) {
    let open = answers.iter().filter(|(name, _)| manifest.variables.get(*name).is_some_and(|v| !v.is_secret()));
    let mut entry = wish.clone();
    // An answer that was carried over stands under its new name alone.
    let renamed = manifest.variables.values().filter_map(|variable| variable.renamed_from.as_ref());
    renamed.filter(|earlier| !manifest.variables.contains_key(*earlier)).for_each(|earlier| drop(entry.variables.remove(earlier)));
    entry.variables.extend(open.map(|(name, answer)| (name.clone(), answer.clone())));
    if entry.variables != wish.variables {
        workspace.file.set_component(&target.id, &entry);
    }
}

fn finish(workspace: &Workspace, target: &Target, draft: Draft, asked: Asked<'_>) -> Result<Planned> {
    let record = &target.chosen.record;
    let yanked = target.chosen.index.yanked.get(&record.version).map(|notice| notice.reason.clone());
    let deprecated = target.chosen.index.deprecated.as_ref().map(Deprecated::advice);
    let old = workspace.lock.components.get(&target.id);
    let Some(mut prepared) = draft.prepared else {
        let Some(old) = old else { unreachable!("without an old entry the content was read") };
        let wanted = (old.version != record.version).then(|| record.version.clone());
        let wish = workspace.file.components.get(&target.id);
        let other_answers = wish.is_some_and(|wish| !wish.answers_hold(&old.answers));
        let step = if draft.state == Some(State::Clean) { Step::Unchanged } else { Step::Kept { wanted, other_answers } };
        let entry = LockEntry { requested: target.requested, registry: draft.url, ..old.clone() };
        return Ok(Planned { yanked, deprecated, ..Planned::as_it_is(workspace, entry, target.registry.clone(), step) });
    };
    let is_new = !matches!(draft.state, Some(State::Clean | State::Adapted));
    let answered = prepared.answers.clone();
    let place = Place { registry: draft.url, path: draft.path, requested: target.requested };
    let (entry, files) = prepared.write(&target.id, record, place)?;
    // The same answers once more change nothing; and where forum.lock was lost, what lies there may be just this.
    let step = if workspace.holds(&entry.path, &files)? {
        Step::Unchanged
    } else if is_new && found::versions(workspace)?.get(&target.id) == Some(&record.version) {
        Step::Kept { wanted: None, other_answers: false }
    } else {
        if is_new {
            workspace.require_free(&target.id.to_string(), &entry.path)?;
        }
        Step::Write { files, new: is_new }
    };
    let by_default = |(name, _): &(&String, &Answer)| is_new && !answered.contains_key(*name);
    let defaults = entry.answers.iter().filter(by_default).map(|(name, answer)| (name.clone(), answer.clone())).collect();
    let moved_from = moved_from(workspace, old, &entry.path, asked)?;
    let registry = target.registry.clone();
    let warnings = unused::warnings(&target.id, workspace.file.components.get(&target.id), &prepared.manifest);
    Ok(Planned { entry, registry, step, needs: prepared.manifest.needs, yanked, deprecated, moved_from, defaults, warnings })
}

/// Where a component is that `forum.toml` now has elsewhere. It goes there only as it was published, or where its
/// changes are to be thrown away.
fn moved_from(workspace: &Workspace, old: Option<&LockEntry>, path: &RelPath, asked: Asked<'_>) -> Result<Option<RelPath>> {
    let Some(old) = old.filter(|old| old.path != *path) else { return Ok(None) };
    let from = &old.path;
    if old.pending.is_some() {
        return Err(refuse_waiting(old).into());
    }
    if from.contains(path) || path.contains(from) {
        fail!(Code::Usage, "{}: `{path}` and `{from}`, where it is, lie in each other", old.id);
    }
    match workspace.state(old)? {
        State::Missing => Ok(None),
        State::Clean => Ok(Some(from.clone())),
        State::Adapted if asked.forces(&old.id) => Ok(Some(from.clone())),
        State::Adapted => {
            let failure =
                Failure::new(Code::Occupied, format!("{} has your changes in `{from}`: only you can move it to `{path}`", old.id));
            Err(failure
                .hint(format!("move the directory {from} to {path}, then: forum fetch"))
                .hint(format!("to throw them away: forum fetch --force {}", old.id))
                .into())
        }
    }
}
