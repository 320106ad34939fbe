//! A registry, wherever it lies: its own file, its index, the verified files of a version.

mod content;
mod folder;
mod git;

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::path::Path;
use std::rc::Rc;

use anyhow::{Context as _, Result};
use semver::Version;

pub use content::{Content, ContentFile};

use self::folder::Folder;
use self::git::LocalGit;
use crate::error::{Code, Failure};
use crate::fail;
use crate::model::address::Address;
use crate::model::id::{ComponentId, IdOrName};
use crate::model::index::{IndexFile, MAX_BYTES, VersionRecord};
use crate::model::path::RelPath;
use crate::model::registry_file::{Limits, REGISTRY_FILE, RegistryFile};
use crate::model::resolve::Catalog;

/// The largest `registry.toml`, in bytes.
const MAX_REGISTRY_FILE: u64 = 1 << 20;

/// What kinds of registries differ in.
trait Source {
    /// A file, or `None` where there is none.
    fn read(&self, path: &RelPath, limit: u64) -> Result<Option<Vec<u8>>>;
    /// The files two levels below a directory, as `owner/file`.
    fn files(&self, below: &RelPath) -> Result<Vec<String>>;
    /// Whether the source can hold the content of that version at all.
    fn can_be_had(&self, _index: &IndexFile, _record: &VersionRecord) -> bool {
        true
    }
    /// The files of a version, checked and verified.
    fn content(&self, id: &ComponentId, record: &VersionRecord, limits: Limits) -> Result<Content>;
}

/// An opened registry.
pub struct Registry {
    /// What it says of itself.
    pub file: RegistryFile,
    source: Box<dyn Source>,
    known: RefCell<BTreeMap<ComponentId, Option<Rc<IndexFile>>>>,
}

impl Registry {
    /// Opens the registry at `address`; a relative path starts at `base`.
    ///
    /// # Errors
    /// [`Code::NotFound`] where nothing is, [`Code::InvalidRegistry`] for what is none, [`Code::Usage`] for an address of a
    /// kind that this version does not read.
    pub fn open(address: &Address, base: &Path, running: &Version) -> Result<Self> {
        let Some(path) = address.local_path() else {
            let failure = Failure::new(Code::Usage, format!("{address}: this version of forum reads registries on this machine only"));
            return Err(failure.hint(format!("git clone {address} registry, then --registry registry")).into());
        };
        let path = base.join(path);
        let shown = path.display().to_string();
        if !path.exists() {
            fail!(Code::NotFound, "there is no registry at {shown}");
        }
        if path.is_file() {
            fail!(Code::Usage, "{shown}: this version of forum does not read bundle files");
        }
        let source: Box<dyn Source> = match LocalGit::open(&path)? {
            Some(repository) => Box::new(repository),
            None => Box::new(Folder::open(&path)?),
        };
        let Some(bytes) = source.read(&REGISTRY_FILE.parse()?, MAX_REGISTRY_FILE)? else {
            fail!(Code::InvalidRegistry, "{shown} is no registry: it has no {REGISTRY_FILE}");
        };
        let file = RegistryFile::parse(&bytes, running).with_context(|| shown.clone())?;
        Ok(Self { file, source, known: RefCell::default() })
    }

    /// Every component that has an index file.
    ///
    /// # Errors
    /// When the index cannot be listed.
    pub fn ids(&self) -> Result<Vec<ComponentId>> {
        let files = self.source.files(&"index".parse()?)?;
        Ok(files.iter().filter_map(|file| file.strip_suffix(".toml")?.parse().ok()).collect())
    }

    /// The full id of what a person typed.
    ///
    /// # Errors
    /// [`Code::NotFound`] with names that are near, [`Code::Ambiguous`] with all that have the short name.
    pub fn find(&self, typed: &IdOrName) -> Result<ComponentId> {
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
                Err(near.iter().take(3).fold(failure, |failure, (_, id)| failure.hint(format!("forum fetch {id}"))).into())
            }
            several => {
                let names: Vec<_> = several.iter().map(ToString::to_string).collect();
                let failure = Failure::new(Code::Ambiguous, format!("several owners have `{typed}`: {}", names.join(", ")));
                Err(names.iter().fold(failure, |failure, id| failure.hint(format!("forum fetch {id}"))).into())
            }
        }
    }

    /// The files of a version.
    ///
    /// # Errors
    /// [`Code::UnsafeContent`] and [`Code::Integrity`], naming component, file and rule.
    pub fn content(&self, id: &ComponentId, record: &VersionRecord) -> Result<Content> {
        self.source.content(id, record, self.file.limits)
    }
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
        let path: RelPath = format!("index/{id}.toml").parse()?;
        let found = match self.source.read(&path, MAX_BYTES as u64).with_context(|| id.to_string())? {
            None => None,
            Some(bytes) => {
                let mut index = IndexFile::parse(path.as_str(), &bytes, id).map_err(Failure::from)?;
                let held: Vec<_> = index.versions.iter().filter(|record| self.source.can_be_had(&index, record)).cloned().collect();
                index.versions = held;
                Some(Rc::new(index))
            }
        };
        self.known.borrow_mut().insert(id.clone(), found.clone());
        Ok(found)
    }
}
