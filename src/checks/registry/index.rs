//! Index files: what each says of itself, and of the content that it stands for (rules `index-file`, `card`, `digests`,
//! `index-manifest`, `dependencies`).

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

use anyhow::Result;

use super::super::finding::{Finding, Severity};
use super::rules::id;
use super::shape::Shape::{AnyText, Day, Https, Named, OneOf, Table, Tables, Text, Texts};
use super::shape::{File, Key, Shape, may, must};
use crate::model::address::without_credentials;
use crate::model::content::{ContentFile, bytes_of};
use crate::model::id::ComponentId;
use crate::model::index::{Card, IndexFile, VersionRecord};
use crate::model::manifest::{MANIFEST_FILE, Manifest};
use crate::model::registry_state::RegistryState;
use crate::model::resolve::{Catalog, Wish, resolve};

const INDEX: &[Key] = &[
    must("format", Shape::Any),
    must("id", Text),
    must("card", Table(CARD)),
    must("version", Tables(VERSION)),
    may("yanked", Named(&Table(NOTICE))),
    may("removed", Named(&Table(NOTICE))),
    may("deprecated", Table(&[must("reason", Text), may("replaced-by", Text)])),
];

const CARD: &[Key] = &[
    must("version", Text),
    must("kind", OneOf(&["design-template", "technical-component"])),
    must("title", Text),
    must("summary", Text),
    may("keywords", Texts),
    may("systems", Texts),
    must("license", Text),
    must("status", OneOf(&["draft", "pilot", "production"])),
    may("discussion", Https),
];

const VERSION: &[Key] = &[
    must("version", Text),
    must("tree", Text),
    must("checksum", Text),
    must("published", Text),
    must("license", Text),
    may("dependencies", Named(&Text)),
    may("source", Table(&[may("repository", AnyText), may("commit", AnyText), may("path", AnyText)])),
];

/// A yank always has a reason, and so has a tombstone.
const NOTICE: &[Key] = &[must("reason", Text), must("date", Day)];

/// The index of a state, read once each.
pub(super) struct Indexed<'a> {
    pub(super) state: &'a dyn RegistryState,
    known: RefCell<BTreeMap<ComponentId, Option<Rc<IndexFile>>>>,
}

impl<'a> Indexed<'a> {
    pub(super) fn new(state: &'a dyn RegistryState) -> Self {
        Self { state, known: RefCell::default() }
    }

    pub(super) fn has(&self, component: &ComponentId) -> bool {
        self.index(component).is_ok_and(|index| index.is_some())
    }
}

impl Catalog for Indexed<'_> {
    /// A file that cannot be used counts as none here: that it cannot is a finding of its own.
    fn index(&self, component: &ComponentId) -> Result<Option<Rc<IndexFile>>> {
        if let Some(known) = self.known.borrow().get(component) {
            return Ok(known.clone());
        }
        let path = place(component);
        let read = self.state.read(&path)?.and_then(|bytes| IndexFile::parse(&path, &bytes, component).ok()).map(Rc::new);
        self.known.borrow_mut().insert(component.clone(), read.clone());
        Ok(read)
    }
}

/// Where the index file of a component lies.
pub(super) fn place(component: &ComponentId) -> String {
    format!("index/{component}.toml")
}

/// An index file that can be used.
pub(super) struct Read<'a> {
    pub(super) file: File<'a>,
    pub(super) index: Rc<IndexFile>,
}

impl Read<'_> {
    /// A finding about a version's entry.
    pub(super) fn of_version(&self, rule: &'static str, record: &VersionRecord, message: String) -> Finding {
        Finding::new(rule, message).at(self.file.path).line(self.file.version_line(&record.version.to_string()))
    }
}

/// Checks what an index file says of itself; `None` where a client could not use it.
pub(super) fn file<'a>(
    component: &ComponentId,
    path: &'a str,
    bytes: &'a [u8],
    catalog: &Indexed<'_>,
    findings: &mut Vec<Finding>,
) -> Option<Read<'a>> {
    let before = findings.len();
    let file = File::read(path, bytes, id::INDEX_FILE, INDEX, findings)?;
    let index = match IndexFile::parse(path, bytes, component) {
        Ok(index) => Rc::new(index),
        Err(error) => {
            if findings[before..].iter().all(|finding| finding.severity == Severity::Note) {
                let message = &error.failure().message;
                findings.push(file.finding(&[], message.strip_prefix(path).unwrap_or(message).trim()));
            }
            return None;
        }
    };
    let read = Read { file, index };
    notices(&read, findings);
    versions(&read, findings);
    if let Some(successor) = read.index.deprecated.as_ref().and_then(|deprecated| deprecated.replaced_by.as_ref())
        && (successor == component || !catalog.has(successor))
    {
        let why = if successor == component { "is the component itself" } else { "is not in the index" };
        findings.push(read.file.finding(&["deprecated", "replaced-by"], format!("`replaced-by`: {successor} {why}")));
    }
    Some(read)
}

fn notices(read: &Read<'_>, findings: &mut Vec<Finding>) {
    for (table, notices) in [("yanked", &read.index.yanked), ("removed", &read.index.removed)] {
        for version in notices.keys().filter(|version| read.index.record(version).is_none()) {
            let text = version.to_string();
            findings.push(read.file.finding(&[table, &text], format!("[{table}] names {version}, which was never published")));
        }
    }
}

fn versions(read: &Read<'_>, findings: &mut Vec<Finding>) {
    for (at, record) in read.index.versions.iter().enumerate() {
        let mut wrong = |rule, message| findings.push(read.of_version(rule, record, message));
        if record.published.parse::<jiff::Timestamp>().is_err() {
            wrong(id::INDEX_FILE, format!("`published` of {} is no instant such as 2026-11-24T10:00:00Z", record.version));
        }
        if let Some(twin) = read.index.versions[..at].iter().find(|twin| twin.version.cmp_precedence(&record.version).is_eq()) {
            wrong(
                id::INDEX_FILE,
                format!("{} differs from {} in build metadata alone: `=` cannot tell them apart", record.version, twin.version),
            );
        }
        if let Some(source) = record.source.as_ref().filter(|source| without_credentials(&source.repository) != source.repository) {
            let shown = without_credentials(&source.repository);
            wrong(id::INDEX_FILE, format!("`source` of {} holds a password or a token ({shown} would do)", record.version));
        }
    }
}

/// Whether what a version needs can be had. Afterwards others may yank it, so for what is published it is a warning.
pub(super) fn resolves(read: &Read<'_>, record: &VersionRecord, catalog: &Indexed<'_>, severity: Severity, findings: &mut Vec<Finding>) {
    if record.dependencies.is_empty() {
        return;
    }
    let absent: Vec<_> = record.dependencies.keys().filter(|dependency| !catalog.has(dependency)).collect();
    for dependency in &absent {
        let message = format!("{} needs {dependency}, which is not in this registry", record.version);
        findings.push(read.of_version(id::DEPENDENCIES, record, message));
    }
    if !absent.is_empty() {
        return;
    }
    let requirement = format!("={}", record.version).parse();
    let Ok(wish) = requirement.map(|requirement| Wish { id: read.index.id.clone(), requirement }) else { return };
    if let Err(error) = resolve(catalog, &[wish], &BTreeMap::new()) {
        let message = format!("what {} needs cannot be had together: {error}", record.version);
        findings.push(read.of_version(id::DEPENDENCIES, record, message).severity(severity));
    }
}

/// Holds a version's entry against the files that it stands for, and gives what their manifest says to the card.
pub(super) fn manifest(read: &Read<'_>, record: &VersionRecord, files: &[ContentFile], findings: &mut Vec<Finding>) -> Option<Card> {
    let component = &read.index.id;
    let mut wrong = |message: String| findings.push(read.of_version(id::INDEX_MANIFEST, record, message));
    let version = &record.version;
    let Some(bytes) = bytes_of(files, MANIFEST_FILE) else {
        wrong(format!("{component} {version} has no {MANIFEST_FILE}"));
        return None;
    };
    let said = Card::of_manifest(bytes);
    let manifest = match Manifest::parse(component, version, bytes) {
        Ok(manifest) => manifest,
        Err(failure) => {
            wrong(failure.message);
            return said;
        }
    };
    if manifest.component.version != version.to_string() {
        wrong(format!("the entry is of {version}, its {MANIFEST_FILE} of {}", manifest.component.version.escape_debug()));
    }
    let license = said.as_ref().map(|card| card.license.as_str()).unwrap_or_default();
    if license != record.license {
        let (there, here) = (license.escape_debug(), record.license.escape_debug());
        wrong(format!("{version}: `license` is `{here}`, in {MANIFEST_FILE} it is `{there}`"));
    }
    if manifest.dependencies != record.dependencies {
        wrong(format!("{version}: `dependencies` are not those of {MANIFEST_FILE}"));
    }
    said
}

/// The card describes the newest version, in the words of its manifest where that could be read.
pub(super) fn card(read: &Read<'_>, newest: Option<&VersionRecord>, said: Option<&Card>, findings: &mut Vec<Finding>) {
    let Some(record) = newest else { return };
    let card = &read.index.card;
    if card.version != record.version.to_string() {
        let message = format!(
            "the card describes {}, but the highest version that is no pre-release and not yanked or removed is {}",
            card.version.escape_debug(),
            record.version
        );
        let keys = said.map(|said| differing(card, said)).unwrap_or_default();
        let help = format!("set in [card]: version = \"{}\"{keys}", record.version);
        findings.push(Finding::new(id::CARD, message).at(read.file.path).line(read.file.line(&["card", "version"])).help(help));
        return;
    }
    let Some(said) = said else { return };
    let mut wrong = |key: &str, message: String| {
        let place = ["card", key];
        let finding = Finding::new(id::CARD, message).at(read.file.path).line(read.file.line(&place));
        findings.push(finding);
    };
    let texts = texts(card, said);
    for (key, here, there) in texts.into_iter().filter(|(_, here, there)| here != there) {
        wrong(key, format!("`{key}` of the card is `{}`, in {MANIFEST_FILE} it is `{}`", here.escape_debug(), there.escape_debug()));
    }
    if card.kind != said.kind {
        wrong("kind", format!("`kind` of the card is `{}`, in {MANIFEST_FILE} it is `{}`", card.kind, said.kind));
    }
    for (key, differs) in [("keywords", card.keywords != said.keywords), ("systems", card.systems != said.systems)] {
        if differs {
            wrong(key, format!("`{key}` of the card are not those of {MANIFEST_FILE}"));
        }
    }
}

/// The texts of a card, as they are and as the manifest says them.
fn texts<'a>(card: &'a Card, said: &'a Card) -> [(&'static str, &'a String, &'a String); 5] {
    [
        ("title", &card.title, &said.title),
        ("summary", &card.summary, &said.summary),
        ("license", &card.license, &said.license),
        ("status", &card.status, &said.status),
        ("discussion", &card.discussion, &said.discussion),
    ]
}

/// The keys that a card of another version needs, as they are to be written.
fn differing(card: &Card, said: &Card) -> String {
    let quoted = |text: &str| toml::Value::String(text.to_owned()).to_string();
    let list = |texts: &[String]| format!("[{}]", texts.iter().map(|text| quoted(text)).collect::<Vec<_>>().join(", "));
    let mut keys: Vec<_> =
        texts(card, said).into_iter().filter(|(_, here, there)| here != there).map(|(key, _, there)| (key, quoted(there))).collect();
    if card.kind != said.kind {
        keys.push(("kind", quoted(&said.kind.to_string())));
    }
    for (key, here, there) in [("keywords", &card.keywords, &said.keywords), ("systems", &card.systems, &said.systems)] {
        if here != there {
            keys.push((key, list(there)));
        }
    }
    keys.into_iter().fold(String::new(), |all, (key, value)| format!("{all}, {key} = {value}"))
}
