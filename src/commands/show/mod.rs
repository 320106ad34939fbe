//! `forum show`: one page to decide on.

mod page;

use std::collections::BTreeMap;

use anyhow::{Context as _, Result};
use semver::{Version, VersionReq};
use serde::Serialize;

use super::places::Places;
use super::{Outcome, open_workspace};
use crate::context::Context;
use crate::error::{Code, Failure};
use crate::model::adoption::Adoption;
use crate::model::id::{ComponentId, IdOrName};
use crate::model::index::{IndexFile, VersionRecord, VersionState};
use crate::model::manifest::{Effort, MANIFEST_FILE, Manifest, Needs, Platform};
use crate::model::publisher::Publisher;
use crate::model::resolve::Catalog as _;
use crate::model::variables::{Answer, VariableKind};
use crate::store::registry::{Content, Registry};
use crate::ui::Report;

/// Show one component: what it is for, what it needs, who uses it
///
/// Asks the registry for its newest state; with --offline, or where it cannot be reached, goes by the last refresh.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  forum show pupil-system
  forum show goteborg/pupil-system@1.1.0
  forum show pupil-system --readme")]
pub struct Args {
    /// The component, with a version where it is not the newest
    #[arg(value_name = "ID[@VERSION]")]
    id: String,
    /// Print its README.md instead
    #[arg(long)]
    readme: bool,
}

/// What is known of a component (contract, section 6).
#[derive(Serialize)]
struct Shown {
    id: ComponentId,
    version: Version,
    registry: String,
    kind: String,
    title: String,
    summary: String,
    license: String,
    status: String,
    keywords: Vec<String>,
    systems: Vec<String>,
    publisher: Option<Publisher>,
    contact: Option<String>,
    area: Option<String>,
    personal_data: Option<String>,
    classification: Option<BTreeMap<String, i64>>,
    decision: Option<String>,
    effort: Option<Effort>,
    derived_from: Option<String>,
    platform: Option<Platform>,
    dependencies: BTreeMap<ComponentId, String>,
    /// `null` where the files are not at hand.
    needs: Option<Needs>,
    variables: Option<Vec<Asked>>,
    versions: Vec<OneVersion>,
    adoptions: Vec<Adoption>,
    discussion: Option<String>,
    deprecated: Option<Deprecated>,
    disclaimer: String,
    tree: String,
    checksum: String,
}

#[derive(Serialize)]
struct OneVersion {
    version: Version,
    published: String,
    yanked: bool,
    removed: bool,
    /// Why it was yanked or removed.
    reason: Option<String>,
}

/// A variable that is asked for at fetch.
#[derive(Serialize)]
struct Asked {
    name: String,
    #[serde(rename = "type")]
    kind: VariableKind,
    prompt: Option<String>,
    default: Option<Answer>,
}

#[derive(Serialize)]
struct Deprecated {
    reason: String,
    replaced_by: Option<ComponentId>,
}

#[derive(Serialize)]
struct Page {
    component: Box<Shown>,
    #[serde(skip_serializing_if = "Option::is_none")]
    readme: Option<String>,
}

impl Report for Page {
    fn text(&self) -> String {
        self.readme.clone().unwrap_or_else(|| page::text(&self.component))
    }
}

/// Runs the command.
///
/// # Errors
/// As the contract's section 6.
pub fn run(context: &Context, args: &Args) -> Result<Outcome> {
    let (typed, version) = parse(&args.id)?;
    let mut workspace = open_workspace(context)?;
    let mut places = Places::looking(context, &workspace, vec![typed.clone()])?;
    let (id, name) = places.find("show", &typed, &mut workspace)?;
    let registry = places.open(&name)?;
    let index = registry.index(&id)?.with_context(|| format!("reading the index of {id}"))?;
    let record = pick(&index, version.as_ref())?;
    let content = content(context, registry, &index, record)?;
    let shown = Shown { registry: name, ..describe(registry, &index, record, content.as_ref())? };
    let readme = if args.readme { Some(readme(&id, record, content.as_ref())?) } else { None };
    places.notes().iter().for_each(|note| context.ui.say(note));
    context.ui.report("show", &Page { component: Box::new(shown), readme });
    Ok(Outcome::Done)
}

fn parse(word: &str) -> Result<(IdOrName, Option<Version>)> {
    let (typed, version) = word.split_once('@').map_or((word, None), |(id, version)| (id, Some(version)));
    let usage = |why: String| Failure::new(Code::Usage, why);
    let typed = typed.parse().map_err(|e| usage(format!("{e}")))?;
    let wrong = |text: &str, e| usage(format!("`{}` is no version: {e}", text.escape_debug()));
    Ok((typed, version.map(|text| text.parse().map_err(|e: semver::Error| wrong(text, e))).transpose()?))
}

/// The version that was asked for, else the newest.
fn pick<'a>(index: &'a IndexFile, version: Option<&Version>) -> Result<&'a VersionRecord> {
    let found = version.map_or_else(|| index.newest(), |version| index.record(version));
    if let Some(record) = found {
        return Ok(record);
    }
    let asked = version.map(ToString::to_string).unwrap_or_default();
    let failure = Failure::new(Code::NotFound, format!("{} has no version {asked}", index.id));
    let newest = index.newest().map(|record| format!("forum show {}@{}", index.id, record.version));
    Err(newest.into_iter().fold(failure, Failure::hint).into())
}

/// The files; `None` where they are gone, or cannot be had without asking a server that must not or cannot be asked.
fn content(context: &Context, registry: &Registry, index: &IndexFile, record: &VersionRecord) -> Result<Option<Content>> {
    if index.removed.contains_key(&record.version) {
        return Ok(None);
    }
    match registry.content(&index.id, record) {
        Ok(content) => Ok(Some(content)),
        Err(error) => {
            let failure = Failure::of(&error);
            let away = matches!(failure.code, Code::Offline | Code::Unreachable | Code::Auth | Code::Denied);
            if !away {
                return Err(error);
            }
            context.ui.say(&format!("note: the files of {} {} are not at hand, so its needs are not known", index.id, record.version));
            Ok(None)
        }
    }
}

fn readme(id: &ComponentId, record: &VersionRecord, content: Option<&Content>) -> Result<String> {
    let found = content.and_then(|content| ["README.md", "readme.md", "README.txt", "README"].iter().find_map(|name| content.get(name)));
    match found {
        Some(bytes) => Ok(String::from_utf8_lossy(bytes).replace("\r\n", "\n")),
        None => {
            let failure = Failure::new(Code::NotFound, format!("{id} {} has no README.md at hand", record.version));
            Err(failure.hint(format!("forum show {id}")).into())
        }
    }
}

fn describe(registry: &Registry, index: &IndexFile, record: &VersionRecord, content: Option<&Content>) -> Result<Shown> {
    let IndexFile { id, card, .. } = index;
    let bytes = content.and_then(|content| content.get(MANIFEST_FILE));
    let manifest = bytes.map(|bytes| Manifest::parse(id, &record.version, bytes)).transpose()?;
    let described = manifest.as_ref().map(|manifest| manifest.component.clone()).unwrap_or_default();
    let links = [described.discussion, Some(card.discussion.clone()), Some(registry.file.discussion.clone())];
    let variables = |manifest: &Manifest| {
        let asked = manifest.variables.iter().map(|(name, variable)| Asked {
            name: name.clone(),
            kind: variable.kind,
            prompt: variable.prompt.clone(),
            default: variable.default.clone().filter(|_| !variable.is_secret()),
        });
        asked.collect()
    };
    Ok(Shown {
        id: id.clone(),
        version: record.version.clone(),
        registry: registry.file.name.to_string(),
        kind: card.kind.to_string(),
        title: card.title.clone(),
        summary: card.summary.clone(),
        license: record.license.clone(),
        status: card.status.clone(),
        keywords: card.keywords.clone(),
        systems: card.systems.clone(),
        publisher: registry.publisher(id.owner())?,
        contact: described.contact,
        area: described.area,
        personal_data: described.personal_data,
        classification: described.classification,
        decision: described.decision,
        effort: described.effort,
        derived_from: described.derived_from,
        platform: manifest.as_ref().and_then(|manifest| manifest.platform.clone()),
        dependencies: record.dependencies.iter().map(|(id, req): (_, &VersionReq)| (id.clone(), req.to_string())).collect(),
        variables: manifest.as_ref().map(variables),
        needs: manifest.map(|manifest| manifest.needs),
        versions: versions(index),
        adoptions: registry.adoptions(id)?,
        discussion: links.into_iter().flatten().find(|link| link.starts_with("https://")),
        deprecated: index.deprecated.as_ref().map(|d| Deprecated { reason: d.reason.clone(), replaced_by: d.replaced_by.clone() }),
        disclaimer: registry.file.disclaimer.clone(),
        tree: record.tree.to_string(),
        checksum: record.checksum.to_string(),
    })
}

/// All versions, the newest first.
fn versions(index: &IndexFile) -> Vec<OneVersion> {
    let one = |record: &VersionRecord| {
        let (yanked, removed, reason) = match index.state(&record.version) {
            VersionState::Available => (false, false, None),
            VersionState::Yanked(notice) => (true, false, Some(notice.reason.clone())),
            VersionState::Removed(notice) => (false, true, Some(notice.reason.clone())),
        };
        OneVersion { version: record.version.clone(), published: record.published.clone(), yanked, removed, reason }
    };
    let mut versions: Vec<_> = index.versions.iter().map(|record| one(record)).collect();
    versions.sort_by(|a, b| b.version.cmp(&a.version));
    versions
}
