//! `forum fetch`: brings components and what they depend on into the workspace.
//!
//! The way of the data: words on the command line and `forum.toml` → wishes → [`resolve`] → a plan per component
//! ([`plan`]) → verified and rendered files → one [`Transaction`] for directories, `forum.toml` and `forum.lock`.

mod found;
mod plan;
mod removed;
mod report;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::Result;
use semver::VersionReq;

use self::plan::{Asked, Planned, Step};
use self::removed::AsItLies;
use self::report::FetchReport;
use super::answers::Given;
use super::places::{self, Places};
use super::{Outcome, open_workspace, refuse_locked, would_change};
use crate::context::Context;
use crate::error::{Code, Failure};
use crate::fail;
use crate::model::id::{ComponentId, IdOrName};
use crate::model::lockfile::Lock;
use crate::model::resolve::{Catalog as _, Resolution, Wish, resolve};
use crate::model::workspace_file::Entry;
use crate::store::fs::journal::{Expectation, Transaction};
use crate::store::fs::{make_directory, remove_if_empty};
use crate::store::kept::{Keeping, KeptCopies};
use crate::store::workspace::Workspace;

/// Fetch components and what they depend on into the workspace
///
/// Without ids, brings the workspace to what forum.lock (else forum.toml) says.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  forum fetch pupil-system --registry examples/registry
  forum fetch goteborg/pupil-system@^1.2 --set municipality-code=2281
  forum fetch                      bring the workspace to what forum.lock says
  forum fetch --locked             the same in CI: fails where the lock would have to change")]
pub struct Args {
    /// Components to fetch: owner/name or a name that one owner has, with an optional requirement
    #[arg(value_name = "ID[@REQ]")]
    ids: Vec<String>,
    /// Answer a variable; owner/name:KEY=VALUE answers that of one component
    #[arg(long, value_name = "KEY=VALUE")]
    set: Vec<String>,
    /// Read answers from a TOML file
    #[arg(long, value_name = "FILE")]
    answers: Option<PathBuf>,
    /// Put the component here, relative to the current directory
    #[arg(long, value_name = "DIR")]
    path: Option<PathBuf>,
    /// Throw away the local changes of the components named (forum restore ID brings them back)
    #[arg(long)]
    force: bool,
    /// Say what would come, and write nothing
    #[arg(long)]
    dry_run: bool,
}

/// Runs the command.
///
/// # Errors
/// As the contract's section 6; the workspace is then as it was.
pub fn run(context: &Context, args: &Args) -> Result<Outcome> {
    let made = Made::directory(context)?;
    let outcome = fetch(context, args);
    if outcome.is_err() || args.dry_run {
        made.undo();
    }
    outcome.map(|()| Outcome::Done)
}

/// The directories that `-C` made, the deepest first. They go again when nothing comes of it.
struct Made(Vec<PathBuf>);

impl Made {
    fn directory(context: &Context) -> Result<Self> {
        let missing = context.directory.ancestors().take_while(|directory| !directory.is_dir()).map(Path::to_path_buf).collect();
        make_directory(&context.directory)?;
        Ok(Self(missing))
    }

    fn undo(self) {
        self.0.iter().for_each(|directory| remove_if_empty(directory));
    }
}

fn fetch(context: &Context, args: &Args) -> Result<()> {
    let ui = &context.ui;
    if args.force && args.ids.is_empty() {
        fail!(Code::Usage, "--force goes with the components whose local changes are to be thrown away");
    }
    let mut workspace = open_workspace(context)?;
    let given = Given::read(context, &args.set, args.answers.as_deref())?;
    let typed = args.ids.iter().map(|word| parse_word(word)).collect::<Result<Vec<_>>>()?;
    let mut places = Places::new(context, &workspace, typed.iter().map(|word| word.0.clone()).collect())?;
    if typed.is_empty() {
        places.refuse_contradiction(&workspace.file, workspace.file.components.keys())?;
    }
    let named = wish(context, args, &typed, &mut workspace, &mut places)?;
    if !workspace.file.components.values().any(Entry::is_wish) && workspace.lock.components.is_empty() {
        let failure = Failure::new(Code::Usage, "nothing is wanted here: name a component");
        return Err(failure.hint("forum fetch OWNER/NAME --registry URL").into());
    }
    given.check_targets(&named)?;
    if context.locked
        && let Some(why) = plan::unsatisfied(&workspace, &places)?
    {
        return Err(would_change(&why).into());
    }
    let settled = if given.is_empty() && !args.force { plan::settled(&workspace, &places)? } else { None };
    let planned = match settled {
        Some(planned) => planned,
        None => {
            let targets = choose(&workspace, &mut places, &named)?;
            let asked = Asked { named: &named, force: args.force };
            plan::plan(context, &mut workspace, &mut places, &targets, &given, asked)?
        }
    };
    places.notes().iter().for_each(|note| ui.say(note));
    let lock = Lock { components: planned.iter().map(|one| (one.entry.id.clone(), one.entry.clone())).collect() };
    refuse_locked(context, &workspace, &lock)?;
    let report = FetchReport::new(&workspace, &planned, args.dry_run);
    if !args.dry_run {
        apply(context, &workspace, &planned, &lock)?;
    }
    report.say_notes(ui);
    ui.report("fetch", &report);
    Ok(())
}

/// `ID[@REQ]` as typed.
type Word = (IdOrName, Option<VersionReq>);

fn parse_word(word: &str) -> Result<Word> {
    let (typed, requirement) = word.split_once('@').map_or((word, None), |(id, req)| (id, Some(req)));
    let usage = |why: String| Failure::new(Code::Usage, why);
    let typed: IdOrName = typed.parse().map_err(|e| usage(format!("{e}")))?;
    let wrong = |text: &str, e| usage(format!("{typed}: `{}` is no requirement: {e}", text.escape_debug()));
    let requirement = requirement.map(|text| text.parse().map_err(|e: semver::Error| wrong(text, e))).transpose()?;
    Ok((typed, requirement))
}

/// Reads the ids of the command line into the workspace's wishes.
fn wish(context: &Context, args: &Args, typed: &[Word], workspace: &mut Workspace, places: &mut Places<'_>) -> Result<Vec<ComponentId>> {
    let path = args.path.as_ref().map(|path| places::in_workspace(context, workspace, path)).transpose()?;
    if path.is_some() && args.ids.len() != 1 {
        fail!(Code::Usage, "--path goes with exactly one component");
    }
    let mut named = Vec::new();
    for (typed, requirement) in typed {
        let (id, registry) = places.find("fetch", typed, workspace)?;
        if named.contains(&id) {
            fail!(Code::Usage, "{id} is named twice");
        }
        let old = workspace.file.components.get(&id).cloned().unwrap_or_default();
        let version = match (requirement.clone(), old.version.clone()) {
            (Some(requirement), _) | (None, Some(requirement)) => requirement,
            (None, None) => newest(workspace, places, &id, &registry)?,
        };
        let path = path.clone().or(old.path);
        let entry = Entry { version: Some(version), registry: Some(registry), path, variables: old.variables };
        workspace.file.set_component(&id, &entry);
        named.push(id);
    }
    Ok(named)
}

/// `^` of what a wish without requirement gets today: the locked version, else the newest.
fn newest(workspace: &Workspace, places: &mut Places<'_>, id: &ComponentId, registry: &str) -> Result<VersionReq> {
    let version = match workspace.lock.components.get(id) {
        Some(entry) => entry.version.clone(),
        None => {
            let wish = Wish { id: id.clone(), requirement: VersionReq::STAR };
            let found = resolve(places.open(registry)?, &[wish], &BTreeMap::new())?;
            found[id].record.version.clone()
        }
    };
    Ok(format!("^{version}").parse()?)
}

/// One version of everything that is wanted, registry by registry.
fn choose(workspace: &Workspace, places: &mut Places<'_>, named: &[ComponentId]) -> Result<Vec<plan::Target>> {
    let mut by_registry: BTreeMap<String, Vec<Wish>> = BTreeMap::new();
    for (id, entry) in &workspace.file.components {
        if let Some(requirement) = &entry.version {
            let registry = places.registry_of(id, entry)?;
            by_registry.entry(registry).or_default().push(Wish { id: id.clone(), requirement: requirement.clone() });
        }
    }
    let mut targets: Vec<plan::Target> = Vec::new();
    for (registry, wishes) in by_registry {
        for (id, chosen) in solve(workspace, places, &registry, &wishes, named)? {
            let requested = wishes.iter().any(|wish| wish.id == id);
            if let Some(other) = targets.iter().find(|target| target.id == id) {
                let message = format!("{id} is wanted from two registries, {} and {registry}", other.registry);
                return Err(Failure::new(Code::NoSolution, message).into());
            }
            targets.push(plan::Target { id, chosen, registry: registry.clone(), requested });
        }
    }
    targets.sort_by(|a, b| a.id.cmp(&b.id));
    Ok(targets)
}

/// Resolves in one registry. A cache that is too old for the lock or the wishes is refreshed, once.
fn solve(workspace: &Workspace, places: &mut Places<'_>, registry: &str, wishes: &[Wish], named: &[ComponentId]) -> Result<Resolution> {
    let url = places.url(registry)?;
    let here = || workspace.lock.components.values().filter(|entry| entry.registry == url);
    let opened = places.open(registry)?;
    let mut stale = false;
    for entry in here() {
        stale |= opened.index(&entry.id)?.is_some_and(|index| index.record(&entry.version).is_none());
    }
    if stale {
        places.refresh(registry)?;
    }
    let kept = || here().filter(|entry| !named.contains(&entry.id));
    let opened = places.open(registry)?;
    let mut locked = found::versions(workspace)?;
    locked.extend(workspace.lock.components.iter().map(|(id, entry)| (id.clone(), entry.version.clone())));
    match resolve(&AsItLies::new(opened, workspace, kept())?, wishes, &locked) {
        Err(error) if matches!(Failure::of(&error).code, Code::NotFound | Code::NoSolution) => {
            places.refresh(registry)?;
            resolve(&AsItLies::new(places.open(registry)?, workspace, kept())?, wishes, &locked)
        }
        done => done,
    }
}

/// Writes everything in one change. What it replaces is kept first.
fn apply(context: &Context, workspace: &Workspace, planned: &[Planned], lock: &Lock) -> Result<()> {
    let replaced = |one: &&Planned| matches!(one.step, Step::Write { new: false, .. }) || one.moved_from.is_some();
    let ids: Vec<_> = planned.iter().filter(replaced).map(|one| &one.entry.id).collect();
    let copies = KeptCopies::of(context.state_dir()?, &workspace.root);
    let keeping = copies.keep(workspace, "fetch", context.settings.now, &ids)?;
    write(workspace, planned, lock, &keeping)?;
    drop(keeping.done());
    planned.iter().filter_map(|one| one.moved_from.as_ref()).for_each(|from| workspace.remove_empty_above(from));
    Ok(())
}

fn write(workspace: &Workspace, planned: &[Planned], lock: &Lock, keeping: &Keeping) -> Result<()> {
    let mut change = Transaction::begin(&workspace.root)?;
    keeping.watch(&mut change);
    for one in planned {
        let Step::Write { files, new } = &one.step else { continue };
        if *new {
            change.expect(&one.entry.path, Expectation::Absent)?;
        }
        let mut tree = change.stage_tree(&one.entry.path)?;
        for file in files {
            tree.write(&file.path, file.mode, &file.bytes)?;
        }
        tree.finish()?;
        if let Some(from) = &one.moved_from {
            change.remove_tree(from)?;
        }
    }
    workspace.stage(&mut change, lock)?;
    change.commit()
}
