//! `forum registry`: the registries that a receiver knows, and what their maintainers need.

mod check;
mod init;
mod mirror;
mod skeleton;

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use serde::Serialize;

use super::places::relative;
use super::withdraw::{self, Deprecate, Yank};
use super::{Outcome, open_workspace};
use crate::context::Context;
use crate::error::{Code, Failure};
use crate::fail;
use crate::model::address::{Address, without_credentials};
use crate::model::id::Name;
use crate::model::workspace_file::{WORKSPACE_FILE, WorkspaceFile};
use crate::store::registry::{Options, Registry, Tombstone, Visit};
use crate::store::settings::Layer;
use crate::store::workspace;
use crate::ui::{Report, columns};

/// Look after the registries that are known here
#[derive(Debug, clap::Subcommand)]
#[expect(missing_docs, reason = "a doc comment here would stand above that of the arguments in the help")]
pub enum Command {
    Add(Add),
    List(List),
    Remove(Remove),
    Refresh(Refresh),
    Init(init::Init),
    Check(check::Check),
    Mirror(mirror::Mirror),
    Yank(Yank),
    Deprecate(Deprecate),
}

/// Name a registry, in forum.toml or for all your workspaces
///
/// Outside a workspace, and with --user, it goes into your own settings. Nothing is asked of the network.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  forum registry add kommun https://github.com/kommun-forum/registry.git
  forum registry add kommun ../registry --user")]
pub struct Add {
    /// What to call it
    name: Name,
    /// Its URL or path
    url: String,
    /// For all your workspaces
    #[arg(long)]
    user: bool,
}

/// List the registries that are known here
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  forum registry list
  forum registry list --json")]
pub struct List {}

/// Forget a registry
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  forum registry remove kommun
  forum registry remove kommun --user")]
pub struct Remove {
    /// What it is called
    name: String,
    /// In your own settings
    #[arg(long)]
    user: bool,
}

/// Bring the newest state of the registries that are known here, or of --registry
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  forum registry refresh
  forum registry refresh --accept-rewrite     after the maintainers have told why history was rewritten")]
pub struct Refresh {
    /// Take a main that does not descend from the one last seen
    #[arg(long)]
    accept_rewrite: bool,
}

/// One known registry.
#[derive(Serialize)]
struct Row {
    name: String,
    url: String,
    layer: Layer,
    /// Where relative addresses start.
    #[serde(skip)]
    base: PathBuf,
    /// How many it has, where it was opened.
    #[serde(skip_serializing_if = "Option::is_none")]
    components: Option<usize>,
    /// What was removed for good, where a rewritten history was accepted.
    #[serde(skip_serializing_if = "Option::is_none")]
    removed: Option<Vec<Tombstone>>,
}

/// The answer of all of them.
#[derive(Serialize)]
struct Registries {
    registries: Vec<Row>,
    #[serde(skip)]
    done: &'static str,
}

impl Report for Registries {
    fn text(&self) -> String {
        let row = |row: &Row| {
            let tail = row.components.map_or_else(|| format!("({})", row.layer), |count| format!("({count} components)"));
            [format!("{}{}", self.done, row.name), row.url.clone(), tail]
        };
        columns(&self.registries.iter().map(row).collect::<Vec<_>>())
    }
}

impl Command {
    /// Whether a flag of its own asks for JSON.
    #[must_use]
    pub const fn is_json(&self) -> bool {
        matches!(self, Self::Check(args) if args.is_json())
    }

    /// The command's full name.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Add(_) => "registry add",
            Self::List(_) => "registry list",
            Self::Remove(_) => "registry remove",
            Self::Refresh(_) => "registry refresh",
            Self::Init(_) => "registry init",
            Self::Check(_) => "registry check",
            Self::Mirror(_) => "registry mirror",
            Self::Yank(_) => "registry yank",
            Self::Deprecate(_) => "registry deprecate",
        }
    }

    /// Runs the command.
    ///
    /// # Errors
    /// As the contract's section 6.
    pub fn run(&self, context: &Context) -> Result<Outcome> {
        let report = match self {
            Self::Add(args) => add(context, args)?,
            Self::List(_) => list(context)?,
            Self::Remove(args) => remove(context, args)?,
            Self::Refresh(args) => refresh(context, args)?,
            Self::Init(args) => return init::run(context, args),
            Self::Check(args) => return check::run(context, args),
            Self::Mirror(args) => return mirror::run(context, args),
            Self::Yank(args) => return withdraw::yank(context, args),
            Self::Deprecate(args) => return withdraw::deprecate(context, args),
        };
        context.ui.report(self.name(), &report);
        Ok(Outcome::Done)
    }
}

fn add(context: &Context, args: &Add) -> Result<Registries> {
    let address = Address::parse(&args.url)?;
    let path = matches!(address, Address::Path(_)).then(|| context.started_in.join(&args.url));
    if let Some(path) = path.as_ref().filter(|path| !path.exists()) {
        context.ui.say(&format!("note: nothing is at {} yet", path.display()));
    }
    if address.is_plain_http_off_loopback() {
        context.ui.say(&format!("warning: {address} is not encrypted: anybody on the way can read and change what comes"));
    }
    let name = args.name.as_str();
    let (url, layer) = if args.user || !workspace::is_workspace(&context.directory) {
        let url = path.as_ref().map_or_else(|| address.to_string(), |path| absolute(path));
        let mut user = context.settings.user.clone();
        refuse_other(&user.registries, name, &url, "config.toml", "--user ")?;
        user.set_registry(name, &url);
        context.settings.save_user(&user)?;
        (url, Layer::User)
    } else {
        let mut workspace = open_workspace(context)?;
        let url = match path {
            Some(path) if Path::new(&args.url).is_relative() => relative(&workspace.root, &path),
            _ => address.to_string(),
        };
        refuse_other(&workspace.file.registries, name, &url, WORKSPACE_FILE, "")?;
        if !workspace.file.registries.contains_key(name) {
            workspace.file.set_registry(name, &url);
            workspace.save_file(&workspace.file)?;
        }
        (url, Layer::Workspace)
    };
    let row = Row { name: name.to_owned(), url, layer, base: PathBuf::new(), components: None, removed: None };
    Ok(Registries { registries: vec![row], done: "added " })
}

/// The same name with another address (details, "config.toml").
fn refuse_other(known: &std::collections::BTreeMap<String, String>, name: &str, url: &str, place: &str, flag: &str) -> Result<()> {
    match known.get(name).filter(|old| *old != url) {
        None => Ok(()),
        Some(old) => {
            let old = without_credentials(old);
            let failure = Failure::new(Code::Exists, format!("{place} has a registry {name} already: it is {old}, not {url}"));
            Err(failure.hint(format!("forum registry remove {flag}{name}")).hint("or give it another name").into())
        }
    }
}

fn absolute(path: &Path) -> String {
    path.canonicalize().unwrap_or_else(|_| path.to_path_buf()).display().to_string()
}

/// Those of the workspace first; a name there stands above the same name in the settings.
fn known(context: &Context, file: &WorkspaceFile, root: &Path) -> Vec<Row> {
    let settings = &context.settings;
    let users = settings.config_dir.as_ref().map(|dir| dir.value.clone()).unwrap_or_default();
    let row = |(name, url, layer): (&String, &String, Layer)| Row {
        name: name.clone(),
        url: without_credentials(url),
        layer,
        base: if layer == Layer::User { users.clone() } else { root.to_path_buf() },
        components: None,
        removed: None,
    };
    settings.registries_with(&file.registries).map(row).collect()
}

fn list(context: &Context) -> Result<Registries> {
    let file = workspace::read_file(&context.directory)?;
    workspace::read_lock(&workspace::root_of(&context.directory))?;
    let registries = known(context, &file, &workspace::root_of(&context.directory));
    if registries.is_empty() {
        context.ui.say("no registry is known here\n  try: forum registry add NAME URL");
    }
    Ok(Registries { registries, done: "" })
}

fn remove(context: &Context, args: &Remove) -> Result<Registries> {
    let name = &args.name;
    let unknown =
        |place: &str, hint: String| Failure::new(Code::NotFound, format!("{place} has no registry `{}`", name.escape_debug())).hint(hint);
    let row = |url: String, layer| Row {
        name: name.clone(),
        url: without_credentials(&url),
        layer,
        base: PathBuf::new(),
        components: None,
        removed: None,
    };
    let removed = if args.user || !workspace::is_workspace(&context.directory) {
        let mut user = context.settings.user.clone();
        let Some(url) = user.registries.get(name).cloned() else {
            return Err(unknown("config.toml", "forum registry list".into()).into());
        };
        user.remove_registry(name);
        context.settings.save_user(&user)?;
        row(url, Layer::User)
    } else {
        let mut workspace = open_workspace(context)?;
        let Some(url) = workspace.file.registries.get(name).cloned() else {
            let users = context.settings.user.registries.contains_key(name);
            let hint = if users { format!("forum registry remove --user {name}") } else { "forum registry list".to_owned() };
            return Err(unknown(WORKSPACE_FILE, hint).into());
        };
        let used = |entry: &&crate::model::lockfile::LockEntry| entry.registry == url;
        let wished = workspace.file.components.iter().find(|(_, entry)| entry.registry.as_ref() == Some(name)).map(|(id, _)| id);
        if let Some(id) = wished.or_else(|| workspace.lock.components.values().find(used).map(|entry| &entry.id)) {
            let failure = Failure::new(Code::NoSolution, format!("{id} comes from the registry {name}, and is still here"));
            return Err(failure.hint(format!("forum remove {id}")).into());
        }
        workspace.file.remove_registry(name);
        workspace.save_file(&workspace.file)?;
        row(url, Layer::Workspace)
    };
    Ok(Registries { registries: vec![removed], done: "removed " })
}

fn refresh(context: &Context, args: &Refresh) -> Result<Registries> {
    let workspace = open_workspace(context)?;
    let mut rows = known(context, &workspace.file, &workspace.root);
    if let Some(text) = context.named_registry() {
        rows = match rows.into_iter().find(|row| row.name == *text) {
            Some(row) => vec![row],
            None => {
                let base = context.started_in.clone();
                vec![Row { name: String::new(), url: text.clone(), layer: Layer::Flags, base, components: None, removed: None }]
            }
        };
    }
    if rows.is_empty() {
        let failure = Failure::new(Code::Usage, "no registry is known here");
        return Err(failure.hint("forum registry refresh --registry URL").into());
    }
    if context.store.offline {
        fail!(Code::Offline, "refreshing asks the network, which --offline forbids");
    }
    let options = Options { accept_rewrite: args.accept_rewrite, ..context.store.clone() };
    let visit = Visit { newest: true, components: Vec::new() };
    for row in &mut rows {
        let opened = Address::parse(&row.url).map_err(Into::into).and_then(|url| Registry::open(&url, &row.base, &options, &visit));
        let registry = opened.with_context(|| format!("refreshing {}", without_credentials(&row.url)))?;
        // With the index at hand, searching works offline from now on.
        let index = registry.search_index()?;
        registry.take_notes().iter().for_each(|note| context.ui.say(note));
        row.components = Some(index.len());
        if args.accept_rewrite {
            let removed = registry.tombstones()?;
            for one in &removed {
                context.ui.say(&format!("removed: {} {}: {}", one.id, one.version, one.reason));
            }
            row.removed = Some(removed);
        }
        if row.name.is_empty() {
            row.name = registry.file.name.to_string();
        }
    }
    Ok(Registries { registries: rows, done: "" })
}
