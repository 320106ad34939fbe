//! `forum registry init`: a new registry, ready to be pushed.

use std::path::PathBuf;

use anyhow::Result;
use serde::Serialize;

use super::super::Outcome;
use super::skeleton;
use crate::context::Context;
use crate::error::{Code, Failure};
use crate::model::id::Name;
use crate::store::registry::{First, start};
use crate::ui::Report;

/// Start a registry: a repository ready to push
///
/// With a README and a guide for contributors in Swedish and English, code owners, checks for GitHub, GitLab and Azure
/// DevOps, and a first example. Afterwards it is a plain Git repository that you edit as you like.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  forum registry init kommun --title Kommunbiblioteket
  forum registry init ../registry --name kommun")]
pub struct Init {
    /// The directory, which must not be there yet, or be empty
    #[arg(value_name = "DIR")]
    directory: PathBuf,
    /// The registry's id [default: the directory's name]
    #[arg(long)]
    name: Option<String>,
    /// What people call it [default: the name]
    #[arg(long)]
    title: Option<String>,
}

/// The answer.
#[derive(Serialize)]
struct Started {
    path: PathBuf,
    name: Name,
    commit: String,
    files: Vec<String>,
}

impl Report for Started {
    fn text(&self) -> String {
        format!("{} is the registry {}, with {} files in one commit on main", self.path.display(), self.name, self.files.len())
    }
}

/// Runs the command.
///
/// # Errors
/// [`Code::Usage`] for a name that is none, [`Code::Occupied`] where something is.
pub(super) fn run(context: &Context, args: &Init) -> Result<Outcome> {
    let path = context.started_in.join(&args.directory);
    // `.` has no name of its own.
    let path = path.canonicalize().unwrap_or(path);
    let own = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let typed = args.name.clone().unwrap_or(own);
    let name: Name =
        typed.parse().map_err(|error| Failure::new(Code::Usage, format!("the registry's name: {error}")).hint("name it with --name"))?;
    let title = args.title.clone().unwrap_or_else(|| name.to_string());
    if title.trim().is_empty() || title.chars().any(char::is_control) {
        return Err(Failure::new(Code::Usage, "--title must be one line that is not empty").into());
    }
    let now = context.settings.now;
    let files = skeleton::files(&name, &title, now)?;
    let commit = start(&path, &files, &First { message: &format!("Start the registry {name}\n"), name: &title, at: now })?;
    let files = files.into_iter().map(|(path, _)| path.to_string()).collect();
    let started = Started { path: args.directory.clone(), name, commit, files };
    context.ui.report("registry init", &started);
    let place = started.path.display();
    context.ui.say(&format!("  try: forum registry check {place}\n  try: git -C {place} push --set-upstream URL main"));
    Ok(Outcome::Done)
}
