//! What must hold in a registry: the whole of it, or what one contribution changes.
//!
//! `forum registry check` asks here in a maintainer's CI, and `publish`, `adopt`, `yank` and `deprecate` ask before they
//! push: so nothing is pushed that a registry would refuse.

mod contribution;
mod erased;
mod files;
mod index;
mod people;
mod repair;
pub(super) mod rules;
mod shape;

use std::collections::BTreeSet;
use std::panic::resume_unwind;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use anyhow::Result;
use semver::Version;

pub use self::contribution::{Content, Contribution, contribution};
use self::index::{Indexed, Read};
use self::people::Around;
use self::rules::id;
use super::finding::{Checked, Finding, Severity};
use super::{Candidate, Previous, check};
use crate::model::content::ContentFile;
use crate::model::digest::ObjectId;
use crate::model::id::{ComponentId, Name};
use crate::model::index::VersionRecord;
use crate::model::registry_file::{REGISTRY_FILE, RegistryFile};
use crate::model::registry_state::{Directory, Held, Obstacle, RegistryState};
use crate::model::resolve::Catalog as _;

/// No more threads than this look at components at once, for each may hold the files of a version.
const MOST_THREADS: usize = 4;
/// For each so many components a thread is begun: of fewer it is done sooner than another state is opened.
const FEW: usize = 16;
/// What the rules recurse into has bounds that were made for the stack of a program's first thread.
const STACK: usize = 8 << 20;

/// A whole registry.
pub struct Whole<'a> {
    /// What it holds.
    pub state: &'a dyn RegistryState,
    /// Opens the same once more, for another thread.
    pub again: &'a (dyn Fn() -> Result<Box<dyn RegistryState>> + Sync),
    /// Every file in it.
    pub paths: &'a [String],
    /// The version of this forum.
    pub running: &'a Version,
    /// What is known to be cut off: a folder has the last contents only, a shallow clone not even all of its own.
    pub history: History,
}

/// How much of the contents of older versions can be there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum History {
    /// All that was ever published.
    Whole,
    /// A shallow clone.
    Shallow,
    /// A folder.
    None,
}

/// What a path of a registry is.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Part {
    /// A file of a component's content.
    Component(ComponentId),
    Index(ComponentId),
    Adoption(ComponentId, Name),
    Publisher(Name),
    Event,
    /// Below one of the directories of the layout, and none of these.
    Stray,
    /// Everything else: the maintainers' own.
    Other,
}

impl Part {
    fn of(path: &str) -> Self {
        let Some((top, below)) = path.split_once('/') else { return Self::Other };
        let stem = below.strip_suffix(".toml");
        let stray = || Some(Self::Stray);
        let part = match top {
            "components" => {
                let mut parts = below.splitn(3, '/');
                let id = parts.next().zip(parts.next()).and_then(|(owner, name)| format!("{owner}/{name}").parse().ok());
                if parts.next().is_some() { id.map(Self::Component) } else { None }
            }
            "index" => stem.and_then(|stem| stem.parse().ok()).map(Self::Index),
            "adoptions" => {
                stem.and_then(|stem| stem.rsplit_once('/')).and_then(|(id, by)| Some(Self::Adoption(id.parse().ok()?, by.parse().ok()?)))
            }
            "publishers" => stem.and_then(|stem| stem.parse().ok()).map(Self::Publisher),
            "events" => stem.filter(|stem| !stem.contains('/')).map(|_| Self::Event),
            _ => return Self::Other,
        };
        // Git keeps no empty directories; people keep them with such a file.
        let keeper = matches!(path.rsplit('/').next(), Some(".gitkeep" | "README.md"));
        part.or_else(|| if keeper { Some(Self::Other) } else { stray() }).unwrap_or(Self::Stray)
    }
}

/// Checks everything that a registry holds.
///
/// # Errors
/// When it cannot be read.
pub fn whole(registry: &Whole<'_>) -> Result<Checked> {
    let mut findings = Vec::new();
    let bytes = registry.state.read(REGISTRY_FILE)?;
    let Some(file) = files::registry(bytes.as_deref(), registry.running, &mut findings) else { return Ok(answer(findings)) };
    let catalog = Indexed::new(registry.state);
    let mut components = BTreeSet::new();
    for path in registry.paths {
        let part = Part::of(path);
        match &part {
            Part::Component(component) | Part::Index(component) => {
                components.insert(component.clone());
            }
            Part::Stray => findings.push(stray(path)),
            _ => {}
        }
        small(&part, path, &file, &catalog, &mut findings)?;
    }
    let components: Vec<_> = components.into_iter().collect();
    findings.extend(of_components(registry, &components, &file, &catalog)?);
    Ok(answer(findings))
}

/// Looks at all components, in as many threads as help. The findings come in the order of the components.
fn of_components(registry: &Whole<'_>, components: &[ComponentId], file: &RegistryFile, catalog: &Indexed<'_>) -> Result<Vec<Finding>> {
    let next = AtomicUsize::new(0);
    let (again, history) = (registry.again, registry.history);
    let work = |catalog: &Indexed<'_>| {
        let mut done = Vec::new();
        let take = || Some(next.fetch_add(1, Ordering::Relaxed)).and_then(|at| Some((at, components.get(at)?)));
        while let Some((at, component)) = take() {
            let mut findings = Vec::new();
            let looked = of_component(history, component, file, catalog, &mut findings);
            if looked.is_err() {
                next.store(components.len(), Ordering::Relaxed);
            }
            done.push((at, looked.map(|()| findings)));
        }
        done
    };
    let elsewhere = || again().map(|state| work(&Indexed::new(&*state)));
    let threads = thread::available_parallelism().map_or(1, usize::from).min(MOST_THREADS).min(components.len() / FEW);
    let mut all = thread::scope(|scope| {
        // Where the system gives no thread, the others do its work.
        let begin = |_| thread::Builder::new().stack_size(STACK).spawn_scoped(scope, elsewhere).ok();
        let helpers: Vec<_> = (1..threads).filter_map(begin).collect();
        let mut all = work(catalog);
        for helper in helpers {
            all.extend(helper.join().unwrap_or_else(|panic| resume_unwind(panic))?);
        }
        anyhow::Ok(all)
    })?;
    all.sort_by_key(|(at, _)| *at);
    let findings = all.into_iter().map(|(_, findings)| findings).collect::<Result<Vec<_>>>()?;
    Ok(findings.into_iter().flatten().collect())
}

/// Each finding has a file, and tells how it is mended before the merge and after.
fn answer(mut findings: Vec<Finding>) -> Checked {
    for finding in &mut findings {
        finding.path.get_or_insert_with(|| REGISTRY_FILE.to_owned());
    }
    Checked::of(findings.into_iter().map(repair::both).collect(), None)
}

fn stray(path: &str) -> Finding {
    Finding::new(id::FOREIGN_PATH, "has no place in the layout of a registry").at(path)
}

/// The files that stand for themselves.
fn small(part: &Part, path: &str, registry: &RegistryFile, catalog: &Indexed<'_>, findings: &mut Vec<Finding>) -> Result<()> {
    if !matches!(part, Part::Publisher(_) | Part::Adoption(..) | Part::Event) {
        return Ok(());
    }
    let Some(bytes) = catalog.state.read(path)? else { return Ok(()) };
    match part {
        Part::Publisher(_) => files::publisher(path, &bytes, registry, findings),
        Part::Adoption(component, by) => {
            let known = catalog.state.read(&format!("publishers/{by}.toml"))?.is_some();
            let around = Around { component, by, index: catalog.index(component)?, known };
            people::adoption(path, &bytes, &around, findings);
        }
        _ => people::event(path, &bytes, &|component| catalog.has(component), findings),
    }
    Ok(())
}

/// One component of the whole: its index, all its versions, and the files that lie there now.
fn of_component(
    history: History,
    component: &ComponentId,
    file: &RegistryFile,
    catalog: &Indexed<'_>,
    findings: &mut Vec<Finding>,
) -> Result<()> {
    let path = index::place(component);
    let place = format!("components/{component}");
    let tree = catalog.state.tree(component)?;
    let Some(bytes) = catalog.state.read(&path)? else {
        findings.push(Finding::new(id::INDEX_FILE, format!("{component} has files, and no {path}")).at(place));
        return Ok(());
    };
    owner(component, catalog.state, &path, findings)?;
    let Some(read) = index::file(component, &path, &bytes, catalog, findings) else { return Ok(()) };
    placed(&read, tree, findings);
    let newest = read.index.newest();
    let (mut described, mut looked) = (None, false);
    for record in &read.index.versions {
        if read.index.removed.contains_key(&record.version) {
            continue;
        }
        if !read.index.yanked.contains_key(&record.version) {
            index::resolves(&read, record, catalog, Severity::Warning, findings);
        }
        // A folder has the content that lies there, and would be read anew for each version.
        let elsewhere = history == History::None && tree != Some(record.tree);
        let files = if elsewhere { None } else { version(history, &read, record, catalog.state, file, findings)? };
        let said = files.as_ref().and_then(|files| index::manifest(&read, record, files, findings));
        // The directory that lies there is read once; in a folder more may lie there than a version can hold.
        if let Some(files) = files.as_ref().filter(|_| tree == Some(record.tree) && history != History::None && !looked) {
            content(component, (files, &[]), file, None, findings);
            looked = true;
        }
        if newest.is_some_and(|newest| newest.version == record.version) {
            described = said;
        }
    }
    if !looked && let Some(Directory { files, obstacles }) = catalog.state.directory(component)? {
        content(component, (&files, &obstacles), file, None, findings);
    }
    index::card(&read, newest, described.as_ref(), findings);
    erased::in_whole(history, &read, catalog.state, findings)
}

/// The owner has a file that tells who it is.
fn owner(component: &ComponentId, state: &dyn RegistryState, path: &str, findings: &mut Vec<Finding>) -> Result<()> {
    let file = format!("publishers/{}.toml", component.owner());
    if state.read(&file)?.is_none() {
        let message = format!("the owner {} has no {file}", component.owner());
        findings.push(Finding::new(id::OWNER_UNKNOWN, message).at(path));
    }
    Ok(())
}

/// The files that lie there are those of the version that was published last. Where that was erased, of any other.
fn placed(read: &Read<'_>, tree: Option<ObjectId>, findings: &mut Vec<Finding>) {
    let Some(last) = read.index.last_published() else { return };
    let place = format!("components/{}", read.index.id);
    let erased = read.index.removed.contains_key(&last.version);
    let others = || read.index.versions.iter().filter(|record| !read.index.removed.contains_key(&record.version));
    let message = match tree {
        None if erased => return,
        None => format!("the files of {} are not there", last.version),
        Some(tree) if tree == last.tree && !erased => return,
        Some(tree) if erased && others().any(|record| record.tree == tree) => return,
        Some(tree) if erased => format!("{} was erased, and the files here ({tree}) are of no other version", last.version),
        Some(tree) => format!(
            "the files are not those of {}, the version that was published last: their tree is {tree}, the index says {}",
            last.version, last.tree
        ),
    };
    findings.push(Finding::new(id::DIGESTS, message).at(place));
}

/// The files of a version, where a client could have them.
fn version(
    history: History,
    read: &Read<'_>,
    record: &VersionRecord,
    state: &dyn RegistryState,
    registry: &RegistryFile,
    findings: &mut Vec<Finding>,
) -> Result<Option<Vec<ContentFile>>> {
    let component = &read.index.id;
    let mut say = |severity, message: String| {
        let finding = read.of_version(id::DIGESTS, record, message).severity(severity);
        findings.push(if severity == Severity::Warning { finding.help(repair::SHALLOW) } else { finding });
    };
    match state.version(component, record, registry.limits)? {
        Held::Files(files) => return Ok(Some(files)),
        Held::Refused(why) => say(Severity::Error, why),
        Held::Missing if history == History::Whole => {
            say(Severity::Error, format!("the files of {component} {} ({}) are not in the repository", record.version, record.tree));
        }
        Held::Missing if history == History::Shallow => {
            say(Severity::Warning, format!("{component} {} lies beyond what this shallow clone has", record.version));
        }
        Held::Missing => {}
    }
    Ok(None)
}

/// Everything that `forum check` knows.
fn content(
    component: &ComponentId,
    (files, obstacles): (&[ContentFile], &[Obstacle]),
    registry: &RegistryFile,
    previous: Option<&Previous>,
    findings: &mut Vec<Finding>,
) {
    let place = format!("components/{component}");
    let candidate = Candidate { files, obstacles, hidden: &[], place: &place, registry: Some(registry), owner: None, previous };
    findings.extend(check(&candidate).findings);
}
