//! How objects come from a remote repository into a cache repository: one small trait, two engines.
//!
//! The engine is the user's own git where there is one, because it brings their
//! credentials, proxies and ssh configuration; [`builtin`] serves machines without.
//! This folder is the only place that starts processes. What an engine has to tell
//! the user is returned as notes, and the phase it is in goes to a callback: nothing
//! here prints.

pub mod builtin;
mod line;
pub mod local;
pub(super) mod process;
pub mod system;
pub(super) mod wording;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use crate::error::Failure;
use crate::model::address::Address;
use crate::model::digest::ObjectId;

pub use process::Output;

/// Where a fetched `main` lies until it has been checked against the one last seen.
pub const INCOMING: &str = "refs/forum/incoming";

/// The `main` that was checked and is used.
pub const ACCEPTED: &str = "refs/forum/main";

/// The mark of a cache repository whose server serves nothing but all of `main`.
pub const FULL_MARK: &str = "forum-full";

/// Which engine the settings ask for (`FORUM_GIT`).
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum EngineChoice {
    /// The git on PATH, or the built-in engine where it is missing or too old.
    #[default]
    System,
    /// The built-in engine.
    Builtin,
    /// This git and no other.
    Program(PathBuf),
}

impl EngineChoice {
    /// Reads `system`, `builtin` or a path.
    #[must_use]
    pub fn of(setting: &str) -> Self {
        match setting {
            "" | "system" => Self::System,
            "builtin" => Self::Builtin,
            path => Self::Program(PathBuf::from(path)),
        }
    }
}

impl EngineChoice {
    /// Whether the built-in engine will be used, as far as can be told without running a git.
    #[must_use]
    pub fn is_builtin(&self) -> bool {
        *self == Self::Builtin || *self == Self::System && !system::Git::is_on_path()
    }
}

/// What every conversation with a server needs to know.
pub struct Job<'a> {
    /// The bare cache repository.
    pub repository: &'a Path,
    /// The registry.
    pub address: &'a Address,
    /// Silence after which a server is given up.
    pub timeout: Duration,
    /// Whether a person can be asked for a password.
    pub terminal: bool,
    /// Told the phase: `Receiving objects`.
    pub progress: &'a dyn Fn(&str),
}

/// How much of `main` is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum History {
    /// The newest commit alone: the first fetch.
    Newest,
    /// What came since the last fetch.
    Onward,
    /// The commits down to the first, without their trees.
    Commits,
    /// Everything, for servers that give nothing less.
    Everything,
}

/// What the objects are that are asked for by id.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wanted {
    /// Files.
    Blobs,
    /// Directories, with everything in them.
    Trees,
}

/// Fetches into a cache repository. The notes returned are for the user, once.
pub trait Transport: Send + Sync {
    /// The word for messages.
    fn name(&self) -> &'static str;

    /// Brings the remote's `main` to [`INCOMING`].
    ///
    /// # Errors
    /// `Unreachable`, `Auth`, `Denied`, or `InvalidRegistry` where there is no `main`.
    fn fetch_main(&self, job: &Job<'_>, history: History) -> anyhow::Result<Vec<String>>;

    /// Brings objects that are missing.
    ///
    /// # Errors
    /// As above. Whether all came is for the caller to check.
    fn fetch_objects(&self, job: &Job<'_>, ids: &[ObjectId], wanted: Wanted) -> anyhow::Result<Vec<String>>;
}

/// The engine for a choice, and what to tell the user about it.
///
/// # Errors
/// [`crate::error::Code::Usage`] where a named program is no git of 2.36 or newer.
pub fn engine(choice: &EngineChoice) -> Result<(Arc<dyn Transport>, Vec<String>), Failure> {
    match choice {
        EngineChoice::Builtin => Ok((Arc::new(builtin::Builtin), Vec::new())),
        EngineChoice::Program(path) => Ok((Arc::new(system::Git::at(path)?), Vec::new())),
        EngineChoice::System => match system::Git::at(Path::new("git")) {
            Ok(git) => Ok((Arc::new(git), Vec::new())),
            Err(why) => {
                let note = format!("{}; the built-in engine is used, which reads over http(s) and does not publish", why.message);
                Ok((Arc::new(builtin::Builtin), vec![note]))
            }
        },
    }
}
