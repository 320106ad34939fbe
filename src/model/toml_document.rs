//! A TOML file that forum writes and people edit: comments, order and line ends survive.
//!
//! `forum.toml` and the user's `config.toml` are such files. Both name registries, in the same words.

use std::collections::BTreeMap;

use toml_edit::{DocumentMut, Item, Table, TableLike, Value};

use super::lockfile::{has_conflict_markers, invalid};
use super::toml_error::explain;
use super::user_settings::SETTINGS_FILE;
use crate::error::Failure;

/// The file as it was read, with the changes made since.
#[derive(Debug, Clone)]
pub(super) struct TomlDocument {
    /// What to call it in messages.
    name: &'static str,
    original: String,
    document: DocumentMut,
}

impl TomlDocument {
    /// Reads the file `name`; of nothing it makes an empty one.
    pub(super) fn parse(name: &'static str, bytes: &[u8]) -> Result<Self, Failure> {
        let fail = |why: &str| unusable(name, why);
        let original = std::str::from_utf8(bytes).map_err(|_| fail("is not UTF-8"))?;
        if has_conflict_markers(original) {
            let again = format!("settle the conflict in {name}, then the same command again");
            return Err(fail("has conflict markers from a merge").hint(again));
        }
        let document = original.parse().map_err(|e: toml_edit::TomlError| fail(&explain(original, e.span(), e.message())))?;
        Ok(Self { name, original: original.to_owned(), document })
    }

    /// Says what is wrong with the file.
    pub(super) fn fail(&self, why: impl std::fmt::Display) -> Failure {
        unusable(self.name, why.to_string().trim_end())
    }

    /// The keys at the top.
    pub(super) fn keys(&self) -> impl Iterator<Item = &str> {
        self.document.iter().map(|(key, _)| key)
    }

    /// The value of a key at the top.
    pub(super) fn get(&self, key: &str) -> Option<&Item> {
        self.document.get(key)
    }

    /// The table at the top with this name.
    pub(super) fn table(&self, key: &str) -> Result<Option<&dyn TableLike>, Failure> {
        let Some(item) = self.document.get(key) else { return Ok(None) };
        item.as_table_like().map(Some).ok_or_else(|| self.fail(format!("`{key}` is no table")))
    }

    /// The entries of the table `key`, which are tables themselves.
    pub(super) fn tables(&self, key: &str) -> Result<Vec<(&str, &Item)>, Failure> {
        Ok(self.table(key)?.map(|table| table.iter().collect()).unwrap_or_default())
    }

    /// The table `key` to change, made without a header of its own where there is none.
    pub(super) fn table_mut(&mut self, key: &str) -> &mut dyn TableLike {
        let make = || {
            let mut table = Table::new();
            table.set_implicit(true);
            Item::Table(table)
        };
        let item = self.document.entry(key).or_insert_with(make);
        item.as_table_like_mut().expect("reading has refused what is no table")
    }

    /// Takes `name` out of the table `key`.
    pub(super) fn remove(&mut self, key: &str, name: &str) {
        if let Some(table) = self.document.get_mut(key).and_then(Item::as_table_like_mut) {
            table.remove(name);
        }
    }

    /// The addresses in `[registries.NAME]`, as written.
    pub(super) fn registries(&self) -> Result<BTreeMap<String, String>, Failure> {
        let mut registries = BTreeMap::new();
        for (name, item) in self.tables("registries")? {
            let place = format!("[registries.{name}]");
            let table = item.as_table_like().ok_or_else(|| self.fail(format!("{place} is no table")))?;
            let url = self.text(table, &place, "url")?.ok_or_else(|| self.fail(format!("{place} has no url")))?;
            registries.insert(name.to_owned(), url.to_owned());
        }
        Ok(registries)
    }

    /// Writes `[registries.NAME]`.
    pub(super) fn set_registry(&mut self, name: &str, url: &str) {
        let mut table = Table::new();
        table["url"] = toml_edit::value(url);
        self.table_mut("registries").insert(name, Item::Table(table));
    }

    /// A text in a table that messages call `place`.
    pub(super) fn text<'a>(&self, table: &'a dyn TableLike, place: &str, key: &str) -> Result<Option<&'a str>, Failure> {
        table.get(key).map(|item| item.as_str().ok_or_else(|| self.fail(format!("{place} {key} is no string")))).transpose()
    }

    /// The text of the file, with the line ends that it had.
    pub(super) fn render(&self) -> String {
        let text = self.document.to_string();
        let plain = text.replace("\r\n", "\n");
        if plain == self.original.replace("\r\n", "\n") {
            return self.original.clone();
        }
        if self.original.contains("\r\n") { plain.replace('\n', "\r\n") } else { text }
    }
}

/// Says that the file cannot be used. Settings are in no repository, so `git diff` would tell nothing of them.
fn unusable(name: &str, why: &str) -> Failure {
    let failure = invalid(name, why);
    if name == SETTINGS_FILE {
        failure.hint("mend your settings by hand, or move the file away: forum then has its defaults")
    } else {
        failure
    }
}

/// Sets a key; a comment behind its value is a person's, and stays.
pub(super) fn set_value(table: &mut dyn TableLike, key: &str, value: Value) {
    match table.get_mut(key).and_then(Item::as_value_mut) {
        Some(present) => {
            let decor = present.decor().clone();
            *present = value;
            *present.decor_mut() = decor;
        }
        None => drop(table.insert(key, Item::Value(value))),
    }
}
