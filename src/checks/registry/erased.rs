//! Content that was erased stays away (rule `erased-content`): the tombstone alone hides it from nobody who has the history.

use anyhow::Result;

use super::super::finding::{Finding, Severity};
use super::History;
use super::index::{self, Indexed, Read};
use super::repair::{FOLDER, SHALLOW};
use super::rules::id;
use crate::model::digest::ObjectId;
use crate::model::registry_state::{Past, RegistryState};
use crate::model::resolve::Catalog as _;

/// Looks through the history of a component of which versions were removed.
pub(super) fn in_whole(history: History, read: &Read<'_>, state: &dyn RegistryState, findings: &mut Vec<Finding>) -> Result<()> {
    let index = &read.index;
    let removed: Vec<_> = index.versions.iter().filter(|record| index.removed.contains_key(&record.version)).collect();
    let Some(first) = removed.first() else { return Ok(()) };
    let unseen = |why: &str| {
        let names: Vec<_> = removed.iter().map(|record| record.version.to_string()).collect();
        let message = format!("whether the history still has the content of {} {} was not looked at: {why}", index.id, names.join(", "));
        read.of_version(id::ERASED_CONTENT, first, message)
    };
    match history {
        History::Shallow => {
            findings.push(unseen("this clone is shallow").severity(Severity::Warning).help(SHALLOW));
        }
        History::None => findings.push(unseen("a folder has no history").severity(Severity::Note).help(FOLDER)),
        History::Whole => {
            let trees: Vec<ObjectId> = removed.iter().map(|record| record.tree).collect();
            for past in state.remaining(&index.id, &trees)? {
                let about = removed.iter().filter(|record| record.tree == past.tree);
                let finding = |record| read.of_version(id::ERASED_CONTENT, record, message(&past, &record.version));
                // Between the tombstone and the rewriting it is so, and others may publish meanwhile.
                findings.extend(about.map(|record| finding(record).severity(Severity::Warning)));
            }
        }
    }
    Ok(())
}

/// Looks through the commits of a contribution: it may bring a history along that `main` has no more.
pub(super) fn in_contribution(after: &dyn RegistryState, catalog: &Indexed<'_>, findings: &mut Vec<Finding>) -> Result<()> {
    for past in after.passed()? {
        let Some(index) = catalog.index(&past.component)? else { continue };
        let about = index.versions.iter().filter(|record| record.tree == past.tree && index.removed.contains_key(&record.version));
        let place = index::place(&past.component);
        findings.extend(about.map(|record| Finding::new(id::ERASED_CONTENT, message(&past, &record.version)).at(&place)));
    }
    Ok(())
}

fn message(past: &Past, version: &semver::Version) -> String {
    let commit = past.commit.get(..10).unwrap_or(&past.commit);
    format!("the commit {commit} holds the content of {} {version}, which was removed for good", past.component)
}
