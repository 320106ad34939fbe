//! A registry on this machine as its own CI looks at it: the commit that is checked out, the one that it started from,
//! and what lies between them. A plain folder is taken as it stands.
//!
//! Nothing is cached or remembered, no server is asked, and what is not committed is not looked at.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use git2::{ObjectType, Oid, Repository};

use super::content::{Content, tree_id};
use super::folder::Folder;
use super::git::{GitTree, repository_at};
use super::{Registry, Source, past};
use crate::error::{Code, Failure};
use crate::fail;
use crate::model::content::ContentFile;
use crate::model::digest::{FileMode, ObjectId};
use crate::model::id::ComponentId;
use crate::model::index::{MAX_BYTES, VersionRecord};
use crate::model::path::{RelPath, check_part};
use crate::model::registry_file::Limits;
use crate::model::registry_state::{Directory, Held, Obstacle, Past, RegistryState, Trouble};
use crate::model::resolve::Catalog as _;
use crate::store::objects::Objects;

/// More than this is read of no component, whatever the registry allows.
const MOST: Limits = Limits { file: 512 << 20, component: 1 << 30, files: 100_000 };
/// Directories within directories.
const MOST_DEPTH: usize = 64;
/// The most files and directories of a registry that are listed.
const MOST_LISTED: usize = 1_000_000;

/// A registry's checkout, bare repository or folder.
pub enum LocalRegistry {
    /// Git has it.
    Repository(Repository),
    /// Git does not.
    Folder(Folder),
}

/// A state that can be opened in each thread anew, and is the same in all.
#[derive(Debug, Clone)]
pub struct Pinned {
    path: PathBuf,
    /// The commit; `None` for a folder.
    commit: Option<Oid>,
}

/// What it holds at one commit, or now.
pub enum State {
    /// A commit; with the one that a contribution to it began at.
    Commit(Box<GitTree>, Option<Oid>),
    /// A folder.
    Folder(Folder),
}

impl LocalRegistry {
    /// Opens what is at `path`.
    ///
    /// # Errors
    /// Where nothing is, or a repository that cannot be read.
    pub fn open(path: &Path) -> Result<Self> {
        if !path.is_dir() {
            let failure = Failure::new(Code::NotFound, format!("there is no directory {}", path.display()));
            return Err(failure.hint("name the registry's checkout: forum registry check DIR").into());
        }
        Ok(match repository_at(path)? {
            Some(repository) => Self::Repository(repository),
            None => Self::Folder(Folder::open(path)?),
        })
    }

    /// Whether the history ends where a clone was cut off.
    #[must_use]
    pub fn is_shallow(&self) -> bool {
        matches!(self, Self::Repository(repository) if repository.is_shallow())
    }

    /// Whether it has changes that are not committed, which the rules do not see.
    #[must_use]
    pub fn is_changed(&self) -> bool {
        let Self::Repository(repository) = self else { return false };
        let mut options = git2::StatusOptions::new();
        options.include_untracked(true).exclude_submodules(true);
        !repository.is_bare() && repository.statuses(Some(&mut options)).is_ok_and(|changes| !changes.is_empty())
    }

    /// The state to be judged of the registry at `path`: HEAD as it is now, or the folder.
    ///
    /// # Errors
    /// Where HEAD is no commit.
    pub fn head(&self, path: &Path) -> Result<Pinned> {
        let commit = match self {
            Self::Folder(_) => None,
            Self::Repository(repository) => Some(head(repository)?),
        };
        Ok(Pinned { path: path.to_owned(), commit })
    }

    /// The state that HEAD and `reference` have in common, and HEAD.
    ///
    /// # Errors
    /// [`Code::Usage`] in a folder, in a shallow clone, and for a reference that is none.
    pub fn since(path: &Path, reference: &str) -> Result<(State, State)> {
        let Self::Repository(repository) = Self::open(path)? else {
            fail!(Code::Usage, "{} is no Git repository, so --base means nothing there", path.display());
        };
        let deepen = |failure: Failure| {
            let failure = failure.hint("let the CI fetch the whole history: fetch-depth: 0 (GitHub, Azure DevOps), GIT_DEPTH: 0 (GitLab)");
            failure.hint("or here: git fetch --unshallow")
        };
        if repository.is_shallow() {
            let message = "the clone is shallow (not fetch-depth: 0), so what the contribution changes cannot be told";
            return Err(deepen(Failure::new(Code::Usage, message)).into());
        }
        let base = repository.revparse_single(reference).and_then(|object| object.peel_to_commit());
        let Ok(base) = base.map(|commit| commit.id()) else {
            let failure = Failure::new(Code::Usage, format!("--base: there is no commit `{}` here", reference.escape_debug()));
            return Err(deepen(failure.hint("git fetch origin main, then --base origin/main")).into());
        };
        let head = head(&repository)?;
        let Ok(common) = repository.merge_base(head, base) else {
            fail!(Code::Usage, "HEAD and `{}` have no commit in common", reference.escape_debug());
        };
        let second = repository_at(path)?.context("the repository went away")?;
        Ok((State::at(second, common, None)?, State::at(repository, head, Some(common))?))
    }
}

fn head(repository: &Repository) -> Result<Oid> {
    match repository.head().and_then(|head| head.peel_to_commit()) {
        Ok(commit) => Ok(commit.id()),
        Err(error) => {
            let failure = Failure::new(Code::InvalidRegistry, format!("HEAD of the repository is no commit: {}", error.message()));
            Err(failure.hint("git commit").into())
        }
    }
}

impl Pinned {
    /// Opens it.
    ///
    /// # Errors
    /// Where the repository went away.
    pub fn open(&self) -> Result<State> {
        match self.commit {
            None => Ok(State::Folder(Folder::open(&self.path)?)),
            Some(commit) => State::at(repository_at(&self.path)?.context("the repository went away")?, commit, None),
        }
    }
}

impl State {
    fn at(repository: Repository, commit: Oid, since: Option<Oid>) -> Result<Self> {
        Ok(Self::Commit(Box::new(GitTree::at(repository, commit)?), since))
    }

    fn source(&self) -> &dyn Source {
        match self {
            Self::Commit(tree, _) => &**tree,
            Self::Folder(folder) => folder,
        }
    }

    /// Every path that is no directory, sorted. What is no UTF-8 in one is replaced.
    ///
    /// # Errors
    /// When it cannot be listed.
    pub fn paths(&self) -> Result<Vec<String>> {
        let mut found = match self {
            Self::Folder(folder) => folder.paths()?,
            Self::Commit(tree, _) => differences(tree.repository(), None, tree.root())?,
        };
        found.sort();
        Ok(found)
    }

    /// The paths of which a later state holds something else.
    ///
    /// # Errors
    /// When the trees cannot be read.
    pub fn touched(&self, later: &Self) -> Result<Vec<String>> {
        let (Self::Commit(before, _), Self::Commit(after, _)) = (self, later) else { return Ok(Vec::new()) };
        let mut paths = differences(after.repository(), Some(before.root()), after.root())?;
        paths.sort();
        paths.dedup();
        Ok(paths)
    }
}

impl RegistryState for State {
    fn read(&self, path: &str) -> Result<Option<Vec<u8>>> {
        let Ok(path) = path.parse::<RelPath>() else { return Ok(None) };
        self.source().read(&path, MAX_BYTES as u64)
    }

    fn tree(&self, id: &ComponentId) -> Result<Option<ObjectId>> {
        match self {
            Self::Commit(tree, _) => tree.tree(&format!("components/{id}").parse()?),
            Self::Folder(folder) => folder.directory(id)?.map(|directory| tree_id(&directory.files)).transpose(),
        }
    }

    fn directory(&self, id: &ComponentId) -> Result<Option<Directory>> {
        match self {
            Self::Commit(tree, _) => directory(tree, id),
            Self::Folder(folder) => folder.directory(id),
        }
    }

    fn version(&self, id: &ComponentId, record: &VersionRecord, limits: Limits) -> Result<Held> {
        // A folder holds one content of each component, which need not be this.
        let elsewhere = matches!(self, Self::Folder(_)) && self.tree(id)? != Some(record.tree);
        if elsewhere {
            return Ok(Held::Missing);
        }
        match self.source().content(id, record, limits) {
            // To look for each object first would cost as much as to read them.
            Err(_) if !self.source().is_at_hand(record)? => Ok(Held::Missing),
            read => judged(read),
        }
    }

    fn remaining(&self, id: &ComponentId, trees: &[ObjectId]) -> Result<Vec<Past>> {
        match self {
            Self::Commit(tree, _) => past::remaining(tree.repository(), tree.main, id, trees),
            Self::Folder(_) => Ok(Vec::new()),
        }
    }

    fn passed(&self) -> Result<Vec<Past>> {
        match self {
            Self::Commit(tree, Some(since)) => past::between(tree.repository(), *since, tree.main),
            _ => Ok(Vec::new()),
        }
    }
}

/// The registry as it is on its server. What is not at hand is brought.
impl RegistryState for Registry {
    fn read(&self, path: &str) -> Result<Option<Vec<u8>>> {
        let Ok(path) = path.parse::<RelPath>() else { return Ok(None) };
        self.source.read(&path, MAX_BYTES as u64)
    }

    fn tree(&self, id: &ComponentId) -> Result<Option<ObjectId>> {
        self.source.tree(&format!("components/{id}").parse()?)
    }

    fn directory(&self, id: &ComponentId) -> Result<Option<Directory>> {
        let Some(record) = self.index(id)?.and_then(|index| index.last_published().cloned()) else { return Ok(None) };
        let files = self.content(id, &record)?.files;
        Ok(Some(Directory { files, obstacles: Vec::new() }))
    }

    fn version(&self, id: &ComponentId, record: &VersionRecord, limits: Limits) -> Result<Held> {
        judged(self.source.content(id, record, limits))
    }
}

/// What a client would make of the content.
fn judged(read: Result<Content>) -> Result<Held> {
    match read {
        Ok(Content { files }) => Ok(Held::Files(files)),
        Err(error) => match Failure::of(&error) {
            failure if matches!(failure.code, Code::Integrity | Code::UnsafeContent | Code::InvalidRegistry) => {
                Ok(Held::Refused(failure.message))
            }
            _ => Err(error),
        },
    }
}

/// The paths of files in which two trees differ, within bounds: a few trees that hold each other again and again name
/// more files than any machine could list. Where a name comes to stand twice, others would see another one than we do.
fn differences(repository: &Repository, old: Option<Oid>, new: Oid) -> Result<Vec<String>> {
    let refuse = |path: &str, rule: String| -> Result<()> {
        let failure = Failure::new(Code::UnsafeContent, format!("`{}`: {rule}", path.escape_debug()));
        Err(failure.hint("look at what the directory above it holds, and take it out").into())
    };
    let (mut open, mut found) = (vec![(String::new(), old, Some(new))], Vec::new());
    let (mut seen, mut bytes) = (0, 0);
    while let Some((above, old_tree, new_tree)) = open.pop() {
        let (old_rows, new_rows) = (entries(repository, old_tree)?, entries(repository, new_tree)?);
        for key in old_rows.keys().chain(new_rows.keys().filter(|key| !old_rows.contains_key(*key))) {
            let (before, after) = (old_rows.get(key), new_rows.get(key));
            if before == after {
                continue;
            }
            let (name, is_tree) = key;
            let path = format!("{above}{}", String::from_utf8_lossy(name));
            (seen, bytes) = (seen + 1, bytes + path.len());
            if seen > MOST_LISTED || bytes > MOST_LISTED * 100 {
                refuse(&path, format!("with it there are more than {MOST_LISTED} files and directories, or their paths are too long"))?;
            }
            if old.is_some() && after.is_some_and(|rows| rows.len() > 1) {
                refuse(&path, "stands twice in its directory, which git does not allow".to_owned())?;
            }
            let first = |rows: Option<&Vec<(Oid, i32)>>| rows.and_then(|rows| rows.first()).map(|row| row.0);
            if *is_tree {
                open.push((format!("{path}/"), first(before), first(after)));
            } else {
                found.push(path);
            }
        }
    }
    Ok(found)
}

/// Objects and modes, by name and whether it is a directory.
type Entries = BTreeMap<(Vec<u8>, bool), Vec<(Oid, i32)>>;

/// What a tree holds; nothing where there is no tree.
fn entries(repository: &Repository, tree: Option<Oid>) -> Result<Entries> {
    let mut found = Entries::new();
    if let Some(tree) = tree {
        for entry in &repository.find_tree(tree)? {
            let key = (entry.name_bytes().to_vec(), entry.kind() == Some(ObjectType::Tree));
            found.entry(key).or_default().push((entry.id(), entry.filemode_raw()));
        }
    }
    Ok(found)
}

/// Reads a component's tree with all that is wrong in it.
fn directory(source: &GitTree, id: &ComponentId) -> Result<Option<Directory>> {
    let Some(tree) = source.tree(&format!("components/{id}").parse()?)? else { return Ok(None) };
    let mut read = Directory { files: Vec::new(), obstacles: Vec::new() };
    let repository = source.repository();
    let objects = Objects::of(repository)?;
    let (mut open, mut bytes) = (vec![(String::new(), Oid::from_bytes(tree.as_bytes())?, 0)], 0);
    while let Some((above, oid, depth)) = open.pop() {
        for entry in &repository.find_tree(oid)? {
            let name = String::from_utf8_lossy(entry.name_bytes()).into_owned();
            let path = format!("{above}{name}");
            let mut refuse = |trouble, why: &str| read.obstacles.push(Obstacle { path: path.clone(), trouble, why: why.to_owned() });
            if std::str::from_utf8(entry.name_bytes()).is_err() {
                refuse(Trouble::Name, "is not UTF-8");
                continue;
            }
            let mode = match entry.filemode_raw() {
                0o040_000 if depth >= MOST_DEPTH => {
                    refuse(Trouble::Name, "lies too deep");
                    continue;
                }
                0o040_000 => {
                    if let Err(rule) = check_part(&name) {
                        refuse(Trouble::Name, rule);
                    } else {
                        open.push((format!("{path}/"), entry.id(), depth + 1));
                    }
                    continue;
                }
                0o100_644 => FileMode::Regular,
                0o100_755 => FileMode::Executable,
                0o120_000 => {
                    refuse(Trouble::Kind, "is a symbolic link");
                    continue;
                }
                0o160_000 => {
                    refuse(Trouble::Repository, "is a submodule");
                    continue;
                }
                other => {
                    refuse(Trouble::Kind, &format!("has the mode {other:o}"));
                    continue;
                }
            };
            let size = objects.header(entry.id())?.0 as u64;
            bytes += size;
            match path.parse::<RelPath>() {
                Err(error) => refuse(Trouble::Name, error.rule()),
                Ok(_) if size > MOST.file || bytes > MOST.component || read.files.len() >= MOST.files => {
                    refuse(Trouble::Kind, "is beyond what any registry may hold");
                }
                Ok(path) => read.files.push(ContentFile { path, mode, bytes: objects.read(entry.id())?.1 }),
            }
        }
    }
    read.files.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(Some(read))
}
