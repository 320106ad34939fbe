//! The cache as a whole: how much it holds, whether it is sound, and how it is emptied.
//!
//! Whoever reads a cached registry holds a shared lock on it (`<name>.lock`); cleaning takes the exclusive one and so
//! waits for readers. What is remembered of registries, and what `restore` needs, lie in the state directory.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use git2::{ObjectType, Oid, Repository};

use super::fs::lock::FileLock;
use super::fs::{names_in, remove_directory, remove_file, size_of};
use super::objects::Objects;
use super::registry::sound;
use super::transport::ACCEPTED;

/// The most directories of a registry that are looked for.
const MOST_DIRECTORIES: usize = 1_000_000;

/// One cached registry.
#[derive(Debug)]
pub struct CachedRegistry {
    /// Its directory's name, made from its address.
    pub name: String,
    /// How much it holds, in bytes.
    pub bytes: u64,
    /// How many objects it holds.
    pub objects: usize,
    /// What is wrong with it, in words.
    pub damage: Vec<String>,
}

fn folder(cache: &Path) -> PathBuf {
    cache.join("registries")
}

/// The names of the cached registries, sorted.
fn names(cache: &Path) -> Result<Vec<String>> {
    let mut names: Vec<_> = names_in(&folder(cache))?.into_iter().filter(|name| folder(cache).join(name).is_dir()).collect();
    names.sort();
    Ok(names)
}

/// Reads every object of every cached registry.
///
/// # Errors
/// When the cache cannot be listed.
pub fn verify(cache: &Path, waiting: &dyn Fn()) -> Result<Vec<CachedRegistry>> {
    let mut found = Vec::new();
    for name in names(cache)? {
        let path = folder(cache).join(&name);
        let _used = FileLock::shared(&folder(cache).join(format!("{name}.lock")), waiting)?;
        let (mut objects, mut damage) = (0, Vec::new());
        match Repository::open_bare(&path) {
            Err(error) => damage.push(error.message().to_owned()),
            Ok(repository) => {
                let all = Objects::of(&repository)?;
                let mut check = |oid: &Oid| {
                    objects += 1;
                    damage.extend(broken(&all, *oid));
                    true
                };
                if let Err(error) = all.odb().foreach(&mut check) {
                    damage.push(error.message().to_owned());
                }
                match sound(&path) {
                    None => damage.push("its HEAD, its settings or the commit of main is damaged or missing".to_owned()),
                    Some(_) => damage.extend(missing(&repository, &all)),
                }
            }
        }
        found.push(CachedRegistry { bytes: size_of(&path)?, name, objects, damage });
    }
    Ok(found)
}

/// A directory of the registry's `main` that is not there: files may be missing, and are brought when they are needed, but
/// all directories come with the commit.
fn missing(repository: &Repository, objects: &Objects<'_>) -> Option<String> {
    let commit = repository.find_reference(ACCEPTED).ok()?.peel_to_commit().ok()?;
    let (mut open, mut seen) = (vec![commit.tree_id()], HashSet::new());
    while let Some(oid) = open.pop() {
        if !seen.insert(oid) || seen.len() > MOST_DIRECTORIES {
            continue;
        }
        // What is there and damaged was named already.
        match repository.find_tree(oid) {
            Ok(tree) => open.extend(tree.iter().filter(|entry| entry.kind() == Some(ObjectType::Tree)).map(|entry| entry.id())),
            Err(_) if objects.odb().exists(oid) => {}
            Err(_) => return Some(format!("object {oid}: a directory of main that is missing")),
        }
    }
    None
}

/// What is wrong with an object. A large one is not read: its size alone is no damage, and forum never uses it.
fn broken(objects: &Objects<'_>, oid: Oid) -> Option<String> {
    let wrong = |error: &git2::Error| Some(format!("object {oid}: {}", error.message()));
    match objects.header(oid) {
        Err(error) => wrong(&error),
        Ok((size, _)) if size > 256 << 20 => None,
        Ok(_) => objects.read(oid).err().as_ref().and_then(wrong),
    }
}

/// Empties the cache, and tells how many bytes it held. Waits for runs that use it.
///
/// # Errors
/// When the file system refuses.
pub fn clean(cache: &Path, waiting: &dyn Fn()) -> Result<u64> {
    let mut bytes = 0;
    for name in names(cache)? {
        let path = folder(cache).join(&name);
        let _alone = FileLock::exclusive(&folder(cache).join(format!("{name}.lock")), waiting)?;
        // Another run may have cleaned it while this one waited: size and removal take that as it is.
        bytes += size_of(&path)?;
        remove_directory(&path)?;
        remove_file(&folder(cache).join(format!("{name}.fetch-lock")))?;
    }
    let search = cache.join("search");
    if search.is_dir() {
        bytes += size_of(&search)?;
        remove_directory(&search).context("emptying the cache")?;
    }
    Ok(bytes)
}
