//! A workspace on the disk: where it is, what lies in it, and whether that is still what was fetched.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};

use super::fs::dir::{Dir, EntryPath, Kind, Limits};
use super::fs::journal::{self, Recovered};
use super::fs::lock::WorkspaceLock;
use super::fs::read_small;
use crate::error::{Code, Failure};
use crate::model::lockfile::{LOCK_FILE, Lock, LockEntry};
use crate::model::path::RelPath;
use crate::model::workspace_file::{WORKSPACE_FILE, WorkspaceFile};
use crate::model::written::{file_digests, matches};

/// The most that `forum.toml` and `forum.lock` may hold, in bytes.
const MAX_FILE: u64 = 32 << 20;

/// A workspace that no other run changes while this lives.
pub struct Workspace {
    /// Its directory.
    pub root: PathBuf,
    /// What is wanted.
    pub file: WorkspaceFile,
    /// What is there.
    pub lock: Lock,
    /// What an interrupted run had left, and what became of it.
    pub recovered: Recovered,
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
    let bytes = read_small(&root_of(start).join(WORKSPACE_FILE), MAX_FILE)?;
    Ok(WorkspaceFile::parse(&bytes.unwrap_or_default())?)
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
        let read = |name: &str| -> Result<Vec<u8>> { Ok(dir.read(&name.parse()?, MAX_FILE)?.unwrap_or_default()) };
        let file = WorkspaceFile::parse(&read(WORKSPACE_FILE)?)?;
        let lock = match dir.read(&LOCK_FILE.parse()?, MAX_FILE)? {
            Some(bytes) => Lock::parse(&bytes)?,
            None => Lock::default(),
        };
        Ok(Self { root, file, lock, recovered, dir, _held: held })
    }

    /// Compares a component's directory with its lock entry.
    ///
    /// # Errors
    /// When it cannot be read, or a link or file stands in its place.
    pub fn state(&self, entry: &LockEntry) -> Result<State> {
        let Some(dir) = self.dir.find_below(&entry.path).with_context(|| entry.id.to_string())? else { return Ok(State::Missing) };
        let mut files = Vec::new();
        for found in dir.list(Limits::default())? {
            match (found.kind, found.path) {
                (Kind::Dir, _) => {}
                (Kind::File { executable, .. }, EntryPath::Valid(path)) => {
                    if cfg!(unix) && executable != entry.executable.contains(&path) {
                        return Ok(State::Adapted);
                    }
                    let bytes = dir.read(&path, u64::MAX)?.unwrap_or_default();
                    files.push((path.clone(), file_digests(&bytes, entry.pieces.get(&path).map(Vec::as_slice))));
                }
                _ => return Ok(State::Adapted),
            }
        }
        Ok(if matches(&files, &entry.written) { State::Clean } else { State::Adapted })
    }

    /// Refuses a destination at which something lies already.
    ///
    /// # Errors
    /// [`Code::Occupied`], also for links and files on the way.
    pub fn require_free(&self, component: &str, path: &RelPath) -> Result<()> {
        let taken = match self.dir.kind_below(path).with_context(|| component.to_owned())? {
            None => false,
            Some(Kind::Dir) => !self.dir.open_below(path)?.list(Limits { entries: 1, depth: 1 }).is_ok_and(|found| found.is_empty()),
            Some(_) => true,
        };
        if taken {
            let failure = Failure::new(Code::Occupied, format!("{component}: `{path}` is there already, and forum did not put it there"));
            return Err(failure.hint(format!("forum fetch {component} --path OTHER-DIRECTORY")).into());
        }
        Ok(())
    }

    /// A file of a component as it lies in the workspace.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn read(&self, path: &RelPath) -> Result<Option<Vec<u8>>> {
        self.dir.read(path, MAX_FILE)
    }
}
