//! `config.toml`: what a user has set for all workspaces (details page, "config.toml").
//!
//! Keys may be added; one that this forum does not know is named, since it is most likely misspelt.

use std::collections::BTreeMap;

use toml_edit::Item;

use super::id::Name;
use super::toml_document::TomlDocument;
use crate::error::Failure;

/// The name of the file in the directory for settings.
pub const SETTINGS_FILE: &str = "config.toml";

const KEYS: [&str; 6] = ["default-registry", "owner", "git", "cache", "timeout", "registries"];

/// The file, with what it says.
#[derive(Debug, Clone)]
pub struct UserSettings {
    document: TomlDocument,
    /// A name or an address: where ids are looked up that no entry names a registry for.
    pub default_registry: Option<String>,
    /// Who publishes.
    pub owner: Option<Name>,
    /// `system`, `builtin` or the path of a git.
    pub git: Option<String>,
    /// The directory of the cache.
    pub cache: Option<String>,
    /// Seconds of silence after which a server is given up.
    pub timeout: Option<u64>,
    /// Addresses of registries by name, as written.
    pub registries: BTreeMap<String, String>,
    /// Keys that mean nothing to this forum.
    pub unknown: Vec<String>,
}

impl UserSettings {
    /// Reads the file; of nothing it makes an empty one.
    ///
    /// # Errors
    /// [`crate::error::Code::InvalidWorkspace`], naming file and key.
    pub fn parse(bytes: &[u8]) -> Result<Self, Failure> {
        let document = TomlDocument::parse(SETTINGS_FILE, bytes)?;
        let text = |key: &str| {
            let item = document.get(key).map(|item| item.as_str().ok_or_else(|| document.fail(format!("{key} is no string"))));
            Ok::<_, Failure>(item.transpose()?.map(str::to_owned))
        };
        let seconds = |item: &Item| item.as_integer().and_then(|n| u64::try_from(n).ok()).filter(|n| *n > 0);
        let timeout = document
            .get("timeout")
            .map(|item| seconds(item).ok_or_else(|| document.fail("timeout is no number of seconds")))
            .transpose()?;
        let owner = text("owner")?.map(|owner| owner.parse()).transpose().map_err(|e| document.fail(format!("owner: {e}")))?;
        Ok(Self {
            default_registry: text("default-registry")?,
            owner,
            git: text("git")?,
            cache: text("cache")?,
            timeout,
            registries: document.registries()?,
            unknown: document.keys().filter(|key| !KEYS.contains(key)).map(str::to_owned).collect(),
            document,
        })
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

    /// The text of the file.
    #[must_use]
    pub fn render(&self) -> String {
        self.document.render()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "# mine\ndefault-registry = \"kommun\"\nowner = \"sundsvall\"\ntimeout = 5\ncolour = 1\n[registries.kommun]\nurl = \"https://forum.example/kommun.git\"\n";

    #[test]
    fn settings_are_read_and_unknown_keys_named() {
        let settings = UserSettings::parse(TEXT.as_bytes()).expect("readable");
        assert_eq!(settings.default_registry.as_deref(), Some("kommun"));
        assert_eq!((settings.timeout, settings.unknown.as_slice()), (Some(5), &["colour".to_owned()][..]));
        assert_eq!(settings.registries["kommun"], "https://forum.example/kommun.git");
    }

    #[test]
    fn registries_come_and_go_and_comments_stay() {
        let mut settings = UserSettings::parse(TEXT.as_bytes()).expect("readable");
        settings.set_registry("other", "https://other.example/r");
        assert!(settings.render().starts_with(TEXT), "{}", settings.render());
        settings.remove_registry("other");
        assert_eq!(settings.render().trim_end(), TEXT.trim_end());
    }

    #[test]
    fn what_cannot_be_understood_is_refused() {
        for text in ["timeout = 0\n", "timeout = \"5\"\n", "owner = \"Ö\"\n", "git = 1\n", "[registries.kommun]\n", "x"] {
            let error = UserSettings::parse(text.as_bytes()).expect_err(text);
            assert!(error.message.starts_with("config.toml: "), "{error}");
        }
    }
}
