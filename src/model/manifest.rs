//! `component.toml` (contract, section 4), as a client reads it.
//!
//! Reading is lenient: a later forum may write keys that this one does not know, and a client must still
//! be able to fetch. What the manifest must hold before it is published is the business of the checks.

use std::collections::BTreeMap;

use semver::{Version, VersionReq};
use serde::{Deserialize, Serialize};
use toml::Spanned;

use super::id::ComponentId;
use super::path::RelPath;
use super::variables::Variable;
use crate::error::{Code, Failure};

/// The name of the manifest in a component's directory.
pub const MANIFEST_FILE: &str = "component.toml";

/// A manifest as far as a receiver needs it.
#[derive(Debug, Clone)]
pub struct Manifest {
    /// What the component is.
    pub component: Description,
    /// What it runs on.
    pub platform: Option<Platform>,
    /// Other components it needs, in the same registry.
    pub dependencies: BTreeMap<ComponentId, VersionReq>,
    /// What the receiving platform must have.
    pub needs: Needs,
    /// What is asked for at fetch.
    pub variables: BTreeMap<String, Variable>,
    /// Their names in the order of the file, in which a person is asked.
    pub questions: Vec<String>,
    /// Files that got other names, for updates to follow.
    pub renames: Vec<Rename>,
}

/// A file that got another name in some version: an entry of `[files] renames`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Rename {
    /// Its name before.
    pub from: RelPath,
    /// Its name since.
    pub to: RelPath,
    /// The first version with the new name.
    pub since: Version,
}

/// The table `[component]`.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(rename_all(deserialize = "kebab-case"), default)]
pub struct Description {
    /// Owner as written.
    pub owner: String,
    /// Name as written.
    pub name: String,
    /// Version as written.
    pub version: String,
    /// A role address.
    pub contact: Option<String>,
    /// The area of business, `education` for instance.
    pub area: Option<String>,
    /// Where people talk about it.
    pub discussion: Option<String>,
    /// `none` or `handles`.
    pub personal_data: Option<String>,
    /// Information classification (KLASSA), level by aspect.
    pub classification: Option<BTreeMap<String, i64>>,
    /// The recorded decision to publish.
    pub decision: Option<String>,
    /// Hours it took and will take.
    pub effort: Option<Effort>,
    /// The component it is a variant of.
    pub derived_from: Option<String>,
}

/// The owner's figures on effort, in hours.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(rename_all(deserialize = "kebab-case"), default)]
pub struct Effort {
    /// Hours that the owner spent.
    pub hours_built: Option<u32>,
    /// Hours that a receiver should plan for.
    pub hours_to_adapt: Option<u32>,
}

/// The table `[platform]`.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Platform {
    /// Its name.
    pub name: String,
    /// The versions it works with.
    pub version: Option<String>,
}

/// What the receiving platform must have.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Needs {
    /// Task packages with the versions asked for.
    pub tasks: Vec<TaskNeed>,
    /// Names of environment variables.
    pub environment: Vec<String>,
    /// Names of subprocesses.
    pub subprocesses: Vec<String>,
}

/// One task package.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct TaskNeed {
    /// The package's name.
    pub package: String,
    /// A requirement such as `>=1.1.31`; empty where any version does.
    pub version: String,
}

impl Needs {
    /// Whether nothing is needed.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.tasks.is_empty() && self.environment.is_empty() && self.subprocesses.is_empty()
    }

    /// What is needed beyond what was needed before.
    #[must_use]
    pub fn without(&self, before: Option<&Self>) -> Self {
        let none = Self::default();
        let before = before.unwrap_or(&none);
        let fresh = |all: &[String], had: &[String]| all.iter().filter(|name| !had.contains(name)).cloned().collect();
        Self {
            tasks: self.tasks.iter().filter(|task| !before.tasks.contains(task)).cloned().collect(),
            environment: fresh(&self.environment, &before.environment),
            subprocesses: fresh(&self.subprocesses, &before.subprocesses),
        }
    }

    /// One line for each, for people.
    #[must_use]
    pub fn lines(&self) -> String {
        let mut text = String::new();
        for task in &self.tasks {
            text += format!("  task         {} {}", task.package, task.version).trim_end();
            text.push('\n');
        }
        for (what, names) in [("environment", &self.environment), ("subprocess ", &self.subprocesses)] {
            for name in names {
                text += &format!("  {what}  {name}\n");
            }
        }
        text
    }

    /// Adds what `other` needs, each thing once, sorted.
    pub fn merge(&mut self, other: &Self) {
        self.tasks.extend_from_slice(&other.tasks);
        self.environment.extend_from_slice(&other.environment);
        self.subprocesses.extend_from_slice(&other.subprocesses);
        self.tasks.sort();
        self.tasks.dedup();
        for names in [&mut self.environment, &mut self.subprocesses] {
            names.sort();
            names.dedup();
        }
    }
}

#[derive(Deserialize)]
struct RawManifest {
    format: Option<toml::Value>,
    #[serde(default)]
    component: Description,
    platform: Option<Platform>,
    #[serde(default)]
    dependencies: BTreeMap<String, String>,
    #[serde(default)]
    needs: RawNeeds,
    #[serde(default)]
    variables: BTreeMap<String, Spanned<Variable>>,
    #[serde(default)]
    files: toml::Table,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct RawNeeds {
    tasks: Vec<String>,
    environment: Vec<String>,
    subprocesses: Vec<String>,
}

fn task_need(text: &str) -> TaskNeed {
    let (package, version) = text.trim().split_once(char::is_whitespace).unwrap_or((text.trim(), ""));
    TaskNeed { package: package.to_owned(), version: version.trim().to_owned() }
}

impl From<RawNeeds> for Needs {
    fn from(raw: RawNeeds) -> Self {
        let mut needs = Self::default();
        let tasks = raw.tasks.iter().map(|text| task_need(text)).collect();
        needs.merge(&Self { tasks, environment: raw.environment, subprocesses: raw.subprocesses });
        needs
    }
}

impl Manifest {
    /// Reads the manifest of `id` at `version`.
    ///
    /// # Errors
    /// [`Code::InvalidManifest`], naming the component and what is wrong.
    pub fn parse(id: &ComponentId, version: &Version, bytes: &[u8]) -> Result<Self, Failure> {
        let fail = |why: String| Failure::new(Code::InvalidManifest, format!("{id} {version}: {MANIFEST_FILE}: {why}"));
        let text = std::str::from_utf8(bytes).map_err(|_| fail("is not UTF-8".into()))?;
        let raw: RawManifest = toml::from_str(text).map_err(|e| fail(e.to_string().trim_end().to_owned()))?;
        // There is one format so far, and it bears no number; a later one would.
        if let Some(format) = raw.format.filter(|format| format.as_integer() != Some(1)) {
            return Err(fail(format!("has format {format}, which this forum does not know")).hint("take a newer forum"));
        }
        let named = format!("{}/{}", raw.component.owner, raw.component.name);
        if named == "/" {
            return Err(fail("names no component: [component] with owner and name is missing".into()));
        }
        if named != id.to_string() {
            return Err(fail(format!("names the component `{}`", named.escape_debug())));
        }
        let mut dependencies = BTreeMap::new();
        for (name, requirement) in raw.dependencies {
            let dependency = name.parse().map_err(|e| fail(format!("[dependencies]: {e}")))?;
            let requirement = requirement.parse().map_err(|e| fail(format!("[dependencies] {dependency}: {e}")))?;
            dependencies.insert(dependency, requirement);
        }
        let mut questions: Vec<_> = raw.variables.keys().cloned().collect();
        questions.sort_by_key(|name| raw.variables[name].span().start);
        let variables: BTreeMap<_, _> = raw.variables.into_iter().map(|(name, read)| (name, read.into_inner())).collect();
        for (name, variable) in &variables {
            variable.validate(name).map_err(|e| fail(e.to_string()))?;
        }
        // A rename that cannot be read costs an update some comfort; that is no reason to refuse the component.
        let renames = raw.files.get("renames").and_then(toml::Value::as_array).into_iter().flatten();
        Ok(Self {
            component: raw.component,
            platform: raw.platform,
            dependencies,
            needs: raw.needs.into(),
            variables,
            questions,
            renames: renames.filter_map(|value| value.clone().try_into().ok()).collect(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Manifest, Failure> {
        Manifest::parse(&"goteborg/pupil-system".parse().expect("id"), &Version::new(1, 0, 0), text.as_bytes())
    }

    const HEAD: &str = "[component]\nowner = \"goteborg\"\nname = \"pupil-system\"\nlater-key = 1\n";

    #[test]
    fn needs_are_read_sorted_and_once() {
        let text =
            format!("{HEAD}[needs]\ntasks = [\"Frends.Web\", \"Frends.Sql  >=1.1.31\", \"Frends.Web\"]\nenvironment = [\"B\", \"A\"]\n");
        let needs = parse(&text).expect("a manifest").needs;
        let sql = TaskNeed { package: "Frends.Sql".into(), version: ">=1.1.31".into() };
        assert_eq!(needs.tasks, [sql, TaskNeed { package: "Frends.Web".into(), version: String::new() }]);
        assert_eq!(needs.environment, ["A", "B"]);
    }

    #[test]
    fn questions_are_in_the_order_of_the_file() {
        let text = format!("{HEAD}[variables]\nz = {{}}\n[variables.b]\ntype = \"integer\"\n[variables.y]\n[variables.a]\n");
        assert_eq!(parse(&text).expect("a manifest").questions, ["z", "b", "y", "a"]);
    }

    #[test]
    fn errors_name_component_file_and_rule() {
        let wrong = [
            ("[component]\nowner = \"inera\"\nname = \"base\"\n", "names the component `inera/base`"),
            (&format!("{HEAD}[dependencies]\n\"../..\" = \"1\"\n"), "[dependencies]"),
            (&format!("{HEAD}[dependencies]\n\"inera/base\" = \"one\"\n"), "inera/base"),
            ("not toml", "component.toml"),
        ];
        for (text, part) in wrong {
            let error = parse(text).expect_err(text);
            assert_eq!(error.code, Code::InvalidManifest);
            assert!(error.message.contains(part) && error.message.starts_with("goteborg/pupil-system 1.0.0"), "{}", error.message);
        }
    }
}
