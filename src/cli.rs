//! The command line: flags that every command has, and the way to the command.

use std::ffi::OsString;
use std::io::IsTerminal as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Result;
use clap::error::ErrorKind;
use clap::{Parser, Subcommand};

use crate::commands::{fetch, registry};
use crate::context::Context;
use crate::error::{Code, Failure};
use crate::store::registry::Options;
use crate::store::settings::Environment;
use crate::store::transport::EngineChoice;
use crate::ui::{Talk, Ui};

/// Seconds of silence after which a server is given up.
const DEFAULT_TIMEOUT: u64 = 30;

/// Share integration components between municipalities
///
/// What you fetch is a starting point that you adapt.
#[derive(Debug, Parser)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of the command line")]
#[command(name = "forum", version, propagate_version = true)]
struct Cli {
    /// Work in this directory
    #[arg(short = 'C', long, global = true, value_name = "DIR")]
    directory: Option<PathBuf>,
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
    /// Say nothing but errors
    #[arg(short, long, global = true)]
    quiet: bool,
    /// Say more
    #[arg(short, long, global = true, conflicts_with = "quiet")]
    verbose: bool,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Fetch(fetch::Args),
    #[command(subcommand)]
    Registry(registry::Command),
}

/// Runs the program in `started_in`, and returns its exit status.
#[must_use]
pub fn run(arguments: Vec<OsString>, started_in: &Path) -> u8 {
    let json = arguments.iter().any(|argument| argument == "--json");
    let early = Ui { json, talk: Talk::Normal };
    let cli = match Cli::try_parse_from(arguments) {
        Ok(cli) => cli,
        Err(error) if matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion) => {
            early.print_help(&error.render().to_string());
            return 0;
        }
        Err(error) => {
            let text = error.render().to_string();
            let message = text.trim().strip_prefix("error: ").unwrap_or(text.trim()).to_owned();
            let failure = Failure::new(Code::Usage, message);
            early.fail(None, &failure);
            return failure.code.exit_status();
        }
    };
    let environment = Environment::read();
    let talk = if cli.quiet {
        Talk::Quiet
    } else if cli.verbose {
        Talk::Verbose
    } else {
        Talk::Normal
    };
    let context = Context {
        ui: Ui { json: cli.json, talk },
        started_in: started_in.to_path_buf(),
        directory: cli.directory.map_or_else(|| started_in.to_path_buf(), |dir| started_in.join(dir)),
        registry: cli.registry,
        default_registry: environment.registry,
        locked: cli.locked || cli.frozen,
        store: Options {
            cache_dir: environment.cache_dir,
            state_dir: environment.state_dir,
            offline: cli.offline || cli.frozen || environment.offline,
            timeout: Duration::from_secs(environment.timeout.unwrap_or(DEFAULT_TIMEOUT)),
            engine: EngineChoice::of(&environment.git.unwrap_or_default()),
            terminal: std::io::stdin().is_terminal() && !cli.json,
            running: Context::version(),
            accept_rewrite: false,
        },
    };
    let (name, result): (_, Result<()>) = match &cli.command {
        Command::Fetch(args) => ("fetch", fetch::run(&context, args)),
        Command::Registry(registry::Command::Refresh(args)) => ("registry refresh", registry::refresh(&context, args)),
    };
    match result {
        Ok(()) => 0,
        Err(error) => {
            let failure = Failure::of(&error);
            context.ui.fail(Some(name), &failure);
            failure.code.exit_status()
        }
    }
}
