//! `forum config`: what is set, and where.

use anyhow::Result;
use serde::Serialize;

use super::Outcome;
use crate::context::Context;
use crate::model::address::without_credentials;
use crate::model::workspace_file::WorkspaceFile;
use crate::store::settings::{Layer, Layered};
use crate::store::workspace;
use crate::ui::{Report, columns};

/// Show each setting with the layer that it comes from
///
/// Later layers win: built-in, user (config.toml), workspace (forum.toml), environment, flags.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  forum config
  FORUM_TIMEOUT=5 forum config
  forum config --json")]
pub struct Args {}

/// One setting.
#[derive(Serialize)]
struct Row {
    key: String,
    /// `null` where nothing is set.
    value: Option<String>,
    layer: Layer,
}

#[derive(Serialize)]
struct ConfigReport {
    values: Vec<Row>,
}

impl Report for ConfigReport {
    fn text(&self) -> String {
        let row = |row: &Row| [row.key.clone(), row.value.clone().unwrap_or_else(|| "-".to_owned()), row.layer.to_string()];
        columns(&self.values.iter().map(row).collect::<Vec<_>>())
    }
}

impl Row {
    fn of<T: ToString>(key: &str, setting: Option<Layered<T>>) -> Self {
        let (value, layer) = setting.map_or((None, Layer::BuiltIn), |set| (Some(set.value.to_string()), set.layer));
        Self { key: key.to_owned(), value, layer }
    }
}

/// Runs the command.
///
/// # Errors
/// Where `forum.toml` cannot be read.
pub fn run(context: &Context, _args: &Args) -> Result<Outcome> {
    let file = workspace::read_file(&context.directory)?;
    // A lock that cannot be read is told by every command (contract, section 5).
    workspace::read_lock(&workspace::root_of(&context.directory))?;
    context.ui.report("config", &ConfigReport { values: rows(context, &file) });
    Ok(Outcome::Done)
}

fn rows(context: &Context, file: &WorkspaceFile) -> Vec<Row> {
    let settings = &context.settings;
    let shown =
        |dir: &Option<Layered<std::path::PathBuf>>| dir.as_ref().map(|dir| Layered::new(dir.value.display().to_string(), dir.layer));
    let flag = context.registry.clone().map(|registry| Layered::new(registry, Layer::Flags));
    let registry = flag.or_else(|| settings.default_registry.clone());
    let components = if file.components_is_set { Layer::Workspace } else { Layer::BuiltIn };
    let mut rows = vec![
        Row::of("default-registry", registry.map(|set| Layered::new(without_credentials(&set.value), set.layer))),
        Row::of("owner", settings.owner_in(file.owner.as_ref())),
        Row::of("components", Some(Layered::new(&file.components_dir, components))),
        Row::of("git", Some(settings.git.clone())),
        Row::of("timeout", Some(settings.timeout.clone())),
        Row::of("offline", Some(settings.offline.clone())),
        Row::of("cache", shown(&settings.cache_dir)),
        Row::of("state", shown(&settings.state_dir)),
        Row::of("config", shown(&settings.config_dir)),
    ];
    for (name, url, layer) in settings.registries_with(&file.registries) {
        rows.push(Row::of(&format!("registries.{name}"), Some(Layered::new(without_credentials(url), layer))));
    }
    rows
}
