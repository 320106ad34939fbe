//! `forum restore`: brings back what a command replaced; what it replaces itself is kept too.

use std::collections::BTreeMap;
use std::path::PathBuf;

use anyhow::{Context as _, Result};
use serde::Serialize;

use super::update::waits_with;
use super::{Moved, Outcome, open_workspace, refuse_locked, refuse_waiting};
use crate::context::Context;
use crate::error::{Code, Failure};
use crate::model::id::{ComponentId, IdOrName};
use crate::model::lockfile::{Lock, LockEntry};
use crate::model::update::{Needs, group};
use crate::model::workspace_file::WorkspaceFile;
use crate::store::fs::journal::{Expectation, Transaction};
use crate::store::kept::{Keeping, Kept, KeptComponent, KeptCopies, Listed, Replacing};
use crate::store::workspace::Workspace;
use crate::ui::{Report, columns};

/// Bring back what a command replaced
///
/// The files come back together with their entries in forum.lock and forum.toml. What lies there now is kept in turn,
/// so a second restore undoes the first. Without an id, lists what is kept.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  forum restore                          list what is kept
  forum restore pupil-system             the newest copy
  forum restore pupil-system --from DIR  another copy from that list")]
pub struct Args {
    /// The component: owner/name, or its name alone
    #[arg(value_name = "ID")]
    id: Option<IdOrName>,
    /// An older copy, as `forum restore` lists it
    #[arg(long, value_name = "KEPT", requires = "id")]
    from: Option<PathBuf>,
}

/// What came back.
#[derive(Serialize)]
struct Restored {
    components: Vec<Moved>,
}

impl Report for Restored {
    fn text(&self) -> String {
        let row = |moved: &Moved| ["restored".to_owned(), moved.id.to_string(), moved.path.to_string()];
        columns(&self.components.iter().map(row).collect::<Vec<_>>())
    }
}

#[derive(Serialize)]
struct List {
    kept: Vec<Row>,
}

#[derive(Serialize)]
struct Row {
    id: ComponentId,
    version: Option<semver::Version>,
    kept_as: PathBuf,
    command: String,
    at: jiff::Timestamp,
    /// Where the workspace was, for a copy of one that is no longer there.
    #[serde(skip_serializing_if = "Option::is_none")]
    workspace: Option<String>,
}

impl Report for List {
    fn text(&self) -> String {
        let row = |row: &Row| {
            let version = row.version.as_ref().map(ToString::to_string).unwrap_or_default();
            let of = row.workspace.as_ref().map(|workspace| format!("  (of {workspace}, which is gone)")).unwrap_or_default();
            [row.at.to_string(), row.command.clone(), row.id.to_string(), version, format!("{}{of}", row.kept_as.display())]
        };
        columns(&self.kept.iter().map(row).collect::<Vec<_>>())
    }
}

/// Runs the command.
///
/// # Errors
/// As the contract's section 6; the workspace is then as it was.
pub fn run(context: &Context, args: &Args) -> Result<Outcome> {
    let mut workspace = open_workspace(context)?;
    let copies = KeptCopies::of(context.state_dir()?, &workspace.root);
    let Listed { kept: ours, unreadable } = copies.list()?;
    for folder in &unreadable {
        context.ui.say(&format!("warning: what is kept in {0} has no record that can be read; its files lie there", folder.display()));
    }
    let lost = copies.of_lost_workspaces()?;
    match &args.id {
        None => list(context, &ours, &lost, unreadable.is_empty()),
        Some(typed) => {
            let (kept, id) = choose(&ours, &lost, typed, args)?;
            let components = restore(context, &mut workspace, &copies, kept, &id)?;
            context.ui.report("restore", &Restored { components });
        }
    }
    Ok(Outcome::Done)
}

fn list(context: &Context, ours: &[Kept], lost: &[Kept], all_are_readable: bool) {
    let row = |kept: &Kept, one: &KeptComponent, workspace: Option<String>| Row {
        id: one.id.clone(),
        version: one.entry.as_ref().map(|entry| entry.version.clone()),
        kept_as: kept.place(&one.id),
        command: kept.command.clone(),
        at: kept.at,
        workspace,
    };
    let of_ours = ours.iter().flat_map(|kept| kept.components.iter().map(|one| row(kept, one, None)));
    let of_lost = lost.iter().flat_map(|kept| kept.components.iter().map(|one| row(kept, one, Some(kept.workspace.clone()))));
    let kept: Vec<_> = of_ours.chain(of_lost).collect();
    if ours.is_empty() && all_are_readable {
        context.ui.say("nothing is kept of a workspace in this directory");
    }
    if !lost.is_empty() {
        context.ui.say("note: copies are kept of workspaces that were moved, renamed or removed\n  try: forum restore ID --from DIRECTORY");
    }
    context.ui.report("restore", &List { kept });
}

/// The copy that a person means.
fn choose<'a>(ours: &'a [Kept], lost: &'a [Kept], typed: &IdOrName, args: &Args) -> Result<(&'a Kept, ComponentId)> {
    let means = |one: &KeptComponent| match typed {
        IdOrName::Id(id) => one.id == *id,
        IdOrName::Short(name) => one.id.name() == name,
    };
    let of = |all: &'a [Kept]| {
        let copies = all.iter().flat_map(|kept| kept.components.iter().map(move |one| (kept, one)));
        copies.filter(|(_, one)| means(one)).collect::<Vec<_>>()
    };
    // What a workspace elsewhere had comes only where a person names it.
    let found: Vec<_> = match &args.from {
        None => of(ours),
        Some(from) => {
            let is_there = |(kept, one): &(&Kept, &KeptComponent)| kept.place(&one.id) == *from || kept.folder == *from;
            of(ours).into_iter().chain(of(lost)).filter(is_there).collect()
        }
    };
    if let Some((_, other)) = found.iter().find(|(_, one)| one.id != found[0].1.id) {
        let failure = Failure::new(Code::Ambiguous, format!("`{typed}` is kept of {} and {}", found[0].1.id, other.id));
        return Err(failure.hint(format!("forum restore {}", other.id)).into());
    }
    match found.first() {
        Some((kept, one)) => Ok((kept, one.id.clone())),
        None => {
            let elsewhere = of(lost);
            let of_lost = elsewhere.first().map(|(kept, _)| format!(", but one of {}, which is gone", kept.workspace)).unwrap_or_default();
            let failure = Failure::new(Code::NotFound, format!("no copy of {typed} is kept of this workspace{of_lost}"));
            let ways =
                elsewhere.iter().take(3).map(|(kept, one)| format!("forum restore {} --from {}", one.id, kept.place(&one.id).display()));
            Err(ways.fold(failure, Failure::hint).hint("forum restore").into())
        }
    }
}

/// What comes back, and what goes with the change that is undone.
struct Back<'a> {
    kept: &'a Kept,
    components: Vec<&'a KeptComponent>,
    /// What came by that change, and nothing needs without it.
    gone: Vec<LockEntry>,
}

/// The component, and what the same command replaced with it: what it needs or what needs it, where that is as the
/// command left it; and those of its dependencies that went and have not come back since.
fn chosen<'a>(kept: &'a Kept, id: &ComponentId, lock: &Lock) -> Vec<&'a KeptComponent> {
    let together = together(kept, id);
    let mut found: BTreeMap<&ComponentId, &KeptComponent> = BTreeMap::new();
    let as_left = |one: &&KeptComponent| together.contains(&one.id) && is_as_left(kept, lock, &one.id);
    let mut open: Vec<ComponentId> = kept.components.iter().filter(as_left).map(|one| one.id.clone()).chain([id.clone()]).collect();
    let first = open.clone();
    while let Some(next) = open.pop() {
        let Some(one) = kept.get(&next) else { continue };
        if (first.contains(&next) || !lock.components.contains_key(&next)) && found.insert(&one.id, one).is_none() {
            open.extend(one.entry.iter().flat_map(|entry| entry.dependencies.clone()));
        }
    }
    found.into_values().collect()
}

/// What one command changed together with a component.
fn together(kept: &Kept, id: &ComponentId) -> Vec<ComponentId> {
    let mut needs: BTreeMap<ComponentId, Vec<ComponentId>> = BTreeMap::new();
    for entry in kept.components.iter().filter_map(|one| one.entry.as_ref()).chain(&kept.left) {
        needs.entry(entry.id.clone()).or_default().extend(entry.dependencies.iter().cloned());
    }
    group(&needs.iter().map(|(id, needs)| (id, needs.as_slice())).collect::<Needs<'_>>(), id)
}

/// Refuses to take one component out of an update that waits for more: that would tear apart what moves together.
fn refuse_torn(workspace: &Workspace, components: &[&KeptComponent]) -> Result<()> {
    let here = components.iter().filter_map(|one| workspace.lock.components.get(&one.id));
    for entry in here.filter(|entry| entry.pending.is_some()) {
        if waits_with(workspace, &entry.id)?.iter().any(|id| components.iter().all(|one| one.id != *id)) {
            return Err(refuse_waiting(entry).into());
        }
    }
    Ok(())
}

/// Whether a component is here at the very version that the command left, or is about to be.
fn is_as_left(kept: &Kept, lock: &Lock, id: &ComponentId) -> bool {
    let left = kept.left.iter().find(|entry| entry.id == *id);
    left.zip(lock.components.get(id)).is_some_and(|(left, here)| {
        let version = here.pending.as_ref().map_or(&here.version, |pending| &pending.to);
        left.version == *version && left.path == here.path
    })
}

/// What the command brought with a component, and nothing needs any more in the lock that comes back.
fn brought(kept: &Kept, id: &ComponentId, here: &Lock, lock: &mut Lock) -> Vec<LockEntry> {
    let together = together(kept, id);
    let came = |entry: &&LockEntry| kept.get(&entry.id).is_none() && together.contains(&entry.id) && is_as_left(kept, here, &entry.id);
    let mut gone = Vec::new();
    loop {
        let loose = |entry: &&LockEntry| {
            lock.components.get(&entry.id).is_some_and(|one| !one.requested && lock.dependents(&one.id).next().is_none())
        };
        let Some(next) = kept.left.iter().filter(came).find(loose) else { return gone };
        gone.extend(lock.components.remove(&next.id));
    }
}

fn restore(context: &Context, workspace: &mut Workspace, copies: &KeptCopies, kept: &Kept, id: &ComponentId) -> Result<Vec<Moved>> {
    let components = chosen(kept, id, &workspace.lock);
    refuse_torn(workspace, &components)?;
    let mut lock = workspace.lock.clone();
    for one in &components {
        lock.components.remove(&one.id);
        lock.components.extend(one.entry.clone().map(|entry| (one.id.clone(), entry)));
    }
    let gone = brought(kept, id, &workspace.lock, &mut lock);
    let back = Back { kept, components, gone };
    refuse_locked(context, workspace, &lock)?;
    let here = |id: &&ComponentId| workspace.lock.components.contains_key(*id) || workspace.file.components.contains_key(*id);
    let ids = back.components.iter().map(|one| &one.id).chain(back.gone.iter().map(|entry| &entry.id));
    let replaced: Vec<_> = ids.filter(here).collect();
    for one in back.components.iter().filter(|one| workspace.lock.components.get(&one.id).is_none_or(|entry| entry.path != one.path)) {
        workspace.require_free(&one.id.to_string(), &one.path)?;
    }
    let keeping = copies.keep(workspace, Replacing { command: "restore", at: context.settings.now, after: &lock }, &replaced)?;
    put_back(workspace, &back, &lock, &keeping)?;
    let now = keeping.done();
    for entry in &back.gone {
        workspace.remove_empty_above(&entry.path);
        context.ui.say(&format!("note: {} came with what is undone, and went; a copy is kept: forum restore {}", entry.id, entry.id));
    }
    let kept_as = |id: &ComponentId| {
        let now = now.as_ref()?;
        now.get(id)?.present.then(|| now.place(id))
    };
    Ok(back.components.iter().map(|one| Moved { id: one.id.clone(), path: one.path.clone(), kept_as: kept_as(&one.id) }).collect())
}

/// `forum.toml` as it was, comments and all, where nothing but what comes back has changed in it since.
fn file_before(workspace: &Workspace, back: &Back<'_>) -> Option<WorkspaceFile> {
    let kept = back.kept;
    let before = WorkspaceFile::parse(kept.workspace_file.as_ref()?.as_bytes()).ok()?;
    let mut since = before.clone();
    for id in kept.components.iter().map(|one| &one.id).chain(back.gone.iter().map(|entry| &entry.id)) {
        match workspace.file.components.get(id) {
            Some(entry) => since.set_component(id, entry),
            None => since.remove_component(id),
        }
    }
    (back.components.len() == kept.components.len() && since.render() == workspace.file.render()).then_some(before)
}

fn put_back(workspace: &mut Workspace, back: &Back<'_>, lock: &Lock, keeping: &Keeping) -> Result<()> {
    let mut change = Transaction::begin(&workspace.root)?;
    keeping.watch(&mut change);
    if let Some(before) = file_before(workspace, back) {
        workspace.file = before;
    }
    for entry in &back.gone {
        if workspace.directory(&entry.path)?.is_some() {
            change.remove_tree(&entry.path)?;
        }
    }
    for one in &back.components {
        let old = workspace.lock.components.get(&one.id).map(|entry| entry.path.clone());
        if let Some(old) = old.filter(|old| !one.present || *old != one.path) {
            change.remove_tree(&old)?;
        }
        if one.present {
            if !workspace.exists(&one.path)? {
                change.expect(&one.path, Expectation::Absent)?;
            }
            let files = KeptCopies::files(back.kept, &one.id).with_context(|| format!("the copy of {}", one.id))?;
            let mut tree = change.stage_tree(&one.path)?;
            tree.copy_from(&files)?;
            tree.finish()?;
        }
        if workspace.file.components.get(&one.id) != one.wish.as_ref() {
            match &one.wish {
                Some(wish) => workspace.file.set_component(&one.id, wish),
                None => workspace.file.remove_component(&one.id),
            }
        }
        if let Some((name, entry)) = one.wish.as_ref().and_then(|wish| wish.registry.clone()).zip(one.entry.as_ref())
            && !workspace.file.registries.contains_key(&name)
        {
            workspace.file.set_registry(&name, &entry.registry);
        }
    }
    let mut pending = workspace.pending()?;
    if back.components.iter().filter(|one| pending.updates.remove(&one.id).is_some()).count() > 0 {
        workspace.stage_pending(&mut change, &pending)?;
    }
    workspace.stage(&mut change, lock)?;
    change.commit()
}
