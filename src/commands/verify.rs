//! `forum verify`: for CI, whether what the lock holds is still what the registry holds.

use anyhow::Result;
use semver::Version;
use serde::Serialize;

use super::places::Places;
use super::{Outcome, open_existing};
use crate::context::Context;
use crate::error::{Code, Failure};
use crate::model::id::ComponentId;
use crate::model::index::{IndexFile, VersionState};
use crate::model::licence;
use crate::model::lockfile::LockEntry;
use crate::model::resolve::Catalog as _;
use crate::store::registry::Registry;
use crate::store::workspace::{State, Workspace};
use crate::ui::{Report, columns};

/// Check the lock against the registry: digests, removed versions, licences
///
/// Exits with 3 where something is wrong. With --offline it goes by what was last brought.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  forum verify
  forum verify --deny yanked,deprecated
  forum verify --offline --json")]
pub struct Args {
    /// What is a problem too
    #[arg(long, value_name = "WHAT", value_delimiter = ',')]
    deny: Vec<Deny>,
}

/// What is a problem only where it is denied.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Deny {
    /// Versions that their owner has taken back
    Yanked,
    /// Components that their owner advises against
    Deprecated,
    /// Components that were changed here
    Adapted,
}

/// What is wrong: a code of the details page, and a sentence.
#[derive(Serialize)]
struct Problem {
    code: &'static str,
    message: String,
}

#[derive(Serialize)]
struct Row {
    id: ComponentId,
    version: Version,
    ok: bool,
    problems: Vec<Problem>,
}

#[derive(Serialize)]
struct Verified {
    components: Vec<Row>,
}

impl Report for Verified {
    fn text(&self) -> String {
        let mut rows = Vec::new();
        for row in &self.components {
            let line = |state: &str, remark: &str| [state.to_owned(), row.id.to_string(), row.version.to_string(), remark.to_owned()];
            if row.ok {
                rows.push(line("ok", ""));
            }
            rows.extend(row.problems.iter().map(|problem| line(problem.code, &problem.message)));
        }
        let wrong = self.components.iter().filter(|row| !row.ok).count();
        let all = self.components.len();
        let sum = if wrong == 0 { format!("{all} verified\n") } else { format!("{wrong} of {all} with problems\n") };
        columns(&rows) + &sum
    }
}

/// Runs the command.
///
/// # Errors
/// Where there is no workspace, or a registry cannot be reached.
pub fn run(context: &Context, args: &Args) -> Result<Outcome> {
    let workspace = open_existing(context)?;
    let mut places = Places::today(context, &workspace, Vec::new())?;
    places.refuse_contradiction(&workspace.file, workspace.file.components.keys())?;
    let mut report = Verified { components: Vec::new() };
    for entry in workspace.lock.components.values() {
        let mut problems = check(places.of_entry(entry)?, entry, &args.deny)?;
        if args.deny.contains(&Deny::Adapted) {
            let what = match workspace.state(entry)? {
                State::Clean => None,
                State::Adapted => Some("was changed here"),
                State::Missing => Some("is not here"),
            };
            problems.extend(what.map(|what| Problem { code: "adapted", message: format!("{} {what}", entry.path) }));
        }
        report.components.push(Row { id: entry.id.clone(), version: entry.version.clone(), ok: problems.is_empty(), problems });
    }
    places.notes().iter().for_each(|note| context.ui.say(note));
    say_unlocked(context, &workspace);
    let all_well = report.components.iter().all(|row| row.ok);
    context.ui.report("verify", &report);
    Ok(if all_well { Outcome::Done } else { Outcome::No })
}

/// What is wanted and not locked cannot be verified, and is not passed over in silence.
fn say_unlocked(context: &Context, workspace: &Workspace) {
    for id in workspace.file.components.keys().filter(|id| workspace.file.wants(id) && !workspace.lock.components.contains_key(*id)) {
        context.ui.say(&format!("warning: {id} is wanted and not in forum.lock yet\n  try: forum fetch"));
    }
}

fn check(registry: &Registry, entry: &LockEntry, deny: &[Deny]) -> Result<Vec<Problem>> {
    let index = match registry.index(&entry.id) {
        Ok(index) => index,
        Err(error) => return integrity(&error).map(|problem| vec![problem]).ok_or(error),
    };
    let Some(index) = index else {
        let message = format!("the registry {} has no component {}", registry.file.name, entry.id);
        return Ok(vec![Problem { code: "unknown", message }]);
    };
    let mut problems = Vec::new();
    match index.state(&entry.version) {
        VersionState::Removed(notice) => problems.push(Problem { code: "removed", message: notice.reason.clone() }),
        VersionState::Yanked(notice) if deny.contains(&Deny::Yanked) => {
            problems.push(Problem { code: "yanked", message: notice.reason.clone() });
        }
        _ => {}
    }
    if let Some(deprecated) = index.deprecated.as_ref().filter(|_| deny.contains(&Deny::Deprecated)) {
        problems.push(Problem { code: "deprecated", message: deprecated.advice() });
    }
    problems.extend(check_record(registry, &index, entry)?);
    Ok(problems)
}

fn check_record(registry: &Registry, index: &IndexFile, entry: &LockEntry) -> Result<Vec<Problem>> {
    let Some(record) = index.record(&entry.version) else {
        let message = format!("the registry {} has no version {}", registry.file.name, entry.version);
        return Ok(vec![Problem { code: "unknown", message }]);
    };
    let mut problems = Vec::new();
    for (what, locked, now) in entry.other_digests(record) {
        problems.push(Problem { code: "integrity", message: format!("the {what} in forum.lock is {locked}, the registry says {now}") });
    }
    if !licence::is_allowed(&record.license, &registry.file.licences) {
        let message = format!("{} is none of {}", record.license, registry.file.licences.join(", "));
        problems.push(Problem { code: "licence", message });
    }
    if problems.is_empty() && !index.removed.contains_key(&entry.version) && registry.is_at_hand(record)? {
        let read = registry.content(&entry.id, record);
        if let Err(error) = read {
            problems.push(integrity(&error).ok_or(error)?);
        }
    }
    Ok(problems)
}

/// The problem that an error tells of, where it tells of one.
fn integrity(error: &anyhow::Error) -> Option<Problem> {
    let failure = Failure::of(error);
    let told = matches!(failure.code, Code::Integrity | Code::UnsafeContent);
    told.then_some(Problem { code: "integrity", message: failure.message })
}
