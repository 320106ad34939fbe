//! A contribution that waits for its review: what it holds, and whether `main` is still what it was made on.

use anyhow::Result;

use super::contribute::Way;
use crate::context::Context;
use crate::error::Code;
use crate::fail;
use crate::model::path::RelPath;
use crate::store::contribution::{Author, Upstream, git};
use crate::store::registry::Registry;

/// A branch that is there, with its commit at hand.
pub(super) struct Waiting<'a> {
    upstream: Upstream,
    way: &'a Way,
    reference: String,
    /// The `main` that the registry is at.
    main: git2::Oid,
    pub(super) commit: git2::Oid,
}

impl<'a> Waiting<'a> {
    /// The branch as the remote has it now; `None` where it does not.
    ///
    /// # Errors
    /// The transport's own.
    pub(super) fn find(context: &Context, way: &'a Way, registry: &Registry, branch: &str) -> Result<Option<Self>> {
        let Some((repository, main)) = registry.tip() else { fail!(Code::Internal, "the registry has no repository") };
        let upstream = Upstream::new(git(&context.store)?, repository, &context.store);
        let reference = format!("refs/heads/{branch}");
        let Some(commit) = upstream.look(way.remote(), &reference)?.branch else { return Ok(None) };
        upstream.bring(way.remote(), &reference, commit)?;
        Ok(Some(Self { upstream, way, reference, main, commit }))
    }

    /// Whether `main` has the file as it was when the branch was made.
    pub(super) fn fits(&self, registry: &Registry, path: &RelPath) -> Result<bool> {
        Ok(self.upstream.file_at(self.way.remote(), (self.commit, true), path)? == registry.file_bytes(path)?)
    }

    /// A file of the branch.
    pub(super) fn file(&self, path: &RelPath) -> Result<Option<Vec<u8>>> {
        self.upstream.file_at(self.way.remote(), (self.commit, false), path)
    }

    /// Git's id of a directory of the branch.
    pub(super) fn tree(&self, path: &RelPath) -> Result<Option<git2::Oid>> {
        self.upstream.id_at(self.way.remote(), self.commit, path)
    }

    /// Whether forum made it for this author, and nobody changed it since.
    pub(super) fn is_ours(&self, author: &Author) -> Result<bool> {
        self.upstream.is_ours(self.way.remote(), &self.reference, self.commit, self.main, author)
    }
}
