//! A machine of its own for each test: home, settings, cache, state and git
//! identity, and no network but loopback.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use serde_json::Value;

use super::{own_group, wait};

/// The program under test; `FORUM_TEST_BIN` names another build of it.
pub(crate) fn program() -> PathBuf {
    std::env::var_os("FORUM_TEST_BIN").map_or_else(|| PathBuf::from(env!("CARGO_BIN_EXE_forum")), PathBuf::from)
}

/// How a run ended.
#[derive(Debug, Clone)]
pub(crate) struct Outcome {
    pub(crate) args: String,
    /// `None`: it did not end in time and was killed.
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Outcome {
    /// Both streams, for what may stand in either.
    pub(crate) fn both(&self) -> String {
        format!("{}{}", self.stdout, self.stderr)
    }

    /// It went well.
    #[track_caller]
    pub(crate) fn ok(self) -> Self {
        self.exits(0)
    }

    /// It ended with this status, and did not panic.
    #[track_caller]
    pub(crate) fn exits(self, code: i32) -> Self {
        assert!(!self.stderr.contains("panicked at"), "{self}");
        assert!(self.code == Some(code), "want exit {code}: {self}");
        self
    }

    /// stdout as the one object of the contract.
    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        let value: Value = serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("no JSON ({error}): {self}"));
        assert_eq!(value["forum"], 1, "{self}");
        assert!(value["ok"].is_boolean(), "{self}");
        assert_eq!(value["ok"] == false, value.get("error").is_some(), "ok is false exactly where there is an error: {self}");
        value
    }

    /// It failed with this status and code; gives the whole error as text.
    #[track_caller]
    pub(crate) fn fails(&self, exit: i32, code: &str) -> String {
        let doc = self.clone().exits(exit).json();
        assert_eq!(doc["error"]["code"], code, "{self}");
        assert!(doc["error"]["message"].as_str().is_some_and(|text| !text.trim().is_empty()), "{self}");
        assert!(doc["error"]["hints"].is_array(), "{self}");
        doc["error"].to_string()
    }

    /// The components of the report by id.
    #[track_caller]
    pub(crate) fn components(&self) -> BTreeMap<String, Value> {
        let doc = self.json();
        let list = doc["components"].as_array().unwrap_or_else(|| panic!("no components: {self}"));
        list.iter().map(|item| (item["id"].as_str().unwrap().to_owned(), item.clone())).collect()
    }
}

impl std::fmt::Display for Outcome {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let tail = |text: &str| text.chars().take(1500).collect::<String>();
        write!(f, "`forum {}` exit {:?}\nstdout: {}\nstderr: {}", self.args, self.code, tail(&self.stdout), tail(&self.stderr))
    }
}

/// See the head of this file.
pub(crate) struct Sandbox {
    root: tempfile::TempDir,
    env: BTreeMap<OsString, OsString>,
    /// How long a run may take.
    pub(crate) limit: Duration,
}

impl Sandbox {
    pub(crate) fn new() -> Self {
        Self::below(&std::env::temp_dir())
    }

    /// One in memory where the system has a place for that: for sweeps in which the syncs of a disk would take the time.
    pub(crate) fn in_memory() -> Self {
        let memory = Path::new("/dev/shm");
        let writable = tempfile::tempdir_in(memory).is_ok();
        if writable { Self::below(memory) } else { Self::new() }
    }

    fn below(place: &Path) -> Self {
        let root = tempfile::Builder::new().prefix("forum-it-").tempdir_in(place).unwrap();
        let at = root.path().canonicalize().unwrap();
        let mut env = BTreeMap::new();
        let mut set = |key: &str, value: OsString| env.insert(OsString::from(key), value);
        for (key, name) in [
            ("HOME", "home"),
            ("XDG_CONFIG_HOME", "xdg-config"),
            ("XDG_CACHE_HOME", "xdg-cache"),
            ("XDG_DATA_HOME", "xdg-data"),
            ("XDG_STATE_HOME", "xdg-state"),
            ("TMPDIR", "tmp"),
            ("FORUM_CACHE_DIR", "cache"),
            ("FORUM_CONFIG_DIR", "config"),
            ("FORUM_STATE_DIR", "state"),
        ] {
            fs::create_dir(at.join(name)).unwrap();
            set(key, at.join(name).into());
        }
        fs::create_dir(at.join("ws")).unwrap();
        let gitconfig = at.join("home/.gitconfig");
        let text = "[user]\n\tname = Test Person\n\temail = integration@sundsvall.example\n[safe]\n\tdirectory = *\n[init]\n\tdefaultBranch = main\n";
        fs::write(&gitconfig, text).unwrap();
        set("GIT_CONFIG_GLOBAL", gitconfig.into());
        for (key, value) in [
            ("GIT_CONFIG_NOSYSTEM", "1"),
            ("GIT_TERMINAL_PROMPT", "0"),
            ("TERM", "dumb"),
            ("LC_ALL", "C.UTF-8"),
            ("TZ", "UTC"),
            ("NO_PROXY", "*"),
            ("no_proxy", "*"),
            ("SOURCE_DATE_EPOCH", "1764000000"),
        ] {
            set(key, value.into());
        }
        for key in ["PATH", "SYSTEMROOT"] {
            if let Some(value) = std::env::var_os(key) {
                set(key, value);
            }
        }
        Self { root, env, limit: Duration::from_mins(1) }
    }

    /// A place in the sandbox.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.root.path().canonicalize().unwrap().join(name)
    }

    pub(crate) fn cache(&self) -> PathBuf {
        self.path("cache")
    }

    /// Sets a variable of the environment for all runs from here.
    pub(crate) fn set(&mut self, key: &str, value: impl Into<OsString>) -> &mut Self {
        self.env.insert(key.into(), value.into());
        self
    }

    /// Takes a variable out of the environment.
    pub(crate) fn unset(&mut self, key: &str) -> &mut Self {
        self.env.remove(&OsString::from(key));
        self
    }

    /// The program with its arguments, ready to start in a directory.
    pub(crate) fn command(&self, directory: &Path, args: &[&str]) -> Command {
        self.command_of(&program(), directory, args)
    }

    /// Any program as if the user of the sandbox had started it.
    pub(crate) fn command_of(&self, program: &Path, directory: &Path, args: &[impl AsRef<OsStr>]) -> Command {
        let mut command = Command::new(program);
        command.args(args).current_dir(directory).env_clear().envs(&self.env);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        own_group(&mut command);
        command
    }

    /// Runs the program in a directory.
    pub(crate) fn run(&self, directory: &Path, args: &[&str]) -> Outcome {
        self.run_with(directory, args, &[])
    }

    /// Runs the program with further variables of the environment.
    pub(crate) fn run_with(&self, directory: &Path, args: &[&str], env: &[(&str, &str)]) -> Outcome {
        let mut command = self.command(directory, args);
        command.envs(env.iter().copied());
        self.outcome(command)
    }

    /// Runs a command to its end.
    pub(crate) fn outcome(&self, mut command: Command) -> Outcome {
        let args = command.get_args().map(OsStr::to_string_lossy).collect::<Vec<_>>().join(" ");
        let child = command.spawn().unwrap();
        let (code, stdout, stderr) = wait(child, self.limit);
        let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
        Outcome { args, code, stdout: text(stdout), stderr: text(stderr) }
    }

    /// `forum fetch … --json` from a registry.
    pub(crate) fn fetch(&self, directory: &Path, args: &[&str]) -> Outcome {
        let mut all = vec!["fetch"];
        all.extend_from_slice(args);
        all.push("--json");
        self.run(directory, &all)
    }

    /// A new workspace whose `forum.toml` names one registry, `kommun`.
    pub(crate) fn workspace(&self, name: &str, registry: &str) -> PathBuf {
        let text = format!("[workspace]\nowner = \"sundsvall\"\n\n[registries.kommun]\nurl = {}\n", quoted(registry));
        self.workspace_of(name, &text)
    }

    /// A new workspace with this `forum.toml`.
    pub(crate) fn workspace_of(&self, name: &str, text: &str) -> PathBuf {
        let directory = self.directory(name);
        fs::write(directory.join("forum.toml"), text).unwrap();
        directory
    }

    /// A new empty directory.
    pub(crate) fn directory(&self, name: &str) -> PathBuf {
        let directory = self.path("ws").join(name);
        fs::create_dir_all(&directory).unwrap();
        directory
    }

    /// `forum.toml` and `forum.lock` of one workspace in a new directory, as a colleague gets them.
    pub(crate) fn colleague(&self, name: &str, from: &Path) -> PathBuf {
        let directory = self.directory(name);
        for file in ["forum.toml", "forum.lock"] {
            fs::copy(from.join(file), directory.join(file)).unwrap();
        }
        directory
    }
}

/// Text as a TOML string.
pub(crate) fn quoted(text: &str) -> String {
    toml::Value::String(text.to_owned()).to_string()
}

/// A file as text.
pub(crate) fn text(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// A TOML file, read.
pub(crate) fn table(path: &Path) -> toml::Table {
    text(path).parse().unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}
