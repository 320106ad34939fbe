//! What an update does to a component, and how one that waits for a person is remembered.
//!
//! Owns the format of `.forum/pending.json`: format 1; another one is refused. The file lies beside the journal of an
//! interrupted run and has nothing to do with it: the journal is gone as soon as a run is finished, this file stays
//! until `--continue` or `--abort`. The lock alone says that an update waits; where this file is lost (a colleague's
//! checkout has the lock and no `.forum`), the registry and the kept copy hold what it said.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use semver::Version;
use serde::{Deserialize, Serialize};

use super::digest::Checksum;
use super::id::ComponentId;
use super::lockfile::LockEntry;
use super::merge::{Conflict, Outcome};
use super::path::{RelPath, collision_key};
use super::variables::{Answer, Answers};
use crate::error::{Code, Failure};

/// Where it lies in a workspace.
pub const PENDING_FILE: &str = ".forum/pending.json";
const FORMAT: u32 = 1;

/// What became of one file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileChange {
    /// Where it lies now.
    pub path: RelPath,
    /// What became of it.
    pub outcome: Outcome,
    /// Why a person must choose.
    pub conflict: Option<Conflict>,
}

/// What became of a variable.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct VariableChange {
    /// Its name in the newer version; of one that vanished the name that it had.
    pub name: String,
    /// What happened.
    pub change: VariableFate,
    /// Its answer; of one that vanished the one that it had. `null` for secrets and where none is known.
    pub answer: Option<Answer>,
}

/// What happened to a variable.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum VariableFate {
    /// The newer version asks for it.
    Added,
    /// It has another name; its answer was carried over.
    Renamed,
    /// It vanished.
    Removed,
    /// It takes other answers than before, and was asked for again.
    AskedAgain,
    /// It has another answer.
    Changed,
}

/// A conflict that a person has to settle.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Open {
    /// The file.
    pub path: RelPath,
    /// Why.
    pub conflict: Conflict,
    /// The file beside it, to be removed when it is settled; without one there are markers in the file itself.
    pub beside: Option<RelPath>,
    /// Whether a secret stands in it, and what it holds is not to be shown.
    #[serde(default)]
    pub secret: bool,
}

/// An update that waits.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Waiting {
    /// The entry that the lock gets when all is settled.
    pub entry: LockEntry,
    /// The answers that `forum.toml` gets then.
    pub variables: Answers,
    /// The version before; none for a component that was not there.
    pub from: Option<Version>,
    /// The copy from before, in the user's state directory.
    pub kept: Option<PathBuf>,
    /// What is to be settled.
    pub open: Vec<Open>,
    /// The files that the update wrote, and what it wrote; `null` for those that it took away.
    pub touched: BTreeMap<RelPath, Option<Checksum>>,
    /// What is reported.
    pub files: Vec<FileChange>,
    /// What is reported.
    pub changed_variables: Vec<VariableChange>,
    /// Those that wait together, this one included.
    pub together: Vec<ComponentId>,
}

/// All updates that wait in a workspace.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PendingFile {
    format: u32,
    /// By component.
    pub updates: BTreeMap<ComponentId, Waiting>,
}

impl Default for PendingFile {
    fn default() -> Self {
        Self { format: FORMAT, updates: BTreeMap::new() }
    }
}

impl PendingFile {
    /// Reads the file.
    ///
    /// # Errors
    /// [`Code::InvalidWorkspace`] for another format, and for what forum did not write.
    pub fn parse(bytes: &[u8]) -> Result<Self, Failure> {
        let fail = |why: String| Failure::new(Code::InvalidWorkspace, format!("{PENDING_FILE}: {why}"));
        let read: Self = serde_json::from_slice(bytes).map_err(|error| fail(format!("was not written by forum: {error}")))?;
        if read.format != FORMAT {
            return Err(fail(format!("has format {}, this forum knows {FORMAT}", read.format)));
        }
        Ok(read)
    }

    /// The text of the file.
    #[must_use]
    pub fn render(&self) -> Vec<u8> {
        serde_json::to_vec_pretty(self).expect("names, numbers and texts are JSON")
    }
}

/// Components and what they need.
pub type Needs<'a> = BTreeMap<&'a ComponentId, &'a [ComponentId]>;

/// Those that go together: what moves with another one that it needs, or that needs it.
#[must_use]
pub fn group(all: &Needs<'_>, start: &ComponentId) -> Vec<ComponentId> {
    let near = |a: &ComponentId, b: &ComponentId| all.get(a).is_some_and(|needs| needs.contains(b));
    let mut group: BTreeSet<&ComponentId> = [start].into();
    loop {
        let more = |id: &&&ComponentId| !group.contains(**id) && group.iter().any(|other| near(id, other) || near(other, id));
        let Some(next) = all.keys().find(more) else { break };
        group.insert(next);
    }
    group.into_iter().cloned().collect()
}

/// A name for a file beside `path` that nothing has yet: `word` says what it is, and the version it comes from.
#[must_use]
pub fn beside(path: &RelPath, word: &str, version: &Version, taken: &dyn Fn(&str) -> bool) -> RelPath {
    let (above, name) = path.as_str().rsplit_once('/').map_or(("", path.as_str()), |(above, name)| (above, name));
    let (stem, end) = match name.rsplit_once('.') {
        Some((stem, end)) if !stem.is_empty() && word == THEIRS => (stem, format!(".{end}")),
        _ => (name, if word == THEIRS { String::new() } else { ".json".to_owned() }),
    };
    let above = if above.is_empty() { String::new() } else { format!("{above}/") };
    let mut number = 1;
    loop {
        let again = if number == 1 { String::new() } else { format!("-{number}") };
        let beside: Result<RelPath, _> = format!("{above}{stem}.{word}-{version}{again}{end}").parse();
        // Where the long name is too long, a short one at the top.
        let free = beside.or_else(|_| format!("{word}-{number}.txt").parse());
        if let Some(free) = free.ok().filter(|free| !taken(&collision_key(free.as_str()))) {
            return free;
        }
        number += 1;
    }
}

/// Whether a file has a name that [`beside`] gives: one of the words and a version behind a dot.
#[must_use]
pub fn is_beside(file_name: &str) -> bool {
    [THEIRS, CONFLICTS].into_iter().any(|word| {
        let behind = file_name.split_once(&format!(".{word}-")).map(|(_, behind)| behind);
        behind.is_some_and(|behind| behind.split('.').take(2).filter(|part| part.parse::<u64>().is_ok()).count() == 2)
    })
}

/// The word in the name of a file that holds what the newer version has.
pub const THEIRS: &str = "theirs";
/// The word in the name of a report on what disagrees.
pub const CONFLICTS: &str = "conflicts";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_beside_never_takes_a_name_that_is_there() {
        let name = |path: &str, word: &str, taken: &[&str]| {
            let path = path.parse().expect("path");
            beside(&path, word, &Version::new(1, 3, 0), &|name| taken.contains(&name)).to_string()
        };
        assert_eq!(name("a/logo.png", THEIRS, &[]), "a/logo.theirs-1.3.0.png");
        assert_eq!(name("a/logo.png", THEIRS, &["a/logo.theirs-1.3.0.png"]), "a/logo.theirs-1.3.0-2.png");
        assert_eq!(name("Makefile", THEIRS, &["makefile.theirs-1.3.0"]), "Makefile.theirs-1.3.0-2");
        assert_eq!(name(&format!("{}.md", "x".repeat(237)), THEIRS, &["theirs-1.txt"]), "theirs-2.txt");
        assert_eq!(name(".env", THEIRS, &[]), ".env.theirs-1.3.0");
        assert_eq!(name("p.json", CONFLICTS, &[]), "p.json.conflicts-1.3.0.json");
    }

    #[test]
    fn what_waits_survives_writing_and_reading_and_nothing_else_is_read() {
        let file = PendingFile::default();
        assert_eq!(PendingFile::parse(&file.render()).expect("readable"), file);
        for bad in ["", "{}", "{\"format\":2,\"updates\":{}}"] {
            assert_eq!(PendingFile::parse(bad.as_bytes()).expect_err(bad).code, Code::InvalidWorkspace);
        }
    }
}
