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

/// How the line of a component begins that is no longer what this machine has seen.
const BROKEN: &str = "integrity ";

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
    /// The search index of the registry as it was last brought. Components that cannot be read, or that are no longer
    /// what this machine has seen, are noted and left out.
    ///
    /// # Errors
    /// The transport's own, where the index files are not at hand yet.
    pub fn search_index(&self) -> Result<SearchIndex> {
        let (index, broken) = self.checked_index()?;
        self.note_left_out(&broken);
        Ok(index)
    }

    /// The same, with a line for each component whose published versions are no longer those that this machine has seen.
    ///
    /// # Errors
    /// As [`Self::search_index`].
    pub fn checked_index(&self) -> Result<(SearchIndex, Vec<String>)> {
        let folders = Folders::new()?;
        let key = folders.all().map(|folder| Ok(self.source.tree(folder)?.map(|id| id.to_string()).unwrap_or_default()));
        let key = key.into_iter().collect::<Result<Vec<_>>>()?.join(" ");
        let cached = self.search_file.as_ref().filter(|_| !key.starts_with(' '));
        if let Some((path, found)) = cached.and_then(|path| Some((path, search_index::load(path, &key)?))) {
            return Ok((found, self.note_unreadable(&search_index::left_out(path))));
        }
        let known = cached.map(|path| search_index::known_documents(path)).unwrap_or_default();
        let (documents, left_out) = self.documents(&folders, &known)?;
        let broken = self.note_unreadable(&left_out);
        let index = match cached {
            Some(path) => search_index::save(path, &key, &documents, &left_out)?,
            None => SearchIndex::open(SearchIndex::build(&key, &documents)?)?,
        };
        Ok((index, broken))
    }

    /// Notes what cannot be read, and gives what is no longer as it was seen.
    fn note_unreadable(&self, lines: &[String]) -> Vec<String> {
        let (broken, unreadable): (Vec<_>, Vec<_>) = lines.iter().cloned().partition(|line| line.starts_with(BROKEN));
        self.note_left_out(&unreadable);
        broken.iter().map(|line| line[BROKEN.len()..].to_owned()).collect()
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
        let ids: BTreeMap<ComponentId, &Listed> = files.iter().filter_map(|file| Some((component(file)?, file))).collect();
        let unchanged = |id: &ComponentId, file: &Listed| file.blob.and_then(|blob| known.get(&blob)).filter(|known| known.id == *id);
        let changed = ids.iter().filter(|(id, file)| unchanged(id, file).is_none());
        let mut read: BTreeMap<_, _> = changed.map(|(id, file)| (id, self.parsed(index, file, id))).collect();
        let broken = self.broken(&read, &ids)?;
        let (mut documents, mut left_out): (_, Vec<_>) =
            (Vec::new(), broken.values().map(|failure| escape_line(&format!("{BROKEN}{failure}"))).collect());
        for (id, file) in ids.iter().filter(|(id, _)| !broken.contains_key(*id)) {
            let document = match (unchanged(id, file), read.remove(id)) {
                (Some(document), _) => Ok(document.clone()),
                (None, Some(Ok(parsed))) => Ok(document(parsed, file)),
                (None, Some(Err(error))) => Err(error),
                (None, None) => continue,
            };
            let adopters = adopters.get(id).copied().unwrap_or_default();
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

    fn parsed(&self, index: &RelPath, file: &Listed, id: &ComponentId) -> Result<IndexFile> {
        let path = index.join(&file.path.parse()?)?;
        let bytes = self.source.read(&path, MAX_BYTES as u64)?.unwrap_or_default();
        Ok(IndexFile::parse(path.as_str(), &bytes, id).map_err(Failure::from)?)
    }

    /// Compares what was read anew with what this machine has seen before, and remembers it.
    fn broken(&self, read: &Read<'_>, there: &BTreeMap<ComponentId, &Listed>) -> Result<BTreeMap<ComponentId, Failure>> {
        let Some(memory) = &self.memory else { return Ok(BTreeMap::new()) };
        let new: Vec<_> = read.values().filter_map(|parsed| parsed.as_ref().ok()).collect();
        memory.check_all(&new, &there.keys().collect())
    }
}

/// The index files that had to be read.
type Read<'a> = BTreeMap<&'a ComponentId, Result<IndexFile>>;

fn component(file: &Listed) -> Option<ComponentId> {
    file.path.strip_suffix(".toml")?.parse().ok()
}

fn document(index: IndexFile, file: &Listed) -> Document {
    // A source without ids is read anew each time: none is kept.
    let blob = file.blob.unwrap_or(ObjectId::from_bytes([0; 20]));
    Document { id: index.id, card: index.card, owner_title: String::new(), adopters: 0, blob }
}
