//! `forum check` and `publish` from the municipality's own repository, in whatever form git keeps it, and as whoever git
//! says that works there.

use std::fs;

use crate::publish::{ID, World, component, git_in, published, record};
use crate::support::{git_command, skipped, write_files};

const BRANCH: &str = "contribute/sundsvall/pupil-sync-1.0.0";

#[test]
fn every_form_of_a_repository_is_read_as_git_reads_it() {
    for form in ["--object-format=sha256", "--ref-format=reftable"] {
        let world = World::new();
        let muni = world.sandbox.directory("other-form");
        let mut init = git_command();
        init.args(["init", "-q", form]).arg(&muni);
        if !init.output().unwrap().status.success() {
            skipped(&format!("this git knows no {form}"));
            continue;
        }
        fs::copy(world.muni.join("forum.toml"), muni.join("forum.toml")).unwrap();
        let mut files = component("1.0.0", "", &[("second.json", "{\"name\": \"sync\"}\r\n"), ("empty.txt", "")]);
        write_files(&muni.join("sync"), &files);
        git_in(&muni, &["add", "-A"]);
        git_in(&muni, &["commit", "-q", "-m", "work"]);
        git_in(&muni, &["remote", "add", "origin", "https://github.com/sundsvall/integrations.git"]);
        world.sandbox.run(&muni, &["check", "sync"]).ok();
        world.sandbox.run(&muni, &["publish", "sync"]).ok();
        assert_eq!(published(&world, BRANCH, ID), files, "{form}");
        let index = record(&world, BRANCH, &format!("index/{ID}.toml"));
        assert_eq!(index["version"][0]["source"]["commit"].as_str(), Some(&*git_in(&muni, &["rev-parse", "HEAD"])), "{form}");
        // What is changed comes from the disk, and what is not from the commit.
        fs::write(muni.join("sync/process.json"), "{}\n").unwrap();
        files.insert("process.json".to_owned(), (false, b"{}\n".to_vec()));
        world.sandbox.run(&muni, &["publish", "sync"]).ok();
        assert_eq!(published(&world, BRANCH, ID), files, "{form}");
        // Without git nothing can be read of it, and nothing is guessed.
        let run = world.sandbox.run_with(&muni, &["check", "sync", "--json"], &[("FORUM_GIT", "builtin")]);
        assert!(run.fails(2, "usage").contains("install git"), "{form}: {run}");
    }
}

#[test]
fn a_person_is_whom_git_knows_where_the_component_lies() {
    let world = World::new();
    let file = world.muni.join("forum.toml");
    let text = fs::read_to_string(&file).unwrap();
    fs::write(&file, text.replace("owner = \"sundsvall\"\n", "owner = \"sundsvall\"\nauthor = \"person\"\n")).unwrap();
    world.git(&["config", "user.name", "Sam Here"]);
    world.git(&["config", "user.email", "sam@sundsvall.example"]);
    world.git(&["commit", "-q", "-a", "-m", "as a person"]);
    let elsewhere = world.sandbox.directory("elsewhere");
    git_in(&elsewhere, &["init", "-q"]);
    git_in(&elsewhere, &["config", "user.name", "Sam Elsewhere"]);
    git_in(&elsewhere, &["config", "user.email", "sam@elsewhere.example"]);
    world.sandbox.run(&elsewhere, &["publish", world.at().to_str().unwrap()]).ok();
    assert_eq!(world.registry.git(&["log", "--format=%an <%ae>", "-1", BRANCH]), "Sam Here <sam@sundsvall.example>");
}
