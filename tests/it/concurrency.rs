//! Twenty runs at once give what one gives.

use crate::support::fixtures::{KOMMUN, PUPIL, SFTP, small};
use crate::support::same_files;
use crate::support::sandbox::{Outcome, Sandbox, text};
use crate::support::server::{Http, Options};

const K: [&str; 2] = KOMMUN;

#[test]
fn twenty_at_once_on_one_cold_cache() {
    let sandbox = Sandbox::new();
    let small = small(&sandbox.path(""));
    let http = Http::start(&sandbox.path("srv"), Options::default());
    let spaces: Vec<_> = (0..20).map(|number| sandbox.workspace(&format!("w{number}"), &http.url())).collect();
    std::thread::scope(|scope| {
        for ws in &spaces {
            scope.spawn(|| sandbox.fetch(ws, &[PUPIL, K[0], K[1]]).ok());
        }
    });
    for ws in &spaces {
        same_files(&ws.join("components").join(PUPIL), &small.pupil[2].files);
        assert_eq!(crate::support::contents(ws), crate::support::contents(&spaces[0]));
    }
}

#[test]
fn ten_at_once_from_a_bundle_that_nobody_has_read_yet() {
    let sandbox = Sandbox::new();
    let small = small(&sandbox.path(""));
    let bundle = small.registry.bundle(&sandbox.path("kommun.bundle"));
    let spaces: Vec<_> = (0..10).map(|number| sandbox.workspace(&format!("w{number}"), bundle.to_str().unwrap())).collect();
    std::thread::scope(|scope| {
        for ws in &spaces {
            scope.spawn(|| sandbox.fetch(ws, &[PUPIL, K[0], K[1]]).ok());
        }
    });
    for ws in &spaces {
        same_files(&ws.join("components").join(PUPIL), &small.pupil[2].files);
    }
}

#[test]
fn several_in_one_workspace_wait_for_each_other() {
    let sandbox = Sandbox::new();
    let small = small(&sandbox.path(""));
    let ws = sandbox.workspace("w", &small.registry.url());
    std::thread::scope(|scope| {
        for id in [PUPIL, SFTP, "goteborg/bytes", PUPIL] {
            let (sandbox, ws) = (&sandbox, &ws);
            scope.spawn(move || sandbox.fetch(ws, &[id, K[0], K[1]]).ok());
        }
    });
    let run = sandbox.fetch(&ws, &["--locked"]).ok();
    assert_eq!(run.components().len(), 3, "{run}");
    assert!(!ws.join(".forum").exists());
}

/// Twenty runs at once; gives what they said.
fn twenty(sandbox: &Sandbox, spaces: &[std::path::PathBuf]) -> Vec<Outcome> {
    std::thread::scope(|scope| {
        let run = |number: usize| scope.spawn(move || sandbox.run(&spaces[number % spaces.len()], &["update", "--json"]));
        let all: Vec<_> = (0..20).map(run).collect();
        all.into_iter().map(|one| one.join().unwrap()).collect()
    })
}

/// A component in its first version with an edit, as the newer one will be merged with it.
fn adapted(sandbox: &Sandbox, name: &str, url: &str, edit: &str) -> std::path::PathBuf {
    let ws = sandbox.workspace(name, url);
    sandbox.fetch(&ws, &["goteborg/pupil-system@=1.0.0", K[0], K[1]]).ok();
    std::fs::write(ws.join("components").join(PUPIL).join("data.json"), edit).unwrap();
    let wishes = text(&ws.join("forum.toml")).replace("=1.0.0", "^1");
    std::fs::write(ws.join("forum.toml"), wishes).unwrap();
    ws
}

#[test]
fn twenty_updates_at_once_on_one_cold_cache() {
    let sandbox = Sandbox::new();
    let _small = small(&sandbox.path(""));
    let http = Http::start(&sandbox.path("srv"), Options::default());
    let edit = "{\"v\": \"1.0.0\", \"ours\": 1}\n";
    let spaces: Vec<_> = (0..20).map(|number| adapted(&sandbox, &format!("w{number}"), &http.url(), edit)).collect();
    std::fs::remove_dir_all(sandbox.cache()).unwrap();
    for run in twenty(&sandbox, &spaces) {
        assert_eq!(run.ok().components()[PUPIL]["to"], "1.2.0");
    }
    for ws in &spaces {
        assert_eq!(text(&ws.join("components").join(PUPIL).join("data.json")), "{\"v\": \"1.2.0\", \"ours\": 1}\n");
        assert_eq!(crate::support::contents(ws), crate::support::contents(&spaces[0]));
    }
}

#[test]
fn of_twenty_updates_in_one_workspace_one_does_the_work() {
    let sandbox = Sandbox::new();
    let small = small(&sandbox.path(""));
    let url = small.registry.url();
    for (name, edit, exit) in [("clean", "{\"v\": \"1.0.0\", \"ours\": 1}\n", 0), ("conflict", "{\"v\": \"ours\"}\n", 4)] {
        let ws = adapted(&sandbox, name, &url, edit);
        let alone = adapted(&sandbox, &format!("{name}-alone"), &url, edit);
        sandbox.run(&alone, &["update", "--json"]).exits(exit);
        let runs = twenty(&sandbox, std::slice::from_ref(&ws));
        let worked = runs.into_iter().filter(|run| !run.clone().exits(exit).components().is_empty()).count();
        assert_eq!(worked, 1, "{name}");
        let visible = |ws: &std::path::Path| {
            let mut all = crate::support::contents(ws);
            // It names the copy of before, which lies elsewhere for each workspace.
            all.remove(".forum/pending.json");
            all
        };
        assert_eq!(visible(&ws), visible(&alone), "{name}");
        let kept = sandbox.run(&ws, &["restore", "--json"]).ok().json()["kept"].as_array().unwrap().len();
        assert_eq!(kept, 1, "{name}");
    }
}
