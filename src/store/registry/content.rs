//! The files of one published version: every rule of the safety page is applied here, once, to what a tree or a
//! folder was found to hold, before any of it can be used.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::Result;
use git2::{ObjectType, Oid};

use crate::error::{Code, Failure};
use crate::fail;
use crate::model::content::{ContentFile, bytes_of, is_lfs_pointer, is_tool_state, repository_heads};
use crate::model::digest::{Checksum, FileMode, ObjectId, checksum_of_files};
use crate::model::id::ComponentId;
use crate::model::index::VersionRecord;
use crate::model::path::{RelPath, check_part, collision_key};
use crate::model::registry_file::Limits;
use crate::model::written::Sums;

/// What no registry may allow more of.
const MOST: Limits = Limits { file: 512 << 20, component: 1 << 30, files: 100_000 };

/// The files of a version, verified against both digests of its record.
#[derive(Debug, Clone, Default)]
pub struct Content {
    /// In the order of the tree.
    pub files: Vec<ContentFile>,
}

impl Content {
    /// The bytes of a file.
    #[must_use]
    pub fn get(&self, path: &str) -> Option<&[u8]> {
        bytes_of(&self.files, path)
    }
}

/// A file of a version that was read and verified, and is not held: it can be read again.
#[derive(Debug, Clone)]
pub struct Surveyed {
    /// Where it lies in the component.
    pub path: RelPath,
    /// Its mode.
    pub mode: FileMode,
    /// What it holds.
    pub sums: Sums,
    /// Git's id of its bytes.
    pub(super) blob: Oid,
}

/// What is done with the bytes of a file once they were looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Bytes {
    Held,
    Forgotten,
}

/// Gathers the files of a version under its rules and budgets.
pub(super) struct Collector<'a> {
    id: &'a ComponentId,
    record: &'a VersionRecord,
    limits: Limits,
    keys: BTreeMap<String, String>,
    admitted: usize,
    bytes: u64,
    content: Content,
    surveyed: Vec<Surveyed>,
}

impl<'a> Collector<'a> {
    pub(super) fn new(id: &'a ComponentId, record: &'a VersionRecord, limits: Limits) -> Self {
        let limits = Limits {
            file: limits.file.min(MOST.file),
            component: limits.component.min(MOST.component),
            files: limits.files.min(MOST.files),
        };
        let (content, surveyed) = (Content::default(), Vec::new());
        Self { id, record, limits, keys: BTreeMap::new(), admitted: 0, bytes: 0, content, surveyed }
    }

    /// An error about `path` that names component and rule.
    pub(super) fn refuse(&self, path: &str, rule: &str) -> anyhow::Error {
        Failure::new(Code::UnsafeContent, format!("{} {rule}", self.what(path)))
            .hint("nothing was written; tell the component's owner or the forum's maintainers")
            .into()
    }

    /// Takes note of a file before it is read.
    pub(super) fn admit(&mut self, path: &str, size: u64) -> Result<RelPath> {
        let checked: RelPath = match path.parse() {
            Ok(checked) => checked,
            Err(error) => return Err(self.refuse(path, error.rule())),
        };
        if is_tool_state(&checked) {
            return Err(self.refuse(path, "is state of a tool, which a component must not bring"));
        }
        self.admit_names(&checked)?;
        if self.admitted >= self.limits.files {
            return Err(self.refuse(path, &format!("is beyond the limit of {} files", self.limits.files)));
        }
        if size > self.limits.file {
            return Err(self.refuse(path, &format!("has {size} bytes; the limit for a file is {}", self.limits.file)));
        }
        self.admitted += 1;
        self.bytes += size;
        if self.bytes > self.limits.component {
            return Err(self.refuse(path, &format!("brings the component beyond its limit of {} bytes", self.limits.component)));
        }
        Ok(checked)
    }

    /// Two names that some file system takes for one are refused, directories included.
    fn admit_names(&mut self, path: &RelPath) -> Result<()> {
        let mut upto = String::new();
        for part in path.parts() {
            if !upto.is_empty() {
                upto.push('/');
            }
            upto.push_str(part);
            let known = self.keys.entry(collision_key(&upto)).or_insert_with(|| upto.clone());
            if *known != upto {
                let other = known.clone();
                return Err(self.refuse(&upto, &format!("is the same name as `{}` on Windows or macOS", other.escape_debug())));
            }
        }
        Ok(())
    }

    /// Refuses a directory by its name, before anything below it is read.
    pub(super) fn check_name(&self, path: &str) -> Result<()> {
        let name = path.rsplit('/').next().unwrap_or(path);
        check_part(name).map_err(|rule| self.refuse(path, rule))
    }

    /// How an error names a file before it is known to be harmless.
    pub(super) fn what(&self, path: &str) -> String {
        let place = if path.is_empty() { "its directory".to_owned() } else { format!("`{}`", path.escape_debug()) };
        format!("{} {}: {place}", self.id, self.record.version)
    }

    pub(super) fn files(&self) -> &[ContentFile] {
        &self.content.files
    }

    pub(super) fn surveyed(&self) -> &[Surveyed] {
        &self.surveyed
    }

    /// Refuses what Git LFS leaves in the place of a file.
    pub(super) fn refuse_pointer(&self, path: &RelPath, bytes: &[u8]) -> Result<()> {
        if is_lfs_pointer(bytes) { Err(self.refuse(path.as_str(), "is a Git LFS pointer, not the file itself")) } else { Ok(()) }
    }

    pub(super) fn add(&mut self, path: RelPath, mode: FileMode, bytes: Vec<u8>) -> Result<()> {
        self.refuse_pointer(&path, &bytes)?;
        self.content.files.push(ContentFile { path, mode, bytes });
        Ok(())
    }

    /// As [`Self::add`], for a file that was looked at and is not held.
    pub(super) fn note(&mut self, file: Surveyed) {
        self.surveyed.push(file);
    }

    /// Compares both digests, and hands the files out.
    pub(super) fn finish(self, tree: ObjectId) -> Result<Content> {
        let files = &self.content.files;
        let sums = files.iter().map(|file| (&file.path, file.mode, Checksum::of(&file.bytes)));
        self.verify(tree, checksum_of_files(sums), files.iter().map(|file| &file.path))?;
        Ok(self.content)
    }

    /// Compares both digests, and hands out what is known of the files.
    pub(super) fn finish_survey(self, tree: ObjectId) -> Result<Vec<Surveyed>> {
        let files = &self.surveyed;
        let sums = files.iter().map(|file| (&file.path, file.mode, file.sums.exact));
        self.verify(tree, checksum_of_files(sums), files.iter().map(|file| &file.path))?;
        Ok(self.surveyed)
    }

    fn verify<'f>(&self, tree: ObjectId, checksum: Checksum, paths: impl Iterator<Item = &'f RelPath> + Clone) -> Result<()> {
        let Self { id, record, .. } = self;
        let differs = |what: &str, is: String, should: String| {
            let message = format!("{id} {}: the {what} of the files is {is}, the index says {should}", record.version);
            Failure::new(Code::Integrity, message).hint("nothing was written; tell the forum's maintainers")
        };
        if let Some(head) = repository_heads(paths).next() {
            return Err(self.refuse(head.as_str(), "makes its directory a Git repository"));
        }
        if tree != record.tree {
            return Err(differs("tree", tree.to_string(), record.tree.to_string()).into());
        }
        if checksum != record.checksum {
            return Err(differs("checksum", checksum.to_string(), record.checksum.to_string()).into());
        }
        Ok(())
    }
}

/// The git tree id of files, computed without a repository.
///
/// # Errors
/// When libgit2 cannot hash, which is a bug.
pub fn tree_id(files: &[ContentFile]) -> Result<ObjectId> {
    let blob = |file: &ContentFile| Oid::hash_object(ObjectType::Blob, &file.bytes);
    let rows = files.iter().map(|file| Ok((file.path.as_str(), (file.mode, blob(file)?))));
    object_id(write_tree(&rows.collect::<Result<Vec<_>>>()?)?)
}

/// As [`tree_id`], of files that are not held.
pub(super) fn tree_id_of(files: &[Surveyed]) -> Result<ObjectId> {
    object_id(write_tree(&files.iter().map(|file| (file.path.as_str(), (file.mode, file.blob))).collect::<Vec<_>>())?)
}

fn write_tree(files: &[(&str, (FileMode, Oid))]) -> Result<Oid> {
    let mut rows: BTreeMap<Vec<u8>, Vec<u8>> = BTreeMap::new();
    let mut row = |key: String, mode: &str, name: &str, id: Oid| {
        let mut row = format!("{mode} {name}\0").into_bytes();
        row.extend_from_slice(id.as_bytes());
        rows.insert(key.into_bytes(), row);
    };
    let mut done = BTreeSet::new();
    for (rest, (mode, blob)) in files {
        match rest.split_once('/') {
            None => row((*rest).to_owned(), mode.as_str(), rest, *blob),
            Some((dir, _)) if done.insert(dir) => {
                let below: Vec<_> = files.iter().filter_map(|(r, f)| Some((r.strip_prefix(dir)?.strip_prefix('/')?, *f))).collect();
                row(format!("{dir}/"), "40000", dir, write_tree(&below)?);
            }
            Some(_) => {}
        }
    }
    let body: Vec<u8> = rows.into_values().flatten().collect();
    Ok(Oid::hash_object(ObjectType::Tree, &body)?)
}

pub(super) fn object_id(oid: Oid) -> Result<ObjectId> {
    let Ok(bytes) = <[u8; 20]>::try_from(oid.as_bytes()) else {
        fail!(Code::InvalidRegistry, "the registry has SHA-256 objects; forum reads repositories with SHA-1 objects");
    };
    Ok(ObjectId::from_bytes(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::index::IndexFile;

    #[test]
    fn no_registry_allows_more_than_any_may() {
        let digests = format!("tree = \"{}\"\nchecksum = \"sha256:{}\"", "0".repeat(40), "0".repeat(64));
        let text = format!("format = 1\nid = \"aa/bb\"\n[[version]]\nversion = \"1.0.0\"\n{digests}\n");
        let id: ComponentId = "aa/bb".parse().expect("an id");
        let index = IndexFile::parse("index/aa/bb.toml", text.as_bytes(), &id).expect("an index");
        let record = index.last_published().expect("a version");
        let generous = || Collector::new(&id, record, Limits { file: u64::MAX, component: u64::MAX, files: usize::MAX });
        generous().admit("a", MOST.file).expect("as much as any may");
        generous().admit("a", MOST.file + 1).expect_err("a larger file");
        let mut collector = generous();
        for name in ["a", "b"] {
            collector.admit(name, MOST.file).expect("as much as any may");
        }
        collector.admit("c", 1).expect_err("a larger component");
    }
}
