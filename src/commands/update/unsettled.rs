//! What a person has not settled yet in an update that waits, and updates that wait though `forum.lock` says nothing of
//! it any more: it was taken from Git again, say, while the files were left as they are.

use std::collections::BTreeSet;

use anyhow::Result;
use semver::Version;

use crate::formats::text::{has_line, has_markers};
use crate::model::id::ComponentId;
use crate::model::lockfile::Pending;
use crate::model::path::RelPath;
use crate::model::update::Waiting;
use crate::store::workspace::{FoundFile, Workspace};
use crate::ui::Ui;

/// What stands behind the marker of ours.
const YOURS: &str = "yours";

/// The places that are not settled, in words.
pub(super) fn unsettled(workspace: &Workspace, waiting: &Waiting) -> Result<Vec<String>> {
    let mut open = Vec::new();
    for one in &waiting.open {
        let path = one.path.within(&waiting.entry.path);
        match one.beside.as_ref().map(|beside| beside.within(&waiting.entry.path)) {
            Some(beside) if workspace.exists(&beside)? => {
                // Where the record was made again, nobody knows which file it belongs to.
                let of = if beside == path { String::new() } else { format!(" (it belongs to {path})") };
                open.push(format!("{beside} is still there{of}"));
            }
            None if workspace.read_whole(&path)?.is_some_and(|bytes| has_markers(&bytes)) => {
                open.push(format!("{path} still has markers of a conflict"));
            }
            _ => {}
        }
    }
    Ok(open)
}

/// Files that were not there when the update was made, and have markers that it wrote: somebody gave them another name.
pub(super) fn carried_away(workspace: &Workspace, id: &ComponentId, waiting: &Waiting) -> Result<Vec<String>> {
    if waiting.open.iter().all(|one| one.beside.is_some()) {
        return Ok(Vec::new());
    }
    let known: BTreeSet<&RelPath> = waiting.files.iter().map(|file| &file.path).chain(waiting.open.iter().map(|one| &one.path)).collect();
    let label = |version: &Version| format!("{id} {version}");
    let base = label(waiting.from.as_ref().unwrap_or(&waiting.entry.version));
    let named = vec![format!("||||||| {base}"), format!(">>>>>>> {}", label(&waiting.entry.version))];
    // The one marker that names no version may have stood in a file before.
    let any = [named.as_slice(), &[format!("<<<<<<< {YOURS}")]].concat();
    let mut found = Vec::new();
    for file in workspace.files(&waiting.entry)?.into_iter().flatten() {
        let FoundFile { path: Some(path), bytes: Some(bytes), .. } = file? else { continue };
        let markers = if known.contains(&path) { &named } else { &any };
        if !waiting.open.iter().any(|one| one.path == path) && has_line(&bytes, markers) {
            found.push(format!("{} still has markers of a conflict", path.within(&waiting.entry.path)));
        }
    }
    Ok(found)
}

/// Reads the record of what waits where `forum.lock` lost it. An update whose version of before stands in the lock waits
/// again; of another one it is said what is not settled. Where all is settled the record is none any more.
pub(in crate::commands) fn remember(workspace: &mut Workspace, ui: &Ui) -> Result<()> {
    // One that cannot be read is for those commands to refuse that need it.
    let Ok(file) = workspace.pending() else { return Ok(()) };
    let waits = |id: &ComponentId| workspace.lock.components.get(id).is_some_and(|entry| entry.pending.is_some());
    let lost: Vec<_> = file.updates.iter().filter(|(id, waiting)| waiting.from.is_some() && !waits(id)).collect();
    let (mut again, mut open) = (BTreeSet::new(), Vec::new());
    for (id, waiting) in lost {
        let left = unsettled(workspace, waiting)?;
        if left.is_empty() {
            continue;
        }
        let here = workspace.lock.components.get(id).map(|entry| &entry.version);
        if here == waiting.from.as_ref() {
            again.extend(waiting.together.iter().cloned().chain([id.clone()]));
        } else {
            open.push((id, waiting, left));
        }
    }
    for (id, waiting, left) in open {
        let to = &waiting.entry.version;
        let what = left.join("; ");
        ui.say(&format!("warning: an update of {id} to {to} waited for you when forum.lock was changed: {what}\n  forum restore {id}"));
    }
    for (id, waiting) in file.updates.iter().filter(|(id, _)| again.contains(*id)) {
        let here = workspace.lock.components.get_mut(id).filter(|entry| Some(&entry.version) == waiting.from.as_ref());
        if let Some(entry) = here.filter(|entry| entry.pending.is_none()) {
            ui.say(&format!("note: an update of {id} waits for you, which forum.lock does not say any more"));
            entry.pending = Some(Pending::between(entry, &waiting.entry));
        }
    }
    Ok(())
}
