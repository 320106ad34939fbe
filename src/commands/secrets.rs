//! Secret answers that stand in a component's files, read back for a merge or another version.
//!
//! They are written down nowhere else. The published files tell what stands between them, so each file that was changed
//! nowhere else says them, and each line of one that was; what can be read in several ways, or differs from file to file,
//! is not known.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::Result;

use super::originals::record_of;
use super::prepared::{Place, Prepared, Written};
use crate::model::content::bytes_of;
use crate::model::lockfile::LockEntry;
use crate::model::path::RelPath;
use crate::model::secret_places::reading::{Reading, read, read_lines};
use crate::model::secret_places::{Outline, Rules};
use crate::model::variables::{Answer, Answers, Variable};
use crate::model::written::normalise;
use crate::store::registry::Registry;
#[cfg(doc)]
use crate::store::workspace::State;
use crate::store::workspace::Workspace;

/// The secrets of a component that lies here as it was fetched: its state must be [`State::Clean`]. `None` where they
/// cannot be told from what is around them.
pub(super) fn known(workspace: &Workspace, registry: &Registry, entry: &LockEntry) -> Result<Option<Answers>> {
    if entry.pieces.is_empty() {
        return Ok(None);
    }
    let Some(record) = record_of(registry, entry)? else { return Ok(None) };
    let mut prepared = Prepared::fetched(registry, entry, &record)?;
    let published = prepared.content.clone();
    let Written { outlines, .. } = prepared.written(&entry.id, &record, Place::of(entry))?;
    let secrets = read_back(workspace, entry, &prepared.manifest.variables, &|path| Ok(outlines.get(path).cloned()))?;
    prepared.content = published;
    prepared.answers.extend(secrets.clone());
    let Ok(files) = prepared.files(&entry.id) else { return Ok(None) };
    for path in entry.pieces.keys() {
        let lies = workspace.read_whole(&path.within(&entry.path))?;
        let written = bytes_of(&files, path.as_str());
        if lies.as_deref().map(normalise) != written.map(normalise) {
            return Ok(None);
        }
    }
    Ok(Some(secrets))
}

/// The secrets that stand in a component's files, as far as they can be told. `outline` is what was published between
/// the secrets of a file.
pub(super) fn read_back(
    workspace: &Workspace,
    entry: &LockEntry,
    variables: &BTreeMap<String, Variable>,
    outline: &dyn Fn(&RelPath) -> Result<Option<Outline>>,
) -> Result<Answers> {
    let rules = Rules::of(variables);
    let (mut answers, mut unsure) = (BTreeMap::new(), BTreeSet::new());
    for path in entry.pieces.keys() {
        let Some(outline) = outline(path)? else { continue };
        let Some(bytes) = workspace.read_whole(&entry.path.join(path)?)? else { continue };
        let bytes = normalise(&bytes);
        let found = match read(&bytes, &outline, &rules) {
            Reading::Found(found) => found,
            Reading::Other => read_lines(&bytes, &outline, &rules),
            Reading::Unclear => continue,
        };
        for (name, answer) in found {
            if answers.get(&name).is_some_and(|known| *known != answer) {
                unsure.insert(name);
            } else {
                answers.insert(name, answer);
            }
        }
    }
    let known = answers.into_iter().filter(|(name, _)| !unsure.contains(name));
    Ok(known.filter_map(|(name, answer)| Some((name, Answer::String(answer?)))).collect())
}
