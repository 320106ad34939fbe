//! `forum registry`: the registries that a receiver knows.

use anyhow::{Context as _, Result};
use serde::Serialize;

use crate::context::Context;
use crate::error::{Code, Failure};
use crate::model::address::Address;
use crate::store::registry::{Options, Registry, Visit};
use crate::store::workspace::Workspace;
use crate::ui::Report;

/// Look after the registries that are known here
#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// Bring the newest state of the registries in forum.toml, or of --registry
    Refresh(Refresh),
}

/// Bring the newest state of the registries in forum.toml, or of --registry
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  forum registry refresh
  forum registry refresh --accept-rewrite     after the maintainers have told why history was rewritten")]
pub struct Refresh {
    /// Take a main that does not descend from the one last seen
    #[arg(long)]
    accept_rewrite: bool,
}

#[derive(Serialize)]
struct Row {
    name: String,
    url: String,
    components: usize,
}

#[derive(Serialize)]
struct Refreshed {
    registries: Vec<Row>,
}

impl Report for Refreshed {
    fn text(&self) -> String {
        let lines: Vec<_> = self.registries.iter().map(|row| format!("{}: {} components  {}", row.name, row.components, row.url)).collect();
        lines.join("\n")
    }
}

/// Runs `forum registry refresh`.
///
/// # Errors
/// As the contract's section 6.
pub fn refresh(context: &Context, args: &Refresh) -> Result<()> {
    let workspace =
        Workspace::open(&context.directory, context.state_dir()?, &|| context.ui.say("waiting for another forum in this workspace"))?;
    let (base, urls) = match context.registry.as_ref().or(context.default_registry.as_ref()) {
        None => (&workspace.root, workspace.file.registries.values().cloned().collect()),
        Some(text) => match workspace.file.registries.get(text) {
            Some(url) => (&workspace.root, vec![url.clone()]),
            None => (&context.started_in, vec![text.clone()]),
        },
    };
    if urls.is_empty() {
        let failure = Failure::new(Code::Usage, "no registry is known here");
        return Err(failure.hint("forum registry refresh --registry URL").into());
    }
    let options = Options { accept_rewrite: args.accept_rewrite, ..context.store.clone() };
    let visit = Visit { newest: true, components: Vec::new() };
    let mut report = Refreshed { registries: Vec::new() };
    for url in urls {
        let registry = Registry::open(&Address::parse(&url)?, base, &options, &visit).with_context(|| format!("refreshing {url}"))?;
        registry.take_notes().iter().for_each(|note| context.ui.say(note));
        report.registries.push(Row { name: registry.file.name.to_string(), url, components: registry.ids()?.len() });
    }
    context.ui.report("registry refresh", &report);
    Ok(())
}
