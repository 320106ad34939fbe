//! `forum new`: the directory of a new component.

use std::path::PathBuf;

use anyhow::Result;
use serde::Serialize;

use super::Outcome;
use super::contributor::owner;
use super::own_name::ask_owner;
use super::places::relative;
use crate::checks::{PLACEHOLDER, PROMPTS};
use crate::context::Context;
use crate::error::{Code, Failure};
use crate::model::id::{ComponentId, Name};
use crate::model::manifest::MANIFEST_FILE;
use crate::store::fs::atomic::write_atomic;
use crate::store::fs::dir::Readers;
use crate::store::fs::make_directory;
use crate::store::workspace;
use crate::ui::Report;

/// Start a component: a directory with a manifest, a README and a licence
///
/// A directory that is there already gets what it lacks; no file in it is changed. The owner is that of forum.toml.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  forum new pupil-sync
  forum new integrations/pupil-sync --kind design-template --license CC-BY-4.0")]
pub struct Args {
    /// Its name, or the path of its directory, which ends in the name
    #[arg(value_name = "NAME")]
    place: PathBuf,
    /// What sort of component it is
    #[arg(long, default_value = "technical-component")]
    kind: Kind,
    /// What people call it [default: made from the name]
    #[arg(long)]
    title: Option<String>,
    /// Its licence, as an SPDX expression
    #[arg(long, value_name = "SPDX", default_value = "EUPL-1.2")]
    license: String,
}

/// The kinds of components.
#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum Kind {
    /// Process exports, tasks, scripts
    TechnicalComponent,
    /// Documents, diagrams, API designs
    DesignTemplate,
}

/// The answer.
#[derive(Serialize)]
struct Begun {
    id: ComponentId,
    path: String,
    /// What was written.
    files: Vec<&'static str>,
    /// What was there already, and stays.
    kept: Vec<&'static str>,
}

impl Report for Begun {
    fn text(&self) -> String {
        format!("{} in {}: {}", self.id, self.path, self.files.join(", "))
    }
}

/// Runs the command.
///
/// # Errors
/// [`Code::Exists`] where a component is, [`Code::MissingAnswers`] where nobody knows who publishes.
pub fn run(context: &Context, args: &Args) -> Result<Outcome> {
    let directory = context.directory.join(&args.place);
    let last = args.place.file_name().unwrap_or_default().to_string_lossy();
    let name: Name = last.parse().map_err(|error| Failure::new(Code::Usage, format!("the component's name: {error}")))?;
    if directory.join(MANIFEST_FILE).symlink_metadata().is_ok() {
        let failure = Failure::new(Code::Exists, format!("{} is a component already: it has a {MANIFEST_FILE}", args.place.display()));
        return Err(failure.hint(format!("forum check {}", args.place.display())).into());
    }
    if directory.exists() && !directory.is_dir() {
        return Err(Failure::new(Code::Occupied, format!("{} is no directory", args.place.display())).into());
    }
    make_directory(&context.directory)?;
    let root = workspace::root_of(&context.directory);
    let mut file = workspace::read_file(&context.directory)?;
    let owner = match owner(context, &file) {
        Some(owner) => owner,
        None => ask_owner(context, &root, &mut file, Some(""))?,
    };
    let id = ComponentId::new(owner, name);
    let title = args.title.clone().unwrap_or_else(|| titled(id.name().as_str()));
    let texts = [
        ("README.md", readme(&title)),
        ("LICENSE", licence(&args.license)),
        (MANIFEST_FILE, manifest(&id, args, &title, &file.publisher.contact)),
    ];
    let (mut files, mut kept) = (Vec::new(), Vec::new());
    for (path, text) in texts {
        let target = directory.join(path);
        if target.symlink_metadata().is_ok() {
            kept.push(path);
        } else {
            write_atomic(&target, text.as_bytes(), Readers::Everyone)?;
            files.push(path);
        }
    }
    let path = relative(&context.started_in, &directory);
    let report = Begun { id, path, files, kept };
    context.ui.report("new", &report);
    context.ui.say(&format!(
        "fill in what is empty in {0}/{MANIFEST_FILE}, and say in its README.md what it is\n  try: forum check {0}",
        report.path
    ));
    Ok(Outcome::Done)
}

/// `pupil-sync` as people write it.
fn titled(name: &str) -> String {
    let words = name.replace('-', " ");
    let mut letters = words.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

fn manifest(id: &ComponentId, args: &Args, title: &str, contact: &str) -> String {
    let quoted = |text: &str| toml::Value::String(text.to_owned()).to_string();
    let kind = match args.kind {
        Kind::TechnicalComponent => "technical-component",
        Kind::DesignTemplate => "design-template",
    };
    format!(
        "[component]\n\
         owner = \"{}\"\n\
         name = \"{}\"\n\
         version = \"0.1.0\"\n\
         kind = \"{kind}\"\n\
         title = {}\n\
         summary = \"\"                    # one line, at most 160 characters: what it does, for whom\n\
         license = {}\n\
         status = \"draft\"                # draft, pilot, production\n\
         contact = {}                    # a role, integration@kommun.example for instance\n\
         keywords = []\n\
         systems = []                    # what it joins\n\
         # personal-data = \"none\"        # none, handles\n\
         \n\
         # [dependencies]                # other components of the registry\n\
         # \"inera/sftp-transfer\" = \"^2.0\"\n\
         \n\
         # [needs]                       # what the receiving platform must have\n\
         # environment = [\"Sftp.User\"]\n\
         \n\
         # [files]\n\
         # exclude = [\"drafts/**\"]\n",
        id.owner(),
        id.name(),
        quoted(title),
        quoted(&args.license),
        quoted(contact)
    )
}

/// In the shape that the rule on READMEs asks for.
fn readme(title: &str) -> String {
    let [what, needs, adapt] = PROMPTS.map(|(prompt, _)| prompt);
    format!(
        "# {title}\n\n\
         {what} what goes from where to where, how often, and who runs it in production.\n\
         Shared as is: a starting point to adapt.\n\n\
         ## What it needs\n\n\
         {needs}\n\n\
         ## How to adapt it\n\n\
         {adapt}\n\n\
         ## Personal data\n\n\
         Which it reads and writes; none, where it is none.\n"
    )
}

fn licence(expression: &str) -> String {
    let first = expression.split_whitespace().next().unwrap_or_default();
    format!(
        "SPDX-License-Identifier: {expression}\n\n\
         {PLACEHOLDER}: https://spdx.org/licenses/{first}.html\n"
    )
}
