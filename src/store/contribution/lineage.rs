//! A branch that is there already: which of its commits forum made, and what others put on top of them.
//!
//! A contribution replaces its branch only where nothing of anybody else's is lost by it. A merge that brings `main` in,
//! as hosts offer it by a button, holds nothing else: it may go.

use std::collections::BTreeSet;
use std::ffi::OsString;

use anyhow::Result;
use git2::{Commit, Oid, Repository};

use super::{Author, TRAILER, Upstream};
use crate::model::address::Address;
use crate::model::path::RelPath;
use crate::store::registry::may_descend;
use crate::store::transport::system::Git;

/// More commits than this stand on no branch that a contribution began.
const MOST_STEPS: usize = 64;

/// What tells our own commit.
#[derive(Debug, Clone, Copy)]
pub struct Ours<'a> {
    /// The registry, with its `main` as it is now.
    pub registry: (&'a Address, Oid),
    /// The commit that this machine pushed last.
    pub known: Option<Oid>,
    /// Whose commits are ours; `None` for anybody's that forum made.
    pub author: Option<&'a Author>,
}

/// How a branch came about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lineage {
    /// The `main` that it was last brought up to; `None` where that cannot be told.
    pub base: Option<Oid>,
    /// The commit that forum made; `None` where there is none.
    pub made: Option<Oid>,
    /// The newest commit on it that is somebody else's.
    pub stranger: Option<Stranger>,
}

/// A commit of somebody else.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stranger {
    /// The commit.
    pub commit: Oid,
    /// Who made it.
    pub name: String,
}

impl Stranger {
    fn of(commit: &Commit<'_>) -> Self {
        Self { commit: commit.id(), name: String::from_utf8_lossy(commit.committer().name_bytes()).into_owned() }
    }
}

impl Upstream {
    /// Brings the commit that a branch of a remote is at, with those before it and without contents.
    ///
    /// # Errors
    /// The transport's own.
    pub fn bring(&self, remote: &Address, branch: &str, commit: Oid) -> Result<()> {
        if Repository::open_bare(&self.repository)?.find_commit(commit).is_ok() {
            return Ok(());
        }
        let job = self.job(remote);
        let arguments = ["fetch", "--no-tags", "--no-write-fetch-head", "--filter=tree:0", "--end-of-options", "forum", branch];
        let output = self.git.run(&job, arguments, Vec::new())?;
        if output.success { Ok(()) } else { Err(Git::failure(&output, &job).into()) }
    }

    /// The file at a path in a commit that was brought; `None` where none is.
    ///
    /// # Errors
    /// Where git does not run.
    pub fn file_at(&self, remote: &Address, commit: Oid, path: &RelPath) -> Result<Option<Vec<u8>>> {
        let object = format!("{commit}:{path}");
        let output = self.git.run_lazily(&self.job(remote), ["cat-file", "blob", &object].map(OsString::from).to_vec())?;
        Ok(Some(output.stdout).filter(|_| output.success))
    }

    /// The id of what lies at a path in a commit that was brought; `None` where nothing does.
    ///
    /// # Errors
    /// Where git does not run.
    pub fn id_at(&self, remote: &Address, commit: Oid, path: &RelPath) -> Result<Option<Oid>> {
        let object = format!("{commit}:{path}");
        let output = self.git.run_lazily(&self.job(remote), ["rev-parse", "--verify", "--quiet", &object].map(OsString::from).to_vec())?;
        Ok(String::from_utf8_lossy(&output.stdout).trim().parse().ok().filter(|_| output.success))
    }

    /// Goes back from the tip of a branch to the commit that forum made.
    ///
    /// # Errors
    /// When the commits cannot be brought.
    pub fn lineage(&self, remote: &Address, branch: &str, tip: Oid, ours: &Ours<'_>) -> Result<Lineage> {
        self.bring(remote, branch, tip)?;
        let repository = Repository::open_bare(&self.repository)?;
        let (mut at, mut base, mut strangers, mut merges) = (tip, None, Vec::new(), Vec::new());
        for _ in 0..MOST_STEPS {
            let Ok(commit) = repository.find_commit(at) else { break };
            if is_ours(&repository, &commit, ours)? {
                let parent = commit.parent_id(0)?;
                let change = self.change(remote, parent, at)?;
                for merge in merges {
                    let Some(brought) = repository.find_commit(merge)?.parent_ids().nth(1) else { continue };
                    if !self.change(remote, brought, merge)?.is_subset(&change) {
                        strangers.push(Stranger::of(&repository.find_commit(merge)?));
                    }
                }
                return Ok(Lineage { base: base.or(Some(parent)), made: Some(at), stranger: strangers.into_iter().next() });
            }
            match commit.parent_ids().nth(1) {
                Some(brought) if commit.parent_count() == 2 && self.is_main(&repository, brought, ours)? => {
                    base = base.or(Some(brought));
                    merges.push(at);
                }
                _ => strangers.push(Stranger::of(&commit)),
            }
            let Some(before) = commit.parent_ids().next() else { break };
            at = before;
        }
        let stranger = repository.find_commit(tip).ok().map(|commit| Stranger::of(&commit));
        Ok(Lineage { base: None, made: None, stranger })
    }

    /// Whether `main` was at a commit once. What the cache lacks of its history is brought, without contents.
    fn is_main(&self, repository: &Repository, commit: Oid, ours: &Ours<'_>) -> Result<bool> {
        let (registry, main) = ours.registry;
        if commit == main {
            return Ok(true);
        }
        self.unshallow(registry, "--filter=tree:0")?;
        may_descend(repository, main, commit)
    }

    /// The files that differ between two commits, as they are in the second.
    fn change(&self, remote: &Address, old: Oid, new: Oid) -> Result<BTreeSet<String>> {
        let arguments = ["diff-tree", "-r", "--no-renames", &old.to_string(), &new.to_string()].map(OsString::from);
        let job = self.job(remote);
        let output = self.git.run_lazily(&job, arguments.to_vec())?;
        if !output.success {
            return Err(Git::failure(&output, &job).into());
        }
        // git-diff-tree(1), "Raw output format": `:<old mode> <new mode> <old id> <new id> <status>\t<path>`.
        let row = |row: &str| {
            let (about, path) = row.split_once('\t')?;
            let mut words = about.split(' ').skip(1);
            Some(format!("{} {} {path}", words.next()?, words.nth(1)?))
        };
        Ok(String::from_utf8_lossy(&output.stdout).lines().filter_map(row).collect())
    }
}

/// Whether a commit was contributed by forum for this author, alone and onto this line of `main`.
///
/// Forum commits as the author, at the author's time; who amends a commit becomes its committer.
fn is_ours(repository: &Repository, commit: &Commit<'_>, ours: &Ours<'_>) -> Result<bool> {
    if ours.known == Some(commit.id()) && commit.parent_count() == 1 {
        return Ok(true);
    }
    let (wrote, committed) = (commit.author(), commit.committer());
    let by_us = ours.author.is_none_or(|author| wrote.email().is_ok_and(|email| email == author.email));
    let untouched =
        wrote.name_bytes() == committed.name_bytes() && wrote.email_bytes() == committed.email_bytes() && wrote.when() == committed.when();
    let marked = commit.message().is_ok_and(|message| message.contains(TRAILER));
    let alone = commit.parent_count() == 1;
    Ok(by_us && untouched && marked && alone && may_descend(repository, ours.registry.1, commit.parent_id(0)?)?)
}
