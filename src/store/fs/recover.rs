//! What becomes of a change that was cut off: the next run finishes it, takes it back, or throws it away.

use std::path::Path;

use anyhow::Result;

use super::apply::{self, AREAS, Change, FORUM, IGNORE, JOURNAL, Journal, OLD, STAGE};
use super::dir::{Dir, Kind};
use super::journal::IGNORE_ALL;
use crate::error::{Code, Failure};
use crate::fail;
use crate::model::path::RelPath;

/// What [`recover`] found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Recovered {
    /// No interrupted change.
    Nothing,
    /// A decided change was finished.
    Finished,
    /// A decided change was taken back: a person has been at work here since, where it would have replaced something.
    TakenBack(RelPath),
    /// An undecided change was thrown away.
    Discarded,
}

/// Whether a run was cut off here.
pub(super) fn is_interrupted(forum: &Dir) -> Result<bool> {
    for name in [JOURNAL, STAGE, OLD, AREAS] {
        if forum.kind(Path::new(name))?.is_some() {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Finishes or throws away what a run that was cut off left behind. The caller holds the workspace's lock.
///
/// # Errors
/// A `.forum` that forum did not make: [`Code::Occupied`] or [`Code::InvalidWorkspace`].
pub fn recover(workspace: &Path) -> Result<Recovered> {
    let workspace = Dir::open(workspace)?;
    let Some(forum) = workspace.child(Path::new(FORUM))? else { return Ok(Recovered::Nothing) };
    let areas: Vec<RelPath> = apply::read_json(&forum, AREAS)?.unwrap_or_default();
    if !areas.iter().all(apply::is_beside) {
        fail!(Code::InvalidWorkspace, "{} names what forum never made", forum.show(Path::new(AREAS)));
    }
    if let Some(journal) = Journal::read(&forum)? {
        let change = Change { workspace: &workspace, forum: &forum, journal: &journal };
        let recovered = finish_or_take_back(&change)?;
        clean(&workspace, &forum, &journal.areas)?;
        return Ok(recovered);
    }
    let interrupted = is_interrupted(&forum)?;
    let left = forum.names()?.iter().all(|name| name == Path::new(IGNORE) || name.extension().is_some_and(|e| e == "new"));
    if !interrupted && !left {
        return Ok(Recovered::Nothing);
    }
    clean(&workspace, &forum, &areas)?;
    Ok(Recovered::Discarded)
}

/// Finishes a change that was decided. Where a person was at work since at a place that it would still replace, it is
/// taken back instead: that loses nothing as long as nobody was at work at a place that it has replaced already.
fn finish_or_take_back(change: &Change<'_>) -> Result<Recovered> {
    let progress = change.progress()?;
    let changed_where = |done: bool| {
        let at = progress.iter().position(|step| step.changed && step.done == done);
        at.map(|number| change.journal.operations[number].target.clone())
    };
    match (changed_where(false), changed_where(true)) {
        (None, _) => change.roll_forward().map(|()| Recovered::Finished),
        (Some(target), None) => change.roll_back().map(|()| Recovered::TakenBack(target)),
        (Some(old), Some(new)) => {
            let message = format!(
                "a run was cut off here, and since then both {old} (from before it) and {new} (which it wrote) were changed: \
                 to finish it would lose the one, to take it back the other"
            );
            let failure = Failure::new(Code::Occupied, message);
            Err(failure.hint(format!("move what you changed in {old} out of the workspace, then the same command")).into())
        }
    }
}

/// Removes what a change needed. The journal goes first: without it, what is staged means nothing.
pub(super) fn clean(workspace: &Dir, forum: &Dir, areas: &[RelPath]) -> Result<()> {
    forum.remove_file(Path::new(JOURNAL))?;
    forum.sync()?;
    for beside in areas {
        if let Some(above) = beside.parent().map_or_else(|| workspace.try_clone().map(Some), |above| workspace.find_below(&above))? {
            above.remove_tree(Path::new(beside.file_name()))?;
        }
    }
    for name in [STAGE, OLD, AREAS, "journal.json.new", "stage.json.new"] {
        forum.remove_tree(Path::new(name))?;
    }
    let ignore = Path::new(IGNORE);
    if forum.names()?.iter().any(|name| name != ignore) {
        return Ok(());
    }
    if let Some(Kind::File { .. }) = forum.kind(ignore)?
        && forum.read_native(ignore, 1024)?.is_some_and(|text| IGNORE_ALL.starts_with(&text))
    {
        forum.remove_file(ignore)?;
    }
    if forum.names()?.is_empty() {
        workspace.remove_dir(Path::new(FORUM))?;
    }
    Ok(())
}
