//! The search index of a registry: read from the cache, or built where the registry has changed.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::Result;

use super::people::{self, bring};
use super::{Listed, Registry};
use crate::error::Failure;
use crate::model::digest::ObjectId;
use crate::model::escape::escape_line;
use crate::model::id::ComponentId;
use crate::model::index::{IndexFile, MAX_BYTES};
use crate::model::path::RelPath;
use crate::model::search::{Document, SearchIndex};
use crate::store::memory::file_name_of;
use crate::store::search_index;

/// Where the search index of a registry is cached.
pub(super) fn file(cache: &Path, key: &str) -> PathBuf {
    cache.join("search").join(format!("{}.idx", file_name_of(key)))
}

impl Registry {
    /// The search index of the registry as it was last brought. Components that cannot be read are noted and left out.
    ///
    /// # Errors
    /// The transport's own, where the index files are not at hand yet.
    pub fn search_index(&self) -> Result<SearchIndex> {
        let (index, adoptions): (RelPath, RelPath) = ("index".parse()?, "adoptions".parse()?);
        let shown = |id: Option<ObjectId>| id.map(|id| id.to_string()).unwrap_or_default();
        let key = format!("{} {}", shown(self.source.tree(&index)?), shown(self.source.tree(&adoptions)?));
        let cached = self.search_file.as_ref().filter(|_| !key.starts_with(' '));
        if let Some((path, found)) = cached.and_then(|path| Some((path, search_index::load(path, &key)?))) {
            self.note_left_out(&search_index::left_out(path));
            return Ok(found);
        }
        let known = cached.map(|path| search_index::known_documents(path)).unwrap_or_default();
        let (documents, left_out) = self.documents(&index, &adoptions, &known)?;
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
    fn documents(
        &self,
        index: &RelPath,
        adoptions: &RelPath,
        known: &BTreeMap<ObjectId, Document>,
    ) -> Result<(Vec<Document>, Vec<String>)> {
        let (files, records) = (self.source.files(index)?, self.source.files(adoptions)?);
        let new = |file: &&Listed| file.blob.is_none_or(|blob| !known.contains_key(&blob));
        let wanted = files.iter().filter(new).chain(&records).map(|file| Listed { path: file.path.clone(), blob: file.blob });
        bring(&*self.source, &wanted.collect::<Vec<_>>())?;
        let mut adopters: BTreeMap<ComponentId, u32> = BTreeMap::new();
        for record in &records {
            let Some(id) = record.path.rsplit_once('/').and_then(|(id, _)| id.parse().ok()) else { continue };
            if people::read(&*self.source, adoptions, &record.path)?.is_some_and(|adoption| adoption.is_use()) {
                *adopters.entry(id).or_default() += 1;
            }
        }
        let (mut documents, mut left_out) = (Vec::new(), Vec::new());
        for file in &files {
            let Some(id) = file.path.strip_suffix(".toml").and_then(|id| id.parse::<ComponentId>().ok()) else { continue };
            let document = match file.blob.and_then(|blob| known.get(&blob)).filter(|known| known.id == id) {
                Some(document) => Ok(document.clone()),
                None => self.document(index, file, &id),
            };
            match document {
                Ok(document) => documents.push(Document { adopters: adopters.get(&id).copied().unwrap_or_default(), ..document }),
                Err(error) => left_out.push(escape_line(&format!("{id}: {}", Failure::of(&error)))),
            }
        }
        Ok((documents, left_out))
    }

    fn document(&self, index: &RelPath, file: &Listed, id: &ComponentId) -> Result<Document> {
        let path = index.join(&file.path.parse()?)?;
        let bytes = self.source.read(&path, MAX_BYTES as u64)?.unwrap_or_default();
        // A source without ids is read anew each time: none is kept.
        let blob = file.blob.unwrap_or(ObjectId::from_bytes([0; 20]));
        let parsed = IndexFile::parse(path.as_str(), &bytes, id).map_err(Failure::from)?;
        Ok(Document { id: id.clone(), card: parsed.card, adopters: 0, blob })
    }
}
