//! What is published: a version with what its manifest and its index file say of it.

use std::fmt::Write as _;

use toml::{Table, Value};

use super::super::Files;

/// A version to publish; the rest has defaults.
#[derive(Clone, Default)]
pub(crate) struct Version {
    pub(crate) id: String,
    pub(crate) version: String,
    pub(crate) files: Files,
    /// Keys of `[component]` that differ from the defaults.
    pub(crate) meta: Table,
    /// Appended to `component.toml`.
    pub(crate) manifest: String,
    pub(crate) dependencies: Vec<(String, String)>,
    /// A tree that lies in the repository already, instead of `files`.
    pub(crate) content: Option<String>,
    /// What the index says, where it should lie.
    pub(crate) tree: Option<String>,
    pub(crate) checksum: Option<String>,
    /// Keys added to the version's entry.
    pub(crate) entry: Table,
}

impl Version {
    pub(crate) fn new(id: &str, version: &str, files: Files) -> Self {
        Self { id: id.to_owned(), version: version.to_owned(), files, ..Self::default() }
    }

    pub(crate) fn needs(mut self, id: &str, requirement: &str) -> Self {
        self.dependencies.push((id.to_owned(), requirement.to_owned()));
        self
    }

    pub(crate) fn manifest(mut self, text: &str) -> Self {
        text.clone_into(&mut self.manifest);
        self
    }

    pub(crate) fn meta(mut self, key: &str, value: impl Into<Value>) -> Self {
        self.meta.insert(key.to_owned(), value.into());
        self
    }
}

/// What was published.
#[derive(Clone, Debug)]
pub(crate) struct Published {
    pub(crate) id: String,
    pub(crate) version: String,
    pub(crate) tree: String,
    pub(crate) checksum: String,
    pub(crate) files: Files,
}

pub(super) const CARD_KEYS: [&str; 8] = ["kind", "title", "summary", "keywords", "systems", "license", "status", "discussion"];

pub(super) fn new_document(id: &str) -> Table {
    format!("format = 1\nid = \"{id}\"\nversion = []\n[card]\n").parse().unwrap()
}

pub(super) fn component_table(owner: &str, name: &str, what: &Version) -> Table {
    let mut table = Table::new();
    let title = name.replace('-', " ");
    for (key, value) in [
        ("owner", owner),
        ("name", name),
        ("version", &what.version),
        ("kind", "technical-component"),
        ("title", &title),
        ("summary", &format!("Fixture component {name}")),
        ("license", "EUPL-1.2"),
        ("status", "production"),
        ("contact", &format!("integration@{owner}.example")),
        ("personal-data", "none"),
    ] {
        table.insert(key.to_owned(), value.into());
    }
    table.extend(what.meta.clone());
    table
}

pub(super) fn dependencies(what: &Version) -> Table {
    what.dependencies.iter().map(|(id, requirement)| (id.clone(), requirement.as_str().into())).collect()
}

pub(super) fn manifest(component: &Table, what: &Version) -> String {
    let mut text = format!("[component]\n{component}");
    if !what.dependencies.is_empty() {
        let _ = write!(text, "\n[dependencies]\n{}", dependencies(what));
    }
    if !what.manifest.is_empty() {
        let _ = write!(text, "\n{}\n", what.manifest.trim());
    }
    text
}

/// The card is of the highest version that is no pre-release; where there is none, the highest.
pub(super) fn raises_card(document: &Table, version: &str) -> bool {
    let new = semver::Version::parse(version).unwrap();
    let others: Vec<semver::Version> =
        document["version"].as_array().unwrap().iter().filter_map(|entry| entry.get("version")?.as_str()?.parse().ok()).collect();
    let stable = others.iter().any(|other| other.pre.is_empty());
    match (new.pre.is_empty(), stable) {
        (true, _) => others.iter().filter(|other| other.pre.is_empty()).all(|other| new > *other),
        (false, false) => others.iter().all(|other| new > *other),
        (false, true) => false,
    }
}
