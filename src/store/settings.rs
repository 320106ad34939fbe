//! The environment: read here and nowhere else.
#![expect(clippy::disallowed_methods, reason = "the one place that reads the environment")]

use std::path::PathBuf;

/// What the environment says.
#[derive(Debug, Default)]
pub struct Environment {
    /// `FORUM_REGISTRY`
    pub registry: Option<String>,
    /// `FORUM_OFFLINE`
    pub offline: bool,
    /// `FORUM_TIMEOUT`: seconds of silence after which a server is given up.
    pub timeout: Option<u64>,
    /// `FORUM_GIT`
    pub git: Option<String>,
    /// `FORUM_CACHE_DIR`, else the platform's directory for caches.
    pub cache_dir: Option<PathBuf>,
    /// `FORUM_STATE_DIR`, else the platform's directory for state.
    pub state_dir: Option<PathBuf>,
}

impl Environment {
    /// Reads the variables. Empty ones count as absent.
    #[must_use]
    pub fn read() -> Self {
        let variable = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty());
        let platform = || Some(dirs::state_dir().or_else(dirs::data_local_dir)?.join("forum"));
        let text = |name: &str| variable(name).and_then(|value| value.into_string().ok());
        Self {
            registry: text("FORUM_REGISTRY"),
            offline: text("FORUM_OFFLINE").is_some_and(|value| !matches!(value.as_str(), "0" | "false")),
            timeout: text("FORUM_TIMEOUT").and_then(|value| value.parse().ok()),
            git: text("FORUM_GIT"),
            cache_dir: variable("FORUM_CACHE_DIR").map(PathBuf::from).or_else(|| Some(dirs::cache_dir()?.join("forum"))),
            state_dir: variable("FORUM_STATE_DIR").map(PathBuf::from).or_else(platform),
        }
    }
}
