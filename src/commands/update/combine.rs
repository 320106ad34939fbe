//! Base, ours and theirs of a whole component into what is written: the table for each path, and formats for what
//! both sides changed.
//!
//! Files that only we have are never touched. A file of the newer version that would take the place of one gets a name
//! beside it, and a person chooses.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::Result;

use super::edition::Known;
use super::secret_places::{holds_secrets, without_secrets};
use super::sides::{Sides, Source, Texts, Trio};
use crate::formats::merge::{Disagreement, Merged};
use crate::formats::text::is_binary;
use crate::model::merge::{Change, Conflict, Decision, File, Outcome, Side, decide, merge_mode};
use crate::model::path::{RelPath, collision_key};
use crate::model::update::{CONFLICTS, FileChange, Open, THEIRS, beside};

/// So many bytes of merged texts are held until they are written; what is beyond is merged twice.
const MOST_HELD: usize = 8 << 20;

/// A file that the update writes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Write {
    pub(super) path: RelPath,
    pub(super) executable: bool,
    /// Where what it will hold comes from.
    pub(super) trio: Trio,
    pub(super) source: Source,
    /// The file here whose readers stay its readers.
    pub(super) like: Option<RelPath>,
}

/// What becomes of a component.
#[derive(Debug, Default)]
pub(super) struct Combined {
    pub(super) files: Vec<FileChange>,
    pub(super) open: Vec<Open>,
    pub(super) writes: Vec<Write>,
    /// Files here that go, or that another one takes the place of.
    pub(super) gone: BTreeSet<RelPath>,
    /// New names by old ones, for people.
    pub(super) moved: BTreeMap<RelPath, RelPath>,
}

/// A file and where it lies.
type At<'a> = (&'a RelPath, &'a Known);

/// One file through the three sides.
struct Unit<'a> {
    base: Option<At<'a>>,
    ours: Option<At<'a>>,
    theirs: Option<At<'a>>,
    /// Where it will lie.
    path: RelPath,
}

/// What is decided for one file.
struct Settled {
    outcome: Outcome,
    conflict: Option<Conflict>,
    /// What will lie at the path; `None`: what lies there now.
    content: Option<Source>,
    executable: bool,
    gone: bool,
    beside: Option<Beside>,
}

enum Beside {
    Theirs,
    Report(Vec<Disagreement>),
}

fn side(file: Option<At<'_>>) -> Side {
    match file {
        None => Side::Absent,
        Some((_, Known { sums: Some(sums), executable })) => Side::File(File { sums: *sums, executable: *executable }),
        Some(_) => Side::Other,
    }
}

fn executable(file: Option<At<'_>>) -> Option<bool> {
    file.and_then(|(_, known)| known.executable)
}

fn same_bytes(a: Option<At<'_>>, b: Option<At<'_>>) -> bool {
    let exact = |file: Option<At<'_>>| file.and_then(|(_, known)| known.sums).map(|sums| sums.exact);
    exact(a) == exact(b)
}

impl Unit<'_> {
    /// Whether it lies elsewhere now than it will.
    fn moves(&self) -> bool {
        self.ours.is_some_and(|(path, _)| *path != self.path)
    }

    /// Whether we gave it the name that it has now, and the newer version has another one, or none.
    fn is_renamed_here(&self) -> bool {
        let name = |file: Option<At<'_>>| file.map(|(path, _)| path.clone());
        let ours = name(self.ours);
        self.base.is_some() && ours.is_some() && ours != name(self.base) && ours != name(self.theirs)
    }

    fn trio(&self) -> Trio {
        let path = |file: Option<At<'_>>| file.map(|(path, _)| path.clone());
        Trio { base: path(self.base), ours: path(self.ours), theirs: path(self.theirs) }
    }

    /// Decides. `None` for what neither is nor will be here.
    fn settle(&self, sides: &Sides<'_>) -> Result<Option<Settled>> {
        let decision = decide(side(self.base), side(self.ours), side(self.theirs));
        let stays = |outcome| Settled { outcome, conflict: None, content: None, executable: false, gone: false, beside: None };
        let conflict = |why, beside| Settled { conflict: Some(why), beside: Some(beside), ..stays(Outcome::Conflict) };
        Ok(Some(match decision {
            Decision::Same | Decision::Alike if self.ours.is_none() => return Ok(None),
            Decision::Same | Decision::Alike if self.is_renamed_here() && !self.moves() => stays(Outcome::Kept),
            Decision::Same | Decision::Alike => self.move_along(stays(Outcome::Unchanged)),
            Decision::Ours(Change::Removed) => stays(Outcome::Kept),
            Decision::Ours(_) => self.move_along(stays(Outcome::Kept)),
            Decision::Theirs(Change::Added) => self.take(Outcome::Added),
            Decision::Theirs(Change::Modified) => self.take(if self.moves() { Outcome::Renamed } else { Outcome::Upstream }),
            // A new name is a change of ours.
            Decision::Theirs(Change::Removed) if self.is_renamed_here() => conflict(Conflict::DeletedUpstream, Beside::Report(Vec::new())),
            Decision::Theirs(Change::Removed) => Settled { gone: true, ..stays(Outcome::Removed) },
            Decision::Both => self.merge(sides)?,
            Decision::Conflict(why @ Conflict::DeletedUpstream) => conflict(why, Beside::Report(Vec::new())),
            Decision::Conflict(why) => conflict(why, Beside::Theirs),
        }))
    }

    /// Ours at its new place, where it has one.
    fn move_along(&self, settled: Settled) -> Settled {
        if !self.moves() || self.theirs.is_none_or(|(path, _)| *path != self.path) {
            return settled;
        }
        let executable = executable(self.ours).or(executable(self.theirs)).unwrap_or_default();
        Settled { outcome: Outcome::Renamed, content: Some(Source::Ours), executable, ..settled }
    }

    fn take(&self, outcome: Outcome) -> Settled {
        Settled { outcome, conflict: None, content: Some(Source::Theirs), executable: self.mode(), gone: false, beside: None }
    }

    fn mode(&self) -> bool {
        let ours = if self.ours.is_some() { executable(self.ours) } else { executable(self.theirs) };
        merge_mode(executable(self.base), ours, executable(self.theirs))
    }

    /// Both changed the file, if only who may execute it.
    fn merge(&self, sides: &Sides<'_>) -> Result<Settled> {
        let moved = if self.moves() { Outcome::Renamed } else { Outcome::Merged };
        if same_bytes(self.ours, self.base) {
            return Ok(self.take(moved));
        }
        if same_bytes(self.theirs, self.base) || same_bytes(self.theirs, self.ours) {
            return Ok(self.keep_bytes());
        }
        let texts = sides.texts(&self.trio())?;
        let marked = |conflict, content, beside| Settled { conflict, content, beside, ..self.take(Outcome::Conflict) };
        let both_modified = Some(Conflict::BothModified);
        Ok(match texts.merge(&sides.labels) {
            Merged::Clean(bytes) if bytes == texts.ours => self.keep_bytes(),
            Merged::Clean(bytes) => Settled { content: Some(Source::Merged(Some(bytes))), ..self.take(moved) },
            Merged::Marked(bytes) => marked(both_modified, Some(Source::Merged(Some(bytes))), None),
            Merged::Reported(bytes, places) => marked(both_modified, Some(Source::Merged(Some(bytes))), Some(Beside::Report(places))),
            Merged::Unmergeable => {
                let Texts { base, ours, theirs } = &texts;
                let binary = [base, ours, theirs].into_iter().any(|bytes| is_binary(bytes));
                let why = if binary { Conflict::Binary } else { Conflict::BothModified };
                marked(Some(why), Some(Source::Ours), Some(Beside::Theirs))
            }
        })
    }

    /// Both changed it, and what it holds is ours in the end.
    fn keep_bytes(&self) -> Settled {
        let outcome = match (self.moves(), executable(self.ours).is_none_or(|x| x == self.mode())) {
            (true, _) => Outcome::Renamed,
            (false, false) => Outcome::Merged,
            (false, true) => return Settled { content: None, ..self.take(Outcome::Kept) },
        };
        Settled { content: Some(Source::Ours), ..self.take(outcome) }
    }
}

/// The files of a component, one by one, through all renames.
fn units<'a>(sides: &'a Sides<'_>) -> Result<Vec<Unit<'a>>> {
    let (upstream, here) = sides.moves()?;
    let mut ours: BTreeMap<&RelPath, &Known> = sides.ours.files.iter().collect();
    let mut open: BTreeMap<&RelPath, &Known> = sides.theirs.files.iter().collect();
    let targets: BTreeSet<&RelPath> = upstream.values().collect();
    let mut units = Vec::new();
    for (path, known) in sides.base_files() {
        let to = upstream.get(path);
        // What lies at a name that another file took over is that other file.
        let theirs = if to.is_none() && targets.contains(path) { None } else { open.remove_entry(to.unwrap_or(path)) };
        let ours = ours.remove_entry(here.get(path).unwrap_or(path));
        let will = here.get(path).or(to).unwrap_or(path).clone();
        units.push(Unit { base: Some((path, known)), ours, theirs, path: will });
    }
    for (path, known) in open {
        units.push(Unit { base: None, ours: ours.remove_entry(path), theirs: Some((path, known)), path: path.clone() });
    }
    units.extend(ours.into_iter().map(|one| Unit { base: None, ours: Some(one), theirs: None, path: one.0.clone() }));
    units.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(units)
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
            unit.ours.into_iter().for_each(|(path, _)| taken.add(path));
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
pub(super) fn combine(sides: &Sides<'_>) -> Result<Combined> {
    let (mut decided, mut held) = (Vec::new(), 0);
    for unit in units(sides)? {
        let Some(mut settled) = unit.settle(sides)? else { continue };
        if let Some(Source::Merged(text)) = &mut settled.content {
            held += text.as_ref().map_or(0, Vec::len);
            text.take_if(|_| held > MOST_HELD);
        }
        decided.push((unit, settled));
    }
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
    Ok(combined)
}

impl Combined {
    fn add(&mut self, sides: &Sides<'_>, unit: &Unit<'_>, settled: Settled, taken: &mut Taken) {
        let here = unit.ours.map(|(path, _)| path.clone());
        let mut path = unit.path.clone();
        if let Some(source) = settled.content {
            self.gone.extend(here.clone());
            if let Some(from) = here.as_ref().filter(|from| **from != path) {
                self.moved.insert(from.clone(), path.clone());
            }
            let mut trio = unit.trio();
            // Where line ends are those that were fetched, those of the newer version come.
            if source == Source::Theirs && same_bytes(unit.base, unit.ours) {
                trio.base = None;
            }
            self.writes.push(Write { path: path.clone(), executable: settled.executable, trio, source, like: here });
        } else if settled.gone {
            path = here.clone().unwrap_or(path);
            self.gone.extend(here);
        } else if let Some(here) = here {
            path = here;
        } else if let Some((base, _)) = unit.base.filter(|_| settled.conflict.is_none()) {
            // What we took away has no new name here.
            path = base.clone();
        }
        if let Some(why) = settled.conflict {
            let beside = settled.beside.map(|what| self.put_beside(sides, unit, &path, (why, what), taken));
            let secret = holds_secrets(sides, &unit.trio());
            self.open.push(Open { path: path.clone(), conflict: why, beside, secret });
        }
        self.files.push(FileChange { path, outcome: settled.outcome, conflict: settled.conflict });
    }

    fn put_beside(&mut self, sides: &Sides<'_>, unit: &Unit<'_>, path: &RelPath, what: (Conflict, Beside), taken: &mut Taken) -> RelPath {
        let (word, source, theirs) = match (what, unit.theirs) {
            ((_, Beside::Theirs), Some(theirs)) => (THEIRS, Source::Theirs, Some(theirs)),
            ((why, Beside::Theirs), None) => (CONFLICTS, Source::Report(report(sides, path, why, &[])), None),
            ((why, Beside::Report(places)), _) => {
                let places = without_secrets(sides, &unit.trio(), places);
                (CONFLICTS, Source::Report(report(sides, path, why, &places)), None)
            }
        };
        // Below a file there is no place.
        let flat = path.as_str().replace('/', "-").parse().ok().filter(|_| taken.blocks_above(path));
        let name = beside(flat.as_ref().unwrap_or(path), word, &sides.to, &|name| taken.has(name));
        taken.add(&name);
        let trio = Trio { theirs: theirs.map(|(path, _)| path.clone()), ..Trio::default() };
        let like = unit.ours.map(|(path, _)| path.clone());
        self.writes.push(Write { path: name.clone(), executable: executable(theirs).unwrap_or_default(), trio, source, like });
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
