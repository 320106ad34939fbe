//! `forum diff`: what was changed here, and what a newer version would bring.

use std::fs;

use serde_json::Value;

use crate::support::registry::Version;
use crate::support::{files, set_mode, snapshot, unchanged};
use crate::update::{Copy, ID, version};

fn rows(copy: &Copy, args: &[&str]) -> Vec<Value> {
    let all: Vec<&str> = ["diff"].iter().chain(args).chain(&["--json"]).copied().collect();
    copy.run(&all).ok().json()["files"].as_array().unwrap().clone()
}

fn words(rows: &[Value]) -> Vec<(String, String)> {
    rows.iter().map(|row| (row["path"].as_str().unwrap().to_owned(), row["change"].as_str().unwrap().to_owned())).collect()
}

fn pair(path: &str, change: &str) -> (String, String) {
    (path.to_owned(), change.to_owned())
}

#[test]
fn what_was_changed_here_is_told_file_by_file() {
    let list = [
        ("a.txt", "1\n2\n3\n"),
        ("b.txt", "b\n"),
        ("c.txt", "c1\nc2\nc3\n"),
        ("d.json", "{\"a\": 1, \"b\": [1]}\n"),
        ("e.sh", "e\n"),
        ("f.txt", "f\n"),
    ];
    let copy = Copy::of(vec![version("1.0.0", &list)]);
    assert_eq!(rows(&copy, &[]), [] as [Value; 0]);
    copy.write("a.txt", "1\ntwo\n3\n");
    fs::remove_file(copy.at.join("b.txt")).unwrap();
    fs::rename(copy.at.join("c.txt"), copy.at.join("moved.txt")).unwrap();
    copy.write("d.json", "{\"a\": 2, \"b\": [1, 2]}\n");
    set_mode(&copy.at.join("e.sh"), 0o755);
    copy.write("f.txt", "f\r\n");
    copy.write("new.txt", "new\n");
    let before = snapshot(&copy.ws);
    let found = rows(&copy, &[]);
    let mut want = vec![
        pair("a.txt", "modified"),
        pair("b.txt", "removed"),
        pair("d.json", "modified"),
        pair("moved.txt", "renamed"),
        pair("new.txt", "added"),
    ];
    if cfg!(unix) {
        want.insert(3, pair("e.sh", "mode"));
    }
    assert_eq!(words(&found), want);
    assert_eq!((&found[0]["added"], &found[0]["removed"]), (&1.into(), &1.into()));
    assert_eq!(found[0]["diff"], "@@ -1,3 +1,3 @@\n 1\n-2\n+two\n 3\n");
    let places: Vec<_> = found[2]["places"].as_array().unwrap().iter().map(|place| place["pointer"].as_str().unwrap()).collect();
    assert_eq!(places, ["/a", "/b/1"]);
    let text = copy.run(&["diff", ID]).ok().stdout;
    for part in ["-2\n+two", "changed /a: 1 -> 2", "(was c.txt)"] {
        assert!(text.contains(part), "{part}: {text}");
    }
    assert!(!copy.run(&["diff", "--stat"]).ok().stdout.contains("two"));
    unchanged(&before, &copy.ws);
}

#[test]
fn what_a_newer_version_would_bring_is_told_beforehand() {
    let copy = Copy::of(vec![
        version("1.0.0", &[("p.json", "{\"Query\": \"select 1\"}\n"), ("a.txt", "a\n")]),
        version("1.1.0", &[("p.json", "{\"Query\": \"select 2\"}\n"), ("a.txt", "a\n")]),
        version("1.2.0", &[("p.json", "{\"Query\": \"select 3\"}\n"), ("a.txt", "b\n"), ("n.txt", "n\n")]),
    ]);
    copy.write("a.txt", "ours\n");
    let before = snapshot(&copy.ws);
    assert_eq!(words(&rows(&copy, &["--upstream"]))[..2], [pair("a.txt", "modified"), pair("component.toml", "modified")]);
    let found = rows(&copy, &["pupil-system", "--upstream", "1.1.0"]);
    assert_eq!(words(&found), [pair("component.toml", "modified"), pair("p.json", "modified")]);
    let place = &found[1]["places"][0];
    assert_eq!((&place["pointer"], &place["from"], &place["to"]), (&"/Query".into(), &"\"select 1\"".into(), &"\"select 2\"".into()));
    assert_eq!(words(&rows(&copy, &["--upstream", "pupil-system"])).len(), 4);
    copy.run(&["diff", "--upstream", "1.1.0", "--json"]).fails(2, "usage");
    copy.run(&["diff", ID, "--upstream", "9.9.9", "--json"]).fails(1, "not-found");
    unchanged(&before, &copy.ws);
}

#[test]
fn no_secret_is_shown() {
    let manifest = "[variables.key]\ntype = \"secret\"\nreplace = [{ file = \"s.env\", text = \"@@KEY@@\", count = 1 }]\n";
    let first = Version::new(ID, "1.0.0", files(&[("s.env", "KEY=@@KEY@@\n")])).manifest(manifest);
    let copy = Copy::with_answers(vec![first], &["key=hush-Zq9"]);
    assert_eq!(copy.read("s.env"), "KEY=hush-Zq9\n");
    assert_eq!(rows(&copy, &[]), [] as [Value; 0]);
    copy.write("s.env", "# ours\nKEY=hush-Zq9\n");
    let run = copy.run(&["diff", "--json"]).ok();
    assert!(!run.both().contains("hush") && run.stdout.contains("s.env"), "{run}");
    assert!(!copy.run(&["diff"]).ok().both().contains("hush"));
}

#[cfg(unix)]
mod on_a_terminal {
    use super::{Copy, ID, fs, version};
    use crate::support::terminal::Terminal;

    /// A copy with a change, and what stands on the screen after `forum diff`.
    fn screen(env: &[(&str, &str)], args: &[&str]) -> String {
        let mut copy = Copy::of(vec![version("1.0.0", &[("a.txt", "1\n2\n3\n")])]);
        copy.write("a.txt", "1\ntwo\n3\n");
        let config = copy.sandbox.path("home/.gitconfig");
        for (key, value) in env {
            match *key {
                "core.pager" => fs::write(&config, fs::read_to_string(&config).unwrap() + &format!("[core]\n\tpager = {value}\n")).unwrap(),
                key => drop(copy.sandbox.set(key, *value)),
            }
        }
        let (code, screen) = Terminal::start(&copy.sandbox, &copy.ws, &[&["diff", ID], args].concat()).end();
        assert_eq!(code, Some(0), "{screen}");
        assert!(screen.contains("-2") && screen.contains("+two"), "{screen}");
        screen
    }

    #[test]
    fn it_is_paged_as_git_does() {
        let by = |word: &str| format!("sed s/^/{word}:/");
        let (first, second, third) = (by("variable"), by("configured"), by("general"));
        let all = [("GIT_PAGER", first.as_str()), ("core.pager", &second), ("PAGER", &third)];
        assert!(screen(&all, &[]).contains("variable:+two"));
        assert!(screen(&all[1..], &[]).contains("configured:+two"));
        assert!(screen(&all[2..], &[]).contains("general:+two"));
        // Without git the environment alone says it.
        assert!(screen(&[all[1], all[2], ("FORUM_GIT", "builtin")], &[]).contains("general:+two"));
        let less = screen(&[("GIT_PAGER", "echo LESS is $LESS, LV is $LV; cat"), ("LV", "mine")], &[]);
        assert!(less.contains("LESS is FRX, LV is mine"), "{less}");
    }

    #[test]
    fn without_a_pager_it_is_printed() {
        for none in ["cat", "", "no-such-pager-is-there"] {
            assert!(screen(&[("GIT_PAGER", none)], &[]).contains("\n+two\n"), "{none}");
        }
        // A person may leave the pager at once.
        let mut copy = Copy::of(vec![version("1.0.0", &[("a.txt", "1\n")])]);
        copy.write("a.txt", &"line\n".repeat(100_000));
        copy.sandbox.set("GIT_PAGER", "head -n 3");
        let (code, screen) = Terminal::start(&copy.sandbox, &copy.ws, &["diff"]).end();
        assert!(code == Some(0) && !screen.contains("error"), "{screen}");
        // For a program there is no pager.
        copy.sandbox.set("GIT_PAGER", "false");
        assert!(copy.run(&["diff"]).ok().stdout.contains("+line"));
        let (_, screen) = Terminal::start(&copy.sandbox, &copy.ws, &["diff", "--stat", "--json"]).end();
        assert!(screen.starts_with("{\"forum\":1"), "{screen}");
    }
}
