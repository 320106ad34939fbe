//! What the commits of a registry gave to its components: content that was erased must be in none of them.
//!
//! A state alone does not tell it. A contribution that was begun before `main` was rewritten carries the old history
//! along, and a merge makes it part of the new one.

use std::collections::{BTreeSet, HashSet};

use anyhow::Result;
use git2::{Oid, Repository, Tree};

use super::content::object_id;
use crate::model::digest::ObjectId;
use crate::model::id::ComponentId;
use crate::model::registry_state::Past;

/// A directory that is larger is none that a client reads.
const MAX_DIRECTORY_BYTES: usize = 64 << 20;

/// Those of the trees that some commit up to `head` has at the place of the component.
pub(super) fn remaining(repository: &Repository, head: Oid, component: &ComponentId, trees: &[ObjectId]) -> Result<Vec<Past>> {
    let odb = repository.odb()?;
    let mut wanted = BTreeSet::new();
    for tree in trees {
        wanted.insert(Oid::from_bytes(tree.as_bytes())?);
    }
    // What is not in the repository at all, no commit has: after an erasure this is all that is asked.
    wanted.retain(|tree| odb.exists(*tree));
    let (mut found, mut seen) = (Vec::new(), HashSet::new());
    if wanted.is_empty() {
        return Ok(found);
    }
    let mut walk = repository.revwalk()?;
    walk.push(head)?;
    for commit in walk {
        let commit = commit?;
        let Some(owners) = components(repository, commit)? else { continue };
        if !seen.insert(owners.id()) {
            continue;
        }
        let there =
            below(repository, &owners, component.owner().as_str()).and_then(|owner| Some(owner.get_name(component.name().as_str())?.id()));
        if let Some(tree) = there.filter(|tree| wanted.remove(tree)) {
            found.push(Past { component: component.clone(), tree: object_id(tree)?, commit: commit.to_string() });
        }
    }
    Ok(found)
}

/// What the commits between two gave to components that the first has not, or has otherwise.
pub(super) fn between(repository: &Repository, base: Oid, head: Oid) -> Result<Vec<Past>> {
    let start = components(repository, base)?;
    let (mut found, mut seen) = (Vec::new(), HashSet::new());
    let mut walk = repository.revwalk()?;
    walk.push(head)?;
    walk.hide(base)?;
    for commit in walk {
        let commit = commit?;
        let Some(owners) = components(repository, commit)? else { continue };
        for owner in &owners {
            let Some(name) = owner.name().ok().filter(|name| seen.insert((name.to_string(), owner.id()))) else { continue };
            let Some(now) = below(repository, &owners, name) else { continue };
            let before = start.as_ref().and_then(|start| below(repository, start, name));
            for (component, tree) in changed(name, before.as_ref(), &now) {
                if seen.insert((component.to_string(), tree)) {
                    found.push(Past { component, tree: object_id(tree)?, commit: commit.to_string() });
                }
            }
        }
    }
    Ok(found)
}

/// The components of an owner that were otherwise before.
fn changed(owner: &str, before: Option<&Tree<'_>>, now: &Tree<'_>) -> Vec<(ComponentId, Oid)> {
    let old = |name: &str| before.and_then(|before| Some(before.get_name(name)?.id()));
    let differs = |entry: git2::TreeEntry<'_>| {
        let name = entry.name().ok().filter(|name| old(name) != Some(entry.id()))?;
        Some((format!("{owner}/{name}").parse().ok()?, entry.id()))
    };
    now.iter().filter_map(differs).collect()
}

fn components(repository: &Repository, commit: Oid) -> Result<Option<Tree<'_>>> {
    let root = repository.find_commit(commit)?.tree()?;
    Ok(below(repository, &root, "components"))
}

fn below<'a>(repository: &'a Repository, tree: &Tree<'_>, name: &str) -> Option<Tree<'a>> {
    let oid = tree.get_name(name)?.id();
    let (bytes, _) = repository.odb().ok()?.read_header(oid).ok()?;
    if bytes > MAX_DIRECTORY_BYTES { None } else { repository.find_tree(oid).ok() }
}
