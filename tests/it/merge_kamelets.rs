//! Merges from a real history: six releases of a catalogue in YAML, merged as text. The oracles are git, and what follows
//! from an edit of one line: without it the result is the newer version, byte for byte.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use forum::formats::merge::{Merged, merge_file};
use forum::formats::text::Labels;

use crate::kamelets::{RELEASES, build, names};
use crate::merge::{Numbers, git};
use crate::support::fixtures::KOMMUN;
use crate::support::sandbox::Sandbox;
use crate::support::{contents, output, test_data};

const MARK: &str = "edited-in-sundsvall";

/// The files of a release by name.
type Release = BTreeMap<String, String>;

fn releases() -> Option<Vec<Release>> {
    let archives = test_data("kamelets")?;
    let read = |(release, _, count): (&str, &str, usize)| {
        let directory = tempfile::tempdir().unwrap();
        let mut tar = Command::new("tar");
        tar.arg("-xzf").arg(archives.join(format!("{release}.tar.gz"))).arg("-C").arg(directory.path());
        output(tar, b"");
        let file = |name: String| {
            let text = fs::read_to_string(directory.path().join(format!("kamelets/{name}.kamelet.yaml"))).unwrap();
            (name, text)
        };
        let files: Release = names(directory.path()).into_iter().map(file).collect();
        assert_eq!(files.len(), count, "{release}");
        files
    };
    Some(RELEASES.map(read).into())
}

/// A copy with one line of a municipality's own, and that line before: a default where there is one.
fn adapted(text: &str, numbers: &mut Numbers) -> (String, String, String) {
    let lines: Vec<&str> = text.split_inclusive('\n').collect();
    let with = |key: &str| -> Vec<usize> { (0..lines.len()).filter(|at| lines[*at].trim_start().starts_with(key)).collect() };
    let places = [with("default:"), with("description:"), (0..lines.len()).collect()].into_iter().find(|all| !all.is_empty()).unwrap();
    let at = places[numbers.next(places.len())];
    let (key, _) = lines[at].split_once(':').unwrap_or((lines[at].trim_end(), ""));
    let edited = format!("{key}: \"{MARK}\"\n");
    (lines[..at].concat() + &edited + &lines[at + 1..].concat(), edited, lines[at].to_owned())
}

/// Merges as the update does, holds it against git, and gives the text and whether it is clean.
fn merged(directory: &Path, name: &str, texts: [&str; 3]) -> (String, bool) {
    let labels = Labels { base: "b".into(), ours: "o".into(), theirs: "t".into() };
    let [base, ours, theirs] = texts.map(str::as_bytes);
    let (got, clean) = match merge_file(base, ours, theirs, &labels) {
        Merged::Clean(text) => (text, true),
        Merged::Marked(text) => (text, false),
        other => panic!("{name}: {other:?}"),
    };
    let (want, wanted_clean) = git(directory, &texts);
    assert!(clean == wanted_clean && got == want, "{name}: {}", String::from_utf8_lossy(&got));
    (String::from_utf8(got).unwrap(), clean)
}

/// The text with theirs in every conflict, and how many there are.
fn with_theirs(text: &str) -> (String, usize) {
    let (mut out, mut taken, mut conflicts) = (String::new(), true, 0);
    for line in text.split_inclusive('\n') {
        match line.trim_end() {
            "<<<<<<< o" => (taken, conflicts) = (false, conflicts + 1),
            "=======" if !taken => taken = true,
            ">>>>>>> t" => {}
            _ if taken => out.push_str(line),
            _ => {}
        }
    }
    (out, conflicts)
}

/// What came of a number of merges.
#[derive(Debug, Default)]
struct Tally {
    clean: usize,
    conflicting: usize,
}

impl Tally {
    fn count(&mut self, clean: bool) {
        *(if clean { &mut self.clean } else { &mut self.conflicting }) += 1;
    }
}

/// One kamelet in `step` of each consecutive pair of releases, with an edited default.
fn edited_defaults(step: usize) -> Option<Tally> {
    let (releases, directory) = (releases()?, tempfile::tempdir().unwrap());
    let (mut tally, mut numbers) = (Tally::default(), Numbers(0x5eed_0005));
    for pair in releases.windows(2) {
        for (name, base) in pair[0].iter().step_by(step) {
            let Some(theirs) = pair[1].get(name) else { continue };
            let (ours, edited, line) = adapted(base, &mut numbers);
            let (text, clean) = merged(directory.path(), name, [base, &ours, theirs]);
            tally.count(clean);
            let (text, conflicts) = with_theirs(&text);
            assert_eq!(text.matches(MARK).count(), usize::from(clean), "{name}: the edit stands there once, or in the conflict");
            assert_eq!(conflicts, usize::from(!clean), "{name}");
            assert!(text.replacen(&edited, &line, 1) == *theirs, "{name}: a byte that neither side changed is another one");
        }
    }
    Some(tally)
}

/// Without the release's own number, which stands in every file and would make each merge one with a conflict.
fn unnumbered(text: &str) -> String {
    text.split_inclusive('\n').filter(|line| !line.contains("catalog.version:")).collect()
}

/// Two releases that each go their own way from a third: what lies between is merged with what lies beyond.
fn neighbours(step: usize) -> Option<Tally> {
    let (releases, directory) = (releases()?, tempfile::tempdir().unwrap());
    let mut tally = Tally::default();
    for three in releases.windows(3) {
        for (name, base) in three[1].iter().step_by(step) {
            let (Some(ours), Some(theirs)) = (three[0].get(name), three[2].get(name)) else { continue };
            for [base, ours, theirs] in [[base, ours, theirs].map(String::clone), [base, ours, theirs].map(|text| unnumbered(text))] {
                if ours != base && theirs != base && ours != theirs {
                    tally.count(merged(directory.path(), name, [&base, &ours, &theirs]).1);
                }
            }
        }
    }
    Some(tally)
}

#[test]
fn merges_of_releases_are_those_of_git() {
    edited_defaults(20);
    neighbours(20);
}

#[test]
#[ignore = "long"]
fn merges_of_all_releases_are_those_of_git() {
    let (Some(edits), Some(neighbours)) = (edited_defaults(1), neighbours(2)) else { return };
    assert!(edits.clean > 500 && edits.conflicting > 0, "{edits:?}");
    assert!(neighbours.clean > 50 && neighbours.conflicting > 400, "{neighbours:?}");
}

/// What git made of it, with the names that the program gives the sides.
fn labelled(text: &[u8], id: &str, from: &str, to: &str) -> String {
    let names = [
        ("||||||| b", format!("||||||| {id} {from}")),
        ("<<<<<<< o", "<<<<<<< yours".to_owned()),
        (">>>>>>> t", format!(">>>>>>> {id} {to}")),
    ];
    let text = String::from_utf8(text.to_vec()).unwrap();
    names.iter().fold(text, |text, (short, long)| text.replace(&format!("{short}\n"), &format!("{long}\n")))
}

/// One kamelet in `step` of each consecutive pair of releases through the program: outcomes and files are those of git, and
/// what is taken back is as it was.
fn updated(step: usize) {
    let mut sandbox = Sandbox::new();
    sandbox.limit = Duration::from_mins(4);
    let (Some(kamelets), Some(releases)) = (build(&sandbox), releases()) else { return };
    let (directory, mut numbers) = (tempfile::tempdir().unwrap(), Numbers(0x5eed_0006));
    for (pair, names) in releases.windows(2).zip(RELEASES.windows(2)) {
        let [from, to] = [names[0].0, names[1].0];
        let both: Vec<&String> = pair[0].keys().filter(|name| pair[1].contains_key(*name)).step_by(step).collect();
        let ws = sandbox.workspace(from, &kamelets.registry.url());
        let wanted: Vec<String> = both.iter().map(|name| format!("apache/{name}@={from}")).collect();
        sandbox.fetch(&ws, &wanted.iter().map(String::as_str).chain(KOMMUN).collect::<Vec<_>>()).ok();
        let wishes = fs::read_to_string(ws.join("forum.toml")).unwrap().replace(&format!("={from}"), &format!("={to}"));
        fs::write(ws.join("forum.toml"), wishes).unwrap();
        let file = |name: &str| ws.join(format!("components/apache/{name}/{name}.kamelet.yaml"));
        let ours: BTreeMap<&String, String> = both.iter().map(|name| (*name, adapted(&pair[0][*name], &mut numbers).0)).collect();
        for (name, text) in &ours {
            fs::write(file(name), text).unwrap();
        }
        let before = contents(&ws);
        let run = sandbox.run(&ws, &["update", "--json"]);
        let components = run.components();
        let mut conflicting = Vec::new();
        for (name, ours) in &ours {
            let (want, clean) = git(directory.path(), &[&pair[0][*name], ours, &pair[1][*name]]);
            let want = labelled(&want, &format!("apache/{name}"), from, to);
            assert!(fs::read_to_string(file(name)).unwrap() == want, "{name} from {from} to {to}");
            let outcome =
                components[&format!("apache/{name}")]["files"].as_array().unwrap().iter().find(|row| row["path"] != "component.toml");
            assert_eq!(outcome.unwrap()["outcome"], if clean { "merged" } else { "conflict" }, "{name} from {from} to {to}");
            if !clean {
                conflicting.push(*name);
            }
        }
        assert_eq!(run.json()["conflicts"], conflicting.len(), "{from} to {to}");
        if !conflicting.is_empty() {
            run.exits(4);
            sandbox.run(&ws, &["update", "--abort", "--json"]).ok();
            let now = contents(&ws);
            let differs =
                |path: &&String| conflicting.iter().any(|name| path.contains(&format!("/{name}/"))) && now.get(*path) != before.get(*path);
            assert_eq!(before.keys().find(differs), None, "taken back");
        }
    }
}

#[test]
fn updates_from_release_to_release_are_the_merges_of_git() {
    updated(24);
}

#[test]
#[ignore = "long"]
fn many_updates_from_release_to_release_are_the_merges_of_git() {
    updated(6);
}
