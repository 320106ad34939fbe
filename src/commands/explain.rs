//! `forum explain`: what a rule is for, and how to satisfy or waive it.

use anyhow::Result;
use serde::Serialize;

use super::Outcome;
use crate::checks::rules::{find, near};
use crate::checks::{Rule, rules};
use crate::context::Context;
use crate::error::{Code, Failure};
use crate::ui::{Report, columns};

/// Explain a rule of check and registry check
///
/// Without a rule, lists them all.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  forum explain
  forum explain secret-password")]
pub struct Args {
    /// The rule, as a finding names it in brackets
    rule: Option<String>,
}

#[derive(Serialize)]
struct Explained {
    rules: Vec<Row>,
    #[serde(skip)]
    whole: bool,
}

#[derive(Serialize)]
struct Row {
    rule: &'static str,
    severity: &'static str,
    what: &'static str,
    why: &'static str,
    source: &'static str,
    mend: &'static str,
    waivable: bool,
}

impl Row {
    const fn of(rule: &'static Rule) -> Self {
        let Rule { id, severity, what, why, source, mend, waivable } = rule;
        Self { rule: id, severity: severity.as_str(), what, why, source, mend, waivable: *waivable }
    }
}

impl Report for Explained {
    fn text(&self) -> String {
        if !self.whole {
            let row = |row: &Row| [row.rule.to_owned(), row.severity.to_owned(), row.what.to_owned()];
            return columns(&self.rules.iter().map(row).collect::<Vec<_>>());
        }
        self.rules.iter().map(page).collect()
    }
}

fn page(row: &Row) -> String {
    let waive = if row.waivable {
        format!(
            "In component.toml, and seen in the review:\n\n    [[check.waive]]\n    rule = \"{}\"\n    path = \"…\"\n    reason = \"…\"\n",
            row.rule
        )
    } else {
        "It cannot be waived.\n".to_owned()
    };
    format!(
        "{} ({})\n\n{}\n\nWhy: {}\n{}\n\nHow to mend it: {}\n\nHow to waive it: {waive}",
        row.rule, row.severity, row.what, row.why, row.source, row.mend
    )
}

/// Runs the command.
///
/// # Errors
/// [`Code::NotFound`] for a rule that is none, with those that are near.
pub fn run(context: &Context, args: &Args) -> Result<Outcome> {
    let rules = match &args.rule {
        None => rules().iter().map(Row::of).collect(),
        Some(id) => match find(id) {
            Some(rule) => vec![Row::of(rule)],
            None => return Err(unknown(id).into()),
        },
    };
    context.ui.report("explain", &Explained { rules, whole: args.rule.is_some() });
    Ok(Outcome::Done)
}

fn unknown(id: &str) -> Failure {
    let failure = Failure::new(Code::NotFound, format!("there is no rule `{}`", id.escape_debug()));
    let named = near(id).iter().fold(failure, |failure, id| failure.hint(format!("forum explain {id}")));
    if named.hints.is_empty() { named.hint("forum explain") } else { named }
}
