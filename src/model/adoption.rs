//! `adoptions/<owner>/<name>/<by>.toml`: who uses a component (contract, section 2), as clients read it.

use serde::{Deserialize, Serialize};

use super::id::Name;

/// One adopter's record. What the file leaves out is empty.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all(deserialize = "kebab-case"), default)]
pub struct Adoption {
    /// Who.
    pub by: String,
    /// The version in use now.
    pub version: String,
    /// `evaluating`, `pilot`, `production` or `retired`.
    pub status: String,
    /// The day it began.
    pub since: String,
    /// The day it ended, where it is retired.
    pub until: Option<String>,
    /// The adopter's own estimate, in all.
    pub hours_saved: Option<u32>,
    /// A word to others.
    pub note: Option<String>,
}

impl Adoption {
    /// Reads the record of `by`, who is known by the file's name; `None` for what is no record.
    #[must_use]
    pub fn parse(by: &Name, bytes: &[u8]) -> Option<Self> {
        let record: Self = toml::from_str(std::str::from_utf8(bytes).ok()?).ok()?;
        Some(Self { by: by.to_string(), ..record })
    }

    /// Whether the component is in use: a trial is not.
    #[must_use]
    pub fn is_use(&self) -> bool {
        matches!(self.status.as_str(), "pilot" | "production")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pilots_and_production_are_use() {
        let by: Name = "sundsvall".parse().expect("a name");
        for (status, counts) in [("evaluating", false), ("pilot", true), ("production", true), ("retired", false)] {
            let text = format!("by = \"other\"\nstatus = \"{status}\"\nhours-saved = 80\nlater-key = 1\n");
            let adoption = Adoption::parse(&by, text.as_bytes()).expect("a record");
            assert_eq!((adoption.is_use(), adoption.hours_saved), (counts, Some(80)));
            assert_eq!(adoption.by, "sundsvall", "the file's name tells who");
        }
        assert_eq!(Adoption::parse(&by, b"hours-saved = -1"), None);
    }
}
