//! The command line: flags that every command has, and the way to the command.

use std::ffi::OsString;
use std::io::IsTerminal as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Result;
use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{CommandFactory as _, Parser, Subcommand};

use crate::commands::{
    Outcome, adopt, cache, check, config, diff, explain, fetch, new, publish, registry, remove, restore, search, shell, show, status, tree,
    update, verify,
};
use crate::context::Context;
use crate::error::{Code, Failure};
use crate::store::interrupt;
use crate::store::registry::{Options, Progress};
use crate::store::settings::{Layer, Layered, Settings};
use crate::store::transport::EngineChoice;
use crate::ui::{ColorChoice, Talk, Ui};

/// Share integration components between municipalities
///
/// What you fetch is a starting point that you adapt.
#[derive(Debug, Parser)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of the command line")]
#[command(name = "forum", version, propagate_version = true)]
struct Cli {
    /// Work in this directory
    // Its name differs from those of the commands' own arguments, which clap would take for it.
    #[arg(short = 'C', long = "directory", global = true, value_name = "DIR")]
    work_in: Option<PathBuf>,
    /// The registry: a name, a URL or a path
    #[arg(long, global = true, value_name = "NAME|URL|PATH", allow_hyphen_values = true)]
    registry: Option<String>,
    /// Use no network
    #[arg(long, global = true)]
    offline: bool,
    /// Fail where forum.lock would have to change
    #[arg(long, global = true)]
    locked: bool,
    /// --locked and --offline
    #[arg(long, global = true)]
    frozen: bool,
    /// Answer with one JSON object
    #[arg(long, global = true)]
    json: bool,
    /// Give the answer and errors, and say nothing else
    #[arg(short, long, global = true)]
    quiet: bool,
    /// Say more
    #[arg(short, long, global = true, conflicts_with = "quiet")]
    verbose: bool,
    /// When to use colours
    #[arg(long, global = true, value_name = "WHEN", default_value = "auto")]
    color: ColorChoice,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Fetch(fetch::Args),
    Search(search::Args),
    Show(show::Args),
    Status(status::Args),
    Diff(diff::Args),
    Update(update::Args),
    Tree(tree::Args),
    Verify(verify::Args),
    Remove(remove::Args),
    Restore(restore::Args),
    New(new::Args),
    Check(check::Args),
    Explain(explain::Args),
    Publish(publish::Args),
    Adopt(adopt::Args),
    #[command(subcommand)]
    Registry(registry::Command),
    Config(config::Args),
    #[command(subcommand)]
    Cache(cache::Command),
    Completions(shell::Completions),
    Man(shell::Man),
}

impl Command {
    /// The command's full name.
    fn name(&self) -> &'static str {
        match self {
            Self::Fetch(_) => "fetch",
            Self::Search(_) => "search",
            Self::Show(_) => "show",
            Self::Status(_) => "status",
            Self::Diff(_) => "diff",
            Self::Update(_) => "update",
            Self::Tree(_) => "tree",
            Self::Verify(_) => "verify",
            Self::Remove(_) => "remove",
            Self::Restore(_) => "restore",
            Self::New(_) => "new",
            Self::Check(_) => "check",
            Self::Explain(_) => "explain",
            Self::Publish(_) => "publish",
            Self::Adopt(_) => "adopt",
            Self::Registry(command) => command.name(),
            Self::Config(_) => "config",
            Self::Cache(command) => command.name(),
            Self::Completions(_) => "completions",
            Self::Man(_) => "man",
        }
    }

    /// Whether `--format json` asks for what `--json` asks for.
    const fn is_json(&self) -> bool {
        match self {
            Self::Check(args) => args.is_json(),
            Self::Registry(command) => command.is_json(),
            _ => false,
        }
    }

    /// `-C` makes a directory for `fetch` and `new` alone (details, "Paths and places").
    fn require_directory(&self, context: &Context) -> Result<()> {
        if context.directory.is_dir() || matches!(self, Self::Fetch(_) | Self::New(_)) {
            return Ok(());
        }
        let failure = Failure::new(Code::NotFound, format!("there is no directory {}", context.directory.display()));
        Err(failure.hint("name one that is there: forum -C DIR …").into())
    }

    fn run(&self, context: &Context) -> Result<Outcome> {
        match self {
            Self::Fetch(args) => fetch::run(context, args),
            Self::Search(args) => search::run(context, args),
            Self::Show(args) => show::run(context, args),
            Self::Status(args) => status::run(context, args),
            Self::Diff(args) => diff::run(context, args),
            Self::Update(args) => update::run(context, args),
            Self::Tree(args) => tree::run(context, args),
            Self::Verify(args) => verify::run(context, args),
            Self::Remove(args) => remove::run(context, args),
            Self::Restore(args) => restore::run(context, args),
            Self::New(args) => new::run(context, args),
            Self::Check(args) => check::run(context, args),
            Self::Explain(args) => explain::run(context, args),
            Self::Publish(args) => publish::run(context, args),
            Self::Adopt(args) => adopt::run(context, args),
            Self::Registry(command) => command.run(context),
            Self::Config(args) => config::run(context, args),
            Self::Cache(command) => command.run(context),
            Self::Completions(args) => shell::completions(context, args, Cli::command()),
            Self::Man(args) => shell::man(context, args, Cli::command()),
        }
    }
}

/// What other tools call it, and what it is called here.
const OTHER_WORDS: [(&str, &str); 15] = [
    ("install", "fetch"),
    ("add", "fetch"),
    ("get", "fetch"),
    ("pull", "fetch"),
    ("clone", "fetch"),
    ("download", "fetch"),
    ("upgrade", "update"),
    ("outdated", "status"),
    ("list", "status"),
    ("uninstall", "remove"),
    ("info", "show"),
    ("init", "new"),
    ("yank", "registry yank"),
    ("deprecate", "registry deprecate"),
    ("mirror", "registry mirror"),
];

/// Runs the program in `started_in`, and returns its exit status.
#[must_use]
pub fn run(arguments: Vec<OsString>, started_in: &Path) -> u8 {
    interrupt::watch();
    let early = Ui::new(arguments.iter().any(|argument| argument == "--json"), Talk::Normal, false);
    let words = recognised(&arguments);
    let cli = match Cli::try_parse_from(arguments) {
        Ok(cli) => cli,
        Err(error) => return without_command(&early, words.as_deref(), &error),
    };
    let name = cli.command.name();
    let failed = |ui: &Ui, error: &anyhow::Error| {
        let failure = Failure::of(error).or_hint();
        ui.fail(Some(name), &failure);
        failure.code.exit_status()
    };
    let settings = match Settings::read(started_in) {
        Ok(settings) => settings,
        Err(error) => return failed(&early, &error),
    };
    let (command, context) = cli.into_context(settings, started_in);
    for key in &context.settings.user.unknown {
        context.ui.say(&format!("note: config.toml: `{key}` means nothing to this forum"));
    }
    if let Err(error) = command.require_directory(&context) {
        return failed(&context.ui, &error);
    }
    match command.run(&context).and_then(|outcome| Ok(context.ui.check_printed().map(|()| outcome)?)) {
        Ok(outcome) => outcome as u8,
        Err(error) => failed(&context.ui, &error),
    }
}

impl Cli {
    fn into_context(self, mut settings: Settings, started_in: &Path) -> (Command, Context) {
        let talk = match (self.quiet, self.verbose) {
            (true, _) => Talk::Quiet,
            (_, true) => Talk::Verbose,
            _ => Talk::Normal,
        };
        let locked_by = match (self.locked, self.frozen) {
            (true, true) => "--locked and --frozen",
            (false, true) => "--frozen",
            (_, false) => "--locked",
        };
        let offline_by = match (self.offline, self.frozen) {
            (true, _) => "--offline",
            (false, true) => "--frozen",
            (false, false) => "FORUM_OFFLINE",
        };
        if self.offline || self.frozen {
            settings.offline = Layered::new(true, Layer::Flags);
        }
        let directory = |dir: &Option<Layered<PathBuf>>| dir.as_ref().map(|dir| dir.value.clone());
        let json = self.json || self.command.is_json();
        let ui = Ui::new(json, talk, self.color.decide(settings.no_color));
        let context = Context {
            started_in: started_in.to_path_buf(),
            directory: self.work_in.map_or_else(|| started_in.to_path_buf(), |dir| started_in.join(dir)),
            registry: self.registry,
            locked: self.locked || self.frozen,
            locked_by,
            store: Options {
                cache_dir: directory(&settings.cache_dir),
                state_dir: directory(&settings.state_dir),
                offline: settings.offline.value,
                offline_by,
                timeout: Duration::from_secs(settings.timeout.value),
                engine: EngineChoice::of(&settings.git.value),
                terminal: std::io::stdin().is_terminal() && !json,
                running: Context::version(),
                accept_rewrite: false,
                progress: Progress::new(ui.progress()),
            },
            ui,
            settings,
        };
        (self.command, context)
    }
}

/// The command that the arguments name, as far as it can be told where they are wrong.
fn recognised(arguments: &[OsString]) -> Option<String> {
    let mut words = arguments.iter().skip(1).filter_map(|argument| argument.to_str());
    let mut command = Cli::command();
    let mut name: Option<String> = None;
    while let Some(word) = words.next() {
        if matches!(word, "-C" | "--directory" | "--registry" | "--color") {
            words.next();
        } else if !word.starts_with('-') {
            let Some(next) = command.find_subcommand(word).cloned() else { break };
            name = Some(name.map_or_else(|| word.to_owned(), |above| format!("{above} {word}")));
            command = next;
        }
    }
    name
}

/// Help, the version, or what is wrong with the command line.
fn without_command(ui: &Ui, name: Option<&str>, error: &clap::Error) -> u8 {
    let text = error.render().to_string();
    match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => {
            ui.print_help(&text);
            let printed = ui.check_printed();
            return printed.map_or_else(
                |failure| {
                    ui.fail(name, &failure);
                    failure.code.exit_status()
                },
                |()| 0,
            );
        }
        ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand if !ui.json => {
            ui.say(&text);
            return Code::Usage.exit_status();
        }
        _ => {}
    }
    let message = text.trim().strip_prefix("error: ").unwrap_or(text.trim()).to_owned();
    let typed = match (error.kind(), error.get(ContextKind::InvalidSubcommand)) {
        (ErrorKind::InvalidSubcommand, Some(ContextValue::String(word))) => Some(word),
        _ => None,
    };
    // Below `registry` and `cache` words mean other things.
    let ours = typed.filter(|_| name.is_none()).and_then(|typed| OTHER_WORDS.iter().find(|(theirs, _)| theirs == typed));
    let failure = match ours {
        Some((theirs, ours)) => Failure::new(Code::Usage, format!("there is no command `{theirs}`; here it is called `{ours}`"))
            .hint(format!("forum {ours}"))
            .hint(format!("forum {ours} --help")),
        None if error.kind() == ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => {
            Failure::new(Code::Usage, "a command is missing").hint("forum --help")
        }
        None => Failure::new(Code::Usage, message).hint(format!("forum {} --help", name.unwrap_or_default()).replace("  ", " ")),
    };
    ui.fail(name, &failure);
    failure.code.exit_status()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn a_command_is_recognised_behind_flags() {
        for (line, name) in [
            ("forum fetch --nonsense", Some("fetch")),
            ("forum -C fetch --registry x registry refresh --nonsense", Some("registry refresh")),
            ("forum --json nonsense", None),
            ("forum", None),
        ] {
            let arguments: Vec<OsString> = line.split(' ').map(OsString::from).collect();
            assert_eq!(recognised(&arguments).as_deref(), name, "{line}");
        }
    }
}
