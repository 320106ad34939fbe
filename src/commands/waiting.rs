//! A contribution that waits for its review: what it holds, and whether `main` is still what it was made on.

use anyhow::Result;

use super::contribute::{Effect, Way, shown};
use crate::context::Context;
use crate::error::{Code, Failure};
use crate::fail;
use crate::model::escape::escape_name;
use crate::model::path::RelPath;
use crate::store::contribution::{Author, Lineage, Ours, Stranger, Upstream, git};
use crate::store::registry::Registry;

/// A branch that is there, with its commit at hand.
pub(super) struct Waiting<'a> {
    upstream: Upstream,
    way: &'a Way,
    pub(super) commit: git2::Oid,
    /// Whose commits it is made of: forum's for this author, or others' too.
    pub(super) lineage: Lineage,
}

impl<'a> Waiting<'a> {
    /// The branch as the remote has it now; `None` where it does not.
    ///
    /// # Errors
    /// The transport's own.
    pub(super) fn find(
        context: &Context,
        way: &'a Way,
        registry: &Registry,
        branch: &str,
        author: Option<&Author>,
    ) -> Result<Option<Self>> {
        let Some((repository, main)) = registry.tip() else { fail!(Code::Internal, "the registry has no repository") };
        let upstream = Upstream::new(git(&context.store)?, repository, &context.store);
        let reference = format!("refs/heads/{branch}");
        let Some(commit) = upstream.look(way.remote(), &reference)?.branch else { return Ok(None) };
        let known = registry.contribution(branch)?.map(|known| known.commit);
        let ours = Ours { registry: (&way.registry, main), known, author };
        let lineage = upstream.lineage(way.remote(), &reference, commit, &ours)?;
        Ok(Some(Self { upstream, way, commit, lineage }))
    }

    /// Whether `main` has the file as it was when the branch was made, or last brought up to it.
    pub(super) fn fits(&self, registry: &Registry, path: &RelPath) -> Result<bool> {
        let Some(base) = self.lineage.base else { return Ok(false) };
        Ok(self.upstream.file_at(self.way.remote(), base, path)? == registry.file_bytes(path)?)
    }

    /// A file of the branch.
    pub(super) fn file(&self, path: &RelPath) -> Result<Option<Vec<u8>>> {
        self.upstream.file_at(self.way.remote(), self.commit, path)
    }

    /// Git's id of a directory of the branch.
    pub(super) fn tree(&self, path: &RelPath) -> Result<Option<git2::Oid>> {
        self.upstream.id_at(self.way.remote(), self.commit, path)
    }
}

/// A branch is replaced only where it is what forum put there for this owner, with no more than `main` merged into it.
/// Where another machine did, a job of a CI for instance, that is said.
pub(super) fn refuse_foreign(
    (context, way): (&Context, &Way),
    upstream: &Upstream,
    registry: &Registry,
    (branch, there, main): (&str, git2::Oid, git2::Oid),
    author: &Author,
) -> Result<()> {
    let known = registry.contribution(branch)?.map(|known| known.commit);
    if known == Some(there) {
        return Ok(());
    }
    let (remote, reference) = (way.remote(), format!("refs/heads/{branch}"));
    let ours = Ours { registry: (&way.registry, main), known, author: Some(author) };
    let lineage = upstream.lineage(remote, &reference, there, &ours)?;
    let Some(stranger) = lineage.stranger else {
        if way.effect == Effect::Push {
            let from = if lineage.made == Some(there) { "waits from another machine of yours" } else { "has main merged into it" };
            context.ui.say(&format!("note: the branch {branch} {from}, and is replaced; it was at {there}"));
        }
        return Ok(());
    };
    let message = format!("the branch {branch} is there already, with {}", strange(&stranger));
    Err(Failure::new(Code::Exists, message).hint(format!("if that may go: {}, then the same command again", freed(way, branch))).into())
}

/// A commit that is not from here, in words.
pub(super) fn strange(stranger: &Stranger) -> String {
    format!("a commit that is not from here ({}, by {})", &stranger.commit.to_string()[..10], escape_name(&stranger.name))
}

/// What makes room for a contribution whose branch others have changed.
pub(super) fn freed(way: &Way, branch: &str) -> String {
    format!("git push {} --delete {branch}", shown(way.remote()))
}
