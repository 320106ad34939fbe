//! Cost is bounded: what is too much is refused by its size or number, before the work is done.

use std::time::{Duration, Instant};

use crate::support::fixtures::{KOMMUN, PUPIL, SFTP, readme, ready};
use crate::support::registry::{Registry, Version};
use crate::support::sandbox::Sandbox;
use crate::support::server::{Http, Options};
use crate::support::{Files, same_files, snapshot, unchanged};

const K: [&str; 2] = KOMMUN;

fn sized(count: usize, bytes: usize) -> Files {
    (0..count).map(|number| (format!("part-{number:02}.bin"), (false, vec![b'x'; bytes]))).collect()
}

#[test]
fn the_limits_of_the_registry_hold_over_every_transport() {
    let sandbox = Sandbox::new();
    let mut registry = Registry::new(&sandbox.path("srv/kommun.git"));
    let text = String::from_utf8(registry.read("registry.toml").unwrap()).unwrap();
    let small = text.replace("\"10 MiB\"", "\"10 KiB\"").replace("\"50 MiB\"", "\"30 KiB\"").replace("2000", "12");
    assert_ne!(text, small);
    registry.write("registry.toml", small.as_bytes());
    let mut deep = readme("1");
    deep.insert(format!("{}x", "d/".repeat(40)), (false, b"x".to_vec()));
    let mut long = readme("1");
    long.insert(format!("{0}/{0}/{0}", "n".repeat(90)), (false, b"x".to_vec()));
    let cases = [
        ("large-file", sized(1, 10_241), "part-00.bin"),
        ("large-component", sized(4, 9_000), "part-0"),
        ("many-files", sized(12, 1), "part-11.bin"),
        ("deep", deep, "d/d/"),
        ("long-path", long, "nnnn"),
    ];
    for (name, content, _) in &cases {
        registry.publish(&format!("goteborg/{name}"), "1.0.0", content.clone());
    }
    let fits = registry.publish("goteborg/fits", "1.0.0", sized(2, 10_240));
    let http = Http::start(&sandbox.path("srv"), Options::default());
    for (kind, url) in [("bare", registry.url()), ("http", http.url())] {
        for (name, _, named) in &cases {
            let ws = sandbox.workspace(&format!("{kind}-{name}"), &url);
            let before = snapshot(&ws);
            let id = format!("goteborg/{name}");
            let error = sandbox.fetch(&ws, &[&id, K[0], K[1]]).fails(1, "unsafe-content");
            assert!(error.contains(&id) && error.contains(named), "{kind}, {name}: {error}");
            unchanged(&before, &ws);
        }
        let ws = sandbox.workspace(&format!("{kind}-fits"), &url);
        sandbox.fetch(&ws, &["goteborg/fits", K[0], K[1]]).ok();
        same_files(&ws.join("components/goteborg/fits"), &fits.files);
    }
}

#[test]
fn files_beyond_all_measure_are_named_and_not_read() {
    let (sandbox, mut small, _) = ready();
    let huge = vec![b'#'; 40 << 20];
    for file in ["forum.toml", "forum.lock"] {
        let ws = sandbox.workspace(file, &small.registry.url());
        sandbox.fetch(&ws, &[SFTP, K[0], K[1]]).ok();
        std::fs::write(ws.join(file), &huge).unwrap();
        let before = snapshot(&ws);
        let run = sandbox.fetch(&ws, &[PUPIL, K[0], K[1]]).exits(1);
        assert!(run.json()["error"].to_string().contains(file), "{run}");
        unchanged(&before, &ws);
    }
    small.registry.write("registry.toml", &huge);
    let ws = sandbox.workspace("registry", &small.registry.url());
    let before = snapshot(&ws);
    let error = sandbox.fetch(&ws, &[PUPIL, K[0], K[1]]).fails(1, "invalid-registry");
    assert!(error.contains("registry.toml"), "{error}");
    unchanged(&before, &ws);
}

#[test]
fn a_manifest_of_ten_thousand_levels() {
    let (sandbox, mut small, _) = ready();
    for (number, nested) in
        [format!("x = {}{}", "[".repeat(10_000), "]".repeat(10_000)), format!("{}x = 1", "x.".repeat(10_000))].iter().enumerate()
    {
        let id = format!("goteborg/nested-{number}");
        small.registry.publish_version(Version::new(&id, "1.0.0", readme("1")).manifest(&format!("[extra]\n{nested}\n")));
        let ws = sandbox.workspace(&number.to_string(), &small.registry.url());
        let before = snapshot(&ws);
        let started = Instant::now();
        let error = sandbox.fetch(&ws, &[&id, K[0], K[1]]).fails(1, "invalid-manifest");
        assert!(error.contains(&id) && error.contains("component.toml"), "{error}");
        assert!(started.elapsed() < Duration::from_secs(10));
        unchanged(&before, &ws);
    }
}
