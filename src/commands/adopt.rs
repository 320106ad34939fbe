//! `forum adopt`: contributes a record of who uses a component.

use anyhow::Result;
use clap::ValueEnum;
use jiff::civil::Date;

use super::Outcome;
use super::contribute::{self, Destination, Proposal, Way, require_owner};
use super::contributor::{author, publisher};
use super::waiting::Waiting;
use crate::context::Context;
use crate::error::{Code, Failure};
use crate::model::adoption::AdoptionChange;
use crate::model::id::{ComponentId, IdOrName, Name};
use crate::model::index::IndexFile;
use crate::model::lockfile::Lock;
use crate::model::path::RelPath;
use crate::model::resolve::Catalog as _;
use crate::store::contribution::{Author, Change, Piece};
use crate::store::registry::Registry;
use crate::store::workspace;

/// Tell the forum that you use a component: one record, as a branch
///
/// The version is that of forum.lock, else the newest. What you do not give stays as it was.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  forum adopt pupil-system --status pilot --since 2026-09-01
  forum adopt pupil-system --status production --hours-saved 80
  forum adopt pupil-system --status retired")]
pub struct Args {
    /// The component
    #[arg(value_name = "ID")]
    id: IdOrName,
    /// How it is used now
    #[arg(long)]
    status: Option<Status>,
    /// Since when
    #[arg(long, value_name = "YYYY-MM-DD")]
    since: Option<Date>,
    /// Hours saved in all, by your own estimate
    #[arg(long, value_name = "N")]
    hours_saved: Option<u32>,
    /// A word to others
    #[arg(long, value_name = "TEXT")]
    note: Option<String>,
    #[command(flatten)]
    destination: Destination,
}

/// The states of an adoption (contract, section 2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Status {
    /// Looked at
    Evaluating,
    /// Tried by some
    Pilot,
    /// In daily use
    Production,
    /// No longer in use
    Retired,
}

/// Runs the command.
///
/// # Errors
/// As the contract's sections 6 and 7; nothing is pushed then.
pub fn run(context: &Context, args: &Args) -> Result<Outcome> {
    let file = workspace::read_file(&context.directory)?;
    let lock = workspace::read_lock(&workspace::root_of(&context.directory))?;
    let by = require_owner(context, &file)?;
    let way = args.destination.way(context, &file)?;
    let id = contribute::full_id(context, &way, &args.id)?;
    let branch = format!("adopt/{by}/{}-{}", id.owner(), id.name());
    let mut version = None;
    let sent = contribute::contribute(context, &way, &id, &branch, &mut |registry, _| {
        let change = change(context, registry, args, &id, &by, &lock)?;
        version = Some(change.version.clone());
        let path: RelPath = format!("adoptions/{id}/{by}.toml").parse()?;
        let (known, new) = publisher(context, registry, &file, &by)?;
        let author = author(context, &context.directory, &file, &known)?;
        let old = registry.file_bytes(&path)?;
        let waits = waiting(context, &way, registry, (&branch, &path), &author)?;
        let text = change.apply(waits.as_deref().or(old.as_deref()))?;
        if old.as_deref() == Some(text.as_bytes()) {
            return Ok(contribute::Decision::There);
        }
        let mut pieces = Change::new();
        pieces.insert(path, Piece::File(text.into_bytes()));
        if let Some(text) = new {
            pieces.insert(format!("publishers/{by}.toml").parse()?, Piece::File(text.into_bytes()));
        }
        let message = format!("{by} uses {id} {}", change.version);
        Ok(contribute::Decision::Propose(Proposal { change: pieces, author, message }))
    })?;
    let what = format!("the record that {by} uses {id}");
    Ok(args.destination.finish(context, "adopt", &what, (&id, version, &branch), sent))
}

/// The record that waits on our own branch, where `main` has not got another one since.
fn waiting(
    context: &Context,
    way: &Way,
    registry: &Registry,
    (branch, path): (&str, &RelPath),
    author: &Author,
) -> Result<Option<Vec<u8>>> {
    match Waiting::find(context, way, registry, branch, Some(author))? {
        Some(waiting) if waiting.lineage.stranger.is_none() && waiting.fits(registry, path)? => waiting.file(path),
        _ => Ok(None),
    }
}

fn change(context: &Context, registry: &Registry, args: &Args, id: &ComponentId, by: &Name, lock: &Lock) -> Result<AdoptionChange> {
    let Some(index) = registry.index(id)? else {
        return Err(Failure::new(Code::NotFound, format!("the registry {} has no component {id}", registry.file.name)).into());
    };
    Ok(AdoptionChange {
        component: id.to_string(),
        by: by.to_string(),
        version: version(&index, lock, args.status)?,
        status: args.status.and_then(|status| status.to_possible_value()).map(|value| value.get_name().to_owned()),
        since: args.since.map(|since| since.to_string()),
        hours_saved: args.hours_saved,
        note: args.note.clone(),
        today: context.today(),
    })
}

/// The version in the lock, where the registry has it; else the newest. One that was removed nobody can begin to use.
fn version(index: &IndexFile, lock: &Lock, status: Option<Status>) -> Result<String> {
    let locked = lock.components.get(&index.id).map(|entry| &entry.version).filter(|version| index.record(version).is_some());
    if let Some(version) = locked {
        return Ok(version.to_string());
    }
    let Some(newest) = index.newest() else {
        return Err(Failure::new(Code::NotFound, format!("{} has no version", index.id)).into());
    };
    match index.removed.get(&newest.version).filter(|_| status != Some(Status::Retired)) {
        None => Ok(newest.version.to_string()),
        Some(notice) => {
            let message = format!("{} has no version that can be had: {} was removed: {}", index.id, newest.version, notice.reason);
            Err(Failure::new(Code::NotFound, message).hint(format!("forum show {}", index.id)).into())
        }
    }
}
