//! A registry, wherever it lies: its own file, its index, the verified files of a version.

mod bundle;
mod content;
mod folder;
mod git;
mod mirror;
mod network;
mod options;
mod past;
mod people;
mod rewrite;
mod rows;
mod search;
mod shared;
mod start;
mod state;

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use anyhow::{Context as _, Result};

pub use content::{Content, Surveyed, tree_id};
pub use mirror::{Mirrored, mirror};
pub(super) use network::sound;
pub use options::{Options, Progress, Visit};
pub use rewrite::Tombstone;
pub use start::{First, start};
pub use state::{LocalRegistry, Pinned, State};

use self::folder::Folder;
use self::git::GitTree;
use self::network::Remote;
use crate::error::{Code, Failure};
use crate::fail;
use crate::model::address::Address;
use crate::model::digest::{Checksum, ObjectId};
use crate::model::id::{ComponentId, IdOrName};
use crate::model::index::{IndexFile, MAX_BYTES, VersionRecord};
use crate::model::path::RelPath;
use crate::model::registry_file::{Limits, REGISTRY_FILE, RegistryFile};
use crate::model::resolve::Catalog;
use crate::store::memory::{Contribution, Memory};
use crate::store::objects::Objects;

/// The largest `registry.toml`, in bytes.
const MAX_REGISTRY_FILE: u64 = 1 << 20;

/// What kinds of registries differ in.
trait Source {
    /// A file, or `None` where there is none.
    fn read(&self, path: &RelPath, limit: u64) -> Result<Option<Vec<u8>>>;
    /// The files at most [`MAX_LISTED_DEPTH`] levels below a directory.
    fn files(&self, below: &RelPath) -> Result<Vec<Listed>>;
    /// The tree id of a directory, where the source has such ids.
    fn tree(&self, _path: &RelPath) -> Result<Option<ObjectId>> {
        Ok(None)
    }
    /// Brings these files, in one request.
    fn bring(&self, _ids: &[ObjectId]) -> Result<()> {
        Ok(())
    }
    /// The repository on this machine, and the commit in it that is read.
    fn tip(&self) -> Option<(PathBuf, git2::Oid)> {
        None
    }
    /// Whether all files of a version can be read without asking a server.
    fn is_at_hand(&self, _record: &VersionRecord) -> Result<bool> {
        Ok(true)
    }
    /// Whether the source can hold the content of that version at all.
    fn can_be_had(&self, _index: &IndexFile, _record: &VersionRecord) -> bool {
        true
    }
    /// Brings what reading these components will need.
    fn prefetch(&self, _ids: &[ComponentId]) -> Result<()> {
        Ok(())
    }
    /// Brings the newest state, and says whether it is another.
    fn refresh(&mut self) -> Result<bool> {
        Ok(false)
    }
    /// The files of a version, checked and verified.
    fn content(&self, id: &ComponentId, record: &VersionRecord, limits: Limits) -> Result<Content>;
    /// The same, of which no file is held.
    fn survey(&self, id: &ComponentId, record: &VersionRecord, limits: Limits) -> Result<Vec<Surveyed>>;
    /// The bytes of one file of it.
    fn surveyed(&self, id: &ComponentId, file: &Surveyed) -> Result<Vec<u8>>;
}

/// How deep below `index` and `adoptions` files are listed.
const MAX_LISTED_DEPTH: usize = 3;

/// A file of the registry.
#[derive(Clone)]
struct Listed {
    /// Below the directory that was listed.
    path: String,
    /// Its object, where the source has such ids.
    blob: Option<ObjectId>,
}

/// What the user, once, should be told about a registry.
pub(crate) type Notes = Rc<RefCell<Vec<String>>>;

/// An opened registry.
pub struct Registry {
    /// What it says of itself.
    pub file: RegistryFile,
    source: Box<dyn Source>,
    known: RefCell<BTreeMap<ComponentId, Option<Rc<IndexFile>>>>,
    memory: Option<Memory>,
    /// Where its search index is cached.
    search_file: Option<PathBuf>,
    notes: Notes,
}

impl Registry {
    /// Opens a registry that something is contributed to: always through the user's git and a repository in the cache,
    /// in which commits can be made. A folder or bundle takes no contributions. A path is absolute.
    ///
    /// # Errors
    /// As [`Self::open`].
    pub fn open_to_write(address: &Address, options: &Options, visit: &Visit) -> Result<Self> {
        let Some(path) = address.local_path() else { return Self::open_remote(address, options, visit) };
        let Ok(canonical) = path.canonicalize() else { fail!(Code::NotFound, "there is no registry at {}", path.display()) };
        if GitTree::open(&canonical)?.is_none() {
            let failure = Failure::new(
                Code::InvalidRegistry,
                format!("{} is no Git repository, so nothing can be contributed to it", path.display()),
            );
            return Err(failure.hint("name the forum's own address with --registry").into());
        }
        let address = Address::Path(canonical.to_string_lossy().into_owned());
        Self::open_remote(&address, options, visit)
    }

    fn open_remote(address: &Address, options: &Options, visit: &Visit) -> Result<Self> {
        let notes = Notes::default();
        let cache = Remote::cache(address, options)?;
        let remote = Remote::open(address, &cache.folder, options, visit.newest, Rc::clone(&notes))?;
        let source: Box<dyn Source> = Box::new(GitTree::cached(cache, Some(Box::new(remote)))?);
        Self::read(address, source, Some(address.key()), options, visit, notes)
    }

    /// The repository on this machine that holds the registry, and the commit of `main` that is read.
    #[must_use]
    pub fn tip(&self) -> Option<(PathBuf, git2::Oid)> {
        self.source.tip()
    }

    /// Opens the registry at `address`; a relative path starts at `base`. A server is asked only where the cache is empty.
    ///
    /// # Errors
    /// [`Code::NotFound`] where nothing is, [`Code::InvalidRegistry`] for what is none, and the transport's own.
    pub fn open(address: &Address, base: &Path, options: &Options, visit: &Visit) -> Result<Self> {
        match address.local_path() {
            Some(path) => {
                let (source, key) = local(&base.join(path), options)?;
                Self::read(address, source, key, options, visit, Notes::default())
            }
            None => Self::open_remote(address, options, visit),
        }
    }

    fn read(
        address: &Address,
        mut source: Box<dyn Source>,
        key: Option<String>,
        options: &Options,
        visit: &Visit,
        notes: Notes,
    ) -> Result<Self> {
        if visit.newest && !options.offline {
            source.refresh()?;
        }
        let mut soon = Vec::new();
        for typed in &visit.components {
            match typed {
                IdOrName::Id(id) => soon.push(id.clone()),
                IdOrName::Short(name) => soon.extend(listed(&*source)?.into_iter().filter(|id| id.name() == name)),
            }
        }
        source.prefetch(&soon)?;
        let search_file = key.as_ref().zip(options.cache_dir.as_ref()).map(|(key, cache)| search::file(cache, key));
        let memory = key.zip(options.state_dir.as_ref()).map(|(key, state)| Memory::of(state, &key));
        let Some(bytes) = source.read(&REGISTRY_FILE.parse()?, MAX_REGISTRY_FILE)? else {
            fail!(Code::InvalidRegistry, "{address} is no registry: it has no {REGISTRY_FILE}");
        };
        let file = RegistryFile::parse(&bytes, &options.running).with_context(|| address.to_string())?;
        Ok(Self { file, source, known: RefCell::default(), memory, search_file, notes })
    }

    /// Brings the newest `main`, where the registry is on a server.
    ///
    /// # Errors
    /// [`Code::Rewritten`], and the transport's own.
    pub fn refresh(&mut self) -> Result<()> {
        if self.source.refresh()? {
            self.known.borrow_mut().clear();
        }
        Ok(())
    }

    /// What was last contributed from here on a branch.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn contribution(&self, branch: &str) -> Result<Option<Contribution>> {
        self.memory.as_ref().map_or(Ok(None), |memory| memory.contribution(branch))
    }

    /// Remembers what is about to be contributed on a branch.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn remember_contribution(&self, branch: &str, contribution: &Contribution) -> Result<()> {
        self.memory.as_ref().map_or(Ok(()), |memory| memory.remember_contribution(branch, contribution))
    }

    /// What the user should be told; each note is given once.
    pub fn take_notes(&self) -> Vec<String> {
        self.notes.take()
    }

    /// Brings what a fetch of these components will most likely read, in one request.
    ///
    /// # Errors
    /// The transport's own.
    pub fn prefetch(&self, ids: &[ComponentId]) -> Result<()> {
        self.source.prefetch(ids)
    }

    /// Every component that has an index file.
    ///
    /// # Errors
    /// When the index cannot be listed.
    pub fn ids(&self) -> Result<Vec<ComponentId>> {
        listed(&*self.source)
    }

    /// A file of the registry that clients do not read, to be changed.
    ///
    /// # Errors
    /// The transport's own.
    pub fn file_bytes(&self, path: &RelPath) -> Result<Option<Vec<u8>>> {
        self.source.read(path, people::MAX_BYTES)
    }

    /// The index file of a component as it stands, to be changed.
    ///
    /// # Errors
    /// The transport's own.
    pub fn index_bytes(&self, id: &ComponentId) -> Result<Option<Vec<u8>>> {
        self.source.read(&format!("index/{id}.toml").parse()?, MAX_BYTES as u64)
    }

    /// The full id of what a person typed; `again` is what to type with another one.
    ///
    /// # Errors
    /// [`Code::NotFound`] with names that are near, [`Code::Ambiguous`] with all that have the short name.
    pub fn find(&self, typed: &IdOrName, again: &dyn Fn(&ComponentId) -> String) -> Result<ComponentId> {
        if let IdOrName::Id(id) = typed
            && self.has(id)
        {
            return Ok(id.clone());
        }
        let ids = self.ids()?;
        let found: Vec<_> = match typed {
            IdOrName::Id(id) => ids.iter().filter(|i| *i == id).collect(),
            IdOrName::Short(name) => ids.iter().filter(|i| i.name() == name).collect(),
        };
        match found.as_slice() {
            [id] => Ok((*id).clone()),
            [] => {
                let mut near: Vec<_> = ids.iter().map(|id| (nearness(typed, id), id)).filter(|(n, _)| *n > 0.75).collect();
                near.sort_by(|a, b| b.0.total_cmp(&a.0));
                let failure = Failure::new(Code::NotFound, format!("the registry {} has no component {typed}", self.file.name));
                Err(near.iter().take(3).fold(failure, |failure, (_, id)| failure.hint(again(id))).into())
            }
            several => {
                let names: Vec<_> = several.iter().map(ToString::to_string).collect();
                let failure = Failure::new(Code::Ambiguous, format!("several owners have `{typed}`: {}", names.join(", ")));
                Err(several.iter().fold(failure, |failure, id| failure.hint(again(id))).into())
            }
        }
    }

    /// Whether there is an index file of that name. Listing the index of a large registry takes longer than all else here.
    fn has(&self, id: &ComponentId) -> bool {
        let owner = format!("index/{}", id.owner()).parse().ok();
        let files = owner.and_then(|owner| self.source.files(&owner).ok()).unwrap_or_default();
        files.iter().any(|file| file.path.strip_suffix(".toml") == Some(id.name().as_str()))
    }

    /// Whether the files of a version can be read without asking a server.
    ///
    /// # Errors
    /// When the cache cannot be read.
    pub fn is_at_hand(&self, record: &VersionRecord) -> Result<bool> {
        self.source.is_at_hand(record)
    }

    /// The files of a version.
    ///
    /// # Errors
    /// [`Code::UnsafeContent`] and [`Code::Integrity`], naming component, file and rule.
    pub fn content(&self, id: &ComponentId, record: &VersionRecord) -> Result<Content> {
        self.source.content(id, record, self.file.limits)
    }

    /// As [`Self::content`], for who needs only some of the files: each is read once, and none is held.
    ///
    /// # Errors
    /// As [`Self::content`].
    pub fn survey(&self, id: &ComponentId, record: &VersionRecord) -> Result<Vec<Surveyed>> {
        self.source.survey(id, record, self.file.limits)
    }

    /// A file of a survey.
    ///
    /// # Errors
    /// [`Code::Integrity`] where it is another file now.
    pub fn surveyed(&self, id: &ComponentId, file: &Surveyed) -> Result<Vec<u8>> {
        let bytes = self.source.surveyed(id, file)?;
        if Checksum::of(&bytes) != file.sums.exact {
            fail!(Code::Integrity, "{id}: `{}` was changed in the registry while forum was at work", file.path);
        }
        Ok(bytes)
    }
}

fn listed(source: &dyn Source) -> Result<Vec<ComponentId>> {
    let files = source.files(&"index".parse()?)?;
    Ok(files.iter().filter_map(|file| file.path.strip_suffix(".toml")?.parse().ok()).collect())
}

/// A registry on this machine, with the key under which it is remembered; a plain folder is not.
fn local(path: &Path, options: &Options) -> Result<(Box<dyn Source>, Option<String>)> {
    let shown = path.display();
    let Ok(canonical) = path.canonicalize() else { fail!(Code::NotFound, "there is no registry at {shown}") };
    let key = canonical.to_string_lossy().into_owned();
    if path.is_file() {
        if !bundle::is_bundle(path) {
            fail!(Code::InvalidRegistry, "{shown} is neither a Git bundle nor a directory");
        }
        let cache = network::cache_repository(options, &key, "")?;
        bundle::import(path, &cache)?;
        let source = GitTree::cached(cache, None)?;
        remember(&source, &key, options)?;
        return Ok((Box::new(source), Some(key)));
    }
    match GitTree::open(path)? {
        Some(source) => {
            remember(&source, &key, options)?;
            Ok((Box::new(source), Some(key)))
        }
        None => Ok((Box::new(Folder::open(path)?), None)),
    }
}

/// The rule that the index only moves forward, for what is read without a transport.
fn remember(source: &GitTree, key: &str, options: &Options) -> Result<()> {
    let Some(state) = &options.state_dir else { return Ok(()) };
    let memory = Memory::of(state, key);
    if let Some(seen) = memory.main()?
        && !options.accept_rewrite
        && network::descends(&Objects::of(source.repository())?, source.main, seen) != network::Descent::Yes
    {
        let removed = rewrite::tombstones(source, &|_| Ok(())).unwrap_or_default();
        return Err(rewrite::rewritten(key, source.main, seen, &removed).into());
    }
    memory.set_main(source.main)
}

/// Whether a commit is `old` or may descend from it: only what the commits at hand tell counts against it.
pub(super) fn may_descend(repository: &git2::Repository, new: git2::Oid, old: git2::Oid) -> Result<bool> {
    Ok(network::descends(&Objects::of(repository)?, new, old) != network::Descent::No)
}

fn nearness(typed: &IdOrName, id: &ComponentId) -> f64 {
    match typed {
        IdOrName::Id(typed) => strsim::jaro_winkler(&typed.to_string(), &id.to_string()),
        IdOrName::Short(name) => strsim::jaro_winkler(name.as_str(), id.name().as_str()),
    }
}

impl Catalog for Registry {
    fn index(&self, id: &ComponentId) -> Result<Option<Rc<IndexFile>>> {
        if let Some(known) = self.known.borrow().get(id) {
            return Ok(known.clone());
        }
        self.source.prefetch(std::slice::from_ref(id))?;
        let path: RelPath = format!("index/{id}.toml").parse()?;
        let found = match self.source.read(&path, MAX_BYTES as u64).with_context(|| id.to_string())? {
            None => None,
            Some(bytes) => {
                let mut index = IndexFile::parse(path.as_str(), &bytes, id).map_err(Failure::from)?;
                if let Some(memory) = &self.memory {
                    memory.check(&index)?;
                }
                let held: Vec<_> = index.versions.iter().filter(|record| self.source.can_be_had(&index, record)).cloned().collect();
                index.versions = held;
                Some(Rc::new(index))
            }
        };
        self.known.borrow_mut().insert(id.clone(), found.clone());
        Ok(found)
    }
}
