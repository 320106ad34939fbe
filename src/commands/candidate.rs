//! The component in a directory as it would be published, held against all rules: for `check` and `publish` alike.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use serde::Deserialize;

use super::contributor::owner;
use super::places::relative;
use crate::checks::{Candidate, Checked, Previous, check};
use crate::context::Context;
use crate::error::{Code, Failure};
use crate::model::content::{ContentFile, bytes_of};
use crate::model::globs::Globs;
use crate::model::id::ComponentId;
use crate::model::index::Source;
use crate::model::manifest::{MANIFEST_FILE, Manifest};
use crate::model::path::RelPath;
use crate::model::registry_state::Obstacle;
use crate::model::resolve::Catalog as _;
use crate::model::workspace_file::WorkspaceFile;
use crate::store::contribution::git;
use crate::store::registry::Registry;
use crate::store::snapshot;
use crate::store::workspace;

/// A directory that holds a component.
pub(super) struct Taken {
    pub(super) directory: PathBuf,
    /// The directory as findings name it.
    pub(super) place: String,
    /// The workspace that it lies in.
    pub(super) root: PathBuf,
    pub(super) file: WorkspaceFile,
    pub(super) files: Vec<ContentFile>,
    pub(super) obstacles: Vec<Obstacle>,
    /// What lies there and is not taken, where somebody might look for it.
    pub(super) hidden: Vec<(String, &'static str)>,
    pub(super) uncommitted: Vec<(String, &'static str)>,
    pub(super) source: Option<Source>,
    pub(super) source_note: Option<String>,
}

/// No more entries of a directory than this are held against what is taken.
const MOST_LOOKED_AT: usize = 1000;

/// What a manifest says of the files that variables go into.
#[derive(Deserialize)]
struct Naming {
    #[serde(default)]
    variables: BTreeMap<String, Places>,
}

#[derive(Deserialize)]
struct Places {
    #[serde(default)]
    replace: Vec<Named>,
    #[serde(default)]
    bind: Vec<Named>,
}

#[derive(Deserialize)]
struct Named {
    file: String,
}

#[derive(Deserialize)]
struct Excluding {
    #[serde(default)]
    files: Files,
}

#[derive(Default, Deserialize)]
struct Files {
    #[serde(default)]
    exclude: Vec<String>,
}

/// Takes the component in `directory`, which starts where forum was started.
///
/// # Errors
/// [`Code::NotFound`] where no component is, and what the file system and git say.
pub(super) fn take(context: &Context, directory: Option<&Path>) -> Result<Taken> {
    let given = directory.map_or_else(|| context.directory.clone(), |directory| context.started_in.join(directory));
    let Ok(directory) = given.canonicalize() else {
        return Err(Failure::new(Code::NotFound, format!("there is no directory {}", given.display())).hint("forum check DIR").into());
    };
    if !directory.join(MANIFEST_FILE).is_file() {
        let failure = Failure::new(Code::NotFound, format!("{} has no {MANIFEST_FILE}, so it is no component", given.display()));
        return Err(failure.hint("name the component's directory").into());
    }
    let root = workspace::root_of(&directory);
    let file = workspace::read_file(&directory)?;
    let snapshot = snapshot::take(&directory, git(&context.store).ok().as_ref(), &|files, obstacles| {
        refuse_ignored(&given, files, obstacles)?;
        excluded(files)
    })?;
    let place = relative(&context.started_in.canonicalize().unwrap_or_default(), &directory);
    let hidden = hidden(&directory, &snapshot.files)?;
    Ok(Taken {
        hidden,
        place: if place == "." { String::new() } else { place },
        files: snapshot.files,
        obstacles: snapshot.obstacles,
        uncommitted: snapshot.uncommitted,
        source: snapshot.source,
        source_note: snapshot.source_note,
        directory,
        root,
        file,
    })
}

/// A manifest that is on the disk, and that git would not commit: the component as a whole may be ignored.
fn refuse_ignored(given: &Path, files: &[ContentFile], obstacles: &[Obstacle]) -> Result<()> {
    if bytes_of(files, MANIFEST_FILE).is_some() || obstacles.iter().any(|one| one.path == MANIFEST_FILE) {
        return Ok(());
    }
    let manifest = given.join(MANIFEST_FILE);
    let message = format!("git ignores {}, so there is no component to publish", manifest.display());
    let hint = format!("take it out of .gitignore; git check-ignore -v {} names the line", manifest.display());
    Err(Failure::new(Code::NotFound, message).hint(hint).into())
}

/// What lies at the top, or is named by a variable, and is not among the files.
fn hidden(directory: &Path, files: &[ContentFile]) -> Result<Vec<(String, &'static str)>> {
    let excluded = excluded(files)?;
    let mut names: BTreeSet<String> = named_files(files);
    for entry in directory.read_dir().with_context(|| format!("reading {}", directory.display()))?.take(MOST_LOOKED_AT) {
        names.extend(entry.ok().and_then(|entry| entry.file_name().into_string().ok()));
    }
    let taken: BTreeSet<_> = files.iter().map(|file| file.path.as_str()).collect();
    let lies_here = |name: &String| !taken.contains(name.as_str()) && name.parse::<RelPath>().is_ok() && directory.join(name).is_file();
    let why = |name: &str| if excluded.fit(name) { "`[files] exclude` leaves it out" } else { "git ignores it" };
    Ok(names.into_iter().filter(lies_here).map(|name| (name.clone(), why(&name))).collect())
}

/// The files that variables go into.
fn named_files(files: &[ContentFile]) -> BTreeSet<String> {
    let manifest = bytes_of(files, MANIFEST_FILE).and_then(|bytes| std::str::from_utf8(bytes).ok());
    let read: Option<Naming> = manifest.and_then(|text| toml::from_str(text).ok());
    let variables = read.map(|read| read.variables).unwrap_or_default();
    variables.into_values().flat_map(|variable| variable.replace.into_iter().chain(variable.bind)).map(|place| place.file).collect()
}

/// What the manifest leaves out. One that cannot be read leaves nothing out, and is a finding.
fn excluded(files: &[ContentFile]) -> Result<Globs> {
    let manifest = bytes_of(files, MANIFEST_FILE).and_then(|bytes| std::str::from_utf8(bytes).ok());
    let read: Option<Excluding> = manifest.and_then(|text| toml::from_str(text).ok());
    let patterns = read.map(|read| read.files.exclude).unwrap_or_default();
    let globs =
        Globs::new(&patterns).map_err(|why| Failure::new(Code::InvalidManifest, format!("{MANIFEST_FILE}: [files] exclude: {why}")));
    Ok(globs?)
}

impl Taken {
    /// The manifest as a person finds it.
    pub(super) fn manifest(&self) -> String {
        if self.place.is_empty() { MANIFEST_FILE.to_owned() } else { format!("{}/{MANIFEST_FILE}", self.place) }
    }

    /// Holds it against all rules, those of a registry included.
    ///
    /// # Errors
    /// The registry's own.
    pub(super) fn check(&self, context: &Context, registry: Option<&Registry>) -> Result<Checked> {
        let previous = registry.map(|registry| previous(registry, &self.files)).transpose()?.flatten();
        Ok(check(&Candidate {
            files: &self.files,
            obstacles: &self.obstacles,
            hidden: &self.hidden,
            place: &self.place,
            registry: registry.map(|registry| &registry.file),
            owner: owner(context, &self.file).as_ref(),
            previous: previous.as_ref(),
        }))
    }
}

/// The newest published version of the component that the files name, where it can be read.
fn previous(registry: &Registry, files: &[ContentFile]) -> Result<Option<Previous>> {
    let Some(id) = id_of(files) else { return Ok(None) };
    let Some(index) = registry.index(&id)? else { return Ok(None) };
    let Some(record) = index.newest().filter(|record| !index.removed.contains_key(&record.version)) else { return Ok(None) };
    let content = registry.content(&id, record).with_context(|| format!("reading {id} {}", record.version))?;
    let manifest = content.get(MANIFEST_FILE).and_then(|bytes| Manifest::parse(&id, &record.version, bytes).ok());
    Ok(manifest.map(|manifest| Previous { version: record.version.clone(), manifest }))
}

/// The id in the manifest, where it is one.
pub(super) fn id_of(files: &[ContentFile]) -> Option<ComponentId> {
    let manifest: toml::Table = toml::from_str(std::str::from_utf8(bytes_of(files, MANIFEST_FILE)?).ok()?).ok()?;
    let component = manifest.get("component")?;
    format!("{}/{}", component.get("owner")?.as_str()?, component.get("name")?.as_str()?).parse().ok()
}
