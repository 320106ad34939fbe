//! A registry on a server: a partial copy in the cache, filled by the transport with what is asked for.

use std::cell::{Cell, RefCell};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::JoinHandle;

use anyhow::{Context as _, Result};
use git2::{ErrorCode, ObjectType, Oid, Repository};

use super::git::{GitTree, Supply, tip};
use super::rewrite::{Tombstone, rewritten, tombstones};
use super::{Notes, Options};
use crate::error::{Code, Failure};
use crate::fail;
use crate::model::address::Address;
use crate::model::digest::ObjectId;
use crate::store::fs::lock::FileLock;
use crate::store::fs::{make_private_directory, remove_directory, remove_file};
use crate::store::memory::{Memory, file_name_of};
use crate::store::objects::{Objects, torn_pack};
use crate::store::transport::{ACCEPTED, EngineChoice, History, INCOMING, Job, Transport, Wanted, engine};

/// The end of the name of a cache that the built-in engine fills: it cannot go on with a partial one of git's.
const BUILTIN_SUFFIX: &str = "-builtin";

/// A cache repository, in `folder`, and the way to its server.
pub(super) struct Remote {
    folder: PathBuf,
    repository: Repository,
    address: Address,
    memory: Memory,
    options: Options,
    engine: RefCell<Engine>,
    notes: Notes,
    /// Whether this run has asked for the newest `main` already.
    updated: Cell<bool>,
}

/// Who asks the server.
enum Engine {
    /// Nobody was needed yet.
    Unknown,
    /// Git is being asked for its version, while other things are made ready.
    Sought(JoinHandle<Found>),
    Known(Arc<dyn Transport>),
}

type Found = Result<(Arc<dyn Transport>, Vec<String>), Failure>;

/// A cache repository, held against cleaning.
pub(super) struct Cached {
    pub(super) folder: PathBuf,
    pub(super) repository: Repository,
    pub(super) used: FileLock,
}

impl Engine {
    fn sought(choice: &EngineChoice) -> Self {
        let choice = choice.clone();
        std::thread::Builder::new().spawn(move || engine(&choice)).map_or(Self::Unknown, Self::Sought)
    }
}

/// Makes the cache repository of a key where there is none, and holds it against cleaning.
pub(super) fn cache_repository(options: &Options, key: &str, suffix: &str) -> Result<Cached> {
    let Some(cache) = &options.cache_dir else {
        fail!(Code::Io, "there is no home directory for the cache: set HOME or FORUM_CACHE_DIR");
    };
    let folder = cache.join("registries");
    make_private_directory(&folder)?;
    let name = format!("{}{suffix}", file_name_of(key));
    let path = folder.join(&name);
    let lock = folder.join(format!("{name}.lock"));
    let used = FileLock::shared(&lock, &|| ())?;
    if let Some(repository) = sound(&path) {
        return Ok(Cached { folder: path, repository, used });
    }
    drop(used);
    make_anew(&path, &lock)?;
    let used = FileLock::shared(&lock, &|| ())?;
    let repository = Repository::open_bare(&path).with_context(|| format!("opening the cache {}", path.display()))?;
    Ok(Cached { folder: path, repository, used })
}

/// A cache repository that git and libgit2 can work with, as far as can be told at a glance.
pub(in crate::store) fn sound(path: &Path) -> Option<Repository> {
    let repository = Repository::open_bare(path).ok()?;
    // libgit2 needs no HEAD and minds no setting that it does not ask for; git does.
    let head = std::fs::read(path.join("HEAD")).is_ok_and(|head| head.starts_with(b"ref: refs/"));
    let settings = repository.config().is_ok_and(|config| config.get_bool("core.bare").unwrap_or(false));
    let is_whole = |name: &str| match repository.find_reference(name) {
        Ok(_) => tip(&repository, name).is_ok(),
        Err(error) => error.code() == ErrorCode::NotFound,
    };
    let is_sound = head && settings && [INCOMING, ACCEPTED].into_iter().all(is_whole);
    is_sound.then_some(repository)
}

/// Makes a cache repository, instead of one that is damaged: all in it can be had again.
fn make_anew(path: &Path, lock: &Path) -> Result<()> {
    let _alone = FileLock::exclusive(lock, &|| ())?;
    if sound(path).is_some() {
        return Ok(());
    }
    if path.exists() {
        remove_directory(path)?;
    }
    make_private_directory(path)?;
    let mut plain = git2::RepositoryInitOptions::new();
    plain.bare(true).external_template(false);
    Repository::init_opts(path, &plain).with_context(|| format!("making the cache {}", path.display()))?;
    Ok(())
}

/// One run at a time writes to a cache repository. Git's own locks in it are then those of a run that was killed: they
/// would stay for ever, and are taken away.
pub(super) fn alone(repository: &Path) -> Result<FileLock> {
    let mut path = repository.as_os_str().to_owned();
    path.push(".fetch-lock");
    let held = FileLock::exclusive(Path::new(&path), &|| ())?;
    for name in ["config.lock", "HEAD.lock", "packed-refs.lock", "shallow.lock", "refs/forum/incoming.lock", "refs/forum/main.lock"] {
        remove_file(&repository.join(name))?;
    }
    Ok(held)
}

impl Remote {
    /// The cache repository of an address; the built-in engine cannot fill a partial one, and has its own.
    pub(super) fn cache(address: &Address, options: &Options) -> Result<Cached> {
        let suffix = if options.engine.is_builtin() { BUILTIN_SUFFIX } else { "" };
        cache_repository(options, &address.key(), suffix)
    }

    /// The remote whose copy lies in `folder`. A server that will be asked for the newest state is asked `soon`.
    pub(super) fn open(address: &Address, folder: &Path, options: &Options, soon: bool, notes: Notes) -> Result<Self> {
        let Some(state) = &options.state_dir else {
            fail!(Code::Io, "there is no home directory to remember registries in: set HOME or FORUM_STATE_DIR");
        };
        let memory = Memory::of(state, &address.key());
        if address.is_plain_http_off_loopback() {
            notes.borrow_mut().push(format!("warning: {address} is not encrypted: anybody on the way can read and change what comes"));
        }
        let engine = if soon && !options.offline { Engine::sought(&options.engine) } else { Engine::Unknown };
        let repository = Repository::open_bare(folder).with_context(|| format!("opening the cache {}", folder.display()))?;
        let remote = Self {
            folder: folder.to_owned(),
            repository,
            address: address.clone(),
            memory,
            options: options.clone(),
            engine: RefCell::new(engine),
            notes,
            updated: Cell::new(false),
        };
        if remote.accepted().is_none() {
            remote.update(true)?;
        }
        Ok(remote)
    }

    fn accepted(&self) -> Option<Oid> {
        self.repository.find_reference(ACCEPTED).ok()?.target()
    }

    fn engine(&self) -> Result<Arc<dyn Transport>> {
        if self.options.offline {
            let by = self.options.offline_by;
            let failure =
                Failure::new(Code::Offline, format!("{}: what is asked for is not in the cache, and {by} forbids asking", self.address));
            return Err(failure.hint(format!("run the same command once without {by}")).into());
        }
        let (engine, notes) = match self.engine.replace(Engine::Unknown) {
            Engine::Known(engine) => (engine, Vec::new()),
            Engine::Sought(thread) => thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))?,
            Engine::Unknown => engine(&self.options.engine)?,
        };
        self.notes.borrow_mut().extend(notes);
        self.engine.replace(Engine::Known(Arc::clone(&engine)));
        Ok(engine)
    }

    fn job<'a>(&'a self, progress: &'a dyn Fn(&str)) -> Job<'a> {
        Job { repository: &self.folder, address: &self.address, timeout: self.options.timeout, terminal: self.options.terminal, progress }
    }

    fn tell(&self, phase: &str) {
        self.options.progress.tell(&format!("{}: {phase}", self.address));
    }

    /// Brings the newest `main`; a first time that another run has just done is not done again.
    fn update(&self, first: bool) -> Result<()> {
        let engine = self.engine()?;
        let _alone = alone(&self.folder)?;
        let accepted = self.accepted();
        if first && accepted.is_some() {
            return Ok(());
        }
        let history = if accepted.is_some() { History::Onward } else { History::Newest };
        self.tell("asking for the newest state");
        let notes = engine.fetch_main(&self.job(&|phase| self.tell(phase)), history).map_err(|error| self.blame(error))?;
        self.notes.borrow_mut().extend(notes);
        let Some(new) = self.repository.find_reference(INCOMING).ok().and_then(|main| main.target()) else {
            fail!(Code::InvalidRegistry, "{} has no branch main", self.address);
        };
        // What is no commit is never remembered: nothing could descend from it.
        if tip(&self.repository, INCOMING).is_err() {
            fail!(Code::InvalidRegistry, "main of {} is {new}, which is no commit", self.address);
        }
        if let Some(seen) = self.memory.main()?
            && !self.options.accept_rewrite
        {
            self.require_descent(&*engine, new, seen)?;
        }
        self.repository.reference(ACCEPTED, new, true, "fetched")?;
        self.updated.set(true);
        self.memory.set_main(new)
    }

    /// Not the server is to blame where git stumbled over a damaged cache.
    fn blame(&self, error: anyhow::Error) -> anyhow::Error {
        match torn_pack(&self.folder) {
            None => error,
            Some(pack) => Failure::new(Code::Integrity, format!("the cache of {} is damaged: {}", self.address, pack.display()))
                .hint("forum cache clean")
                .into(),
        }
    }

    fn require_descent(&self, engine: &dyn Transport, new: Oid, seen: Oid) -> Result<()> {
        let mut descends = descends(&Objects::of(&self.repository)?, new, seen);
        if descends == Descent::Unknown {
            engine.fetch_main(&self.job(&|phase| self.tell(phase)), History::Commits).map_err(|error| self.blame(error))?;
            descends = self::descends(&Objects::of(&self.repository)?, new, seen);
        }
        if descends == Descent::Yes {
            return Ok(());
        }
        // What is removed is told where that can be had; the answer is the same without.
        let removed = self.tombstones(engine, new).unwrap_or_default();
        Err(rewritten(&self.address.to_string(), new, seen, &removed).into())
    }

    fn tombstones(&self, engine: &dyn Transport, new: Oid) -> Result<Vec<Tombstone>> {
        let odb = self.repository.odb()?;
        tombstones(&GitTree::at(Repository::open_bare(&self.folder)?, new)?, &|ids| {
            let is_missing = |id: &&ObjectId| Oid::from_bytes(id.as_bytes()).is_ok_and(|oid| !odb.exists(oid));
            let missing: Vec<_> = ids.iter().filter(is_missing).copied().collect();
            if !missing.is_empty() {
                engine.fetch_objects(&self.job(&|phase| self.tell(phase)), &missing, Wanted::Blobs)?;
            }
            Ok(())
        })
    }
}

/// Whether a commit descends from another, as far as the commits at hand tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Descent {
    Yes,
    No,
    /// Commits on the way are missing.
    Unknown,
}

/// Walks the parents as they stand in the objects: libgit2 would hide what lies behind a shallow boundary.
pub(super) fn descends(objects: &Objects<'_>, new: Oid, old: Oid) -> Descent {
    let (mut open, mut seen, mut cut) = (vec![new], std::collections::HashSet::new(), false);
    while let Some(oid) = open.pop() {
        if oid == old {
            return Descent::Yes;
        }
        if !seen.insert(oid) {
            continue;
        }
        let Ok((kind, bytes)) = objects.read(oid) else {
            cut = true;
            continue;
        };
        if kind != ObjectType::Commit {
            continue;
        }
        for line in bytes.split(|&b| b == b'\n').take_while(|line| !line.is_empty()) {
            let parent = line.strip_prefix(b"parent ").and_then(|id| Oid::from_str(std::str::from_utf8(id).ok()?).ok());
            open.extend(parent);
        }
    }
    if cut { Descent::Unknown } else { Descent::No }
}

impl Supply for Remote {
    fn bring(&self, ids: &[ObjectId], wanted: Wanted) -> Result<()> {
        let engine = self.engine()?;
        let _alone = alone(&self.folder)?;
        // Another run may have brought them while this one waited.
        let odb = self.repository.odb()?;
        odb.refresh()?;
        let mut missing = Vec::new();
        for id in ids {
            if !odb.exists(Oid::from_bytes(id.as_bytes())?) {
                missing.push(*id);
            }
        }
        self.tell("bringing files");
        let brought = engine.fetch_objects(&self.job(&|phase| self.tell(phase)), &missing, wanted);
        let notes = brought.map_err(|error| self.blame(error))?;
        self.notes.borrow_mut().extend(notes);
        Ok(())
    }

    fn refresh(&self) -> Result<()> {
        if self.updated.get() { Ok(()) } else { self.update(false) }
    }
}
