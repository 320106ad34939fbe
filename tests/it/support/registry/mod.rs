//! Registries as bare repositories, made with git plumbing: an oracle of its own,
//! which computes tree ids and checksums without the code under test.

mod digests;
mod version;

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};

use toml::{Table, Value};

pub(crate) use self::digests::{checksum, checksum_of, tree_id};
use self::digests::{mode, row};
use self::version::{CARD_KEYS, component_table, dependencies, manifest, new_document, raises_card};
pub(crate) use self::version::{Published, Version};
use super::{Files, git, git_command, output};

const BASE_TIME: u64 = 1_767_225_600;

/// A bare repository in the layout of the contract.
pub(crate) struct Registry {
    pub(crate) path: PathBuf,
    documents: HashMap<String, Table>,
    publishers: Vec<String>,
    stream: Vec<u8>,
    deferred: bool,
    commits: u64,
}

impl Registry {
    /// A new registry called `kommun`.
    pub(crate) fn new(path: &Path) -> Self {
        Self::named(path, "kommun", "")
    }

    /// A new registry with lines of its own at the end of `registry.toml`.
    pub(crate) fn named(path: &Path, name: &str, extra: &str) -> Self {
        let text = format!(
            "format = 1\nname = \"{name}\"\ntitle = \"{name}biblioteket\"\nsector = \"municipalities\"\n\
             description = \"A registry for tests\"\ndiscussion = \"https://forum.example/{name}\"\n\
             licences = [\"EUPL-1.2\", \"MIT\", \"Apache-2.0\", \"CC0-1.0\", \"CC-BY-4.0\"]\n\
             disclaimer = \"Shared as is: a starting point to adapt, without warranty or support.\"\n\
             [limits]\nfile = \"10 MiB\"\ncomponent = \"50 MiB\"\nfiles = 2000\n\
             [synonyms]\nelev = [\"pupil\", \"student\", \"ss12000\"]\n{extra}"
        );
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        git(&["init".as_ref(), "-q".as_ref(), "--bare".as_ref(), "-b".as_ref(), "main".as_ref(), "--template=".as_ref(), path.as_os_str()]);
        let mut registry = Self {
            path: path.to_owned(),
            documents: HashMap::new(),
            publishers: Vec::new(),
            stream: Vec::new(),
            deferred: false,
            commits: 0,
        };
        registry.commit("Start the registry", &[("registry.toml", Some(text.as_bytes()))], &[]);
        registry
    }

    pub(crate) fn url(&self) -> String {
        self.path.to_str().unwrap().to_owned()
    }

    /// Many commits through one fast-import.
    pub(crate) fn batch<T>(&mut self, work: impl FnOnce(&mut Self) -> T) -> T {
        self.deferred = true;
        let done = work(self);
        self.deferred = false;
        self.flush();
        done
    }

    /// One commit on `main`: files to write (`None`: to delete), and trees to put in place.
    pub(crate) fn commit(&mut self, message: &str, changes: &[(&str, Option<&[u8]>)], trees: &[(&str, &str)]) {
        let changes: Vec<_> = changes.iter().map(|(path, bytes)| (*path, "100644", *bytes)).collect();
        self.commit_modes(message, &changes, trees);
    }

    fn commit_modes(&mut self, message: &str, changes: &[(&str, &str, Option<&[u8]>)], trees: &[(&str, &str)]) {
        let mut out = Vec::new();
        let when = BASE_TIME + (self.commits + 1) * 3600;
        out.extend_from_slice(format!("commit refs/heads/main\ncommitter Fixture <fixture@example.org> {when} +0000\n").as_bytes());
        out.extend_from_slice(format!("data {}\n{message}\n", message.len()).as_bytes());
        if self.stream.is_empty() && self.commits > 0 {
            out.extend_from_slice(b"from refs/heads/main^0\n");
        }
        for (path, _, bytes) in changes {
            if bytes.is_none() {
                out.extend_from_slice(format!("D {path}\n").as_bytes());
            }
        }
        for (path, tree) in trees {
            out.extend_from_slice(format!("M 040000 {tree} {path}\n").as_bytes());
        }
        for (path, mode, bytes) in changes {
            if let Some(bytes) = bytes {
                out.extend_from_slice(format!("M {mode} inline {path}\ndata {}\n", bytes.len()).as_bytes());
                out.extend_from_slice(bytes);
                out.push(b'\n');
            }
        }
        self.commits += 1;
        self.stream.extend_from_slice(&out);
        if !self.deferred {
            self.flush();
        }
    }

    fn flush(&mut self) {
        if self.stream.is_empty() {
            return;
        }
        self.stream.extend_from_slice(b"done\n");
        let stream = std::mem::take(&mut self.stream);
        self.git_with(&["fast-import", "--quiet", "--force", "--done"], &stream);
    }

    /// Runs git in the repository.
    pub(crate) fn git(&self, args: &[&str]) -> String {
        self.git_with(args, b"")
    }

    pub(crate) fn git_with(&self, args: &[&str], input: &[u8]) -> String {
        let mut command = git_command();
        command.arg("--git-dir").arg(&self.path).args(args);
        String::from_utf8_lossy(&output(command, input)).trim().to_owned()
    }

    /// A file of `main`, or `None`.
    pub(crate) fn read(&self, path: &str) -> Option<Vec<u8>> {
        let mut command = git_command();
        command.arg("--git-dir").arg(&self.path).args(["cat-file", "blob", &format!("refs/heads/main:{path}")]);
        let done = command.output().unwrap();
        done.status.success().then_some(done.stdout)
    }

    fn document(&self, id: &str) -> Option<Table> {
        self.documents.get(id).cloned().or_else(|| String::from_utf8(self.read(&format!("index/{id}.toml"))?).unwrap().parse().ok())
    }

    /// Publishes files as the next version of a component.
    pub(crate) fn publish(&mut self, id: &str, version: &str, files: Files) -> Published {
        self.publish_version(Version::new(id, version, files))
    }

    /// One version on `main`, as a merged contribution would put it there.
    pub(crate) fn publish_version(&mut self, what: Version) -> Published {
        self.publish_together(&format!("{} {}", what.id, what.version), vec![what]).remove(0)
    }

    /// Several versions in one commit, as the import of a whole release puts them there.
    pub(crate) fn publish_together(&mut self, message: &str, all: Vec<Version>) -> Vec<Published> {
        for what in &all {
            self.ensure_publisher(what.id.split_once('/').unwrap().0);
        }
        let (mut published, mut changes, mut trees) = (Vec::new(), Vec::new(), Vec::new());
        for what in all {
            let under = format!("components/{}", what.id);
            changes.push((under.clone(), "", None));
            trees.extend(what.content.clone().map(|content| (under.clone(), content)));
            let is_given = what.content.is_some();
            let (one, index) = self.record(what);
            changes.push((format!("index/{}.toml", one.id), "100644", Some(index.into_bytes())));
            if !is_given {
                changes.extend(
                    one.files.iter().map(|(path, (executable, bytes))| (format!("{under}/{path}"), mode(*executable), Some(bytes.clone()))),
                );
            }
            published.push(one);
        }
        let changes: Vec<_> = changes.iter().map(|(path, mode, bytes)| (path.as_str(), *mode, bytes.as_deref())).collect();
        let trees: Vec<_> = trees.iter().map(|(path, tree)| (path.as_str(), tree.as_str())).collect();
        self.commit_modes(message, &changes, &trees);
        published
    }

    /// Adds a version to its index document; gives what is published and the text of the index file.
    fn record(&mut self, what: Version) -> (Published, String) {
        let (owner, name) = what.id.split_once('/').unwrap();
        let mut component = component_table(owner, name, &what);
        let mut files = what.files.clone();
        files.entry("component.toml".to_owned()).or_insert_with(|| (false, manifest(&component, &what).into_bytes()));
        let (tree, digest) = (what.content.clone().unwrap_or_else(|| tree_id(&files)), checksum(&files));
        let mut document = self.document(&what.id).unwrap_or_else(|| new_document(&what.id));
        if raises_card(&document, &what.version) {
            component.retain(|key, _| CARD_KEYS.contains(&key));
            component.insert("version".to_owned(), what.version.clone().into());
            document.insert("card".to_owned(), component.into());
        }
        let entry = self.entry(&what, &tree, &digest);
        document["version"].as_array_mut().unwrap().push(entry.into());
        let index = toml::to_string(&document).unwrap();
        self.documents.insert(what.id.clone(), document);
        (Published { id: what.id, version: what.version, tree, checksum: digest, files }, index)
    }

    fn ensure_publisher(&mut self, owner: &str) {
        if self.publishers.iter().any(|known| known == owner) {
            return;
        }
        self.publishers.push(owner.to_owned());
        let text = format!(
            "title = \"{owner} municipality\"\nkind = \"municipality\"\ncountry = \"SE\"\ncontact = \"integration@{owner}.example\"\nurl = \"https://{owner}.example\"\n"
        );
        self.commit(&format!("Publisher {owner}"), &[(&format!("publishers/{owner}.toml"), Some(text.as_bytes()))], &[]);
    }

    fn entry(&self, what: &Version, tree: &str, digest: &str) -> Table {
        let mut entry = Table::new();
        let seconds = i64::try_from(BASE_TIME + (self.commits + 1) * 3600).unwrap();
        let published = jiff::Timestamp::from_second(seconds).unwrap().to_string();
        for (key, value) in [
            ("version", what.version.as_str()),
            ("tree", what.tree.as_deref().unwrap_or(tree)),
            ("checksum", what.checksum.as_deref().unwrap_or(digest)),
            ("published", &published),
            ("license", what.meta.get("license").and_then(Value::as_str).unwrap_or("EUPL-1.2")),
        ] {
            entry.insert(key.to_owned(), value.into());
        }
        if !what.dependencies.is_empty() {
            entry.insert("dependencies".to_owned(), dependencies(what).into());
        }
        entry.extend(what.entry.clone());
        entry
    }

    /// Changes an index file as parsed TOML.
    pub(crate) fn edit_index(&mut self, id: &str, change: impl FnOnce(&mut Table)) {
        let mut document = self.document(id).unwrap();
        change(&mut document);
        let text = toml::to_string(&document).unwrap();
        self.documents.insert(id.to_owned(), document);
        self.write(&format!("index/{id}.toml"), text.as_bytes());
    }

    /// Writes any file on `main`.
    pub(crate) fn write(&mut self, path: &str, bytes: &[u8]) {
        self.commit(&format!("Write {path}"), &[(path, Some(bytes))], &[]);
    }

    pub(crate) fn yank(&mut self, id: &str, version: &str, reason: &str) {
        self.mark(id, "yanked", version, reason);
    }

    /// A tombstone; rewriting the history is the caller's business.
    pub(crate) fn tombstone(&mut self, id: &str, version: &str, reason: &str) {
        self.mark(id, "removed", version, reason);
    }

    fn mark(&mut self, id: &str, key: &str, version: &str, reason: &str) {
        let row: Table = [("reason".to_owned(), reason.into()), ("date".to_owned(), "2026-11-20".into())].into_iter().collect();
        self.edit_index(id, |document| {
            let table = document.entry(key.to_owned()).or_insert_with(|| Table::new().into());
            table.as_table_mut().unwrap().insert(version.to_owned(), row.into());
        });
    }

    /// `instead` may be empty.
    pub(crate) fn deprecate(&mut self, id: &str, reason: &str, instead: &str) {
        let mut row: Table = [("reason".to_owned(), reason.into())].into_iter().collect();
        if !instead.is_empty() {
            row.insert("replaced-by".to_owned(), instead.into());
        }
        self.edit_index(id, |document| {
            document.insert("deprecated".to_owned(), row.into());
        });
    }

    /// An adoption record.
    pub(crate) fn adopt(&mut self, id: &str, by: &str, version: &str, status: &str) {
        self.ensure_publisher(by);
        let text = format!(
            "component = \"{id}\"\nby = \"{by}\"\nversion = \"{version}\"\nstatus = \"{status}\"\nsince = \"2026-03-01\"\nhours-saved = 40\n"
        );
        self.write(&format!("adoptions/{id}/{by}.toml"), text.as_bytes());
    }

    pub(crate) fn head(&self) -> String {
        self.git(&["rev-parse", "refs/heads/main"])
    }

    /// Moves `main` anywhere: for rewritten histories.
    pub(crate) fn set_main(&mut self, commit: &str) {
        self.git(&["update-ref", "refs/heads/main", commit]);
        self.documents.clear();
    }

    pub(crate) fn config(&self, key: &str, value: &str) {
        self.git(&["config", key, value]);
    }

    /// Stores a blob.
    pub(crate) fn blob(&self, bytes: &[u8]) -> String {
        self.git_with(&["hash-object", "-w", "--stdin"], bytes)
    }

    /// Stores a tree as it is given, however wrong: (mode, name, object id).
    pub(crate) fn raw_tree(&self, entries: &[(&str, &[u8], &str)]) -> String {
        let body: Vec<u8> = entries.iter().flat_map(|(mode, name, id)| row(mode, name, git2::Oid::from_str(id).unwrap())).collect();
        self.git_with(&["hash-object", "-t", "tree", "-w", "--literally", "--stdin"], &body)
    }

    /// A clone with a work tree.
    pub(crate) fn checkout(&self, target: &Path) -> PathBuf {
        git(&["clone".as_ref(), "-q".as_ref(), self.path.as_os_str(), target.as_os_str()]);
        target.to_owned()
    }

    /// The content of `main` as a folder without git.
    pub(crate) fn plain(&self, target: &Path) -> PathBuf {
        let mut found = Files::new();
        for line in self.git(&["ls-tree", "-r", "-z", "--full-tree", "refs/heads/main"]).split('\0').filter(|line| !line.is_empty()) {
            let (about, path) = line.split_once('\t').unwrap();
            found.insert(path.to_owned(), (about.starts_with("100755"), self.read(path).unwrap()));
        }
        super::write_files(target, &found);
        target.to_owned()
    }

    /// `main` as one file.
    pub(crate) fn bundle(&self, target: &Path) -> PathBuf {
        self.git(&["bundle", "create", "-q", target.to_str().unwrap(), "refs/heads/main"]);
        target.to_owned()
    }
}
