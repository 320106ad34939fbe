//! Which versions an update leads to: the newest that fit, of what was asked for; dependencies move only where a new
//! version asks for that.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::Result;
use semver::{Comparator, Op, Version, VersionReq};

use crate::commands::places::Places;
use crate::error::{Code, Failure};
use crate::fail;
use crate::model::id::ComponentId;
use crate::model::index::VersionState;
use crate::model::lockfile::LockEntry;
use crate::model::resolve::{Catalog as _, Chosen, Resolution, Wish, resolve};
use crate::store::registry::Registry;
use crate::store::workspace::Workspace;

/// One component of the workspace as it will be.
pub(super) struct Target {
    pub(super) id: ComponentId,
    pub(super) chosen: Chosen,
    pub(super) registry: String,
    pub(super) requested: bool,
}

/// What was chosen.
#[derive(Default)]
pub(super) struct Choice {
    /// Everything that is wanted or needed, as it will be.
    pub(super) targets: Vec<Target>,
    /// What waits because something that it needs waits, with that.
    pub(super) held_back: BTreeMap<ComponentId, ComponentId>,
}

/// What may move.
pub(super) struct Movable {
    pub(super) ids: BTreeSet<ComponentId>,
    /// `--to`.
    pub(super) to: Option<Version>,
}

/// Chooses a version of everything, registry by registry.
pub(super) fn choose(workspace: &Workspace, places: &mut Places<'_>, movable: &Movable) -> Result<Choice> {
    let mut by_registry: BTreeMap<String, Vec<Wish>> = BTreeMap::new();
    for (id, entry) in &workspace.file.components {
        if let Some(requirement) = entry.version.as_ref().filter(|_| workspace.lock.components.contains_key(id)) {
            let registry = places.registry_of(id, entry)?;
            by_registry.entry(registry).or_default().push(Wish { id: id.clone(), requirement: requirement.clone() });
        }
    }
    let mut choice = Choice::default();
    for (registry, wishes) in by_registry {
        let opened = places.open(&registry)?;
        for (id, chosen) in solve(opened, workspace, &wishes, movable, &mut choice.held_back)? {
            let requested = wishes.iter().any(|wish| wish.id == id);
            choice.targets.push(Target { id, chosen, registry: registry.clone(), requested });
        }
    }
    choice.targets.sort_by(|a, b| a.id.cmp(&b.id));
    if let Some(pair) = choice.targets.windows(2).find(|pair| pair[0].id == pair[1].id) {
        fail!(Code::NoSolution, "{} is wanted from two registries, {} and {}", pair[0].id, pair[0].registry, pair[1].registry);
    }
    Ok(choice)
}

/// `=VERSION`, pre-release and all.
fn exactly(version: &Version) -> VersionReq {
    let (major, minor, patch) = (version.major, Some(version.minor), Some(version.patch));
    VersionReq { comparators: vec![Comparator { op: Op::Exact, major, minor, patch, pre: version.pre.clone() }] }
}

fn solve(
    registry: &Registry,
    workspace: &Workspace,
    wishes: &[Wish],
    movable: &Movable,
    held_back: &mut BTreeMap<ComponentId, ComponentId>,
) -> Result<Resolution> {
    let locked = &workspace.lock.components;
    let mut wishes = wishes.to_vec();
    let mut stays: BTreeMap<ComponentId, Version> = locked.iter().map(|(id, entry)| (id.clone(), entry.version.clone())).collect();
    let mut free: BTreeSet<ComponentId> = BTreeSet::new();
    for entry in movable.ids.iter().filter_map(|id| locked.get(id)).filter(|entry| entry.pending.is_none()) {
        if let Some(to) = &movable.to {
            check_to(registry, &wishes, entry, to)?;
            wishes.push(Wish { id: entry.id.clone(), requirement: exactly(to) });
            stays.insert(entry.id.clone(), to.clone());
        } else if has_newer(registry, &wishes, entry)? {
            free.insert(entry.id.clone());
        }
    }
    loop {
        let fixed = stays.iter().filter(|(id, _)| !free.contains(*id)).map(|(id, version)| (id.clone(), version.clone())).collect();
        let resolution = resolve(registry, &wishes, &fixed)?;
        // A choice that would lead backwards is none; and what waits for a person does not move under it.
        let back = free.iter().find(|id| resolution.get(*id).is_some_and(|chosen| chosen.record.version < locked[*id].version)).cloned();
        if let Some(id) = back {
            free.remove(&id);
            continue;
        }
        let moved = |id: &ComponentId, entry: &LockEntry| resolution.get(id).is_some_and(|chosen| chosen.record.version != entry.version);
        let Some((waiting, entry)) = locked.iter().find(|(id, entry)| entry.pending.is_some() && moved(id, entry)) else {
            return Ok(resolution);
        };
        let above: Vec<_> = free.iter().filter(|id| needs(&resolution, id, waiting)).cloned().collect();
        if above.is_empty() {
            return Err(crate::commands::refuse_waiting(entry).into());
        }
        for id in above {
            free.remove(&id);
            held_back.insert(id, waiting.clone());
        }
    }
}

/// Whether `id` needs `other`, directly or through others.
fn needs(resolution: &Resolution, id: &ComponentId, other: &ComponentId) -> bool {
    let (mut open, mut seen) = (vec![id], BTreeSet::new());
    while let Some(next) = open.pop() {
        if next == other {
            return true;
        }
        if seen.insert(next) {
            open.extend(resolution.get(next).into_iter().flat_map(|chosen| chosen.record.dependencies.keys()));
        }
    }
    false
}

/// Whether there is a newer version that may be taken without being asked for by its number.
fn has_newer(registry: &Registry, wishes: &[Wish], entry: &LockEntry) -> Result<bool> {
    let Some(index) = registry.index(&entry.id)? else { return Ok(false) };
    let wanted = wishes.iter().find(|wish| wish.id == entry.id).map(|wish| &wish.requirement);
    let fits = |version: &Version| wanted.map_or(version.pre.is_empty(), |requirement| requirement.matches(version));
    let newer = |version: &Version| *version > entry.version && fits(version) && index.state(version) == VersionState::Available;
    Ok(index.versions.iter().any(|record| newer(&record.version)))
}

/// What `--to` may name: a version that exists, that was not removed, and that `forum.toml` allows.
fn check_to(registry: &Registry, wishes: &[Wish], entry: &LockEntry, to: &Version) -> Result<()> {
    let id = &entry.id;
    let index = registry.index(id)?;
    let Some(index) = index.filter(|index| index.record(to).is_some()) else {
        return Err(Failure::new(Code::NotFound, format!("{id} has no version {to}")).hint(format!("forum show {id}")).into());
    };
    if let VersionState::Removed(notice) = index.state(to) {
        fail!(Code::NotFound, "{id} {to} was removed: {}", notice.reason);
    }
    if let Some(wish) = wishes.iter().find(|wish| wish.id == *id && !wish.requirement.matches(to)) {
        let message = format!("{id} {to} is outside of what forum.toml asks for, `{}`", wish.requirement);
        let failure = Failure::new(Code::NoSolution, message);
        return Err(failure.hint(format!("change the version of {id} in forum.toml, then the same command")).into());
    }
    Ok(())
}
