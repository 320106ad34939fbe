//! Twenty runs at once give what one gives.

use crate::support::fixtures::{KOMMUN, PUPIL, SFTP, small};
use crate::support::same_files;
use crate::support::sandbox::Sandbox;
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
