//! `forum.toml`: written by forum, edited by people (contract, section 5). Comments and order survive.

use std::collections::BTreeMap;

use semver::VersionReq;
use toml_edit::{DocumentMut, InlineTable, Item, Table, Value};

use super::id::ComponentId;
use super::lockfile::{has_conflict_markers, invalid};
use super::path::RelPath;
use super::variables::{Answer, Answers};
use crate::error::Failure;

/// The name of the file that makes a directory a workspace.
pub const WORKSPACE_FILE: &str = "forum.toml";

/// The file, with what it says.
#[derive(Debug, Clone)]
pub struct WorkspaceFile {
    document: DocumentMut,
    original: String,
    /// Where components go.
    pub components_dir: RelPath,
    /// Addresses of registries by name, as written.
    pub registries: BTreeMap<String, String>,
    /// What is wanted, and answers for dependencies.
    pub components: BTreeMap<ComponentId, Entry>,
}

/// One table `[components."owner/name"]`.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Entry {
    /// The requirement; without one the entry only holds answers for a dependency.
    pub version: Option<VersionReq>,
    /// The name of the registry it comes from.
    pub registry: Option<String>,
    /// Where it goes, instead of the default.
    pub path: Option<RelPath>,
    /// Answers that were given.
    pub variables: Answers,
}

fn fail(why: impl std::fmt::Display) -> Failure {
    invalid(WORKSPACE_FILE, why.to_string().trim_end())
}

fn text<'a>(table: &'a dyn toml_edit::TableLike, place: &str, key: &str) -> Result<Option<&'a str>, Failure> {
    table.get(key).map(|item| item.as_str().ok_or_else(|| fail(format!("{place} {key} is no string")))).transpose()
}

fn answers(item: &Item, place: &str) -> Result<Answers, Failure> {
    let table = item.as_table_like().ok_or_else(|| fail(format!("{place} variables is no table")))?;
    let mut answers = Answers::new();
    for (name, value) in table.iter() {
        let answer = value.as_str().map(|text| Answer::String(text.to_owned()));
        let answer = answer.or_else(|| value.as_integer().map(Answer::Integer)).or_else(|| value.as_bool().map(Answer::Boolean));
        let answer = answer.ok_or_else(|| fail(format!("{place} variables: {name} is neither string nor integer nor boolean")))?;
        answers.insert(name.to_owned(), answer);
    }
    Ok(answers)
}

impl Entry {
    /// Whether the component is wanted; otherwise the entry only answers for a dependency.
    #[must_use]
    pub const fn is_wish(&self) -> bool {
        self.version.is_some()
    }

    /// Whether the answers given here are those that were applied.
    #[must_use]
    pub fn answers_hold(&self, applied: &Answers) -> bool {
        self.variables.iter().all(|(name, answer)| applied.get(name) == Some(answer))
    }

    fn read(place: &str, item: &Item) -> Result<Self, Failure> {
        let table = item.as_table_like().ok_or_else(|| fail(format!("{place} is no table")))?;
        let version = text(table, place, "version")?.map(str::parse).transpose().map_err(|e| fail(format!("{place} version: {e}")))?;
        let path = text(table, place, "path")?.map(str::parse).transpose().map_err(|e| fail(format!("{place}: {e}")))?;
        let variables = table.get("variables").map(|item| answers(item, place)).transpose()?.unwrap_or_default();
        Ok(Self { version, registry: text(table, place, "registry")?.map(str::to_owned), path, variables })
    }
}

impl WorkspaceFile {
    /// Reads the file; of nothing it makes an empty one.
    ///
    /// # Errors
    /// [`crate::error::Code::InvalidWorkspace`] for conflict markers and for all that cannot be understood.
    pub fn parse(bytes: &[u8]) -> Result<Self, Failure> {
        let original = std::str::from_utf8(bytes).map_err(|_| fail("is not UTF-8"))?;
        if has_conflict_markers(original) {
            return Err(fail("has conflict markers from a merge").hint("settle the conflict in forum.toml, then `forum fetch`"));
        }
        let document: DocumentMut = original.parse().map_err(fail)?;
        let mut file = Self {
            components_dir: "components".parse().expect("a path"),
            registries: BTreeMap::new(),
            components: BTreeMap::new(),
            original: original.to_owned(),
            document: DocumentMut::new(),
        };
        if let Some(workspace) = document.get("workspace").and_then(Item::as_table_like)
            && let Some(path) = text(workspace, "[workspace]", "components")?
        {
            file.components_dir = path.parse().map_err(|e| fail(format!("[workspace] components: {e}")))?;
        }
        for (name, item) in tables(&document, "registries")? {
            let place = format!("[registries.{name}]");
            let table = item.as_table_like().ok_or_else(|| fail(format!("{place} is no table")))?;
            let url = text(table, &place, "url")?.ok_or_else(|| fail(format!("{place} has no url")))?;
            file.registries.insert(name.to_owned(), url.to_owned());
        }
        for (name, item) in tables(&document, "components")? {
            let place = format!("[components.\"{}\"]", name.escape_debug());
            let id = name.parse().map_err(|e| fail(format!("{place}: {e}")))?;
            file.components.insert(id, Entry::read(&place, item)?);
        }
        file.document = document;
        Ok(file)
    }

    /// Whether a component is wanted here.
    #[must_use]
    pub fn wants(&self, id: &ComponentId) -> bool {
        self.components.get(id).is_some_and(Entry::is_wish)
    }

    /// Where a component goes.
    ///
    /// # Errors
    /// Where the path would be too long.
    pub fn path_of(&self, id: &ComponentId) -> Result<RelPath, Failure> {
        match self.components.get(id).and_then(|entry| entry.path.clone()) {
            Some(path) => Ok(path),
            None => format!("{}/{id}", self.components_dir).parse().map_err(fail),
        }
    }

    /// Names a registry.
    pub fn set_registry(&mut self, name: &str, url: &str) {
        self.registries.insert(name.to_owned(), url.to_owned());
        let mut table = Table::new();
        table["url"] = toml_edit::value(url);
        implicit(&mut self.document, "registries").insert(name, Item::Table(table));
    }

    /// Writes a wish down, or changes the keys of one that differ.
    pub fn set_component(&mut self, id: &ComponentId, entry: &Entry) {
        let old = self.components.insert(id.clone(), entry.clone()).unwrap_or_default();
        let components = implicit(&mut self.document, "components");
        let name = id.to_string();
        let item = components.entry(&name).or_insert_with(|| Item::Table(Table::new()));
        let Some(table) = item.as_table_like_mut() else { return };
        let mut set = |key: &str, changed: bool, value: Option<Value>| {
            let Some(value) = value.filter(|_| changed) else { return };
            match table.get_mut(key).and_then(Item::as_value_mut) {
                // A comment behind the value is a person's, and stays.
                Some(present) => {
                    let decor = present.decor().clone();
                    *present = value;
                    *present.decor_mut() = decor;
                }
                None => drop(table.insert(key, Item::Value(value))),
            }
        };
        set("version", old.version != entry.version, entry.version.as_ref().map(|v| v.to_string().into()));
        set("registry", old.registry != entry.registry, entry.registry.clone().map(Value::from));
        set("path", old.path != entry.path, entry.path.as_ref().map(|p| p.as_str().into()));
        let variables = (!entry.variables.is_empty()).then(|| Value::InlineTable(inline(&entry.variables)));
        set("variables", old.variables != entry.variables, variables);
    }

    /// Takes a wish out.
    pub fn remove_component(&mut self, id: &ComponentId) {
        self.components.remove(id);
        if let Some(components) = self.document.get_mut("components").and_then(Item::as_table_like_mut) {
            components.remove(&id.to_string());
        }
    }

    /// The text of the file, with the line ends that it had.
    #[must_use]
    pub fn render(&self) -> String {
        let text = self.document.to_string();
        let plain = text.replace("\r\n", "\n");
        if plain == self.original.replace("\r\n", "\n") {
            return self.original.clone();
        }
        if self.original.contains("\r\n") { plain.replace('\n', "\r\n") } else { text }
    }
}

fn inline(answers: &Answers) -> InlineTable {
    let value = |answer: &Answer| match answer {
        Answer::Boolean(value) => Value::from(*value),
        Answer::Integer(value) => Value::from(*value),
        Answer::String(text) => Value::from(text),
    };
    answers.iter().map(|(name, answer)| (name.as_str(), value(answer))).collect()
}

fn tables<'a>(document: &'a DocumentMut, key: &str) -> Result<Vec<(&'a str, &'a Item)>, Failure> {
    let Some(item) = document.get(key) else { return Ok(Vec::new()) };
    let table = item.as_table_like().ok_or_else(|| fail(format!("`{key}` is no table")))?;
    Ok(table.iter().collect())
}

/// The table `key`, made without a header of its own where there is none.
fn implicit<'a>(document: &'a mut DocumentMut, key: &str) -> &'a mut dyn toml_edit::TableLike {
    let make = || {
        let mut table = Table::new();
        table.set_implicit(true);
        Item::Table(table)
    };
    let item = document.entry(key).or_insert_with(make);
    item.as_table_like_mut().expect("`parse` has refused what is no table")
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "# ours\n[workspace]\nowner = \"sundsvall\"   # us\n\n[registries.kommun]\n# where\nurl = \"../k\"\n\n[components.\"goteborg/a1\"]\nversion = \"^1\" # keep\nregistry = \"kommun\"\n";

    fn wish() -> Entry {
        let variables = [("code".to_owned(), Answer::String("2281".into()))].into();
        Entry { version: Some("^2.0".parse().expect("req")), registry: Some("kommun".into()), path: None, variables }
    }

    #[test]
    fn comments_order_and_line_ends_survive() {
        for text in [TEXT.to_owned(), TEXT.replace('\n', "\r\n")] {
            let mut file = WorkspaceFile::parse(text.as_bytes()).expect("readable");
            assert_eq!(file.render(), text);
            file.set_component(&"inera/base".parse().expect("id"), &wish());
            let changed = file.render();
            assert!(changed.starts_with(&text), "{changed:?}");
            assert_eq!(text.contains("\r\n"), !changed.replace("\r\n", "").contains('\n'), "{changed:?}");
            let again = WorkspaceFile::parse(changed.as_bytes()).expect("readable");
            assert_eq!(again.components[&"inera/base".parse().expect("id")], wish());
            file.remove_component(&"inera/base".parse().expect("id"));
            assert_eq!(file.render().trim_end(), text.trim_end());
        }
    }

    #[test]
    fn a_changed_requirement_keeps_its_comment() {
        let mut file = WorkspaceFile::parse(TEXT.as_bytes()).expect("readable");
        let id: ComponentId = "goteborg/a1".parse().expect("id");
        let entry = Entry { version: Some("=1.2.0".parse().expect("req")), ..file.components[&id].clone() };
        file.set_component(&id, &entry);
        assert!(file.render().contains("version = \"=1.2.0\" # keep\n"), "{}", file.render());
    }

    #[test]
    fn what_cannot_be_understood_is_refused() {
        for text in [
            "<<<<<<< ours\n=======\n>>>>>>> theirs\n",
            "[components]\n[components]\n",
            "[components.\"../x\"]\nversion = \"1\"\n",
            "[components.\"inera/base\"]\nversion = \"one\"\n",
            "[components.\"inera/base\"]\npath = \"../out\"\n",
            "[registries.kommun]\n",
            "components = 1\n",
        ] {
            let error = WorkspaceFile::parse(text.as_bytes()).expect_err(text);
            assert!(error.message.starts_with("forum.toml: "), "{error}");
        }
    }
}
