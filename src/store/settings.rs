//! The environment and the user's `config.toml`: read here and nowhere else, each value with the layer it came from.
#![expect(clippy::disallowed_methods, reason = "the one place that reads the environment, and the clock for Context")]

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fmt;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use jiff::Timestamp;
use serde::{Serialize, Serializer};

use super::fs::atomic::write_atomic;
use super::fs::dir::Readers;
use super::fs::read_small;
use crate::error::Code;
use crate::fail;
use crate::model::id::Name;
use crate::model::user_settings::{SETTINGS_FILE, UserSettings};

/// Seconds of silence after which a server is given up.
const DEFAULT_TIMEOUT: u64 = 30;
/// The most that `config.toml` may hold, in bytes.
const MAX_FILE: u64 = 1 << 20;

/// As git's `PAGER_ENV`, <https://git-scm.com/docs/git-config#Documentation/git-config.txt-corepager>.
const PAGER_VARIABLES: [(&str, &str); 2] = [("LESS", "FRX"), ("LV", "-c")];

/// Where a value comes from; a later layer wins (contract, section 5).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Layer {
    /// The program itself.
    BuiltIn,
    /// `config.toml`
    User,
    /// `forum.toml`
    Workspace,
    /// A variable of the environment.
    Environment,
    /// The command line.
    Flags,
}

impl fmt::Display for Layer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::BuiltIn => "built-in",
            Self::User => "user",
            Self::Workspace => "workspace",
            Self::Environment => "environment",
            Self::Flags => "flags",
        })
    }
}

impl Serialize for Layer {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// A value and where it comes from.
#[derive(Debug, Clone)]
pub struct Layered<T> {
    /// The value.
    pub value: T,
    /// Its layer.
    pub layer: Layer,
}

impl<T> Layered<T> {
    /// A value of a layer.
    pub const fn new(value: T, layer: Layer) -> Self {
        Self { value, layer }
    }

    /// The value of the latest layer that has one.
    fn latest(built_in: Option<T>, user: Option<T>, environment: Option<T>) -> Option<Self> {
        let of = |value: Option<T>, layer| value.map(|value| Self { value, layer });
        of(environment, Layer::Environment).or(of(user, Layer::User)).or(of(built_in, Layer::BuiltIn))
    }
}

/// What is set outside of a workspace.
#[derive(Debug, Clone)]
pub struct Settings {
    /// A name or an address: `FORUM_REGISTRY`, else `default-registry`.
    pub default_registry: Option<Layered<String>>,
    /// Who publishes: `FORUM_OWNER`, else `owner`. `forum.toml` stands between the two.
    pub owner: Option<Layered<Name>>,
    /// `system`, `builtin` or the path of a git: `FORUM_GIT`, else `git`.
    pub git: Layered<String>,
    /// Seconds of silence after which a server is given up: `FORUM_TIMEOUT`, else `timeout`.
    pub timeout: Layered<u64>,
    /// `FORUM_OFFLINE`
    pub offline: Layered<bool>,
    /// `FORUM_CACHE_DIR`, else `cache`, else the platform's directory for caches.
    pub cache_dir: Option<Layered<PathBuf>>,
    /// `FORUM_STATE_DIR`, else the platform's directory for state.
    pub state_dir: Option<Layered<PathBuf>>,
    /// `FORUM_CONFIG_DIR`, else the platform's directory for settings.
    pub config_dir: Option<Layered<PathBuf>>,
    /// What shows long output where git does not say it: `GIT_PAGER`, else `PAGER`, else `less`.
    pub pager: OsString,
    /// What git sets for a pager, where the user has not: page only what is longer than the screen, keep colours.
    pub pager_variables: Vec<(&'static str, &'static str)>,
    /// Whether `NO_COLOR` is set (<https://no-color.org>).
    pub no_color: bool,
    /// What time it is: `SOURCE_DATE_EPOCH`, else the clock.
    pub now: Timestamp,
    /// The user's file.
    pub user: UserSettings,
}

/// A variable's value; an empty one counts as absent.
fn variable(name: &str) -> Option<OsString> {
    std::env::var_os(name).filter(|value| !value.is_empty())
}

/// Our directory in one of the platform's. `dirs` would ask the user database where HOME is missing, and would lead a
/// job without HOME into a directory that nobody named (details, "Paths and places").
fn ours(xdg: &str, dir: Option<PathBuf>) -> Option<PathBuf> {
    let is_set = |name: &str| variable(name).is_some_and(|path| Path::new(&path).is_absolute());
    dir.filter(|_| !cfg!(unix) || is_set("HOME") || is_set(xdg)).map(|dir| dir.join("forum"))
}

/// A variable's value as `T`.
fn parsed<T: std::str::FromStr<Err: fmt::Display>>(name: &str) -> Result<Option<T>> {
    let Some(value) = variable(name) else { return Ok(None) };
    let Some(text) = value.to_str() else { fail!(Code::Usage, "{name} is not UTF-8") };
    match text.parse() {
        Ok(value) => Ok(Some(value)),
        Err(error) => fail!(Code::Usage, "{name} is `{}`: {error}", text.escape_debug()),
    }
}

impl Settings {
    /// Reads environment and file; relative paths in variables start at `started_in`, those in the file at its directory.
    ///
    /// # Errors
    /// [`Code::Usage`] for variables and [`Code::InvalidWorkspace`] for a file that cannot be understood.
    pub fn read(started_in: &Path) -> Result<Self> {
        let path = |name: &str| variable(name).map(|value| started_in.join(value));
        let config_dir = Layered::latest(ours("XDG_CONFIG_HOME", dirs::config_dir()), None, path("FORUM_CONFIG_DIR"));
        let state = ours("XDG_STATE_HOME", dirs::state_dir().or_else(dirs::data_local_dir));
        let user = read_user(config_dir.as_ref().map(|dir| dir.value.as_path()))?;
        let user_cache = user.cache.as_ref().zip(config_dir.as_ref()).map(|(cache, dir)| dir.value.join(cache));
        let timeout: Option<std::num::NonZeroU64> = parsed("FORUM_TIMEOUT")?;
        let timeout = Layered::latest(Some(DEFAULT_TIMEOUT), user.timeout, timeout.map(std::num::NonZeroU64::get));
        let git = Layered::latest(Some("system".to_owned()), user.git.clone(), parsed("FORUM_GIT")?);
        let offline = variable("FORUM_OFFLINE").map(|value| value != "0" && value != "false");
        let clock: Option<i64> = parsed("SOURCE_DATE_EPOCH")?;
        Ok(Self {
            default_registry: Layered::latest(None, user.default_registry.clone(), parsed("FORUM_REGISTRY")?),
            owner: Layered::latest(None, user.owner.clone(), parsed("FORUM_OWNER")?),
            git: git.expect("it has a built-in value"),
            timeout: timeout.expect("it has a built-in value"),
            offline: Layered::latest(Some(false), None, offline).expect("it has a built-in value"),
            cache_dir: Layered::latest(ours("XDG_CACHE_HOME", dirs::cache_dir()), user_cache, path("FORUM_CACHE_DIR")),
            state_dir: Layered::latest(state, None, path("FORUM_STATE_DIR")),
            config_dir,
            pager: ["GIT_PAGER", "PAGER"].into_iter().find_map(std::env::var_os).unwrap_or_else(|| "less".into()),
            pager_variables: PAGER_VARIABLES.into_iter().filter(|(name, _)| std::env::var_os(name).is_none()).collect(),
            no_color: variable("NO_COLOR").is_some(),
            now: Timestamp::from_second(clock.unwrap_or_else(|| Timestamp::now().as_second())).context("SOURCE_DATE_EPOCH")?,
            user,
        })
    }

    /// Who publishes, where `forum.toml` names `workspace`: that stands between the environment and the user's file.
    #[must_use]
    pub fn owner_in(&self, workspace: Option<&Name>) -> Option<Layered<Name>> {
        let ours = || workspace.map(|owner| Layered::new(owner.clone(), Layer::Workspace));
        match &self.owner {
            Some(set) if set.layer == Layer::Environment => Some(set.clone()),
            other => ours().or_else(|| other.clone()),
        }
    }

    /// The registries that are known where `forum.toml` names those of `workspace`, which stand above the user's.
    pub fn registries_with<'a>(&'a self, workspace: &'a BTreeMap<String, String>) -> impl Iterator<Item = (&'a String, &'a String, Layer)> {
        let ours = workspace.iter().map(|(name, url)| (name, url, Layer::Workspace));
        let users = self.user.registries.iter().filter(|(name, _)| !workspace.contains_key(*name));
        ours.chain(users.map(|(name, url)| (name, url, Layer::User)))
    }

    /// The path of the user's file.
    ///
    /// # Errors
    /// [`Code::Io`] without HOME and without `FORUM_CONFIG_DIR`.
    pub fn user_file(&self) -> Result<PathBuf> {
        match &self.config_dir {
            Some(dir) => Ok(dir.value.join(SETTINGS_FILE)),
            None => fail!(Code::Io, "there is no home directory for settings: set HOME or FORUM_CONFIG_DIR"),
        }
    }

    /// Writes the user's file.
    ///
    /// # Errors
    /// As [`Self::user_file`], and what the file system says.
    pub fn save_user(&self, user: &UserSettings) -> Result<()> {
        write_atomic(&self.user_file()?, user.render().as_bytes(), Readers::Owner).map(|_| ())
    }
}

fn read_user(dir: Option<&Path>) -> Result<UserSettings> {
    let path = dir.map(|dir| dir.join(SETTINGS_FILE));
    let bytes = path.as_ref().map(|path| read_small(path, MAX_FILE)).transpose()?.flatten();
    let read = UserSettings::parse(&bytes.unwrap_or_default());
    read.with_context(|| path.map(|path| path.display().to_string()).unwrap_or_default())
}
