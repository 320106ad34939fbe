//! `forum publish --status`: what has become of a publication, told by the remote alone.

use anyhow::Result;
use semver::Version;
use serde::Serialize;

use super::Outcome;
use super::candidate::Taken;
use super::contribute::{self, ContributionReport, Sent, Way};
use super::contributor::{author, publisher};
use super::waiting::{self, Waiting};
use crate::context::Context;
use crate::model::content::checksum;
use crate::model::digest::ObjectId;
use crate::model::id::{ComponentId, IdOrName};
use crate::model::index::IndexFile;
use crate::model::resolve::Catalog as _;
use crate::store::registry::{Registry, tree_id};
use crate::ui::Report;

/// What has become of a contribution.
#[derive(Serialize)]
struct StatusReport {
    #[serde(flatten)]
    contribution: ContributionReport,
    /// `waits`, `merged` or `anew`.
    state: &'static str,
    /// The same for people.
    #[serde(skip)]
    words: String,
}

impl Report for StatusReport {
    fn text(&self) -> String {
        let version = self.contribution.version.as_deref().unwrap_or_default();
        format!("{} {version} {}\n{}", self.contribution.id, self.words, self.contribution.text())
    }
}

/// Looks at `main` and at the branch.
///
/// # Errors
/// The transport's own.
pub(super) fn tell(context: &Context, taken: &Taken, way: &Way, (id, version, branch): (&ComponentId, &str, &str)) -> Result<Outcome> {
    let registry = way.open(context, vec![IdOrName::Id(id.clone())])?;
    let tree = tree_id(&taken.files)?;
    let author = publisher(context, &registry, &taken.file, id.owner())
        .and_then(|(known, _)| author(context, &taken.directory, &taken.file, &known));
    let waiting = Waiting::find(context, way, &registry, branch, author.ok().as_ref())?;
    let (state, words) = match (on_main(&registry, taken, id, version, tree)?, &waiting) {
        (Some(known), _) => known,
        (None, Some(waiting)) => on_branch(&registry, waiting, (id, tree), &waiting::freed(way, branch))?,
        (None, None) => ("anew", "is in the forum neither as a branch nor on main: nothing of it is there yet; forum publish".to_owned()),
    };
    let printed = registry.contribution(branch)?.filter(|last| waiting.as_ref().is_some_and(|waiting| waiting.commit == last.commit));
    let printed = printed.and_then(|last| last.link);
    let sent = Sent {
        commit: waiting.as_ref().map(|waiting| waiting.commit.to_string()),
        remote: contribute::shown(way.remote()),
        link: if state == "waits" { contribute::link(way, branch).or(printed) } else { None },
        pushed: waiting.is_some(),
        already: state == "merged",
    };
    let mut contribution = ContributionReport::new(id, Some(version.to_owned()), branch, sent);
    contribution.tree = Some(tree.to_string());
    contribution.checksum = Some(checksum(&taken.files).to_string());
    context.ui.report("publish", &StatusReport { contribution, state, words });
    Ok(Outcome::Done)
}

/// What `main` says of the version, where it has it.
fn on_main(registry: &Registry, taken: &Taken, id: &ComponentId, version: &str, tree: ObjectId) -> Result<Option<(&'static str, String)>> {
    let index = registry.index(id)?;
    let find = |index: &IndexFile| {
        let version: Version = version.parse().ok()?;
        let removed = index.removed.get(&version).map(|notice| notice.reason.clone());
        Some((index.record(&version)?.tree, removed))
    };
    let Some((there, removed)) = index.as_deref().and_then(find) else { return Ok(None) };
    let raise = format!("raise `version` in {}", taken.manifest());
    Ok(Some(match removed {
        Some(reason) => ("anew", format!("was removed for good: {reason}; {raise}")),
        None if there == tree => ("merged", "is merged".to_owned()),
        None => ("anew", format!("is on main with other content: {raise}")),
    }))
}

/// Whether the branch can be merged, and is what would be published. `freed` makes room where others have changed it.
fn on_branch(
    registry: &Registry,
    waiting: &Waiting<'_>,
    (id, tree): (&ComponentId, ObjectId),
    freed: &str,
) -> Result<(&'static str, String)> {
    let others = waiting.lineage.stranger.as_ref().map(waiting::strange);
    let anew = |why: &str| {
        let then = match &others {
            Some(others) => format!("; the branch has {others}: if that may go, {freed}, then forum publish"),
            None => ": forum publish".to_owned(),
        };
        ("anew", format!("is to be made anew, {why}{then}"))
    };
    let same_files = waiting.tree(&format!("components/{id}").parse()?)?.is_some_and(|there| there.to_string() == tree.to_string());
    Ok(if waiting.lineage.base.is_some() && !waiting.fits(registry, &format!("index/{id}.toml").parse()?)? {
        anew("for main has got something else of the component meanwhile")
    } else if !same_files {
        anew("for the files here are not those on the branch")
    } else {
        let with = others.map(|others| format!(", with {others} on its branch")).unwrap_or_default();
        ("waits", format!("waits for its review{with}"))
    })
}
