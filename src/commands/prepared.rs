//! A version of a component before it is written: its files with the answers in them, and its entry for the lock.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::Result;

use crate::error::{Code, Failure};
use crate::formats::render::{files_named, render};
use crate::model::content::ContentFile;
use crate::model::digest::{Checksum, FileMode};
use crate::model::id::ComponentId;
use crate::model::index::VersionRecord;
use crate::model::lockfile::LockEntry;
use crate::model::manifest::{MANIFEST_FILE, Manifest};
use crate::model::path::RelPath;
use crate::model::secret_places::Outline;
use crate::model::variables::{Answers, Variable, complete};
use crate::model::written::{digest, normalise};
use crate::store::registry::{Content, Registry};
use crate::store::workspace::Workspace;

/// What is known of a version's files before they are written.
pub(super) struct Prepared {
    pub(super) content: Content,
    pub(super) manifest: Manifest,
    pub(super) answers: Answers,
}

/// Where a component goes, and why.
pub(super) struct Place {
    pub(super) registry: String,
    pub(super) path: RelPath,
    pub(super) requested: bool,
}

impl Place {
    /// Where a component is already.
    pub(super) fn of(entry: &LockEntry) -> Self {
        Self { registry: entry.registry.clone(), path: entry.path.clone(), requested: entry.requested }
    }
}

impl Prepared {
    /// Reads a version from its registry; nothing is answered yet.
    pub(super) fn read(registry: &Registry, id: &ComponentId, record: &VersionRecord) -> Result<Self> {
        let content = registry.content(id, record)?;
        let bytes = content
            .get(MANIFEST_FILE)
            .ok_or_else(|| Failure::new(Code::InvalidManifest, format!("{id} {}: has no {MANIFEST_FILE}", record.version)))?;
        let manifest = Manifest::parse(id, &record.version, bytes)?;
        Ok(Self { content, manifest, answers: Answers::new() })
    }

    /// Reads the version that is here, with the answers of the lock.
    pub(super) fn fetched(registry: &Registry, entry: &LockEntry, record: &VersionRecord) -> Result<Self> {
        let mut prepared = Self::read(registry, &entry.id, record)?;
        prepared.answers.clone_from(&entry.answers);
        // What the lock does not hold is a secret: its placeholder stays.
        prepared.manifest.variables.values_mut().filter(|variable| variable.is_secret()).for_each(|variable| variable.default = None);
        Ok(prepared)
    }

    /// The entry for the lock, and the files as they are written.
    pub(super) fn write(&mut self, id: &ComponentId, record: &VersionRecord, place: Place) -> Result<(LockEntry, Vec<ContentFile>)> {
        let Written { entry, files, .. } = self.written(id, record, place)?;
        Ok((entry, files))
    }

    /// As [`Self::write`], with what stands between secrets.
    pub(super) fn written(&mut self, id: &ComponentId, record: &VersionRecord, place: Place) -> Result<Written> {
        let answers = applied(&self.manifest, &self.answers);
        let content = std::mem::take(&mut self.content);
        let mut entry = entry_of(id, record, place, (&self.manifest, &answers));
        entry.executable = content.files.iter().filter(|f| f.mode == FileMode::Executable).map(|f| f.path.clone()).collect();
        let (files, outlines) = write_answers(id, content, &self.manifest, &answers)?;
        entry.pieces = outlines.iter().map(|(path, outline)| (path.clone(), outline.pieces.clone())).collect();
        let sum = |file: &ContentFile| match outlines.get(&file.path) {
            Some(outline) => Checksum::of(&outline.open),
            None => Checksum::of(&normalise(&file.bytes)),
        };
        entry.written = digest(files.iter().map(|file| (&file.path, sum(file))));
        entry.executable.sort();
        Ok(Written { entry, files, outlines })
    }

    /// The files alone, as they are written.
    pub(super) fn files(&mut self, id: &ComponentId) -> Result<Vec<ContentFile>> {
        let answers = applied(&self.manifest, &self.answers);
        let content = std::mem::take(&mut self.content);
        write_answers(id, content, &self.manifest, &answers).map(|(files, _)| files)
    }
}

/// The answers that are written: what has neither answer nor default keeps its placeholder.
pub(super) fn applied(manifest: &Manifest, answers: &Answers) -> Answers {
    complete(&manifest.variables, answers).unwrap_or_else(|unknown| {
        let mut known = manifest.variables.clone();
        known.retain(|name, _| !unknown.contains(name));
        complete(&known, answers).unwrap_or_else(|_| answers.clone())
    })
}

/// The entry for the lock, but for what the files tell.
pub(super) fn entry_of(id: &ComponentId, record: &VersionRecord, place: Place, (manifest, answers): (&Manifest, &Answers)) -> LockEntry {
    let secret = |name: &String| manifest.variables.get(name).is_some_and(Variable::is_secret);
    LockEntry {
        id: id.clone(),
        version: record.version.clone(),
        registry: place.registry,
        tree: record.tree,
        checksum: record.checksum,
        path: place.path,
        requested: place.requested,
        dependencies: record.dependencies.keys().cloned().collect(),
        answers: answers.iter().filter(|(name, _)| !secret(name)).map(|(n, a)| (n.clone(), a.clone())).collect(),
        written: record.checksum,
        executable: Vec::new(),
        pieces: BTreeMap::new(),
        pending: None,
    }
}

/// The files that answers go into, all of which must be there.
pub(super) fn named_files<'m>(id: &ComponentId, manifest: &'m Manifest, has: impl Fn(&RelPath) -> bool) -> Result<BTreeSet<&'m RelPath>> {
    let named = files_named(&manifest.variables);
    match named.iter().find(|path| !has(path)) {
        None => Ok(named),
        Some(lost) => {
            let message = format!("{id}: {MANIFEST_FILE} names the file `{lost}`, which is not there");
            Err(Failure::new(Code::InvalidManifest, message).into())
        }
    }
}

/// A version as it is written.
pub(super) struct Written {
    pub(super) entry: LockEntry,
    pub(super) files: Vec<ContentFile>,
    pub(super) outlines: Outlines,
}

/// What stands between the secrets of the files that hold any.
pub(super) type Outlines = BTreeMap<RelPath, Outline>;

fn write_answers(id: &ComponentId, content: Content, manifest: &Manifest, answers: &Answers) -> Result<(Vec<ContentFile>, Outlines)> {
    let named = named_files(id, manifest, |path| content.get(path.as_str()).is_some())?;
    let (mut files, mut outlines) = (content.files, Outlines::new());
    for file in files.iter_mut().filter(|file| named.contains(&file.path)) {
        let rendered = render(id, &file.path, &file.bytes, &manifest.variables, answers)?;
        file.bytes = rendered.bytes;
        outlines.extend(rendered.outline.map(|outline| (file.path.clone(), outline)));
    }
    Ok((files, outlines))
}

/// The manifest of a component in the workspace, as it lies there; people may have broken that file.
pub(super) fn manifest_on_disk(workspace: &Workspace, entry: &LockEntry) -> Option<Manifest> {
    let path = entry.path.join(&MANIFEST_FILE.parse().ok()?).ok()?;
    let bytes = workspace.read(&path).ok()??;
    Manifest::parse(&entry.id, &entry.version, &bytes).ok()
}
