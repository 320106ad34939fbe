//! `forum update`: brings a newer version into the adapted copy, and loses nothing.
//!
//! The way of the data: wishes and lock → [`choose`] → answers and three sides per component ([`plan`]) → one outcome
//! per path ([`combine`]) → a kept copy, then one [`Transaction`] for directories, `forum.toml`, `forum.lock` and the
//! record of what waits for a person ([`pending`]).

mod choose;
mod combine;
mod edition;
mod lost;
mod pending;
mod plan;
mod report;
mod sides;
mod upstream;

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use anyhow::Result;
use semver::Version;

use self::choose::{Choice, Movable};
use self::plan::Plan;
use self::report::UpdateReport;
pub(super) use self::upstream::upstream;
use super::answers::Given;
use super::places::Places;
use super::{Outcome, open_existing, refuse_locked, refuse_waiting};
use crate::context::Context;
use crate::error::Code;
use crate::fail;
use crate::model::digest::{Checksum, FileMode};
use crate::model::id::{ComponentId, IdOrName};
use crate::model::lockfile::{Lock, LockEntry, Pending};
use crate::model::path::RelPath;
use crate::model::update::{PendingFile, Waiting};
use crate::model::variables::Answers;
use crate::model::workspace_file::{Entry, WorkspaceFile};
use crate::store::fs::journal::{Expectation, Transaction};
use crate::store::kept::{Kept, KeptCopies};
use crate::store::workspace::{State, Workspace};

/// Bring a newer version into your adapted copy
///
/// Merges what the owner changed with what you changed. Where both changed the same place a person must choose: the
/// update then waits until --continue or --abort, and forum.lock stays at the version before. What is replaced is kept:
/// forum restore ID.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  forum update                               everything to the newest version that forum.toml allows
  forum update pupil-system --dry-run        say what would come, and write nothing
  forum update pupil-system --to 1.3.0
  forum update pupil-system --set municipality-code=2281
  forum update pupil-system --continue       when the conflicts are settled
  forum update pupil-system --abort          put everything back")]
pub struct Args {
    /// Components to update: owner/name or the name alone; without any, all that were asked for
    #[arg(value_name = "ID")]
    ids: Vec<IdOrName>,
    /// To this version instead of the newest
    #[arg(long, value_name = "VERSION")]
    to: Option<Version>,
    /// Answer a variable; owner/name:KEY=VALUE answers that of one component
    #[arg(long, value_name = "KEY=VALUE")]
    set: Vec<String>,
    /// Read answers from a TOML file
    #[arg(long, value_name = "FILE")]
    answers: Option<PathBuf>,
    /// Say what would come, and write nothing
    #[arg(long)]
    dry_run: bool,
    /// Finish an update whose conflicts are settled
    #[arg(long = "continue", conflicts_with_all = ["to", "set", "answers", "dry_run", "abort"])]
    finish: bool,
    /// Take back an update that waits
    #[arg(long, conflicts_with_all = ["to", "set", "answers", "dry_run"])]
    abort: bool,
}

/// Runs the command.
///
/// # Errors
/// As the contract's section 6; the workspace is then as it was.
pub fn run(context: &Context, args: &Args) -> Result<Outcome> {
    let mut workspace = open_existing(context)?;
    let ids = args.ids.iter().map(|typed| workspace.find(typed)).collect::<Result<Vec<_>>>()?;
    if let Some(id) = ids.iter().find(|id| !workspace.lock.components.contains_key(id)) {
        fail!(Code::NotFound, "{id} is wanted here and was never fetched: forum fetch {id}");
    }
    match (args.finish, args.abort) {
        (true, _) => pending::finish(context, &mut workspace, &ids),
        (_, true) => pending::abort(context, &workspace, &ids),
        _ => update(context, args, &mut workspace, &ids),
    }
}

fn update(context: &Context, args: &Args, workspace: &mut Workspace, ids: &[ComponentId]) -> Result<Outcome> {
    let given = Given::read(context, &args.set, args.answers.as_deref())?;
    given.check_targets(ids)?;
    if args.to.is_some() && ids.len() != 1 {
        fail!(Code::Usage, "--to goes with exactly one component");
    }
    if let Some(waiting) = ids.iter().filter_map(|id| workspace.lock.components.get(id)).find(|entry| entry.pending.is_some()) {
        return Err(refuse_waiting(waiting).into());
    }
    let waits: Vec<_> = workspace.lock.components.values().filter(|entry| entry.pending.is_some()).map(|entry| entry.id.clone()).collect();
    let movable = Movable { ids: movable(workspace, ids), to: args.to.clone() };
    let mut places = Places::today(context, workspace, args.ids.clone())?;
    places.refuse_contradiction(&workspace.file, &movable.ids)?;
    let choice = choose::choose(workspace, &mut places, &movable)?;
    let mut plans = plan::plan(context, workspace, &places, &choice.targets, &given, ids)?;
    plans.retain(|plan| changes_something(workspace, plan));
    places.notes().iter().for_each(|note| context.ui.say(note));
    let apply = Apply::new(workspace, plans, &choice)?;
    refuse_locked(context, workspace, &apply.lock)?;
    let report = UpdateReport::of_plans(&apply.plans, args.dry_run);
    if !args.dry_run {
        apply.run(context, workspace)?;
    }
    apply.say(context, &workspace.file, &waits, &choice, args.dry_run);
    context.ui.report("update", &report);
    // Who names others has nothing to do with what waits, unless theirs waits for it.
    let others = ids.is_empty() || !choice.held_back.is_empty();
    let open = others && !waits.is_empty() || !apply.pending.is_empty();
    Ok(if open && !args.dry_run { Outcome::Conflicts } else { Outcome::Done })
}

/// What was named, else all that somebody asked for.
fn movable(workspace: &Workspace, ids: &[ComponentId]) -> BTreeSet<ComponentId> {
    if ids.is_empty() {
        return workspace.lock.components.values().filter(|entry| entry.requested).map(|entry| entry.id.clone()).collect();
    }
    ids.iter().cloned().collect()
}

fn changes_something(workspace: &Workspace, plan: &Plan<'_>) -> bool {
    workspace.lock.components.get(&plan.id) != Some(&plan.entry) || !plan.combined.writes.is_empty() || !plan.combined.gone.is_empty()
}

/// The change of the workspace, decided.
struct Apply<'r> {
    plans: Vec<Plan<'r>>,
    lock: Lock,
    /// Which updates wait, and with which others.
    pending: BTreeMap<ComponentId, Vec<ComponentId>>,
    /// What nothing needs any more, and whether a person has changed it: then it stays.
    loose: Vec<(LockEntry, bool)>,
}

impl<'r> Apply<'r> {
    fn new(workspace: &Workspace, plans: Vec<Plan<'r>>, choice: &Choice) -> Result<Self> {
        let pending = together(&plans);
        let mut lock = workspace.lock.clone();
        for plan in &plans {
            if !pending.contains_key(&plan.id) {
                lock.components.insert(plan.id.clone(), plan.entry.clone());
            } else if let Some(entry) = lock.components.get_mut(&plan.id) {
                let answers = Some(plan.entry.answers.clone()).filter(|answers| *answers != entry.answers);
                entry.pending = Some(Pending { to: plan.entry.version.clone(), answers: answers.unwrap_or_default() });
            }
        }
        let mut loose = Vec::new();
        if !plans.is_empty() && lock.components.values().all(|entry| entry.pending.is_none()) {
            let needed = |id: &ComponentId| choice.targets.iter().any(|target| target.id == *id);
            for entry in workspace.lock.components.values().filter(|entry| !needed(&entry.id)) {
                let adapted = workspace.state(entry)? == State::Adapted;
                loose.push((entry.clone(), adapted));
                if !adapted {
                    lock.components.remove(&entry.id);
                }
            }
        }
        Ok(Self { plans, lock, pending, loose })
    }

    /// Writes everything in one change. What it replaces is kept first.
    fn run(&self, context: &Context, workspace: &mut Workspace) -> Result<()> {
        if self.plans.is_empty() {
            return Ok(());
        }
        let copies = KeptCopies::of(context.state_dir()?, &workspace.root);
        let there = |plan: &&Plan<'_>| workspace.lock.components.contains_key(&plan.id);
        let gone = self.loose.iter().filter(|(_, adapted)| !adapted).map(|(entry, _)| &entry.id);
        let ids: Vec<_> = self.plans.iter().filter(there).map(|plan| &plan.id).chain(gone).collect();
        let keeping = copies.keep(workspace, "update", context.settings.now, &ids)?;
        self.write(workspace, keeping.copy())?;
        drop(keeping.done());
        self.loose.iter().filter(|(_, adapted)| !adapted).for_each(|(entry, _)| workspace.remove_empty_above(&entry.path));
        Ok(())
    }

    fn write(&self, workspace: &mut Workspace, kept: Option<&Kept>) -> Result<()> {
        let mut change = Transaction::begin(&workspace.root)?;
        let mut waiting = workspace.pending()?;
        for plan in &self.plans {
            let touched = write_tree(workspace, &mut change, plan)?;
            match self.pending.get(&plan.id) {
                Some(together) => drop(waiting.updates.insert(plan.id.clone(), plan.waiting(kept, together, touched))),
                None => set_variables(workspace, &plan.id, &plan.variables),
            }
        }
        for (entry, _) in self.loose.iter().filter(|(_, adapted)| !adapted) {
            if workspace.directory(&entry.path)?.is_some() {
                change.remove_tree(&entry.path)?;
            }
        }
        if !self.pending.is_empty() {
            workspace.stage_pending(&mut change, &waiting)?;
        }
        workspace.stage(&mut change, &self.lock)?;
        change.commit()
    }

    fn say(&self, context: &Context, file: &WorkspaceFile, waits: &[ComponentId], choice: &Choice, dry_run: bool) {
        let ui = &context.ui;
        if self.plans.is_empty() && waits.is_empty() {
            ui.say("nothing newer is there that forum.toml allows");
        }
        for target in &choice.targets {
            let (id, here) = (&target.id, &target.chosen.record.version);
            let Some(requirement) = file.components.get(id).and_then(|wish| wish.version.as_ref()) else { continue };
            let left_out = |newest: &&Version| *newest > here && !requirement.matches(newest);
            if let Some(newest) = target.chosen.index.newest().map(|record| &record.version).filter(left_out) {
                ui.say(&format!(
                    "note: {id} {newest} is there, which forum.toml leaves out: forum fetch {id}@^{newest}, then forum update"
                ));
            }
        }
        for plan in &self.plans {
            let (id, version) = (&plan.id, &plan.entry.version);
            let target = choice.targets.iter().find(|target| target.id == *id);
            if let Some(notice) = target.and_then(|target| target.chosen.index.yanked.get(version)) {
                ui.say(&format!("warning: {id} {version} is yanked: {}", notice.reason));
            }
        }
        for (LockEntry { id, .. }, adapted) in &self.loose {
            ui.say(&if *adapted {
                format!("note: {id} is no longer needed; it stays, since you have changed it: forum remove {id}")
            } else {
                format!("note: {id} is no longer needed, and went; a copy is kept: forum restore {id}")
            });
        }
        for id in waits {
            ui.say(&format!(
                "note: {id} is left alone: an update of it waits for you\n  forum update {id} --continue\n  forum update {id} --abort"
            ));
        }
        for (id, other) in &choice.held_back {
            ui.say(&format!("note: {id} waits, too: its newer version needs another {other}"));
        }
        if dry_run {
            return;
        }
        for plan in self.plans.iter().filter(|plan| self.pending.contains_key(&plan.id)) {
            let (id, entry) = (&plan.id, &plan.entry);
            ui.say(&report::conflicts(id, &entry.path, &plan.combined.open));
        }
        // One that comes with the update is not here yet: it goes with the one that brings it.
        for id in self.plans.iter().filter(|plan| plan.from.is_some() && self.pending.contains_key(&plan.id)).map(|plan| &plan.id) {
            ui.say(&format!("when they are settled: forum update {id} --continue\nto put everything back: forum update {id} --abort"));
        }
        if self.plans.iter().any(|plan| plan.from.is_some()) {
            ui.say("what was before is kept: forum restore ID");
        }
    }
}

impl Plan<'_> {
    fn waiting(&self, kept: Option<&Kept>, together: &[ComponentId], touched: Touched) -> Waiting {
        Waiting {
            entry: self.entry.clone(),
            variables: self.variables.clone(),
            from: self.from.clone(),
            kept: self.from.as_ref().and(kept).map(|kept| kept.folder.clone()),
            open: self.combined.open.clone(),
            touched,
            files: self.combined.files.clone(),
            changed_variables: self.changed_variables.clone(),
            together: together.to_vec(),
        }
    }
}

/// Which updates have to wait: those with a conflict, and what moves together with them.
fn together(plans: &[Plan<'_>]) -> BTreeMap<ComponentId, Vec<ComponentId>> {
    let near = |a: &Plan<'_>, b: &Plan<'_>| a.entry.dependencies.contains(&b.id) || b.entry.dependencies.contains(&a.id);
    let mut pending = BTreeMap::new();
    for start in plans.iter().filter(|plan| !plan.combined.open.is_empty()) {
        let mut group: BTreeSet<&ComponentId> = [&start.id].into();
        loop {
            let more =
                |plan: &&Plan<'_>| !group.contains(&plan.id) && plans.iter().any(|other| group.contains(&other.id) && near(plan, other));
            let Some(next) = plans.iter().find(more) else { break };
            group.insert(&next.id);
        }
        let group: Vec<ComponentId> = group.into_iter().cloned().collect();
        pending.extend(group.iter().map(|id| (id.clone(), group.clone())));
    }
    pending
}

/// The files that an update wrote, and what it wrote; `None` for those that it took away.
type Touched = BTreeMap<RelPath, Option<Checksum>>;

/// Stages a component's directory, one file at a time: what the update does not touch keeps its very file.
fn write_tree(workspace: &Workspace, change: &mut Transaction, plan: &Plan<'_>) -> Result<Touched> {
    let (path, combined) = (&plan.entry.path, &plan.combined);
    let mut touched: Touched = combined.gone.iter().map(|path| (path.clone(), None)).collect();
    if combined.writes.is_empty() && combined.gone.is_empty() {
        return Ok(touched);
    }
    let here = workspace.directory(path)?;
    change.watch(path, plan.read.clone());
    if plan.read.is_empty() {
        change.expect(path, Expectation::Absent)?;
    }
    let mut tree = change.stage_tree(path)?;
    let written: BTreeSet<PathBuf> = combined.writes.iter().map(|write| write.path.to_path()).collect();
    let gone: BTreeSet<PathBuf> = combined.gone.iter().map(RelPath::to_path).collect();
    if let Some(here) = &here {
        tree.take_over(here, &|path| gone.contains(path) || path.ancestors().any(|above| written.contains(above)))?;
    }
    for write in &combined.writes {
        let bytes = plan.sides.written(&write.trio, &write.source)?;
        let mode = if write.executable { FileMode::Executable } else { FileMode::Regular };
        match (&here, &write.like) {
            (Some(here), Some(like)) => tree.write_like(&write.path, mode, &bytes, (here, like))?,
            _ => tree.write(&write.path, mode, &bytes)?,
        }
        touched.insert(write.path.clone(), Some(Checksum::of(&bytes)));
    }
    tree.finish()?;
    Ok(touched)
}

/// The answers in `forum.toml`, where the component has an entry or answers there.
fn set_variables(workspace: &mut Workspace, id: &ComponentId, variables: &Answers) {
    let old = workspace.file.components.get(id).cloned().unwrap_or_default();
    if old.variables != *variables {
        let entry = Entry { variables: variables.clone(), ..old };
        workspace.file.set_component(id, &entry);
    }
}

/// What waits in the workspace, also where the record of it was lost.
fn waiting_file(workspace: &Workspace) -> Result<PendingFile> {
    let mut file = workspace.pending()?;
    file.updates.retain(|id, waiting| match workspace.lock.components.get(id) {
        Some(entry) => entry.pending.as_ref().is_some_and(|pending| pending.to == waiting.entry.version),
        None => waiting.from.is_none(),
    });
    Ok(file)
}
