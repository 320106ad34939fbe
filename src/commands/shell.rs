//! `forum completions` and `forum man`: what a package puts beside the program.

use std::path::PathBuf;

use anyhow::Result;
use clap_complete::Shell;
use serde::Serialize;

use super::Outcome;
use crate::context::Context;
use crate::store::fs::atomic::write_atomic;
use crate::store::fs::dir::Readers;
use crate::ui::Report;

/// Print completions for a shell
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  forum completions bash > ~/.local/share/bash-completion/completions/forum
  forum completions powershell >> $PROFILE")]
pub struct Completions {
    /// The shell
    shell: Shell,
}

/// Write the man pages into a directory
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  forum man ~/.local/share/man/man1")]
pub struct Man {
    /// The directory, which is made where it is missing
    #[arg(value_name = "DIR")]
    directory: PathBuf,
}

#[derive(Serialize)]
struct Script {
    script: String,
}

impl Report for Script {
    fn text(&self) -> String {
        self.script.clone()
    }
}

#[derive(Serialize)]
struct Pages {
    files: Vec<PathBuf>,
}

impl Report for Pages {
    fn text(&self) -> String {
        self.files.iter().map(|path| path.display().to_string()).collect::<Vec<_>>().join("\n")
    }
}

/// Runs `forum completions`.
///
/// # Errors
/// None so far.
pub fn completions(context: &Context, args: &Completions, mut program: clap::Command) -> Result<Outcome> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut program, "forum", &mut script);
    context.ui.report("completions", &Script { script: String::from_utf8(script)? });
    Ok(Outcome::Done)
}

/// Runs `forum man`: one page for each command.
///
/// # Errors
/// When the directory cannot be written.
pub fn man(context: &Context, args: &Man, program: clap::Command) -> Result<Outcome> {
    let directory = context.started_in.join(&args.directory);
    let mut files = Vec::new();
    let mut program = program.disable_help_subcommand(true);
    program.build();
    let mut open = vec![program];
    while let Some(command) = open.pop() {
        open.extend(command.get_subcommands().filter(|below| !below.is_hide_set()).cloned());
        let name = command.get_display_name().unwrap_or_else(|| command.get_name()).to_owned();
        let mut page = Vec::new();
        clap_mangen::Man::new(command.clone().name(name.clone())).render(&mut page)?;
        let path = directory.join(format!("{name}.1"));
        write_atomic(&path, &page, Readers::Everyone)?;
        files.push(path);
    }
    files.sort();
    context.ui.report("man", &Pages { files });
    Ok(Outcome::Done)
}
