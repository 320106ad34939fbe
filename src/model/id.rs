//! Names of owners and components: newtypes that cannot hold a path.
//!
//! A dependency named `../..` is an attack on whoever joins paths (contract,
//! section 1; safety page). Parsing is the only way in.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::text::{reason, text_form};

/// One name: `[a-z0-9]+(-[a-z0-9]+)*`, 2 to 64 characters, no Windows device name.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Name(Arc<str>);

/// `owner/name`: the full id of a component.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ComponentId {
    owner: Name,
    name: Name,
}

reason! {
    /// Why a text is no name or id.
    InvalidId
}

/// Whether Windows treats `stem` (a file name up to its first dot) as a device.
///
/// Source: <https://learn.microsoft.com/windows/win32/fileio/naming-a-file>
#[must_use]
pub fn is_windows_device(stem: &str) -> bool {
    let stem = stem.trim_end_matches(' ').to_ascii_lowercase();
    if matches!(stem.as_str(), "con" | "prn" | "aux" | "nul" | "conin$" | "conout$") {
        return true;
    }
    let mut rest = stem.strip_prefix("com").or_else(|| stem.strip_prefix("lpt")).unwrap_or_default().chars();
    matches!((rest.next(), rest.next()), (Some('0'..='9' | '¹' | '²' | '³'), None))
}

impl Name {
    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Name {
    type Err = InvalidId;

    fn from_str(text: &str) -> Result<Self, InvalidId> {
        let shown = text.escape_debug();
        if !(2..=64).contains(&text.len()) {
            return Err(InvalidId(format!("`{shown}` must have 2 to 64 characters")));
        }
        let word = |w: &str| !w.is_empty() && w.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
        if !text.split('-').all(word) {
            return Err(InvalidId(format!("`{shown}` may have only a-z, 0-9 and single hyphens between them")));
        }
        if is_windows_device(text) {
            return Err(InvalidId(format!("`{shown}` is a device name on Windows")));
        }
        Ok(Self(text.into()))
    }
}

impl ComponentId {
    /// Joins an owner and a name.
    #[must_use]
    pub const fn new(owner: Name, name: Name) -> Self {
        Self { owner, name }
    }

    /// The organisation that publishes the component.
    #[must_use]
    pub const fn owner(&self) -> &Name {
        &self.owner
    }

    /// The name within the owner.
    #[must_use]
    pub const fn name(&self) -> &Name {
        &self.name
    }
}

impl FromStr for ComponentId {
    type Err = InvalidId;

    fn from_str(text: &str) -> Result<Self, InvalidId> {
        match text.split_once('/') {
            Some((owner, name)) => Ok(Self { owner: owner.parse()?, name: name.parse()? }),
            None => Err(InvalidId(format!("`{}` is no id of the form owner/name", text.escape_debug()))),
        }
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for ComponentId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.owner, self.name)
    }
}

text_form!(Name);
text_form!(ComponentId);

/// What a person may type for a component: a full id or a short name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum IdOrName {
    /// `owner/name`
    Id(ComponentId),
    /// `name`, accepted where exactly one owner has it.
    Short(Name),
}

impl FromStr for IdOrName {
    type Err = InvalidId;

    fn from_str(text: &str) -> Result<Self, InvalidId> {
        if text.contains('/') { text.parse().map(Self::Id) } else { text.parse().map(Self::Short) }
    }
}

impl fmt::Display for IdOrName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Id(id) => id.fmt(f),
            Self::Short(name) => name.fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_follow_the_contract() {
        for good in ["ab", "pupil-system", "a1-b2", "com", "com10", "console", &"a".repeat(64)] {
            assert!(good.parse::<Name>().is_ok(), "{good}");
        }
        for bad in
            ["", "a", "-ab", "ab-", "a--b", "Ab", "å-b", "con", "nul", "com1", "lpt9", "..", "a/b", "a b", "a\u{1b}b", &"a".repeat(65)]
        {
            assert!(bad.parse::<Name>().is_err(), "{bad}");
        }
    }

    #[test]
    fn ids_hold_exactly_one_slash() {
        assert_eq!("goteborg/pupil-system".parse::<ComponentId>().expect("valid").to_string(), "goteborg/pupil-system");
        for bad in ["goteborg", "a/b/c", "../..", "goteborg/", "/pupil", "goteborg/con"] {
            assert!(bad.parse::<ComponentId>().is_err(), "{bad}");
        }
    }
}
