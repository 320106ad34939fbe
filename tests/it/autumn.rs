//! The story of the contract: fetched in spring, adapted in twenty places, updated in autumn; nothing is lost.

use std::fs;
use std::path::PathBuf;

use serde_json::{Value, json};

use crate::support::fixtures::{KOMMUN, empty};
use crate::support::registry::{Registry, Version};
use crate::support::sandbox::{Outcome, Sandbox, text};
use crate::support::server::{Http, Options};
use crate::support::{Files, contents, files, same_contents};
use crate::update::{ID, outcome};

const MANIFEST: &str = "[variables.municipality-code]\ndefault = \"0000\"\nreplace = [{ file = \"settings.env\", text = \"@@CODE@@\", count = 1 }]\n\
    [variables.api-key]\ntype = \"secret\"\nreplace = [{ file = \"settings.env\", text = \"@@KEY@@\", count = 1 }]\n";

/// An export as its platform writes it: a document in a string, on one line.
fn export(schedule: &str, steps: &[(&str, &str)]) -> String {
    let steps: Vec<Value> = steps.iter().map(|(id, query)| json!({ "Id": id, "Query": query })).collect();
    let inner = json!({ "Steps": steps, "Schedule": schedule }).to_string();
    format!("{{\n  \"Name\": \"Pupils\",\n  \"Inner\": {}\n}}\n", Value::String(inner))
}

fn guide(changes: &[(usize, &str)]) -> String {
    let line = |number: usize| {
        changes.iter().find(|(at, _)| *at == number).map_or_else(|| format!("Step {number}"), |(_, text)| (*text).to_owned())
    };
    (1..=60).map(|number| line(number) + "\n").collect()
}

fn spring() -> Files {
    files(&[
        ("process.json", export("daily", &[("read", "select *"), ("write", "insert"), ("mail", "send")])),
        ("guide.md", guide(&[])),
        ("settings.env", "CODE=@@CODE@@\nMODE=test\n\n# keys\n\nKEY=@@KEY@@\n".to_owned()),
        ("old/notes.md", guide(&[(1, "Notes")])),
        ("retired.md", "retired\n".to_owned()),
    ])
}

fn autumn() -> Files {
    files(&[
        ("process.json", export("hourly", &[("read", "select id, name"), ("check", "validate"), ("write", "insert"), ("mail", "send")])),
        ("guide.md", guide(&[(30, "Step 30, better explained"), (50, "Step 50 in version 1.3")])),
        ("settings.env", "CODE=@@CODE@@\nMODE=test\n\n# keys, see the guide\n\nKEY=@@KEY@@\n".to_owned()),
        ("docs/notes.md", guide(&[(1, "Notes"), (40, "Step 40 of the notes")])),
        ("new.md", "new\n".to_owned()),
    ])
}

struct Story {
    sandbox: Sandbox,
    server: Http,
    registry: Registry,
    ws: PathBuf,
    at: PathBuf,
}

impl Story {
    fn run(&self, args: &[&str]) -> Outcome {
        self.sandbox.run(&self.ws, args)
    }

    fn read(&self, path: &str) -> String {
        text(&self.at.join(path))
    }

    fn write(&self, path: &str, text: &str) {
        fs::create_dir_all(self.at.join(path).parent().unwrap()).unwrap();
        fs::write(self.at.join(path), text).unwrap();
    }

    /// Spring: fetched, and changed in twenty places.
    fn begin() -> Self {
        let (sandbox, mut registry) = empty();
        registry.publish_version(Version::new(ID, "1.2.0", spring()).manifest(MANIFEST));
        let server = Http::start(&sandbox.path("srv"), Options::default());
        let ws = sandbox.workspace("sundsvall", &server.url());
        sandbox.fetch(&ws, &[ID, KOMMUN[0], KOMMUN[1], "--set", "municipality-code=2281", "--set", "api-key=hush-Zq9"]).ok();
        let at = ws.join("components").join(ID);
        let story = Self { sandbox, server, registry, ws, at };
        let steps = [("read", "select *"), ("write", "insert into ours"), ("mail", "send"), ("log", "ours")];
        story.write("process.json", &export("daily", &steps));
        let ours: Vec<(usize, &str)> = (1..=12).map(|number| (number * 2, "Ours")).chain([(50, "Step 50 as we do it")]).collect();
        story.write("guide.md", &guide(&ours));
        story.write("settings.env", &story.read("settings.env").replace("MODE=test", "MODE=prod"));
        story.write("old/notes.md", &guide(&[(1, "Notes"), (10, "Our note")]));
        story.write("ours/decision.md", "decided\n");
        story.write("ours/contact.md", "we\n");
        story
    }

    fn publish(&mut self) {
        self.registry.publish_version(Version::new(ID, "1.3.0", autumn()).manifest(MANIFEST));
    }

    /// All that was changed here is there still, and all that autumn brought but for what disagrees.
    fn has_both(&self) {
        let steps = [("read", "select id, name"), ("check", "validate"), ("write", "insert into ours"), ("mail", "send"), ("log", "ours")];
        assert_eq!(self.read("process.json"), export("hourly", &steps));
        let guide = self.read("guide.md");
        assert_eq!(guide.matches("Ours\n").count(), 12);
        assert!(guide.contains("Step 30, better explained"));
        assert_eq!(self.read("settings.env"), "CODE=2281\nMODE=prod\n\n# keys, see the guide\n\nKEY=hush-Zq9\n");
        let notes = self.read("docs/notes.md");
        assert!(notes.contains("Our note") && notes.contains("Step 40 of the notes"));
        assert_eq!(
            (self.read("ours/decision.md"), self.read("ours/contact.md"), self.read("new.md")),
            ("decided\n".into(), "we\n".into(), "new\n".into())
        );
        assert!(!self.at.join("retired.md").exists() && !self.at.join("old").exists());
    }

    fn settle(&self) {
        let (before, rest) = self.read("guide.md").split_once("<<<<<<< ").map(|(a, b)| (a.to_owned(), b.to_owned())).unwrap();
        let after = rest.split_once(">>>>>>> ").unwrap().1.split_once('\n').unwrap().1.to_owned();
        self.write("guide.md", &format!("{before}Step 50 as we do it, in version 1.3\n{after}"));
    }
}

#[test]
fn the_whole_autumn() {
    let mut story = Story::begin();
    let spring = contents(&story.ws);
    story.publish();
    let status = story.run(&["status", "--json"]).ok().components();
    assert_eq!((&status[ID]["state"], &status[ID]["newest"], &status[ID]["outdated"]), (&"adapted".into(), &"1.3.0".into(), &true.into()));
    let run = story.run(&["diff", ID, "--upstream"]).ok();
    for part in [
        "changed /Inner!/Schedule: \"daily\" -> \"hourly\"",
        "/Inner!/Steps/0/Query",
        "added /Inner!/Steps/1",
        "docs/notes.md (was old/notes.md)",
    ] {
        assert!(run.stdout.contains(part), "{part}: {run}");
    }
    assert!(!run.both().contains("hush"), "{run}");
    same_contents(&spring, &story.ws);
    let run = story.run(&["update", "--json"]).exits(4);
    assert_eq!(run.json()["conflicts"], 1, "{run}");
    assert_eq!(outcome(&run, "guide.md"), ("conflict".to_owned(), "both-modified".into()));
    for (path, want) in [
        ("process.json", "merged"),
        ("settings.env", "merged"),
        ("docs/notes.md", "renamed"),
        ("new.md", "added"),
        ("retired.md", "removed"),
    ] {
        assert_eq!(outcome(&run, path).0, want, "{path}: {run}");
    }
    assert!(!run.both().contains("hush"), "{run}");
    story.has_both();
    story.run(&["update", "--abort"]).ok();
    same_contents(&spring, &story.ws);
    story.run(&["update", ID]).exits(4);
    story.run(&["restore", ID]).ok();
    same_contents(&spring, &story.ws);
    story.run(&["update", ID]).exits(4);
    story.settle();
    story.run(&["update", ID, "--continue"]).ok();
    story.has_both();
    let status = story.run(&["status", "--json"]).ok().components();
    assert_eq!((&status[ID]["state"], &status[ID]["version"]), (&"adapted".into(), &"1.3.0".into()));
    for file in ["forum.toml", "forum.lock"] {
        assert!(!text(&story.ws.join(file)).contains("hush"));
    }
    story.run(&["restore", ID]).ok();
    same_contents(&spring, &story.ws);
}

#[test]
fn the_same_offline_and_after_the_cache_was_deleted() {
    let mut story = Story::begin();
    story.publish();
    story.run(&["diff", "--upstream"]).ok();
    let before = story.server.posts();
    story.run(&["update", "--offline"]).exits(4);
    assert_eq!(story.server.posts(), before, "the server was asked");
    story.has_both();
    story.run(&["update", "--abort", "--offline"]).ok();
    story.run(&["cache", "clean"]).ok();
    story.run(&["update", "--offline", "--json"]).fails(6, "offline");
    story.run(&["update"]).exits(4);
    story.settle();
    story.run(&["update", "--continue"]).ok();
    story.has_both();
}
