//! Names, kinds and sizes: what every client could write, on every platform (rules `path`, `path-length`, `file-kind`,
//! `lfs-pointer`, `limits`).
//!
//! These are the rules that `fetch` holds every tree against, said before anybody meets them.

use std::collections::BTreeMap;

use super::Candidate;
use super::finding::Finding;
use super::rules::id;
use crate::model::content::{MAX_DEPTH, is_lfs_pointer, is_tool_state, repository_heads};
use crate::model::path::{WARN_PATH_BYTES, collision_key};
use crate::model::registry_file::Limits;
use crate::model::registry_state::{Obstacle, Trouble};

/// Checks where the files lie, what they are, and how large.
pub(super) fn check(candidate: &Candidate<'_>) -> Vec<Finding> {
    let obstacle = |one: &Obstacle| {
        let rule = if one.trouble == Trouble::Name { id::PATH } else { id::FILE_KIND };
        Finding::new(rule, format!("`{}` {}", one.path.escape_debug(), one.why)).at(&one.path)
    };
    let mut findings: Vec<_> = candidate.obstacles.iter().map(obstacle).collect();
    for file in candidate.files {
        let path = file.path.as_str();
        let mut say = |rule, message: String| findings.push(Finding::new(rule, message).at(path));
        if is_tool_state(&file.path) {
            say(id::PATH, "is state of a tool, which a component must not bring".to_owned());
        }
        if file.path.parts().count() > MAX_DEPTH {
            say(id::PATH, format!("lies deeper than {MAX_DEPTH} directories"));
        }
        if path.len() >= WARN_PATH_BYTES {
            say(id::PATH_LENGTH, format!("the path has {} bytes", path.len()));
        }
        if is_lfs_pointer(&file.bytes) {
            say(id::LFS_POINTER, "is a Git LFS pointer, not the file itself".to_owned());
        }
    }
    collisions(candidate, &mut findings);
    let heads = repository_heads(candidate.files.iter().map(|file| &file.path));
    findings.extend(heads.map(|head| Finding::new(id::PATH, "makes its directory a Git repository").at(head.as_str())));
    limits(candidate, &mut findings);
    findings
}

/// Two names that some file system takes for one, directories included.
fn collisions(candidate: &Candidate<'_>, findings: &mut Vec<Finding>) {
    let mut names: BTreeMap<String, &str> = BTreeMap::new();
    for file in candidate.files {
        let path = file.path.as_str();
        let ends = path.match_indices('/').map(|(at, _)| at).chain([path.len()]);
        for name in ends.map(|end| &path[..end]) {
            let first = *names.entry(collision_key(name)).or_insert(name);
            if first != name {
                let message = format!("`{name}` is the same name as `{first}` on Windows or macOS");
                findings.push(Finding::new(id::PATH, message).at(path));
            }
        }
    }
}

fn limits(candidate: &Candidate<'_>, findings: &mut Vec<Finding>) {
    let limits = candidate.registry.map_or_else(Limits::default, |registry| registry.limits);
    for file in candidate.files {
        let size = file.bytes.len() as u64;
        if size > limits.file {
            let message = format!("has {size} bytes; the limit for a file is {}", limits.file);
            findings.push(Finding::new(id::LIMITS, message).at(file.path.as_str()));
        }
    }
    let all: u64 = candidate.files.iter().map(|file| file.bytes.len() as u64).sum();
    if all > limits.component {
        findings.push(Finding::new(id::LIMITS, format!("the files have {all} bytes together; the limit is {}", limits.component)));
    }
    let count = candidate.files.len();
    if count > limits.files {
        findings.push(Finding::new(id::LIMITS, format!("there are {count} files; the limit is {}", limits.files)));
    }
}
