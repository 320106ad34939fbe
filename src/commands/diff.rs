//! `forum diff`: what was adapted here, or what a newer version would bring.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use anyhow::{Context as _, Result};
use semver::Version;
use serde::Serialize;

use super::originals::{Comparison, Original, originals};
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
use crate::model::secret_places::Outline;
use crate::model::update::is_beside;
use crate::model::written::normalise;
use crate::store::workspace::{FoundFile, Workspace};
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
    path: String,
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
    /// What was published between its secret answers.
    outline: Option<&'a Outline>,
    /// Whether what it holds is not to be shown.
    secret: bool,
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
            // No secret is in these files, but where one goes is nobody's business either.
            let secret = |path: &RelPath| sides.entry.pieces.contains_key(path);
            let (base, theirs) = (side(&sides.base, &secret), side(&sides.theirs, &secret));
            differences(&id, (&base, &theirs), &renames, &mut Comparison::new(&BTreeMap::new()), &mut files);
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

fn side<'a>(files: &'a [ContentFile], secret: &dyn Fn(&RelPath) -> bool) -> Side<'a> {
    let shown = |file: &'a ContentFile| Shown {
        bytes: &file.bytes,
        executable: Some(file.mode == FileMode::Executable),
        outline: None,
        secret: secret(&file.path),
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
        .files
        .iter()
        .map(|Original { file, outline }| {
            let executable = Some(file.mode == FileMode::Executable);
            (&file.path, Shown { bytes: &file.bytes, executable, outline: outline.as_ref(), secret: outline.is_some() })
        })
        .collect();
    let secrets = originals.secrets(&found);
    let hidden = hidden(workspace, entry, &secrets, &found)?;
    let ours: Side<'_> = found
        .iter()
        .filter_map(|file| {
            let path = file.path.as_ref()?;
            let (bytes, secret) = (file.bytes.as_deref().unwrap_or_default(), hidden.contains(path));
            Some((path, Shown { bytes, executable: file.executable, outline: None, secret }))
        })
        .collect();
    let held = Held {
        old: base.iter().map(|(path, file)| (*path, file.bytes)).collect(),
        new: ours.iter().map(|(path, file)| (*path, file.bytes)).collect(),
    };
    let (old, new) = held.sums();
    let Ok(pairs) = detected(&old, &new, &held);
    let renames = pairs.into_iter().map(|(from, to)| (from.clone(), to.clone())).collect();
    let start = rows.len();
    differences(&entry.id, (&base, &ours), &renames, &mut Comparison::new(&originals.variables), rows);
    // A name that could not be published is that of a file of the receiver's own.
    for file in found.iter().filter(|file| file.path.is_none()) {
        let bytes = file.bytes.as_deref().unwrap_or_default();
        let secret = holds_any(bytes, &secrets);
        let shown = |bytes| Shown { bytes, executable: None, outline: None, secret };
        rows.push(row(&entry.id, &file.shown, "added", &shown(b""), &shown(bytes)));
    }
    rows[start..].sort_by(|a, b| a.path.cmp(&b.path));
    Ok(())
}

fn holds_any(bytes: &[u8], secrets: &BTreeSet<String>) -> bool {
    secrets.iter().any(|secret| memchr::memmem::find(bytes, secret.as_bytes()).is_some())
}

/// Files here that hold secrets: those of the lock, those that an update which waits has written, with what lies beside
/// them, and whatever else a secret stands in that can be read from the files.
fn hidden(workspace: &Workspace, entry: &LockEntry, secrets: &BTreeSet<String>, found: &[FoundFile]) -> Result<BTreeSet<RelPath>> {
    let mut hidden: BTreeSet<RelPath> = entry.pieces.keys().cloned().collect();
    let waiting = workspace.pending()?.updates.remove(&entry.id);
    if let Some(waiting) = &waiting {
        hidden.extend(waiting.entry.pieces.keys().cloned());
        let open = waiting.open.iter().filter(|open| open.secret);
        hidden.extend(open.flat_map(|open| [Some(&open.path), open.beside.as_ref()]).flatten().cloned());
    }
    let lost = entry.pending.is_some() && waiting.is_none() && !entry.pieces.is_empty();
    for file in found {
        let (Some(path), Some(bytes)) = (&file.path, &file.bytes) else { continue };
        let beside = lost && is_beside(path.file_name());
        if beside || holds_any(bytes, secrets) {
            hidden.insert(path.clone());
        }
    }
    Ok(hidden)
}

/// A row for each file that differs. Line ends alone are no difference, as everywhere.
fn differences(
    id: &ComponentId,
    (old, new): (&Side<'_>, &Side<'_>),
    renames: &BTreeMap<RelPath, RelPath>,
    comparison: &mut Comparison<'_>,
    rows: &mut Vec<Row>,
) {
    let came: BTreeSet<&RelPath> = renames.values().collect();
    let empty = Shown { bytes: b"", executable: None, outline: None, secret: false };
    let start = rows.len();
    for (path, was) in old {
        let to = renames.get(*path);
        let target = to.unwrap_or(path);
        match new.get(target) {
            // Another file came in its place, and has a row of its own.
            Some(_) if to.is_none() && came.contains(path) => {}
            Some(is) => rows.extend(changed(id, (path, was), (target, is), comparison)),
            None => rows.push(row(id, path.as_str(), "removed", was, &empty)),
        }
    }
    let fresh = new.iter().filter(|(path, _)| !old.contains_key(*path) && !came.contains(*path));
    rows.extend(fresh.map(|(path, is)| row(id, path.as_str(), "added", &empty, is)));
    rows[start..].sort_by(|a, b| a.path.cmp(&b.path));
}

fn changed(
    id: &ComponentId,
    (from, was): (&RelPath, &Shown<'_>),
    (path, is): (&RelPath, &Shown<'_>),
    comparison: &mut Comparison<'_>,
) -> Option<Row> {
    let same = comparison.is_same(was.bytes, was.outline, is.bytes);
    if from != path {
        return Some(Row { from: Some(from.clone()), ..row(id, path.as_str(), "renamed", was, is) });
    }
    let mode = was.executable.zip(is.executable).is_some_and(|(was, is)| was != is);
    match (same, mode) {
        (true, false) => None,
        (true, true) => Some(Row { places: None, diff: None, ..row(id, path.as_str(), "mode", was, is) }),
        (false, _) => Some(row(id, path.as_str(), "modified", was, is)),
    }
}

fn row(id: &ComponentId, path: &str, change: &'static str, was: &Shown<'_>, is: &Shown<'_>) -> Row {
    let secret = was.secret || is.secret;
    let (old, new) = (normalise(was.bytes), normalise(is.bytes));
    let diff = unified(&old, &new);
    let lines = diff.as_deref().map(count);
    let places = if secret || matches!(change, "added" | "removed") { None } else { compare(was.bytes, is.bytes) };
    Row {
        id: id.clone(),
        path: path.to_owned(),
        change,
        from: None,
        added: lines.map(|lines| lines.added),
        removed: lines.map(|lines| lines.removed),
        places,
        diff: diff.filter(|_| !secret),
    }
}
