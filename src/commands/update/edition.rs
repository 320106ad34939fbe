//! A version as it would be written here, of which no file is held: an update looks into few of a component's files.

use std::collections::BTreeMap;

use anyhow::Result;

use crate::commands::prepared::{Place, applied, entry_of, named_files};
use crate::error::{Code, Failure};
use crate::fail;
use crate::formats::render::{Rendered, render};
use crate::model::digest::{Checksum, FileMode};
use crate::model::id::ComponentId;
use crate::model::index::VersionRecord;
use crate::model::lockfile::LockEntry;
use crate::model::manifest::{MANIFEST_FILE, Manifest};
use crate::model::path::RelPath;
use crate::model::secret_places::Outline;
use crate::model::variables::Answers;
use crate::model::written::{Sums, digest};
use crate::store::registry::{Registry, Surveyed};

/// A file of one side of a merge, by what is known of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Known {
    /// What it holds; `None` for links and special files.
    pub(super) sums: Option<Sums>,
    /// Whether it may be executed; `None` where the file system does not say.
    pub(super) executable: Option<bool>,
}

/// The files of one side.
pub(super) type KnownFiles = BTreeMap<RelPath, Known>;

/// A published version with the answers of here.
pub(super) struct Edition<'r> {
    registry: &'r Registry,
    id: ComponentId,
    record: VersionRecord,
    pub(super) manifest: Manifest,
    /// Set before [`Self::write`].
    pub(super) answers: Answers,
    published: BTreeMap<RelPath, Surveyed>,
    /// As they are written, once it is known how.
    pub(super) files: KnownFiles,
}

impl<'r> Edition<'r> {
    /// Looks at a version in its registry; nothing is answered yet.
    pub(super) fn read(registry: &'r Registry, id: &ComponentId, record: &VersionRecord) -> Result<Self> {
        let published: BTreeMap<_, _> = registry.survey(id, record)?.into_iter().map(|file| (file.path.clone(), file)).collect();
        let Some(file) = published.get(&MANIFEST_FILE.parse::<RelPath>()?) else {
            fail!(Code::InvalidManifest, "{id} {}: has no {MANIFEST_FILE}", record.version);
        };
        let manifest = Manifest::parse(id, &record.version, &registry.surveyed(id, file)?)?;
        let (answers, files) = (Answers::new(), KnownFiles::new());
        Ok(Self { registry, id: id.clone(), record: record.clone(), manifest, answers, published, files })
    }

    /// The version that is here, with the answers of the lock. What the lock does not hold is a secret: its placeholder
    /// stays.
    pub(super) fn fetched(registry: &'r Registry, entry: &LockEntry, record: &VersionRecord) -> Result<Self> {
        let mut edition = Self::read(registry, &entry.id, record)?;
        edition.answers.clone_from(&entry.answers);
        edition.manifest.variables.values_mut().filter(|variable| variable.is_secret()).for_each(|variable| variable.default = None);
        Ok(edition)
    }

    /// Decides what is written: the entry for the lock.
    pub(super) fn write(&mut self, place: Place) -> Result<LockEntry> {
        let named = named_files(&self.id, &self.manifest, |path| self.published.contains_key(path))?;
        let mut entry = entry_of(&self.id, &self.record, place, (&self.manifest, &applied(&self.manifest, &self.answers)));
        let (mut files, mut open) = (KnownFiles::new(), BTreeMap::new());
        for (path, file) in &self.published {
            let mut sums = file.sums;
            if named.contains(path) {
                let rendered = self.rendered(file)?;
                sums = Sums::of(&rendered.bytes);
                if let Some(outline) = rendered.outline {
                    open.insert(path, Checksum::of(&outline.open));
                    entry.pieces.insert(path.clone(), outline.pieces);
                }
            }
            if file.mode == FileMode::Executable {
                entry.executable.push(path.clone());
            }
            files.insert(path.clone(), Known { sums: Some(sums), executable: Some(file.mode == FileMode::Executable) });
        }
        let plain = files.iter().filter_map(|(path, known)| Some((path, open.get(path).copied().or(known.sums.map(|sums| sums.plain))?)));
        entry.written = digest(plain);
        self.files = files;
        Ok(entry)
    }

    /// One file as it is written.
    pub(super) fn bytes(&self, path: &RelPath) -> Result<Vec<u8>> {
        let Some(file) = self.published.get(path) else {
            return Err(Failure::new(Code::Internal, format!("{} {} has no `{path}`", self.id, self.record.version)).into());
        };
        let named = named_files(&self.id, &self.manifest, |_| true)?.contains(path);
        if named { Ok(self.rendered(file)?.bytes) } else { self.registry.surveyed(&self.id, file) }
    }

    /// What stands between the secrets of a file.
    pub(super) fn outline(&self, path: &RelPath) -> Result<Option<Outline>> {
        self.published.get(path).map_or(Ok(None), |file| Ok(self.rendered(file)?.outline))
    }

    fn rendered(&self, file: &Surveyed) -> Result<Rendered> {
        let bytes = self.registry.surveyed(&self.id, file)?;
        let answers = applied(&self.manifest, &self.answers);
        Ok(render(&self.id, &file.path, &bytes, &self.manifest.variables, &answers)?)
    }
}
