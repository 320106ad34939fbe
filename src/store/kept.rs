//! What commands replaced in a workspace, kept for `forum restore` (contract, section 5).
//!
//! ```text
//! <state>/kept/<workspace>/<number>/kept.json      what it was, and which command replaced it
//! <state>/kept/<workspace>/<number>/<owner>/<name> its files
//! ```
//! It is written before the workspace changes, and taken back when nothing comes of the change. The directory can be
//! read by its user alone. `kept.json` may gain keys; one that cannot be read is passed over.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::fs::dir::Dir;
use super::fs::journal::{Transaction, recover};
use super::fs::snapshot::Snapshot;
use super::fs::{make_private_directory, names_in, read_small, remove_directory};
use super::memory::file_name_of;
use super::workspace::Workspace;
use crate::model::id::ComponentId;
use crate::model::lockfile::LockEntry;
use crate::model::path::RelPath;
use crate::model::workspace_file::Entry;

const RECORD: &str = "kept.json";
const MAX_RECORD: u64 = 32 << 20;

/// The kept copies of one workspace.
#[derive(Debug)]
pub struct KeptCopies {
    folder: PathBuf,
}

/// What one command replaced.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Kept {
    /// The command: `fetch`, `remove`, `restore`.
    pub command: String,
    /// When.
    pub at: Timestamp,
    /// The components, as they were.
    pub components: Vec<KeptComponent>,
    /// `forum.toml` as it was.
    #[serde(default)]
    pub workspace_file: Option<String>,
    /// Where it lies.
    #[serde(skip)]
    pub folder: PathBuf,
}

/// A component as it was.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct KeptComponent {
    /// The component.
    pub id: ComponentId,
    /// Where it was in the workspace.
    pub path: RelPath,
    /// Whether its directory was there.
    pub present: bool,
    /// Its entry in `forum.lock`.
    pub entry: Option<LockEntry>,
    /// Its entry in `forum.toml`.
    pub wish: Option<Entry>,
}

impl Kept {
    /// Where the files of a component are kept.
    #[must_use]
    pub fn place(&self, id: &ComponentId) -> PathBuf {
        self.folder.join(id.owner().as_str()).join(id.name().as_str())
    }

    /// The component, if it is among them.
    #[must_use]
    pub fn get(&self, id: &ComponentId) -> Option<&KeptComponent> {
        self.components.iter().find(|kept| kept.id == *id)
    }
}

/// A copy that is taken back when this is dropped, unless what it was made for has happened.
#[derive(Debug, Default)]
#[must_use = "dropped, it takes the copy back"]
pub struct Keeping {
    kept: Option<Kept>,
    /// The directories as they were before they were copied.
    seen: Vec<(RelPath, Snapshot)>,
}

impl Keeping {
    /// The copy; `None` where nothing had to be kept.
    #[must_use]
    pub const fn copy(&self) -> Option<&Kept> {
        self.kept.as_ref()
    }

    /// Lets the change be refused where a person has been at work in a directory since its copy was made: the copy
    /// would lack what they did.
    pub fn watch(&self, change: &mut Transaction) {
        self.seen.iter().for_each(|(path, seen)| change.watch(path, seen.clone()));
    }

    /// What it was made for has happened: the copy stays.
    #[must_use]
    pub fn done(mut self) -> Option<Kept> {
        self.kept.take()
    }
}

impl Drop for Keeping {
    fn drop(&mut self) {
        if let Some(kept) = &self.kept {
            // One that stays is one more to choose from, and no harm.
            let _ = remove_directory(&kept.folder);
        }
    }
}

impl KeptCopies {
    /// Those of the workspace at `root`.
    #[must_use]
    pub fn of(state_dir: &Path, root: &Path) -> Self {
        let root = root.canonicalize().unwrap_or_else(|_| root.to_path_buf());
        Self { folder: state_dir.join("kept").join(file_name_of(&root.to_string_lossy())) }
    }

    /// Keeps these components as they are now, before a command replaces them. The caller holds the workspace.
    ///
    /// # Errors
    /// When something cannot be copied: then nothing must be replaced.
    pub fn keep(&self, workspace: &Workspace, command: &str, at: Timestamp, ids: &[&ComponentId]) -> Result<Keeping> {
        if ids.is_empty() {
            return Ok(Keeping::default());
        }
        let doing = || format!("keeping a copy in {}", self.folder.display());
        make_private_directory(&self.folder).with_context(doing)?;
        recover(&self.folder).with_context(doing)?;
        let number = self.numbers()?.last().map_or(1, |last| last + 1);
        let slot: RelPath = format!("{number:06}").parse()?;
        let folder = self.folder.join(slot.as_str());
        let workspace_file = Some(workspace.file_before.render());
        let mut kept = Kept { command: command.to_owned(), at, components: Vec::new(), workspace_file, folder };
        let mut change = Transaction::begin(&self.folder).with_context(doing)?;
        let mut seen = Vec::new();
        for id in ids {
            let wish = workspace.file_before.components.get(id).cloned();
            let entry = workspace.lock.components.get(id).cloned();
            let path = entry.as_ref().map_or_else(|| workspace.file_before.path_of(id), |entry| Ok(entry.path.clone()))?;
            seen.push((path.clone(), workspace.snapshot(&path)?));
            let found = if entry.is_some() { workspace.directory(&path)? } else { None };
            if let Some(directory) = &found {
                let mut tree = change.stage_tree(&slot.join(&id.to_string().parse()?)?)?;
                tree.copy_from(directory).with_context(|| id.to_string()).with_context(doing)?;
                tree.finish()?;
            }
            kept.components.push(KeptComponent { id: (*id).clone(), path, present: found.is_some(), entry, wish });
        }
        change.stage_file(&slot.join(&RECORD.parse()?)?, &serde_json::to_vec_pretty(&kept)?)?;
        change.commit().with_context(doing)?;
        Ok(Keeping { kept: Some(kept), seen })
    }

    /// All that is kept, the newest first.
    ///
    /// # Errors
    /// When the directory cannot be listed.
    pub fn list(&self) -> Result<Vec<Kept>> {
        let mut found = Vec::new();
        for number in self.numbers()?.into_iter().rev() {
            let folder = self.folder.join(format!("{number:06}"));
            let record = read_small(&folder.join(RECORD), MAX_RECORD)?;
            if let Some(kept) = record.and_then(|bytes| serde_json::from_slice::<Kept>(&bytes).ok()) {
                found.push(Kept { folder, ..kept });
            }
        }
        Ok(found)
    }

    /// The files of a kept component.
    ///
    /// # Errors
    /// When they are gone.
    pub fn files(kept: &Kept, id: &ComponentId) -> Result<Dir> {
        Dir::open(&kept.folder)?.open_below(&id.to_string().parse()?)
    }

    fn numbers(&self) -> Result<Vec<u32>> {
        let mut numbers: Vec<u32> = names_in(&self.folder)?.iter().filter_map(|name| name.parse().ok()).collect();
        numbers.sort_unstable();
        Ok(numbers)
    }
}
