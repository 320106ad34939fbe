//! `publishers/<owner>.toml`: who an owner is (contract, section 2), as clients read it.

use serde::{Deserialize, Serialize};

/// An owner. What the file leaves out is empty.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Publisher {
    /// What people call it.
    pub title: String,
    /// `municipality`, `region`, `agency`, `association`, `vendor`, or what the registry's vocabulary has.
    pub kind: String,
    /// A role address.
    pub contact: String,
    /// Its home on the web.
    pub url: String,
}

impl Publisher {
    /// Reads the file; `None` for what is none.
    #[must_use]
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        toml::from_str(std::str::from_utf8(bytes).ok()?).ok()
    }
}
