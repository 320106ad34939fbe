//! `forum registry yank` and `deprecate`: advice against a version or a component, contributed like a publication.

use anyhow::Result;
use semver::Version;

use super::Outcome;
use super::contribute::{self, Decision, Destination, Proposal, require_owner};
use super::contributor::{author, owner, publisher};
use crate::context::Context;
use crate::error::{Code, Failure};
use crate::model::id::{ComponentId, IdOrName};
use crate::model::index::{Card, IndexFile};
use crate::model::index_document::IndexDocument;
use crate::model::manifest::MANIFEST_FILE;
use crate::model::workspace_file::WorkspaceFile;
use crate::store::contribution::{Change, Piece};
use crate::store::registry::Registry;
use crate::store::workspace;

/// Take a version back: nobody gets it any more, but those who have it
///
/// Its reason is shown to everybody who has the version. A yank can be taken back with --undo.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  forum registry yank goteborg/pupil-system@1.0.0 --reason \"wrong mapping for protected identities\"
  forum registry yank goteborg/pupil-system@1.0.0 --undo")]
pub struct Yank {
    /// The component and its version
    #[arg(value_name = "ID@VERSION")]
    what: String,
    /// Why
    #[arg(long, required_unless_present = "undo")]
    reason: Option<String>,
    /// Take the yank back
    #[arg(long, conflicts_with = "reason")]
    undo: bool,
    #[command(flatten)]
    destination: Destination,
}

/// Advise against a component
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  forum registry deprecate goteborg/pupil-system --reason \"the school system has an API of its own now\"
  forum registry deprecate goteborg/pupil-system --reason replaced --replaced-by sundsvall/pupil-system")]
pub struct Deprecate {
    /// The component
    #[arg(value_name = "ID")]
    id: IdOrName,
    /// Why
    #[arg(long)]
    reason: String,
    /// What to use instead
    #[arg(long, value_name = "ID")]
    replaced_by: Option<IdOrName>,
    #[command(flatten)]
    destination: Destination,
}

/// Runs `forum registry yank`.
///
/// # Errors
/// As the contract's sections 6 and 7; nothing is pushed then.
pub fn yank(context: &Context, args: &Yank) -> Result<Outcome> {
    let usage = |why: String| Failure::new(Code::Usage, why);
    let Some((typed, version)) = args.what.split_once('@') else {
        return Err(usage(format!("`{}` is not ID@VERSION", args.what.escape_debug())).into());
    };
    let typed: IdOrName = typed.parse().map_err(|e| usage(format!("{e}")))?;
    let version: Version = version.parse().map_err(|e| usage(format!("`{}` is no version: {e}", version.escape_debug())))?;
    refuse_empty(args.reason.as_deref())?;
    let file = workspace::read_file(&context.directory)?;
    let way = args.destination.way(context, &file)?;
    let id = contribute::full_id(context, &way, &typed)?;
    say_whose(context, &file, &id);
    let branch = format!("yank/{id}-{version}");
    let sent = contribute::contribute(context, &way, &id, &branch, &mut |registry, _| {
        let (index, mut document) = open(registry, &id)?;
        if index.record(&version).is_none() || index.removed.contains_key(&version) {
            let failure = Failure::new(Code::NotFound, format!("{id} has no version {version} that could be yanked"));
            return Err(failure.hint(format!("forum show {id}")).into());
        }
        let had = index.yanked.get(&version);
        match &args.reason {
            Some(reason) if had.is_some_and(|notice| notice.reason == *reason) => return Ok(Decision::There),
            Some(reason) => document.yank(&version, reason, &context.today()),
            None if !document.undo_yank(&version) => {
                return Err(Failure::new(Code::NotFound, format!("{id} {version} is not yanked")).into());
            }
            None => {}
        }
        describe_newest(registry, &index, &mut document)?;
        let verb = if args.undo { "Take back the yank of" } else { "Yank" };
        propose(
            context,
            registry,
            &file,
            &id,
            &document,
            &format!("{verb} {id} {version}\n\n{}", args.reason.as_deref().unwrap_or_default()),
        )
    })?;
    let what = format!("{} {id} {version}", if args.undo { "taking back the yank of" } else { "the yank of" });
    Ok(args.destination.finish(context, "registry yank", &what, (&id, Some(version.to_string()), &branch), sent))
}

/// Maintainers may act for an owner; whoever does it by mistake should see it.
fn say_whose(context: &Context, file: &WorkspaceFile, id: &ComponentId) {
    if let Some(us) = owner(context, file).filter(|us| us != id.owner()) {
        context.ui.say(&format!("note: {id} is of {}, and you are {us}: the maintainers decide whether they take it", id.owner()));
    }
}

/// What to type to look at a component.
fn shown(id: &ComponentId) -> String {
    format!("forum show {id}")
}

/// Runs `forum registry deprecate`.
///
/// # Errors
/// As [`yank`].
pub fn deprecate(context: &Context, args: &Deprecate) -> Result<Outcome> {
    refuse_empty(Some(&args.reason))?;
    let file = workspace::read_file(&context.directory)?;
    let way = args.destination.way(context, &file)?;
    let id = contribute::full_id(context, &way, &args.id)?;
    say_whose(context, &file, &id);
    let branch = format!("deprecate/{id}");
    let sent = contribute::contribute(context, &way, &id, &branch, &mut |registry, _| {
        let (index, mut document) = open(registry, &id)?;
        let replaced_by = args.replaced_by.as_ref().map(|typed| registry.find(typed, &shown)).transpose()?;
        if replaced_by.as_ref() == Some(&id) {
            return Err(Failure::new(Code::Usage, format!("{id} cannot replace itself")).into());
        }
        let same = |old: &crate::model::index::Deprecated| old.reason == args.reason && old.replaced_by == replaced_by;
        if index.deprecated.as_ref().is_some_and(same) {
            return Ok(Decision::There);
        }
        document.deprecate(&args.reason, replaced_by.as_ref());
        propose(context, registry, &file, &id, &document, &format!("Deprecate {id}\n\n{}", args.reason))
    })?;
    Ok(args.destination.finish(context, "registry deprecate", &format!("the deprecation of {id}"), (&id, None, &branch), sent))
}

fn refuse_empty(reason: Option<&str>) -> Result<()> {
    if reason.is_some_and(|reason| reason.trim().is_empty()) {
        return Err(Failure::new(Code::Usage, "--reason must tell something to those who have it").into());
    }
    Ok(())
}

fn open(registry: &Registry, id: &ComponentId) -> Result<(IndexFile, IndexDocument)> {
    registry.find(&IdOrName::Id(id.clone()), &shown)?;
    let bytes = registry.index_bytes(id)?.unwrap_or_default();
    let document = IndexDocument::parse(id, &bytes)?;
    Ok((document.read()?, document))
}

/// The card describes the newest version that can be had: after a yank that may be another.
fn describe_newest(registry: &Registry, before: &IndexFile, document: &mut IndexDocument) -> Result<()> {
    let after = document.read()?;
    let Some(newest) = after.newest().filter(|newest| newest.version.to_string() != before.card.version) else { return Ok(()) };
    let content = registry.content(&before.id, newest)?;
    if let Some(card) = content.get(MANIFEST_FILE).and_then(Card::of_manifest) {
        document.set_card(&card);
    }
    Ok(())
}

fn propose(
    context: &Context,
    registry: &Registry,
    file: &WorkspaceFile,
    id: &ComponentId,
    document: &IndexDocument,
    message: &str,
) -> Result<Decision> {
    let owner = require_owner(context, file)?;
    let (known, _) = publisher(context, registry, file, &owner)?;
    let mut change = Change::new();
    change.insert(format!("index/{id}.toml").parse()?, Piece::File(document.render().into_bytes()));
    Ok(Decision::Propose(Proposal { change, author: author(context, &context.directory, file, &known)?, message: message.to_owned() }))
}
