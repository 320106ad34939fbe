//! `forum publish`: check, snapshot, one commit on the newest `main`, a branch, and the link that opens the pull request.

use std::path::PathBuf;
use std::rc::Rc;

use anyhow::Result;
use jiff::Timestamp;

use super::Outcome;
use super::candidate::{self, Taken};
use super::contribute::{self, ContributionReport, Decision, Effect, Ended, Mode, Proposal, Sent, Way};
use super::contributor::{author, owner, publisher};
use super::findings::{lines, stopped};
use super::own_name::ask_owner;
use super::places::relative;
use super::standing;
use crate::checks::{Checked, manifest_of};
use crate::context::Context;
use crate::error::{Code, Failure};
use crate::model::content::{ContentFile, bytes_of, checksum};
use crate::model::escape::escape_name;
use crate::model::id::ComponentId;
use crate::model::index::{Card, IndexFile, VersionRecord};
use crate::model::index_document::IndexDocument;
use crate::model::manifest::MANIFEST_FILE;
use crate::model::resolve::{Catalog, resolve_needs};
use crate::store::contribution::{Change, Piece};
use crate::store::registry::{Registry, tree_id};
use crate::store::workspace::read_lock;
use crate::ui::{Talk, columns};

/// How many files a rehearsal lists by itself.
const MOST_LISTED: usize = 40;

/// Publish a component: a branch in the forum, and the link that opens its pull request
///
/// Everything is checked first, as `forum check` does, and nothing leaves this machine while an error stands. What is
/// published is what was checked: the last commit's files, and as they are on the disk those that you have changed. The
/// forum's maintainers merge it.
#[derive(Debug, clap::Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of the command line")]
#[command(after_help = "Examples:
  forum publish integrations/pupil-system
  forum publish --dry-run          everything but the push
  forum publish --fork https://github.com/sundsvall/kommun.git
  forum publish --status           whether it waits or is merged")]
pub struct Args {
    /// The component's directory
    #[arg(value_name = "DIR")]
    directory: Option<PathBuf>,
    /// Do everything but the push
    #[arg(long)]
    dry_run: bool,
    /// Push the branch to this fork of the forum
    #[arg(long, value_name = "URL", conflicts_with = "direct")]
    fork: Option<String>,
    /// Push onto the forum's main, without a pull request
    #[arg(long)]
    direct: bool,
    /// Say what has become of it: waits, merged, or to be made anew
    #[arg(long, conflicts_with_all = ["dry_run", "direct"])]
    status: bool,
    /// Open the link in the browser
    #[arg(long)]
    open: bool,
}

/// Runs the command.
///
/// # Errors
/// As the contract's sections 6 and 7; nothing is pushed then.
pub fn run(context: &Context, args: &Args) -> Result<Outcome> {
    let mut taken = candidate::take(context, args.directory.as_deref())?;
    refuse_fetched(&taken)?;
    ensure_owner(context, &mut taken, args.dry_run || args.status)?;
    let way = way(context, &taken, args)?;
    contribute::refuse_offline(context, "publishing")?;
    // The rules look at the files once the registry is open: its own count, too.
    let Some(manifest) = manifest_of(&taken.files) else {
        return Ok(stopped(context, "publish", &taken.check(context, None)?.into()));
    };
    let id: ComponentId = format!("{}/{}", manifest.component.owner, manifest.component.name).parse()?;
    let version = manifest.component.version;
    let branch = format!("contribute/{id}-{version}");
    if args.status {
        return standing::tell(context, &taken, &way, (&id, &version, &branch));
    }
    introduce(context, &taken, args);
    let (mut seen, mut checked) = (None, Checked::default());
    let sent = contribute::contribute(context, &way, &id, &branch, &mut |registry, at| {
        let main = registry.tip().map(|(_, main)| main);
        // Asked twice about one `main`, the rules say the same.
        if main.is_none() || seen != main {
            checked = taken.check(context, Some(registry))?;
            seen = main;
        }
        if checked.errors > 0 {
            return Ok(Decision::Stopped(checked.clone().into()));
        }
        decide(context, &taken, registry, &checked, at)
    })?;
    let sent = match sent {
        Ended::Sent(sent) => sent,
        Ended::Stopped(findings) => return Ok(stopped(context, "publish", &findings)),
    };
    say(context, &taken, &checked, &sent, (&id, &version, &branch), args);
    let mut report = ContributionReport::new(&id, Some(version), &branch, sent);
    report.tree = Some(tree_id(&taken.files)?.to_string());
    report.checksum = Some(checksum(&taken.files).to_string());
    if let Some(link) = report.pull_request_url.as_ref().filter(|_| args.open && !args.dry_run) {
        context.ui.open(link);
    }
    context.ui.report("publish", &report);
    Ok(Outcome::Done)
}

/// A fetched copy carries the receiver's answers (details, "publish").
fn refuse_fetched(taken: &Taken) -> Result<()> {
    let path = relative(&taken.root.canonicalize().unwrap_or_else(|_| taken.root.clone()), &taken.directory);
    let lock = read_lock(&taken.root)?;
    let Some(entry) = lock.components.values().find(|entry| entry.path.as_str() == path) else { return Ok(()) };
    let message = format!("{path} was fetched as {} {}, and may carry local answers", entry.id, entry.version);
    let hint = format!(
        "copy it to a directory of its own, give it your owner and name, and write derived-from = \"{}@{}\" into its {MANIFEST_FILE}",
        entry.id, entry.version
    );
    Err(Failure::new(Code::UnsafeContent, message).hint(hint).into())
}

/// `[workspace] owner` is asked for where it is missing, and written down.
fn ensure_owner(context: &Context, taken: &mut Taken, only_looking: bool) -> Result<()> {
    if owner(context, &taken.file).is_none() {
        let proposed = candidate::id_of(&taken.files).map(|id| id.owner().to_string()).unwrap_or_default();
        ask_owner(context, &taken.root, &mut taken.file, if only_looking { None } else { Some(&proposed) })?;
    }
    Ok(())
}

fn way(context: &Context, taken: &Taken, args: &Args) -> Result<Way> {
    let mode = if args.direct { Mode::Direct } else { Mode::Branch };
    Way::new(context, &taken.root, &taken.file, args.fork.as_deref(), (mode, Effect::of(args.dry_run)))
}

/// What publishing adds to the index.
pub(super) struct Planned {
    id: ComponentId,
    record: VersionRecord,
    card: Card,
    document: IndexDocument,
}

/// Holds the version against what the registry has; `None` where it has just this already, or there is no manifest.
///
/// # Errors
/// [`Code::Exists`] for a version that is there or was removed, [`Code::NoSolution`] for what it needs.
pub(super) fn plan(taken: &Taken, registry: &Registry, checked: &Checked, at: Timestamp) -> Result<Option<Planned>> {
    let Some(manifest) = &checked.manifest else { return Ok(None) };
    let id: ComponentId = format!("{}/{}", manifest.component.owner, manifest.component.name).parse()?;
    let card = bytes_of(&taken.files, MANIFEST_FILE).and_then(Card::of_manifest).unwrap_or_default();
    let record = VersionRecord {
        version: manifest.component.version.parse()?,
        tree: tree_id(&taken.files)?,
        checksum: checksum(&taken.files),
        published: at.to_string(),
        license: card.license.clone(),
        dependencies: manifest.dependencies.clone(),
        source: taken.source.clone(),
    };
    if let Some(index) = registry.index(&id)? {
        let exists = |why: String| {
            let failure = Failure::new(Code::Exists, format!("{id} {} {why}", record.version));
            failure.hint(format!("raise `version` in {}", taken.manifest()))
        };
        if let Some(notice) = index.removed.get(&record.version) {
            return Err(exists(format!("was removed for good: {}", notice.reason)).into());
        }
        if let Some(there) = index.record(&record.version) {
            let same = there.tree == record.tree && there.checksum == record.checksum;
            return if same { Ok(None) } else { Err(exists("is published already, with other content".to_owned()).into()) };
        }
        if let Some(twin) = index.versions.iter().find(|there| there.version.cmp_precedence(&record.version).is_eq()) {
            let why = format!("differs from the published {} in build metadata (`+…`) alone, so nobody could ask for either", twin.version);
            return Err(exists(why).into());
        }
    }
    let mut document = match registry.index_bytes(&id)? {
        Some(bytes) => IndexDocument::parse(&id, &bytes)?,
        None => IndexDocument::new(&id),
    };
    document.add(&record);
    if document.read()?.newest().is_some_and(|newest| newest.version == record.version) {
        document.set_card(&card);
    }
    let index = Rc::new(document.read()?);
    resolve_needs(&WithCandidate { registry, index }, &id, &record.version, &taken.manifest())?;
    Ok(Some(Planned { id, record, card, document }))
}

/// What publishing changes in this state of the registry.
fn decide(context: &Context, taken: &Taken, registry: &Registry, checked: &Checked, at: Timestamp) -> Result<Decision> {
    if checked.manifest.is_none() {
        return Ok(Decision::Stopped(checked.clone().into()));
    }
    let Some(Planned { id, record, card, document }) = plan(taken, registry, checked, at)? else { return Ok(Decision::There) };
    let (known, new) = publisher(context, registry, &taken.file, id.owner())?;
    let mut change = Change::new();
    change.insert(format!("components/{id}").parse()?, Piece::Directory(taken.files.clone()));
    change.insert(format!("index/{id}.toml").parse()?, Piece::File(document.render().into_bytes()));
    if let Some(text) = new {
        change.insert(format!("publishers/{}.toml", id.owner()).parse()?, Piece::File(text.into_bytes()));
    }
    let message = format!("Publish {id} {}\n\n{}\n{}", record.version, card.title, card.summary);
    Ok(Decision::Propose(Proposal { change, author: author(context, &taken.directory, &taken.file, &known)?, message }))
}

/// The registry as it will be: what depends on what must hold then.
struct WithCandidate<'a> {
    registry: &'a Registry,
    index: Rc<IndexFile>,
}

impl Catalog for WithCandidate<'_> {
    fn index(&self, id: &ComponentId) -> Result<Option<Rc<IndexFile>>> {
        if *id == self.index.id { Ok(Some(Rc::clone(&self.index))) } else { self.registry.index(id) }
    }
}

/// What is taken, before anything is asked of it.
fn introduce(context: &Context, taken: &Taken, args: &Args) {
    let ui = &context.ui;
    if !taken.uncommitted.is_empty() {
        let list: Vec<_> = taken.uncommitted.iter().map(|(path, word)| format!("{path} ({word})")).collect();
        ui.say(&format!("note: not committed, and taken as it is on the disk: {}", list.join(", ")));
    }
    if args.dry_run {
        ui.say(&listed(&taken.files, ui.talk == Talk::Verbose));
    }
}

fn say(context: &Context, taken: &Taken, checked: &Checked, sent: &Sent, (id, version, branch): (&ComponentId, &str, &str), args: &Args) {
    let ui = &context.ui;
    ui.say(&lines(&checked.findings));
    if sent.already {
        ui.say(&format!("{id} {version} is published already, with just this content"));
        return;
    }
    if let Some(note) = &taken.source_note {
        ui.say(&format!("note: {note}"));
    }
    if args.dry_run {
        let place = if args.direct { "onto its main".to_owned() } else { format!("as {branch}") };
        ui.say(&format!("nothing was pushed (--dry-run); {id} {version} would go to {} {place}", sent.remote));
    } else if args.direct {
        ui.say(&format!("{id} {version} is on main of {}", sent.remote));
    } else {
        ui.say(&format!("{id} {version} waits in {} on the branch {branch}", sent.remote));
        ui.say(contribute::what_is_next(sent));
    }
}

/// The files that would be published, each with its size; without -v no more than a screen full.
fn listed(files: &[ContentFile], all: bool) -> String {
    let shown = if all { files.len() } else { MOST_LISTED };
    let rows: Vec<_> = files.iter().take(shown).map(|file| [format!("  {}", file.bytes.len()), escape_name(file.path.as_str())]).collect();
    let bytes: usize = files.iter().map(|file| file.bytes.len()).sum();
    let more = match files.len().saturating_sub(shown) {
        0 => String::new(),
        more => format!("  and {more} more, which -v names\n"),
    };
    format!("{} files, {bytes} bytes:\n{}{more}", files.len(), columns(&rows))
}
