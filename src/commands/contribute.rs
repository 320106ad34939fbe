//! What `publish`, `adopt`, `yank` and `deprecate` have in common: one commit on the newest `main`, a push that is
//! confirmed, and the link that opens the pull request.

use std::path::Path;

use anyhow::Result;
use jiff::Timestamp;
use serde::Serialize;

use super::Outcome;
use super::contributor::owner;
use super::findings::{FindingsReport, stopped};
use super::own_name::unknown_owner;
use super::places::Places;
use super::rehearsal;
use super::waiting;
use crate::context::Context;
use crate::error::{Code, Failure};
use crate::fail;
use crate::model::address::{Address, without_credentials};
use crate::model::forge::Forge;
use crate::model::id::{ComponentId, IdOrName, Name};
use crate::model::workspace_file::WorkspaceFile;
use crate::store::contribution::{Author, Change, Draft, MAIN, Push, Pushed, Seen, Upstream, git};
use crate::store::memory::Contribution;
use crate::store::registry::{Registry, Visit};
use crate::store::settings::Layer;
use crate::store::transport::system::Git;
use crate::store::workspace::root_of;
use crate::ui::Report;

/// How often a commit is made anew because `main` moved meanwhile.
const MOST_ATTEMPTS: usize = 20;

/// Where a contribution goes.
pub(super) struct Way {
    /// The registry.
    pub(super) registry: Address,
    /// A fork that the branch goes to instead.
    pub(super) fork: Option<Address>,
    /// What becomes of the commit.
    pub(super) mode: Mode,
    /// Whether it leaves this machine.
    pub(super) effect: Effect,
}

impl Way {
    /// From a workspace to the registry that flags or settings name, or that is the only one known.
    pub(super) fn new(
        context: &Context,
        root: &Path,
        file: &WorkspaceFile,
        fork: Option<&str>,
        (mode, effect): (Mode, Effect),
    ) -> Result<Self> {
        let registry = Places::writing(context, root, file).destination()?;
        let fork = fork.map(Address::parse).transpose()?.map(|fork| fork.relative_to(&context.started_in));
        Ok(Self { registry, fork, mode, effect })
    }

    /// The registry as it is now, ready to be contributed to.
    pub(super) fn open(&self, context: &Context, components: Vec<IdOrName>) -> Result<Registry> {
        let visit = Visit { newest: true, components };
        Registry::open_to_write(&self.registry, &context.store, &visit).map_err(|error| fitting(context, error))
    }

    /// Where the branch goes.
    pub(super) fn remote(&self) -> &Address {
        self.fork.as_ref().unwrap_or(&self.registry)
    }
}

/// What becomes of the commit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mode {
    /// It becomes a branch.
    Branch,
    /// It becomes `main`.
    Direct,
}

/// Whether anything leaves this machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Effect {
    /// The commit is pushed.
    Push,
    /// Everything but that is done.
    Rehearsal,
}

impl Effect {
    /// What `--dry-run` asks for.
    pub(super) const fn of(dry_run: bool) -> Self {
        if dry_run { Self::Rehearsal } else { Self::Push }
    }
}

/// Where the branch of a record or a notice goes: flags that such commands share.
#[derive(Debug, clap::Args)]
pub(super) struct Destination {
    /// Do everything but the push
    #[arg(long)]
    dry_run: bool,
    /// Push the branch to this fork of the forum
    #[arg(long, value_name = "URL")]
    fork: Option<String>,
    /// Open the link in the browser
    #[arg(long)]
    open: bool,
}

impl Destination {
    pub(super) fn way(&self, context: &Context, file: &WorkspaceFile) -> Result<Way> {
        let how = (Mode::Branch, Effect::of(self.dry_run));
        Way::new(context, &root_of(&context.directory), file, self.fork.as_deref(), how)
    }

    /// Says what has become of `what`.
    pub(super) fn finish(
        &self,
        context: &Context,
        command: &str,
        what: &str,
        (id, version, branch): (&ComponentId, Option<String>, &str),
        ended: Ended,
    ) -> Outcome {
        let sent = match ended {
            Ended::Sent(sent) => sent,
            Ended::Stopped(findings) => return stopped(context, command, &findings),
        };
        let ui = &context.ui;
        if sent.already {
            ui.say(&format!("{what} is in the forum already"));
        } else if self.dry_run {
            ui.say(&format!("nothing was pushed (--dry-run); {what} would go to {} as {branch}", sent.remote));
        } else {
            ui.say(&format!("{what} waits in {} on the branch {branch}", sent.remote));
            ui.say(what_is_next(&sent));
        }
        if let Some(link) = sent.link.as_ref().filter(|_| self.open && sent.pushed) {
            ui.open(link);
        }
        ui.report(command, &ContributionReport::new(id, version, branch, sent));
        Outcome::Done
    }
}

/// A branch alone publishes nothing.
pub(super) const fn what_is_next(sent: &Sent) -> &'static str {
    if sent.link.is_some() { "open its pull request:" } else { "open a pull request of that branch onto main" }
}

/// What helps with a failure here: --offline does not, and the registry that was named is to be named again.
fn fitting(context: &Context, error: anyhow::Error) -> anyhow::Error {
    let mut failure = Failure::of(&error);
    if !matches!(failure.code, Code::Unreachable | Code::Rewritten) {
        return error;
    }
    failure.hints.retain(|hint| !hint.starts_with("--offline"));
    if let Some(typed) = &context.registry {
        for hint in &mut failure.hints {
            *hint = hint.replace("refresh --accept-rewrite", &format!("refresh --registry {typed} --accept-rewrite"));
        }
    }
    failure.into()
}

/// The full id of what a person typed; only a short name needs the registry for that.
pub(super) fn full_id(context: &Context, way: &Way, typed: &IdOrName) -> Result<ComponentId> {
    match typed {
        IdOrName::Id(id) => Ok(id.clone()),
        IdOrName::Short(_) => {
            refuse_offline(context, "contributing")?;
            way.open(context, Vec::new())?.find(typed, &|id| format!("forum show {id}"))
        }
    }
}

/// Who contributes, where it must be known.
pub(super) fn require_owner(context: &Context, file: &WorkspaceFile) -> Result<Name> {
    owner(context, file).ok_or_else(|| unknown_owner("contributes").into())
}

/// A contribution that cannot ask the network is none.
pub(super) fn refuse_offline(context: &Context, doing: &str) -> Result<()> {
    let offline = &context.settings.offline;
    let typed = match offline.layer {
        Layer::Flags if context.locked => "--frozen",
        Layer::Flags => "--offline",
        Layer::Environment => "FORUM_OFFLINE",
        _ => "`offline` of the settings",
    };
    if offline.value {
        fail!(Code::Offline, "{doing} asks the network, which {typed} forbids");
    }
    Ok(())
}

/// What a contribution changes in the newest state of a registry.
pub(super) struct Proposal {
    pub(super) change: Change,
    pub(super) author: Author,
    /// Subject and body of the commit.
    pub(super) message: String,
}

/// What is to be done, told by the newest state of the registry.
pub(super) enum Decision {
    /// It is on `main` already.
    There,
    /// Findings stand in the way.
    Stopped(FindingsReport),
    Propose(Proposal),
}

/// How a contribution ended.
pub(super) enum Ended {
    /// It is there.
    Sent(Sent),
    /// Findings stand in the way, and nothing was pushed.
    Stopped(FindingsReport),
}

/// What became of it.
pub(super) struct Sent {
    pub(super) commit: Option<String>,
    /// The address pushed to.
    pub(super) remote: String,
    pub(super) link: Option<String>,
    pub(super) pushed: bool,
    pub(super) already: bool,
}

/// The answer of all of them (contract, section 6).
#[derive(Serialize)]
pub(super) struct ContributionReport {
    pub(super) id: ComponentId,
    pub(super) version: Option<String>,
    pub(super) branch: String,
    pub(super) commit: Option<String>,
    pub(super) tree: Option<String>,
    pub(super) checksum: Option<String>,
    pub(super) remote: String,
    pub(super) pull_request_url: Option<String>,
    pub(super) pushed: bool,
    pub(super) already_published: bool,
}

impl Report for ContributionReport {
    fn text(&self) -> String {
        self.pull_request_url.clone().unwrap_or_default()
    }
}

impl ContributionReport {
    pub(super) fn new(id: &ComponentId, version: Option<String>, branch: &str, sent: Sent) -> Self {
        Self {
            id: id.clone(),
            version,
            branch: branch.to_owned(),
            commit: sent.commit,
            tree: None,
            checksum: None,
            remote: sent.remote,
            pull_request_url: sent.link,
            pushed: sent.pushed,
            already_published: sent.already,
        }
    }
}

/// Carries out a contribution. `decide` is asked again for each newer state of `main`.
///
/// # Errors
/// Those of `decide`; [`Code::Exists`] for a branch that somebody else has changed; and the transport's own.
pub(super) fn contribute(
    context: &Context,
    way: &Way,
    id: &ComponentId,
    branch: &str,
    decide: &mut dyn FnMut(&Registry, Timestamp) -> Result<Decision>,
) -> Result<Ended> {
    refuse_offline(context, "contributing")?;
    let git = git(&context.store)?;
    let reference = if way.mode == Mode::Direct { MAIN.to_owned() } else { format!("refs/heads/{branch}") };
    let mut taken = None;
    for number in 0..MOST_ATTEMPTS {
        let registry = way.open(context, vec![IdOrName::Id(id.clone())])?;
        registry.take_notes().iter().for_each(|note| context.ui.say(note));
        let tried = attempt(context, way, &registry, &git, (branch, &reference, number == 0), decide);
        match tried.map_err(|error| fitting(context, error))? {
            // Pushed a moment ago, and on main by now: somebody merged it at once.
            Attempt::Sent(sent) if sent.already && taken.is_some() => {
                return Ok(Ended::Sent(Sent { commit: taken, pushed: true, already: false, ..sent }));
            }
            Attempt::Sent(sent) => return Ok(Ended::Sent(sent)),
            Attempt::Stopped(findings) => return Ok(Ended::Stopped(findings)),
            Attempt::Moved => {}
            Attempt::Overtaken(commit) => taken = Some(commit.to_string()),
        }
    }
    let message = format!("main of {} moved {MOST_ATTEMPTS} times while the contribution was made", way.registry);
    Err(Failure::new(Code::Unreachable, message).hint("the same command again").into())
}

/// How one try ended.
enum Attempt {
    Sent(Sent),
    /// Findings stand in the way.
    Stopped(FindingsReport),
    /// `main`, or the branch, is another than it was.
    Moved,
    /// The commit was taken, and `main` moved before that could be confirmed.
    Overtaken(git2::Oid),
}

/// One try on one state of `main`. A `first` one takes it that a branch of which this machine knows nothing is not there,
/// and that `main` stands still: both are asked for after the push anyway, and the push itself does no harm.
fn attempt(
    context: &Context,
    way: &Way,
    registry: &Registry,
    git: &Git,
    (branch, reference, first): (&str, &str, bool),
    decide: &mut dyn FnMut(&Registry, Timestamp) -> Result<Decision>,
) -> Result<Attempt> {
    let Some((repository, main)) = registry.tip() else { fail!(Code::Internal, "the registry has no repository") };
    let upstream = Upstream::new(git.clone(), repository, &context.store);
    let remote = way.remote();
    // The same content on the same main is the same commit, and needs no push.
    let known = registry.contribution(branch)?;
    let hopeful = first && known.is_none() && way.fork.is_none() && way.effect == Effect::Push;
    let known = known.filter(|known| known.main == main);
    let at = known.as_ref().map_or(context.settings.now, |known| known.at);
    let (mut proposal, mut commit) = match propose(&upstream, registry, main, at, decide)? {
        Proposed::There => {
            let sent = Sent { commit: None, remote: shown(remote), link: None, pushed: false, already: true };
            return Ok(Attempt::Sent(sent));
        }
        Proposed::Stopped(checked) => return Ok(Attempt::Stopped(checked)),
        Proposed::Commit(proposal, commit) => (proposal, commit),
    };
    let mut made = Contribution { main, commit, at, link: None };
    if known.as_ref().is_some_and(|known| known.commit != commit) {
        made.at = context.settings.now;
        let Proposed::Commit(again, anew) = propose(&upstream, registry, main, made.at, decide)? else { return Ok(Attempt::Moved) };
        (proposal, commit, made.commit) = (again, anew, anew);
    }
    let link = link(way, branch);
    let sent = |pushed, link| Attempt::Sent(Sent { commit: Some(commit.to_string()), remote: shown(remote), link, pushed, already: false });
    let seen = if hopeful { Seen { main: Some(main), branch: None } } else { see(&upstream, way, remote, reference)? };
    if seen.main != Some(main) {
        return Ok(Attempt::Moved);
    }
    if seen.branch == Some(commit) && way.effect == Effect::Push {
        return Ok(sent(true, link.or(known.filter(|known| known.commit == commit).and_then(|known| known.link))));
    }
    if let Some(there) = seen.branch.filter(|_| way.mode == Mode::Branch) {
        waiting::refuse_foreign((context, way), &upstream, registry, (branch, there, main), &proposal.author)?;
    }
    if way.effect == Effect::Rehearsal {
        return Ok(sent(false, link));
    }
    registry.remember_contribution(branch, &made)?;
    if way.fork.is_some() {
        upstream.deepen(&way.registry)?;
    }
    let subject = proposal.message.lines().next().unwrap_or_default();
    let push_options = Forge::of(remote).map(|forge| forge.push_options(subject)).filter(|_| way.mode == Mode::Branch).unwrap_or_default();
    let push = Push { commit, branch: reference, expected: seen.branch, options: &push_options };
    let printed = match upstream.push(&way.registry, remote, &push) {
        Ok(Pushed::Taken(printed)) => printed,
        Ok(Pushed::Moved) => return Ok(Attempt::Moved),
        // Where `main` moved meanwhile git may have come upon what it cannot know, and its words tell of that only.
        Err(error) if Failure::of(&error).code == Code::Unreachable => {
            let moved = see(&upstream, way, remote, reference)?.main != Some(main);
            return if moved { Ok(Attempt::Moved) } else { Err(error) };
        }
        Err(error) => return Err(error),
    };
    if printed.is_some() {
        registry.remember_contribution(branch, &Contribution { link: printed.clone(), ..made })?;
    }
    let holds = confirm(&upstream, way, remote, reference, commit, main)?;
    Ok(if holds { sent(true, link.or(printed)) } else { Attempt::Overtaken(commit) })
}

/// A decision, with its commit.
enum Proposed {
    There,
    Stopped(FindingsReport),
    Commit(Proposal, git2::Oid),
}

fn propose(
    upstream: &Upstream,
    registry: &Registry,
    main: git2::Oid,
    at: Timestamp,
    decide: &mut dyn FnMut(&Registry, Timestamp) -> Result<Decision>,
) -> Result<Proposed> {
    let proposal = match decide(registry, at)? {
        Decision::There => return Ok(Proposed::There),
        Decision::Stopped(checked) => return Ok(Proposed::Stopped(checked)),
        Decision::Propose(proposal) => proposal,
    };
    let foreseen = rehearsal::rehearse(registry, &proposal.change)?;
    if foreseen.errors > 0 {
        return Ok(Proposed::Stopped(foreseen.into()));
    }
    let draft = Draft { change: &proposal.change, author: &proposal.author, message: &proposal.message, at };
    let commit = upstream.commit(main, &draft)?;
    Ok(Proposed::Commit(proposal, commit))
}

/// `main` of the registry, and the branch where it goes to.
fn see(upstream: &Upstream, way: &Way, remote: &Address, reference: &str) -> Result<Seen> {
    let seen = upstream.look(remote, reference)?;
    Ok(if way.fork.is_some() { Seen { main: upstream.look(&way.registry, MAIN)?.main, ..seen } } else { seen })
}

/// A push counts when the remote has it; made on a `main` that moved meanwhile, it is made anew.
fn confirm(upstream: &Upstream, way: &Way, remote: &Address, reference: &str, commit: git2::Oid, main: git2::Oid) -> Result<bool> {
    let seen = see(upstream, way, remote, reference)?;
    if way.mode == Mode::Direct {
        // Somebody may have published on top of it at once; then the next look finds it on main.
        return Ok(seen.main == Some(commit));
    }
    // A branch that is gone although `main` did not move was never kept; otherwise it may be merged by now.
    if seen.branch != Some(commit) && seen.main == Some(main) {
        let message = format!("{} said that it took the branch, and does not have it", shown(remote));
        return Err(Failure::new(Code::Denied, message).hint("tell the forum's maintainers").into());
    }
    Ok(seen.branch == Some(commit) && seen.main == Some(main))
}

pub(super) fn link(way: &Way, branch: &str) -> Option<String> {
    if way.mode == Mode::Direct {
        return None;
    }
    let fork = way.fork.as_ref().and_then(Forge::of);
    Forge::of(&way.registry).map(|forge| forge.pull_request(branch, fork.as_ref()))
}

pub(super) fn shown(address: &Address) -> String {
    without_credentials(&address.to_string())
}
