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
    /// Two letters (ISO 3166-1); empty where it is not given.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub country: String,
    /// A role address.
    pub contact: String,
    /// Its home on the web.
    pub url: String,
}

impl Publisher {
    /// The text of the file.
    #[must_use]
    pub fn render(&self) -> String {
        toml::to_string(self).expect("a publisher holds only texts")
    }

    /// The keys that the file must have and that are empty here.
    #[must_use]
    pub fn missing(&self) -> Vec<&'static str> {
        let must = [("title", &self.title), ("kind", &self.kind), ("contact", &self.contact), ("url", &self.url)];
        must.into_iter().filter(|(_, text)| text.trim().is_empty()).map(|(key, _)| key).collect()
    }

    /// Reads the file; `None` for what is none.
    #[must_use]
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        toml::from_str(std::str::from_utf8(bytes).ok()?).ok()
    }
}
