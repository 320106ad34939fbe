//! `forum adopt`, `registry yank` and `deprecate`, black-box against real repositories.

use crate::publish::{ID, World, component, record};
use crate::support::registry::{Registry, Version};

#[test]
fn an_adoption_is_one_record() {
    let mut world = World::new();
    let branch = "adopt/sundsvall/inera-plain";
    let run = world.run(&["adopt", "plain", "--status", "production", "--hours-saved", "80", "--json"]).ok();
    assert_eq!((run.json()["branch"].as_str(), run.json()["version"].as_str()), (Some(branch), Some("1.0.0")), "{run}");
    assert_eq!(world.registry.git(&["diff", "--name-only", "main", branch]), "adoptions/inera/plain/sundsvall.toml");
    let doc = record(&world, branch, "adoptions/inera/plain/sundsvall.toml");
    assert_eq!(
        (doc["status"].as_str(), doc["hours-saved"].as_integer(), doc["since"].as_str()),
        (Some("production"), Some(80), Some("2026-03-01"))
    );
    world.merge(branch);
    let run = world.run(&["adopt", "plain", "--status", "production", "--json"]).ok();
    assert_eq!(run.json()["already_published"], true, "{run}");
    world.run(&["adopt", "plain", "--status", "retired", "--since", "2025-03-01"]).ok();
    assert_eq!(record(&world, branch, "adoptions/inera/plain/sundsvall.toml")["until"].as_str(), Some("2025-11-24"));
    world.run(&["adopt", "inera/nowhere", "--status", "pilot", "--json"]).fails(1, "not-found");
    world.run(&["adopt", "plain", "--status", "used", "--json"]).fails(2, "usage");
    world.run(&["adopt", "plain", "--hours-saved", "-1", "--json"]).fails(2, "usage");
}

#[test]
fn a_yank_and_its_undoing_and_a_deprecation() {
    let mut world = World::new();
    world.registry.publish_version(Version::new(ID, "0.9.0", component("0.9.0", "", &[])).meta("title", "Old"));
    world.registry.publish_version(Version::new(ID, "1.0.0", component("1.0.0", "", &[])).meta("title", "New"));
    let before = table_of(&world.registry, ID);
    world.run(&["registry", "yank", &format!("{ID}@1.0.0"), "--reason", "wrong mapping", "--json"]).ok();
    let branch = format!("yank/{ID}-1.0.0");
    let index = record(&world, &branch, &format!("index/{ID}.toml"));
    assert_eq!(index["version"], before["version"]);
    assert_eq!(index["yanked"]["1.0.0"]["reason"].as_str(), Some("wrong mapping"));
    assert_eq!(index["card"]["version"].as_str(), Some("0.9.0"), "the card describes what can be had");
    world.merge(&branch);
    let run = world.run(&["registry", "yank", &format!("{ID}@1.0.0"), "--reason", "wrong mapping", "--json"]).ok();
    assert_eq!(run.json()["already_published"], true, "{run}");
    world.run(&["registry", "yank", &format!("{ID}@1.0.0"), "--undo"]).ok();
    let index = record(&world, &branch, &format!("index/{ID}.toml"));
    assert!(index.get("yanked").is_none() && index["card"]["version"].as_str() == Some("1.0.0"), "{index}");
    world.run(&["registry", "yank", &format!("{ID}@9.9.9"), "--reason", "x", "--json"]).fails(1, "not-found");
    world.run(&["registry", "yank", ID, "--reason", "x", "--json"]).fails(2, "usage");
    world.run(&["registry", "yank", &format!("{ID}@1.0.0"), "--json"]).fails(2, "usage");
    world.run(&["registry", "deprecate", ID, "--reason", "old", "--replaced-by", "inera/plain"]).ok();
    let index = record(&world, &format!("deprecate/{ID}"), &format!("index/{ID}.toml"));
    assert_eq!(index["deprecated"]["replaced-by"].as_str(), Some("inera/plain"));
    world.run(&["registry", "deprecate", ID, "--reason", "old", "--replaced-by", "inera/nowhere", "--json"]).fails(1, "not-found");
}

fn table_of(registry: &Registry, id: &str) -> toml::Table {
    toml::from_str(std::str::from_utf8(&registry.read(&format!("index/{id}.toml")).unwrap()).unwrap()).unwrap()
}
