//! VERBS: one file or folder a command. Each opens, decides, applies and reports.

pub mod adopt;
mod annotations;
mod answers;
pub mod cache;
mod candidate;
pub mod check;
pub mod config;
mod contribute;
mod contributor;
pub mod diff;
pub mod explain;
pub mod fetch;
mod findings;
pub mod new;
mod originals;
mod own_name;
mod places;
mod prepared;
pub mod publish;
pub mod registry;
mod rehearsal;
pub mod remove;
pub mod restore;
pub mod search;
mod secrets;
pub mod shell;
pub mod show;
mod standing;
pub mod status;
pub mod tree;
pub mod update;
pub mod verify;
mod waiting;
pub mod withdraw;

use std::path::PathBuf;

use anyhow::Result;
use serde::Serialize;

use crate::context::Context;
use crate::error::{Code, Failure};
use crate::model::id::ComponentId;
use crate::model::index::VersionRecord;
use crate::model::lockfile::{LOCK_FILE, Lock, LockEntry};
use crate::model::path::RelPath;
use crate::model::workspace_file::WORKSPACE_FILE;
use crate::store::fs::journal::Recovered;
use crate::store::kept::{Kept, KeptComponent};
use crate::store::workspace::{Workspace, is_workspace};

/// How a command that did its work ended: the exit status.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// Done.
    Done = 0,
    /// The answer is no.
    No = 3,
    /// A person must settle conflicts.
    Conflicts = 4,
}

/// A component that went or came back (details, "JSON of the others").
#[derive(Serialize)]
struct Moved {
    id: ComponentId,
    path: RelPath,
    /// Where the files that were replaced are kept; `null` where there were none.
    kept_as: Option<PathBuf>,
}

impl Moved {
    fn of(kept: &Kept, one: &KeptComponent) -> Self {
        Self { id: one.id.clone(), path: one.path.clone(), kept_as: one.present.then(|| kept.place(&one.id)) }
    }
}

/// Opens the workspace that the command runs in, and says what an interrupted run had left there.
fn open_workspace(context: &Context) -> Result<Workspace> {
    let ui = &context.ui;
    let workspace = Workspace::open(&context.directory, context.state_dir()?, &|| ui.say("waiting for another forum in this workspace"))?;
    match &workspace.recovered {
        Recovered::Nothing => {}
        Recovered::Finished => ui.say("finished what an interrupted run had begun"),
        Recovered::TakenBack(path) => {
            ui.say(&format!("took back what an interrupted run had begun: {path} was changed since, and stays as you left it"));
        }
        Recovered::Discarded => ui.say("cleaned up after an interrupted run"),
    }
    for key in &workspace.file.unknown {
        ui.say(&format!("warning: {WORKSPACE_FILE}: `{}` means nothing to this forum", key.escape_debug()));
    }
    Ok(workspace)
}

/// As [`open_workspace`], for commands that make no sense without a workspace.
fn open_existing(context: &Context) -> Result<Workspace> {
    if !is_workspace(&context.directory) {
        let message = format!("there is no {WORKSPACE_FILE} in {} or above", context.directory.display());
        return Err(Failure::new(Code::NotFound, message).hint("forum fetch OWNER/NAME --registry URL").into());
    }
    open_workspace(context)
}

/// What an update waits in must not be replaced under it.
fn refuse_waiting(entry: &LockEntry) -> Failure {
    let to = entry.pending.as_ref().map(|pending| pending.to.to_string()).unwrap_or_default();
    Failure::new(Code::Pending, format!("{}: an update to {to} waits for you", entry.id))
        .hint(format!("forum update {} --continue", entry.id))
        .hint(format!("forum update {} --abort", entry.id))
}

/// A version that has other digests than the lock says is another one.
fn refuse_other_digests(entry: &LockEntry, record: &VersionRecord) -> Result<()> {
    let Some((what, locked, now)) = entry.other_digests(record).into_iter().next() else { return Ok(()) };
    let message = format!("{} {}: the {what} in forum.lock is {locked}, the registry now says {now}", entry.id, entry.version);
    let failure = Failure::new(Code::Integrity, message);
    Err(failure.hint("a published version never changes: ask the forum's maintainers what happened").into())
}

/// `--locked`: the lock must stay as it is.
fn refuse_locked(context: &Context, workspace: &Workspace, lock: &Lock) -> Result<()> {
    if context.locked && *lock != workspace.lock {
        return Err(would_change(&format!("it does not satisfy {WORKSPACE_FILE} and what was asked for")).into());
    }
    Ok(())
}

/// The error where the lock would have to change, and why.
fn would_change(why: &str) -> Failure {
    let failure = Failure::new(Code::Locked, format!("{LOCK_FILE} would have to change: {why}"));
    failure.hint("the same command without --locked and --frozen")
}
