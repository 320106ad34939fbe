//! `forum.toml`: written by forum, edited by people (contract, section 5). Comments and order survive.

use std::collections::BTreeMap;

use semver::VersionReq;
use serde::{Deserialize, Serialize};
use toml_edit::{InlineTable, Item, Table, Value};

use super::id::{ComponentId, Name};
use super::lockfile::LOCK_FILE;
use super::path::{RelPath, collision_key};
use super::publisher::Publisher;
use super::toml_document::{TomlDocument, set_value};
use super::variables::{Answer, Answers};
use crate::error::Failure;

/// The name of the file that makes a directory a workspace.
pub const WORKSPACE_FILE: &str = "forum.toml";

/// The file, with what it says.
#[derive(Debug, Clone)]
pub struct WorkspaceFile {
    document: TomlDocument,
    /// Who we publish as.
    pub owner: Option<Name>,
    /// Whose name stands on commits.
    pub author: AuthorKind,
    /// Who we are, for a registry that does not know us yet.
    pub publisher: Publisher,
    /// Where components go.
    pub components_dir: RelPath,
    /// Whether the file says so itself.
    pub components_is_set: bool,
    /// Addresses of registries by name, as written.
    pub registries: BTreeMap<String, String>,
    /// What is wanted, and answers for dependencies.
    pub components: BTreeMap<ComponentId, Entry>,
    /// Keys at the top that mean nothing to this forum.
    pub unknown: Vec<String>,
}

const KEYS: [&str; 3] = ["workspace", "registries", "components"];

/// Whose name stands on the commits that are contributed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum AuthorKind {
    /// The owner's title and contact: no person.
    #[default]
    Role,
    /// The user's git identity.
    Person,
}

/// One table `[components."owner/name"]`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
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

/// Whether a path leads to where forum itself works.
#[must_use]
pub fn is_ours(path: &RelPath) -> bool {
    let first = collision_key(path.parts().next().unwrap_or_default());
    [".forum", WORKSPACE_FILE, LOCK_FILE].contains(&first.as_str())
}

fn answers(file: &TomlDocument, item: &Item, place: &str) -> Result<Answers, Failure> {
    let table = item.as_table_like().ok_or_else(|| file.fail(format!("{place} variables is no table")))?;
    let mut answers = Answers::new();
    for (name, value) in table.iter() {
        let answer = value.as_str().map(|text| Answer::String(text.to_owned()));
        let answer = answer.or_else(|| value.as_integer().map(Answer::Integer)).or_else(|| value.as_bool().map(Answer::Boolean));
        let answer = answer.ok_or_else(|| file.fail(format!("{place} variables: {name} is neither string nor integer nor boolean")))?;
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

    /// Whether the answers given here are those that were applied. A name that the component does not have counts for
    /// nothing, and neither does that of a secret, which is never written down.
    #[must_use]
    pub fn answers_hold(&self, applied: &Answers) -> bool {
        self.variables.iter().all(|(name, answer)| applied.get(name).is_none_or(|known| known == answer))
    }

    fn read(file: &TomlDocument, place: &str, item: &Item) -> Result<Self, Failure> {
        let fail = |why: String| file.fail(why);
        let table = item.as_table_like().ok_or_else(|| fail(format!("{place} is no table")))?;
        let text = |key: &str| file.text(table, place, key);
        let version = text("version")?.map(str::parse).transpose().map_err(|e| fail(format!("{place} version: {e}")))?;
        let path = text("path")?.map(str::parse).transpose().map_err(|e| fail(format!("{place}: {e}")))?;
        let variables = table.get("variables").map(|item| answers(file, item, place)).transpose()?.unwrap_or_default();
        Ok(Self { version, registry: text("registry")?.map(str::to_owned), path, variables })
    }
}

impl WorkspaceFile {
    /// Reads the file; of nothing it makes an empty one.
    ///
    /// # Errors
    /// [`crate::error::Code::InvalidWorkspace`] for conflict markers and for all that cannot be understood.
    pub fn parse(bytes: &[u8]) -> Result<Self, Failure> {
        let document = TomlDocument::parse(WORKSPACE_FILE, bytes)?;
        let (mut owner, mut components_dir) = (None, None);
        let (mut author, mut publisher) = (AuthorKind::Role, Publisher::default());
        if let Some(workspace) = document.table("workspace")? {
            let text = |key: &str| document.text(workspace, "[workspace]", key);
            owner = text("owner")?.map(str::parse).transpose().map_err(|e| document.fail(format!("[workspace] owner: {e}")))?;
            author = match text("author")? {
                None | Some("role") => AuthorKind::Role,
                Some("person") => AuthorKind::Person,
                Some(other) => {
                    return Err(document.fail(format!("[workspace] author: `{}` is neither role nor person", other.escape_debug())));
                }
            };
            if let Some(item) = workspace.get("publisher") {
                publisher = read_publisher(&document, item)?;
            }
            if let Some(path) = text("components")? {
                components_dir = Some(path.parse().map_err(|e| document.fail(format!("[workspace] components: {e}")))?);
            }
        }
        let mut components = BTreeMap::new();
        for (name, item) in document.tables("components")? {
            let place = format!("[components.\"{}\"]", name.escape_debug());
            let id = name.parse().map_err(|e| document.fail(format!("{place}: {e}")))?;
            components.insert(id, Entry::read(&document, &place, item)?);
        }
        let components_is_set = components_dir.is_some();
        let components_dir = components_dir.unwrap_or_else(|| "components".parse().expect("a path"));
        let unknown = document.keys().filter(|key| !KEYS.contains(key)).map(str::to_owned).collect();
        let registries = document.registries()?;
        Ok(Self { document, owner, author, publisher, components_dir, components_is_set, registries, components, unknown })
    }

    /// Writes down who publishes here.
    pub fn set_owner(&mut self, owner: &Name) {
        self.owner = Some(owner.clone());
        set_value(self.document.table_mut("workspace"), "owner", owner.as_str().into());
    }

    /// Whether a component is wanted here.
    #[must_use]
    pub fn wants(&self, id: &ComponentId) -> bool {
        self.components.get(id).is_some_and(Entry::is_wish)
    }

    /// Where a component goes.
    ///
    /// # Errors
    /// Where the path would be too long, or where forum itself works.
    pub fn path_of(&self, id: &ComponentId) -> Result<RelPath, Failure> {
        let path = match self.components.get(id).and_then(|entry| entry.path.clone()) {
            Some(path) => path,
            None => format!("{}/{id}", self.components_dir).parse().map_err(|e| self.document.fail(e))?,
        };
        if is_ours(&path) {
            return Err(self.document.fail(format!("{id} cannot lie in `{path}`: forum itself works there")));
        }
        Ok(path)
    }

    /// Names a registry.
    pub fn set_registry(&mut self, name: &str, url: &str) {
        self.registries.insert(name.to_owned(), url.to_owned());
        self.document.set_registry(name, url);
    }

    /// Forgets a registry.
    pub fn remove_registry(&mut self, name: &str) {
        self.registries.remove(name);
        self.document.remove("registries", name);
    }

    /// Writes a wish down, or changes the keys of one that differ.
    pub fn set_component(&mut self, id: &ComponentId, entry: &Entry) {
        let old = self.components.insert(id.clone(), entry.clone()).unwrap_or_default();
        let components = self.document.table_mut("components");
        let name = id.to_string();
        let item = components.entry(&name).or_insert_with(|| Item::Table(Table::new()));
        let Some(table) = item.as_table_like_mut() else { return };
        let mut set = |key: &str, changed: bool, value: Option<Value>| match value {
            _ if !changed => {}
            Some(value) => set_value(table, key, value),
            None => drop(table.remove(key)),
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
        self.document.remove("components", &id.to_string());
    }

    /// The text of the file, with the line ends that it had.
    #[must_use]
    pub fn render(&self) -> String {
        self.document.render()
    }
}

fn read_publisher(file: &TomlDocument, item: &Item) -> Result<Publisher, Failure> {
    const PLACE: &str = "[workspace.publisher]";
    let table = item.as_table_like().ok_or_else(|| file.fail(format!("{PLACE} is no table")))?;
    let text = |key: &str| Ok::<_, Failure>(file.text(table, PLACE, key)?.unwrap_or_default().to_owned());
    Ok(Publisher { title: text("title")?, kind: text("kind")?, country: text("country")?, contact: text("contact")?, url: text("url")? })
}

fn inline(answers: &Answers) -> InlineTable {
    let value = |answer: &Answer| match answer {
        Answer::Boolean(value) => Value::from(*value),
        Answer::Integer(value) => Value::from(*value),
        Answer::String(text) => Value::from(text),
    };
    answers.iter().map(|(name, answer)| (name.as_str(), value(answer))).collect()
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
