//! What the manifest's words mean, beyond their shape: names, versions, links, and what this registry asks for.

use semver::{Version, VersionReq};
use toml_edit::{Item, TableLike};

use super::super::Candidate;
use super::super::finding::Finding;
use super::super::rules::id;
use super::Source;
use crate::model::id::{ComponentId, Name};
use crate::model::manifest::MANIFEST_FILE;
use crate::model::path::RelPath;

/// The longest summary, in characters.
const MAX_SUMMARY: usize = 160;

/// Checks what the shape cannot say.
pub(super) fn check(candidate: &Candidate<'_>, source: &Source<'_>, findings: &mut Vec<Finding>) {
    component(source, findings);
    owner(candidate, source, findings);
    contact(source, findings);
    dependencies(source, findings);
    renames(candidate, source, findings);
    of_registry(candidate, source, findings);
}

fn component(source: &Source<'_>, findings: &mut Vec<Finding>) {
    let mut wrong = |key: &str, why: String| findings.push(source.finding(id::MANIFEST, "component", key, why));
    let text = |key: &str| source.text("component", key).filter(|text| !text.trim().is_empty());
    for key in ["owner", "name"] {
        if let Some(Err(error)) = text(key).map(str::parse::<Name>) {
            wrong(key, format!("`component.{key}`: {error}"));
        }
    }
    if let Some(Err(error)) = text("version").map(str::parse::<Version>) {
        wrong("version", format!("`component.version` is no version of SemVer, `1.0.0` for instance: {error}"));
    }
    if let Some(summary) = text("summary") {
        let length = summary.chars().count();
        if length > MAX_SUMMARY {
            wrong("summary", format!("`component.summary` has {length} characters, of at most {MAX_SUMMARY}"));
        }
        if summary.trim().contains(['\n', '\r']) {
            wrong("summary", "`component.summary` has more than one line".to_owned());
        }
    }
    if text("discussion").is_some_and(|link| !link.starts_with("https://")) {
        wrong("discussion", "`component.discussion` must be a link that begins with https://".to_owned());
    }
    if let Some(origin) = text("derived-from")
        && !origin.split_once('@').is_some_and(|(of, at)| of.parse::<ComponentId>().is_ok() && at.parse::<Version>().is_ok())
    {
        wrong("derived-from", "`component.derived-from` must be owner/name@version".to_owned());
    }
}

/// Nobody publishes as somebody else.
fn owner(candidate: &Candidate<'_>, source: &Source<'_>, findings: &mut Vec<Finding>) {
    let (Some(ours), Some(theirs)) = (candidate.owner, source.text("component", "owner")) else { return };
    if theirs.parse::<Name>().is_ok_and(|theirs| theirs != *ours) {
        let message = format!("the owner is `{theirs}`, but this workspace publishes as `{ours}`");
        findings.push(source.finding(id::OWNER, "component", "owner", message));
    }
}

/// Whether it is a person's address is the business of the rule on e-mail.
fn contact(source: &Source<'_>, findings: &mut Vec<Finding>) {
    let Some(contact) = source.text("component", "contact").map(str::trim).filter(|contact| !contact.is_empty()) else { return };
    let address = contact.split_once('@').is_some_and(|(who, host)| !who.is_empty() && host.contains('.') && !contact.contains(' '));
    if !address && !contact.starts_with("https://") {
        let message = "`component.contact` is neither an e-mail address nor a link that begins with https://";
        let help = "write the address of a role, integration@kommun.example for instance";
        findings.push(source.finding(id::MANIFEST, "component", "contact", message).help(help));
    }
}

fn dependencies(source: &Source<'_>, findings: &mut Vec<Finding>) {
    let own = source.id();
    for (name, item) in source.table("dependencies").into_iter().flat_map(TableLike::iter) {
        let mut wrong = |why: String| findings.push(source.finding(id::MANIFEST, "dependencies", name, why));
        match name.parse::<ComponentId>() {
            Err(error) => wrong(format!("[dependencies]: {error}")),
            Ok(id) if own.as_ref() == Some(&id) => wrong(format!("[dependencies]: {id} cannot need itself")),
            Ok(_) => {}
        }
        if let Some(Err(error)) = item.as_str().map(str::parse::<VersionReq>) {
            wrong(format!("[dependencies] `{}`: no requirement such as `^1.2`: {error}", name.escape_debug()));
        }
    }
}

fn renames(candidate: &Candidate<'_>, source: &Source<'_>, findings: &mut Vec<Finding>) {
    let renames = source.tables("files", "renames");
    let word = |table: &dyn TableLike, key: &str| table.get(key).and_then(Item::as_str).map(str::to_owned);
    let there = |path: &str| {
        let below = format!("{path}/");
        candidate.files.iter().any(|file| file.path.as_str() == path || file.path.as_str().starts_with(&below))
    };
    let sources: Vec<_> = renames.iter().filter_map(|(table, _)| word(*table, "from")).collect();
    for (table, line) in &renames {
        let mut wrong = |why: String| findings.push(Finding::new(id::MANIFEST, why).at(MANIFEST_FILE).line(*line));
        let (Some(from), Some(to), Some(since)) = (word(*table, "from"), word(*table, "to"), word(*table, "since")) else { continue };
        for (key, path) in [("from", &from), ("to", &to)] {
            if let Err(error) = path.parse::<RelPath>() {
                wrong(format!("`files.renames` {key}: {error}"));
            }
        }
        match (since.parse::<Version>(), source.version()) {
            (Err(error), _) => wrong(format!("`files.renames` since: no version: {error}")),
            (Ok(since), Some(version)) if since > version => wrong(format!("`files.renames` since {since} is later than this version")),
            _ => {}
        }
        if !there(&to) && !sources.contains(&to) {
            wrong(format!("`files.renames`: there is no `{}`", to.escape_debug()));
        }
        if there(&from) {
            wrong(format!("`files.renames`: `{}` is still there", from.escape_debug()));
        }
    }
}

/// Another sector is settings, not code: what this registry asks for.
fn of_registry(candidate: &Candidate<'_>, source: &Source<'_>, findings: &mut Vec<Finding>) {
    let Some(registry) = candidate.registry else { return };
    for field in &registry.required_fields {
        let (table, key) = field.split_once('.').unwrap_or(("component", field));
        let given = source.table(table).and_then(|table| table.get(key)).is_some_and(|item| !is_empty(item));
        if !given {
            let message = format!("`{table}.{key}` is missing, which the registry {} asks for", registry.name);
            findings.push(source.finding(id::MANIFEST, table, key, message));
        }
    }
    if let Some(area) = source.text("component", "area").filter(|_| !registry.areas.is_empty())
        && !registry.areas.iter().any(|known| known == area)
    {
        let message = format!("`component.area` must be one of {}, the areas of the registry {}", registry.areas.join(", "), registry.name);
        findings.push(source.finding(id::MANIFEST, "component", "area", message));
    }
}

fn is_empty(item: &Item) -> bool {
    item.as_str().is_some_and(|text| text.trim().is_empty())
        || item.as_array().is_some_and(toml_edit::Array::is_empty)
        || item.as_table_like().is_some_and(TableLike::is_empty)
}
