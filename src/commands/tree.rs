//! `forum tree`: what depends on what, as the lock has it.

use std::collections::BTreeSet;

use anyhow::Result;
use semver::Version;
use serde::Serialize;

use super::{Outcome, open_existing};
use crate::context::Context;
use crate::error::{Code, Failure};
use crate::model::id::{ComponentId, IdOrName};
use crate::model::lockfile::Lock;
use crate::ui::Report;

/// From this many nodes on, what was shown before is not shown again: a lock of a few lines could have millions.
const MOST_NODES: usize = 10_000;

/// Show the dependency tree
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  forum tree
  forum tree --why sftp-transfer   only what leads to it")]
pub struct Args {
    /// Show only what leads to this component
    #[arg(long, value_name = "ID")]
    why: Option<IdOrName>,
}

#[derive(Serialize)]
struct Node {
    id: ComponentId,
    /// `null` where the lock does not have it.
    version: Option<Version>,
    dependencies: Vec<Node>,
}

#[derive(Serialize)]
struct Tree {
    roots: Vec<Node>,
}

impl Report for Tree {
    fn text(&self) -> String {
        let mut text = String::new();
        for root in &self.roots {
            text += &root.line();
            root.draw("", &mut text);
        }
        text
    }
}

impl Node {
    fn line(&self) -> String {
        let version = self.version.as_ref().map_or_else(|| "(not in forum.lock)".to_owned(), ToString::to_string);
        format!("{} {version}\n", self.id)
    }

    fn draw(&self, indent: &str, text: &mut String) {
        for (position, below) in self.dependencies.iter().enumerate() {
            let (branch, further) = if position + 1 == self.dependencies.len() { ("└── ", "    ") } else { ("├── ", "│   ") };
            *text += &format!("{indent}{branch}{}", below.line());
            below.draw(&format!("{indent}{further}"), text);
        }
    }
}

/// Runs the command.
///
/// # Errors
/// Where there is no workspace, or the component of `--why` is not in it.
pub fn run(context: &Context, args: &Args) -> Result<Outcome> {
    let workspace = open_existing(context)?;
    let why = args.why.as_ref().map(|typed| workspace.find(typed)).transpose()?;
    let lock = &workspace.lock;
    let leading = why.as_ref().map(|id| leading_to(lock, id));
    let mut builder = Builder { lock, leading: leading.as_ref(), nodes: 0, shown: BTreeSet::new() };
    let asked = lock.components.values().filter(|entry| entry.requested || lock.dependents(&entry.id).next().is_none());
    let roots: Vec<_> = asked.filter_map(|entry| builder.node(&entry.id, &mut Vec::new())).collect();
    if let Some(id) = why.filter(|_| roots.is_empty()) {
        let failure = Failure::new(Code::NotFound, format!("{id} is not in forum.lock"));
        return Err(failure.hint("forum fetch").into());
    }
    if roots.is_empty() {
        context.ui.say("nothing is here yet");
    }
    context.ui.report("tree", &Tree { roots });
    Ok(Outcome::Done)
}

/// The component, and everything that needs it.
fn leading_to(lock: &Lock, id: &ComponentId) -> BTreeSet<ComponentId> {
    let mut found = BTreeSet::new();
    let mut open = vec![id.clone()];
    while let Some(next) = open.pop() {
        open.extend(lock.dependents(&next).filter(|dependent| !found.contains(*dependent)).cloned());
        found.insert(next);
    }
    found
}

struct Builder<'a> {
    lock: &'a Lock,
    leading: Option<&'a BTreeSet<ComponentId>>,
    nodes: usize,
    shown: BTreeSet<ComponentId>,
}

impl Builder<'_> {
    /// The node of a component; `None` where it leads nowhere that was asked for. A circle ends where it closes.
    fn node(&mut self, id: &ComponentId, above: &mut Vec<ComponentId>) -> Option<Node> {
        if above.contains(id) || self.leading.is_some_and(|leading| !leading.contains(id)) {
            return None;
        }
        self.nodes += 1;
        let entry = self.lock.components.get(id);
        let mut dependencies = Vec::new();
        if self.shown.insert(id.clone()) || self.nodes < MOST_NODES {
            above.push(id.clone());
            dependencies = entry.into_iter().flat_map(|entry| &entry.dependencies).filter_map(|id| self.node(id, above)).collect();
            above.pop();
        }
        Some(Node { id: id.clone(), version: entry.map(|entry| entry.version.clone()), dependencies })
    }
}
