//! The files of one published version: every rule of the safety page is applied here, once, to what a tree or a
//! folder was found to hold, before any of it can be used.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::Result;
use git2::{ObjectType, Oid};

use crate::error::{Code, Failure};
use crate::fail;
use crate::model::content::{self, ContentFile, bytes_of, is_lfs_pointer, is_tool_state, repository_heads};
use crate::model::digest::{FileMode, ObjectId};
use crate::model::id::ComponentId;
use crate::model::index::VersionRecord;
use crate::model::path::{RelPath, check_part, collision_key};
use crate::model::registry_file::Limits;

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

/// Gathers the files of a version under its rules and budgets.
pub(super) struct Collector<'a> {
    id: &'a ComponentId,
    record: &'a VersionRecord,
    limits: Limits,
    keys: BTreeMap<String, String>,
    bytes: u64,
    content: Content,
}

impl<'a> Collector<'a> {
    pub(super) fn new(id: &'a ComponentId, record: &'a VersionRecord, limits: Limits) -> Self {
        let limits = Limits {
            file: limits.file.min(MOST.file),
            component: limits.component.min(MOST.component),
            files: limits.files.min(MOST.files),
        };
        Self { id, record, limits, keys: BTreeMap::new(), bytes: 0, content: Content::default() }
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
        if self.content.files.len() >= self.limits.files {
            return Err(self.refuse(path, &format!("is beyond the limit of {} files", self.limits.files)));
        }
        if size > self.limits.file {
            return Err(self.refuse(path, &format!("has {size} bytes; the limit for a file is {}", self.limits.file)));
        }
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

    pub(super) fn add(&mut self, path: RelPath, mode: FileMode, bytes: Vec<u8>) -> Result<()> {
        if is_lfs_pointer(&bytes) {
            return Err(self.refuse(path.as_str(), "is a Git LFS pointer, not the file itself"));
        }
        self.content.files.push(ContentFile { path, mode, bytes });
        Ok(())
    }

    /// Compares both digests, and hands the files out.
    pub(super) fn finish(self, tree: ObjectId) -> Result<Content> {
        let Self { id, record, .. } = &self;
        let differs = |what: &str, is: String, should: String| {
            let message = format!("{id} {}: the {what} of the files is {is}, the index says {should}", record.version);
            Failure::new(Code::Integrity, message).hint("nothing was written; tell the forum's maintainers")
        };
        if let Some(head) = repository_heads(&self.content.files).next() {
            return Err(self.refuse(head.as_str(), "makes its directory a Git repository"));
        }
        if tree != record.tree {
            return Err(differs("tree", tree.to_string(), record.tree.to_string()).into());
        }
        let checksum = content::checksum(&self.content.files);
        if checksum != record.checksum {
            return Err(differs("checksum", checksum.to_string(), record.checksum.to_string()).into());
        }
        Ok(self.content)
    }
}

/// The git tree id of files, computed without a repository.
///
/// # Errors
/// When libgit2 cannot hash, which is a bug.
pub fn tree_id(files: &[ContentFile]) -> Result<ObjectId> {
    fn write(files: &[(&str, &ContentFile)]) -> Result<Oid> {
        let mut rows: BTreeMap<Vec<u8>, Vec<u8>> = BTreeMap::new();
        let mut row = |key: String, mode: &str, name: &str, id: Oid| {
            let mut row = format!("{mode} {name}\0").into_bytes();
            row.extend_from_slice(id.as_bytes());
            rows.insert(key.into_bytes(), row);
        };
        let mut done = BTreeSet::new();
        for (rest, file) in files {
            match rest.split_once('/') {
                None => row((*rest).to_owned(), file.mode.as_str(), rest, Oid::hash_object(ObjectType::Blob, &file.bytes)?),
                Some((dir, _)) if done.insert(dir) => {
                    let below: Vec<_> = files.iter().filter_map(|(r, f)| Some((r.strip_prefix(dir)?.strip_prefix('/')?, *f))).collect();
                    row(format!("{dir}/"), "40000", dir, write(&below)?);
                }
                Some(_) => {}
            }
        }
        let body: Vec<u8> = rows.into_values().flatten().collect();
        Ok(Oid::hash_object(ObjectType::Tree, &body)?)
    }
    let all: Vec<_> = files.iter().map(|file| (file.path.as_str(), file)).collect();
    object_id(write(&all)?)
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
