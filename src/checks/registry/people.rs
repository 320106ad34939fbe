//! Adoption records and events (rules `adoption`, `event`; contract, section 2).

use std::rc::Rc;

use jiff::civil::DateTime;
use semver::Version;

use super::super::finding::{Finding, Severity};
use super::rules::id;
use super::shape::Shape::{AnyText, Day, Https, Least, OneOf, Tables, Text, Texts};
use super::shape::{File, Key, is_day, may, must};
use crate::model::id::{ComponentId, Name};
use crate::model::index::IndexFile;

const ADOPTION: &[Key] = &[
    must("component", Text),
    must("by", Text),
    must("version", Text),
    must("status", OneOf(&["evaluating", "pilot", "production", "retired"])),
    must("since", Day),
    may("until", Day),
    may("hours-saved", Least(0)),
    may("note", AnyText),
];

const EVENT: &[Key] = &[
    must("title", Text),
    must("kind", OneOf(&["forum-day", "seminar", "theme", "meetup"])),
    must("start", Text),
    must("end", Text),
    must("time-zone", Text),
    must("status", OneOf(&["planned", "moved", "cancelled"])),
    may("revision", Least(0)),
    may("place", AnyText),
    may("url", Https),
    may("theme", AnyText),
    may("speakers", Tables(&[must("name", Text), may("organisation", AnyText)])),
    may("components", Texts),
    may("description", AnyText),
];

/// What a record says must fit what the registry has.
pub(super) struct Around<'a> {
    pub(super) component: &'a ComponentId,
    pub(super) by: &'a Name,
    /// The component's index file.
    pub(super) index: Option<Rc<IndexFile>>,
    /// Whether the adopter has a publisher file.
    pub(super) known: bool,
}

/// Checks `adoptions/<owner>/<name>/<by>.toml`.
pub(super) fn adoption(path: &str, bytes: &[u8], around: &Around<'_>, findings: &mut Vec<Finding>) {
    let Some(file) = File::read(path, bytes, id::ADOPTION, ADOPTION, findings) else { return };
    let mut wrong = |key: &str, message: String| findings.push(file.finding(&[key], message));
    let Around { component, by, index, known } = around;
    if let Some(text) = file.text(&["component"]).filter(|text| *text != component.to_string()) {
        wrong("component", format!("`component` is `{}`, but the folder is that of {component}", text.escape_debug()));
    }
    if let Some(text) = file.text(&["by"]).filter(|text| *text != by.as_str()) {
        wrong("by", format!("`by` is `{}`, but the file is that of {by}", text.escape_debug()));
    }
    if !known {
        wrong("by", format!("the adopter {by} has no publishers/{by}.toml"));
    }
    match (index, file.text(&["version"])) {
        (None, _) => wrong("component", format!("there is no component {component} in the index")),
        (Some(index), Some(text)) => {
            let is_known = text.parse::<Version>().is_ok_and(|version| index.record(&version).is_some());
            if !is_known {
                wrong("version", format!("{component} has no version `{}`", text.escape_debug()));
            }
        }
        _ => {}
    }
    if file.integer(&["hours-saved"]).is_some_and(|hours| hours > i64::from(u32::MAX)) {
        wrong("hours-saved", "`hours-saved` is more than can be".to_owned());
    }
    if let (Some(since), Some(until)) = (file.text(&["since"]), file.text(&["until"])) {
        if is_day(since) && is_day(until) && until < since {
            wrong("until", format!("`until` is {until}, before `since`, which is {since}"));
        }
        if file.text(&["status"]).is_some_and(|status| status != "retired") {
            wrong("until", "`until` is there, but `status` is not `retired`".to_owned());
        }
    }
}

/// Checks `events/<yyyy-mm-dd>-<slug>.toml`. An event is known by its file's name, also when it moves.
pub(super) fn event(path: &str, bytes: &[u8], knows: &dyn Fn(&ComponentId) -> bool, findings: &mut Vec<Finding>) {
    let name = path.trim_start_matches("events/").trim_end_matches(".toml");
    let named = name.is_char_boundary(10) && name.len() > 11 && is_day(&name[..10]) && name[10..].starts_with('-');
    if !named || !name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-') {
        findings.push(Finding::new(id::EVENT, "the file's name must be <yyyy-mm-dd>-<slug>.toml").at(path));
    }
    let Some(file) = File::read(path, bytes, id::EVENT, EVENT, findings) else { return };
    let mut wrong = |key: &str, message: String| findings.push(file.finding(&[key], message));
    let mut time = |key: &str| -> Option<DateTime> {
        let text = file.text(&[key]).filter(|text| !text.trim().is_empty())?;
        let local = text.len() >= 16 && text.as_bytes()[10] == b'T' && !text.contains(['Z', '+', '[']);
        let read = text.parse().ok().filter(|_| local);
        if read.is_none() {
            wrong(key, format!("`{key}` is `{}`, which is no local time such as \"2026-12-03T09:00:00\"", text.escape_debug()));
        }
        read
    };
    if let (Some(start), Some(end)) = (time("start"), time("end"))
        && end < start
    {
        wrong("end", format!("`end` is {end}, before `start`, which is {start}"));
    }
    if let Some(zone) = file.text(&["time-zone"]).filter(|zone| !zone.trim().is_empty() && !is_zone(zone)) {
        wrong("time-zone", format!("`{}` is no time zone of the IANA database, Europe/Stockholm for instance", zone.escape_debug()));
    }
    for text in file.texts(&["components"]) {
        let known = text.parse::<ComponentId>().map(|component| knows(&component));
        match known {
            Ok(true) => {}
            Ok(false) => findings.push(file.finding(&["components"], format!("there is no component {text}")).severity(Severity::Warning)),
            Err(error) => findings.push(file.finding(&["components"], format!("`components`: {error}"))),
        }
    }
}

/// The database is the program's own, so that every machine says the same.
fn is_zone(zone: &str) -> bool {
    jiff::tz::TimeZoneDatabase::bundled().get(zone).is_ok()
}

/// A calendar shows a change only where `SEQUENCE` rises.
pub(super) fn event_changed(path: &str, before: &[u8], after: &[u8], findings: &mut Vec<Finding>) {
    let revision = |bytes: &[u8]| {
        let table: Option<toml::Table> = std::str::from_utf8(bytes).ok().and_then(|text| toml::from_str(text).ok());
        table.map(|table| table.get("revision").and_then(toml::Value::as_integer).unwrap_or_default())
    };
    if let (Some(old), Some(new)) = (revision(before), revision(after))
        && new <= old
    {
        let message = format!("the event was changed, and `revision` is {new}; it was {old}");
        findings.push(Finding::new(id::EVENT, message).at(path).help(format!("raise `revision` to {}", old + 1)));
    }
}
