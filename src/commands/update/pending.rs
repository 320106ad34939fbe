//! An update that waits for a person: `--continue` when all is settled, `--abort` to take it back.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use anyhow::Result;
use semver::Version;

use super::report::UpdateReport;
use super::{lost, set_variables, waiting_file};
use crate::commands::{Outcome, refuse_locked};
use crate::context::Context;
use crate::error::{Code, Failure};
use crate::fail;
use crate::formats::text::{has_line, has_markers};
use crate::model::digest::Checksum;
use crate::model::id::ComponentId;
use crate::model::lockfile::{Lock, LockEntry};
use crate::model::path::RelPath;
use crate::model::update::{PendingFile, Waiting};
use crate::store::fs::journal::Transaction;
use crate::store::kept::{Kept, KeptCopies};
use crate::store::workspace::{FoundFile, Workspace};

/// What stands behind the marker of ours.
const YOURS: &str = "yours";

type Waits = Vec<(ComponentId, Waiting)>;

/// The updates that a person means: those named and what waits with them, else all that wait.
fn meant(workspace: &Workspace, file: &PendingFile, ids: &[ComponentId]) -> Result<BTreeSet<ComponentId>> {
    let waits = |entry: &&LockEntry| entry.pending.is_some();
    if let Some(id) = ids.iter().find(|id| workspace.lock.components.get(*id).is_none_or(|entry| entry.pending.is_none())) {
        let failure = Failure::new(Code::NotFound, format!("no update of {id} waits"));
        return Err(failure.hint("forum status").into());
    }
    let all: Vec<_> = workspace.lock.components.values().filter(waits).map(|entry| entry.id.clone()).collect();
    if all.is_empty() {
        fail!(Code::NotFound, "no update waits in this workspace");
    }
    let mut meant: BTreeSet<_> = if ids.is_empty() { all.into_iter().collect() } else { ids.iter().cloned().collect() };
    let together = |id: &ComponentId| match file.updates.get(id) {
        Some(waiting) => waiting.together.clone(),
        None => lost::together(&workspace.lock, file, id),
    };
    let with: Vec<_> = meant.iter().flat_map(together).collect();
    let still = |id: &ComponentId| workspace.lock.components.get(id).map_or(file.updates.contains_key(id), |entry| entry.pending.is_some());
    meant.extend(with.into_iter().filter(still));
    Ok(meant)
}

/// `--continue`.
pub(super) fn finish(context: &Context, workspace: &mut Workspace, ids: &[ComponentId]) -> Result<Outcome> {
    let mut file = waiting_file(workspace)?;
    lost::make_again(context, workspace, &mut file)?;
    let meant = meant(workspace, &file, ids)?;
    let waits: Waits = meant.iter().filter_map(|id| Some((id.clone(), file.updates.remove(id)?))).collect();
    refuse_open(workspace, &waits)?;
    let mut lock = workspace.lock.clone();
    for (id, waiting) in &waits {
        lock.components.insert(id.clone(), waiting.entry.clone());
        set_variables(workspace, id, &waiting.variables);
    }
    refuse_locked(context, workspace, &lock)?;
    let mut change = Transaction::begin(&workspace.root)?;
    workspace.stage_pending(&mut change, &file)?;
    workspace.stage(&mut change, &lock)?;
    change.commit()?;
    context.ui.report("update", &UpdateReport::of_waiting(&waits, "updated"));
    Ok(left(context, &lock))
}

/// What still waits.
fn left(context: &Context, lock: &Lock) -> Outcome {
    let Some(entry) = lock.components.values().find(|entry| entry.pending.is_some()) else { return Outcome::Done };
    context.ui.say(&format!("note: an update of {} still waits", entry.id));
    Outcome::Conflicts
}

/// Refuses as long as something is not settled, and names it.
fn refuse_open(workspace: &Workspace, waits: &Waits) -> Result<()> {
    let mut open = Vec::new();
    for (id, waiting) in waits {
        let at = &waiting.entry.path;
        for one in &waiting.open {
            let (path, beside) = (at.join(&one.path)?, one.beside.as_ref().map(|beside| at.join(beside)).transpose()?);
            match beside {
                Some(beside) if workspace.exists(&beside)? => open.push(format!("{beside} is still there (it belongs to {path})")),
                None if workspace.read_whole(&path)?.is_some_and(|bytes| has_markers(&bytes)) => {
                    open.push(format!("{path} still has markers of a conflict"));
                }
                _ => {}
            }
        }
        open.extend(carried_away(workspace, id, waiting)?);
    }
    if open.is_empty() {
        return Ok(());
    }
    let failure = Failure::new(Code::Pending, format!("not all conflicts are settled: {}", open.join("; ")));
    let id = &waits[0].0;
    Err(failure.hint(format!("settle them, then: forum update {id} --continue")).hint(format!("forum update {id} --abort")).into())
}

/// Files that were not there when the update was made, and have markers that it wrote: somebody gave them another name.
fn carried_away(workspace: &Workspace, id: &ComponentId, waiting: &Waiting) -> Result<Vec<String>> {
    if waiting.open.iter().all(|one| one.beside.is_some()) {
        return Ok(Vec::new());
    }
    let known: BTreeSet<&RelPath> = waiting.files.iter().map(|file| &file.path).chain(waiting.open.iter().map(|one| &one.path)).collect();
    let label = |version: &Version| format!("{id} {version}");
    let base = label(waiting.from.as_ref().unwrap_or(&waiting.entry.version));
    let named = vec![format!("||||||| {base}"), format!(">>>>>>> {}", label(&waiting.entry.version))];
    // The one marker that names no version may have stood in a file before.
    let any = [named.as_slice(), &[format!("<<<<<<< {YOURS}")]].concat();
    let mut found = Vec::new();
    for file in workspace.files(&waiting.entry)?.into_iter().flatten() {
        let FoundFile { path: Some(path), bytes: Some(bytes), .. } = file? else { continue };
        let markers = if known.contains(&path) { &named } else { &any };
        if !waiting.open.iter().any(|one| one.path == path) && has_line(&bytes, markers) {
            found.push(format!("{} still has markers of a conflict", waiting.entry.path.join(&path)?));
        }
    }
    Ok(found)
}

/// What is on its way back.
struct TakeBack<'a> {
    workspace: &'a Workspace,
    /// What is kept, the newest first.
    copies: Vec<Kept>,
    change: Transaction,
    lock: Lock,
    /// Where a person wrote in files of the update since.
    written_since: Vec<ComponentId>,
    /// Where nobody knows that, for want of a record.
    unknown: Vec<ComponentId>,
}

/// `--abort`.
pub(super) fn abort(context: &Context, workspace: &Workspace, ids: &[ComponentId]) -> Result<Outcome> {
    let mut file = waiting_file(workspace)?;
    let meant = meant(workspace, &file, ids)?;
    let copies = KeptCopies::of(context.state_dir()?, &workspace.root);
    let mut back = TakeBack {
        workspace,
        copies: copies.list()?,
        change: Transaction::begin(&workspace.root)?,
        lock: workspace.lock.clone(),
        written_since: Vec::new(),
        unknown: Vec::new(),
    };
    for id in &meant {
        back.add(id, file.updates.remove(id))?;
    }
    let TakeBack { mut change, lock, written_since, unknown, .. } = back;
    refuse_locked(context, workspace, &lock)?;
    let since: Vec<_> = written_since.iter().chain(&unknown).collect();
    let keeping = copies.keep(workspace, "update --abort", context.settings.now, &since)?;
    workspace.stage_pending(&mut change, &file)?;
    workspace.stage(&mut change, &lock)?;
    change.commit()?;
    drop(keeping.done());
    let versions = meant.into_iter().map(|id| (lock.components.get(&id).map(|entry| entry.version.clone()), id));
    context.ui.report("update", &UpdateReport::of_taken_back(versions.map(|(version, id)| (id, version)).collect()));
    for id in &written_since {
        context.ui.say(&format!("what you wrote meanwhile is kept: forum restore {id}"));
    }
    for id in &unknown {
        context.ui.say(&format!("what lay there is kept, since nothing says what of it is yours: forum restore {id}"));
    }
    Ok(left(context, &lock))
}

impl TakeBack<'_> {
    fn add(&mut self, id: &ComponentId, waiting: Option<Waiting>) -> Result<()> {
        let Some(entry) = self.lock.components.get_mut(id) else {
            return waiting.map_or(Ok(()), |waiting| self.remove_new(id, &waiting));
        };
        let kept = copy_of(&self.copies, id, waiting.as_ref())?;
        self.change.watch(&entry.path, self.workspace.snapshot(&entry.path)?);
        let touched = waiting.map(|waiting| waiting.touched);
        match &touched {
            Some(touched) if is_as_written(self.workspace, &entry.path, touched)? => {}
            Some(_) => self.written_since.push(id.clone()),
            None => self.unknown.push(id.clone()),
        }
        put_back(self.workspace, &mut self.change, kept, entry, touched.as_ref())?;
        entry.pending = None;
        Ok(())
    }

    /// One that came with the update goes with it.
    fn remove_new(&mut self, id: &ComponentId, waiting: &Waiting) -> Result<()> {
        let path = &waiting.entry.path;
        if !is_as_written(self.workspace, path, &waiting.touched)? {
            fail!(Code::Pending, "{id} came with the update, and you wrote in {path}: move what you need, and remove it");
        }
        self.change.remove_tree(path)
    }
}

/// The copy from before the update.
fn copy_of<'a>(all: &'a [Kept], id: &ComponentId, waiting: Option<&Waiting>) -> Result<&'a Kept> {
    let folder: Option<&PathBuf> = waiting.and_then(|waiting| waiting.kept.as_ref());
    let before =
        |kept: &&Kept| kept.command == "update" && kept.get(id).is_some_and(|one| one.entry.as_ref().is_some_and(|e| e.pending.is_none()));
    let found = all.iter().find(|kept| folder == Some(&kept.folder)).or_else(|| all.iter().find(before));
    let Some(kept) = found else {
        let failure = Failure::new(Code::NotFound, format!("the copy of {id} from before the update is not on this machine"));
        return Err(failure.hint("abort where the update was made, or take the directory from Git").into());
    };
    Ok(kept)
}

/// Whether the files that the update wrote are still as it wrote them.
fn is_as_written(workspace: &Workspace, at: &RelPath, touched: &BTreeMap<RelPath, Option<Checksum>>) -> Result<bool> {
    for (path, sum) in touched {
        let path = at.join(path)?;
        let same = match sum {
            None => !workspace.exists(&path)?,
            Some(sum) => workspace.exists(&path)? && workspace.read_whole(&path)?.is_some_and(|bytes| Checksum::of(&bytes) == *sum),
        };
        if !same {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Puts back what the update touched; other files stay as they are now. Without a record everything goes back.
fn put_back(
    workspace: &Workspace,
    change: &mut Transaction,
    kept: &Kept,
    entry: &LockEntry,
    touched: Option<&BTreeMap<RelPath, Option<Checksum>>>,
) -> Result<()> {
    let present = kept.get(&entry.id).is_some_and(|one| one.present);
    if !present {
        return change.remove_tree(&entry.path);
    }
    let before = KeptCopies::files(kept, &entry.id)?;
    let touched: Option<BTreeSet<PathBuf>> = touched.map(|touched| touched.keys().map(RelPath::to_path).collect());
    let mut tree = change.stage_tree(&entry.path)?;
    match (&touched, workspace.directory(&entry.path)?) {
        (Some(touched), Some(here)) => {
            tree.take_over(&here, &|path| touched.contains(path))?;
            tree.copy_some(&before, &|path| touched.contains(path))?;
        }
        _ => tree.copy_from(&before)?,
    }
    tree.finish()
}
