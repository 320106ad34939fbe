//! `forum restore`: brings back what a command replaced; what it replaces itself is kept too.

use std::collections::BTreeMap;
use std::path::PathBuf;

use anyhow::{Context as _, Result};
use serde::Serialize;

use super::{Moved, Outcome, open_workspace, refuse_locked};
use crate::context::Context;
use crate::error::{Code, Failure};
use crate::model::id::{ComponentId, IdOrName};
use crate::model::lockfile::Lock;
use crate::model::workspace_file::WorkspaceFile;
use crate::store::fs::journal::{Expectation, Transaction};
use crate::store::kept::{Keeping, Kept, KeptComponent, KeptCopies};
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
}

impl Report for List {
    fn text(&self) -> String {
        let row = |row: &Row| {
            let version = row.version.as_ref().map(ToString::to_string).unwrap_or_default();
            [row.at.to_string(), row.command.clone(), row.id.to_string(), version, row.kept_as.display().to_string()]
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
    let all = copies.list()?;
    match &args.id {
        None => list(context, &all),
        Some(typed) => {
            let (kept, id) = choose(&all, typed, args)?;
            let components = restore(context, &mut workspace, &copies, kept, &id)?;
            context.ui.report("restore", &Restored { components });
        }
    }
    Ok(Outcome::Done)
}

fn list(context: &Context, all: &[Kept]) {
    let row = |kept: &Kept, one: &KeptComponent| Row {
        id: one.id.clone(),
        version: one.entry.as_ref().map(|entry| entry.version.clone()),
        kept_as: kept.place(&one.id),
        command: kept.command.clone(),
        at: kept.at,
    };
    let kept: Vec<_> = all.iter().flat_map(|kept| kept.components.iter().map(|one| row(kept, one))).collect();
    if kept.is_empty() {
        context.ui.say("nothing is kept of this workspace: no command has replaced anything");
    }
    context.ui.report("restore", &List { kept });
}

/// The copy that a person means.
fn choose<'a>(all: &'a [Kept], typed: &IdOrName, args: &Args) -> Result<(&'a Kept, ComponentId)> {
    let means = |one: &KeptComponent| match typed {
        IdOrName::Id(id) => one.id == *id,
        IdOrName::Short(name) => one.id.name() == name,
    };
    let copies = || all.iter().flat_map(|kept| kept.components.iter().map(move |one| (kept, one)));
    let found: Vec<_> = copies()
        .filter(|(_, one)| means(one))
        .filter(|(kept, one)| args.from.as_ref().is_none_or(|from| kept.place(&one.id) == *from || kept.folder == *from))
        .collect();
    if let Some((_, other)) = found.iter().find(|(_, one)| one.id != found[0].1.id) {
        let failure = Failure::new(Code::Ambiguous, format!("`{typed}` is kept of {} and {}", found[0].1.id, other.id));
        return Err(failure.hint(format!("forum restore {}", other.id)).into());
    }
    match found.first() {
        Some((kept, one)) => Ok((kept, one.id.clone())),
        None => {
            let failure = Failure::new(Code::NotFound, format!("no copy of {typed} is kept of this workspace"));
            Err(failure.hint("forum restore").into())
        }
    }
}

/// The component, and those of its dependencies that went with it and have not come back since.
fn chosen<'a>(kept: &'a Kept, id: &ComponentId, lock: &Lock) -> Vec<&'a KeptComponent> {
    let mut found: BTreeMap<&ComponentId, &KeptComponent> = BTreeMap::new();
    let mut open = vec![id.clone()];
    while let Some(next) = open.pop() {
        let Some(one) = kept.get(&next) else { continue };
        if (next == *id || !lock.components.contains_key(&next)) && found.insert(&one.id, one).is_none() {
            open.extend(one.entry.iter().flat_map(|entry| entry.dependencies.clone()));
        }
    }
    found.into_values().collect()
}

fn restore(context: &Context, workspace: &mut Workspace, copies: &KeptCopies, kept: &Kept, id: &ComponentId) -> Result<Vec<Moved>> {
    let back = chosen(kept, id, &workspace.lock);
    let mut lock = workspace.lock.clone();
    for one in &back {
        lock.components.remove(&one.id);
        lock.components.extend(one.entry.clone().map(|entry| (one.id.clone(), entry)));
    }
    refuse_locked(context, workspace, &lock)?;
    let here = |one: &&&KeptComponent| workspace.lock.components.contains_key(&one.id) || workspace.file.components.contains_key(&one.id);
    let replaced: Vec<_> = back.iter().filter(here).map(|one| &one.id).collect();
    for one in back.iter().filter(|one| workspace.lock.components.get(&one.id).is_none_or(|entry| entry.path != one.path)) {
        workspace.require_free(&one.id.to_string(), &one.path)?;
    }
    let keeping = copies.keep(workspace, "restore", context.settings.now, &replaced)?;
    put_back(workspace, kept, &back, &lock, &keeping)?;
    let now = keeping.done();
    let kept_as = |id: &ComponentId| {
        let now = now.as_ref()?;
        now.get(id)?.present.then(|| now.place(id))
    };
    Ok(back.iter().map(|one| Moved { id: one.id.clone(), path: one.path.clone(), kept_as: kept_as(&one.id) }).collect())
}

/// `forum.toml` as it was, comments and all, where nothing but what comes back has changed in it since.
fn file_before(workspace: &Workspace, kept: &Kept, back: &[&KeptComponent]) -> Option<WorkspaceFile> {
    let before = WorkspaceFile::parse(kept.workspace_file.as_ref()?.as_bytes()).ok()?;
    let mut since = before.clone();
    for one in &kept.components {
        match workspace.file.components.get(&one.id) {
            Some(entry) => since.set_component(&one.id, entry),
            None => since.remove_component(&one.id),
        }
    }
    (back.len() == kept.components.len() && since.render() == workspace.file.render()).then_some(before)
}

fn put_back(workspace: &mut Workspace, kept: &Kept, back: &[&KeptComponent], lock: &Lock, keeping: &Keeping) -> Result<()> {
    let mut change = Transaction::begin(&workspace.root)?;
    keeping.watch(&mut change);
    if let Some(before) = file_before(workspace, kept, back) {
        workspace.file = before;
    }
    for one in back {
        let old = workspace.lock.components.get(&one.id).map(|entry| entry.path.clone());
        if let Some(old) = old.filter(|old| !one.present || *old != one.path) {
            change.remove_tree(&old)?;
        }
        if one.present {
            if !workspace.exists(&one.path)? {
                change.expect(&one.path, Expectation::Absent)?;
            }
            let files = KeptCopies::files(kept, &one.id).with_context(|| format!("the copy of {}", one.id))?;
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
    if back.iter().filter(|one| pending.updates.remove(&one.id).is_some()).count() > 0 {
        workspace.stage_pending(&mut change, &pending)?;
    }
    workspace.stage(&mut change, lock)?;
    change.commit()
}
