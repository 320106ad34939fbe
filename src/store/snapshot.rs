//! A directory as git would commit it: what a publication is made of, and nothing else.
//!
//! What git calls unchanged is the blob of the last commit, so that line ends and filters of a checkout make no
//! difference; what is changed or untracked is its bytes on the disk, and is named. Ignored files do not exist. Outside
//! of a repository the walk of the `ignore` crate gives the same. Links are not followed, and nothing is written.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context as _, Result};
use git2::{ObjectType, Repository};

use super::fs::dir::{Dir, Kind};
use super::transport::local::{Change, Local};
use super::transport::system::Git;
use crate::error::{Code, Failure};
use crate::fail;
use crate::model::address::without_credentials;
use crate::model::content::ContentFile;
use crate::model::digest::FileMode;
use crate::model::index::Source;
use crate::model::path::RelPath;
use crate::model::registry_state::{Obstacle, Trouble};

/// What is never part of a component, at its top.
const OURS: [&str; 3] = ["forum.toml", "forum.lock", ".forum"];
/// The largest file that is read; a registry's limit is far below.
const MAX_FILE: u64 = 512 << 20;
/// The most files that are looked at.
const MOST_FILES: usize = 100_000;

/// The files, and where they come from.
#[derive(Debug, Default)]
pub struct Snapshot {
    /// Sorted by path.
    pub files: Vec<ContentFile>,
    /// What would be part of it and cannot be.
    pub obstacles: Vec<Obstacle>,
    /// Paths that differ from the last commit, with the reason in a word.
    pub uncommitted: Vec<(String, &'static str)>,
    /// The commit that holds all of it, where one does.
    pub source: Option<Source>,
    /// Why there is no source, or none that others could reach.
    pub source_note: Option<String>,
}

/// Where the bytes of a file come from.
enum Origin {
    Blob(git2::Oid, FileMode),
    Disk(Option<bool>),
    Never(&'static str),
}

/// Takes the snapshot of `directory`. Without git, a directory in a repository is refused rather than misread.
///
/// # Errors
/// Where the directory or its repository cannot be read.
pub fn take(directory: &Path, git: Option<&Git>) -> Result<Snapshot> {
    let dir = Dir::open(directory)?;
    let local = git.map(|git| Local::find(git, directory)).transpose()?.flatten();
    let open = |local: &Local| Repository::open(&local.top).with_context(|| format!("reading the repository {}", local.top.display()));
    let repository = local.as_ref().map(open).transpose()?;
    if git.is_none() && Repository::discover(directory).is_ok() {
        let failure =
            Failure::new(Code::Usage, format!("{} lies in a Git repository, and git 2.36 or newer is not there", directory.display()));
        return Err(failure.hint("install git, and leave FORUM_GIT unset").into());
    }
    let mut snapshot = Snapshot::default();
    let origins = match local.as_ref().zip(repository.as_ref()) {
        Some((local, repository)) => committed(local, repository, &mut snapshot)?,
        None => found(directory)?,
    };
    if origins.len() > MOST_FILES {
        fail!(Code::UnsafeContent, "{} holds more than {MOST_FILES} files", directory.display());
    }
    for (path, origin) in origins {
        if OURS.iter().any(|ours| path == *ours || path.strip_prefix(ours).is_some_and(|rest| rest.starts_with('/'))) {
            continue;
        }
        match read(&dir, repository.as_ref(), &path, &origin)? {
            Ok(file) => snapshot.files.push(file),
            Err((trouble, why)) => snapshot.obstacles.push(Obstacle { path, trouble, why }),
        }
    }
    snapshot.files.sort_by(|a, b| a.path.as_str().as_bytes().cmp(b.path.as_str().as_bytes()));
    Ok(snapshot)
}

/// Reads one file, or says why it cannot be published.
fn read(dir: &Dir, repository: Option<&Repository>, path: &str, origin: &Origin) -> Result<Result<ContentFile, (Trouble, String)>> {
    if let Origin::Never(why) = origin {
        return Ok(Err((Trouble::Kind, (*why).to_owned())));
    }
    let checked: RelPath = match path.parse() {
        Ok(checked) => checked,
        Err(error) => return Ok(Err((Trouble::Name, error.rule().to_owned()))),
    };
    match (origin, repository) {
        (Origin::Blob(oid, mode), Some(repository)) => {
            let blob = repository.find_blob(*oid).with_context(|| format!("reading {path} from the last commit"))?;
            Ok(Ok(ContentFile { path: checked, mode: *mode, bytes: blob.content().to_vec() }))
        }
        (Origin::Disk(executable), _) => match dir.kind_below(&checked)? {
            Some(Kind::File { executable: on_disk, .. }) => {
                let bytes = dir.read(&checked, MAX_FILE)?.unwrap_or_default();
                let mode = if executable.unwrap_or(on_disk) { FileMode::Executable } else { FileMode::Regular };
                Ok(Ok(ContentFile { path: checked, mode, bytes }))
            }
            Some(Kind::Link) => Ok(Err((Trouble::Kind, "is a symbolic link".to_owned()))),
            _ => Ok(Err((Trouble::Kind, "is neither a file nor a directory".to_owned()))),
        },
        _ => fail!(Code::Internal, "{path} has no origin"),
    }
}

/// In a repository: the last commit, and on top of it what git calls changed.
fn committed(local: &Local, repository: &Repository, snapshot: &mut Snapshot) -> Result<BTreeMap<String, Origin>> {
    let mut origins = BTreeMap::new();
    let head = local.head()?;
    if let Some(head) = &head {
        blobs(repository, head, &local.prefix, &mut origins)?;
    }
    let below = |path: &str| match local.prefix.as_str() {
        "" => Some(path.to_owned()),
        prefix => path.strip_prefix(prefix)?.strip_prefix('/').map(str::to_owned),
    };
    for (path, change) in local.changes()? {
        let Some(path) = below(&path).filter(|path| !path.is_empty()) else { continue };
        let word = match change {
            Change::Deleted => {
                origins.remove(&path);
                "deleted"
            }
            Change::Unmerged => {
                origins.insert(path.clone(), Origin::Never("is in the middle of a merge"));
                "unmerged"
            }
            // A directory that git calls untracked as a whole is a repository of its own.
            Change::Untracked if path.ends_with('/') => {
                origins.insert(path.clone(), Origin::Never("is a Git repository of its own"));
                "untracked"
            }
            Change::Untracked => {
                origins.insert(path.clone(), Origin::Disk(None));
                "untracked"
            }
            Change::Modified { executable } => {
                origins.insert(path.clone(), Origin::Disk(Some(executable)));
                "modified"
            }
        };
        snapshot.uncommitted.push((path, word));
    }
    tell_source(local, head, snapshot)?;
    Ok(origins)
}

/// The files of a commit below a prefix.
fn blobs(repository: &Repository, head: &str, prefix: &str, origins: &mut BTreeMap<String, Origin>) -> Result<()> {
    let root = repository.find_commit(head.parse()?)?.tree()?;
    let tree = if prefix.is_empty() {
        root
    } else {
        match root.get_path(Path::new(prefix)) {
            Ok(entry) if entry.kind() == Some(ObjectType::Tree) => repository.find_tree(entry.id())?,
            _ => return Ok(()),
        }
    };
    let mut open = vec![(String::new(), tree)];
    while let Some((above, tree)) = open.pop() {
        for entry in &tree {
            let path = format!("{above}{}", String::from_utf8_lossy(entry.name_bytes()));
            let origin = match entry.filemode() {
                0o040_000 => {
                    open.push((format!("{path}/"), repository.find_tree(entry.id())?));
                    continue;
                }
                0o100_755 => Origin::Blob(entry.id(), FileMode::Executable),
                0o120_000 => Origin::Never("is a symbolic link"),
                0o160_000 => Origin::Never("is a submodule"),
                _ => Origin::Blob(entry.id(), FileMode::Regular),
            };
            origins.insert(path, origin);
        }
    }
    Ok(())
}

/// Where the owner made it, without credentials; only what is committed, and only where others could reach it.
fn tell_source(local: &Local, head: Option<String>, snapshot: &mut Snapshot) -> Result<()> {
    let note = |why: &str| Some(format!("the source is left out: {why}"));
    let (Some(commit), true) = (head, snapshot.uncommitted.is_empty()) else {
        snapshot.source_note = note("not everything is committed");
        return Ok(());
    };
    let Some(origin) = local.origin()? else {
        snapshot.source_note = note("the repository has no remote `origin`");
        return Ok(());
    };
    match public_address(&origin) {
        Some(repository) => snapshot.source = Some(Source { repository, commit, path: local.prefix.clone() }),
        None => snapshot.source_note = note("the repository is on an internal host or a path, which helps nobody else"),
    }
    Ok(())
}

/// The address without credentials, where its host could be reached from outside.
fn public_address(origin: &str) -> Option<String> {
    let address = crate::model::address::Address::parse(&without_credentials(origin)).ok()?;
    let host = address.host()?;
    let is_number = host.parse::<std::net::IpAddr>().is_ok() || host.starts_with('[');
    let inner = ["local", "internal", "intra", "intranet", "lan", "corp", "home", "localhost", "localdomain", "test"];
    let last = host.rsplit('.').next().unwrap_or_default();
    let public =
        host.contains('.') && !is_number && !inner.contains(&last) && !host.split('.').any(|part| part == "intra" || part == "internal");
    public.then(|| address.to_string())
}

/// Outside of a repository: what `.gitignore` files do not name.
fn found(directory: &Path) -> Result<BTreeMap<String, Origin>> {
    let mut origins = BTreeMap::new();
    let mut walk = ignore::WalkBuilder::new(directory);
    walk.standard_filters(false).git_ignore(true).require_git(false).parents(false).follow_links(false);
    for entry in walk.build() {
        let entry = entry.with_context(|| format!("reading {}", directory.display()))?;
        let Ok(below) = entry.path().strip_prefix(directory) else { continue };
        let Some(parts) = below.iter().map(|part| part.to_str()).collect::<Option<Vec<_>>>() else {
            origins.insert(below.to_string_lossy().into_owned(), Origin::Never("is not UTF-8"));
            continue;
        };
        let path = parts.join("/");
        match entry.file_type() {
            Some(kind) if kind.is_dir() => {}
            Some(kind) if kind.is_file() => drop(origins.insert(path, Origin::Disk(None))),
            Some(kind) if kind.is_symlink() => drop(origins.insert(path, Origin::Never("is a symbolic link"))),
            _ => drop(origins.insert(path, Origin::Never("is neither a file nor a directory"))),
        }
        if origins.len() > MOST_FILES {
            break;
        }
    }
    Ok(origins)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_addresses_that_others_could_reach_are_a_source() {
        for (origin, is) in [
            ("https://github.com/goteborg/integrations.git", Some("https://github.com/goteborg/integrations.git")),
            ("https://robot:word@github.com/goteborg/integrations.git", Some("https://github.com/goteborg/integrations.git")),
            ("git@github.com:goteborg/integrations.git", Some("git@github.com:goteborg/integrations.git")),
            ("https://git.intra.goteborg.se/x", None),
            ("https://gitserver/x", None),
            ("https://10.0.0.1/x", None),
            ("ssh://git@tfs.local/x", None),
            ("../elsewhere.git", None),
            ("file:///srv/x.git", None),
        ] {
            assert_eq!(public_address(origin).as_deref(), is, "{origin}");
        }
    }
}
