//! `registry.toml` as clients read it (contract, section 2).

use std::collections::BTreeMap;

use semver::Version;
use serde::Deserialize;

use super::id::Name;
use super::toml_error::explain;
use crate::error::{Code, Failure};

/// The name of the file at the top of a registry.
pub const REGISTRY_FILE: &str = "registry.toml";
const FORMAT: i64 = 1;

/// What a registry says of itself.
#[derive(Debug, Clone)]
pub struct RegistryFile {
    /// The registry's id.
    pub name: Name,
    /// What people call it.
    pub title: String,
    /// Where its people talk.
    pub discussion: String,
    /// Licences that a component may have (SPDX ids); none: any.
    pub licences: Vec<String>,
    /// What a receiver should know before using anything.
    pub disclaimer: String,
    /// How large a component may be.
    pub limits: Limits,
    /// Words that stand for each other in a search.
    pub synonyms: BTreeMap<String, Vec<String>>,
    /// Fields of the manifest that a contribution must have beside those that all have (`[require]`).
    pub required_fields: Vec<String>,
    /// What a publisher may be; never empty.
    pub owner_kinds: Vec<String>,
    /// What `area` of a component may be; none: anything.
    pub areas: Vec<String>,
}

/// What a publisher may be where the registry has no words of its own (contract, section 2).
pub const OWNER_KINDS: [&str; 5] = ["municipality", "region", "agency", "association", "vendor"];

/// The most that one component may hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of one file.
    pub file: u64,
    /// Bytes of all files.
    pub component: u64,
    /// Number of files.
    pub files: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { file: 10 << 20, component: 50 << 20, files: 2000 }
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Raw {
    format: i64,
    name: Name,
    #[serde(default)]
    title: String,
    #[serde(default)]
    discussion: String,
    #[serde(default)]
    licences: Vec<String>,
    #[serde(default)]
    disclaimer: String,
    #[serde(default)]
    limits: RawLimits,
    #[serde(default)]
    synonyms: BTreeMap<String, Vec<String>>,
    require: Option<toml::Value>,
    vocabulary: Option<toml::Value>,
}

#[derive(Default, Deserialize)]
struct RawLimits {
    file: Option<String>,
    component: Option<String>,
    files: Option<usize>,
}

/// The texts of a list that only contributions are held against: a client that cannot read it can still fetch.
fn texts(table: Option<&toml::Value>, key: &str) -> Vec<String> {
    let list = table.and_then(|table| table.get(key)).and_then(toml::Value::as_array);
    list.into_iter().flatten().filter_map(toml::Value::as_str).map(str::to_owned).collect()
}

/// Reads a size such as `10 MiB`, in bytes.
fn size(text: &str) -> Option<u64> {
    let digits = text.len() - text.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    let unit = match text[digits..].trim() {
        "" | "B" => 1,
        "KiB" => 1 << 10,
        "MiB" => 1 << 20,
        "GiB" => 1 << 30,
        _ => return None,
    };
    text[..digits].parse::<u64>().ok()?.checked_mul(unit)
}

impl RegistryFile {
    /// Reads the file for a forum of version `running`.
    ///
    /// # Errors
    /// [`Code::InvalidRegistry`]: no TOML, a later format, a registry that asks for a newer forum, a size that is none.
    pub fn parse(bytes: &[u8], running: &Version) -> Result<Self, Failure> {
        let fail = |why: String| Failure::new(Code::InvalidRegistry, format!("{REGISTRY_FILE}: {why}"));
        let text = std::str::from_utf8(bytes).map_err(|_| fail("is not UTF-8".into()))?;
        // A file for a newer forum is to be called so, whatever else it holds.
        let table: toml::Table = toml::from_str(text).map_err(|e| fail(explain(text, e.span(), e.message())))?;
        if let Some(later) = table.get("format").and_then(toml::Value::as_integer).filter(|&f| f > FORMAT) {
            return Err(fail(format!("has format {later}, which needs a newer forum")).hint("update forum"));
        }
        let least = table.get("min-forum").and_then(toml::Value::as_str).and_then(|least| least.parse::<Version>().ok());
        if let Some(least) = least.as_ref().filter(|least| *least > running) {
            return Err(fail(format!("the registry asks for forum {least} or newer; this is {running}")).hint("update forum"));
        }
        let raw: Raw = toml::from_str(text).map_err(|e| fail(explain(text, e.span(), e.message())))?;
        if raw.format != FORMAT {
            return Err(fail(format!("has format {}", raw.format)));
        }
        if least.is_none() && table.contains_key("min-forum") {
            return Err(fail("min-forum is no version such as \"0.1.0\"".into()));
        }
        let default = Limits::default();
        let read = |key: &str, text: Option<String>, or: u64| match text {
            None => Ok(or),
            Some(text) => size(&text).ok_or_else(|| fail(format!("[limits] {key}: `{}` is no size such as `10 MiB`", text.escape_debug()))),
        };
        let limits = Limits {
            file: read("file", raw.limits.file, default.file)?,
            component: read("component", raw.limits.component, default.component)?,
            files: raw.limits.files.unwrap_or(default.files),
        };
        let own_kinds = texts(raw.vocabulary.as_ref(), "owner-kinds");
        Ok(Self {
            required_fields: texts(raw.require.as_ref(), "fields"),
            owner_kinds: if own_kinds.is_empty() { OWNER_KINDS.map(str::to_owned).to_vec() } else { own_kinds },
            areas: texts(raw.vocabulary.as_ref(), "areas"),
            name: raw.name,
            title: raw.title,
            discussion: raw.discussion,
            licences: raw.licences,
            disclaimer: raw.disclaimer,
            limits,
            synonyms: raw.synonyms,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<RegistryFile, Failure> {
        RegistryFile::parse(text.as_bytes(), &Version::new(0, 1, 0))
    }

    #[test]
    fn limits_have_units_and_defaults() {
        let file = parse("format = 1\nname = \"kommun\"\nlater = 1\n[limits]\nfile = \"3 KiB\"\nfiles = 7\n").expect("readable");
        assert_eq!(file.limits, Limits { file: 3072, component: 50 << 20, files: 7 });
    }

    #[test]
    fn another_sector_has_words_of_its_own() {
        let own = "format = 1\nname = \"kommun\"\n[require]\nfields = [\"decision\"]\n[vocabulary]\nowner-kinds = [\"school\"]\nareas = [\"a\"]\n";
        let file = parse(own).expect("readable");
        assert_eq!(
            (file.required_fields, file.owner_kinds, file.areas),
            (vec!["decision".into()], vec!["school".into()], vec!["a".into()])
        );
        let file = parse("format = 1\nname = \"kommun\"\nrequire = 3\n[vocabulary]\nareas = \"x\"\n").expect("a client goes on");
        assert_eq!((file.owner_kinds.len(), file.areas.len(), file.required_fields.len()), (5, 0, 0));
    }

    #[test]
    fn later_registries_are_refused_in_words() {
        for (text, part) in [
            ("format = 2\nname = \"kommun\"\n", "format 2"),
            ("format = 1\nname = \"kommun\"\nmin-forum = \"9.0.0\"\n", "forum 9.0.0 or newer"),
            ("format = 1\nname = \"kommun\"\nmin-forum = \"9.0.0\"\n[limits]\nfile = 10\n", "forum 9.0.0 or newer"),
            ("format = 1\nmin-forum = \"9.0.0\"\nname = 3\n", "forum 9.0.0 or newer"),
            ("format = 1\nname = \"kommun\"\nmin-forum = \"soon\"\n", "registry.toml"),
            ("format = 1\nname = \"../x\"\n", "registry.toml"),
            ("format = 1\nname = \"kommun\"\n[limits]\nfile = \"huge\"\n", "no size"),
            ("name = \"kommun\"\n", "format"),
        ] {
            let error = parse(text).expect_err(text);
            assert!(error.code == Code::InvalidRegistry && error.message.contains(part), "{error}");
        }
    }
}
