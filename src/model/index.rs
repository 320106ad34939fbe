//! An index file: every version ever published of one component (contract, section 2).
//!
//! This is the only thing that resolving, searching and verifying read of a registry,
//! so a file that cannot be trusted is refused whole, with its path and the rule it
//! breaks. Keys that we do not know are tolerated: a newer forum may have written
//! them. What an older forum must not misread raises `format`, and such a file is
//! skipped by callers that can do without it ([`IndexError::Newer`]).

use std::collections::{BTreeMap, HashSet};
use std::fmt;
use std::rc::Rc;

use semver::{Version, VersionReq};
use serde::{Deserialize, Serialize};

use super::digest::{Checksum, ObjectId};
use super::id::ComponentId;
use super::lockfile::has_conflict_markers;
use super::toml_error::explain;
use crate::error::{Code, Failure};

/// The `format` that this forum reads and writes.
pub const FORMAT: i64 = 1;
/// An index file larger than this is an attack or an accident.
pub const MAX_BYTES: usize = 16 * 1024 * 1024;

/// One component in the index.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IndexFile {
    /// The component.
    pub id: ComponentId,
    /// What search and lists say of it.
    pub card: Card,
    /// Every version ever published, in the order of publication; shared with what is chosen of them.
    pub versions: Vec<Rc<VersionRecord>>,
    /// Set when its owner advises against it.
    pub deprecated: Option<Deprecated>,
    /// Versions that are no longer chosen, each with a reason.
    pub yanked: BTreeMap<Version, Notice>,
    /// Versions whose content had to be erased.
    pub removed: BTreeMap<Version, Notice>,
}

/// One published version; never changed once it is on `main`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VersionRecord {
    /// The version.
    pub version: Version,
    /// Git's id of the component's directory.
    pub tree: ObjectId,
    /// The digest over its files.
    pub checksum: Checksum,
    /// When it was published, as written in the file.
    pub published: String,
    /// An SPDX expression.
    pub license: String,
    /// What it needs from the same registry.
    pub dependencies: BTreeMap<ComponentId, VersionReq>,
    /// Where the owner made it.
    pub source: Option<Source>,
}

/// Where a version comes from. Empty texts are unknown.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Source {
    /// The address of the owner's repository.
    pub repository: String,
    /// The commit there.
    pub commit: String,
    /// The directory there.
    pub path: String,
}

/// The short description of a component. What the file leaves out is empty.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Card {
    /// The version that the card describes.
    pub version: String,
    /// What sort of component it is.
    pub kind: Kind,
    /// Its name for people.
    pub title: String,
    /// One line on what it is for.
    pub summary: String,
    /// Words to find it by.
    pub keywords: Vec<String>,
    /// The systems that it connects.
    pub systems: Vec<String>,
    /// An SPDX expression.
    pub license: String,
    /// `draft`, `pilot` or `production`.
    pub status: String,
    /// Where it is talked about.
    pub discussion: String,
}

/// The kinds of components. A card with another kind stays readable.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(from = "String", into = "String")]
pub enum Kind {
    /// Documents, diagrams, API designs.
    DesignTemplate,
    /// Process exports, tasks, scripts.
    TechnicalComponent,
    /// A kind that this forum does not know; empty where none is given.
    Other(String),
}

/// Why a version is yanked or removed.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Notice {
    /// The owner's words.
    pub reason: String,
    /// The day, as written in the file.
    pub date: String,
}

/// Why a component should no longer be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Deprecated {
    /// The owner's words.
    pub reason: String,
    /// What to use instead.
    pub replaced_by: Option<ComponentId>,
}

/// Whether a version can be had.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum VersionState<'a> {
    /// Yes.
    Available,
    /// Only by those who have it in their lock.
    Yanked(&'a Notice),
    /// By nobody.
    Removed(&'a Notice),
}

/// Why an index file cannot be used.
///
/// It is no `std::error::Error`, so that it cannot slip into `anyhow` with its code
/// unseen: it goes there as the [`Failure`] that it holds.
#[derive(Debug, Clone)]
pub enum IndexError {
    /// A newer forum wrote it. Lists skip such a component and name it.
    Newer(Failure),
    /// It breaks a rule.
    Invalid(Failure),
}

impl Card {
    /// What a manifest says of its version; `None` for what is no manifest.
    #[must_use]
    pub fn of_manifest(bytes: &[u8]) -> Option<Self> {
        #[derive(Deserialize)]
        struct Raw {
            component: Card,
        }
        toml::from_str::<Raw>(std::str::from_utf8(bytes).ok()?).ok().map(|raw| raw.component)
    }
}

impl Kind {
    /// The word in the file.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match self {
            Self::DesignTemplate => "design-template",
            Self::TechnicalComponent => "technical-component",
            Self::Other(word) => word,
        }
    }
}

impl Default for Kind {
    fn default() -> Self {
        Self::Other(String::new())
    }
}

impl From<String> for Kind {
    fn from(word: String) -> Self {
        match word.as_str() {
            "design-template" => Self::DesignTemplate,
            "technical-component" => Self::TechnicalComponent,
            _ => Self::Other(word),
        }
    }
}

impl From<Kind> for String {
    fn from(kind: Kind) -> Self {
        kind.as_str().to_owned()
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl IndexError {
    /// What the user is told.
    #[must_use]
    pub const fn failure(&self) -> &Failure {
        match self {
            Self::Newer(failure) | Self::Invalid(failure) => failure,
        }
    }

    /// Whether a newer forum could read the file.
    #[must_use]
    pub const fn is_newer_format(&self) -> bool {
        matches!(self, Self::Newer(_))
    }
}

impl fmt::Display for IndexError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.failure().fmt(f)
    }
}

impl From<IndexError> for Failure {
    fn from(error: IndexError) -> Self {
        match error {
            IndexError::Newer(failure) | IndexError::Invalid(failure) => failure,
        }
    }
}

/// The file as it is written.
#[derive(Deserialize)]
struct RawIndex {
    #[serde(default)]
    format: Option<toml::Value>,
    id: String,
    #[serde(default)]
    card: Card,
    #[serde(default, rename = "version")]
    versions: Vec<RawVersion>,
    #[serde(default)]
    yanked: BTreeMap<String, Notice>,
    #[serde(default)]
    removed: BTreeMap<String, Notice>,
    deprecated: Option<RawDeprecated>,
}

#[derive(Deserialize)]
struct RawVersion {
    version: String,
    tree: ObjectId,
    checksum: Checksum,
    #[serde(default)]
    published: String,
    #[serde(default)]
    license: String,
    #[serde(default)]
    dependencies: BTreeMap<String, String>,
    source: Option<Source>,
}

#[derive(Deserialize)]
struct RawDeprecated {
    #[serde(default)]
    reason: String,
    #[serde(rename = "replaced-by")]
    replaced_by: Option<String>,
}

/// What is read of a file before its shape is known.
#[derive(Deserialize)]
pub(super) struct Probe {
    #[serde(default)]
    pub(super) format: Option<toml::Value>,
}

/// What `format` says of a file.
pub(super) enum Format {
    /// This forum reads it.
    Ours,
    /// A newer forum wrote it.
    Newer(String),
    /// The key is missing or no positive number.
    Invalid,
}

/// Judges the `format` key by itself, as the rest of a newer file may have any shape.
pub(super) fn format_of(probe: &Probe) -> Format {
    match &probe.format {
        Some(toml::Value::Integer(FORMAT)) => Format::Ours,
        Some(toml::Value::Integer(number)) if *number > FORMAT => {
            Format::Newer(format!("has format {number}: it was written for a newer forum (this one reads format {FORMAT})"))
        }
        _ => Format::Invalid,
    }
}

/// The text of a registry file, or the rule that it breaks.
pub(super) fn text_of(bytes: &[u8]) -> Result<&str, String> {
    if bytes.len() > MAX_BYTES {
        return Err(format!("is larger than {} MiB", MAX_BYTES / 1024 / 1024));
    }
    std::str::from_utf8(bytes).map_err(|_| "is not UTF-8".to_owned())
}

/// Says what is wrong in terms of lines, and knows what a broken merge looks like.
pub(super) fn explain_toml(text: &str, error: &toml::de::Error) -> String {
    if has_conflict_markers(text) {
        return "has the conflict markers of an unfinished merge".to_owned();
    }
    format!("cannot be read: {}", explain(text, error.span(), error.message()))
}

impl IndexFile {
    /// Reads the bytes of the index file at `path`, which must be that of `expected`.
    ///
    /// # Errors
    /// [`IndexError`], with the code `invalid-registry`, naming the file and the rule.
    pub fn parse(path: &str, bytes: &[u8], expected: &ComponentId) -> Result<Self, IndexError> {
        let invalid = |rule: String| IndexError::Invalid(Failure::new(Code::InvalidRegistry, format!("{path} {rule}")));
        let text = text_of(bytes).map_err(invalid)?;
        // A newer file is to be called newer, whatever else it holds: what is no file of ours is looked at once more.
        let (format, raw) = match toml::from_str::<RawIndex>(text) {
            Ok(mut raw) => (raw.format.take(), Ok(raw)),
            Err(error) => {
                let probe: Probe = toml::from_str(text).map_err(|error| invalid(explain_toml(text, &error)))?;
                (probe.format, Err(error))
            }
        };
        match format_of(&Probe { format }) {
            Format::Ours => {}
            Format::Newer(rule) => {
                let failure = Failure::new(Code::InvalidRegistry, format!("{path} {rule}")).hint("update forum to read this component");
                return Err(IndexError::Newer(failure));
            }
            Format::Invalid => return Err(invalid(format!("must have `format = {FORMAT}`"))),
        }
        let raw = raw.map_err(|error| invalid(explain_toml(text, &error)))?;
        Self::from_raw(raw, expected).map_err(invalid)
    }

    /// The one way from the file's shape to the domain's.
    fn from_raw(raw: RawIndex, expected: &ComponentId) -> Result<Self, String> {
        if raw.id != expected.to_string() {
            return Err(format!("has the id `{}`, but it is the file of `{expected}`", raw.id.escape_debug()));
        }
        let versions = raw.versions.into_iter().map(|raw| VersionRecord::from_raw(raw).map(Rc::new)).collect::<Result<Vec<_>, _>>()?;
        let mut seen = HashSet::with_capacity(versions.len());
        if let Some(twice) = versions.iter().find(|record| !seen.insert(&record.version)) {
            return Err(format!("has version {} twice", twice.version));
        }
        let deprecated = raw.deprecated.map(Deprecated::from_raw).transpose()?;
        let (yanked, removed) = (notices("yanked", raw.yanked)?, notices("removed", raw.removed)?);
        Ok(Self { id: expected.clone(), card: raw.card, versions, deprecated, yanked, removed })
    }

    /// The record of a version, build metadata included.
    #[must_use]
    pub fn record(&self, version: &Version) -> Option<&VersionRecord> {
        self.versions.iter().find(|record| record.version == *version).map(Rc::as_ref)
    }

    /// Whether a version was ever published, as far as the file tells: it has a record, or a tombstone.
    #[must_use]
    pub fn knows(&self, version: &Version) -> bool {
        self.record(version).is_some() || self.removed.contains_key(version)
    }

    /// Whether a version can be had. A tombstone weighs more than a yank.
    #[must_use]
    pub fn state(&self, version: &Version) -> VersionState<'_> {
        if let Some(notice) = self.removed.get(version) {
            return VersionState::Removed(notice);
        }
        self.yanked.get(version).map_or(VersionState::Available, VersionState::Yanked)
    }

    /// The highest version that is no pre-release and not yanked or removed; where
    /// there is none the highest available one, then the highest that is not removed,
    /// then the highest.
    #[must_use]
    pub fn newest(&self) -> Option<&VersionRecord> {
        let rank = |record: &VersionRecord| match self.state(&record.version) {
            VersionState::Available if record.version.pre.is_empty() => 3,
            VersionState::Available => 2,
            VersionState::Yanked(_) => 1,
            VersionState::Removed(_) => 0,
        };
        self.versions.iter().map(Rc::as_ref).max_by(|a, b| (rank(a), &a.version).cmp(&(rank(b), &b.version)))
    }

    /// The version that was published last: its tree is the one in `components/`.
    #[must_use]
    pub fn last_published(&self) -> Option<&VersionRecord> {
        self.versions.last().map(Rc::as_ref)
    }
}

impl VersionRecord {
    fn from_raw(raw: RawVersion) -> Result<Self, String> {
        let version = parse_version(&raw.version)?;
        let mut dependencies = BTreeMap::new();
        for (id, requirement) in raw.dependencies {
            let rule = |error: &dyn fmt::Display| format!("has a dependency of version {version} that cannot be used: {error}");
            let id: ComponentId = id.parse().map_err(|error| rule(&error))?;
            let parsed = VersionReq::parse(&requirement)
                .map_err(|error| rule(&format!("`{}` is no requirement for {id}: {error}", requirement.escape_debug())))?;
            dependencies.insert(id, parsed);
        }
        let RawVersion { tree, checksum, published, license, source, .. } = raw;
        Ok(Self { version, tree, checksum, published, license, dependencies, source })
    }
}

impl Deprecated {
    /// Why, and what to use instead, in one line.
    #[must_use]
    pub fn advice(&self) -> String {
        let instead = self.replaced_by.as_ref().map(|id| format!("; use {id}")).unwrap_or_default();
        format!("{}{instead}", self.reason)
    }

    fn from_raw(raw: RawDeprecated) -> Result<Self, String> {
        let replaced_by = raw.replaced_by.map(|id| id.parse().map_err(|error| format!("has a bad `replaced-by`: {error}")));
        Ok(Self { reason: one_line(&raw.reason), replaced_by: replaced_by.transpose()? })
    }
}

/// Reasons are said within a line: none must begin one.
fn one_line(text: &str) -> String {
    text.trim().replace(['\n', '\r'], " ")
}

fn parse_version(text: &str) -> Result<Version, String> {
    Version::parse(text).map_err(|error| format!("has `{}`, which is no version: {error}", text.escape_debug()))
}

fn notices(table: &str, raw: BTreeMap<String, Notice>) -> Result<BTreeMap<Version, Notice>, String> {
    let parse = |(text, notice): (String, Notice)| match parse_version(&text) {
        Ok(version) => Ok((version, Notice { reason: one_line(&notice.reason), ..notice })),
        Err(rule) => Err(format!("{rule} (in [{table}])")),
    };
    raw.into_iter().map(parse).collect()
}

#[cfg(test)]
#[path = "index_tests.rs"]
mod tests;
