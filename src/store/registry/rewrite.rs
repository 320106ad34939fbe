//! A `main` that does not descend from the one last seen: what the user is told, who must decide (contract, section 3).

use anyhow::Result;
use git2::Oid;
use semver::Version;
use serde::Serialize;

use super::{Listed, Registry, Source};
use crate::error::{Code, Failure};
use crate::model::digest::ObjectId;
use crate::model::id::ComponentId;
use crate::model::index::{IndexFile, MAX_BYTES};
use crate::model::resolve::Catalog as _;
use crate::store::memory::Memory;

/// The most removed versions that an error names.
const MOST_NAMED: usize = 20;

/// A version that was removed for good.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Tombstone {
    /// The component.
    pub id: ComponentId,
    /// The version.
    pub version: Version,
    /// Why.
    pub reason: String,
}

impl Registry {
    /// Every version that was removed, by component and version. Index files that cannot be read are passed over.
    ///
    /// # Errors
    /// The transport's own.
    pub fn tombstones(&self) -> Result<Vec<Tombstone>> {
        tombstones(&*self.source, &|ids| self.source.bring(ids))
    }

    /// Refuses a component of which a published version is gone without a tombstone: one that this machine has seen, or
    /// the one that is `locked`. A plain folder holds one version of each, and is asked nothing of the kind.
    ///
    /// # Errors
    /// [`Code::Integrity`], naming the version.
    pub fn refuse_gone(&self, id: &ComponentId, locked: Option<&Version>) -> Result<()> {
        let Some(memory) = self.memory.as_ref().filter(|_| self.source.tip().is_some()) else { return Ok(()) };
        let index = self.index(id)?;
        if let Some(failure) = memory.gone(id, index.as_deref()) {
            return Err(failure.into());
        }
        let is_there = |version| index.as_ref().is_some_and(|index| index.knows(version));
        match locked.filter(|version| !is_there(version)) {
            None => Ok(()),
            Some(version) => {
                let name = &self.file.name;
                let message = format!("{id} {version}: it is in forum.lock, and gone from the index of {name} without a tombstone");
                let failure = Failure::new(Code::Integrity, message);
                let failure = failure.hint("a published version is never taken away like that: ask the forum's maintainers what happened");
                let newest = index.as_ref().and_then(|index| index.newest());
                let way = newest.map_or_else(|| format!("forum remove {id}"), |newest| format!("forum fetch {id}@={}", newest.version));
                Err(failure.hint(format!("to go on without it: {way}")).into())
            }
        }
    }

    /// Takes it that versions are gone, as the user has accepted another history. What a version was stays known.
    ///
    /// # Errors
    /// When that cannot be remembered.
    pub fn accept_gone(&self) -> Result<()> {
        self.forget_search_index();
        self.memory.as_ref().map_or(Ok(()), Memory::accept_gone)
    }
}

/// The error for such a `main`, with the tombstones that it has: to erase a version is why histories are rewritten.
pub(super) fn rewritten(address: &str, new: Oid, seen: Oid, tombstones: &[Tombstone]) -> Failure {
    let removed = match tombstones {
        [] => String::new(),
        all => {
            let named: Vec<_> = all.iter().take(MOST_NAMED).map(|one| format!("{} {} ({})", one.id, one.version, one.reason)).collect();
            let more = all.len().saturating_sub(MOST_NAMED);
            format!("; removed there: {}{}", named.join(", "), if more > 0 { format!(" and {more} more") } else { String::new() })
        }
    };
    let message = format!(
        "the history of {address} was rewritten: main is at {new}, which does not descend from {seen}, where it was last seen{removed}"
    );
    let failure = Failure::new(Code::Rewritten, message);
    failure.hint("ask the forum's maintainers why; if you trust the answer: forum registry refresh --accept-rewrite")
}

/// The versions that an index calls removed. `bring` fetches files that are missing.
///
/// # Errors
/// When the index cannot be listed or brought; a file in it that cannot be read is passed over.
pub(super) fn tombstones(source: &dyn Source, bring: &dyn Fn(&[ObjectId]) -> Result<()>) -> Result<Vec<Tombstone>> {
    let files = source.files(&"index".parse()?)?;
    bring(&files.iter().filter_map(|file| file.blob).collect::<Vec<_>>())?;
    let mut found = Vec::new();
    for Listed { path, .. } in &files {
        let Some(id) = path.strip_suffix(".toml").and_then(|id| id.parse::<ComponentId>().ok()) else { continue };
        let path = format!("index/{path}");
        let Ok(Some(bytes)) = source.read(&path.parse()?, MAX_BYTES as u64) else { continue };
        let Ok(index) = IndexFile::parse(&path, &bytes, &id) else { continue };
        let removed = index.removed.into_iter();
        found.extend(removed.map(|(version, notice)| Tombstone { id: id.clone(), version, reason: notice.reason }));
    }
    found.sort_by(|a, b| (&a.id, &a.version).cmp(&(&b.id, &b.version)));
    Ok(found)
}
