//! `forum status`: each component here, whether it was adapted, and whether something newer is there.

use anyhow::Result;
use semver::Version;
use serde::Serialize;

use super::originals::{Changed, changed, originals};
use super::places::Places;
use super::{Outcome, open_existing};
use crate::context::Context;
use crate::error::{Code, Failure};
use crate::model::id::ComponentId;
use crate::model::index::VersionState;
use crate::model::lockfile::LockEntry;
use crate::model::path::RelPath;
use crate::model::resolve::Catalog as _;
use crate::store::registry::Registry;
use crate::store::workspace::{State, Workspace};
use crate::ui::{Report, columns};

/// Show what is here, what you changed, and what is newer
///
/// Asks the registries for their newest state; with --offline, or where one cannot be reached, goes by the last refresh.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  forum status
  forum status --exit-code         for CI: 3 where something is missing, conflicted, outdated, yanked or removed
  forum status --offline --json")]
pub struct Args {
    /// Exit with 3 where something is missing, conflicted, outdated, yanked or removed
    #[arg(long)]
    exit_code: bool,
}

/// One component. What only a registry knows is `null` where none could be asked.
#[derive(Clone, Serialize)]
#[expect(clippy::struct_excessive_bools, reason = "each is a key of the contract")]
struct Row {
    id: ComponentId,
    /// `null` for what is wanted and was never fetched.
    version: Option<Version>,
    newest: Option<Version>,
    path: RelPath,
    state: &'static str,
    outdated: bool,
    yanked: bool,
    removed: bool,
    /// Why it was yanked or removed.
    reason: Option<String>,
    requested: bool,
    /// The files that differ from what was fetched; `null` where the originals are not at hand.
    changed: Option<Vec<Changed>>,
}

#[derive(Serialize)]
struct StatusReport {
    components: Vec<Row>,
}

impl Row {
    fn needs_attention(&self) -> bool {
        self.outdated || self.yanked || self.removed || matches!(self.state, "missing" | "conflicted")
    }

    fn remark(&self) -> String {
        let reason = self.reason.as_deref().unwrap_or_default();
        let mut remarks = Vec::new();
        if self.removed {
            remarks.push(format!("removed from the registry: {reason}"));
        } else if self.yanked {
            remarks.push(format!("yanked: {reason}"));
        }
        if let (true, Some(newest)) = (self.outdated, &self.newest) {
            remarks.push(format!("{newest} is there"));
        }
        if self.state == "missing" {
            remarks.push("forum fetch brings it".to_owned());
        }
        let (deleted, changed): (Vec<_>, Vec<_>) = self.changed.iter().flatten().partition(|file| file.deleted);
        remarks.extend(few("changed", &changed));
        remarks.extend(few("deleted", &deleted));
        remarks.join("; ")
    }
}

/// The first of some files, and how many there are.
fn few(what: &str, files: &[&Changed]) -> Option<String> {
    const SHOWN: usize = 3;
    let names: Vec<_> = files.iter().take(SHOWN).map(|file| file.path.as_str()).collect();
    let more = if files.len() > SHOWN { format!(" and {} more", files.len() - SHOWN) } else { String::new() };
    (!files.is_empty()).then(|| format!("{what}: {}{more}", names.join(", ")))
}

impl Report for StatusReport {
    fn text(&self) -> String {
        let row = |row: &Row| {
            let version = row.version.as_ref().map_or_else(|| "-".to_owned(), ToString::to_string);
            [row.state.to_owned(), row.id.to_string(), version, row.remark()]
        };
        columns(&self.components.iter().map(row).collect::<Vec<_>>())
    }
}

/// Runs the command.
///
/// # Errors
/// Where there is no workspace, or it cannot be read; with `--exit-code` also where a registry cannot be asked.
pub fn run(context: &Context, args: &Args) -> Result<Outcome> {
    let workspace = open_existing(context)?;
    let mut places =
        if args.exit_code { Places::today(context, &workspace, Vec::new())? } else { Places::looking(context, &workspace, Vec::new())? };
    places.refuse_contradiction(&workspace.file, workspace.file.components.keys())?;
    let mut report = StatusReport { components: Vec::new() };
    for entry in workspace.lock.components.values() {
        report.components.push(row(context, &workspace, &mut places, entry, args)?);
    }
    for (id, wish) in workspace.file.components.iter().filter(|(id, wish)| wish.is_wish() && !workspace.lock.components.contains_key(*id)) {
        let newest = places.registry_of(id, wish).and_then(|name| newest(places.open(&name)?, id)).ok().flatten();
        let path = workspace.file.path_of(id)?;
        report.components.push(Row { newest, requested: true, ..Row::missing(id, path) });
    }
    report.components.sort_by(|a, b| a.id.cmp(&b.id));
    places.notes().iter().for_each(|note| context.ui.say(note));
    if report.components.is_empty() {
        context.ui.say("nothing is here yet\n  try: forum search WORDS\n  try: forum fetch OWNER/NAME");
    }
    let attention = report.components.iter().any(Row::needs_attention);
    context.ui.report("status", &report);
    Ok(if args.exit_code && attention { Outcome::No } else { Outcome::Done })
}

impl Row {
    fn missing(id: &ComponentId, path: RelPath) -> Self {
        Self {
            id: id.clone(),
            version: None,
            newest: None,
            path,
            state: "missing",
            outdated: false,
            yanked: false,
            removed: false,
            reason: None,
            requested: false,
            changed: None,
        }
    }
}

fn newest(registry: &Registry, id: &ComponentId) -> Result<Option<Version>> {
    Ok(registry.index(id)?.and_then(|index| index.newest().map(|record| record.version.clone())))
}

fn row(context: &Context, workspace: &Workspace, places: &mut Places<'_>, entry: &LockEntry, args: &Args) -> Result<Row> {
    let state = match workspace.state(entry)? {
        _ if entry.pending.is_some() => "conflicted",
        State::Missing => "missing",
        State::Clean => "clean",
        State::Adapted => "adapted",
    };
    let known =
        Row { version: Some(entry.version.clone()), state, requested: entry.requested, ..Row::missing(&entry.id, entry.path.clone()) };
    let known = Row { changed: (state == "clean").then(Vec::new), ..known };
    let asked = places.of_entry(entry).and_then(|registry| ask(registry, workspace, entry, known.clone()));
    match asked {
        Ok(row) => Ok(row),
        // Without an answer of today, a job that goes by the exit status would go wrong.
        Err(error) if args.exit_code => Err(error),
        Err(error) => {
            let failure = Failure::of(&error);
            if failure.code != Code::Offline {
                context.ui.say(&format!("warning: {}: {failure}", entry.id));
            }
            Ok(known)
        }
    }
}

/// Adds what the registry knows.
fn ask(registry: &Registry, workspace: &Workspace, entry: &LockEntry, known: Row) -> Result<Row> {
    let Some(index) = registry.index(&entry.id)? else { return Ok(known) };
    let newest = index.newest().map(|record| record.version.clone());
    let (yanked, removed, reason) = match index.state(&entry.version) {
        VersionState::Available => (false, false, None),
        VersionState::Yanked(notice) => (true, false, Some(notice.reason.clone())),
        VersionState::Removed(notice) => (false, true, Some(notice.reason.clone())),
    };
    let outdated = newest.as_ref().is_some_and(|newest| *newest > entry.version);
    let originals = if known.state == "adapted" { originals(registry, entry).ok().flatten() } else { None };
    let changed = originals.map(|originals| changed(workspace, entry, &originals)).transpose()?.or(known.changed);
    Ok(Row { newest, outdated, yanked, removed, reason, changed, ..known })
}
