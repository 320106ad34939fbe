//! A plain folder as registry: taken as it stands, nothing of it is remembered, since people edit it.

use std::path::Path;

use anyhow::Result;
use git2::{ObjectType, Oid};

use super::content::{Bytes, Collector, Content, Surveyed, tree_id, tree_id_of};
use super::{Listed, MAX_LISTED_DEPTH, Source};
use crate::error::{Code, Failure};
use crate::model::content::ContentFile;
use crate::model::digest::FileMode;
use crate::model::id::ComponentId;
use crate::model::index::{IndexFile, VersionRecord};
use crate::model::path::RelPath;
use crate::model::registry_file::Limits;
use crate::model::registry_state::{Directory, Obstacle, Trouble};
use crate::model::written::Sums;
use crate::store::fs::dir::{self, Dir, EntryPath, Kind};

/// A folder with the layout of a registry.
pub struct Folder(Dir);

impl Folder {
    pub(super) fn open(path: &Path) -> Result<Self> {
        Dir::open(path).map(Self)
    }

    /// Every path that is no directory, relative and with `/`.
    pub(super) fn paths(&self) -> Result<Vec<String>> {
        let entries = self.0.list(dir::Limits { entries: 1_000_000, ..dir::Limits::default() })?;
        let files = entries.into_iter().filter(|entry| entry.kind != Kind::Dir);
        Ok(files.map(|entry| entry.path.native().to_string_lossy().replace('\\', "/")).collect())
    }

    /// What lies in the directory of a component, with all that is wrong in it.
    pub(super) fn directory(&self, id: &ComponentId) -> Result<Option<Directory>> {
        let Some(dir) = self.0.find_below(&place(id)?)? else { return Ok(None) };
        let (mut files, mut obstacles) = (Vec::new(), Vec::new());
        for entry in dir.list(dir::Limits::default())? {
            let shown = entry.path.native().to_string_lossy().replace('\\', "/");
            let mut refuse = |trouble, why: &str| obstacles.push(Obstacle { path: shown.clone(), trouble, why: why.to_owned() });
            match (entry.kind, &entry.path) {
                (Kind::Dir, _) => {}
                (Kind::Link, _) => refuse(Trouble::Kind, "is a symbolic link"),
                (Kind::Special, _) => refuse(Trouble::Kind, "is neither a file nor a directory"),
                (Kind::File { .. }, EntryPath::Other(_)) => match shown.parse::<RelPath>() {
                    Err(error) => refuse(Trouble::Name, error.rule()),
                    Ok(_) => refuse(Trouble::Name, "is not UTF-8"),
                },
                (Kind::File { executable, len }, EntryPath::Valid(path)) => {
                    let bytes = dir.read(path, len)?.unwrap_or_default();
                    let mode = if executable { FileMode::Executable } else { FileMode::Regular };
                    files.push(ContentFile { path: path.clone(), mode, bytes });
                }
            }
        }
        Ok(Some(Directory { files, obstacles }))
    }
}

impl Folder {
    fn collect<'a>(&self, id: &'a ComponentId, record: &'a VersionRecord, limits: Limits, held: Bytes) -> Result<Collector<'a>> {
        let place = place(id)?;
        let Some(dir) = self.0.find_below(&place)? else {
            let message = format!("{id} {}: the registry's folder has no `{place}`", record.version);
            return Err(Failure::new(Code::InvalidRegistry, message).into());
        };
        let mut collector = Collector::new(id, record, limits);
        for entry in dir.list(dir::Limits::default())? {
            let shown = entry.path.native().to_string_lossy().replace('\\', "/");
            match entry.kind {
                Kind::Dir => {}
                Kind::Link | Kind::Special => return Err(collector.refuse(&shown, "is neither a file nor a directory")),
                Kind::File { executable, len } => {
                    let path = collector.admit(&shown, len)?;
                    let bytes = dir.read(&path, limits.file)?.unwrap_or_default();
                    let mode = if executable { FileMode::Executable } else { FileMode::Regular };
                    match held {
                        Bytes::Held => collector.add(path, mode, bytes)?,
                        Bytes::Forgotten => {
                            collector.refuse_pointer(&path, &bytes)?;
                            let blob = Oid::hash_object(ObjectType::Blob, &bytes)?;
                            collector.note(Surveyed { path, mode, sums: Sums::of(&bytes), blob });
                        }
                    }
                }
            }
        }
        Ok(collector)
    }
}

impl Source for Folder {
    fn read(&self, path: &RelPath, limit: u64) -> Result<Option<Vec<u8>>> {
        self.0.read(path, limit)
    }

    fn files(&self, below: &RelPath) -> Result<Vec<Listed>> {
        let Some(dir) = self.0.find_below(below)? else { return Ok(Vec::new()) };
        let entries = dir.list(dir::Limits { depth: MAX_LISTED_DEPTH, ..dir::Limits::default() })?;
        let named = entries.into_iter().filter_map(|entry| match (entry.path, entry.kind) {
            (EntryPath::Valid(path), Kind::File { .. }) => Some(Listed { path: path.as_str().to_owned(), blob: None }),
            _ => None,
        });
        Ok(named.collect())
    }

    fn can_be_had(&self, index: &IndexFile, record: &VersionRecord) -> bool {
        index.last_published().is_some_and(|last| last.version == record.version)
    }

    fn content(&self, id: &ComponentId, record: &VersionRecord, limits: Limits) -> Result<Content> {
        let collector = self.collect(id, record, limits, Bytes::Held)?;
        let tree = tree_id(collector.files())?;
        collector.finish(tree)
    }

    fn survey(&self, id: &ComponentId, record: &VersionRecord, limits: Limits) -> Result<Vec<Surveyed>> {
        let collector = self.collect(id, record, limits, Bytes::Forgotten)?;
        let tree = tree_id_of(collector.surveyed())?;
        collector.finish_survey(tree)
    }

    fn surveyed(&self, id: &ComponentId, file: &Surveyed) -> Result<Vec<u8>> {
        let path = place(id)?.join(&file.path)?;
        Ok(self.0.read(&path, u64::MAX)?.unwrap_or_default())
    }
}

/// Where the files of a component lie.
fn place(id: &ComponentId) -> Result<RelPath> {
    Ok(format!("components/{id}").parse()?)
}
