//! How registries are opened: where they are cached, who asks, and what for.

use std::path::PathBuf;
use std::rc::Rc;
use std::time::Duration;

use semver::Version;

use crate::model::id::IdOrName;
use crate::store::transport::EngineChoice;

/// Where registries are cached and remembered, and how servers are asked.
#[derive(Debug, Clone)]
pub struct Options {
    /// The cache.
    pub cache_dir: Option<PathBuf>,
    /// The memory.
    pub state_dir: Option<PathBuf>,
    /// Whether asking a server is forbidden.
    pub offline: bool,
    /// What forbids it, for messages: a flag or a variable.
    pub offline_by: &'static str,
    /// Silence after which a server is given up.
    pub timeout: Duration,
    /// Who asks.
    pub engine: EngineChoice,
    /// Whether a person can be asked for a password.
    pub terminal: bool,
    /// The version of this program.
    pub running: Version,
    /// Whether a `main` that does not descend from the last one is taken.
    pub accept_rewrite: bool,
    /// Told what is being done.
    pub progress: Progress,
}

/// Told what is being done, for people who wait.
#[derive(Clone)]
pub struct Progress(Rc<dyn Fn(&str)>);

impl Progress {
    /// Calls `tell` with each phase.
    #[must_use]
    pub fn new(tell: impl Fn(&str) + 'static) -> Self {
        Self(Rc::new(tell))
    }

    /// Says what is being done now.
    pub fn tell(&self, phase: &str) {
        (self.0)(phase);
    }
}

impl std::fmt::Debug for Progress {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Progress")
    }
}

/// What a registry is opened for.
#[derive(Debug, Default)]
pub struct Visit {
    /// Whether the newest `main` is needed; else the cache will do, where it has one.
    pub newest: bool,
    /// Components that will be read: they come in the first request.
    pub components: Vec<IdOrName>,
}
