//! `forum remove`: takes a component out, with what only it needed; a copy is kept.

use std::collections::BTreeSet;

use anyhow::Result;
use serde::Serialize;

use super::places::Places;
use super::{Moved, Outcome, open_existing, refuse_locked, refuse_waiting};
use crate::context::Context;
use crate::error::{Code, Failure};
use crate::model::id::{ComponentId, IdOrName};
use crate::model::lockfile::Lock;
use crate::store::fs::journal::Transaction;
use crate::store::kept::{Kept, KeptCopies};
use crate::ui::{Report, columns};

/// Take a component out of the workspace
///
/// Dependencies that nothing else needs go with it. Refused while other components depend on it. A copy of everything
/// is kept: `forum restore ID` brings it back.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  forum remove pupil-system
  forum restore pupil-system       bring it back")]
pub struct Args {
    /// The component: owner/name, or its name alone
    #[arg(value_name = "ID")]
    id: IdOrName,
}

/// What went.
#[derive(Serialize)]
struct Removed {
    components: Vec<Moved>,
}

impl Report for Removed {
    fn text(&self) -> String {
        let row = |moved: &Moved| {
            let what = if moved.kept_as.is_some() { moved.path.to_string() } else { "(forum had no files of it here)".to_owned() };
            ["removed".to_owned(), moved.id.to_string(), what]
        };
        columns(&self.components.iter().map(row).collect::<Vec<_>>())
    }
}

/// Runs the command.
///
/// # Errors
/// As the contract's section 6; the workspace is then as it was.
pub fn run(context: &Context, args: &Args) -> Result<Outcome> {
    let mut workspace = open_existing(context)?;
    let id = workspace.find(&args.id)?;
    Places::new(context, &workspace, Vec::new())?.refuse_contradiction(&workspace.file, [&id])?;
    let dependents: Vec<_> = workspace.lock.dependents(&id).map(ToString::to_string).collect();
    if let Some(first) = dependents.first() {
        let failure = Failure::new(Code::NoSolution, format!("{id} is needed by {}", dependents.join(", ")));
        return Err(failure.hint(format!("forum remove {first}")).into());
    }
    let gone = with_orphans(&workspace.lock, &id);
    if let Some(waiting) = gone.iter().filter_map(|id| workspace.lock.components.get(id)).find(|entry| entry.pending.is_some()) {
        return Err(refuse_waiting(waiting).into());
    }
    let mut lock = workspace.lock.clone();
    lock.components.retain(|id, _| !gone.contains(id));
    refuse_locked(context, &workspace, &lock)?;
    let copies = KeptCopies::of(context.state_dir()?, &workspace.root);
    let keeping = copies.keep(&workspace, "remove", context.settings.now, &gone.iter().collect::<Vec<_>>())?;
    let mut change = Transaction::begin(&workspace.root)?;
    keeping.watch(&mut change);
    for one in keeping.copy().iter().flat_map(|kept| &kept.components).filter(|one| one.present) {
        change.remove_tree(&one.path)?;
    }
    for id in &gone {
        workspace.file.remove_component(id);
    }
    workspace.stage(&mut change, &lock)?;
    change.commit()?;
    let kept = keeping.done();
    let moved = |kept: &Kept| kept.components.iter().map(|one| Moved::of(kept, one)).collect::<Vec<_>>();
    let components = kept.as_ref().map(moved).unwrap_or_default();
    for one in &components {
        workspace.remove_empty_above(&one.path);
        if one.kept_as.is_none() && workspace.exists(&one.path)? {
            context.ui.say(&format!("note: {} stays: forum did not put it there", one.path));
        }
    }
    let is_kept = components.iter().any(|one| one.kept_as.is_some());
    context.ui.report("remove", &Removed { components });
    if is_kept {
        context.ui.say(&format!("a copy is kept: forum restore {id}"));
    }
    Ok(Outcome::Done)
}

/// The component, and what was fetched only because of it.
fn with_orphans(lock: &Lock, id: &ComponentId) -> BTreeSet<ComponentId> {
    let mut gone = BTreeSet::from([id.clone()]);
    loop {
        let orphan = |id: &&ComponentId| {
            let needed = lock.dependents(id).any(|dependent| !gone.contains(dependent));
            !gone.contains(*id) && !needed && lock.components.get(*id).is_some_and(|entry| !entry.requested)
        };
        let below = gone.iter().filter_map(|id| lock.components.get(id)).flat_map(|entry| &entry.dependencies);
        let Some(next) = below.clone().find(orphan).cloned() else { return gone };
        gone.insert(next);
    }
}
