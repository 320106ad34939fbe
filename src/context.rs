//! What every command is given: where it runs, what the user set, and the printer.

use std::path::{Path, PathBuf};

use anyhow::Result;
use semver::Version;

use crate::error::Code;
use crate::fail;
use crate::store::registry::Options;
use crate::store::settings::Settings;
use crate::store::transport::EngineChoice;
use crate::store::transport::local::pager;
use crate::ui::{Pager, Ui};

/// Everything around a command.
#[derive(Debug)]
pub struct Context {
    /// The printer.
    pub ui: Ui,
    /// Where forum was started: paths on the command line are relative to it.
    pub started_in: PathBuf,
    /// Where the work is done (`-C`).
    pub directory: PathBuf,
    /// `--registry`: it must not contradict `forum.toml`.
    pub registry: Option<String>,
    /// What is set outside of the workspace.
    pub settings: Settings,
    /// Whether the lock must not change.
    pub locked: bool,
    /// The flags that say so, for messages.
    pub locked_by: &'static str,
    /// How registries are reached and remembered.
    pub store: Options,
}

impl Context {
    /// The version of this program.
    #[must_use]
    pub fn version() -> Version {
        env!("CARGO_PKG_VERSION").parse().expect("Cargo has checked it")
    }

    /// Today, in UTC: `2026-11-24`.
    #[must_use]
    pub fn today(&self) -> String {
        let now = self.settings.now.to_string();
        now.split_once('T').map_or(now.clone(), |(day, _)| day.to_owned())
    }

    /// The registry that flags or settings name: `--registry`, `FORUM_REGISTRY` or `default-registry`.
    #[must_use]
    pub fn named_registry(&self) -> Option<&String> {
        self.registry.as_ref().or(self.settings.default_registry.as_ref().map(|set| &set.value))
    }

    /// What shows long output on a terminal: what git would use in that directory.
    #[must_use]
    pub fn pager(&self, directory: &Path) -> Pager {
        let git = match &self.store.engine {
            EngineChoice::System => Some(Path::new("git")),
            EngineChoice::Program(program) => Some(program.as_path()),
            EngineChoice::Builtin => None,
        };
        let command = git.and_then(|git| pager(git, directory)).unwrap_or_else(|| self.settings.pager.clone());
        Pager { command, variables: self.settings.pager_variables.clone() }
    }

    /// The state directory.
    ///
    /// # Errors
    /// [`Code::Io`] without HOME and without `FORUM_STATE_DIR`.
    pub fn state_dir(&self) -> Result<&Path> {
        match &self.store.state_dir {
            Some(dir) => Ok(dir),
            None => fail!(Code::Io, "there is no home directory to remember things in: set HOME or FORUM_STATE_DIR"),
        }
    }
}
