//! The search index of a registry: read from the cache, or built where the registry has changed.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::Result;

use super::people::{self, bring};
use super::{Listed, Registry};
use crate::error::Failure;
use crate::model::digest::ObjectId;
use crate::model::escape::escape_line;
use crate::model::id::{ComponentId, Name};
use crate::model::index::{IndexFile, MAX_BYTES};
use crate::model::path::RelPath;
use crate::model::search::{Document, SearchIndex};
use crate::store::memory::file_name_of;
use crate::store::search_index;

/// Where the search index of a registry is cached.
pub(super) fn file(cache: &Path, key: &str) -> PathBuf {
    cache.join("search").join(format!("{}.idx", file_name_of(key)))
}

/// What a search index is made of: whatever else changes leaves it as it is.
struct Folders {
    index: RelPath,
    adoptions: RelPath,
    publishers: RelPath,
}

impl Folders {
    fn new() -> Result<Self> {
        Ok(Self { index: "index".parse()?, adoptions: "adoptions".parse()?, publishers: "publishers".parse()? })
    }

    const fn all(&self) -> [&RelPath; 3] {
        [&self.index, &self.adoptions, &self.publishers]
    }
}

impl Registry {
    /// The search index of the registry as it was last brought. Components that cannot be read are noted and left out.
    ///
    /// # Errors
    /// The transport's own, where the index files are not at hand yet.
    pub fn search_index(&self) -> Result<SearchIndex> {
        let folders = Folders::new()?;
        let key = folders.all().map(|folder| Ok(self.source.tree(folder)?.map(|id| id.to_string()).unwrap_or_default()));
        let key = key.into_iter().collect::<Result<Vec<_>>>()?.join(" ");
        let cached = self.search_file.as_ref().filter(|_| !key.starts_with(' '));
        if let Some((path, found)) = cached.and_then(|path| Some((path, search_index::load(path, &key)?))) {
            self.note_left_out(&search_index::left_out(path));
            return Ok(found);
        }
        let known = cached.map(|path| search_index::known_documents(path)).unwrap_or_default();
        let (documents, left_out) = self.documents(&folders, &known)?;
        self.note_left_out(&left_out);
        match cached {
            Some(path) => search_index::save(path, &key, &documents, &left_out),
            None => Ok(SearchIndex::open(SearchIndex::build(&key, &documents)?)?),
        }
    }

    /// Throws the cached index away: a part of it was found damaged.
    pub fn forget_search_index(&self) {
        if let Some(path) = &self.search_file {
            let _ = std::fs::remove_file(path);
        }
    }

    fn note_left_out(&self, lines: &[String]) {
        self.notes.borrow_mut().extend(lines.iter().map(|line| format!("note: left out: {line}")));
    }

    /// What can be found, and a line for each component that cannot be read.
    fn documents(&self, folders: &Folders, known: &BTreeMap<ObjectId, Document>) -> Result<(Vec<Document>, Vec<String>)> {
        let Folders { index, adoptions, publishers } = folders;
        let (files, records, owners) = (self.source.files(index)?, self.source.files(adoptions)?, self.source.files(publishers)?);
        let new = |file: &&Listed| file.blob.is_none_or(|blob| !known.contains_key(&blob));
        let wanted = files.iter().filter(new).chain(&records).chain(&owners);
        bring(&*self.source, &wanted.cloned().collect::<Vec<_>>())?;
        let adopters = self.adopters(adoptions, &records)?;
        let titles = self.titles(&owners)?;
        let (mut documents, mut left_out) = (Vec::new(), Vec::new());
        for file in &files {
            let Some(id) = file.path.strip_suffix(".toml").and_then(|id| id.parse::<ComponentId>().ok()) else { continue };
            let document = match file.blob.and_then(|blob| known.get(&blob)).filter(|known| known.id == id) {
                Some(document) => Ok(document.clone()),
                None => self.document(index, file, &id),
            };
            let adopters = adopters.get(&id).copied().unwrap_or_default();
            let owner_title = titles.get(id.owner()).cloned().unwrap_or_default();
            match document {
                Ok(document) => documents.push(Document { owner_title, adopters, ..document }),
                Err(error) => left_out.push(escape_line(&format!("{id}: {}", Failure::of(&error)))),
            }
        }
        Ok((documents, left_out))
    }

    /// How many organisations use each component.
    fn adopters(&self, adoptions: &RelPath, records: &[Listed]) -> Result<BTreeMap<ComponentId, u32>> {
        let mut adopters = BTreeMap::new();
        for record in records {
            let Some(id) = record.path.rsplit_once('/').and_then(|(id, _)| id.parse().ok()) else { continue };
            if people::read(&*self.source, adoptions, &record.path)?.is_some_and(|adoption| adoption.is_use()) {
                *adopters.entry(id).or_default() += 1;
            }
        }
        Ok(adopters)
    }

    /// What people call each owner.
    fn titles(&self, owners: &[Listed]) -> Result<BTreeMap<Name, String>> {
        let mut titles = BTreeMap::new();
        for file in owners {
            let Some(owner) = file.path.strip_suffix(".toml").and_then(|owner| owner.parse::<Name>().ok()) else { continue };
            if let Some(publisher) = self.publisher(&owner)? {
                titles.insert(owner, publisher.title);
            }
        }
        Ok(titles)
    }

    fn document(&self, index: &RelPath, file: &Listed, id: &ComponentId) -> Result<Document> {
        let path = index.join(&file.path.parse()?)?;
        let bytes = self.source.read(&path, MAX_BYTES as u64)?.unwrap_or_default();
        // A source without ids is read anew each time: none is kept.
        let blob = file.blob.unwrap_or(ObjectId::from_bytes([0; 20]));
        let parsed = IndexFile::parse(path.as_str(), &bytes, id).map_err(Failure::from)?;
        Ok(Document { id: id.clone(), card: parsed.card, owner_title: String::new(), adopters: 0, blob })
    }
}
