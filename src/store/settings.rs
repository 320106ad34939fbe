//! The environment: read here and nowhere else.

use std::path::PathBuf;

/// What the environment says.
#[derive(Debug, Default)]
pub struct Environment {
    /// `FORUM_REGISTRY`
    pub registry: Option<String>,
    /// `FORUM_STATE_DIR`, else the platform's directory for state.
    pub state_dir: Option<PathBuf>,
}

impl Environment {
    /// Reads the variables. Empty ones count as absent.
    #[must_use]
    pub fn read() -> Self {
        let variable = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty());
        let platform = || Some(dirs::state_dir().or_else(dirs::data_local_dir)?.join("forum"));
        Self {
            registry: variable("FORUM_REGISTRY").and_then(|value| value.into_string().ok()),
            state_dir: variable("FORUM_STATE_DIR").map(PathBuf::from).or_else(platform),
        }
    }
}
