//! `registry.toml` and the publisher files (rules `registry-file`, `publisher-file`).

use semver::Version;

use super::super::finding::Finding;
use super::repair::NO_REGISTRY;
use super::rules::id;
use super::shape::Shape::{AnyText, Https, Least, Named, Table, Text, Texts};
use super::shape::{File, Key, Shape, may, must};
use crate::model::id::Name;
use crate::model::registry_file::{REGISTRY_FILE, RegistryFile};

const REGISTRY: &[Key] = &[
    must("format", Shape::Any),
    must("name", Text),
    must("title", Text),
    may("sector", AnyText),
    may("description", AnyText),
    may("discussion", Https),
    may("licences", Texts),
    may("disclaimer", AnyText),
    may("min-forum", Text),
    may("limits", Table(&[may("file", Text), may("component", Text), may("files", Least(1))])),
    may("synonyms", Named(&Texts)),
    may("vocabulary", Table(&[may("owner-kinds", Texts), may("areas", Texts)])),
    may("require", Table(&[may("fields", Texts)])),
    may("site", Shape::Any),
];

const PUBLISHER: &[Key] = &[
    must("title", Text),
    must("kind", Text),
    may("country", Text),
    must("contact", Text),
    must("url", Text),
    may("accounts", Named(&Text)),
];

/// Checks `registry.toml`; `None` where a client could not use it.
pub(super) fn registry(bytes: Option<&[u8]>, running: &Version, findings: &mut Vec<Finding>) -> Option<RegistryFile> {
    let Some(bytes) = bytes else {
        findings.push(Finding::new(id::REGISTRY_FILE, format!("there is no {REGISTRY_FILE}, so this is no registry")).help(NO_REGISTRY));
        return None;
    };
    let before = findings.len();
    let file = File::read(REGISTRY_FILE, bytes, id::REGISTRY_FILE, REGISTRY, findings)?;
    for licence in file.texts(&["licences"]) {
        if let Err(error) = spdx::Expression::parse(licence) {
            let message = format!("`licences`: `{}` is no SPDX id: {}", licence.escape_debug(), error.reason);
            findings.push(file.finding(&["licences"], message).help("write an id of https://spdx.org/licenses/"));
        }
    }
    match RegistryFile::parse(bytes, running) {
        Ok(read) => Some(read),
        Err(failure) => {
            if findings.len() == before {
                let why = failure.message.strip_prefix(&format!("{REGISTRY_FILE}: ")).unwrap_or(&failure.message).to_owned();
                findings.push(file.finding(&[], why));
            }
            None
        }
    }
}

/// Checks `publishers/<owner>.toml`.
pub(super) fn publisher(path: &str, bytes: &[u8], registry: &RegistryFile, findings: &mut Vec<Finding>) {
    let name = path.trim_start_matches("publishers/").trim_end_matches(".toml");
    if let Err(error) = name.parse::<Name>() {
        findings.push(Finding::new(id::PUBLISHER_FILE, format!("the file's name is no owner's: {error}")).at(path));
    }
    let Some(file) = File::read(path, bytes, id::PUBLISHER_FILE, PUBLISHER, findings) else { return };
    let mut wrong = |key: &str, message: String| findings.push(file.finding(&[key], message));
    let kinds = &registry.owner_kinds;
    if let Some(kind) = file.text(&["kind"]).filter(|kind| !kind.trim().is_empty() && !kinds.iter().any(|known| known == kind)) {
        wrong(
            "kind",
            format!("`kind` is `{}`, which the registry {} does not know: {}", kind.escape_debug(), registry.name, kinds.join(", ")),
        );
    }
    if file.text(&["country"]).is_some_and(|text| text.len() != 2 || !text.bytes().all(|byte| byte.is_ascii_uppercase())) {
        wrong("country", "`country` must be two capital letters of ISO 3166-1, SE for instance".to_owned());
    }
    let is_link = |text: &str| (text.starts_with("https://") || text.starts_with("http://")) && !text.contains(char::is_whitespace);
    if file.text(&["url"]).is_some_and(|text| !text.trim().is_empty() && !is_link(text)) {
        wrong("url", "`url` must be a link that begins with https://".to_owned());
    }
    let is_address = |text: &str| text.split_once('@').is_some_and(|(who, host)| !who.is_empty() && host.contains('.'));
    if file.text(&["contact"]).is_some_and(|text| !text.trim().is_empty() && !is_address(text) && !is_link(text)) {
        wrong("contact", "`contact` must be the e-mail address of a role, or a link".to_owned());
    }
    for (host, account) in file.pairs(&["accounts"]) {
        if !account.starts_with('@') || account.contains(char::is_whitespace) {
            wrong("accounts", format!("`accounts.{}` must begin with @", host.escape_debug()));
        }
    }
}
