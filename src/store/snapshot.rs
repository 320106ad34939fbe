//! A directory as git would commit it: what a publication is made of, and nothing else.
//!
//! What git calls unchanged is the blob of the last commit, so that line ends and filters of a checkout make no
//! difference; what is changed or untracked is its bytes on the disk, and is named. Ignored files do not exist. Outside
//! of a repository the walk of the `ignore` crate gives the same. Links are not followed, and nothing is written.
//!
//! All that is asked of the repository goes through the user's own git: it reads objects and references in every form that
//! it can write, SHA-256 and reftables too.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;
use std::path::Path;

use anyhow::{Context as _, Result};
use git2::Repository;

use super::fs::dir::{Dir, Kind};
use super::transport::local::{Change, Local, MAX_BLOB};
use super::transport::system::Git;
use super::workspace::root_of;
use crate::error::{Code, Failure};
use crate::fail;
use crate::model::address::{Address, without_credentials};
use crate::model::content::ContentFile;
use crate::model::digest::FileMode;
use crate::model::globs::Globs;
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

/// Tells from what a directory holds what of it the component leaves out.
pub type LeavesOut<'a> = &'a dyn Fn(&[ContentFile], &[Obstacle]) -> Result<Globs>;

/// What lies below a directory, by the bytes of its path.
type Origins = BTreeMap<Vec<u8>, Origin>;

/// Where the bytes of a file come from.
enum Origin {
    /// A file of the last commit: the id of its content, its bytes, its mode.
    Blob(String, u64, FileMode),
    /// The disk; whether git holds it to be executable, where git says so.
    Disk(Option<bool>),
    /// It cannot be published.
    Never(Trouble, &'static str),
}

const LINK: Origin = Origin::Never(Trouble::Kind, "is a symbolic link");
const SUBMODULE: Origin = Origin::Never(Trouble::Repository, "is a submodule");
/// A directory that git calls untracked as a whole.
const REPOSITORY: Origin = Origin::Never(Trouble::Repository, "is a Git repository of its own");

/// Takes the snapshot of `directory`. Without git, a directory in a repository is refused rather than misread.
///
/// # Errors
/// Where the directory or its repository cannot be read, and those of `leaves_out`.
pub fn take(directory: &Path, git: Option<&Git>, leaves_out: LeavesOut<'_>) -> Result<Snapshot> {
    let dir = Dir::open(directory)?;
    let local = git.map(|git| Local::find(git, directory)).transpose()?.flatten();
    if git.is_none() && Repository::discover_path(directory, [] as [&Path; 0]).is_ok() {
        let failure =
            Failure::new(Code::Usage, format!("{} lies in a Git repository, and git 2.36 or newer is not there", directory.display()));
        return Err(failure.hint("install git, and leave FORUM_GIT unset").into());
    }
    let head = local.as_ref().map(Local::head).transpose()?.flatten();
    let mut snapshot = Snapshot::default();
    let mut origins = match &local {
        Some(local) => committed(local, head.as_deref(), &mut snapshot)?,
        None => found(directory)?,
    };
    if origins.len() > MOST_FILES {
        fail!(Code::UnsafeContent, "{} holds more than {MOST_FILES} files", directory.display());
    }
    origins.retain(|path, _| !is_ours(path));
    let contents = local.as_ref().map(|local| contents(local, &origins)).transpose()?.unwrap_or_default();
    for (path, origin) in origins {
        match read(&dir, &contents, &path, &origin)? {
            Ok(file) => snapshot.files.push(file),
            Err((trouble, why)) => snapshot.obstacles.push(Obstacle { path: shown(&path), trouble, why }),
        }
    }
    let excluded = leaves_out(&snapshot.files, &snapshot.obstacles)?;
    snapshot.leave_out(&excluded);
    if let Some(local) = &local {
        tell_source(local, head, &mut snapshot)?;
    }
    Ok(snapshot)
}

impl Snapshot {
    /// Drops what the component leaves out, of what is not committed too: it is never published.
    fn leave_out(&mut self, excluded: &Globs) {
        let fits = |one: &Obstacle| excluded.fit(&one.path) || (one.trouble == Trouble::Repository && excluded.fit_all_below(&one.path));
        let gone: BTreeSet<_> = self.obstacles.iter().filter(|one| fits(one)).map(|one| one.path.clone()).collect();
        self.files.retain(|file| !excluded.fit(file.path.as_str()));
        self.obstacles.retain(|one| !gone.contains(&one.path));
        self.uncommitted.retain(|(path, _)| !gone.contains(path) && !excluded.fit(path));
    }
}

/// Whether a path is one of forum's own files, or lies below one.
fn is_ours(path: &[u8]) -> bool {
    OURS.iter().any(|ours| path.strip_prefix(ours.as_bytes()).is_some_and(|rest| rest.is_empty() || rest[0] == b'/'))
}

/// A path for people: what is not UTF-8 in it stands as `\xe5`, so that two paths never look alike.
fn shown(path: &[u8]) -> String {
    let mut text = String::new();
    for chunk in path.utf8_chunks() {
        text += chunk.valid();
        text.extend(chunk.invalid().iter().flat_map(|byte| byte.escape_ascii()).map(char::from));
    }
    text
}

/// What the last commit holds of the files that come from it.
fn contents(local: &Local, origins: &Origins) -> Result<BTreeMap<String, Vec<u8>>> {
    local.contents(origins.values().filter_map(|origin| match origin {
        Origin::Blob(object, size, _) if *size <= MAX_BLOB => Some((object.as_str(), *size)),
        _ => None,
    }))
}

/// Reads one file, or says why it cannot be published.
fn read(dir: &Dir, contents: &BTreeMap<String, Vec<u8>>, path: &[u8], origin: &Origin) -> Result<Result<ContentFile, (Trouble, String)>> {
    let Ok(name) = std::str::from_utf8(path) else { return Ok(Err((Trouble::Name, "is not UTF-8".to_owned()))) };
    let kind = |why: &str| Ok(Err((Trouble::Kind, why.to_owned())));
    let file = |path, mode, bytes| Ok(Ok(ContentFile { path, mode, bytes }));
    match (origin, name.parse::<RelPath>()) {
        (Origin::Never(trouble, why), _) => Ok(Err((*trouble, (*why).to_owned()))),
        (_, Err(error)) => Ok(Err((Trouble::Name, error.rule().to_owned()))),
        (Origin::Blob(_, size, _), _) if *size > MAX_BLOB => kind(&format!("has {size} bytes, more than forum reads of a commit")),
        (Origin::Blob(object, _, mode), Ok(path)) => match contents.get(object) {
            Some(bytes) => file(path, *mode, bytes.clone()),
            None => fail!(Code::Io, "git did not give {path} of the last commit ({object})"),
        },
        (Origin::Disk(executable), Ok(path)) => match dir.kind_below(&path)? {
            Some(Kind::File { executable: on_disk, .. }) => {
                let mode = if executable.unwrap_or(on_disk) { FileMode::Executable } else { FileMode::Regular };
                let bytes = dir.read(&path, MAX_FILE)?.unwrap_or_default();
                file(path, mode, bytes)
            }
            Some(Kind::Link) => kind("is a symbolic link"),
            _ => kind("is neither a file nor a directory"),
        },
    }
}

/// In a repository: the last commit, and on top of it what git calls changed.
fn committed(local: &Local, head: Option<&str>, snapshot: &mut Snapshot) -> Result<Origins> {
    let below = |path: &[u8]| match local.prefix.as_bytes() {
        b"" => Some(path.to_owned()),
        prefix => path.strip_prefix(prefix)?.strip_prefix(b"/").map(<[u8]>::to_owned),
    };
    let mut origins = Origins::new();
    for file in head.map(|head| local.tracked(head)).transpose()?.unwrap_or_default() {
        let origin = match file.mode.as_str() {
            "100755" => Origin::Blob(file.object, file.size, FileMode::Executable),
            "120000" => LINK,
            "160000" => SUBMODULE,
            _ => Origin::Blob(file.object, file.size, FileMode::Regular),
        };
        origins.extend(below(&file.path).map(|path| (path, origin)));
    }
    for (path, change) in local.changes()? {
        let Some(path) = below(&path).filter(|path| !path.is_empty()) else { continue };
        let (word, origin) = match change {
            Change::Deleted => ("deleted", None),
            Change::Unmerged => ("unmerged", Some(Origin::Never(Trouble::Kind, "is in the middle of a merge"))),
            Change::Submodule => ("modified", Some(SUBMODULE)),
            Change::Untracked if path.ends_with(b"/") => ("untracked", Some(REPOSITORY)),
            Change::Untracked => ("untracked", Some(Origin::Disk(None))),
            Change::Modified { executable } => ("modified", Some(Origin::Disk(Some(executable)))),
        };
        if !is_ours(&path) {
            snapshot.uncommitted.push((shown(&path), word));
        }
        match origin {
            Some(origin) => drop(origins.insert(path, origin)),
            None => drop(origins.remove(&path)),
        }
    }
    Ok(origins)
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
        None => {
            snapshot.source_note = match Address::parse(&without_credentials(&origin)) {
                Ok(_) => note("the repository is on an internal host or a path, which helps nobody else"),
                Err(failure) => note(&failure.message),
            };
        }
    }
    Ok(())
}

/// The address without credentials, where its host could be reached from outside.
fn public_address(origin: &str) -> Option<String> {
    let address = Address::parse(&without_credentials(origin)).ok()?;
    let host = address.host()?;
    let is_number = host.parse::<std::net::IpAddr>().is_ok() || host.starts_with('[');
    let inner = ["local", "internal", "intra", "intranet", "lan", "corp", "home", "localhost", "localdomain", "test"];
    let last = host.rsplit('.').next().unwrap_or_default();
    let public =
        host.contains('.') && !is_number && !inner.contains(&last) && !host.split('.').any(|part| part == "intra" || part == "internal");
    public.then(|| address.to_string())
}

/// Outside of a repository: what the `.gitignore` files from the workspace's directory downwards do not name.
fn found(directory: &Path) -> Result<Origins> {
    let mut origins = Origins::new();
    let mut walk = ignore::WalkBuilder::new(root_of(directory));
    walk.standard_filters(false).git_ignore(true).require_git(false).parents(false).follow_links(false);
    let wanted = directory.to_path_buf();
    walk.filter_entry(move |entry| entry.path().starts_with(&wanted) || wanted.starts_with(entry.path()));
    for entry in walk.build() {
        let entry = entry.with_context(|| format!("reading {}", directory.display()))?;
        let Ok(below) = entry.path().strip_prefix(directory) else { continue };
        let parts: Vec<_> = below.iter().map(OsStr::as_encoded_bytes).collect();
        let origin = match entry.file_type() {
            Some(kind) if kind.is_dir() => continue,
            Some(kind) if kind.is_file() => Origin::Disk(None),
            Some(kind) if kind.is_symlink() => LINK,
            _ => Origin::Never(Trouble::Kind, "is neither a file nor a directory"),
        };
        origins.insert(parts.join(&b'/'), origin);
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
