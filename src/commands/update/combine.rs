//! Base, ours and theirs of a whole component into what is written: the table for each path, and formats for what
//! both sides changed.
//!
//! Files that only we have are never touched. A file of the newer version that would take the place of one gets a name
//! beside it, and a person chooses.

use std::collections::{BTreeMap, BTreeSet};

use semver::Version;

use crate::formats::merge::{Disagreement, Merged, merge_file};
use crate::formats::text::{Labels, in_ends_of_ours, is_binary};
use crate::model::content::ContentFile;
use crate::model::digest::FileMode;
use crate::model::manifest::Rename;
use crate::model::merge::renames::{Files, detected, renames};
use crate::model::merge::{Change, Conflict, Decision, File, Outcome, Side, decide, merge_mode};
use crate::model::path::{RelPath, collision_key};
use crate::model::update::{CONFLICTS, FileChange, Open, THEIRS, beside};
use crate::store::workspace::FoundFile;

/// The three sides of a component.
pub(crate) struct Sides<'a> {
    pub(crate) base: &'a [ContentFile],
    pub(crate) ours: &'a [FoundFile],
    pub(crate) theirs: &'a [ContentFile],
    pub(crate) from: &'a Version,
    pub(crate) to: &'a Version,
    pub(crate) renames: &'a [Rename],
    pub(crate) labels: Labels,
}

/// A file that the update writes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Write {
    pub(crate) path: RelPath,
    pub(crate) executable: bool,
    pub(crate) bytes: Vec<u8>,
    /// The file here whose readers stay its readers.
    pub(crate) like: Option<RelPath>,
}

/// What becomes of a component.
#[derive(Debug, Default)]
pub(crate) struct Combined {
    pub(crate) files: Vec<FileChange>,
    pub(crate) open: Vec<Open>,
    pub(crate) writes: Vec<Write>,
    /// Files here that go, or that another one takes the place of.
    pub(crate) gone: BTreeSet<RelPath>,
    /// New names by old ones, for people.
    pub(crate) moved: BTreeMap<RelPath, RelPath>,
}

/// One file through the three sides.
struct Unit<'a> {
    base: Option<&'a ContentFile>,
    ours: Option<&'a FoundFile>,
    theirs: Option<&'a ContentFile>,
    /// Where it will lie.
    path: RelPath,
}

/// What is decided for one file.
struct Settled {
    outcome: Outcome,
    conflict: Option<Conflict>,
    /// What will lie at the path; `None`: what lies there now.
    content: Option<Vec<u8>>,
    executable: bool,
    gone: bool,
    beside: Option<Beside>,
}

enum Beside {
    Theirs,
    Report(Vec<Disagreement>),
}

fn executable(file: &ContentFile) -> bool {
    file.mode == FileMode::Executable
}

impl Unit<'_> {
    fn side(file: Option<&ContentFile>) -> Side<'_> {
        file.map_or(Side::Absent, |file| Side::File(File { bytes: &file.bytes, executable: Some(executable(file)) }))
    }

    fn ours_side(&self) -> Side<'_> {
        match self.ours {
            None => Side::Absent,
            Some(FoundFile { bytes: Some(bytes), executable, .. }) => Side::File(File { bytes, executable: *executable }),
            Some(_) => Side::Other,
        }
    }

    fn ours_bytes(&self) -> &[u8] {
        self.ours.and_then(|file| file.bytes.as_deref()).unwrap_or_default()
    }

    /// Whether it lies elsewhere now than it will.
    fn moves(&self) -> bool {
        self.ours.is_some_and(|ours| ours.path.as_ref() != Some(&self.path))
    }

    /// Decides. `None` for what neither is nor will be here.
    fn settle(&self, labels: &Labels) -> Option<Settled> {
        let decision = decide(Self::side(self.base), self.ours_side(), Self::side(self.theirs));
        let stays = |outcome| Settled { outcome, conflict: None, content: None, executable: false, gone: false, beside: None };
        let conflict = |why, beside| Settled { conflict: Some(why), beside: Some(beside), ..stays(Outcome::Conflict) };
        Some(match decision {
            Decision::Same | Decision::Alike if self.ours.is_none() => return None,
            Decision::Same | Decision::Alike => self.move_along(stays(Outcome::Unchanged)),
            Decision::Ours(Change::Removed) => stays(Outcome::Kept),
            Decision::Ours(_) => self.move_along(stays(Outcome::Kept)),
            Decision::Theirs(Change::Added) => self.take(Outcome::Added),
            Decision::Theirs(Change::Modified) => self.take(if self.moves() { Outcome::Renamed } else { Outcome::Upstream }),
            Decision::Theirs(Change::Removed) => Settled { gone: true, ..stays(Outcome::Removed) },
            Decision::Both => self.merge(labels),
            Decision::Conflict(why @ Conflict::DeletedUpstream) => conflict(why, Beside::Report(Vec::new())),
            Decision::Conflict(why) => conflict(why, Beside::Theirs),
        })
    }

    /// Ours at its new place, where it has one.
    fn move_along(&self, settled: Settled) -> Settled {
        if !self.moves() || self.theirs.is_none_or(|theirs| theirs.path != self.path) {
            return settled;
        }
        let executable = self.ours.and_then(|ours| ours.executable).or(self.theirs.map(executable)).unwrap_or_default();
        Settled { outcome: Outcome::Renamed, content: Some(self.ours_bytes().to_vec()), executable, ..settled }
    }

    fn take(&self, outcome: Outcome) -> Settled {
        let theirs = self.theirs.map(|file| file.bytes.as_slice()).unwrap_or_default();
        let bytes = match (self.base, self.ours) {
            (Some(base), Some(_)) => in_ends_of_ours(&base.bytes, self.ours_bytes(), theirs).into_owned(),
            _ => theirs.to_vec(),
        };
        Settled { outcome, conflict: None, content: Some(bytes), executable: self.mode(), gone: false, beside: None }
    }

    fn mode(&self) -> bool {
        let ours = if self.ours.is_some() { self.ours.and_then(|ours| ours.executable) } else { self.theirs.map(executable) };
        merge_mode(self.base.map(executable), ours, self.theirs.map(executable))
    }

    fn merge(&self, labels: &Labels) -> Settled {
        let (base, ours) = (self.base.map(|file| file.bytes.as_slice()).unwrap_or_default(), self.ours_bytes());
        let theirs = self.theirs.map(|file| file.bytes.as_slice()).unwrap_or_default();
        let merged = match (ours == base, theirs == base || theirs == ours) {
            (true, _) => Merged::Clean(theirs.to_vec()),
            (false, true) => Merged::Clean(ours.to_vec()),
            (false, false) => merge_file(base, ours, theirs, labels),
        };
        let settled = |outcome, conflict, content, beside| Settled {
            outcome,
            conflict,
            content: Some(content),
            executable: self.mode(),
            gone: false,
            beside,
        };
        match merged {
            Merged::Clean(bytes) if self.moves() => settled(Outcome::Renamed, None, bytes, None),
            Merged::Clean(bytes) if bytes == ours && self.ours.is_some_and(|file| file.executable.is_none_or(|x| x == self.mode())) => {
                Settled { content: None, ..settled(Outcome::Kept, None, bytes, None) }
            }
            Merged::Clean(bytes) => settled(Outcome::Merged, None, bytes, None),
            Merged::Marked(bytes) => settled(Outcome::Conflict, Some(Conflict::BothModified), bytes, None),
            Merged::Reported(bytes, places) => {
                settled(Outcome::Conflict, Some(Conflict::BothModified), bytes, Some(Beside::Report(places)))
            }
            Merged::Unmergeable => {
                let binary = [base, ours, theirs].into_iter().any(is_binary);
                let why = if binary { Conflict::Binary } else { Conflict::BothModified };
                settled(Outcome::Conflict, Some(why), ours.to_vec(), Some(Beside::Theirs))
            }
        }
    }
}

/// The files of a component, one by one, through all renames.
fn units<'a>(sides: &'a Sides<'_>) -> Vec<Unit<'a>> {
    let content = |files: &'a [ContentFile]| -> BTreeMap<&'a RelPath, &'a ContentFile> { files.iter().map(|f| (&f.path, f)).collect() };
    let (base, theirs) = (content(sides.base), content(sides.theirs));
    let mut ours: BTreeMap<&RelPath, &FoundFile> = sides.ours.iter().filter_map(|f| Some((f.path.as_ref()?, f))).collect();
    let mut open = theirs.clone();
    let (upstream, here) = moves(sides, &base, &theirs, &ours);
    let targets: BTreeSet<&RelPath> = upstream.values().collect();
    let mut units = Vec::new();
    for (path, file) in base {
        let to = upstream.get(path);
        let from = here.get(path).unwrap_or(path);
        let path = to.or(here.get(path)).unwrap_or(path).clone();
        // What lies at a name that another file took over is that other file.
        let theirs = if to.is_none() && targets.contains(&file.path) { None } else { open.remove(to.unwrap_or(&file.path)) };
        units.push(Unit { base: Some(file), ours: ours.remove(from), theirs, path });
    }
    for (path, file) in open {
        units.push(Unit { base: None, ours: ours.remove(path), theirs: Some(file), path: path.clone() });
    }
    units.extend(ours.into_iter().map(|(path, file)| Unit { base: None, ours: Some(file), theirs: None, path: path.clone() }));
    units.sort_by(|a, b| a.path.cmp(&b.path));
    units
}

type Renames = BTreeMap<RelPath, RelPath>;

/// What was renamed upstream, as far as no file that only we have stands there; and here, as far as upstream changed the file.
fn moves(
    sides: &Sides<'_>,
    base: &BTreeMap<&RelPath, &ContentFile>,
    theirs: &BTreeMap<&RelPath, &ContentFile>,
    ours: &BTreeMap<&RelPath, &FoundFile>,
) -> (Renames, Renames) {
    let old: Files<'_> = base.iter().map(|(path, file)| (*path, file.bytes.as_slice())).collect();
    let new: Files<'_> = theirs.iter().map(|(path, file)| (*path, file.bytes.as_slice())).collect();
    let mine: Files<'_> = ours.iter().filter_map(|(path, file)| Some((*path, file.bytes.as_deref()?))).collect();
    let mut upstream = renames((sides.from, &old), (sides.to, &new), sides.renames);
    let only_ours = |path: &RelPath| ours.contains_key(path) && !base.contains_key(path);
    upstream.retain(|from, to| !only_ours(to) && ours.get(from).is_none_or(|file| file.bytes.is_some()));
    let moved: BTreeSet<&RelPath> = upstream.iter().flat_map(|(from, to)| [from, to]).collect();
    let changed = |path: &RelPath| !moved.contains(path) && new.get(path).is_some_and(|bytes| *bytes != old[path]);
    let here = detected(&old, &mine).into_iter().filter(|(from, to)| changed(from) && !new.contains_key(*to));
    let here = here.map(|(from, to)| (from.clone(), to.clone())).collect();
    (upstream, here)
}

/// The names that are taken, in the form in which file systems compare them.
struct Taken(BTreeSet<String>);

impl Taken {
    fn has(&self, key: &str) -> bool {
        let below = format!("{key}/");
        self.0.contains(key) || self.0.range(below.clone()..).next().is_some_and(|next| next.starts_with(&below))
    }

    fn blocks_above(&self, path: &RelPath) -> bool {
        let mut above = path.parent();
        while let Some(dir) = above {
            if self.0.contains(&collision_key(dir.as_str())) {
                return true;
            }
            above = dir.parent();
        }
        false
    }

    fn add(&mut self, path: &RelPath) {
        self.0.insert(collision_key(path.as_str()));
    }
}

/// A file, and what is decided for it.
type Decided<'a> = (Unit<'a>, Settled);

/// Whether our file stays where it lies, with what it holds or with something else.
fn stays((unit, settled): &Decided<'_>) -> bool {
    unit.ours.is_some() && !settled.gone && (!unit.moves() || settled.content.is_none())
}

/// The names of all files when everything stands at its place. What would have to lie where something of ours stays
/// becomes a conflict, and our file stays where it was; so another place may be taken, until nothing changes any more.
fn places(decided: &mut [Decided<'_>]) -> Taken {
    loop {
        let mut taken = Taken(BTreeSet::new());
        for (unit, _) in decided.iter().filter(|one| stays(one)) {
            unit.ours.and_then(|ours| ours.path.as_ref()).into_iter().for_each(|path| taken.add(path));
        }
        let mut blocked = false;
        for one in decided.iter_mut() {
            let path = one.0.path.clone();
            if one.1.content.is_none() || stays(one) {
                continue;
            }
            if taken.has(&collision_key(path.as_str())) || taken.blocks_above(&path) {
                let why = Some(Conflict::BothAdded);
                (one.1.outcome, one.1.conflict, one.1.content, one.1.beside) = (Outcome::Conflict, why, None, Some(Beside::Theirs));
                blocked |= one.0.ours.is_some();
            } else {
                taken.add(&path);
            }
        }
        if !blocked {
            return taken;
        }
    }
}

/// Combines the three sides of a component.
pub(crate) fn combine(sides: &Sides<'_>) -> Combined {
    let mut decided: Vec<_> =
        units(sides).into_iter().filter_map(|unit| unit.settle(&sides.labels).map(|settled| (unit, settled))).collect();
    let mut taken = places(&mut decided);
    let mut combined = Combined::default();
    for (unit, settled) in decided {
        combined.add(sides, &unit, settled, &mut taken);
    }
    // Where another file came in the place of one that went there is one row.
    let written: BTreeSet<RelPath> = combined.writes.iter().map(|write| write.path.clone()).collect();
    combined.files.retain(|file| file.outcome != Outcome::Removed || !written.contains(&file.path));
    combined.files.sort_by(|a, b| a.path.cmp(&b.path));
    combined.open.sort_by(|a, b| a.path.cmp(&b.path));
    combined
}

impl Combined {
    fn add(&mut self, sides: &Sides<'_>, unit: &Unit<'_>, settled: Settled, taken: &mut Taken) {
        let here = unit.ours.and_then(|ours| ours.path.clone());
        let mut path = unit.path.clone();
        if let Some(bytes) = settled.content {
            self.gone.extend(here.clone());
            if let Some(from) = here.as_ref().filter(|from| **from != path) {
                self.moved.insert(from.clone(), path.clone());
            }
            self.writes.push(Write { path: path.clone(), executable: settled.executable, bytes, like: here });
        } else if settled.gone {
            path = here.clone().unwrap_or(path);
            self.gone.extend(here);
        } else if let Some(here) = here {
            path = here;
        }
        if let Some(why) = settled.conflict {
            let beside = settled.beside.map(|what| self.put_beside(sides, unit, &path, (why, what), taken));
            self.open.push(Open { path: path.clone(), conflict: why, beside });
        }
        self.files.push(FileChange { path, outcome: settled.outcome, conflict: settled.conflict });
    }

    fn put_beside(&mut self, sides: &Sides<'_>, unit: &Unit<'_>, path: &RelPath, what: (Conflict, Beside), taken: &mut Taken) -> RelPath {
        let (word, bytes, executable) = match (what, unit.theirs) {
            ((_, Beside::Theirs), Some(theirs)) => (THEIRS, theirs.bytes.clone(), executable(theirs)),
            ((why, Beside::Theirs), None) => (CONFLICTS, report(sides, path, why, &[]), false),
            ((why, Beside::Report(places)), _) => (CONFLICTS, report(sides, path, why, &places), false),
        };
        // Below a file there is no place.
        let flat = path.as_str().replace('/', "-").parse().ok().filter(|_| taken.blocks_above(path));
        let name = beside(flat.as_ref().unwrap_or(path), word, sides.to, &|name| taken.has(name));
        taken.add(&name);
        self.writes.push(Write { path: name.clone(), executable, bytes, like: unit.ours.and_then(|ours| ours.path.clone()) });
        name
    }
}

fn report(sides: &Sides<'_>, path: &RelPath, why: Conflict, places: &[Disagreement]) -> Vec<u8> {
    let report = serde_json::json!({
        "file": path,
        "conflict": why,
        "from": sides.from,
        "to": sides.to,
        "settle": "ours stays in the file until you change it; remove this report when you have chosen",
        "places": places,
    });
    let mut text = serde_json::to_vec_pretty(&report).unwrap_or_default();
    text.push(b'\n');
    text
}
