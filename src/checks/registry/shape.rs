//! The files of a registry as documents with lines, and the shape of each as data.
//!
//! Clients put up with what they do not know; a maintainer is told. The tables of the other files here say the same as
//! `registry-schema/`.

use toml_edit::{Document, Item, TableLike, Value};

use super::super::finding::{Finding, Severity, line_of};
use super::rules::id;

/// The format of all files that this forum knows.
const FORMAT: i64 = 1;

/// What a key holds.
pub(super) enum Shape {
    /// Text that is not blank.
    Text,
    /// Text that may be empty.
    AnyText,
    /// A link that begins with `https://`.
    Https,
    /// A list of texts, none of them blank.
    Texts,
    /// A whole number from this one on.
    Least(i64),
    /// One of these words.
    OneOf(&'static [&'static str]),
    /// A day: `2026-09-01`.
    Day,
    /// Whatever its own rule says of it.
    Any,
    /// A table with these keys.
    Table(&'static [Key]),
    /// A list of such tables.
    Tables(&'static [Key]),
    /// A table whose keys are names that people choose.
    Named(&'static Shape),
}

/// One key of a table.
pub(super) struct Key {
    name: &'static str,
    shape: Shape,
    required: bool,
}

/// A key that must be there.
pub(super) const fn must(name: &'static str, shape: Shape) -> Key {
    Key { name, shape, required: true }
}

/// A key that may be there.
pub(super) const fn may(name: &'static str, shape: Shape) -> Key {
    Key { name, shape, required: false }
}

/// A file, read.
pub(super) struct File<'a> {
    pub(super) path: &'a str,
    /// What its faults are breaches of.
    rule: &'static str,
    text: &'a str,
    document: Document<&'a str>,
}

impl<'a> File<'a> {
    /// Reads a file and holds it against its shape. `None`, with a finding, where nothing more can be said of it.
    pub(super) fn read(path: &'a str, bytes: &'a [u8], rule: &'static str, keys: &[Key], findings: &mut Vec<Finding>) -> Option<Self> {
        let mut refuse = |rule, line, message: String| findings.push(Finding::new(rule, message).at(path).line(line));
        let text = match std::str::from_utf8(bytes) {
            Ok(text) => text,
            Err(error) => {
                refuse(rule, Some(line_of(bytes, error.valid_up_to())), "is not UTF-8".to_owned());
                return None;
            }
        };
        let document = match Document::parse(text) {
            Ok(document) => document,
            Err(error) => {
                let line = error.span().map(|span| line_of(bytes, span.start));
                refuse(rule, line, format!("is no TOML: {}", error.message().trim()));
                return None;
            }
        };
        let file = Self { path, rule, text, document };
        match file.document.get("format").map(Item::as_integer) {
            Some(Some(newer)) if newer > FORMAT => {
                let message = format!("has format {newer}, which only a newer forum can read (this one reads {FORMAT})");
                findings.push(Finding::new(id::REGISTRY_FORMAT, message).at(path).line(file.line(&["format"])));
                return None;
            }
            Some(number) if number != Some(FORMAT) => findings.push(file.finding(&["format"], format!("`format` must be {FORMAT}"))),
            _ => {}
        }
        file.table(file.document.as_table(), keys, &mut Vec::new(), findings);
        Some(file)
    }

    /// The text at a place.
    pub(super) fn text(&self, place: &[&str]) -> Option<&str> {
        self.item(place)?.as_str()
    }

    /// The whole number at a place.
    pub(super) fn integer(&self, place: &[&str]) -> Option<i64> {
        self.item(place)?.as_integer()
    }

    /// The texts of the list at a place.
    pub(super) fn texts(&self, place: &[&str]) -> Vec<&str> {
        self.item(place).and_then(Item::as_array).into_iter().flatten().filter_map(Value::as_str).collect()
    }

    /// The keys and texts of the table at a place.
    pub(super) fn pairs(&self, place: &[&str]) -> Vec<(&str, &str)> {
        let table = self.item(place).and_then(Item::as_table_like);
        table.into_iter().flat_map(TableLike::iter).filter_map(|(key, item)| Some((key, item.as_str()?))).collect()
    }

    fn item(&self, place: &[&str]) -> Option<&Item> {
        let (last, above) = place.split_last()?;
        let mut table: &dyn TableLike = self.document.as_table();
        for name in above {
            table = table.get(name)?.as_table_like()?;
        }
        table.get(last)
    }

    /// The line of a key, or of the nearest above it that is there.
    pub(super) fn line(&self, place: &[&str]) -> Option<u32> {
        let (mut table, mut found): (&dyn TableLike, _) = (self.document.as_table(), None);
        for name in place {
            let Some((key, item)) = table.get_key_value(name) else { break };
            found = key.span().or_else(|| item.span()).or(found);
            let Some(next) = item.as_table_like() else { break };
            table = next;
        }
        found.map(|span| line_of(self.text.as_bytes(), span.start))
    }

    /// The line of the `[[version]]` with this number.
    pub(super) fn version_line(&self, version: &str) -> Option<u32> {
        let tables = self.document.get("version").and_then(Item::as_array_of_tables)?;
        let table = tables.iter().find(|table| table.get("version").and_then(Item::as_str) == Some(version))?;
        table.span().map(|span| line_of(self.text.as_bytes(), span.start))
    }

    /// A finding about a key.
    pub(super) fn finding(&self, place: &[&str], message: impl Into<String>) -> Finding {
        Finding::new(self.rule, message).at(self.path).line(self.line(place))
    }

    fn table(&self, table: &dyn TableLike, keys: &[Key], place: &mut Vec<String>, findings: &mut Vec<Finding>) {
        for (name, item) in table.iter().filter(|(_, item)| !item.is_none()) {
            let line = table.get_key_value(name).and_then(|(key, item)| key.span().or_else(|| item.span()));
            let line = line.map(|span| line_of(self.text.as_bytes(), span.start));
            place.push(name.escape_debug().to_string());
            match keys.iter().find(|key| key.name == name) {
                Some(key) => {
                    if let Some(fault) = self.value(item, &key.shape, place, findings) {
                        findings.push(Finding::new(self.rule, format!("`{}` {fault}", place.join("."))).at(self.path).line(line));
                    }
                }
                None if name == "format" && place.len() == 1 => {}
                None => findings.push(self.unknown(name, keys, place, line)),
            }
            place.pop();
        }
        for key in keys.iter().filter(|key| key.required && table.get(key.name).is_none_or(Item::is_none)) {
            let shown: Vec<_> = place.iter().map(String::as_str).chain([key.name]).collect();
            findings.push(self.finding(&shown, format!("`{}` is missing", shown.join("."))));
        }
    }

    fn unknown(&self, name: &str, keys: &[Key], place: &[String], line: Option<u32>) -> Finding {
        let message = format!("`{}` means nothing to this forum", place.join("."));
        let finding = Finding::new(id::REGISTRY_UNKNOWN_KEY, message).at(self.path).line(line).severity(Severity::Note);
        let near = keys.iter().map(|key| (strsim::osa_distance(key.name, name), key.name)).min();
        match near.filter(|(distance, _)| *distance <= 2) {
            Some((_, near)) => finding.help(format!("is `{near}` meant?")),
            None => finding,
        }
    }

    fn value(&self, item: &Item, shape: &Shape, place: &mut Vec<String>, findings: &mut Vec<Finding>) -> Option<String> {
        let text = item.as_str();
        let fits = match shape {
            Shape::Any => true,
            Shape::Text => text.is_some_and(|text| !text.trim().is_empty()),
            Shape::AnyText => text.is_some(),
            Shape::Https => text.is_some_and(|text| text.starts_with("https://") && !text.contains(char::is_whitespace)),
            Shape::Texts => {
                item.as_array().is_some_and(|list| list.iter().all(|one| one.as_str().is_some_and(|text| !text.trim().is_empty())))
            }
            Shape::Least(least) => item.as_integer().is_some_and(|number| number >= *least),
            Shape::OneOf(words) => text.is_some_and(|text| words.contains(&text)),
            Shape::Day => text.is_some_and(is_day),
            Shape::Table(keys) => item.as_table_like().map(|table| self.table(table, keys, place, findings)).is_some(),
            Shape::Tables(keys) => tables(item).map(|all| all.iter().for_each(|one| self.table(*one, keys, place, findings))).is_some(),
            Shape::Named(each) => match item.as_table_like() {
                Some(table) => {
                    self.named(table, each, place, findings);
                    true
                }
                None => false,
            },
        };
        (!fits).then(|| must_be(shape))
    }

    fn named(&self, table: &dyn TableLike, each: &Shape, place: &mut Vec<String>, findings: &mut Vec<Finding>) {
        for (name, item) in table.iter() {
            place.push(name.escape_debug().to_string());
            if let Some(fault) = self.value(item, each, place, findings) {
                let shown: Vec<_> = place.iter().map(String::as_str).collect();
                findings.push(self.finding(&shown, format!("`{}` {fault}", shown.join("."))));
            }
            place.pop();
        }
    }
}

fn must_be(shape: &Shape) -> String {
    match shape {
        Shape::Text => "must be a text in quotes that is not empty".to_owned(),
        Shape::AnyText | Shape::Any => "must be a text in quotes".to_owned(),
        Shape::Https => "must be a link that begins with https://".to_owned(),
        Shape::Texts => "must be a list of texts in quotes, none of them empty".to_owned(),
        Shape::Least(least) => format!("must be a whole number from {least} on"),
        Shape::OneOf(words) => format!("must be one of {}", words.join(", ")),
        Shape::Day => "must be a day in quotes such as \"2026-09-01\"".to_owned(),
        Shape::Table(_) | Shape::Named(_) => "must be a table".to_owned(),
        Shape::Tables(_) => "must be a list of tables".to_owned(),
    }
}

/// Whether a text is a day of the calendar, written in full.
pub(super) fn is_day(text: &str) -> bool {
    text.len() == 10 && text.parse::<jiff::civil::Date>().is_ok()
}

fn tables(item: &Item) -> Option<Vec<&dyn TableLike>> {
    if let Some(list) = item.as_array_of_tables() {
        return Some(list.iter().map(|table| table as &dyn TableLike).collect());
    }
    let list = item.as_array()?;
    list.iter().map(|value| value.as_inline_table().map(|table| table as &dyn TableLike)).collect()
}
