//! Changes of an index file: a version more, a yank, a deprecation. Everything else in it stays as it is, keys of a newer
//! forum included (contract, sections 2 and 7).

use semver::Version;
use toml_edit::{Array, ArrayOfTables, DocumentMut, InlineTable, Item, Table, TableLike, Value};

use super::id::ComponentId;
use super::index::{Card, FORMAT, IndexFile, VersionRecord};
use super::toml_error::explain;
use crate::error::{Code, Failure};

/// An index file to be written.
#[derive(Debug, Clone)]
pub struct IndexDocument {
    id: ComponentId,
    document: DocumentMut,
}

impl IndexDocument {
    /// A file for a component that has none.
    #[must_use]
    pub fn new(id: &ComponentId) -> Self {
        let mut document = DocumentMut::new();
        document["format"] = toml_edit::value(FORMAT);
        document["id"] = toml_edit::value(id.to_string());
        Self { id: id.clone(), document }
    }

    /// The file as it is. [`IndexFile::parse`] has found it sound.
    ///
    /// # Errors
    /// [`Code::InvalidRegistry`] where it is no TOML.
    pub fn parse(id: &ComponentId, bytes: &[u8]) -> Result<Self, Failure> {
        let fail = |why: String| Failure::new(Code::InvalidRegistry, format!("index/{id}.toml: {why}"));
        let text = std::str::from_utf8(bytes).map_err(|_| fail("is not UTF-8".into()))?;
        let document = text.parse().map_err(|e: toml_edit::TomlError| fail(explain(text, e.span(), e.message())))?;
        Ok(Self { id: id.clone(), document })
    }

    /// The text of the file.
    #[must_use]
    pub fn render(&self) -> String {
        self.document.to_string()
    }

    /// What the file now says.
    ///
    /// # Errors
    /// Where a change has made it invalid, which is a bug.
    pub fn read(&self) -> Result<IndexFile, Failure> {
        IndexFile::parse(&format!("index/{}.toml", self.id), self.render().as_bytes(), &self.id).map_err(Failure::from)
    }

    /// Adds a version behind all others.
    pub fn add(&mut self, record: &VersionRecord) {
        let mut table = Table::new();
        let texts = [
            ("version", record.version.to_string()),
            ("tree", record.tree.to_string()),
            ("checksum", record.checksum.to_string()),
            ("published", record.published.clone()),
            ("license", record.license.clone()),
        ];
        for (key, text) in texts {
            table.insert(key, toml_edit::value(text));
        }
        if !record.dependencies.is_empty() {
            let pairs = record.dependencies.iter().map(|(id, requirement)| (id.to_string(), requirement.to_string()));
            table.insert("dependencies", toml_edit::value(pairs.collect::<InlineTable>()));
        }
        if let Some(source) = &record.source {
            let pairs = [("repository", &source.repository), ("commit", &source.commit), ("path", &source.path)];
            let known = pairs.into_iter().filter(|(_, text)| !text.is_empty()).map(|(key, text)| (key, text.as_str()));
            table.insert("source", toml_edit::value(known.collect::<InlineTable>()));
        }
        let versions = self.document.entry("version").or_insert_with(|| Item::ArrayOfTables(ArrayOfTables::new()));
        if let Some(versions) = versions.as_array_of_tables_mut() {
            // Behind the last version, before what follows it in the file.
            if let Some(last) = versions.iter().filter_map(Table::position).max() {
                table.set_position(Some(last));
            }
            versions.push(table);
        }
    }

    /// Describes a version. Keys that the card does not have in the model stay.
    pub fn set_card(&mut self, card: &Card) {
        let item = self.document.entry("card").or_insert_with(|| Item::Table(Table::new()));
        let Some(table) = item.as_table_like_mut() else { return };
        let texts = [
            ("version", card.version.as_str()),
            ("kind", card.kind.as_str()),
            ("title", &card.title),
            ("summary", &card.summary),
            ("license", &card.license),
            ("status", &card.status),
            ("discussion", &card.discussion),
        ];
        for (key, text) in texts {
            if text.is_empty() {
                table.remove(key);
            } else {
                table.insert(key, toml_edit::value(text));
            }
        }
        for (key, list) in [("keywords", &card.keywords), ("systems", &card.systems)] {
            if list.is_empty() {
                table.remove(key);
            } else {
                table.insert(key, toml_edit::value(list.iter().map(String::as_str).collect::<Array>()));
            }
        }
    }

    /// Advises against a version, with a reason.
    pub fn yank(&mut self, version: &Version, reason: &str, date: &str) {
        let mut notice = Table::new();
        notice.insert("reason", toml_edit::value(reason));
        notice.insert("date", toml_edit::value(date));
        let yanked = self.document.entry("yanked").or_insert_with(implicit);
        if let Some(yanked) = yanked.as_table_like_mut() {
            yanked.insert(&version.to_string(), Item::Table(notice));
        }
    }

    /// Takes a yank back, and says whether there was one.
    pub fn undo_yank(&mut self, version: &Version) -> bool {
        let yanked = self.document.get_mut("yanked").and_then(Item::as_table_like_mut);
        let had = yanked.is_some_and(|yanked| yanked.remove(&version.to_string()).is_some());
        if self.document.get("yanked").and_then(Item::as_table_like).is_some_and(TableLike::is_empty) {
            self.document.remove("yanked");
        }
        had
    }

    /// Advises against the component.
    pub fn deprecate(&mut self, reason: &str, replaced_by: Option<&ComponentId>) {
        let item = self.document.entry("deprecated").or_insert_with(|| Item::Table(Table::new()));
        let Some(table) = item.as_table_like_mut() else { return };
        table.insert("reason", toml_edit::value(reason));
        match replaced_by {
            Some(id) => drop(table.insert("replaced-by", Item::Value(Value::from(id.to_string())))),
            None => drop(table.remove("replaced-by")),
        }
    }
}

fn implicit() -> Item {
    let mut table = Table::new();
    table.set_implicit(true);
    Item::Table(table)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::digest::{Checksum, ObjectId};
    use crate::model::index::Source;

    fn record(version: &str) -> VersionRecord {
        VersionRecord {
            version: version.parse().expect("a version"),
            tree: ObjectId::from_bytes([7; 20]),
            checksum: Checksum::of(b"x"),
            published: "2026-11-24T10:00:00Z".into(),
            license: "EUPL-1.2".into(),
            dependencies: [("inera/base".parse().expect("id"), "^2.0".parse().expect("req"))].into(),
            source: Some(Source { repository: "https://h.example/r".into(), commit: "0".repeat(40), path: String::new() }),
        }
    }

    fn id() -> ComponentId {
        "goteborg/pupil-system".parse().expect("an id")
    }

    #[test]
    fn what_was_there_stays() {
        let mut document = IndexDocument::new(&id());
        document.add(&record("1.0.0"));
        document.set_card(&Card { version: "1.0.0".into(), title: "One".into(), keywords: vec!["a".into()], ..Card::default() });
        document.yank(&Version::new(1, 0, 0), "wrong \"mapping\"", "2026-11-24");
        let text = format!("{}\n[review]  # of a newer forum\nby = \"inera\"\n", document.render());
        let mut again = IndexDocument::parse(&id(), text.as_bytes()).expect("sound");
        again.add(&record("1.1.0"));
        let now = again.render();
        for line in text.lines() {
            assert!(now.lines().any(|other| other == line), "{line}\n{now}");
        }
        let index = again.read().expect("sound");
        let versions: Vec<_> = index.versions.iter().map(|record| record.version.to_string()).collect();
        assert_eq!(versions, ["1.0.0", "1.1.0"]);
        assert_eq!(*index.versions[1], record("1.1.0"));
        assert_eq!(index.yanked[&Version::new(1, 0, 0)].reason, "wrong \"mapping\"");
    }

    #[test]
    fn a_yank_can_be_taken_back_and_a_deprecation_changed() {
        let mut document = IndexDocument::new(&id());
        document.add(&record("1.0.0"));
        let before = document.render();
        document.yank(&Version::new(1, 0, 0), "x", "2026-11-24");
        assert!(document.undo_yank(&Version::new(1, 0, 0)) && !document.undo_yank(&Version::new(1, 0, 0)));
        assert_eq!(document.render(), before);
        document.deprecate("old", Some(&"inera/base".parse().expect("id")));
        document.deprecate("older", None);
        let deprecated = document.read().expect("sound").deprecated.expect("deprecated");
        assert_eq!((deprecated.reason.as_str(), deprecated.replaced_by), ("older", None));
    }
}
