//! Runs at once give what one gives.

use crate::support::fixtures::{KOMMUN, PUPIL, SFTP, small};
use crate::support::sandbox::Sandbox;

const K: [&str; 2] = KOMMUN;

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
