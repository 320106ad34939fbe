//! Chooses one version of every component that is wanted or needed.
//!
//! pubgrub searches; this file says what a component's candidates are, and puts a failure into sentences.
//! Requirements are Cargo's, which are no intervals where pre-releases are concerned: so each is turned into
//! the runs of known versions that it matches. To pubgrub, which compares and copies all the time, components
//! and versions are numbers; texts appear where the index is read and where people are told.

use std::cell::{OnceCell, RefCell};
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::convert::Infallible;
use std::fmt;
use std::ops::Bound;
use std::rc::Rc;

use anyhow::Result;
use pubgrub::{Dependencies, DependencyProvider, DerivationTree, External, PackageResolutionStatistics, PubGrubError, Ranges};
use semver::{Comparator, Op, Version, VersionReq};

use super::id::ComponentId;
use super::index::{IndexFile, VersionRecord, VersionState};
use crate::error::{Code, Failure};

/// Where index files come from. Asking may cost a request, so each id is asked for once and only when it is needed.
pub trait Catalog {
    /// The index file of `id`, or `None` where the registry has no such component.
    ///
    /// # Errors
    /// When it cannot be had or read.
    fn index(&self, id: &ComponentId) -> Result<Option<Rc<IndexFile>>>;
}

/// A requirement that a person made.
#[derive(Debug, Clone)]
pub struct Wish {
    /// The component.
    pub id: ComponentId,
    /// What would do.
    pub requirement: VersionReq,
}

/// One chosen version.
#[derive(Debug, Clone)]
pub struct Chosen {
    /// Its record in the index.
    pub record: Rc<VersionRecord>,
    /// The whole index file.
    pub index: Rc<IndexFile>,
}

/// The choice, by component.
pub type Resolution = BTreeMap<ComponentId, Chosen>;

/// Chooses for `wishes`; a version in `locked` stays where it still satisfies.
///
/// # Errors
/// [`Code::NotFound`] for a wish that the registry does not have, [`Code::NoSolution`] with the reason in sentences.
pub fn resolve(catalog: &dyn Catalog, wishes: &[Wish], locked: &BTreeMap<ComponentId, Version>) -> Result<Resolution> {
    resolve_as(catalog, Asked { wishes, by: "forum.toml", hint: None }, locked)
}

/// Whether what a version needs can be had together; `manifest` is where its needs stand.
///
/// # Errors
/// As [`resolve`]; what is said speaks of the version and its needs.
pub fn resolve_needs(catalog: &dyn Catalog, id: &ComponentId, version: &Version, manifest: &str) -> Result<Resolution> {
    let Version { major, minor, patch, pre, .. } = version.clone();
    let exactly = VersionReq { comparators: vec![Comparator { op: Op::Exact, major, minor: Some(minor), patch: Some(patch), pre }] };
    let wishes = [Wish { id: id.clone(), requirement: exactly }];
    let hint = format!("change [dependencies] in {manifest}");
    resolve_as(catalog, Asked { wishes: &wishes, by: "", hint: Some(&hint) }, &BTreeMap::new())
}

/// Who asks for what, and what to do where it cannot be had.
#[derive(Clone, Copy)]
struct Asked<'a> {
    wishes: &'a [Wish],
    /// Where the wishes stand; empty where they are nobody's, and go without saying.
    by: &'a str,
    hint: Option<&'a str>,
}

fn resolve_as(catalog: &dyn Catalog, asked: Asked<'_>, locked: &BTreeMap<ComponentId, Version>) -> Result<Resolution> {
    let wishes = asked.wishes;
    let provider = Provider { catalog, asked, locked, met: RefCell::default(), numbers: RefCell::default(), failed: RefCell::default() };
    for wish in wishes {
        provider.check_wish(wish)?;
    }
    let outcome = pubgrub::resolve(&provider, Package::Wishes, 0_usize);
    if let Some(error) = provider.failed.borrow_mut().take() {
        return Err(error);
    }
    let solution = match outcome {
        Ok(solution) => solution,
        Err(PubGrubError::NoSolution(tree)) => return Err(provider.explain(&tree).into()),
        Err(other) => return Err(anyhow::anyhow!("resolution: {other}")),
    };
    let components = solution.into_iter().filter_map(|(package, version)| match package {
        Package::Wishes => None,
        Package::Component(number) => Some((number, version)),
    });
    let solution: BTreeMap<usize, usize> = components.collect();
    provider.refuse_cycles(&solution)?;
    let chosen = solution.into_iter().filter_map(|(number, version)| {
        let met = provider.met(number);
        let (index, record) = (Rc::clone(met.index.as_ref()?), Rc::clone(met.record(version)?));
        Some((met.id.clone(), Chosen { record, index }))
    });
    Ok(chosen.collect())
}

/// What pubgrub chooses versions of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Package {
    Wishes,
    /// A component by its number in [`Provider::met`].
    Component(usize),
}

impl fmt::Display for Package {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Wishes => f.write_str("forum.toml"),
            Self::Component(number) => number.fmt(f),
        }
    }
}

/// A component that somebody asked for. Its versions are numbered from the lowest to the highest.
struct Met {
    id: ComponentId,
    /// `None` where the registry has no such component.
    index: Option<Rc<IndexFile>>,
    versions: Vec<Candidate>,
    /// Whether the lock has it, be it as a version that the index no longer knows.
    in_lock: bool,
    /// The locked version.
    locked: Option<usize>,
}

struct Candidate {
    /// Where its record stands in the index file. Counting references to each of thousands that nobody chooses costs
    /// more than all that is asked of them.
    place: usize,
    can_be_had: bool,
    /// The numbers of what it needs, once it was tried.
    needs: OnceCell<Vec<usize>>,
}

impl Met {
    fn record(&self, version: usize) -> Option<&Rc<VersionRecord>> {
        self.index.as_ref()?.versions.get(self.versions.get(version)?.place)
    }

    /// The runs of known versions that `requirement` matches.
    fn range(&self, requirement: &VersionReq) -> Ranges<usize> {
        let matches = |version: &usize| self.record(*version).is_some_and(|record| requirement.matches(&record.version));
        let mut versions = 0..self.versions.len();
        let runs = std::iter::from_fn(|| {
            let first = versions.find(matches)?;
            let more = versions.by_ref().take_while(matches).count();
            Some((Bound::Included(first), Bound::Included(first + more)))
        });
        runs.collect()
    }

    /// What a version that was tried needs.
    fn needs(&self, version: usize) -> &[usize] {
        self.versions.get(version).and_then(|candidate| candidate.needs.get()).map_or(&[], Vec::as_slice)
    }
}

struct Provider<'a> {
    catalog: &'a dyn Catalog,
    asked: Asked<'a>,
    locked: &'a BTreeMap<ComponentId, Version>,
    met: RefCell<Vec<Rc<Met>>>,
    numbers: RefCell<HashMap<ComponentId, usize>>,
    /// pubgrub's errors must be plain; ours waits here.
    failed: RefCell<Option<anyhow::Error>>,
}

impl Provider<'_> {
    fn met(&self, number: usize) -> Rc<Met> {
        Rc::clone(&self.met.borrow()[number])
    }

    /// The number of a component, whose index file is read when it is first asked for.
    fn number(&self, id: &ComponentId) -> usize {
        if let Some(number) = self.numbers.borrow().get(id) {
            return *number;
        }
        let index = self.catalog.index(id).unwrap_or_else(|error| {
            self.failed.borrow_mut().get_or_insert(error);
            None
        });
        let number = self.met.borrow().len();
        self.met.borrow_mut().push(Rc::new(self.meet(id, index)));
        self.numbers.borrow_mut().insert(id.clone(), number);
        number
    }

    fn meet(&self, id: &ComponentId, index: Option<Rc<IndexFile>>) -> Met {
        let records = index.as_ref().map_or(&[][..], |index| &index.versions);
        let mut order: Vec<usize> = (0..records.len()).collect();
        order.sort_by(|a, b| records[*a].version.cmp(&records[*b].version));
        let in_lock = self.locked.get(id);
        let locked = in_lock.and_then(|locked| order.iter().position(|place| records[*place].version == *locked));
        let had = |place: usize| index.as_ref().is_some_and(|index| self.can_be_had(index, &records[place].version));
        let versions = order.iter().map(|place| Candidate { place: *place, can_be_had: had(*place), needs: OnceCell::new() }).collect();
        Met { id: id.clone(), in_lock: in_lock.is_some(), locked, versions, index }
    }

    fn can_be_had(&self, index: &IndexFile, version: &Version) -> bool {
        match index.state(version) {
            VersionState::Available => true,
            VersionState::Yanked(_) => self.locked.get(&index.id) == Some(version),
            VersionState::Removed(_) => false,
        }
    }

    /// Refuses early, and in the clearest words, what no choice of other versions could mend.
    fn check_wish(&self, wish: &Wish) -> Result<()> {
        let Wish { id, requirement } = wish;
        let met = self.met(self.number(id));
        if let Some(error) = self.failed.borrow_mut().take() {
            return Err(error);
        }
        let Some(index) = &met.index else {
            return Err(Failure::new(Code::NotFound, format!("the registry has no component {id}")).into());
        };
        let range = met.range(requirement);
        if met.versions.iter().zip(0..).any(|(candidate, version)| candidate.can_be_had && range.contains(&version)) {
            return Ok(());
        }
        Err(self.no_version(index, requirement, "").into())
    }

    fn no_version(&self, index: &IndexFile, requirement: &VersionReq, asked_by: &str) -> Failure {
        let id = &index.id;
        let mut message = format!("no version of {id} satisfies `{requirement}`{asked_by}");
        let mut versions: Vec<_> = index.versions.iter().map(|record| &record.version).collect();
        versions.sort_by_key(|version| Reverse((*version).clone()));
        let mut hint = None;
        for version in versions.iter().filter(|version| requirement.matches(version)) {
            match index.state(version) {
                VersionState::Yanked(notice) => message += &format!("; {version} is yanked: {}", notice.reason),
                VersionState::Removed(notice) => message += &format!("; {version} was removed: {}", notice.reason),
                VersionState::Available => {}
            }
        }
        let free: Vec<_> = versions.iter().filter(|version| self.can_be_had(index, version)).collect();
        if let Some(pre) = free.iter().find(|v| !v.pre.is_empty() && requirement.matches(&Version::new(v.major, v.minor, v.patch))) {
            message += &format!("; {pre} is a pre-release, which is taken only when asked for");
            hint = Some(format!("forum fetch {id}@={pre}"));
        }
        let listed: Vec<_> = free.iter().take(5).map(ToString::to_string).collect();
        if !listed.is_empty() {
            message += &format!(" (there are: {})", listed.join(", "));
        }
        let failure = Failure::new(Code::NoSolution, message);
        match hint.or_else(|| free.first().map(|newest| format!("forum fetch {id}@={newest}"))) {
            Some(hint) => failure.hint(hint),
            None => failure,
        }
    }

    /// A circle of dependencies has no order in which it could be taken: refused, and named.
    ///
    /// The walk keeps its own stack: how long a chain may be is not for this thread's to decide.
    fn refuse_cycles(&self, chosen: &BTreeMap<usize, usize>) -> Result<(), Failure> {
        let all = self.met.borrow();
        let needs = |number: usize| chosen.get(&number).map_or(&[][..], |version| all[number].needs(*version)).iter();
        let (mut on_path, mut done) = (vec![false; all.len()], vec![false; all.len()]);
        for start in chosen.keys() {
            let mut path = vec![(*start, needs(*start))];
            on_path[*start] = true;
            while let Some((number, below)) = path.last_mut() {
                match below.find(|next| !done[**next]) {
                    Some(next) if on_path[*next] => {
                        let circle = path.iter().map(|(number, _)| *number).skip_while(|number| number != next).chain([*next]);
                        let circle: Vec<_> = circle.map(|number| all[number].id.to_string()).collect();
                        return Err(Failure::new(Code::NoSolution, format!("the dependencies go in a circle: {}", circle.join(" -> "))));
                    }
                    Some(next) => {
                        on_path[*next] = true;
                        path.push((*next, needs(*next)));
                    }
                    None => {
                        (on_path[*number], done[*number]) = (false, true);
                        path.pop();
                    }
                }
            }
        }
        Ok(())
    }

    /// Says who asked for what, in the order of ids.
    fn explain(&self, tree: &DerivationTree<Package, Ranges<usize>, String>) -> Failure {
        let mut asked = BTreeSet::new();
        collect(tree, &mut asked);
        let mut demands: BTreeMap<ComponentId, BTreeMap<String, BTreeSet<String>>> = BTreeMap::new();
        for (requirer, number) in asked {
            let id: &ComponentId = &self.met(number).id;
            for (who, requirement) in self.demands(requirer, id) {
                demands.entry(id.clone()).or_default().entry(requirement).or_default().insert(who);
            }
        }
        if let Some((id, askers)) = demands.iter().find(|(id, _)| self.met(self.number(id)).index.is_none()) {
            let who: Vec<_> = askers.values().flatten().cloned().collect();
            return Failure::new(Code::NoSolution, format!("{} needs {id}, which the registry does not have", who.join(" and ")));
        }
        let mut sentences = Vec::new();
        for (id, askers) in &demands {
            for (requirement, who) in askers {
                let who: Vec<_> = who.iter().cloned().collect();
                sentences.push(format!("{} asks for {id} `{requirement}`", who.join(" and ")));
            }
        }
        let message = format!("the requirements cannot be satisfied together: {}", sentences.join("; "));
        let failure = Failure::new(Code::NoSolution, message);
        failure.hint(self.asked.hint.unwrap_or("ask for another version: forum fetch OWNER/NAME@REQUIREMENT"))
    }

    /// `(who, requirement)` for each version of `requirer` that needs `id`.
    fn demands(&self, requirer: Package, id: &ComponentId) -> Vec<(String, String)> {
        match requirer {
            Package::Wishes if self.asked.by.is_empty() => Vec::new(),
            Package::Wishes => {
                let mine = self.asked.wishes.iter().filter(|wish| wish.id == *id);
                mine.map(|wish| (self.asked.by.to_owned(), wish.requirement.to_string())).collect()
            }
            Package::Component(number) => {
                let other = self.met(number);
                let free = (0..other.versions.len()).filter(|version| other.versions[*version].can_be_had);
                free.filter_map(|version| other.record(version))
                    .filter_map(|r| Some((format!("{} {}", other.id, r.version), r.dependencies.get(id)?.to_string())))
                    .collect()
            }
        }
    }
}

fn collect(tree: &DerivationTree<Package, Ranges<usize>, String>, asked: &mut BTreeSet<(Package, usize)>) {
    // Causes are shared: a hard conflict seen as a tree would be exponentially larger than it is.
    let (mut open, mut seen) = (vec![tree], BTreeSet::new());
    while let Some(tree) = open.pop() {
        if !seen.insert(std::ptr::from_ref(tree)) {
            continue;
        }
        match tree {
            DerivationTree::External(External::FromDependencyOf(requirer, _, Package::Component(number), _)) => {
                asked.insert((*requirer, *number));
            }
            DerivationTree::External(_) => {}
            DerivationTree::Derived(derived) => open.extend([&*derived.cause1, &*derived.cause2]),
        }
    }
}

impl DependencyProvider for Provider<'_> {
    type P = Package;
    type V = usize;
    type VS = Ranges<usize>;
    type M = String;
    type Err = Infallible;
    /// Locked components first, so that nothing else pushes them aside; then the most conflicted, then the fewest choices.
    type Priority = (bool, u32, Reverse<usize>);

    fn prioritize(&self, package: &Package, range: &Ranges<usize>, statistics: &PackageResolutionStatistics) -> Self::Priority {
        let Package::Component(number) = package else { return (true, u32::MAX, Reverse(0)) };
        let met = self.met(*number);
        let fitting = range.contains_many(0..met.versions.len()).filter(|fits| *fits).count();
        (met.in_lock, statistics.conflict_count(), Reverse(fitting))
    }

    fn choose_version(&self, package: &Package, range: &Ranges<usize>) -> Result<Option<usize>, Infallible> {
        let Package::Component(number) = package else { return Ok(Some(0)) };
        let met = self.met(*number);
        let fits = |version: &usize| met.versions[*version].can_be_had && range.contains(version);
        Ok(met.locked.filter(fits).or_else(|| (0..met.versions.len()).rev().find(fits)))
    }

    fn get_dependencies(&self, package: &Package, version: &usize) -> Result<Dependencies<Package, Ranges<usize>, String>, Infallible> {
        let need = |number: usize, requirement: &VersionReq| (Package::Component(number), self.met(number).range(requirement));
        let Package::Component(number) = package else {
            let wishes = self.asked.wishes.iter().map(|wish| need(self.number(&wish.id), &wish.requirement));
            return Ok(Dependencies::Available(wishes.collect()));
        };
        let met = self.met(*number);
        let dependencies = met.record(*version).into_iter().flat_map(|record| &record.dependencies);
        let numbered: Vec<_> = dependencies.map(|(id, requirement)| (self.number(id), requirement)).collect();
        met.versions[*version].needs.get_or_init(|| numbered.iter().map(|(other, _)| *other).collect());
        // A need of oneself is a circle, which is told apart afterwards.
        let others = numbered.iter().filter(|(other, _)| other != number).map(|(other, requirement)| need(*other, requirement));
        Ok(Dependencies::Available(others.collect()))
    }
}

#[cfg(test)]
#[path = "resolve_tests.rs"]
mod tests;
