//! A Git repository on this machine as registry: its `main`, read through libgit2 without a cache.

mod walk;

use std::cell::RefCell;
use std::collections::{BTreeMap, HashMap};
use std::path::Path;
use std::rc::Rc;

use anyhow::{Context as _, Result};
use git2::{ErrorClass, ErrorCode, ObjectType, Oid, Repository, RepositoryOpenFlags};

use super::content::{Bytes, Content, Surveyed, object_id};
use super::network::Cached;
use super::rows::{is_in_order, rows};
use super::shared::OnlyRead;
use super::{Listed, MAX_LISTED_DEPTH, Source};
use crate::error::{Code, Failure};
use crate::fail;
use crate::model::content::MAX_DEPTH;
use crate::model::digest::ObjectId;
use crate::model::id::ComponentId;
use crate::model::index::VersionRecord;
use crate::model::path::RelPath;
use crate::model::registry_file::{Limits, REGISTRY_FILE};
use crate::model::written::Sums;
use crate::store::fs::lock::FileLock;
use crate::store::objects::Objects;
use crate::store::transport::{ACCEPTED, Wanted};

/// A tree object larger than this is no directory that a person made.
const MAX_TREE_BYTES: u64 = 4 << 20;
/// The same for a directory of the registry itself, which may hold many owners or components.
const MAX_DIRECTORY_BYTES: u64 = 64 << 20;
/// The most directories that are kept in memory: the root, `index`, `components`, and those of a few owners.
const MOST_KEPT: usize = 16;
/// The most trees of one component that are read.
const MAX_TREES: usize = 10_000;
/// The most files and directories of the registry itself that are listed.
const MAX_LISTED: usize = 1_000_000;

/// Brings objects that a cache does not hold yet.
pub(super) trait Supply {
    /// Brings these objects.
    fn bring(&self, ids: &[ObjectId], wanted: Wanted) -> Result<()>;
    /// Brings the newest `main`, and checks that it descends from the one last seen.
    fn refresh(&self) -> Result<()>;
}

/// A repository at one commit.
pub struct GitTree {
    repository: Repository,
    /// The commit that `main` is at.
    pub(super) main: Oid,
    root: Oid,
    supply: Option<Box<dyn Supply>>,
    /// Directories of the registry itself that were read: each path leads through the same few.
    directories: RefCell<BTreeMap<Oid, Rc<[u8]>>>,
    /// What the blobs hold that were looked at: versions of a component share most of them.
    sums: RefCell<HashMap<Oid, Sums>>,
    only_read: Option<OnlyRead>,
    /// A cache repository is held against cleaning while it is read.
    _used: Option<FileLock>,
}

/// How errors name an object. Nearly always there is none.
type What<'a> = &'a dyn Fn() -> String;

impl GitTree {
    /// Opens a cache repository at the `main` that was accepted.
    pub(super) fn cached(cache: Cached, supply: Option<Box<dyn Supply>>) -> Result<Self> {
        let Cached { repository, used, .. } = cache;
        let (main, root) = tip(&repository, ACCEPTED)?;
        Ok(Self {
            repository,
            main,
            root,
            supply,
            directories: RefCell::default(),
            sums: RefCell::default(),
            only_read: None,
            _used: Some(used),
        })
    }

    /// Opens the repository at `path` on its `main`; `None` where there is no repository.
    pub(super) fn open(path: &Path) -> Result<Option<Self>> {
        let shown = path.display();
        let Some(repository) = repository_at(path)? else { return Ok(None) };
        if repository.find_reference("refs/heads/main").is_err() {
            fail!(Code::InvalidRegistry, "the repository {shown} has no branch main");
        }
        let (main, root) = tip(&repository, "refs/heads/main").with_context(|| format!("main of {shown}"))?;
        Ok(Some(Self {
            repository,
            main,
            root,
            supply: None,
            directories: RefCell::default(),
            sums: RefCell::default(),
            only_read: None,
            _used: None,
        }))
    }

    /// A commit of a repository on this machine.
    pub(super) fn at(repository: Repository, commit: Oid) -> Result<Self> {
        let root = repository.find_commit(commit)?.tree_id();
        let only_read = Some(OnlyRead::of(&repository));
        Ok(Self {
            repository,
            main: commit,
            root,
            supply: None,
            directories: RefCell::default(),
            sums: RefCell::default(),
            only_read,
            _used: None,
        })
    }

    fn objects(&self) -> Result<Objects<'_>> {
        Ok(match &self.only_read {
            None => Objects::of(&self.repository)?,
            Some(known) => Objects::with(&self.repository, &known.fans)?,
        })
    }

    pub(super) fn repository(&self) -> &Repository {
        &self.repository
    }

    /// The tree of the commit.
    pub(super) fn root(&self) -> Oid {
        self.root
    }

    /// Brings those of `ids` that are missing, in one request.
    fn need(&self, ids: &[Oid], wanted: Wanted) -> Result<()> {
        let Some(supply) = &self.supply else { return Ok(()) };
        let odb = self.repository.odb()?;
        let missing = |ids: &[Oid]| ids.iter().filter(|oid| !odb.exists(**oid)).map(|oid| object_id(*oid)).collect::<Result<Vec<_>>>();
        let lacking = missing(ids)?;
        if lacking.is_empty() {
            return Ok(());
        }
        supply.bring(&lacking, wanted)?;
        odb.refresh()?;
        if let Some(lost) = missing(ids)?.first() {
            fail!(Code::Integrity, "the registry's server did not send the object {lost}");
        }
        Ok(())
    }

    /// The files below a tree, as far as its trees are at hand and within bounds: what is wrong is found when it is read.
    fn blobs_below(&self, top: Oid) -> Result<Vec<Oid>> {
        let (mut open, mut found, mut trees) = (vec![(top, 0)], Vec::new(), 0);
        let objects = Objects::of(&self.repository)?;
        while let Some((oid, depth)) = open.pop() {
            trees += 1;
            if trees > MAX_TREES || depth > MAX_DEPTH || found.len() > 100_000 {
                break;
            }
            if !objects.odb().exists(oid) {
                self.need(&[oid], Wanted::Trees)?;
                continue;
            }
            // A tree too large to be read has nothing that will be read, either.
            let harmless = objects.header(oid).is_ok_and(|(size, _)| size as u64 <= MAX_TREE_BYTES);
            let Some((_, bytes)) = harmless.then(|| objects.read(oid).ok()).flatten() else { continue };
            for row in rows(&bytes).unwrap_or_default() {
                match row.mode {
                    b"40000" => open.push((row.id, depth + 1)),
                    b"160000" => {}
                    _ => found.push(row.id),
                }
            }
        }
        Ok(found)
    }

    fn object_at(&self, path: &RelPath) -> Result<Option<(Oid, ObjectType)>> {
        let (mut found, mut above) = ((self.root, ObjectType::Tree), String::new());
        for part in path.parts() {
            if found.1 != ObjectType::Tree {
                return Ok(None);
            }
            let bytes = self.directory(found.0, &|| shown(&above))?;
            above = format!("{above}{part}/");
            let rows = rows(&bytes).unwrap_or_default();
            let Some(row) = rows.iter().find(|row| row.name == part.as_bytes()) else { return Ok(None) };
            found = (row.id, row.kind());
        }
        Ok(Some(found))
    }

    /// A tree of the registry itself.
    fn directory(&self, oid: Oid, what: What<'_>) -> Result<Rc<[u8]>> {
        if let Some(known) = self.directories.borrow().get(&oid) {
            return Ok(Rc::clone(known));
        }
        if self.size(oid, ObjectType::Tree, what)? > MAX_DIRECTORY_BYTES {
            fail!(Code::InvalidRegistry, "{}: its directory has more than {MAX_DIRECTORY_BYTES} bytes", what());
        }
        let bytes: Rc<[u8]> = self.bytes(oid, what)?.into();
        if !rows(&bytes).is_some_and(|rows| is_in_order(&rows)) {
            fail!(Code::InvalidRegistry, "{}: its directory has entries twice or not in git's order", what());
        }
        let mut known = self.directories.borrow_mut();
        if known.len() >= MOST_KEPT {
            known.clear();
        }
        if bytes.len() as u64 <= MAX_TREE_BYTES {
            known.insert(oid, Rc::clone(&bytes));
        }
        Ok(bytes)
    }

    /// The size of an object, as its header says it: asked before the object itself, which may be far larger than its pack.
    fn size(&self, oid: Oid, kind: ObjectType, what: What<'_>) -> Result<u64> {
        match self.objects()?.header(oid) {
            Ok((size, is)) if is == kind => Ok(size as u64),
            Ok((_, is)) => Err(damaged(oid, &what(), &format!("is a {is}, not a {kind}")).into()),
            Err(error) => Err(damaged(oid, &what(), error.message()).into()),
        }
    }

    /// The bytes of an object whose size was found to be harmless.
    fn bytes(&self, oid: Oid, what: What<'_>) -> Result<Vec<u8>> {
        Ok(self.objects()?.read(oid).map_err(|error| damaged(oid, &what(), error.message()))?.1)
    }
}

/// The repository at `path` itself; `None` where there is none.
pub(super) fn repository_at(path: &Path) -> Result<Option<Repository>> {
    let shown = path.display();
    match Repository::open_ext(path, RepositoryOpenFlags::NO_SEARCH, &[] as &[&Path]) {
        Ok(repository) => Ok(Some(repository)),
        Err(error) if error.code() == ErrorCode::NotFound => Ok(None),
        Err(error) if error.code() == ErrorCode::Owner => {
            let failure = Failure::new(Code::Denied, format!("the repository {shown} belongs to another user"));
            Err(failure.hint(format!("git config --global --add safe.directory {shown}")).into())
        }
        Err(error) if error.class() == ErrorClass::Repository && error.message().contains("sha256") => {
            let message = format!("the repository {shown} has SHA-256 objects; forum reads repositories with SHA-1 objects");
            Err(Failure::new(Code::InvalidRegistry, message).into())
        }
        Err(error) if error.class() == ErrorClass::Repository && error.message().contains("refstorage") => {
            let message =
                format!("the repository {shown} keeps its references in a reftable; forum reads registries that keep them in files");
            let failure = Failure::new(Code::InvalidRegistry, message);
            Err(failure.hint(format!("git clone --ref-format=files {shown} OTHER-DIRECTORY")).into())
        }
        Err(error) => Err(Failure::new(Code::InvalidRegistry, format!("the repository {shown}: {}", error.message())).into()),
    }
}

fn damaged(oid: Oid, what: &str, why: &str) -> Failure {
    let failure = Failure::new(Code::Integrity, format!("{what}: object {oid}: {why}"));
    failure.hint("if the cache is damaged: forum cache clean").hint("if that does not help, tell the forum's maintainers")
}

/// The commit and the root tree of a reference.
pub(super) fn tip(repository: &Repository, reference: &str) -> Result<(Oid, Oid)> {
    let found = repository.find_reference(reference)?.resolve()?.target();
    let Some(commit) = found else { fail!(Code::InvalidRegistry, "{reference} leads nowhere") };
    let (kind, bytes) = Objects::of(repository)?.read(commit).map_err(|error| damaged(commit, reference, error.message()))?;
    let root = (kind == ObjectType::Commit).then(|| bytes.strip_prefix(b"tree ")?.get(..40)).flatten();
    match root.and_then(|root| Oid::from_str(std::str::from_utf8(root).ok()?).ok()) {
        Some(root) => Ok((commit, root)),
        None => Err(damaged(commit, reference, "is no commit").into()),
    }
}

/// How messages name a directory of the registry, whose path ends in `/`.
fn shown(path: &str) -> String {
    if path.is_empty() { "the registry's top".to_owned() } else { path.to_owned() }
}

impl Source for GitTree {
    fn prefetch(&self, ids: &[ComponentId]) -> Result<()> {
        if self.supply.is_none() {
            return Ok(());
        }
        let mut wanted = Vec::new();
        for path in ids.iter().map(|id| format!("index/{id}.toml")).chain([REGISTRY_FILE.to_owned()]) {
            wanted.extend(self.object_at(&path.parse()?)?.map(|(oid, _)| oid));
        }
        for id in ids {
            if let Some((oid, ObjectType::Tree)) = self.object_at(&format!("components/{id}").parse()?)? {
                wanted.extend(self.blobs_below(oid)?);
            }
        }
        self.need(&wanted, Wanted::Blobs)
    }

    fn refresh(&mut self) -> Result<bool> {
        let Some(supply) = &self.supply else { return Ok(false) };
        supply.refresh()?;
        let (main, root) = tip(&self.repository, ACCEPTED)?;
        let moved = main != self.main;
        (self.main, self.root) = (main, root);
        Ok(moved)
    }

    fn read(&self, path: &RelPath, limit: u64) -> Result<Option<Vec<u8>>> {
        match self.object_at(path)? {
            Some((oid, ObjectType::Blob)) => {
                self.need(&[oid], Wanted::Blobs)?;
                let size = self.size(oid, ObjectType::Blob, &|| path.to_string())?;
                if size > limit {
                    fail!(Code::InvalidRegistry, "{path} has {size} bytes; the limit is {limit}");
                }
                self.bytes(oid, &|| path.to_string()).map(Some)
            }
            _ => Ok(None),
        }
    }

    fn files(&self, below: &RelPath) -> Result<Vec<Listed>> {
        let Some((top, ObjectType::Tree)) = self.object_at(below)? else { return Ok(Vec::new()) };
        let (mut open, mut found, mut seen) = (vec![(String::new(), top, 1)], Vec::new(), 0);
        while let Some((prefix, oid, depth)) = open.pop() {
            let bytes = match self.directory(oid, &|| format!("{below}/{prefix}")) {
                Ok(bytes) => bytes,
                Err(error) if Failure::of(&error).code == Code::InvalidRegistry => return Err(error),
                Err(_) => continue,
            };
            for row in rows(&bytes).unwrap_or_default() {
                let Ok(name) = std::str::from_utf8(row.name) else { continue };
                let path = format!("{prefix}{name}");
                seen += 1;
                if seen > MAX_LISTED {
                    fail!(Code::InvalidRegistry, "{below}: has more than {MAX_LISTED} files and directories");
                }
                match row.kind() {
                    ObjectType::Tree if depth < MAX_LISTED_DEPTH => open.push((format!("{path}/"), row.id, depth + 1)),
                    ObjectType::Blob => found.push(Listed { path, blob: Some(object_id(row.id)?) }),
                    _ => {}
                }
            }
        }
        Ok(found)
    }

    fn tree(&self, path: &RelPath) -> Result<Option<ObjectId>> {
        match self.object_at(path)? {
            Some((oid, ObjectType::Tree)) => object_id(oid).map(Some),
            _ => Ok(None),
        }
    }

    fn bring(&self, ids: &[ObjectId]) -> Result<()> {
        let oids = ids.iter().map(|id| Oid::from_bytes(id.as_bytes())).collect::<std::result::Result<Vec<_>, _>>()?;
        self.need(&oids, Wanted::Blobs)
    }

    fn tip(&self) -> Option<(std::path::PathBuf, Oid)> {
        Some((self.repository.path().to_owned(), self.main))
    }

    fn is_at_hand(&self, record: &VersionRecord) -> Result<bool> {
        let objects = Objects::of(&self.repository)?;
        let (mut open, mut trees) = (vec![(Oid::from_bytes(record.tree.as_bytes())?, 0)], 0);
        while let Some((oid, depth)) = open.pop() {
            if !objects.odb().exists(oid) {
                return Ok(false);
            }
            let Ok((size, ObjectType::Tree)) = objects.header(oid) else { continue };
            // What is wrong with a tree is found when it is read.
            trees += 1;
            if depth <= MAX_DEPTH && size as u64 <= MAX_TREE_BYTES && trees <= MAX_TREES {
                let (_, bytes) = objects.read(oid)?;
                let rows = rows(&bytes).unwrap_or_default();
                open.extend(rows.iter().filter(|row| row.mode != b"160000").map(|row| (row.id, depth + 1)));
            }
        }
        Ok(true)
    }

    fn content(&self, id: &ComponentId, record: &VersionRecord, limits: Limits) -> Result<Content> {
        self.collect(id, record, limits, Bytes::Held)?.finish(record.tree)
    }

    fn survey(&self, id: &ComponentId, record: &VersionRecord, limits: Limits) -> Result<Vec<Surveyed>> {
        self.collect(id, record, limits, Bytes::Forgotten)?.finish_survey(record.tree)
    }

    fn surveyed(&self, id: &ComponentId, file: &Surveyed) -> Result<Vec<u8>> {
        self.bytes(file.blob, &|| format!("{id}: `{}`", file.path))
    }
}
