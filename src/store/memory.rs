//! What this machine has seen of each registry: its last `main` and every digest.
//!
//! It lies in the state directory, apart from what a cleaned cache loses, because it is what makes "the index only
//! moves forward" and "a version never changes" hold from one run to the next (contract, section 3). `main` is one
//! line; `seen` grows by lines `owner/name version tree checksum` and is searched as text.

use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use git2::Oid;
use jiff::Timestamp;

use super::fs::atomic::write_atomic;
use super::fs::dir::Readers;
use super::fs::lock::FileLock;
use super::fs::{make_private_directory, read_small};
use crate::error::{Code, Failure};
use crate::fail;
use crate::model::digest::Checksum;
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
        Self { folder: state_dir.join("registries").join(file_name_of(key)) }
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
        let path = self.folder.join("seen");
        let text = fs::read(&path).unwrap_or_default();
        let mut new = String::new();
        for record in &index.versions {
            let start = format!("\n{} {} ", index.id, record.version);
            let digests = format!("{} {}", record.tree, record.checksum);
            // A line of another length was cut off by a kill or a full disk, and is none.
            let line = memchr::memmem::find_iter(&text, start.as_bytes()).find_map(|at| {
                let rest = &text[at + start.len()..];
                let line = std::str::from_utf8(&rest[..memchr::memchr(b'\n', rest)?]).ok()?;
                (line.len() == digests.len()).then_some(line)
            });
            match line {
                None => new += &format!("{}{digests}\n", &start[1..]),
                Some(seen) if seen == digests => {}
                Some(seen) => {
                    let message = format!(
                        "{} {}: its digests were `{seen}` when this machine last saw it, now they are `{digests}`",
                        index.id, record.version
                    );
                    let failure = Failure::new(Code::Integrity, message);
                    return Err(failure.hint("a published version never changes: ask the forum's maintainers what happened").into());
                }
            }
        }
        if new.is_empty() { Ok(()) } else { self.append(&path, &new) }
    }

    fn append(&self, path: &Path, lines: &str) -> Result<()> {
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
    fn main_is_remembered() {
        let dir = tempfile::tempdir().expect("a directory");
        let memory = Memory::of(dir.path(), "k");
        assert_eq!(memory.main().expect("readable"), None);
        let oid = Oid::from_str(&"1".repeat(40)).expect("an id");
        memory.set_main(oid).expect("written");
        assert_eq!(memory.main().expect("readable"), Some(oid));
    }
}
