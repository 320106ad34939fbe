//! One commit on the newest `main` of a registry, and the push that carries it there (contract, section 7).
//!
//! Objects are written into the registry's repository in the cache; the user's own git pushes them, with their
//! credentials. What a server says of a push is not believed: it is asked for `main` and the branch at once.

mod lineage;

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::PathBuf;

use anyhow::{Context as _, Result};
use git2::build::TreeUpdateBuilder;
use git2::{ObjectType, Oid, Repository, Signature, Time};
use jiff::Timestamp;

pub use self::lineage::{Lineage, Ours, Stranger};
use super::registry::Options;
use super::transport::process::Output;
use super::transport::system::Git;
use super::transport::{EngineChoice, Job, wording};
use crate::error::{Code, Failure};
use crate::model::address::Address;
use crate::model::content::ContentFile;
use crate::model::digest::FileMode;
use crate::model::path::RelPath;

/// The branch that counts.
pub const MAIN: &str = "refs/heads/main";
/// Stands in the message of every commit that forum contributes, so that it knows its own.
pub const TRAILER: &str = "Contributed-with: forum";

/// What a contribution puts at a path.
#[derive(Debug, Clone)]
pub enum Piece {
    /// A file.
    File(Vec<u8>),
    /// A directory, which replaces what was there as a whole.
    Directory(Vec<ContentFile>),
}

/// What a contribution changes, by path.
pub type Change = BTreeMap<RelPath, Piece>;

/// Who a commit is by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Author {
    /// A name, or an organisation's title.
    pub name: String,
    /// An address, of a role where possible.
    pub email: String,
}

/// A commit to be made.
#[derive(Debug)]
pub struct Draft<'a> {
    /// What it changes.
    pub change: &'a Change,
    /// Who it is by.
    pub author: &'a Author,
    /// What it says, without the trailer.
    pub message: &'a str,
    /// When it is made.
    pub at: Timestamp,
}

/// What a remote has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Seen {
    /// Its `main`.
    pub main: Option<Oid>,
    /// The branch.
    pub branch: Option<Oid>,
}

/// What is pushed.
#[derive(Debug, Clone, Copy)]
pub struct Push<'a> {
    /// The commit.
    pub commit: Oid,
    /// The full name of the branch.
    pub branch: &'a str,
    /// What the branch is at; `None` where it must not be there.
    pub expected: Option<Oid>,
    /// Options for the host.
    pub options: &'a [String],
}

/// How a push ended.
#[derive(Debug, PartialEq, Eq)]
pub enum Pushed {
    /// The server says that it took it. With the link that it printed.
    Taken(Option<String>),
    /// The branch or `main` is another than it was.
    Moved,
}

/// The way to a registry's repository, or to a fork of it.
#[derive(Debug)]
pub struct Upstream {
    git: Git,
    repository: PathBuf,
    options: Options,
}

impl Upstream {
    /// For the repository in the cache that [`super::registry::Registry::tip`] names.
    #[must_use]
    pub fn new(git: Git, repository: PathBuf, options: &Options) -> Self {
        Self { git, repository, options: options.clone() }
    }

    /// Makes the commit on `main`. The same draft on the same `main` gives the same commit.
    ///
    /// # Errors
    /// When the objects cannot be written.
    pub fn commit(&self, main: Oid, draft: &Draft<'_>) -> Result<Oid> {
        let repository = Repository::open_bare(&self.repository)?;
        let parent = repository.find_commit(main)?;
        let root = parent.tree()?;
        let mut update = TreeUpdateBuilder::new();
        for (path, piece) in draft.change {
            match piece {
                Piece::File(bytes) => {
                    update.upsert(path.as_str(), repository.blob(bytes)?, git2::FileMode::Blob);
                }
                Piece::Directory(files) => {
                    update.upsert(path.as_str(), write_tree(&repository, files)?, git2::FileMode::Tree);
                }
            }
        }
        let tree = repository.find_tree(update.create_updated(&repository, &root).context("making the tree of the contribution")?)?;
        let who = Signature::new(&draft.author.name, &draft.author.email, &Time::new(draft.at.as_second(), 0))
            .with_context(|| format!("the author {} <{}>", draft.author.name, draft.author.email))?;
        let message = format!("{}\n\n{TRAILER}\n", draft.message.trim_end());
        Ok(repository.commit(None, &who, &who, &message, &tree, &[&parent])?)
    }

    /// Asks a remote for `main` and a branch at once.
    ///
    /// # Errors
    /// The transport's own.
    pub fn look(&self, remote: &Address, branch: &str) -> Result<Seen> {
        let job = self.job(remote);
        let output = self.git.run(&job, ["ls-remote", "--end-of-options", "forum", MAIN, branch], Vec::new())?;
        if !output.success {
            return Err(Git::failure(&output, &job).into());
        }
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        let of = |name: &str| said.lines().find_map(|line| line.split_once('\t').filter(|(_, found)| *found == name)?.0.parse().ok());
        Ok(Seen { main: of(MAIN), branch: of(branch) })
    }

    /// Pushes a commit to a branch of `remote`; onto `main` nothing is ever forced.
    ///
    /// # Errors
    /// [`Code::Denied`] with the server's reason, and the transport's own.
    pub fn push(&self, registry: &Address, remote: &Address, push: &Push<'_>) -> Result<Pushed> {
        let Push { commit, branch, .. } = push;
        // The remote `forum` stays the registry: what a fork lacks, and is not here either, is brought from there.
        let job = self.job(registry);
        let mut arguments: Vec<OsString> = vec!["-c".into(), format!("remote.target.url={remote}").into()];
        arguments.extend(["push", "--porcelain", "--no-verify"].map(OsString::from));
        if *branch != MAIN {
            let expected = push.expected.map(|oid| oid.to_string()).unwrap_or_default();
            arguments.push(format!("--force-with-lease={branch}:{expected}").into());
        }
        arguments.extend(push.options.iter().map(|option| format!("--push-option={option}").into()));
        arguments.extend(["--end-of-options".into(), "target".into(), format!("{commit}:{branch}").into()]);
        let output = if remote == registry { self.git.run(&job, arguments, Vec::new())? } else { self.git.run_lazily(&job, arguments)? };
        if output.success {
            return Ok(Pushed::Taken(printed_link(&output.stderr)));
        }
        if !push.options.is_empty() && output.stderr.contains("does not support push options") {
            return self.push(registry, remote, &Push { options: &[], ..*push });
        }
        let hint = match *branch {
            MAIN => "leave --direct out: then it waits as a branch, and a pull request brings it onto main",
            _ if remote != registry => "ask whoever looks after that fork for the right to push branches",
            _ => "ask the forum's maintainers for the right to push branches, or use --fork URL",
        };
        outcome_of_failure(&output, remote, hint)
    }

    /// Brings the history below `main`, without contents: a fork that lags behind must be told it.
    ///
    /// # Errors
    /// The transport's own.
    pub fn deepen(&self, registry: &Address) -> Result<()> {
        self.unshallow(registry, "--filter=blob:none")
    }

    fn unshallow(&self, registry: &Address, filter: &str) -> Result<()> {
        if !Repository::open_bare(&self.repository)?.is_shallow() {
            return Ok(());
        }
        let job = self.job(registry);
        let arguments = ["fetch", "--no-tags", "--no-write-fetch-head", "--unshallow", filter, "--end-of-options", "forum", MAIN];
        let output = self.git.run(&job, arguments, Vec::new())?;
        if output.success { Ok(()) } else { Err(Git::failure(&output, &job).into()) }
    }

    fn job<'a>(&'a self, remote: &'a Address) -> Job<'a> {
        Job {
            repository: &self.repository,
            address: remote,
            timeout: self.options.timeout,
            terminal: self.options.terminal,
            progress: &|_| (),
        }
    }
}

/// The user's git: contributing needs it.
///
/// # Errors
/// [`Code::Usage`] where it is missing or too old.
pub fn git(options: &Options) -> Result<Git> {
    let found = match &options.engine {
        EngineChoice::Builtin => Err(Failure::new(Code::Usage, "contributing needs git 2.36 or newer; the built-in engine only reads")),
        EngineChoice::Program(path) => Git::at(path),
        EngineChoice::System => Git::at(std::path::Path::new("git")),
    };
    Ok(found.map_err(|failure| failure.hint("install git, and leave FORUM_GIT unset"))?)
}

/// Writes the files of a directory as a tree.
fn write_tree(repository: &Repository, files: &[ContentFile]) -> Result<Oid> {
    let empty = repository.find_tree(repository.treebuilder(None)?.write()?)?;
    let mut update = TreeUpdateBuilder::new();
    for file in files {
        let mode = if file.mode == FileMode::Executable { git2::FileMode::BlobExecutable } else { git2::FileMode::Blob };
        let oid = repository.odb()?.write(ObjectType::Blob, &file.bytes)?;
        update.upsert(file.path.as_str(), oid, mode);
    }
    Ok(update.create_updated(repository, &empty)?)
}

/// The first address that the server prints at a push: hosts print where to open the pull request.
fn printed_link(talk: &str) -> Option<String> {
    let lines = talk.lines().filter_map(|line| line.trim_start().strip_prefix("remote:"));
    let link = lines.flat_map(str::split_whitespace).find(|word| word.starts_with("https://") || word.starts_with("http://"))?;
    Some(link.chars().filter(|c| !c.is_control()).collect())
}

/// git-push(1), "Output": `! <from>:<to> [rejected] (why)`, or `[remote rejected] (why)`. Whoever is not allowed to push was
/// allowed to read: `hint` says what helps.
fn outcome_of_failure(output: &Output, remote: &Address, hint: &str) -> Result<Pushed> {
    const MOVED: [&str; 6] =
        ["stale info", "fetch first", "non-fast-forward", "failed to update ref", "cannot lock ref", "reference already exists"];
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let Some(why) = said.lines().find(|line| line.starts_with('!')) else {
        let mut failure = wording::failure(&output.stderr, remote);
        if failure.code == Code::Denied {
            failure.hints = vec![hint.to_owned()];
        }
        return Err(failure.into());
    };
    if MOVED.iter().any(|word| why.contains(word)) {
        return Ok(Pushed::Moved);
    }
    let reason = wording::reason(&output.stderr);
    let why = wording::essence(why.rsplit('\t').next().unwrap_or(why));
    Err(Failure::new(Code::Denied, format!("{remote} took nothing: {why}: {reason}")).hint(hint).into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_link_that_a_server_prints_is_found() {
        let talk = "remote: \nremote: To create a merge request, visit:\u{1b}[0m\nremote:   https://git.example/x/-/merge_requests/new?a=b\nTo https://git.example/x.git\n";
        assert_eq!(printed_link(talk).as_deref(), Some("https://git.example/x/-/merge_requests/new?a=b"));
        assert_eq!(printed_link("remote: https://git.example/\u{1b}]0;x\u{7}\n").as_deref(), Some("https://git.example/]0;x"));
        assert_eq!(printed_link("To https://git.example/x.git\n"), None);
    }

    #[test]
    fn failed_pushes_are_told_apart() {
        let remote = Address::parse("https://h.example/r.git").expect("an address");
        let output = |why: &str, stderr: &str| Output {
            success: false,
            stdout: format!("To x\n!\ta:b\t{why}\nDone\n").into(),
            stderr: stderr.into(),
        };
        assert_eq!(outcome_of_failure(&output("[rejected] (stale info)", ""), &remote, "").expect("moved"), Pushed::Moved);
        assert_eq!(outcome_of_failure(&output("[rejected] (fetch first)", ""), &remote, "").expect("moved"), Pushed::Moved);
        let talk = "remote: Resolving deltas: 100% (1/1), done.\nremote: error: GH006: Protected branch\nremote: \nremote: - one\nremote: - two\nremote: - main is protected\nTo x\n";
        let denied = outcome_of_failure(&output("[remote rejected] (pre-receive hook declined)", talk), &remote, "ask");
        let failure = Failure::of(&denied.expect_err("denied"));
        assert_eq!(failure.code, Code::Denied);
        let told = "(pre-receive hook declined): error: GH006: Protected branch; - one; - two; - main is protected";
        assert!(failure.message.contains(told) && failure.hints == ["ask"], "{failure}");
        let forbidden = Output { success: false, stdout: Vec::new(), stderr: "fatal: The requested URL returned error: 403".into() };
        assert_eq!(Failure::of(&outcome_of_failure(&forbidden, &remote, "ask").expect_err("denied")).hints, ["ask"]);
    }
}
