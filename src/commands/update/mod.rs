//! `forum update`: brings a newer version into the adapted copy, and loses nothing.
//!
//! The way of the data: wishes and lock → [`choose`] → answers and three sides per component ([`plan`]) → one outcome
//! per path ([`combine`]) → a kept copy, then one change for directories, `forum.toml`, `forum.lock` and the record of
//! what waits for a person ([`apply`], [`pending`]).

mod apply;
mod choose;
mod combine;
mod edition;
mod lost;
mod pending;
mod plan;
mod report;
mod secret_places;
mod sides;
mod unsettled;
mod upstream;

use std::collections::BTreeSet;
use std::path::PathBuf;

use anyhow::Result;
use semver::Version;

use self::apply::Apply;
use self::choose::Movable;
pub(super) use self::pending::waits_with;
use self::plan::Plan;
use self::report::UpdateReport;
pub(super) use self::unsettled::remember;
pub(super) use self::upstream::upstream;
use super::answers::Given;
use super::places::Places;
use super::{Outcome, open_existing, refuse_locked, refuse_waiting};
use crate::context::Context;
use crate::error::Code;
use crate::fail;
use crate::model::id::{ComponentId, IdOrName};
use crate::model::update::PendingFile;
use crate::model::variables::Answers;
use crate::model::workspace_file::Entry;
use crate::store::workspace::Workspace;

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
    let report = UpdateReport::of_plans(&apply.plans, &|id| apply.pending.contains_key(id), args.dry_run);
    if !args.dry_run {
        apply.run(context, workspace)?;
    }
    apply.say(context, &workspace.file, &waits, &choice);
    if !args.dry_run {
        apply.say_conflicts(&context.ui);
    }
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
