//! What a registry has removed for good: named to whoever must decide whether a rewritten history is to be trusted
//! (contract, section 3).

use anyhow::Result;
use semver::Version;
use serde::Serialize;

use super::people::bring;
use super::{Registry, Source};
use crate::error::{Code, Failure};
use crate::model::id::ComponentId;
use crate::model::index::{IndexFile, MAX_BYTES};
use crate::model::path::RelPath;

/// The most that an error names.
const NAMED: usize = 20;

/// A version that was removed.
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
        of(&*self.source)
    }
}

/// Those of a source as it is read now.
pub(super) fn of(source: &dyn Source) -> Result<Vec<Tombstone>> {
    let index: RelPath = "index".parse()?;
    let files = source.files(&index)?;
    bring(source, &files)?;
    let mut found = Vec::new();
    for file in &files {
        let Some(id) = file.path.strip_suffix(".toml").and_then(|id| id.parse::<ComponentId>().ok()) else { continue };
        let path = index.join(&file.path.parse()?)?;
        let Ok(Some(bytes)) = source.read(&path, MAX_BYTES as u64) else { continue };
        let Ok(parsed) = IndexFile::parse(path.as_str(), &bytes, &id) else { continue };
        let removed = parsed.removed.into_iter();
        found.extend(removed.map(|(version, notice)| Tombstone { id: id.clone(), version, reason: notice.reason }));
    }
    found.sort_by(|a, b| (&a.id, &a.version).cmp(&(&b.id, &b.version)));
    Ok(found)
}

/// The error for a rewritten history, with what the new one says was removed.
pub(super) fn named(error: anyhow::Error, source: &dyn Source) -> anyhow::Error {
    let mut failure = Failure::of(&error);
    if failure.code != Code::Rewritten {
        return error;
    }
    // What cannot be brought does not make the history less rewritten.
    let found = of(source).unwrap_or_default();
    if !found.is_empty() {
        let list: Vec<_> = found.iter().take(NAMED).map(|one| format!("{} {} ({})", one.id, one.version, one.reason)).collect();
        let more = if found.len() > NAMED { format!(", and {} more", found.len() - NAMED) } else { String::new() };
        failure.message += &format!("; its tombstones: {}{more}", list.join(", "));
    }
    failure.into()
}
