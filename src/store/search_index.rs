//! The search index of a registry in the cache: read, or written anew after a refresh.
//!
//! It can be made again at any time from what the cache has of the registry. So whatever is
//! missing, old or damaged here is simply absent, and nothing is told of it.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{Read as _, Seek as _, SeekFrom};
use std::ops::Range;
use std::path::{Path, PathBuf};

use super::fs::atomic::write_atomic;
use super::fs::dir::Readers;
use super::fs::read_small;
use crate::model::digest::ObjectId;
use crate::model::search::{Document, PREFIX_LENGTH, Records, SearchIndex};

/// The most that is read of what an index leaves out, in bytes.
const MOST_LEFT_OUT: u64 = 1 << 20;

/// The index at `path`, where it is whole and shows the state of the registry named by `key`.
///
/// A damaged record is noticed only when it is read ([`SearchIndex::document`]).
#[must_use]
pub fn load(path: &Path, key: &str) -> Option<SearchIndex> {
    load_any(path).filter(|index| index.key() == key)
}

/// The index at `path`, where it is whole, whatever it shows.
#[must_use]
pub fn load_any(path: &Path) -> Option<SearchIndex> {
    // Opening a pipe would wait for a writer.
    if !fs::metadata(path).ok()?.is_file() {
        return None;
    }
    let mut file = File::open(path).ok()?;
    let mut head = vec![0; PREFIX_LENGTH];
    file.read_exact(&mut head).ok()?;
    let length = u64::try_from(SearchIndex::head_length(&head).ok()?).ok()?;
    if length > file.metadata().ok()?.len() {
        return None;
    }
    let rest = length.checked_sub(u64::try_from(PREFIX_LENGTH).ok()?)?;
    head.reserve_exact(usize::try_from(rest).ok()?);
    (&mut file).take(rest).read_to_end(&mut head).ok()?;
    SearchIndex::open_head(head, Box::new(RecordsInFile { file, start: length })).ok()
}

/// What an earlier index knows, by the blob of the index file it was read from: the next one
/// need read only what has changed.
#[must_use]
pub fn known_documents(path: &Path) -> BTreeMap<ObjectId, Document> {
    // Everything at once: a read for each record would be slower.
    let is_file = fs::metadata(path).is_ok_and(|metadata| metadata.is_file());
    let index = is_file.then(|| fs::read(path).ok()).flatten().and_then(|bytes| SearchIndex::open(bytes).ok());
    index.map(|index| index.documents().collect()).unwrap_or_default()
}

/// The part of an index file after its head.
#[derive(Debug)]
struct RecordsInFile {
    file: File,
    start: u64,
}

impl Records for RecordsInFile {
    fn size(&self) -> Option<u64> {
        self.file.metadata().ok()?.len().checked_sub(self.start)
    }

    fn read(&self, range: Range<u64>) -> Option<Vec<u8>> {
        let mut file = &self.file;
        file.seek(SeekFrom::Start(self.start + range.start)).ok()?;
        let mut record = vec![0; usize::try_from(range.end.checked_sub(range.start)?).ok()?];
        file.read_exact(&mut record).ok()?;
        Some(record)
    }
}

/// What the index at `path` leaves out, a line for each component.
#[must_use]
pub fn left_out(path: &Path) -> Vec<String> {
    let lines = read_small(&left_out_file(path), MOST_LEFT_OUT).ok().flatten().and_then(|bytes| String::from_utf8(bytes).ok());
    lines.unwrap_or_default().lines().map(str::to_owned).collect()
}

fn left_out_file(path: &Path) -> PathBuf {
    path.with_extension("left-out")
}

/// Builds the index of these documents, puts it in place of what is at `path`, and gives it back.
///
/// # Errors
/// When the documents do not fit an index, or the cache cannot be written.
pub fn save(path: &Path, key: &str, documents: &[Document], left_out: &[String]) -> anyhow::Result<SearchIndex> {
    let bytes = SearchIndex::build(key, documents)?;
    // First, so that an index never stands beside the lines of an earlier one for long.
    if left_out.is_empty() {
        let _ = fs::remove_file(left_out_file(path));
    } else {
        write_atomic(&left_out_file(path), left_out.join("\n").as_bytes(), Readers::Owner)?;
    }
    write_atomic(path, &bytes, Readers::Owner)?;
    Ok(SearchIndex::open(bytes)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::index::Card;

    fn document(id: &str) -> Document {
        Document {
            id: id.parse().expect("an id"),
            card: Card { version: "1.0.0".to_owned(), ..Card::default() },
            owner_title: String::new(),
            adopters: 0,
            blob: ObjectId::from_bytes([3; 20]),
        }
    }

    /// A directory of this test's own, gone when it ends.
    struct Scratch(PathBuf);

    impl Scratch {
        fn new(name: &str) -> Self {
            let path = std::env::temp_dir().join(format!("forum-search-index-{name}-{}", std::process::id()));
            let _ = fs::remove_dir_all(&path);
            Self(path)
        }
    }

    impl Drop for Scratch {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    #[test]
    fn an_index_is_found_again_under_its_key_alone() {
        let scratch = Scratch::new("key");
        let path = scratch.0.join("search").join("registry.idx");
        assert!(load_any(&path).is_none());
        save(&path, "one", &[document("aa/bb")], &[]).expect("written");
        assert_eq!(load(&path, "one").expect("there").len(), 1);
        assert!(load(&path, "two").is_none());
        save(&path, "two", &[document("aa/bb"), document("aa/cc")], &[]).expect("written again");
        let index = load(&path, "two").expect("there");
        assert_eq!((index.len(), index.document(1).expect("whole").id.to_string()), (2, "aa/cc".to_owned()));
        assert_eq!(known_documents(&path).len(), 1, "by blob");
        let names: Vec<_> = fs::read_dir(scratch.0.join("search")).expect("listed").map(|e| e.expect("entry").file_name()).collect();
        assert_eq!(names, ["registry.idx"]);
    }

    #[test]
    fn what_is_damaged_counts_as_absent() {
        let scratch = Scratch::new("damaged");
        let path = scratch.0.join("registry.idx");
        save(&path, "one", &[document("aa/bb")], &[]).expect("written");
        let mut bytes = fs::read(&path).expect("read");
        *bytes.last_mut().expect("not empty") ^= 1;
        fs::write(&path, &bytes).expect("written");
        assert!(load(&path, "one").expect("its head is whole").document(0).is_err());
        assert!(known_documents(&path).is_empty());
        bytes[30] ^= 1;
        fs::write(&path, &bytes).expect("written");
        assert!(load(&path, "one").is_none());
        bytes[30] ^= 1;
        bytes.pop();
        fs::write(&path, &bytes).expect("written");
        assert!(load(&path, "one").is_none() && known_documents(&path).is_empty());
        fs::write(&path, b"").expect("written");
        assert!(load_any(&path).is_none());
        save(&path, "one", &[document("aa/bb")], &[]).expect("healed");
        assert!(load(&path, "one").is_some());
        assert!(load_any(&scratch.0).is_none(), "a directory is no index");
    }

    #[cfg(unix)]
    #[test]
    fn only_the_user_can_look() {
        use std::os::unix::fs::PermissionsExt as _;
        let scratch = Scratch::new("private");
        let path = scratch.0.join("search").join("registry.idx");
        save(&path, "one", &[], &[]).expect("written");
        let mode = |path: &Path| fs::metadata(path).expect("there").permissions().mode() & 0o777;
        assert_eq!((mode(&scratch.0.join("search")), mode(&path)), (0o700, 0o600));
    }
}
