//! A `main` that does not descend from the one last seen: what the user is told, who must decide.

use anyhow::Result;
use git2::Oid;

use super::git::GitTree;
use super::{Listed, Source};
use crate::error::{Code, Failure};
use crate::model::digest::ObjectId;
use crate::model::id::ComponentId;
use crate::model::index::{IndexFile, MAX_BYTES};

/// The most removed versions that an error names.
const MOST_NAMED: usize = 5;

/// The error for such a `main`, with the tombstones that it has: to erase a version is why histories are rewritten.
pub(super) fn rewritten(address: &str, new: Oid, seen: Oid, tombstones: &[String]) -> Failure {
    let removed = match tombstones {
        [] => String::new(),
        all => {
            let more = all.len().saturating_sub(MOST_NAMED);
            let named = all.iter().take(MOST_NAMED).cloned().collect::<Vec<_>>().join(", ");
            format!("; removed there: {named}{}", if more > 0 { format!(" and {more} more") } else { String::new() })
        }
    };
    let message = format!(
        "the history of {address} was rewritten: main is at {new}, which does not descend from {seen}, where it was last seen{removed}"
    );
    let failure = Failure::new(Code::Rewritten, message);
    failure.hint("ask the forum's maintainers why; if you trust the answer: forum registry refresh --accept-rewrite")
}

/// The versions that the index of a commit calls removed, with their reasons. `bring` fetches files that are missing.
///
/// # Errors
/// When the index cannot be read; a file in it that cannot is passed over.
pub(super) fn tombstones(tree: &GitTree, bring: &dyn Fn(&[ObjectId]) -> Result<()>) -> Result<Vec<String>> {
    let files = tree.files(&"index".parse()?)?;
    bring(&files.iter().filter_map(|file| file.blob).collect::<Vec<_>>())?;
    let mut found = Vec::new();
    for Listed { path, .. } in &files {
        let Some(id) = path.strip_suffix(".toml").and_then(|id| id.parse::<ComponentId>().ok()) else { continue };
        let path = format!("index/{path}");
        let Some(bytes) = tree.read(&path.parse()?, MAX_BYTES as u64)? else { continue };
        let Ok(index) = IndexFile::parse(&path, &bytes, &id) else { continue };
        found.extend(index.removed.iter().map(|(version, notice)| format!("{id} {version} ({})", notice.reason)));
    }
    found.sort();
    Ok(found)
}
