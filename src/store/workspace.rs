//! A workspace on the disk: where it is, what lies in it, and whether that is still what was fetched.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};

use super::fs::dir::{Dir, Entry, EntryPath, Kind, Limits};
use super::fs::journal::{self, Recovered, Transaction};
use super::fs::lock::WorkspaceLock;
use super::fs::snapshot::Snapshot;
use super::fs::{read_small, remove_if_empty};
use crate::error::{Code, Failure};
use crate::model::content::ContentFile;
use crate::model::digest::FileMode;
use crate::model::id::{ComponentId, IdOrName};
use crate::model::lockfile::{LOCK_FILE, Lock, LockEntry};
use crate::model::manifest::{MANIFEST_FILE, Manifest};
use crate::model::path::RelPath;
use crate::model::secret_places::search::{Divided, matches};
use crate::model::update::{PENDING_FILE, PendingFile};
use crate::model::workspace_file::{WORKSPACE_FILE, WorkspaceFile};
use crate::model::written::{Sums, normalise};

/// The most that `forum.toml` and `forum.lock` may hold, in bytes.
const MAX_FILE: u64 = 32 << 20;

/// A workspace that no other run changes while this lives.
pub struct Workspace {
    /// Its directory.
    pub root: PathBuf,
    /// What is wanted; a command may change it before it is written.
    pub file: WorkspaceFile,
    /// What was wanted when the command began.
    pub file_before: WorkspaceFile,
    /// What is there.
    pub lock: Lock,
    /// What an interrupted run had left, and what became of it.
    pub recovered: Recovered,
    /// `forum.toml` and `forum.lock` as they were read.
    bytes_before: [Option<Vec<u8>>; 2],
    dir: Dir,
    _held: WorkspaceLock,
}

/// How a component's directory compares with what was fetched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// There is no directory.
    Missing,
    /// As fetched.
    Clean,
    /// Changed by its receiver: the normal case.
    Adapted,
}

/// A file in a component's directory.
pub struct FoundFile {
    /// Where, below that directory; `None` for a name that could not be published.
    pub path: Option<RelPath>,
    /// The same for messages.
    pub shown: String,
    /// What it holds; `None` for links and special files.
    pub bytes: Option<Vec<u8>>,
    /// Whether it may be executed; `None` where the file system does not say.
    pub executable: Option<bool>,
}

/// Whether an entry is a file that a component may hold, or that stands in the way of one.
fn is_content(found: &Entry) -> bool {
    found.kind != Kind::Dir && !found.path.is_git()
}

fn read_found(dir: &Dir, found: Entry) -> Result<FoundFile> {
    let (bytes, executable) = match found.kind {
        Kind::File { executable, .. } => (dir.read_native(&found.path.native(), u64::MAX)?, cfg!(unix).then_some(executable)),
        Kind::Dir | Kind::Link | Kind::Special => (None, None),
    };
    let shown = found.path.to_string();
    let path = if let EntryPath::Valid(path) = found.path { Some(path) } else { None };
    Ok(FoundFile { path, shown, bytes, executable })
}

/// The nearest directory upwards from `start` that has a `forum.toml`, else `start`.
#[must_use]
pub fn root_of(start: &Path) -> PathBuf {
    start.ancestors().find(|dir| dir.join(WORKSPACE_FILE).is_file()).unwrap_or(start).to_path_buf()
}

/// Whether `start` lies in a workspace.
#[must_use]
pub fn is_workspace(start: &Path) -> bool {
    root_of(start).join(WORKSPACE_FILE).is_file()
}

/// `forum.toml` alone, for commands that only read it.
///
/// # Errors
/// [`Code::InvalidWorkspace`] where it cannot be read.
pub fn read_file(start: &Path) -> Result<WorkspaceFile> {
    let root = root_of(start);
    let bytes = read_small(&root.join(WORKSPACE_FILE), MAX_FILE)?.unwrap_or_default();
    WorkspaceFile::parse(&bytes).with_context(|| root.display().to_string())
}

/// `forum.lock` in a workspace's directory, for commands that only read it.
///
/// # Errors
/// [`Code::InvalidWorkspace`] where it cannot be read.
pub fn read_lock(root: &Path) -> Result<Lock> {
    let bytes = read_small(&root.join(LOCK_FILE), MAX_FILE)?;
    let lock = bytes.map(|bytes| Lock::parse(&bytes)).transpose().with_context(|| root.display().to_string())?;
    Ok(lock.unwrap_or_default())
}

impl Workspace {
    /// Opens the workspace that `start` lies in, waits for other runs in it, and finishes what one left behind.
    ///
    /// # Errors
    /// [`Code::InvalidWorkspace`] for files that cannot be read.
    pub fn open(start: &Path, state_dir: &Path, waiting: &dyn Fn()) -> Result<Self> {
        let root = root_of(start);
        let held = WorkspaceLock::acquire(&root, state_dir, waiting)?;
        let recovered = journal::recover(&root)?;
        let dir = Dir::open(&root)?;
        let bytes_before = [dir.read(&WORKSPACE_FILE.parse()?, MAX_FILE)?, dir.read(&LOCK_FILE.parse()?, MAX_FILE)?];
        let here = || root.display().to_string();
        let file = WorkspaceFile::parse(bytes_before[0].as_deref().unwrap_or_default()).with_context(here)?;
        let lock = bytes_before[1].as_deref().map(Lock::parse).transpose().with_context(here)?.unwrap_or_default();
        Ok(Self { root, file_before: file.clone(), file, lock, recovered, bytes_before, dir, _held: held })
    }

    /// Compares a component's directory with its lock entry.
    ///
    /// # Errors
    /// When it cannot be read, or a link or file stands in its place.
    pub fn state(&self, entry: &LockEntry) -> Result<State> {
        let Some(found) = self.files(entry)? else { return Ok(State::Missing) };
        let (mut files, mut divided, mut manifest) = (Vec::new(), Vec::new(), None);
        for found in found {
            let found = found?;
            let (Some(path), Some(bytes)) = (found.path, found.bytes) else { return Ok(State::Adapted) };
            if found.executable.is_some_and(|x| x != entry.executable.contains(&path)) {
                return Ok(State::Adapted);
            }
            if path.as_str() == MANIFEST_FILE && !entry.pieces.is_empty() {
                manifest = Manifest::parse(&entry.id, &entry.version, &bytes).ok();
            }
            match entry.pieces.get(&path) {
                Some(pieces) => divided.push(Divided { path, bytes: normalise(&bytes).into_owned(), pieces: pieces.clone() }),
                None => files.push((path, Sums::of(&bytes).plain)),
            }
        }
        let variables = manifest.as_ref().map(|manifest| &manifest.variables);
        Ok(if matches(&divided, &files, variables, &entry.written) { State::Clean } else { State::Adapted })
    }

    /// The files of a component as they lie in the workspace, each read when it is come to; `None` where its directory is
    /// missing. A repository that its receiver made there is theirs, and no adaptation.
    ///
    /// # Errors
    /// When it cannot be read, or a link or file stands in its place.
    pub fn files(&self, entry: &LockEntry) -> Result<Option<impl Iterator<Item = Result<FoundFile>> + use<>>> {
        let Some(dir) = self.directory(&entry.path).with_context(|| entry.id.to_string())? else { return Ok(None) };
        let listed = dir.list(Limits::default())?;
        Ok(Some(listed.into_iter().filter(is_content).map(move |found| read_found(&dir, found))))
    }

    /// As [`Self::files`], all at once; none where the directory is missing.
    ///
    /// # Errors
    /// As [`Self::files`].
    pub fn all_files(&self, entry: &LockEntry) -> Result<Vec<FoundFile>> {
        self.files(entry)?.map_or_else(|| Ok(Vec::new()), Iterator::collect)
    }

    /// Whether a directory holds these files and nothing else, line ends aside.
    ///
    /// # Errors
    /// When it cannot be read, or a link or file stands in its place.
    pub fn holds(&self, path: &RelPath, files: &[ContentFile]) -> Result<bool> {
        let Some(dir) = self.directory(path)? else { return Ok(false) };
        let listed: Vec<_> = dir.list(Limits::default())?.into_iter().filter(is_content).collect();
        if listed.len() != files.len() {
            return Ok(false);
        }
        let by_path: BTreeMap<_, _> = files.iter().map(|file| (&file.path, file)).collect();
        for found in listed {
            let found = read_found(&dir, found)?;
            let (Some(path), Some(bytes)) = (found.path, found.bytes) else { return Ok(false) };
            let Some(file) = by_path.get(&path) else { return Ok(false) };
            let mode = found.executable.is_none_or(|executable| executable == (file.mode == FileMode::Executable));
            if !mode || normalise(&bytes) != normalise(&file.bytes) {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Refuses a destination at which something lies already.
    ///
    /// # Errors
    /// [`Code::Occupied`], also for links and files on the way.
    pub fn require_free(&self, component: &str, path: &RelPath) -> Result<()> {
        self.require_no_file(component, path)?;
        let is_empty = |dir: Dir| dir.list(Limits { entries: 1, depth: 1 }).is_ok_and(|found| found.is_empty());
        if self.directory(path)?.is_none_or(is_empty) {
            return Ok(());
        }
        let failure = occupied(component, path).hint(format!("where {LOCK_FILE} was lost, bring it back: git checkout -- {LOCK_FILE}"));
        Err(failure.hint(format!("forum fetch {component} --path OTHER-DIRECTORY")).into())
    }

    /// Refuses a destination at which something lies that is no directory.
    ///
    /// # Errors
    /// As [`Self::require_free`].
    pub fn require_no_file(&self, component: &str, path: &RelPath) -> Result<()> {
        match self.dir.kind_below(path).with_context(|| component.to_owned())? {
            None | Some(Kind::Dir) => Ok(()),
            Some(_) => Err(occupied(component, path).hint(format!("forum fetch {component} --path OTHER-DIRECTORY")).into()),
        }
    }

    /// The full id of a component that is here or wanted here.
    ///
    /// # Errors
    /// [`Code::NotFound`] with what is here, [`Code::Ambiguous`] for a short name that several have.
    pub fn find(&self, typed: &IdOrName) -> Result<ComponentId> {
        let ids: BTreeSet<_> = self.lock.components.keys().chain(self.file.components.keys()).collect();
        let means = |id: &ComponentId| match typed {
            IdOrName::Id(typed) => typed == id,
            IdOrName::Short(name) => name == id.name(),
        };
        let found: Vec<_> = ids.iter().filter(|id| means(id)).collect();
        match found.as_slice() {
            [id] => Ok((**id).clone()),
            [] => {
                let failure = Failure::new(Code::NotFound, format!("{typed} is not in this workspace ({})", self.root.display()));
                Err(failure.hint("forum status").into())
            }
            several => {
                let names: Vec<_> = several.iter().map(ToString::to_string).collect();
                let failure = Failure::new(Code::Ambiguous, format!("several components here are called `{typed}`: {}", names.join(", ")));
                Err(failure.hint(format!("name one of them whole: {}", names[0])).into())
            }
        }
    }

    /// Writes `forum.toml` alone.
    ///
    /// # Errors
    /// What the file system says, and [`Code::Occupied`] where a person changed it meanwhile; the file is as it was.
    pub fn save_file(&self, file: &WorkspaceFile) -> Result<()> {
        let mut change = Transaction::begin(&self.root)?;
        self.stage_file(&mut change, file)?;
        change.commit()
    }

    /// Adds `forum.toml` and `forum.lock` to a change, as far as they differ from what is there. A person who wrote in
    /// one of them meanwhile is not overwritten: the change is refused then.
    ///
    /// # Errors
    /// When they cannot be staged.
    pub fn stage(&self, change: &mut Transaction, lock: &Lock) -> Result<()> {
        self.stage_file(change, &self.file)?;
        if *lock != self.lock || !self.root.join(LOCK_FILE).exists() {
            let path = LOCK_FILE.parse()?;
            change.stage_file(&path, lock.render().as_bytes())?;
            change.watch_file(&path, self.bytes_before[1].clone());
        }
        Ok(())
    }

    fn stage_file(&self, change: &mut Transaction, file: &WorkspaceFile) -> Result<()> {
        let text = file.render();
        if self.bytes_before[0].is_some() && text == self.file_before.render() {
            return Ok(());
        }
        let path = WORKSPACE_FILE.parse()?;
        change.stage_file(&path, text.as_bytes())?;
        change.watch_file(&path, self.bytes_before[0].clone());
        Ok(())
    }

    /// The updates that wait for a person.
    ///
    /// # Errors
    /// [`Code::InvalidWorkspace`] for a record that forum did not write.
    pub fn pending(&self) -> Result<PendingFile> {
        let bytes = self.dir.read(&PENDING_FILE.parse()?, MAX_FILE)?;
        Ok(bytes.map(|bytes| PendingFile::parse(&bytes)).transpose()?.unwrap_or_default())
    }

    /// Adds the record of updates that wait to a change. Where none waits there is none.
    ///
    /// # Errors
    /// When it cannot be staged.
    pub fn stage_pending(&self, change: &mut Transaction, pending: &PendingFile) -> Result<()> {
        let path = PENDING_FILE.parse()?;
        if pending.updates.is_empty() { change.remove_file(&path) } else { change.stage_file(&path, &pending.render()) }
    }

    /// What a component's directory looks like, to be compared later.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn snapshot(&self, path: &RelPath) -> Result<Snapshot> {
        self.directory(path)?.map_or_else(|| Ok(Snapshot::default()), |dir| Snapshot::of(&dir))
    }

    /// Removes the directories above a path that became empty, as far as they lie in the workspace.
    pub fn remove_empty_above(&self, path: &RelPath) {
        let mut above = path.parent();
        while let Some(dir) = above {
            if self.dir.find_below(&dir).is_ok_and(|found| found.is_some()) {
                remove_if_empty(&self.root.join(dir.to_path()));
            }
            above = dir.parent();
        }
    }

    /// The directory at a path, if it is there.
    ///
    /// # Errors
    /// A link or file on the way or in its place.
    pub fn directory(&self, path: &RelPath) -> Result<Option<Dir>> {
        self.dir.find_below(path)
    }

    /// Whether something lies at a path.
    ///
    /// # Errors
    /// A link or file on the way.
    pub fn exists(&self, path: &RelPath) -> Result<bool> {
        Ok(self.dir.kind_below(path)?.is_some())
    }

    /// As [`Self::read`], of any size; `None` also for what is no file.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn read_whole(&self, path: &RelPath) -> Result<Option<Vec<u8>>> {
        match self.dir.kind_below(path)? {
            Some(Kind::File { .. }) => self.dir.read(path, u64::MAX),
            _ => Ok(None),
        }
    }

    /// A file of a component as it lies in the workspace.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn read(&self, path: &RelPath) -> Result<Option<Vec<u8>>> {
        self.dir.read(path, MAX_FILE)
    }
}

fn occupied(component: &str, path: &RelPath) -> Failure {
    Failure::new(Code::Occupied, format!("{component}: `{path}` is there already, and forum did not put it there"))
}
