//! `forum check`: everything that must hold before a component is published.

use std::path::{Path, PathBuf};

use anyhow::Result;
use clap::ValueEnum;
use serde::Serialize;

use super::candidate;
use super::findings::FindingsReport;
use super::places::Places;
use super::{Outcome, annotations, publish};
use crate::checks::rules::id;
use crate::checks::{Checked, Finding, Severity, fix};
use crate::context::Context;
use crate::error::{Code, Failure};
use crate::model::id::Name;
use crate::store::fs::atomic::write_atomic;
use crate::store::fs::dir::Readers;
use crate::store::fs::read_small;
use crate::store::registry::{Registry, Visit};
use crate::ui;

/// The largest file that is mended, in bytes.
const MOST_MENDED: u64 = 64 << 20;

/// Check a component before it is published
///
/// With --registry, or in a workspace that knows one, the registry's own rules count too: its licences, its limits, what
/// changed since the last version, and whether it has the version already and all that it needs. Without --fix nothing is changed, and nothing leaves this machine.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  forum check integrations/pupil-system
  forum check --format github          in a job: annotations on the pull request
  forum explain secret-password        what a rule is for")]
pub struct Args {
    /// The component's directory
    #[arg(value_name = "DIR")]
    directory: Option<PathBuf>,
    /// How findings are written
    #[arg(long, default_value = "text")]
    format: Format,
    /// Mend in place what is safe to mend, and say what that was: an employee's name in `Modifier` of an export
    #[arg(long)]
    fix: bool,
}

impl Args {
    /// Whether everything that is said is one JSON object, an error too.
    pub(crate) const fn is_json(&self) -> bool {
        matches!(self.format, Format::Json)
    }
}

/// How findings are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For people
    Text,
    /// The same as --json
    Json,
    /// SARIF 2.1.0, for code scanning
    Sarif,
    /// Annotations of a GitHub job
    Github,
}

/// Runs the command.
///
/// # Errors
/// Where no component is there, or the registry cannot be reached.
pub fn run(context: &Context, args: &Args) -> Result<Outcome> {
    let mut taken = candidate::take(context, args.directory.as_deref())?;
    if args.fix && mend(context, &taken)? {
        taken = candidate::take(context, args.directory.as_deref())?;
    }
    let registry = registry(context, &taken)?;
    let mut checked = taken.check(context, registry.as_ref())?;
    if let Some(registry) = &registry {
        checked = with_refusal(context, &taken, registry, checked);
    }
    let report = Report { registry: registry.map(|registry| registry.file.name), findings: checked.into() };
    let outcome = if report.findings.errors > 0 { Outcome::No } else { Outcome::Done };
    answer(context, "check", (&report, &report.findings.findings), args.format);
    Ok(outcome)
}

/// The answer. Without a registry its rules were not asked, and a job has to be able to tell.
#[derive(Serialize)]
struct Report {
    /// The registry whose rules count.
    registry: Option<Name>,
    #[serde(flatten)]
    findings: FindingsReport,
}

impl ui::Report for Report {
    fn text(&self) -> String {
        self.findings.text()
    }
}

/// Adds as a finding what `forum publish` would refuse this version for, by what the registry holds.
fn with_refusal(context: &Context, taken: &candidate::Taken, registry: &Registry, checked: Checked) -> Checked {
    let Err(error) = publish::plan(taken, registry, &checked, context.settings.now) else { return checked };
    let failure = Failure::of(&error);
    let rule = match failure.code {
        Code::Exists => id::VERSION_STEP,
        Code::NoSolution | Code::NotFound => id::MANIFEST,
        // What the registry could not tell is no finding about the component.
        _ => {
            context.ui.say(&format!("note: what the registry has is left out: {failure}"));
            return checked;
        }
    };
    let finding = Finding::new(rule, failure.message).severity(Severity::Error).at(taken.manifest());
    let finding = if failure.hints.is_empty() { finding } else { finding.help(failure.hints.join("; ")) };
    Checked::of([checked.findings, vec![finding]].concat(), checked.manifest)
}

/// Mends the files on the disk, each as a whole, and tells whether anything was done.
fn mend(context: &Context, taken: &candidate::Taken) -> Result<bool> {
    let mut mended = false;
    for file in &taken.files {
        let path = taken.directory.join(file.path.to_path());
        let Some(fixed) = read_small(&path, MOST_MENDED)?.and_then(|bytes| fix(&bytes)) else { continue };
        write_atomic(&path, &fixed.bytes, Readers::Everyone)?;
        mended = true;
        for done in fixed.done {
            context.ui.say(&format!("fixed {}: {done}", file.path));
        }
    }
    Ok(mended)
}

/// Writes findings in a format. `text` and `json` are the two renderings that every report has.
pub(super) fn answer(context: &Context, command: &str, (report, findings): (&impl ui::Report, &[Finding]), format: Format) {
    match format {
        Format::Text | Format::Json => context.ui.report(command, report),
        _ if context.ui.json => context.ui.report(command, report),
        Format::Sarif => context.ui.print_help(&annotations::sarif(findings)),
        Format::Github => context.ui.print_help(&annotations::github(findings)),
    }
}

/// The registry whose rules count: one that is named must be reached, one that is merely known need not.
fn registry(context: &Context, taken: &candidate::Taken) -> Result<Option<Registry>> {
    let places = Places::writing(context, &taken.root, &taken.file);
    let address = match places.destination() {
        Ok(address) => address,
        Err(error) if context.registry.is_some() => return Err(error),
        Err(error) => {
            context.ui.say(&format!("note: a registry's own rules are left out: {}", Failure::of(&error)));
            return Ok(None);
        }
    };
    match Registry::open(&address, Path::new(""), &context.store, &Visit::default()) {
        Ok(registry) => Ok(Some(registry)),
        Err(error) if context.registry.is_some() => Err(error),
        Err(error) => {
            context.ui.say(&format!("note: the registry's own rules are left out: {}", Failure::of(&error)));
            Ok(None)
        }
    }
}
