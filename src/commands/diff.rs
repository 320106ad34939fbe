//! `forum diff`: what was adapted here, or what a newer version would bring.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use anyhow::{Context as _, Result};
use semver::Version;
use serde::Serialize;

use super::originals::originals;
use super::places::Places;
use super::update::upstream;
use super::{Outcome, open_existing};
use crate::context::Context;
use crate::error::{Code, Failure};
use crate::fail;
use crate::formats::compare::{Place, compare};
use crate::formats::text::compare::{count, unified};
use crate::model::content::ContentFile;
use crate::model::digest::FileMode;
use crate::model::id::{ComponentId, IdOrName};
use crate::model::lockfile::LockEntry;
use crate::model::merge::renames::{Held, detected};
use crate::model::path::RelPath;
use crate::model::written::{file_digests, normalise};
use crate::store::workspace::Workspace;
use crate::ui::Report;

/// Show what you changed, or with --upstream what a newer version would bring
///
/// Documents that forum knows are compared place by place, everything else line by line. Files with secret answers are
/// named, and what they hold is not shown.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  forum diff                              what you changed, in all components
  forum diff pupil-system --stat
  forum diff pupil-system --upstream      what the newest version would bring
  forum diff pupil-system --upstream 1.3.0")]
pub struct Args {
    /// The component: owner/name, or its name alone
    #[arg(value_name = "ID")]
    id: Option<IdOrName>,
    /// What a newer version would bring: the newest, or this one
    #[arg(long, value_name = "VERSION", num_args = 0..=1, default_missing_value = NEWEST)]
    upstream: Option<String>,
    /// Numbers of lines only
    #[arg(long)]
    stat: bool,
}

/// `--upstream` without a version.
const NEWEST: &str = "newest";

#[derive(Serialize)]
struct DiffReport {
    files: Vec<Row>,
    #[serde(skip)]
    stat: bool,
}

/// A file that differs.
#[derive(Serialize)]
struct Row {
    id: ComponentId,
    path: RelPath,
    change: &'static str,
    /// Its name before, where it was renamed.
    from: Option<RelPath>,
    /// Lines that came and went; `null` for what is no text.
    added: Option<usize>,
    removed: Option<usize>,
    /// The places that differ, in documents that forum knows.
    places: Option<Vec<Place>>,
    /// The hunks of a unified diff; `null` for what is no text, and for files with secret answers.
    diff: Option<String>,
}

impl Report for DiffReport {
    fn text(&self) -> String {
        let mut text = String::new();
        for row in &self.files {
            let from = row.from.as_ref().map(|from| format!(" (was {from})")).unwrap_or_default();
            let lines = row.added.zip(row.removed).map(|(added, removed)| format!("  +{added} -{removed}")).unwrap_or_default();
            text += &format!("{:8} {}: {}{from}{lines}\n", row.change, row.id, row.path);
            match (&row.places, &row.diff) {
                _ if self.stat => {}
                (Some(places), _) => text.extend(places.iter().map(|place| format!("  {place}\n"))),
                (None, Some(diff)) => text += diff,
                (None, None) => {}
            }
        }
        text
    }
}

/// A file of one side.
struct Shown<'a> {
    bytes: &'a [u8],
    executable: Option<bool>,
    /// Lengths between its secret answers.
    pieces: Option<&'a [u64]>,
}

type Side<'a> = BTreeMap<&'a RelPath, Shown<'a>>;

/// Runs the command.
///
/// # Errors
/// Where what was fetched is not at hand; as the contract's section 6.
pub fn run(context: &Context, args: &Args) -> Result<Outcome> {
    // The workspace is free again before a person reads, which may take long.
    let (root, files) = found(context, args)?;
    if files.is_empty() {
        context.ui.say("no difference");
    }
    context.ui.report_paged("diff", &DiffReport { files, stat: args.stat }, || context.pager(&root));
    Ok(Outcome::Done)
}

/// Where the workspace is, and what differs.
fn found(context: &Context, args: &Args) -> Result<(PathBuf, Vec<Row>)> {
    let workspace = open_existing(context)?;
    let (typed, version) = meant(args)?;
    let ids: BTreeSet<ComponentId> = match &typed {
        Some(typed) => [workspace.find(typed)?].into(),
        None => workspace.lock.components.keys().cloned().collect(),
    };
    let named: Vec<_> = typed.into_iter().collect();
    let mut places = match &args.upstream {
        Some(_) => Places::looking(context, &workspace, named)?,
        None => Places::new(context, &workspace, named)?,
    };
    places.refuse_contradiction(&workspace.file, &ids)?;
    let mut files = Vec::new();
    if args.upstream.is_some() {
        for (id, sides) in upstream(&workspace, &mut places, &ids, version.as_ref())? {
            let renames = sides.renamed();
            let pieces = |path: &RelPath| sides.entry.pieces.get(path).map(Vec::as_slice);
            differences(&id, &side(&sides.base, &pieces), &side(&sides.theirs, &pieces), &renames, &mut files);
        }
    } else {
        for entry in ids.iter().filter_map(|id| workspace.lock.components.get(id)) {
            local(&workspace, &mut places, entry, &mut files).with_context(|| entry.id.to_string())?;
        }
    }
    places.notes().iter().for_each(|note| context.ui.say(note));
    Ok((workspace.root.clone(), files))
}

/// `--upstream ID` means the component where no version is called so.
fn meant(args: &Args) -> Result<(Option<IdOrName>, Option<Version>)> {
    let Some(word) = args.upstream.as_ref().filter(|word| *word != NEWEST) else { return Ok((args.id.clone(), None)) };
    match (word.parse(), &args.id) {
        (Ok(version), Some(_)) => Ok((args.id.clone(), Some(version))),
        (Ok(_), None) => fail!(Code::Usage, "--upstream {word} needs the component whose version that is"),
        (Err(_), None) => Ok((Some(word.parse().map_err(|error| Failure::new(Code::Usage, format!("{error}")))?), None)),
        (Err(error), Some(_)) => fail!(Code::Usage, "--upstream: `{}` is no version: {error}", word.escape_debug()),
    }
}

fn side<'a>(files: &'a [ContentFile], pieces: &dyn Fn(&RelPath) -> Option<&'a [u64]>) -> Side<'a> {
    let shown = |file: &'a ContentFile| Shown {
        bytes: &file.bytes,
        executable: Some(file.mode == FileMode::Executable),
        pieces: pieces(&file.path),
    };
    files.iter().map(|file| (&file.path, shown(file))).collect()
}

/// What the receiver changed.
fn local(workspace: &Workspace, places: &mut Places<'_>, entry: &LockEntry, rows: &mut Vec<Row>) -> Result<()> {
    let registry = places.of_entry(entry)?;
    let Some(originals) = originals(registry, entry)? else {
        let failure = Failure::new(Code::Offline, format!("{} {} as it was fetched is not at hand", entry.id, entry.version));
        return Err(failure.hint("the same command without --offline").hint("forum update --dry-run brings it").into());
    };
    let found = workspace.all_files(entry)?;
    let base: Side<'_> = originals
        .iter()
        .map(|one| {
            let executable = Some(one.file.mode == FileMode::Executable);
            (&one.file.path, Shown { bytes: &one.file.bytes, executable, pieces: one.pieces.as_deref() })
        })
        .collect();
    let ours: Side<'_> = found
        .iter()
        .filter_map(|file| {
            let path = file.path.as_ref()?;
            Some((path, Shown { bytes: file.bytes.as_deref().unwrap_or_default(), executable: file.executable, pieces: None }))
        })
        .collect();
    let held = Held {
        old: base.iter().map(|(path, file)| (*path, file.bytes)).collect(),
        new: ours.iter().map(|(path, file)| (*path, file.bytes)).collect(),
    };
    let (old, new) = held.sums();
    let Ok(pairs) = detected(&old, &new, &held);
    let renames = pairs.into_iter().map(|(from, to)| (from.clone(), to.clone())).collect();
    differences(&entry.id, &base, &ours, &renames, rows);
    Ok(())
}

/// A row for each file that differs. Line ends alone are no difference, as everywhere.
fn differences(id: &ComponentId, old: &Side<'_>, new: &Side<'_>, renames: &BTreeMap<RelPath, RelPath>, rows: &mut Vec<Row>) {
    let came: BTreeSet<&RelPath> = renames.values().collect();
    let empty = Shown { bytes: b"", executable: None, pieces: None };
    let start = rows.len();
    for (path, was) in old {
        let to = renames.get(*path);
        let target = to.unwrap_or(path);
        match new.get(target) {
            // Another file came in its place, and has a row of its own.
            Some(_) if to.is_none() && came.contains(path) => {}
            Some(is) => rows.extend(changed(id, (path, was), (target, is))),
            None => rows.push(row(id, path, "removed", was, &empty)),
        }
    }
    let fresh = new.iter().filter(|(path, _)| !old.contains_key(*path) && !came.contains(*path));
    rows.extend(fresh.map(|(path, is)| row(id, path, "added", &empty, is)));
    rows[start..].sort_by(|a, b| a.path.cmp(&b.path));
}

fn changed(id: &ComponentId, (from, was): (&RelPath, &Shown<'_>), (path, is): (&RelPath, &Shown<'_>)) -> Option<Row> {
    let same = match was.pieces {
        None => normalise(was.bytes) == normalise(is.bytes),
        Some(pieces) => {
            let sums = file_digests(was.bytes, Some(pieces));
            file_digests(is.bytes, Some(pieces)).iter().any(|sum| sums.contains(sum))
        }
    };
    if from != path {
        return Some(Row { from: Some(from.clone()), ..row(id, path, "renamed", was, is) });
    }
    let mode = was.executable.zip(is.executable).is_some_and(|(was, is)| was != is);
    match (same, mode) {
        (true, false) => None,
        (true, true) => Some(Row { places: None, diff: None, ..row(id, path, "mode", was, is) }),
        (false, _) => Some(row(id, path, "modified", was, is)),
    }
}

fn row(id: &ComponentId, path: &RelPath, change: &'static str, was: &Shown<'_>, is: &Shown<'_>) -> Row {
    let secret = was.pieces.is_some() || is.pieces.is_some();
    let (old, new) = (normalise(was.bytes), normalise(is.bytes));
    let diff = unified(&old, &new);
    let lines = diff.as_deref().map(count);
    let places = if secret || matches!(change, "added" | "removed") { None } else { compare(was.bytes, is.bytes) };
    Row {
        id: id.clone(),
        path: path.clone(),
        change,
        from: None,
        added: lines.map(|lines| lines.added),
        removed: lines.map(|lines| lines.removed),
        places,
        diff: diff.filter(|_| !secret),
    }
}
