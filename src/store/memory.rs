//! What this machine has seen of each registry: its last `main` and every digest.
//!
//! It lies in the state directory, apart from what a cleaned cache loses, because it is what makes "the index only
//! moves forward" and "a version never changes" hold from one run to the next (contract, section 3). `main` is one
//! line; `seen` grows by lines `owner/name version tree checksum` and is searched as text; `accepted` says how many bytes of
//! it tell of versions that may be gone, since the user has accepted another history.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use anyhow::{Context as _, Result};
use git2::Oid;
use jiff::Timestamp;
use semver::Version;

use super::fs::atomic::write_atomic;
use super::fs::dir::Readers;
use super::fs::lock::FileLock;
use super::fs::{make_private_directory, read_small};
use crate::error::{Code, Failure};
use crate::fail;
use crate::model::digest::Checksum;
use crate::model::id::ComponentId;
use crate::model::index::IndexFile;

/// A commit that was made for a branch: by it forum knows its own branch again, and makes the same commit again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Contribution {
    /// The `main` that it was made on.
    pub main: Oid,
    /// The commit.
    pub commit: Oid,
    /// Its time.
    pub at: Timestamp,
    /// The link that the server printed when it took it.
    pub link: Option<String>,
}

impl Contribution {
    fn parse(line: &str) -> Option<Self> {
        let mut words = line.trim().split(' ');
        let (main, commit) = (words.next()?.parse().ok()?, words.next()?.parse().ok()?);
        let at = Timestamp::from_second(words.next()?.parse().ok()?).ok()?;
        Some(Self { main, commit, at, link: words.next().map(str::to_owned) })
    }
}

/// The memory of one registry.
#[derive(Debug)]
pub struct Memory {
    folder: PathBuf,
    /// What `seen` held when it was first read: it may be large, and is asked for each component.
    seen: RefCell<Option<Rc<[u8]>>>,
}

/// A short name for files that belong to a registry.
#[must_use]
pub fn file_name_of(key: &str) -> String {
    let readable: String = key.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).collect();
    let tail: String = readable.chars().rev().take(40).collect::<Vec<_>>().into_iter().rev().collect();
    format!("{}-{}", tail.trim_matches('-'), &Checksum::of(key.as_bytes()).hex()[..16])
}

impl Memory {
    /// The memory of the registry with this key.
    #[must_use]
    pub fn of(state_dir: &Path, key: &str) -> Self {
        Self { folder: state_dir.join("registries").join(file_name_of(key)), seen: RefCell::default() }
    }

    fn locked(&self) -> Result<FileLock> {
        make_private_directory(&self.folder)?;
        FileLock::exclusive(&self.folder.join("lock"), &|| ())
    }

    /// The commit that `main` was last seen at.
    ///
    /// # Errors
    /// When the file is there and cannot be read.
    pub fn main(&self) -> Result<Option<Oid>> {
        let path = self.folder.join("main");
        match fs::read_to_string(&path) {
            Ok(text) => match text.trim().parse() {
                Ok(oid) => Ok(Some(oid)),
                Err(_) => fail!(Code::Io, "{} is damaged; remove it to trust the registry anew", path.display()),
            },
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error).with_context(|| format!("reading {}", path.display())),
        }
    }

    /// Remembers where `main` is.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn set_main(&self, main: Oid) -> Result<()> {
        if self.main().ok().flatten() == Some(main) {
            return Ok(());
        }
        let _held = self.locked()?;
        write_atomic(&self.folder.join("main"), format!("{main}\n").as_bytes(), Readers::Owner).map(drop)
    }

    /// What was last contributed on a branch.
    ///
    /// # Errors
    /// When it is there and cannot be read.
    pub fn contribution(&self, branch: &str) -> Result<Option<Contribution>> {
        let bytes = read_small(&self.folder.join("contributions").join(file_name_of(branch)), 1 << 16)?;
        // One that a kill tore apart is as good as none: the branch itself is looked at then.
        Ok(bytes.and_then(|bytes| Contribution::parse(&String::from_utf8_lossy(&bytes))))
    }

    /// Remembers what is about to be contributed on a branch.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn remember_contribution(&self, branch: &str, contribution: &Contribution) -> Result<()> {
        let path = self.folder.join("contributions").join(file_name_of(branch));
        let Contribution { main, commit, at, link } = contribution;
        let link = link.as_ref().map(|link| format!(" {link}")).unwrap_or_default();
        write_atomic(&path, format!("{main} {commit} {}{link}\n", at.as_second()).as_bytes(), Readers::Owner).map(drop)
    }

    /// Compares the digests of an index file with those seen before, and remembers new ones.
    ///
    /// # Errors
    /// [`Code::Integrity`] with both digests, where a version has another one now.
    pub fn check(&self, index: &IndexFile) -> Result<()> {
        let text = self.text();
        self.append(&new_versions(index, seen_of(&text, &index.id))?)
    }

    /// The same for all index files that are `new`, of those that are `there`: what is wrong, by component. A component
    /// or a version that was seen and is gone is wrong, too.
    ///
    /// # Errors
    /// When what is new cannot be written down.
    pub fn check_all(&self, new: &[&IndexFile], there: &BTreeSet<&ComponentId>) -> Result<BTreeMap<ComponentId, Failure>> {
        let text = self.text();
        let accepted = self.accepted();
        let mut seen: HashMap<&str, Vec<Seen<'_>>> = HashMap::new();
        for line in all_seen(&text) {
            seen.entry(line.id).or_default().push(line);
        }
        let (mut wrong, mut lines) = (BTreeMap::new(), String::new());
        for index in new {
            let known = seen.get(index.id.to_string().as_str()).cloned().unwrap_or_default();
            let gone = gone(&index.id, Some(index), &known, accepted);
            match gone.map_or_else(|| new_versions(index, known.into_iter()), Err) {
                Ok(versions) => lines += &versions,
                Err(failure) => drop(wrong.insert(index.id.clone(), failure)),
            }
        }
        for (id, known) in seen {
            let Ok(id) = id.parse::<ComponentId>() else { continue };
            let lost = if there.contains(&id) { None } else { gone(&id, None, &known, accepted) };
            wrong.extend(lost.map(|failure| (id, failure)));
        }
        self.append(&lines)?;
        Ok(wrong)
    }

    /// The failure where a version of a component was seen and is gone from the index, without a tombstone.
    #[must_use]
    pub fn gone(&self, id: &ComponentId, index: Option<&IndexFile>) -> Option<Failure> {
        let text = self.text();
        gone(id, index, &seen_of(&text, id).collect::<Vec<_>>(), self.accepted())
    }

    /// From now on, what has been seen so far may be gone: the user has accepted another history. A digest that was
    /// seen holds all the same.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn accept_gone(&self) -> Result<()> {
        let _held = self.locked()?;
        self.seen.take();
        let length = self.text().len();
        write_atomic(&self.folder.join("accepted"), format!("{length}\n").as_bytes(), Readers::Owner).map(drop)
    }

    /// How much of what was seen may be gone, in bytes of the file.
    fn accepted(&self) -> usize {
        let read = read_small(&self.folder.join("accepted"), 64).ok().flatten();
        read.and_then(|bytes| String::from_utf8(bytes).ok()?.trim().parse().ok()).unwrap_or_default()
    }

    fn text(&self) -> Rc<[u8]> {
        let read = || fs::read(self.folder.join("seen")).unwrap_or_default().into();
        Rc::clone(self.seen.borrow_mut().get_or_insert_with(read))
    }

    fn append(&self, lines: &str) -> Result<()> {
        if lines.is_empty() {
            return Ok(());
        }
        let path = &self.folder.join("seen");
        self.seen.take();
        let _held = self.locked()?;
        let begin = || -> std::io::Result<()> {
            let mut file = OpenOptions::new().create(true).append(true).open(path)?;
            // Every line begins after a line end: the first one too, and one after a line that a kill cut off.
            file.write_all(format!("\n{lines}").as_bytes())?;
            file.sync_all()
        };
        begin().with_context(|| format!("writing {}", path.display()))
    }
}

/// A line of what was seen.
#[derive(Debug, Clone, Copy)]
struct Seen<'a> {
    id: &'a str,
    version: &'a str,
    digests: &'a str,
    /// Where it stands in the file.
    at: usize,
}

/// The bytes of both digests and the space between them. A line with others was cut off by a kill or a full disk, and
/// is none.
const DIGESTS: usize = 40 + 1 + "sha256:".len() + 64;

impl<'a> Seen<'a> {
    fn parse(line: &'a [u8], at: usize) -> Option<Self> {
        let (id, rest) = std::str::from_utf8(line).ok()?.split_once(' ')?;
        let (version, digests) = rest.split_once(' ')?;
        (digests.len() == DIGESTS).then_some(Self { id, version, digests, at })
    }
}

fn all_seen(text: &[u8]) -> impl Iterator<Item = Seen<'_>> {
    let mut at = 0;
    text.split(|&byte| byte == b'\n').filter_map(move |line| {
        let begin = at;
        at += line.len() + 1;
        Seen::parse(line, begin)
    })
}

/// What was seen of one component: the file is searched as text, for it may be large.
fn seen_of<'a>(text: &'a [u8], id: &ComponentId) -> impl Iterator<Item = Seen<'a>> + use<'a> {
    let start = format!("\n{id} ");
    let places: Vec<_> = memchr::memmem::find_iter(text, start.as_bytes()).map(|at| at + 1).collect();
    places.into_iter().filter_map(|at| {
        let rest = &text[at..];
        Seen::parse(&rest[..memchr::memchr(b'\n', rest)?], at)
    })
}

/// The lines for those versions of an index that were never seen. The first line about a version is the one that counts.
fn new_versions<'a>(index: &IndexFile, seen: impl Iterator<Item = Seen<'a>>) -> Result<String, Failure> {
    let mut known: HashMap<&str, &str> = HashMap::new();
    for line in seen {
        known.entry(line.version).or_insert(line.digests);
    }
    let mut new = String::new();
    for record in &index.versions {
        let version = record.version.to_string();
        let digests = format!("{} {}", record.tree, record.checksum);
        match known.get(version.as_str()) {
            None => new += &format!("{} {version} {digests}\n", index.id),
            Some(seen) if *seen == digests => {}
            Some(seen) => {
                let message =
                    format!("{} {version}: its digests were `{seen}` when this machine last saw it, now they are `{digests}`", index.id);
                let failure = Failure::new(Code::Integrity, message);
                return Err(failure.hint("a published version never changes: ask the forum's maintainers what happened"));
            }
        }
    }
    Ok(new)
}

/// The failure for what was seen after the first `accepted` bytes and is in the index no more.
fn gone(id: &ComponentId, index: Option<&IndexFile>, seen: &[Seen<'_>], accepted: usize) -> Option<Failure> {
    let is_there = |version: &Version| index.is_some_and(|index| index.knows(version));
    let lost = |line: &&Seen<'_>| line.at >= accepted && line.version.parse().is_ok_and(|version| !is_there(&version));
    let versions: BTreeSet<_> = seen.iter().filter(lost).map(|line| line.version).collect();
    let named = versions.into_iter().collect::<Vec<_>>().join(", ");
    (!named.is_empty()).then(|| {
        let message = format!("{id} {named}: this machine has seen it, and it is gone from the registry's index without a tombstone");
        let failure = Failure::new(Code::Integrity, message);
        failure
            .hint("a published version is never taken away like that: ask the forum's maintainers what happened")
            .hint("if you trust the answer: forum registry refresh --accept-rewrite")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn index(tree: char) -> IndexFile {
        let (tree, sum) = (tree.to_string().repeat(40), "0".repeat(64));
        let text = format!(
            "format = 1\nid = \"aa/bb\"\n[card]\n[[version]]\nversion = \"1.0.0\"\ntree = \"{tree}\"\nchecksum = \"sha256:{sum}\"\npublished = \"2026-01-01T00:00:00Z\"\nlicense = \"MIT\"\n"
        );
        IndexFile::parse("index/aa/bb.toml", text.as_bytes(), &"aa/bb".parse().expect("id")).unwrap_or_else(|e| panic!("{e:?}"))
    }

    #[test]
    fn another_digest_is_refused_with_both_named() {
        let dir = tempfile::tempdir().expect("a directory");
        let memory = Memory::of(dir.path(), "https://host/kommun");
        memory.check(&index('a')).expect("new");
        memory.check(&index('a')).expect("the same");
        let error = Failure::of(&memory.check(&index('b')).expect_err("another"));
        assert_eq!(error.code, Code::Integrity);
        assert!(error.message.contains(&"a".repeat(40)) && error.message.contains(&"b".repeat(40)), "{error}");
    }

    #[test]
    fn a_line_that_a_kill_cut_off_does_no_harm() {
        let dir = tempfile::tempdir().expect("a directory");
        let memory = Memory::of(dir.path(), "k");
        make_private_directory(&memory.folder).expect("made");
        fs::write(memory.folder.join("seen"), "\naa/bb 1.0.0 cut").expect("written");
        memory.check(&index('a')).expect("new");
        memory.check(&index('a')).expect("the same");
        assert_eq!(Failure::of(&memory.check(&index('b')).expect_err("another")).code, Code::Integrity);
    }

    #[test]
    fn what_is_gone_is_missed_until_that_is_accepted_and_its_digest_never_changes() {
        let dir = tempfile::tempdir().expect("a directory");
        let memory = Memory::of(dir.path(), "k");
        let (id, nothing) = ("aa/bb".parse::<ComponentId>().expect("id"), BTreeSet::new());
        let all = |index: &IndexFile| memory.check_all(&[index], &[&id].into()).expect("written");
        assert!(all(&index('a')).is_empty() && memory.gone(&id, Some(&index('a'))).is_none());
        let mut emptied = index('a');
        emptied.versions.clear();
        assert_eq!(memory.gone(&id, Some(&emptied)).expect("gone").code, Code::Integrity);
        assert!(all(&emptied)[&id].message.contains("1.0.0") && all(&index('b'))[&id].message.contains(&"b".repeat(40)));
        assert!(memory.check_all(&[], &nothing).expect("read").contains_key(&id), "the whole file is gone");
        memory.accept_gone().expect("written");
        assert!(memory.gone(&id, None).is_none() && memory.check_all(&[], &nothing).expect("read").is_empty());
        assert!(all(&index('b')).contains_key(&id), "another digest is never accepted");
        memory.check(&index('b')).expect_err("another digest");
    }

    #[test]
    fn main_is_remembered() {
        let dir = tempfile::tempdir().expect("a directory");
        let memory = Memory::of(dir.path(), "k");
        assert_eq!(memory.main().expect("readable"), None);
        let oid = Oid::from_str(&"1".repeat(40)).expect("an id");
        memory.set_main(oid).expect("written");
        assert_eq!(memory.main().expect("readable"), Some(oid));
    }
}
