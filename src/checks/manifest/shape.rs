//! The shape of `component.toml` as data: which keys there are, and what each holds.
//!
//! A client tolerates what it does not know (`model::manifest`); here is what a publisher should write. The table says
//! the same as `registry-schema/component.schema.json`, in words that a person can act on.

use toml_edit::{Item, TableLike, Value};

use super::super::finding::{Finding, line_of};
use super::super::rules::id;
use crate::model::manifest::MANIFEST_FILE;

/// What a key holds.
enum Shape {
    /// Text that is not blank.
    Text,
    /// Text that may be empty.
    AnyText,
    /// A list of texts.
    Texts,
    /// A whole number up to this one.
    Integer(i64),
    /// One of these words.
    OneOf(&'static [&'static str]),
    /// A string, an integer or a boolean.
    Answer,
    /// A table with these keys.
    Table(&'static [Key]),
    /// A list of such tables.
    Tables(&'static [Key]),
    /// A table whose keys are names that people choose.
    Named(&'static Shape),
}

struct Key {
    name: &'static str,
    shape: Shape,
    required: bool,
}

const fn must(name: &'static str, shape: Shape) -> Key {
    Key { name, shape, required: true }
}

const fn may(name: &'static str, shape: Shape) -> Key {
    Key { name, shape, required: false }
}

const MANIFEST: &[Key] = &[
    must("component", Shape::Table(COMPONENT)),
    may("platform", Shape::Table(&[must("name", Shape::Text), may("version", Shape::Text)])),
    may("dependencies", Shape::Named(&Shape::Text)),
    may("needs", Shape::Table(&[may("tasks", Shape::Texts), may("environment", Shape::Texts), may("subprocesses", Shape::Texts)])),
    may("variables", Shape::Named(&Shape::Table(VARIABLE))),
    may("files", Shape::Table(&[may("exclude", Shape::Texts), may("renames", Shape::Tables(RENAME))])),
    may("check", Shape::Table(&[may("waive", Shape::Tables(WAIVE))])),
];

const COMPONENT: &[Key] = &[
    must("owner", Shape::Text),
    must("name", Shape::Text),
    must("version", Shape::Text),
    must("kind", Shape::OneOf(&["design-template", "technical-component"])),
    must("title", Shape::Text),
    must("summary", Shape::Text),
    must("license", Shape::Text),
    must("status", Shape::OneOf(&["draft", "pilot", "production"])),
    must("contact", Shape::Text),
    may("keywords", Shape::Texts),
    may("systems", Shape::Texts),
    may("area", Shape::Text),
    may("discussion", Shape::Text),
    may("personal-data", Shape::OneOf(&["none", "handles"])),
    may("classification", Shape::Table(CLASSIFICATION)),
    may("decision", Shape::Text),
    may("effort", Shape::Table(&[may("hours-built", HOURS), may("hours-to-adapt", HOURS)])),
    may("derived-from", Shape::Text),
];

/// KLASSA knows five levels, from none to very serious harm.
const CLASSIFICATION: &[Key] =
    &[may("confidentiality", Shape::Integer(4)), may("integrity", Shape::Integer(4)), may("availability", Shape::Integer(4))];

const HOURS: Shape = Shape::Integer(u32::MAX as i64);

const VARIABLE: &[Key] = &[
    may("type", Shape::OneOf(&["string", "integer", "boolean", "choice", "secret"])),
    may("prompt", Shape::AnyText),
    may("help", Shape::AnyText),
    may("default", Shape::Answer),
    may("pattern", Shape::AnyText),
    may("choices", Shape::Texts),
    may("replace", Shape::Tables(&[must("file", Shape::Text), must("text", Shape::AnyText), must("count", Shape::Integer(i64::MAX))])),
    may("bind", Shape::Tables(&[must("file", Shape::Text), must("pointer", Shape::AnyText)])),
    may("renamed-from", Shape::Text),
];

const RENAME: &[Key] = &[must("from", Shape::Text), must("to", Shape::Text), must("since", Shape::Text)];

const WAIVE: &[Key] = &[must("rule", Shape::Text), may("path", Shape::Text), must("reason", Shape::Text)];

/// Holds the whole manifest against its shape.
pub(super) fn check(root: &dyn TableLike, text: &str, findings: &mut Vec<Finding>) {
    Walk { text, findings }.table(root, MANIFEST, "", None);
}

struct Walk<'a> {
    text: &'a str,
    findings: &'a mut Vec<Finding>,
}

impl Walk<'_> {
    fn say(&mut self, rule: &'static str, span: Option<usize>, message: String) -> &mut Finding {
        let line = span.map(|at| line_of(self.text.as_bytes(), at));
        self.findings.push(Finding::new(rule, message).at(MANIFEST_FILE).line(line));
        self.findings.last_mut().expect("one was added just now")
    }

    fn table(&mut self, table: &dyn TableLike, keys: &[Key], place: &str, at: Option<usize>) {
        for (name, item) in table.iter().filter(|(_, item)| !item.is_none()) {
            let span = key_start(table, name);
            match keys.iter().find(|key| key.name == name) {
                Some(key) => self.value(item, &key.shape, &join(place, name), span),
                None => self.unknown(name, keys, place, span),
            }
        }
        for key in keys.iter().filter(|key| key.required && table.get(key.name).is_none_or(Item::is_none)) {
            self.say(id::MANIFEST, at, format!("`{}` is missing", join(place, key.name)));
        }
    }

    fn unknown(&mut self, name: &str, keys: &[Key], place: &str, span: Option<usize>) {
        let shown = join(place, name).escape_debug().to_string();
        let finding = self.say(id::MANIFEST_UNKNOWN_KEY, span, format!("the key `{shown}` means nothing to this forum"));
        let near = keys.iter().map(|key| (strsim::osa_distance(key.name, name), key.name)).min();
        if let Some((_, near)) = near.filter(|(distance, _)| *distance <= 2) {
            finding.help = format!("is `{near}` meant?");
        }
    }

    fn value(&mut self, item: &Item, shape: &Shape, place: &str, at: Option<usize>) {
        let fault = match shape {
            Shape::Text => match item.as_str() {
                Some(text) if text.trim().is_empty() => Some("is empty".to_owned()),
                Some(_) => None,
                None => Some("must be a text in quotes".to_owned()),
            },
            Shape::AnyText => item.as_str().is_none().then(|| "must be a text in quotes".to_owned()),
            Shape::Texts => {
                let all =
                    item.as_array().is_some_and(|list| list.iter().all(|one| one.as_str().is_some_and(|text| !text.trim().is_empty())));
                (!all).then(|| "must be a list of texts in quotes, none of them empty".to_owned())
            }
            Shape::Integer(most) => {
                let fits = item.as_integer().is_some_and(|number| (0..=*most).contains(&number));
                (!fits).then(|| format!("must be a whole number from 0 to {most}"))
            }
            Shape::OneOf(words) => {
                let fits = item.as_str().is_some_and(|text| words.contains(&text));
                (!fits).then(|| format!("must be one of {}", words.join(", ")))
            }
            Shape::Answer => {
                let fits = item.is_str() || item.is_integer() || item.is_bool();
                (!fits).then(|| "must be a text, a whole number, true or false".to_owned())
            }
            Shape::Table(keys) => match item.as_table_like() {
                Some(table) => {
                    self.table(table, keys, place, at);
                    None
                }
                None => Some("must be a table".to_owned()),
            },
            Shape::Tables(keys) => self.tables(item, keys, place, at),
            Shape::Named(each) => self.named(item, each, place),
        };
        if let Some(fault) = fault {
            self.say(id::MANIFEST, at, format!("`{place}` {fault}"));
        }
    }

    fn tables(&mut self, item: &Item, keys: &[Key], place: &str, at: Option<usize>) -> Option<String> {
        let Some(tables) = tables(item) else { return Some("must be a list of tables".to_owned()) };
        for (table, start) in tables {
            self.table(table, keys, place, start.or(at));
        }
        None
    }

    fn named(&mut self, item: &Item, each: &Shape, place: &str) -> Option<String> {
        let Some(table) = item.as_table_like() else { return Some("must be a table".to_owned()) };
        for (name, item) in table.iter() {
            self.value(item, each, &format!("{place}.{}", name.escape_debug()), key_start(table, name));
        }
        None
    }
}

/// The tables of `[[…]]` or of a list of inline tables, each with the byte at which it starts.
pub(super) fn tables(item: &Item) -> Option<Vec<(&dyn TableLike, Option<usize>)>> {
    let start = |span: Option<std::ops::Range<usize>>| span.map(|span| span.start);
    if let Some(list) = item.as_array_of_tables() {
        return Some(list.iter().map(|table| (table as &dyn TableLike, start(table.span()))).collect());
    }
    let inline = |value: &Value| value.as_inline_table().is_some();
    let list = item.as_array().filter(|list| list.iter().all(inline))?;
    Some(list.iter().filter_map(|value| Some((value.as_inline_table()? as &dyn TableLike, start(value.span())))).collect())
}

/// Where the key stands; for `[a.b]` that is the header.
pub(super) fn key_start(table: &dyn TableLike, name: &str) -> Option<usize> {
    let (key, item) = table.get_key_value(name)?;
    key.span().or_else(|| item.span()).map(|span| span.start)
}

fn join(place: &str, name: &str) -> String {
    if place.is_empty() { name.to_owned() } else { format!("{place}.{name}") }
}
