//! `forum registry check`: the whole registry, or one contribution, for the maintainers' CI.

use std::path::PathBuf;

use anyhow::Result;

use super::super::Outcome;
use super::super::check::{Format, answer};
use super::super::findings::FindingsReport;
use crate::checks::Checked;
use crate::checks::registry::{Content, Contribution, History, Whole, contribution, whole};
use crate::context::Context;
use crate::model::registry_state::RegistryState;
use crate::store::registry::LocalRegistry;

/// Check a registry: all of it, or one contribution with --base
///
/// Everything that `forum check` knows, and what the registry itself must hold: digests, owners, an index that only
/// grows, one version of one component, nothing outside. What is committed counts; a folder without Git is taken as it
/// stands.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  forum registry check
  forum registry check --base origin/main        in CI, on a contribution
  forum registry check --base origin/main --format github
  forum registry check ../registry --json")]
pub struct Check {
    /// The registry's checkout, bare repository or folder
    #[arg(value_name = "DIR")]
    directory: Option<PathBuf>,
    /// Check only what HEAD changes since it left this branch or commit
    #[arg(long, value_name = "REF")]
    base: Option<String>,
    /// How findings are written
    #[arg(long, default_value = "text")]
    format: Format,
}

impl Check {
    /// Whether everything that is said is one JSON object, an error too.
    pub(super) const fn is_json(&self) -> bool {
        matches!(self.format, Format::Json)
    }
}

/// Runs the command.
///
/// # Errors
/// Where the registry cannot be read, and for a shallow clone with `--base`.
pub(super) fn run(context: &Context, args: &Check) -> Result<Outcome> {
    let place = args.directory.as_ref().map_or_else(|| context.directory.clone(), |directory| context.started_in.join(directory));
    let checked = match &args.base {
        Some(base) => of_contribution(&place, base)?,
        None => of_whole(context, &place)?,
    };
    let outcome = if checked.errors > 0 { Outcome::No } else { Outcome::Done };
    let report = FindingsReport::from(checked);
    answer(context, "registry check", (&report, &report.findings), args.format);
    if outcome == Outcome::No {
        context.ui.say("  try: forum explain RULE");
    }
    Ok(outcome)
}

fn of_whole(context: &Context, place: &std::path::Path) -> Result<Checked> {
    let registry = LocalRegistry::open(place)?;
    if registry.is_changed() {
        context.ui.say("note: what is not committed is not looked at");
    }
    let history = match &registry {
        LocalRegistry::Folder(_) => History::None,
        LocalRegistry::Repository(_) if registry.is_shallow() => History::Shallow,
        LocalRegistry::Repository(_) => History::Whole,
    };
    let pinned = registry.head(place)?;
    let state = pinned.open()?;
    let again = || Ok(Box::new(pinned.open()?) as Box<dyn RegistryState>);
    whole(&Whole { state: &state, again: &again, paths: &state.paths()?, running: &Context::version(), history })
}

fn of_contribution(place: &std::path::Path, base: &str) -> Result<Checked> {
    let (before, after) = LocalRegistry::since(place, base)?;
    let touched = before.touched(&after)?;
    contribution(&Contribution {
        before: &before,
        after: &after,
        touched: &touched,
        running: &Context::version(),
        content: Content::Unchecked,
    })
}
