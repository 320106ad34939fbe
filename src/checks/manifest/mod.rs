//! The manifest, strictly: what a client reads past, a publisher is told (rules `manifest`, `manifest-unknown-key`,
//! `variables`, `owner`).

mod meaning;
mod shape;
mod variables;

use semver::Version;
use toml_edit::{Document, TableLike};

use super::Candidate;
use super::finding::{Finding, line_of};
use super::rules::id;
use crate::model::content::{ContentFile, bytes_of};
use crate::model::id::ComponentId;
use crate::model::manifest::{MANIFEST_FILE, Manifest};

/// The file as it was read: the document with its lines, and what a client makes of it.
pub(super) struct Source<'a> {
    text: &'a str,
    document: Document<&'a str>,
    /// None where a client could not use it.
    pub(super) manifest: Option<Manifest>,
}

/// Reads and checks the manifest. `None` where it is no TOML.
pub(super) fn check<'a>(candidate: &Candidate<'a>, findings: &mut Vec<Finding>) -> Option<Source<'a>> {
    let mut source = read(candidate.files, findings)?;
    let before = findings.len();
    shape::check(source.document.as_table(), source.text, findings);
    meaning::check(candidate, &source, findings);
    source.manifest = used(&source, before, findings);
    if let Some(manifest) = &source.manifest {
        variables::check(candidate, &source, manifest, findings);
    }
    Some(source)
}

/// What a client makes of the manifest; `None` where it could not use it, for which [`check`] has the findings.
pub(super) fn of_client(files: &[ContentFile]) -> Option<Manifest> {
    let mut unsaid = Vec::new();
    let source = read(files, &mut unsaid)?;
    used(&source, 0, &mut unsaid)
}

fn read<'a>(files: &'a [ContentFile], findings: &mut Vec<Finding>) -> Option<Source<'a>> {
    let Some(bytes) = bytes_of(files, MANIFEST_FILE) else {
        let help = "forum new NAME makes one to start from";
        findings.push(Finding::new(id::MANIFEST, format!("there is no {MANIFEST_FILE}")).help(help));
        return None;
    };
    let text = match std::str::from_utf8(bytes) {
        Ok(text) => text.trim_start_matches('\u{feff}'),
        Err(error) => {
            let line = line_of(bytes, error.valid_up_to());
            findings.push(Finding::new(id::MANIFEST, "is not UTF-8").at(MANIFEST_FILE).line(Some(line)).help("save it as UTF-8"));
            return None;
        }
    };
    match Document::parse(text) {
        Ok(document) => Some(Source { text, document, manifest: None }),
        Err(error) => {
            let line = error.span().map(|span| line_of(text.as_bytes(), span.start));
            findings.push(Finding::new(id::MANIFEST, format!("is no TOML: {}", error.message().trim())).at(MANIFEST_FILE).line(line));
            None
        }
    }
}

/// What a client makes of it. A fault that only the client's reading shows is said, where nothing was said before.
fn used(source: &Source<'_>, before: usize, findings: &mut Vec<Finding>) -> Option<Manifest> {
    let (id, version) = (source.id()?, source.version()?);
    match Manifest::parse(&id, &version, source.text.as_bytes()) {
        Ok(manifest) => Some(manifest),
        Err(failure) => {
            if !findings[before..].iter().any(|finding| finding.rule == id::MANIFEST) {
                let prefix = format!("{id} {version}: {MANIFEST_FILE}: ");
                let why = failure.message.strip_prefix(&prefix).unwrap_or(&failure.message);
                findings.push(Finding::new(id::MANIFEST, why).at(MANIFEST_FILE));
            }
            None
        }
    }
}

impl Source<'_> {
    fn table(&self, name: &str) -> Option<&dyn TableLike> {
        self.document.get(name)?.as_table_like()
    }

    /// A text of a table at the top.
    pub(super) fn text(&self, table: &str, key: &str) -> Option<&str> {
        self.table(table)?.get(key)?.as_str()
    }

    /// The line of a key in a table at the top.
    pub(super) fn line(&self, table: &str, key: &str) -> Option<u32> {
        let at = self.table(table).and_then(|table| shape::key_start(table, key));
        at.or_else(|| shape::key_start(self.document.as_table(), table)).map(|at| self.line_at(at))
    }

    fn line_at(&self, offset: usize) -> u32 {
        line_of(self.text.as_bytes(), offset)
    }

    /// The tables of a list in a table at the top, each with its line.
    pub(super) fn tables(&self, table: &str, key: &str) -> Vec<(&dyn TableLike, Option<u32>)> {
        let found = self.table(table).and_then(|table| table.get(key)).and_then(shape::tables).unwrap_or_default();
        found.into_iter().map(|(table, at)| (table, at.map(|at| self.line_at(at)))).collect()
    }

    /// A finding in the manifest.
    pub(super) fn finding(&self, rule: &'static str, table: &str, key: &str, message: impl Into<String>) -> Finding {
        Finding::new(rule, message).at(MANIFEST_FILE).line(self.line(table, key))
    }

    fn id(&self) -> Option<ComponentId> {
        let owner = self.text("component", "owner")?.parse().ok()?;
        Some(ComponentId::new(owner, self.text("component", "name")?.parse().ok()?))
    }

    /// The version, where it is one.
    pub(super) fn version(&self) -> Option<Version> {
        self.text("component", "version")?.parse().ok()
    }
}
