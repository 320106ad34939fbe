//! `forum.lock` (details page): what lies in the workspace, and how to bring the same bytes again.
//!
//! The file is forum's alone: written in a stable order, so that two people's locks differ only where their
//! components do. A later format is refused rather than read half; keys may be added within format 1 as long as
//! an older forum, which would drop them, does no harm by it.

use std::collections::{BTreeMap, BTreeSet};

use semver::Version;
use serde::{Deserialize, Serialize};

use super::digest::{Checksum, ObjectId};
use super::id::ComponentId;
use super::index::VersionRecord;
use super::path::RelPath;
use super::toml_error::explain;
use super::variables::Answers;
use crate::error::{Code, Failure};

/// The name of the lock in a workspace.
pub const LOCK_FILE: &str = "forum.lock";
/// The format that this forum writes, and the newest that it reads.
const FORMAT: i64 = 1;

/// All that is recorded.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Lock {
    /// By id.
    pub components: BTreeMap<ComponentId, LockEntry>,
}

/// One component as it was fetched.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LockEntry {
    /// The component.
    pub id: ComponentId,
    /// The version that was fetched.
    pub version: Version,
    /// The registry's address, or a path relative to the workspace.
    pub registry: String,
    /// Git's tree id of the published files.
    pub tree: ObjectId,
    /// The checksum of section 3 of the published files.
    pub checksum: Checksum,
    /// Where it lies in the workspace.
    pub path: RelPath,
    /// Whether somebody asked for it; otherwise others depend on it.
    pub requested: bool,
    /// What it depends on, sorted.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub dependencies: Vec<ComponentId>,
    /// The answers as applied, without secrets.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub answers: Answers,
    /// [`super::written::digest`] of the files as written.
    pub written: Checksum,
    /// The executable files, sorted.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub executable: Vec<RelPath>,
    /// Bytes between the secret answers of a file.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub pieces: BTreeMap<RelPath, Vec<u64>>,
    /// An update that waits for a person.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pending: Option<Pending>,
}

/// An update that waits for a person.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Pending {
    /// The version it leads to.
    pub to: Version,
    /// The answers that it applied, without secrets, where they are others than those of before: whoever continues
    /// needs them. A forum that does not know the key carries the answers of before over.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub answers: Answers,
}

impl Pending {
    /// From what is in the lock `now` to what it will be `then`.
    #[must_use]
    pub fn between(now: &LockEntry, then: &LockEntry) -> Self {
        let answers = if then.answers == now.answers { Answers::new() } else { then.answers.clone() };
        Self { to: then.version.clone(), answers }
    }
}

impl LockEntry {
    /// The digests that the registry's record has otherwise: what they are of, the lock's, the registry's.
    #[must_use]
    pub fn other_digests(&self, record: &VersionRecord) -> Vec<(&'static str, String, String)> {
        let both = [
            ("tree", self.tree.to_string(), record.tree.to_string()),
            ("checksum", self.checksum.to_string(), record.checksum.to_string()),
        ];
        both.into_iter().filter(|(_, locked, now)| locked != now).collect()
    }
}

#[derive(Deserialize)]
struct RawLock {
    format: i64,
    #[serde(default)]
    component: Vec<LockEntry>,
}

/// Says that a file of the workspace cannot be used, and is left as it is.
pub(crate) fn invalid(file: &str, why: &str) -> Failure {
    Failure::new(Code::InvalidWorkspace, format!("{file}: {why}"))
}

/// Whether `text` holds what a merge in Git left for a person.
pub(crate) fn has_conflict_markers(text: &str) -> bool {
    text.lines().any(|line| line.starts_with("<<<<<<< ") || line.starts_with(">>>>>>> "))
}

impl Lock {
    /// What nobody asked for and nothing here needs, and what that needs in turn. An update leaves it where its receiver
    /// has changed it; `forum remove` takes it.
    #[must_use]
    pub fn left_over(&self) -> BTreeSet<&ComponentId> {
        let alone = |entry: &&LockEntry| !entry.requested && self.dependents(&entry.id).next().is_none();
        let mut open: Vec<&ComponentId> = self.components.values().filter(alone).map(|entry| &entry.id).collect();
        let mut found = BTreeSet::new();
        while let Some(id) = open.pop() {
            if let Some(entry) = self.components.get(id).filter(|_| found.insert(id)) {
                open.extend(&entry.dependencies);
            }
        }
        found
    }

    /// Reads a lock.
    ///
    /// # Errors
    /// [`Code::InvalidWorkspace`]: conflict markers, a later format, anything that does not parse, an id or a path twice.
    pub fn parse(bytes: &[u8]) -> Result<Self, Failure> {
        let fail = |why: &str| invalid(LOCK_FILE, why);
        let repair = "restore it from Git, or delete it and run `forum fetch`";
        let text = std::str::from_utf8(bytes).map_err(|_| fail("is not UTF-8").hint(repair))?;
        if has_conflict_markers(text) {
            return Err(fail("has conflict markers from a merge").hint("take either side, then `forum fetch`"));
        }
        let format = toml::from_str::<toml::Table>(text)
            .map_err(|e| fail(&explain(text, e.span(), e.message())).hint(repair))?
            .get("format")
            .and_then(toml::Value::as_integer);
        match format {
            Some(FORMAT) => {}
            Some(later) if later > FORMAT => {
                return Err(fail(&format!("has format {later}, which a newer forum wrote")).hint("update forum"));
            }
            _ => return Err(fail("does not begin with `format = 1`").hint(repair)),
        }
        let raw: RawLock = toml::from_str(text).map_err(|e| fail(&explain(text, e.span(), e.message())).hint(repair))?;
        debug_assert_eq!(raw.format, FORMAT);
        let mut lock = Self::default();
        for entry in raw.component {
            if let Some(other) = lock.components.values().find(|o| o.path.contains(&entry.path) || entry.path.contains(&o.path)) {
                return Err(fail(&format!("{} and {} share the directory {}", other.id, entry.id, entry.path)).hint(repair));
            }
            if let Some(twice) = lock.components.insert(entry.id.clone(), entry) {
                return Err(fail(&format!("has {} twice", twice.id)).hint(repair));
            }
        }
        Ok(lock)
    }

    /// The text of the file.
    #[must_use]
    pub fn render(&self) -> String {
        #[derive(Serialize)]
        struct Out<'a> {
            format: i64,
            #[serde(skip_serializing_if = "Vec::is_empty")]
            component: Vec<&'a LockEntry>,
        }
        let out = Out { format: FORMAT, component: self.components.values().collect() };
        toml::to_string(&out).expect("a lock holds only what TOML can hold")
    }

    /// The components that depend on `id`.
    pub fn dependents<'a>(&'a self, id: &'a ComponentId) -> impl Iterator<Item = &'a ComponentId> {
        self.components.values().filter(move |entry| entry.dependencies.contains(id)).map(|entry| &entry.id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(id: &str) -> LockEntry {
        LockEntry {
            id: id.parse().expect("id"),
            version: Version::new(1, 2, 0),
            registry: "../kommun.git".into(),
            tree: "0123456789abcdef0123456789abcdef01234567".parse().expect("tree"),
            checksum: Checksum::of(b"x"),
            path: format!("components/{id}").parse().expect("path"),
            requested: true,
            dependencies: vec!["inera/base".parse().expect("id")],
            answers: Answers::new(),
            written: Checksum::of(b"y"),
            executable: vec!["bin/run.sh".parse().expect("path")],
            pieces: [("settings.env".parse().expect("path"), vec![4, 1])].into(),
            pending: None,
        }
    }

    #[test]
    fn a_lock_survives_writing_and_reading() {
        let mut lock = Lock::default();
        for id in ["goteborg/pupil-system", "inera/base"] {
            lock.components.insert(id.parse().expect("id"), entry(id));
        }
        let text = lock.render();
        assert!(text.starts_with("format = 1\n"), "{text}");
        assert_eq!(Lock::parse(text.as_bytes()).expect("readable"), lock);
        assert_eq!(Lock::parse(text.replace('\n', "\r\n").as_bytes()).expect("readable"), lock);
        assert_eq!(Lock::parse(Lock::default().render().as_bytes()).expect("readable"), Lock::default());
    }

    #[test]
    fn what_cannot_be_read_is_refused_and_named() {
        let mut lock = Lock::default();
        lock.components.insert("inera/base".parse().expect("id"), entry("inera/base"));
        let good = lock.render();
        let twice = format!("{good}\n{}", good.split_once("\n\n").expect("head and body").1);
        let cases = [
            ("", "format"),
            ("format = 2\n", "newer"),
            ("format = 1\nformat = 1\n", "duplicate"),
            ("<<<<<<< ours\nformat = 1\n=======\n>>>>>>> theirs\n", "conflict"),
            (&good[..good.len() / 2], "forum.lock"),
            (&twice, "share the directory"),
            (&good.replace("components/inera/base", "../out"), "path"),
        ];
        for (text, part) in cases {
            let error = Lock::parse(text.as_bytes()).expect_err(text);
            assert_eq!(error.code, Code::InvalidWorkspace);
            assert!(error.message.contains(part) && !error.hints.is_empty(), "{part}: {error}");
        }
    }
}
