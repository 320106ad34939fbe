//! What a fetch says when it is done.

use serde::Serialize;

use super::plan::{Planned, Step};
use crate::model::manifest::Needs;
use crate::model::path::WARN_PATH_BYTES;
use crate::store::workspace::Workspace;
use crate::ui::{Report, Ui};

/// The answer of `fetch` (contract, section 6).
#[derive(Serialize)]
pub(super) struct FetchReport {
    components: Vec<Row>,
    needs: Needs,
    #[serde(skip)]
    notes: Vec<String>,
    #[serde(skip)]
    dry_run: bool,
}

#[derive(Serialize)]
struct Row {
    id: String,
    version: String,
    registry: String,
    path: String,
    tree: String,
    checksum: String,
    action: &'static str,
    requested: bool,
    /// Whether a README.md has come.
    #[serde(skip)]
    has_readme: bool,
    /// Whether another one needs it.
    #[serde(skip)]
    needed: bool,
}

impl FetchReport {
    pub(super) fn new(workspace: &Workspace, planned: &[Planned], dry_run: bool) -> Self {
        let mut report = Self { components: Vec::new(), needs: Needs::default(), notes: Vec::new(), dry_run };
        for one in planned {
            let entry = &one.entry;
            let action = match &one.step {
                Step::Unchanged => "unchanged",
                Step::Kept { .. } => "kept",
                Step::Write { new: true, .. } if one.moved_from.is_none() => "added",
                Step::Write { .. } => "updated",
            };
            report.notes.extend(notes(one, action == "updated" && !dry_run));
            report.needs.merge(&one.needs);
            report.components.push(Row {
                id: entry.id.to_string(),
                version: entry.version.to_string(),
                registry: one.registry.clone(),
                path: entry.path.to_string(),
                tree: entry.tree.to_string(),
                checksum: entry.checksum.to_string(),
                action,
                requested: entry.requested,
                has_readme: matches!(&one.step, Step::Write { files, .. } if files.iter().any(|file| file.path.as_str() == "README.md")),
                needed: planned.iter().any(|one| one.entry.dependencies.contains(&entry.id)),
            });
        }
        for entry in workspace.lock.components.values().filter(|entry| !planned.iter().any(|one| one.entry.id == entry.id)) {
            report.notes.push(format!("note: {} is no longer wanted; its files stay in {}", entry.id, entry.path));
        }
        report
    }

    pub(super) fn say_notes(&self, ui: &Ui) {
        self.notes.iter().for_each(|note| ui.say(note));
    }
}

/// What a person should know of one component; what was `replaced` is kept.
fn notes(one: &Planned, replaced: bool) -> Vec<String> {
    let (entry, mut notes) = (&one.entry, one.warnings.clone());
    if let Some(reason) = &one.yanked {
        notes.push(format!("note: {} {} is yanked: {reason}", entry.id, entry.version));
    }
    if let Some(advice) = &one.deprecated {
        notes.push(format!("note: {} is deprecated: {advice}", entry.id));
    }
    if let Step::Kept { other_answers: true, .. } = &one.step {
        let note = "has your changes, and other answers than forum.toml: to bring those into it: forum update";
        notes.push(format!("note: {0} {note} {0}", entry.id));
    }
    if !one.defaults.is_empty() {
        let list: Vec<_> = one.defaults.iter().map(|(name, answer)| format!("{name} = {answer}")).collect();
        let way = format!("--set {}:NAME=…", entry.id);
        notes.push(format!("note: {}: by default {} (others: {way})", entry.id, list.join(", ")));
    }
    if let Some(from) = &one.moved_from {
        notes.push(format!("note: {} was in {from} before", entry.id));
    }
    if entry.pending.is_some() {
        notes.push(format!("note: an update of {0} waits for you: forum update {0} --continue", entry.id));
    } else if let Step::Kept { wanted: None, other_answers: false } = &one.step {
        let note = "has your changes, which `fetch` leaves alone; newer versions come into it by: forum update";
        notes.push(format!("note: {0} {note} {0}", entry.id));
    }
    if let Step::Kept { wanted: Some(version), .. } = &one.step {
        let note = "it has your changes, which `fetch` leaves alone. To bring the newer version into them: forum update";
        notes.push(format!("note: {0} stays at {1} instead of {version}: {note} {0}", entry.id, entry.version));
    }
    if replaced {
        notes.push(format!("note: what {0} was before is kept: forum restore {0}", entry.id));
    }
    if let Step::Write { files, .. } = &one.step {
        let long = files.iter().map(|file| file.path.within(&entry.path)).filter(|path| path.as_str().len() >= WARN_PATH_BYTES);
        let long: Vec<_> = long.map(|path| path.to_string()).collect();
        if let Some(first) = long.first() {
            let many = if long.len() > 1 { format!(", and {} more", long.len() - 1) } else { String::new() };
            notes.push(format!("note: {first}{many}: so long a path may be too long for programs on Windows"));
        }
    }
    notes
}

impl Report for FetchReport {
    fn text(&self) -> String {
        let mut text = String::new();
        let width = self.components.iter().map(|row| row.id.len()).max().unwrap_or_default();
        for row in &self.components {
            let why = match (row.requested, row.needed) {
                (true, _) => "",
                (false, true) => "  (needed by another)",
                (false, false) => "  (no longer needed)",
            };
            text += &format!("{:9} {:width$} {}  {}{why}\n", row.action, row.id, row.version, row.path);
        }
        if self.dry_run {
            text += "nothing was written (--dry-run)\n";
        }
        if !self.needs.is_empty() {
            text += "\nBefore it can run, the platform must have:\n";
            text += &self.needs.lines();
        }
        let mut added = self.components.iter().filter(|row| row.action == "added").peekable();
        if added.peek().is_some() && !self.dry_run {
            let readme = if added.any(|row| row.has_readme) { " Read its README.md first." } else { "" };
            text += &format!("\nIt comes as is: a starting point to adapt.{readme}\n");
        }
        text
    }
}
