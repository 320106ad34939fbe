//! The change of a workspace that an update makes: what waits with what, what is written, and what is said of it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use anyhow::Result;
use semver::Version;

use super::choose::Choice;
use super::plan::Plan;
use super::{report, set_variables};
use crate::context::Context;
use crate::model::digest::{Checksum, FileMode};
use crate::model::id::ComponentId;
use crate::model::lockfile::{Lock, LockEntry, Pending};
use crate::model::path::RelPath;
use crate::model::update::{Needs, Waiting, group};
use crate::model::workspace_file::WorkspaceFile;
use crate::store::fs::journal::{Expectation, Transaction};
use crate::store::kept::{Keeping, Kept, KeptCopies, Replacing};
use crate::store::workspace::{State, Workspace};
use crate::ui::Ui;

/// So many kept copies are named.
const SHOWN: usize = 3;

/// The change of the workspace, decided.
pub(super) struct Apply<'r> {
    pub(super) plans: Vec<Plan<'r>>,
    pub(super) lock: Lock,
    /// Which updates wait, and with which others.
    pub(super) pending: BTreeMap<ComponentId, Vec<ComponentId>>,
    /// What nothing needs any more, and whether a person has changed it: then it stays.
    loose: Vec<(LockEntry, bool)>,
}

impl<'r> Apply<'r> {
    pub(super) fn new(workspace: &Workspace, plans: Vec<Plan<'r>>, choice: &Choice) -> Result<Self> {
        let pending = together(&plans);
        let mut lock = workspace.lock.clone();
        for plan in &plans {
            if !pending.contains_key(&plan.id) {
                lock.components.insert(plan.id.clone(), plan.entry.clone());
            } else if let Some(entry) = lock.components.get_mut(&plan.id) {
                entry.pending = Some(Pending::between(entry, &plan.entry));
            }
        }
        let mut loose = Vec::new();
        if !plans.is_empty() && lock.components.values().all(|entry| entry.pending.is_none()) {
            loose = loose_of(workspace, choice)?;
            loose.iter().filter(|(_, adapted)| !adapted).for_each(|(entry, _)| drop(lock.components.remove(&entry.id)));
        }
        Ok(Self { plans, lock, pending, loose })
    }

    /// Writes everything in one change. What it replaces is kept first.
    pub(super) fn run(&self, context: &Context, workspace: &mut Workspace) -> Result<()> {
        if self.plans.is_empty() {
            return Ok(());
        }
        let copies = KeptCopies::of(context.state_dir()?, &workspace.root);
        let there = |plan: &&Plan<'_>| workspace.lock.components.contains_key(&plan.id);
        let gone = self.loose.iter().filter(|(_, adapted)| !adapted).map(|(entry, _)| &entry.id);
        let ids: Vec<_> = self.plans.iter().filter(there).map(|plan| &plan.id).chain(gone).collect();
        let mut after = self.lock.clone();
        after.components.extend(self.plans.iter().map(|plan| (plan.id.clone(), plan.entry.clone())));
        let keeping = copies.keep(workspace, Replacing { command: "update", at: context.settings.now, after: &after }, &ids)?;
        self.write(workspace, &keeping)?;
        drop(keeping.done());
        self.loose.iter().filter(|(_, adapted)| !adapted).for_each(|(entry, _)| workspace.remove_empty_above(&entry.path));
        Ok(())
    }

    fn write(&self, workspace: &mut Workspace, keeping: &Keeping) -> Result<()> {
        let mut change = Transaction::begin(&workspace.root)?;
        keeping.watch(&mut change);
        let mut waiting = workspace.pending()?;
        for plan in &self.plans {
            let touched = write_tree(workspace, &mut change, plan)?;
            match self.pending.get(&plan.id) {
                Some(together) => drop(waiting.updates.insert(plan.id.clone(), plan.waiting(keeping.copy(), together, touched))),
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

    /// What is there to say of versions and companions, then of what waits for a person.
    pub(super) fn say(&self, context: &Context, file: &WorkspaceFile, waits: &[ComponentId], choice: &Choice) {
        let ui = &context.ui;
        if self.plans.is_empty() && waits.is_empty() {
            ui.say("nothing newer is there that forum.toml allows");
        }
        self.say_versions(ui, file, choice);
        for Plan { id, not_filled_in, .. } in &self.plans {
            for (name, path) in not_filled_in {
                let when = if self.pending.contains_key(id) { " (when this update is settled)" } else { "" };
                ui.say(&format!("warning: {id}: the secret `{name}` is not filled in in {path}: forum update {id} --set {name}=...{when}"));
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
    }

    /// Newer versions that do not come, and yanked ones that do.
    fn say_versions(&self, ui: &Ui, file: &WorkspaceFile, choice: &Choice) {
        for target in &choice.targets {
            let (id, here, index) = (&target.id, &target.chosen.record.version, &target.chosen.index);
            if let Some(notice) = index.yanked.get(here).filter(|_| self.plans.iter().any(|plan| plan.id == *id)) {
                ui.say(&format!("warning: {id} {here} is yanked: {}", notice.reason));
            }
            let Some(requirement) = file.components.get(id).and_then(|wish| wish.version.as_ref()) else { continue };
            let left_out = |newest: &&Version| *newest > here && !requirement.matches(newest);
            if let Some(newest) = index.newest().map(|record| &record.version).filter(left_out) {
                ui.say(&format!(
                    "note: {id} {newest} is there, which forum.toml leaves out: forum fetch {id}@^{newest}, then forum update"
                ));
            }
        }
    }

    /// What a person has to do now.
    pub(super) fn say_conflicts(&self, ui: &Ui) {
        let waiting = || self.plans.iter().filter(|plan| self.pending.contains_key(&plan.id));
        for plan in waiting() {
            ui.say(&report::conflicts(plan));
        }
        // One that comes with the update is not here yet: it goes with the one that brings it.
        for id in waiting().filter(|plan| plan.from.is_some()).map(|plan| &plan.id) {
            ui.say(&format!("when they are settled: forum update {id} --continue\nto put everything back: forum update {id} --abort"));
        }
        let kept: Vec<_> = self.plans.iter().filter(|plan| plan.from.is_some() && plan.sides.base.is_some()).map(|plan| &plan.id).collect();
        let shown: Vec<_> = kept.iter().take(SHOWN).map(|id| format!("forum restore {id}")).collect();
        let more = if kept.len() > SHOWN { "; more: forum restore" } else { "" };
        if !kept.is_empty() {
            ui.say(&format!("what was before is kept: {}{more}", shown.join(", ")));
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

/// What nothing needs any more, and whether a person has changed it. What such a one needs is no loose end: it stays
/// with it.
fn loose_of(workspace: &Workspace, choice: &Choice) -> Result<Vec<(LockEntry, bool)>> {
    let locked = &workspace.lock.components;
    let needed = |id: &ComponentId| choice.targets.iter().any(|target| target.id == *id);
    let mut loose = Vec::new();
    for entry in locked.values().filter(|entry| !needed(&entry.id)) {
        loose.push((entry.clone(), workspace.state(entry)? == State::Adapted));
    }
    let mut open: Vec<_> = loose.iter().filter(|(_, adapted)| *adapted).flat_map(|(entry, _)| &entry.dependencies).collect();
    let mut below = BTreeSet::new();
    while let Some(id) = open.pop() {
        if below.insert(id.clone()) {
            open.extend(locked.get(id).into_iter().flat_map(|entry| &entry.dependencies));
        }
    }
    loose.retain(|(entry, adapted)| *adapted || !below.contains(&entry.id));
    Ok(loose)
}

/// Which updates have to wait: those with a conflict, and what moves together with them.
fn together(plans: &[Plan<'_>]) -> BTreeMap<ComponentId, Vec<ComponentId>> {
    let needs: Needs<'_> = plans.iter().map(|plan| (&plan.id, plan.entry.dependencies.as_slice())).collect();
    let mut pending = BTreeMap::new();
    for start in plans.iter().filter(|plan| !plan.combined.open.is_empty()) {
        let group = group(&needs, &start.id);
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
