//! `forum registry check` on what the history of a registry holds.

use crate::registry_check::{ID, check, content, ready, rules};
use crate::support::git;

#[test]
fn content_that_was_erased_does_not_come_back_with_an_older_branch() {
    let (sandbox, mut registry, _) = ready();
    let old = registry.head();
    registry.publish("sundsvall/other", "1.0.0", content("other\n"));
    let branch = registry.head();
    // The same main, rewritten without the first version, whose tombstone stands in the index.
    registry.set_main(&old);
    registry.tombstone(ID, "1.0.0", "Personal data");
    let whole = check(&sandbox, &registry.path, &[]);
    assert!(rules(&whole, "warning").contains(&"erased-content".to_owned()), "the tombstone alone erases nothing: {whole}");
    let root = registry.git(&["rev-list", "--max-parents=0", "refs/heads/main"]);
    let main = registry.git(&["commit-tree", "refs/heads/main^{tree}", "-p", &root, "-m", "Rewritten"]);
    registry.set_main(&main);
    let lone = sandbox.path("lone");
    git(&["clone", "-q", &format!("file://{}", registry.path.display()), lone.to_str().unwrap()]);
    let clean = check(&sandbox, &lone, &[]);
    assert!(!clean.stdout.contains("erased-content"), "{clean}");
    // What a host checks out for the pull request of that branch.
    let merged = registry.git(&["commit-tree", &format!("{main}^{{tree}}"), "-p", &main, "-p", &branch, "-m", "Merge"]);
    registry.set_main(&merged);
    for (more, severity) in [(&["--base", main.as_str()][..], "error"), (&[], "warning")] {
        let outcome = check(&sandbox, &registry.path, more);
        assert!(rules(&outcome, severity).contains(&"erased-content".to_owned()), "{outcome}");
        assert!(outcome.stdout.contains("begins at the newest main"), "{outcome}");
    }
    let cut = sandbox.path("cut");
    git(&["clone", "-q", "--depth=1", &format!("file://{}", registry.path.display()), cut.to_str().unwrap()]);
    assert!(rules(&check(&sandbox, &cut, &[]), "warning").contains(&"erased-content".to_owned()));
    assert!(rules(&check(&sandbox, &registry.plain(&sandbox.path("plain")), &[]), "note").contains(&"erased-content".to_owned()));
}
