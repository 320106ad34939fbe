//! `forum registry`: the registries that a receiver knows, and what their maintainers need.

mod check;
mod init;
mod mirror;
mod skeleton;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use serde::Serialize;

use super::places::{is_one_place, relative};
use super::withdraw::{self, Deprecate, Yank};
use super::{Outcome, open_workspace};
use crate::context::Context;
use crate::error::{Code, Failure};
use crate::fail;
use crate::model::address::{Address, without_credentials};
use crate::model::id::Name;
use crate::model::user_settings::SETTINGS_FILE;
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
    /// The address as it was written, which is not said: it may hold a password.
    #[serde(skip)]
    written: String,
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

impl Row {
    fn of(name: &str, url: &str, layer: Layer) -> Self {
        Self {
            name: name.to_owned(),
            url: without_credentials(url),
            layer,
            written: url.to_owned(),
            base: PathBuf::new(),
            components: None,
            removed: None,
        }
    }
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
        let base = context.settings.user_file()?.parent().map(Path::to_path_buf).unwrap_or_default();
        let there = Known { registries: &user.registries, base: &base, file: SETTINGS_FILE, flag: "--user " };
        if !there.has(name, &url)? {
            user.set_registry(name, &url);
            context.settings.save_user(&user)?;
        }
        (url, Layer::User)
    } else {
        let mut workspace = open_workspace(context)?;
        let url = match path {
            Some(path) if Path::new(&args.url).is_relative() => relative(&workspace.root, &path),
            _ => address.to_string(),
        };
        let there = Known { registries: &workspace.file.registries, base: &workspace.root, file: WORKSPACE_FILE, flag: "" };
        if !there.has(name, &url)? {
            workspace.file.set_registry(name, &url);
            workspace.save_file(&workspace.file)?;
        }
        (url, Layer::Workspace)
    };
    Ok(Registries { registries: vec![Row::of(name, &url, layer)], done: "added " })
}

/// The registries that a file names.
struct Known<'a> {
    registries: &'a BTreeMap<String, String>,
    /// Where relative addresses start.
    base: &'a Path,
    file: &'static str,
    /// What names the file to `registry remove`.
    flag: &'static str,
}

impl Known<'_> {
    /// Whether it is there, however its address is spelt; the same name with another address is refused (details,
    /// "config.toml").
    fn has(&self, name: &str, url: &str) -> Result<bool> {
        let Self { registries, base, file, flag } = self;
        let Some(old) = registries.get(name) else { return Ok(false) };
        let away = format!("forum registry remove {flag}{name}");
        if let Err(failure) = Address::parse(old) {
            let message = format!("{file}: [registries.{name}]: {failure}");
            return Err(Failure { message, ..failure.hint(away) }.into());
        }
        if is_one_place(old, url, base) {
            return Ok(true);
        }
        let failure = Failure::new(Code::Exists, format!("{file} has a registry {name} already: it is {old}, not {url}"));
        Err(failure.hint(away).hint("or give it another name").into())
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
        base: if layer == Layer::User { users.clone() } else { root.to_path_buf() },
        ..Row::of(name, url, layer)
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
    let removed = if args.user || !workspace::is_workspace(&context.directory) {
        let mut user = context.settings.user.clone();
        let Some(url) = user.registries.get(name).cloned() else {
            return Err(unknown("config.toml", "forum registry list".into()).into());
        };
        user.remove_registry(name);
        context.settings.save_user(&user)?;
        Row::of(name, &url, Layer::User)
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
        Row::of(name, &url, Layer::Workspace)
    };
    Ok(Registries { registries: vec![removed], done: "removed " })
}

fn refresh(context: &Context, args: &Refresh) -> Result<Registries> {
    let workspace = open_workspace(context)?;
    let mut rows = known(context, &workspace.file, &workspace.root);
    if let Some(text) = context.named_registry() {
        rows = match rows.into_iter().find(|row| row.name == *text) {
            Some(row) => vec![row],
            None => vec![Row { base: context.started_in.clone(), ..Row::of("", text, Layer::Flags) }],
        };
    }
    if rows.is_empty() {
        let failure = Failure::new(Code::Usage, "no registry is known here");
        return Err(failure.hint("forum registry refresh --registry URL").into());
    }
    if context.store.offline {
        fail!(Code::Offline, "refreshing asks the network, which {} forbids", context.store.offline_by);
    }
    // One that cannot be brought keeps nobody from the others.
    let mut failed = Vec::new();
    for row in &mut rows {
        let what = if row.name.is_empty() { row.url.clone() } else { format!("{} ({})", row.name, row.url) };
        let brought = bring(context, args, row).with_context(|| format!("refreshing {what}"));
        failed.extend(brought.err().map(|error| Failure::of(&error)));
    }
    let Some(first) = failed.first() else { return Ok(Registries { registries: rows, done: "" }) };
    for row in &rows {
        if let Some(count) = row.components {
            context.ui.say(&format!("refreshed {} ({count} components)", row.name));
        }
    }
    Err(all_of(first.code, &failed).into())
}

/// Several failures as one.
fn all_of(code: Code, failed: &[Failure]) -> Failure {
    let message = failed.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ");
    let mut hints: Vec<String> = Vec::new();
    for hint in failed.iter().flat_map(|failure| &failure.hints) {
        if !hints.contains(hint) {
            hints.push(hint.clone());
        }
    }
    Failure { code, message, hints }
}

/// Brings the newest state of one registry, its index included: searching works offline from then on.
fn bring(context: &Context, args: &Refresh, row: &mut Row) -> Result<()> {
    let options = Options { accept_rewrite: args.accept_rewrite, ..context.store.clone() };
    let visit = Visit { newest: true, components: Vec::new() };
    let registry = Registry::open(&Address::parse(&row.written)?, &row.base, &options, &visit)?;
    if args.accept_rewrite {
        registry.accept_gone()?;
    }
    let (index, broken) = registry.checked_index()?;
    registry.take_notes().iter().for_each(|note| context.ui.say(note));
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
    if !broken.is_empty() {
        let failure = Failure::new(Code::Integrity, broken.join("; "));
        let failure = failure.hint("a published version never changes: ask the forum's maintainers what happened");
        let failure = failure.hint("if versions are gone and you trust the answer: forum registry refresh --accept-rewrite");
        return Err(failure.hint("all other components can be found and fetched").into());
    }
    row.components = Some(index.len());
    Ok(())
}
