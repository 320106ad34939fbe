//! Chooses one version of every component that is wanted or needed.
//!
//! pubgrub searches; this file says what a component's candidates are, and puts a failure into sentences.
//! Requirements are Cargo's, which are no intervals where pre-releases are concerned: so each is turned into
//! the runs of known versions that it matches.

use std::cell::RefCell;
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::convert::Infallible;
use std::fmt;
use std::rc::Rc;

use anyhow::Result;
use pubgrub::{Dependencies, DependencyProvider, DerivationTree, External, Map, PackageResolutionStatistics, PubGrubError, Ranges};
use semver::{Version, VersionReq};

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
    pub record: VersionRecord,
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
    let provider = Provider { catalog, wishes, locked, known: RefCell::default(), failed: RefCell::default() };
    for wish in wishes {
        provider.check_wish(wish)?;
    }
    let outcome = pubgrub::resolve(&provider, Package::Wishes, ROOT);
    if let Some(error) = provider.failed.borrow_mut().take() {
        return Err(error);
    }
    let solution = match outcome {
        Ok(solution) => solution,
        Err(PubGrubError::NoSolution(tree)) => return Err(provider.explain(&tree).into()),
        Err(other) => return Err(anyhow::anyhow!("resolution: {other}")),
    };
    let mut resolution = Resolution::new();
    for (package, version) in solution {
        if let Package::Component(id) = package
            && let Some(index) = provider.known(&id)
            && let Some(record) = index.record(&version).cloned()
        {
            resolution.insert(id, Chosen { record, index });
        }
    }
    refuse_cycles(&resolution)?;
    Ok(resolution)
}

const ROOT: Version = Version::new(0, 0, 0);

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Package {
    Wishes,
    Component(ComponentId),
}

impl fmt::Display for Package {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Wishes => f.write_str("forum.toml"),
            Self::Component(id) => id.fmt(f),
        }
    }
}

struct Provider<'a> {
    catalog: &'a dyn Catalog,
    wishes: &'a [Wish],
    locked: &'a BTreeMap<ComponentId, Version>,
    known: RefCell<BTreeMap<ComponentId, Option<Rc<IndexFile>>>>,
    /// pubgrub's errors must be plain; ours waits here.
    failed: RefCell<Option<anyhow::Error>>,
}

impl Provider<'_> {
    fn known(&self, id: &ComponentId) -> Option<Rc<IndexFile>> {
        if let Some(known) = self.known.borrow().get(id) {
            return known.clone();
        }
        let found = self.catalog.index(id).unwrap_or_else(|error| {
            self.failed.borrow_mut().get_or_insert(error);
            None
        });
        self.known.borrow_mut().insert(id.clone(), found.clone());
        found
    }

    fn can_be_had(&self, index: &IndexFile, version: &Version) -> bool {
        match index.state(version) {
            VersionState::Available => true,
            VersionState::Yanked(_) => self.locked.get(&index.id) == Some(version),
            VersionState::Removed(_) => false,
        }
    }

    /// The runs of known versions that `requirement` matches.
    fn range(&self, id: &ComponentId, requirement: &VersionReq) -> Ranges<Version> {
        let Some(index) = self.known(id) else { return Ranges::empty() };
        let mut versions: Vec<_> = index.versions.iter().map(|record| &record.version).collect();
        versions.sort();
        let mut range = Ranges::empty();
        for run in versions.chunk_by(|a, b| requirement.matches(a) == requirement.matches(b)) {
            if let (Some(first), Some(last)) = (run.first(), run.last())
                && requirement.matches(first)
            {
                range = range.union(&Ranges::from_range_bounds((*first).clone()..=(*last).clone()));
            }
        }
        range
    }

    /// Refuses early, and in the clearest words, what no choice of other versions could mend.
    fn check_wish(&self, wish: &Wish) -> Result<()> {
        let Wish { id, requirement } = wish;
        let found = self.known(id);
        if let Some(error) = self.failed.borrow_mut().take() {
            return Err(error);
        }
        let Some(index) = found else {
            return Err(Failure::new(Code::NotFound, format!("the registry has no component {id}")).into());
        };
        let range = self.range(id, requirement);
        if index.versions.iter().any(|r| range.contains(&r.version) && self.can_be_had(&index, &r.version)) {
            return Ok(());
        }
        Err(self.no_version(&index, requirement, "").into())
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

    /// Says who asked for what, in the order of ids.
    fn explain(&self, tree: &DerivationTree<Package, Ranges<Version>, String>) -> Failure {
        let mut asked = BTreeSet::new();
        collect(tree, &mut asked);
        let mut demands: BTreeMap<ComponentId, BTreeMap<String, BTreeSet<String>>> = BTreeMap::new();
        for (requirer, id) in &asked {
            for (who, requirement) in self.demands(requirer, id) {
                demands.entry(id.clone()).or_default().entry(requirement).or_default().insert(who);
            }
        }
        if let Some((id, askers)) = demands.iter().find(|(id, _)| self.known(id).is_none()) {
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
        Failure::new(Code::NoSolution, message).hint("ask for another version: forum fetch OWNER/NAME@REQUIREMENT")
    }

    /// `(who, requirement)` for each version of `requirer` that needs `id`.
    fn demands(&self, requirer: &Package, id: &ComponentId) -> Vec<(String, String)> {
        match requirer {
            Package::Wishes => {
                let mine = self.wishes.iter().filter(|wish| wish.id == *id);
                mine.map(|wish| ("forum.toml".to_owned(), wish.requirement.to_string())).collect()
            }
            Package::Component(other) => {
                let Some(index) = self.known(other) else { return Vec::new() };
                let records = index.versions.iter().filter(|record| self.can_be_had(&index, &record.version));
                records.filter_map(|r| Some((format!("{other} {}", r.version), r.dependencies.get(id)?.to_string()))).collect()
            }
        }
    }
}

fn collect(tree: &DerivationTree<Package, Ranges<Version>, String>, asked: &mut BTreeSet<(Package, ComponentId)>) {
    // Causes are shared: a hard conflict seen as a tree would be exponentially larger than it is.
    let (mut open, mut seen) = (vec![tree], BTreeSet::new());
    while let Some(tree) = open.pop() {
        if !seen.insert(std::ptr::from_ref(tree)) {
            continue;
        }
        match tree {
            DerivationTree::External(External::FromDependencyOf(requirer, _, Package::Component(id), _)) => {
                asked.insert((requirer.clone(), id.clone()));
            }
            DerivationTree::External(_) => {}
            DerivationTree::Derived(derived) => open.extend([&*derived.cause1, &*derived.cause2]),
        }
    }
}

impl DependencyProvider for Provider<'_> {
    type P = Package;
    type V = Version;
    type VS = Ranges<Version>;
    type M = String;
    type Err = Infallible;
    /// Locked components first, so that nothing else pushes them aside; then the most conflicted, then the fewest choices.
    type Priority = (bool, u32, Reverse<usize>);

    fn prioritize(&self, package: &Package, range: &Ranges<Version>, statistics: &PackageResolutionStatistics) -> Self::Priority {
        let Package::Component(id) = package else { return (true, u32::MAX, Reverse(0)) };
        let fitting = self.known(id).map_or(0, |index| index.versions.iter().filter(|r| range.contains(&r.version)).count());
        (self.locked.contains_key(id), statistics.conflict_count(), Reverse(fitting))
    }

    fn choose_version(&self, package: &Package, range: &Ranges<Version>) -> Result<Option<Version>, Infallible> {
        let Package::Component(id) = package else { return Ok(Some(ROOT)) };
        let Some(index) = self.known(id) else { return Ok(None) };
        let fits = |version: &&Version| range.contains(version) && self.can_be_had(&index, version);
        let locked = self.locked.get(id).filter(fits).filter(|version| index.record(version).is_some());
        Ok(locked.or_else(|| index.versions.iter().map(|record| &record.version).filter(fits).max()).cloned())
    }

    fn get_dependencies(&self, package: &Package, version: &Version) -> Result<Dependencies<Package, Ranges<Version>, String>, Infallible> {
        let mut needed: Map<Package, Ranges<Version>> = Map::default();
        let mut need = |id: &ComponentId, requirement: &VersionReq| {
            let range = self.range(id, requirement);
            let entry = needed.entry(Package::Component(id.clone())).or_insert_with(Ranges::full);
            *entry = entry.intersection(&range);
        };
        match package {
            Package::Wishes => self.wishes.iter().for_each(|wish| need(&wish.id, &wish.requirement)),
            Package::Component(id) => {
                let index = self.known(id);
                let record = index.as_ref().and_then(|index| index.record(version));
                // A need of oneself is a circle, which is told apart afterwards.
                let others = record.into_iter().flat_map(|record| &record.dependencies).filter(|(other, _)| *other != id);
                others.for_each(|(id, requirement)| need(id, requirement));
            }
        }
        Ok(Dependencies::Available(needed.into_iter().collect()))
    }
}

/// A circle of dependencies has no order in which it could be taken: refused, and named.
fn refuse_cycles(resolution: &Resolution) -> Result<(), Failure> {
    fn visit<'a>(
        id: &'a ComponentId,
        all: &'a Resolution,
        path: &mut Vec<&'a ComponentId>,
        done: &mut BTreeSet<&'a ComponentId>,
    ) -> Result<(), Failure> {
        if let Some(at) = path.iter().position(|on_path| *on_path == id) {
            let circle: Vec<_> = path[at..].iter().chain([&id]).map(ToString::to_string).collect();
            return Err(Failure::new(Code::NoSolution, format!("the dependencies go in a circle: {}", circle.join(" -> "))));
        }
        if !done.insert(id) {
            return Ok(());
        }
        path.push(id);
        for dependency in all.get(id).into_iter().flat_map(|chosen| chosen.record.dependencies.keys()) {
            visit(dependency, all, path, done)?;
        }
        path.pop();
        Ok(())
    }
    let mut done = BTreeSet::new();
    resolution.keys().try_for_each(|id| visit(id, resolution, &mut Vec::new(), &mut done))
}

#[cfg(test)]
#[path = "resolve_tests.rs"]
mod tests;
