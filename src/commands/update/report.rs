//! What an update says when it is done.

use semver::Version;
use serde::Serialize;

use super::plan::Plan;
use crate::model::id::ComponentId;
use crate::model::manifest::Needs;
use crate::model::merge::Outcome;
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
}

impl UpdateReport {
    pub(super) fn of_plans(plans: &[Plan<'_>], dry_run: bool) -> Self {
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
        };
        Self::new(plans.iter().map(row).collect(), needs, if dry_run { "would update" } else { "updated" })
    }

    /// Of updates that waited, and are settled or taken back.
    pub(super) fn of_waiting(waiting: &[(ComponentId, Waiting)], word: &'static str) -> Self {
        let settled = |file: &FileChange| match file.outcome {
            Outcome::Conflict => FileChange { outcome: Outcome::Merged, conflict: None, ..file.clone() },
            _ => file.clone(),
        };
        let row = |(id, waiting): &(ComponentId, Waiting)| Row {
            id: id.clone(),
            from: waiting.from.clone(),
            to: Some(waiting.entry.version.clone()),
            variables: waiting.changed_variables.clone(),
            files: waiting.files.iter().map(settled).collect(),
            moved: Vec::new(),
        };
        Self::new(waiting.iter().map(row).collect(), Needs::default(), word)
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
        let mut text = match &self.to {
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
pub(super) fn conflicts(id: &ComponentId, path: &RelPath, open: &[Open]) -> String {
    if open.is_empty() {
        return format!("{id} waits with what it needs or what needs it");
    }
    let mut text = format!("{id}: in {} of its files you must choose:", open.len());
    for one in open {
        text += &format!("\n  {path}/{}  ({})", one.path, one.conflict);
        text += &match &one.beside {
            None => "\n    both are between the markers <<<<<<< and >>>>>>>".to_owned(),
            Some(beside) => format!("\n    yours is in place, the rest in {path}/{beside}: choose, and remove that file"),
        };
    }
    text
}
