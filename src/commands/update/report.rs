//! What an update says when it is done.

use semver::Version;
use serde::Serialize;

use super::plan::Plan;
use crate::model::id::ComponentId;
use crate::model::manifest::Needs;
use crate::model::merge::{Conflict, Outcome};
use crate::model::path::RelPath;
use crate::model::update::{FileChange, Open, VariableChange, VariableFate, Waiting};
use crate::ui::Report;

/// The answer of `update` (contract, section 6).
#[derive(Serialize)]
pub(super) struct UpdateReport {
    components: Vec<Row>,
    conflicts: usize,
    needs: Needs,
    #[serde(skip)]
    word: &'static str,
}

#[derive(Serialize)]
struct Row {
    id: ComponentId,
    from: Option<Version>,
    /// `null` for what was there for the update alone, and went with it.
    to: Option<Version>,
    variables: Vec<VariableChange>,
    files: Vec<FileChange>,
    #[serde(skip)]
    moved: Vec<(RelPath, RelPath)>,
    /// Whether it waits for a person.
    #[serde(skip)]
    waits: bool,
}

impl UpdateReport {
    pub(super) fn of_plans(plans: &[Plan<'_>], waits: &dyn Fn(&ComponentId) -> bool, dry_run: bool) -> Self {
        let mut needs = Needs::default();
        for plan in plans {
            needs.merge(&plan.needs);
        }
        let row = |plan: &Plan<'_>| Row {
            id: plan.id.clone(),
            from: plan.from.clone(),
            to: Some(plan.entry.version.clone()),
            variables: plan.changed_variables.clone(),
            files: plan.combined.files.clone(),
            moved: plan.combined.moved.iter().map(|(from, to)| (from.clone(), to.clone())).collect(),
            waits: waits(&plan.id),
        };
        Self::new(plans.iter().map(row).collect(), needs, if dry_run { "would update" } else { "updated" })
    }

    /// Of updates that waited, and are settled or taken back.
    /// `there` says whether a file is.
    pub(super) fn of_waiting(waiting: &[(ComponentId, Waiting)], there: &dyn Fn(&Waiting, &RelPath) -> bool) -> Self {
        let row = |(id, waiting): &(ComponentId, Waiting)| Row {
            id: id.clone(),
            from: waiting.from.clone(),
            to: Some(waiting.entry.version.clone()),
            variables: waiting.changed_variables.clone(),
            files: waiting.files.iter().map(|file| settled(file, there(waiting, &file.path))).collect(),
            moved: Vec::new(),
            waits: false,
        };
        Self::new(waiting.iter().map(row).collect(), Needs::default(), "updated")
    }

    /// Of what was taken back: both versions are the one of before, and no file is another.
    pub(super) fn of_taken_back(ids: Vec<(ComponentId, Option<Version>)>) -> Self {
        let row = |(id, version): (ComponentId, Option<Version>)| Row {
            id,
            from: version.clone(),
            to: version,
            variables: Vec::new(),
            files: Vec::new(),
            moved: Vec::new(),
            waits: false,
        };
        Self::new(ids.into_iter().map(row).collect(), Needs::default(), "put back")
    }

    fn new(components: Vec<Row>, needs: Needs, word: &'static str) -> Self {
        let conflicts = components.iter().flat_map(|row| &row.files).filter(|file| file.outcome == Outcome::Conflict).count();
        Self { components, conflicts, needs, word }
    }
}

impl Row {
    fn text(&self, word: &str) -> String {
        let from = self.from.as_ref().map_or_else(|| "new".to_owned(), ToString::to_string);
        let word = if self.waits && word == "updated" { "waits" } else { word };
        let mut text = match &self.to {
            Some(to) if self.from.as_ref() == Some(to) && word == "put back" => format!("{word} {} {to}\n", self.id),
            Some(to) => format!("{word} {}: {from} -> {to}\n", self.id),
            None => format!("{} went with the update that brought it\n", self.id),
        };
        let hidden = |file: &&FileChange| !matches!(file.outcome, Outcome::Unchanged);
        for file in self.files.iter().filter(hidden) {
            let old = self.moved.iter().find(|(_, to)| *to == file.path).map(|(from, _)| format!("  (was {from})")).unwrap_or_default();
            let why = file.conflict.map(|why| format!("  ({why})")).unwrap_or_default();
            text += &format!("  {:9} {}{old}{why}\n", file.outcome.as_str(), file.path);
        }
        for variable in &self.variables {
            let answer = variable.answer.as_ref().map(|answer| format!(" = {answer}")).unwrap_or_default();
            text += &format!("  variable  {}{answer}  ({})\n", variable.name, fate(variable.change));
        }
        text
    }
}

/// What became of a file in the end.
fn settled(file: &FileChange, there: bool) -> FileChange {
    let Some(why) = file.conflict else { return file.clone() };
    let outcome = match (why, there) {
        (Conflict::DeletedUpstream, false) => Outcome::Removed,
        (Conflict::DeletedUpstream, true) | (_, false) => Outcome::Kept,
        (_, true) => Outcome::Merged,
    };
    FileChange { outcome, conflict: None, ..file.clone() }
}

const fn fate(change: VariableFate) -> &'static str {
    match change {
        VariableFate::Added => "new",
        VariableFate::Renamed => "renamed, its answer carried over",
        VariableFate::Removed => "no longer asked for",
        VariableFate::AskedAgain => "takes other answers now",
        VariableFate::Changed => "another answer",
    }
}

impl Report for UpdateReport {
    fn text(&self) -> String {
        let mut text: String = self.components.iter().map(|row| row.text(self.word)).collect();
        if self.word == "would update" && !self.components.is_empty() {
            text += "nothing was written (--dry-run)\n";
        }
        if !self.needs.is_empty() {
            text += "\nThe newer version needs, too:\n";
            text += &self.needs.lines();
        }
        text
    }
}

/// Names each file in which a person must choose, and how.
pub(super) fn conflicts(plan: &Plan<'_>) -> String {
    let (id, path, open) = (&plan.id, &plan.entry.path, &plan.combined.open);
    if open.is_empty() {
        return format!("{id} waits with what it needs or what needs it");
    }
    let mut text = format!("{id}: in {} of its files you must choose:", open.len());
    for one in open {
        text += &format!("\n  {path}/{}  ({})", one.path, one.conflict);
        text += &match &one.beside {
            None => "\n    both are between the markers <<<<<<< and >>>>>>>".to_owned(),
            Some(beside) => format!("\n    {} {path}/{beside}: choose, and remove that file", what_lies_there(plan, one)),
        };
    }
    text
}

/// What stands at the place of a conflict, up to the name of the file beside it.
fn what_lies_there(plan: &Plan<'_>, one: &Open) -> &'static str {
    let yours = plan.sides.ours.files.get(&one.path).is_some_and(|known| known.sums.is_some());
    let is_file = yours || plan.combined.writes.iter().any(|write| write.path == one.path);
    match (one.conflict, is_file) {
        (Conflict::DeletedUpstream, true) => "yours is in place, to be kept or removed; a report is",
        (_, true) => "yours is in place, the rest in",
        (Conflict::DeletedHere, false) => "nothing is in place, as you left it; the newer version's is",
        (_, false) => "what you have there is no file of its name and stays; the newer version's is",
    }
}
