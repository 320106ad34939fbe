//! The whole round on real servers: a registry is started and protected, components are written, checked, published,
//! reviewed, merged in each way that hosts know and fetched by others; then a second version, a yank, a deprecation and
//! an erasure, and what users see of them.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::support::sandbox::{Outcome, Sandbox, text};
use crate::support::server::{Http, Options, Sshd};
use crate::support::{contents, git, same_contents, set_mode};

const PUPIL: &str = "sundsvall/pupil-sync";
const CARDS: &str = "orebro/bus-cards";
const INVOICES: &str = "orebro/invoices";
const USERS: [(&str, &str); 2] = [("maintainer", "Zq7-hemlig"), ("contributor", "Xp4-hemlig")];
/// What stands in the version that must be erased, and in nothing that is left.
const LETTER: &str = "Karin at 12 Storgatan writes that her son begins in May.\n";
/// What a host's setting "no direct push" comes to.
const HOOK: &str =
    "#!/bin/sh\n[ \"$1\" != refs/heads/main ] || [ \"$REMOTE_USER\" = maintainer ] || { echo 'main is protected' >&2; exit 1; }\n";

/// Who serves it, for as long as the test runs.
enum Line {
    Http(#[expect(dead_code, reason = "it serves until it is dropped")] Http),
    Ssh(Sshd),
}

/// The server, and the address that everybody uses.
struct Forum {
    machine: Sandbox,
    bare: PathBuf,
    line: Line,
    url: String,
}

impl Forum {
    fn start(over_ssh: bool) -> Self {
        let machine = Sandbox::new();
        let bare = machine.path("srv/kommun.git");
        fs::create_dir_all(bare.parent().unwrap()).unwrap();
        git(&["init", "-q", "--bare", "-b", "main", bare.to_str().unwrap()]);
        for (key, value) in [("http.receivepack", "true"), ("uploadpack.allowFilter", "true"), ("gc.auto", "0")] {
            git(&["-C", bare.to_str().unwrap(), "config", key, value]);
        }
        let (line, url) = if over_ssh {
            let sshd = Sshd::start(&machine.path("sshd"));
            let url = sshd.url(&bare);
            (Line::Ssh(sshd), url)
        } else {
            let http = Http::start(&machine.path("srv"), Options { basic: &USERS, ..Options::default() });
            let url = http.url();
            (Line::Http(http), url)
        };
        Self { machine, bare, line, url }
    }

    /// A machine of somebody's own, who comes in as the maintainer or as a contributor.
    fn person(&self, maintainer: bool) -> Sandbox {
        let mut sandbox = Sandbox::new();
        match &self.line {
            Line::Ssh(sshd) => drop(sandbox.set("GIT_SSH_COMMAND", sshd.client_with(if maintainer { "maintainer" } else { "client" }))),
            Line::Http(_) => {
                let (user, password) = USERS[usize::from(!maintainer)];
                let helper = format!("!f() {{ echo username={user}; echo password={password}; }}; f");
                let file = sandbox.path("home/.gitconfig");
                git(&["config", "--file", file.to_str().unwrap(), "credential.helper", &helper]);
            }
        }
        sandbox
    }

    fn protect(&self) {
        fs::write(self.bare.join("hooks/update"), HOOK).unwrap();
        set_mode(&self.bare.join("hooks/update"), 0o755);
    }

    fn git(&self, args: &[&str]) -> String {
        git(&[&["-C", self.bare.to_str().unwrap()], args].concat())
    }

    fn main(&self) -> String {
        self.git(&["rev-parse", "refs/heads/main"])
    }

    /// Whether the server has a blob of these bytes.
    fn holds(&self, bytes: &str) -> bool {
        let found = self.git(&["cat-file", "--batch-all-objects", "--batch-check=%(objectname)", "--unordered"]);
        let file = self.machine.path("sought");
        fs::write(&file, bytes).unwrap();
        let sought = git(&["hash-object", file.to_str().unwrap()]);
        found.lines().any(|object| object == sought)
    }
}

/// How a host brings a contribution onto `main`.
#[derive(Clone, Copy)]
enum Merge {
    Commit,
    Squash,
    Rebase,
}

/// The maintainer with a clone, and the jobs of the registry's CI.
struct Maintainer<'a> {
    forum: &'a Forum,
    sandbox: Sandbox,
    clone: PathBuf,
}

impl Maintainer<'_> {
    fn git_in(&self, directory: &Path, args: &[&str]) {
        self.sandbox.outcome(self.sandbox.command_of("git".as_ref(), directory, args)).ok();
    }

    fn git(&self, args: &[&str]) {
        self.git_in(&self.clone, args);
    }

    /// The newest `main` in the clone.
    fn renew(&self) {
        self.git(&["fetch", "-q", "--prune", "origin"]);
        self.git(&["checkout", "-q", "-B", "main", "origin/main"]);
    }

    /// What a job of the registry's CI has checked out, the whole history with it.
    fn checkout(&self, what: &str) -> PathBuf {
        let job = self.sandbox.path("job");
        if !job.exists() {
            self.git_in(&self.sandbox.path(""), &["clone", "-q", &self.forum.url, job.to_str().unwrap()]);
        }
        self.git_in(&job, &["fetch", "-q", "--prune", "origin"]);
        self.git_in(&job, &["checkout", "-q", "--detach", &format!("origin/{what}")]);
        job
    }

    /// The job for a pull request finds nothing, not even to warn of.
    fn approves(&self, branch: &str) {
        let run = self.sandbox.run(&self.checkout(branch), &["registry", "check", "--base", "origin/main", "--json"]).ok();
        assert_eq!(run.json()["findings"], Value::Array(Vec::new()), "{branch}: {run}");
    }

    /// The job for `main` finds nothing either.
    fn is_content(&self) {
        let run = self.sandbox.run(&self.checkout("main"), &["registry", "check", "--json"]).ok();
        assert_eq!(run.json()["findings"], Value::Array(Vec::new()), "{run}");
        self.forum.git(&["fsck", "--strict"]);
    }

    /// What the button of a host does, the deleted branch included.
    fn merge(&self, branch: &str, way: Merge) {
        self.renew();
        let theirs = format!("origin/{branch}");
        match way {
            Merge::Commit => self.git(&["merge", "-q", "--no-ff", "-m", &format!("Merge {branch}"), &theirs]),
            Merge::Squash => {
                self.git(&["merge", "-q", "--squash", &theirs]);
                self.git(&["commit", "-q", "-m", &format!("{branch} (#1)")]);
            }
            Merge::Rebase => {
                self.git(&["rebase", "-q", "main", &theirs]);
                self.git(&["checkout", "-q", "-B", "main"]);
            }
        }
        self.git(&["push", "-q", "origin", "main", &format!(":{branch}")]);
    }
}

/// A municipality that publishes.
struct Publisher {
    sandbox: Sandbox,
    directory: PathBuf,
}

impl Publisher {
    fn new(forum: &Forum, owner: &str) -> Self {
        let sandbox = forum.person(false);
        let settings = format!(
            "[workspace]\nowner = \"{owner}\"\n\n[workspace.publisher]\ntitle = \"{owner} municipality\"\nkind = \"municipality\"\n\
             contact = \"integration@{owner}.example\"\nurl = \"https://{owner}.example\"\n\n[registries.kommun]\nurl = \"{}\"\n",
            forum.url
        );
        let directory = sandbox.workspace_of(owner, &settings);
        git(&["init", "-q", "-b", "main", directory.to_str().unwrap()]);
        Self { sandbox, directory }
    }

    fn run(&self, args: &[&str]) -> Outcome {
        self.sandbox.run(&self.directory, args)
    }

    fn at(&self, name: &str) -> PathBuf {
        self.directory.join("integrations").join(name)
    }

    fn commit(&self) {
        let at = self.directory.to_str().unwrap();
        git(&["-C", at, "add", "-A"]);
        git(&["-C", at, "commit", "-q", "-m", "work"]);
    }

    /// Changes a text in a file, and commits.
    fn edit(&self, name: &str, file: &str, changes: &[(&str, &str)]) {
        let path = self.at(name).join(file);
        let mut words = text(&path);
        for (old, new) in changes {
            assert!(words.contains(old), "{file}: {old}");
            words = words.replacen(old, new, 1);
        }
        fs::write(path, words).unwrap();
        self.commit();
    }

    /// Starts a component, is told what is missing, and writes it.
    fn write(&self, name: &str) {
        let directory = format!("integrations/{name}");
        self.run(&["new", &directory]).ok();
        self.run(&["check", &directory]).exits(3);
        fs::write(self.at(name).join("process.json"), "{\"schedule\": \"daily\"}\n").unwrap();
        fs::write(self.at(name).join("LICENSE"), "EUPL-1.2\n").unwrap();
        let readme = format!(
            "# {name}\n\nCarries {name} from one system to another every night.\n\n## What it needs\n\nNothing beyond the platform.\n\n\
             ## How to adapt it\n\nChange the schedule in `process.json`.\n"
        );
        fs::write(self.at(name).join("README.md"), readme).unwrap();
        let changes = [("version = \"0.1.0\"", "version = \"1.0.0\""), ("summary = \"\"", "summary = \"A nightly run\"")];
        self.edit(name, "component.toml", &changes);
        let run = self.run(&["check", &directory, "--json"]).ok();
        assert_eq!(run.json()["findings"], Value::Array(Vec::new()), "{run}");
    }

    /// Publishes; the branch that waits.
    fn publish(&self, name: &str) -> String {
        let answer = self.run(&["publish", &format!("integrations/{name}"), "--json"]).ok().json();
        assert_eq!((answer["pushed"].as_bool(), answer["already_published"].as_bool()), (Some(true), Some(false)), "{answer}");
        answer["branch"].as_str().unwrap().to_owned()
    }

    fn state(&self, name: &str) -> String {
        let answer = self.run(&["publish", &format!("integrations/{name}"), "--status", "--json"]).ok().json();
        answer["state"].as_str().unwrap().to_owned()
    }
}

/// Somebody who knows nothing but the address.
struct Reader {
    sandbox: Sandbox,
    directory: PathBuf,
}

impl Reader {
    fn new(forum: &Forum) -> Self {
        let sandbox = forum.person(false);
        let directory = sandbox.workspace("reader", &forum.url);
        Self { sandbox, directory }
    }

    fn run(&self, args: &[&str]) -> Outcome {
        self.sandbox.run(&self.directory, &[args, &["--json"]].concat())
    }

    fn has(&self, id: &str, original: &Path) {
        same_contents(&contents(original), &self.directory.join("components").join(id));
    }

    /// `--deny` of `verify` stops for this reason.
    fn stops(&self, deny: &str, code: &str) {
        let run = self.run(&["verify", "--deny", deny]).exits(3);
        assert!(run.json()["components"].to_string().contains(&format!("\"code\":\"{code}\"")), "{run}");
    }
}

/// From nothing to three components on `main`, each merged in another way, and each fetched by somebody else.
fn begin<'a>(forum: &'a Forum, sundsvall: &Publisher, orebro: &Publisher) -> Maintainer<'a> {
    let sandbox = forum.person(true);
    let clone = sandbox.path("ws/kommun");
    let maintainer = Maintainer { forum, sandbox, clone };
    maintainer.sandbox.run(&maintainer.sandbox.path("ws"), &["registry", "init", "kommun", "--title", "Kommunbiblioteket"]).ok();
    maintainer.git(&["remote", "add", "origin", &forum.url]);
    maintainer.git(&["push", "-q", "--set-upstream", "origin", "main"]);
    forum.protect();

    sundsvall.write("pupil-sync");
    fs::write(sundsvall.at("pupil-sync").join("letter.txt"), LETTER).unwrap();
    sundsvall.commit();
    let main = forum.main();
    let refused = sundsvall.run(&["publish", "integrations/pupil-sync", "--direct", "--json"]);
    assert!(refused.fails(6, "denied").contains("protected"), "{refused}");
    assert_eq!(forum.main(), main);
    let branches = [
        (PUPIL, sundsvall, sundsvall.publish("pupil-sync"), Merge::Commit),
        (CARDS, orebro, (orebro.write("bus-cards"), orebro.publish("bus-cards")).1, Merge::Squash),
        (INVOICES, orebro, (orebro.write("invoices"), orebro.publish("invoices")).1, Merge::Rebase),
    ];
    for (id, publisher, branch, way) in branches {
        let name = id.split_once('/').unwrap().1;
        assert_eq!(publisher.state(name), "waits");
        maintainer.approves(&branch);
        maintainer.merge(&branch, way);
        assert_eq!(publisher.state(name), "merged");
        let reader = Reader::new(forum);
        reader.run(&["fetch", id]).ok();
        reader.has(id, &publisher.at(name));
    }
    maintainer.is_content();
    maintainer
}

/// A second version, a yank, and a deprecation.
fn go_on(maintainer: &Maintainer<'_>, sundsvall: &Publisher, orebro: &Publisher, reader: &Reader) {
    fs::remove_file(sundsvall.at("pupil-sync").join("letter.txt")).unwrap();
    sundsvall.edit("pupil-sync", "process.json", &[("daily", "hourly")]);
    sundsvall.run(&["publish", "integrations/pupil-sync", "--json"]).fails(1, "exists");
    sundsvall.edit("pupil-sync", "component.toml", &[("1.0.0", "1.1.0")]);
    let branch = sundsvall.publish("pupil-sync");
    maintainer.approves(&branch);
    maintainer.merge(&branch, Merge::Squash);
    reader.run(&["registry", "refresh"]).ok();
    let status = reader.run(&["status"]).ok();
    assert_eq!((&status.components()[PUPIL]["newest"], &status.components()[PUPIL]["outdated"]), (&"1.1.0".into(), &true.into()));

    let all = ["registry", "yank", "sundsvall/pupil-sync@1.0.0", "--reason", "The schedule is wrong", "--json"];
    let branch = sundsvall.run(&all).ok().json()["branch"].as_str().unwrap().to_owned();
    maintainer.approves(&branch);
    maintainer.merge(&branch, Merge::Rebase);
    let all = ["registry", "deprecate", CARDS, "--reason", "Nobody buys them", "--replaced-by", INVOICES, "--json"];
    let branch = orebro.run(&all).ok().json()["branch"].as_str().unwrap().to_owned();
    maintainer.approves(&branch);
    maintainer.merge(&branch, Merge::Commit);
    maintainer.is_content();
    reader.run(&["registry", "refresh"]).ok();
    reader.stops("yanked", "yanked");
    reader.stops("deprecated", "deprecated");
    let refused = Reader::new(maintainer.forum).run(&["fetch", "sundsvall/pupil-sync@=1.0.0"]);
    assert!(refused.fails(1, "no-solution").contains("The schedule is wrong"), "{refused}");
}

/// The lines of the page that tells maintainers how to rewrite history: with Git alone, which every machine has.
fn recipe() -> String {
    let page = text(&Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/registry-maintainers.md"));
    let blocks: Vec<&str> = page.split("```sh\n").skip(1).map(|rest| rest.split("```").next().unwrap()).collect();
    let with = |word: &str| *blocks.iter().find(|block| block.contains(word)).unwrap();
    [with("git clone "), with("git filter-branch ")].concat()
}

/// The tombstone, and the rewritten history, as the page for maintainers tells it.
fn erase(maintainer: &Maintainer<'_>) {
    let forum = maintainer.forum;
    maintainer.renew();
    let path = maintainer.clone.join("index/sundsvall/pupil-sync.toml");
    let index = text(&path);
    let document: toml::Table = index.parse().unwrap();
    let tree = document["version"][0]["tree"].as_str().unwrap();
    fs::write(&path, format!("{index}\n[removed.\"1.0.0\"]\nreason = \"Contained personal data\"\ndate = \"2026-11-21\"\n")).unwrap();
    maintainer.git(&["commit", "-q", "-a", "-m", "Remove sundsvall/pupil-sync 1.0.0"]);
    maintainer.git(&["push", "-q", "origin", "main"]);
    assert!(forum.holds(LETTER));

    let script = recipe().replace("https://forum.example/kommun.git", &forum.url).replace("5e14f022f43bec015f75ed084368ca78cc8fe278", tree);
    let command = maintainer.sandbox.command_of("sh".as_ref(), &maintainer.sandbox.directory("apart"), &["-ec", &script]);
    maintainer.sandbox.outcome(command).ok();
    let rewritten = maintainer.sandbox.path("ws/apart/erase");
    let run = maintainer.sandbox.run(&rewritten, &["registry", "check", "--json"]).ok();
    assert_eq!(run.json()["findings"], Value::Array(Vec::new()), "{run}");
    maintainer.git_in(&rewritten, &["push", "-q", "--force", &forum.url, "main"]);
    // Deleting what still holds the old history, and the host's clearing up.
    for branch in forum.git(&["for-each-ref", "--format=%(refname)", "refs/heads/contribute"]).lines() {
        forum.git(&["update-ref", "-d", branch]);
    }
    forum.git(&["reflog", "expire", "--expire=now", "--all"]);
    forum.git(&["gc", "-q", "--prune=now"]);
    assert!(!forum.holds(LETTER), "the contents are gone from the server");
    maintainer.is_content();
}

/// Each user decides on a rewritten history, and nobody gets the erased version.
fn afterwards(maintainer: &Maintainer<'_>, sundsvall: &Publisher, reader: &Reader) {
    let kept = contents(&reader.directory.join("components"));
    for command in [&["registry", "refresh"][..], &["fetch", INVOICES], &["update"]] {
        let stopped = reader.run(command);
        let said = stopped.fails(1, "rewritten");
        assert!(said.contains("--accept-rewrite") && said.contains("sundsvall/pupil-sync 1.0.0 (Contained personal data)"), "{stopped}");
    }
    reader.run(&["registry", "refresh", "--accept-rewrite"]).ok();
    same_contents(&kept, &reader.directory.join("components"));
    reader.run(&["fetch"]).ok();
    reader.run(&["fetch", INVOICES]).ok();
    let status = reader.run(&["status", "--exit-code"]).exits(3);
    assert!(status.both().contains("Contained personal data"), "{status}");
    reader.stops("adapted", "removed");
    fs::remove_dir_all(reader.directory.join("components").join(PUPIL)).unwrap();
    let refused = reader.run(&["fetch"]).exits(1);
    assert!(refused.both().contains("Contained personal data"), "also from the lock: {refused}");

    let newcomer = Reader::new(maintainer.forum);
    let refused = newcomer.run(&["fetch", "sundsvall/pupil-sync@=1.0.0"]);
    assert!(refused.clone().exits(1).both().contains("Contained personal data"), "{refused}");
    newcomer.run(&["fetch", PUPIL, INVOICES]).ok();
    assert_eq!(newcomer.run(&["status"]).ok().components()[PUPIL]["version"], "1.1.0");
    newcomer.run(&["verify"]).ok();

    // What waited was made on the old history.
    let stopped = sundsvall.run(&["publish", "integrations/pupil-sync", "--json"]);
    assert!(stopped.fails(1, "rewritten").contains("--accept-rewrite"), "{stopped}");
    sundsvall.run(&["registry", "refresh", "--accept-rewrite"]).ok();
    assert_eq!(sundsvall.state("pupil-sync"), "anew");
    let branch = sundsvall.publish("pupil-sync");
    maintainer.approves(&branch);
    maintainer.merge(&branch, Merge::Commit);
    newcomer.run(&["update"]).ok();
    newcomer.has(PUPIL, &sundsvall.at("pupil-sync"));
    assert!(!maintainer.forum.holds(LETTER), "nobody brought the contents back");
}

fn round(over_ssh: bool) {
    let forum = Forum::start(over_ssh);
    let (sundsvall, orebro) = (Publisher::new(&forum, "sundsvall"), Publisher::new(&forum, "orebro"));
    let maintainer = begin(&forum, &sundsvall, &orebro);
    let reader = Reader::new(&forum);
    reader.run(&["fetch", PUPIL, CARDS]).ok();
    go_on(&maintainer, &sundsvall, &orebro, &reader);
    sundsvall.edit("pupil-sync", "component.toml", &[("1.1.0", "1.2.0")]);
    sundsvall.publish("pupil-sync");
    erase(&maintainer);
    afterwards(&maintainer, &sundsvall, &reader);
    for person in [&sundsvall.sandbox, &orebro.sandbox, &reader.sandbox, &maintainer.sandbox] {
        for place in ["cache", "state", "config", "ws"] {
            for (path, entry) in contents(&person.path(place)) {
                let crate::support::Entry::File { bytes, .. } = entry else { continue };
                assert!(USERS.iter().all(|(_, password)| !bytes.windows(10).any(|part| part == password.as_bytes())), "{place}/{path}");
            }
        }
    }
}

#[test]
fn over_http_with_basic_auth() {
    round(false);
}

#[test]
fn over_ssh() {
    round(true);
}
