//! Findings as the answer of a command.

use serde::Serialize;

use super::Outcome;
use crate::checks::{Checked, Finding};
use crate::context::Context;
use crate::model::escape::escape_name;
use crate::ui::Report;

/// What stands in the way (contract, section 6).
#[derive(Serialize)]
pub(super) struct FindingsReport {
    pub(super) findings: Vec<Finding>,
    pub(super) errors: usize,
    pub(super) warnings: usize,
}

impl From<Checked> for FindingsReport {
    fn from(checked: Checked) -> Self {
        Self { findings: checked.findings, errors: checked.errors, warnings: checked.warnings }
    }
}

impl Report for FindingsReport {
    fn text(&self) -> String {
        let mut text = lines(&self.findings);
        text += &format!("{}, {}\n", counted(self.errors, "error"), counted(self.warnings, "warning"));
        text
    }
}

/// Ends a contribution that findings stand in the way of.
pub(super) fn stopped(context: &Context, command: &str, findings: &FindingsReport) -> Outcome {
    context.ui.report(command, findings);
    context.ui.say("nothing was pushed\n  try: forum explain RULE");
    Outcome::No
}

fn counted(count: usize, what: &str) -> String {
    if count == 1 { format!("1 {what}") } else { format!("{count} {what}s") }
}

/// Two lines for each finding: where and what, and how to mend it.
pub(super) fn lines(findings: &[Finding]) -> String {
    let mut text = String::new();
    for finding in findings {
        let line = finding.line.map(|line| format!(":{line}")).unwrap_or_default();
        let pointer = finding.pointer.as_ref().map(|pointer| format!(" {pointer}")).unwrap_or_default();
        let place = finding.path.as_ref().map(|path| escape_name(&format!("{path}{line}{pointer}: "))).unwrap_or_default();
        text += &format!("{}: {place}{} [{}]\n", finding.severity.as_str(), finding.message, finding.rule);
        if !finding.help.is_empty() {
            text += &format!("    {}\n", finding.help);
        }
    }
    text
}
