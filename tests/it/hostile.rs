//! Registries that attack: trees made with plumbing, bombs, index files.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use crate::support::fixtures::{BYTES, KOMMUN, empty, readme, ready};
use crate::support::registry::{Registry, Version, checksum_of};
use crate::support::sandbox::{Sandbox, program};
use crate::support::server::{Http, Options};
use crate::support::{git_command, output, same_files, snapshot, unchanged};

const K: [&str; 2] = KOMMUN;

/// A tree with a good manifest and these entries after it; what the index says is right.
fn publish(registry: &mut Registry, name: &str, entries: &[(&str, &[u8], &str)], sorted: bool) -> String {
    let id = format!("goteborg/{name}");
    let manifest = format!(
        "[component]\nowner = \"goteborg\"\nname = \"{name}\"\nversion = \"1.0.0\"\nkind = \"technical-component\"\ntitle = \"T\"\nsummary = \"S\"\nlicense = \"EUPL-1.2\"\nstatus = \"production\"\ncontact = \"a@goteborg.example\"\n"
    );
    let blob = registry.blob(manifest.as_bytes());
    let mut all: Vec<(&str, &[u8], &str)> = vec![("100644", b"component.toml", &blob)];
    all.extend_from_slice(entries);
    if sorted {
        let key = |entry: &(&str, &[u8], &str)| [entry.1, if entry.0 == "40000" { b"/" } else { b"" }].concat();
        all.sort_by_key(key);
    }
    let tree = registry.raw_tree(&all);
    let listing = [(b"component.toml".as_slice(), "100644", manifest.as_bytes())];
    let evil = entries.iter().filter(|entry| entry.0.starts_with("100")).map(|entry| (entry.1, "100644", b"evil\n".as_slice()));
    let digest = checksum_of(listing.into_iter().chain(evil));
    let mut version = Version::new(&id, "1.0.0", readme("1"));
    version.files.insert("component.toml".to_owned(), (false, manifest.into_bytes()));
    version.content = Some(tree);
    version.checksum = Some(digest);
    registry.publish_version(version);
    id
}

/// The fetch is refused as unsafe; the message names the component and, where it can, the file.
fn refused(sandbox: &Sandbox, registry: &Registry, id: &str, named: &str) {
    let ws = sandbox.workspace(id.split_once('/').unwrap().1, &registry.url());
    let (before, outside) = (snapshot(&ws), snapshot(&sandbox.path("tmp")));
    let run = sandbox.fetch(&ws, &[id, K[0], K[1]]);
    let error = run.fails(1, "unsafe-content");
    assert!(error.contains(id) && error.contains(named), "{id}: {error}");
    unchanged(&before, &ws);
    unchanged(&outside, &sandbox.path("tmp"));
}

/// What a directory of the registry holds: modes, names and objects, as plumbing takes them.
fn rows(registry: &Registry, tree: &str) -> Vec<(String, Vec<u8>, String)> {
    let listed = registry.git(&["ls-tree", tree]);
    let row = |line: &str| {
        let (head, name) = line.split_once('\t').unwrap();
        let words: Vec<_> = head.split(' ').collect();
        (words[0].trim_start_matches('0').to_owned(), name.as_bytes().to_vec(), words[2].to_owned())
    };
    listed.lines().map(row).collect()
}

fn written(registry: &Registry, rows: &[(String, Vec<u8>, String)]) -> String {
    let rows: Vec<_> = rows.iter().map(|(mode, name, oid)| (mode.as_str(), name.as_slice(), oid.as_str())).collect();
    registry.raw_tree(&rows)
}

#[test]
fn a_directory_of_the_registry_itself_with_entries_twice_is_refused() {
    for (place, named) in [("", "top"), ("index", "index/"), ("index/goteborg", "index/goteborg/")] {
        let (sandbox, mut small, ws) = ready();
        let registry = &small.registry;
        let main = registry.head();
        // From the damaged directory up to the top.
        let mut damaged = rows(registry, &format!("{main}:{place}"));
        let again = damaged[0].clone();
        damaged.insert(0, again);
        let (mut tree, mut path) = (written(registry, &damaged), place);
        while !path.is_empty() {
            let (above, name) = path.rsplit_once('/').unwrap_or(("", path));
            let mut all = rows(registry, &format!("{main}:{above}"));
            all.iter_mut().filter(|row| row.1 == name.as_bytes()).for_each(|row| row.2.clone_from(&tree));
            (tree, path) = (written(registry, &all), above);
        }
        let commit = registry.git(&["commit-tree", &tree, "-p", &main, "-m", "twice"]);
        small.registry.set_main(&commit);
        let before = snapshot(&ws);
        for args in [&["fetch", BYTES, K[0], K[1], "--json"][..], &["registry", "refresh", "--json"]] {
            let error = sandbox.run(&ws, args).fails(1, "invalid-registry");
            assert!(error.contains(named) && error.contains("twice"), "{place}: {error}");
        }
        unchanged(&before, &ws);
    }
}

#[test]
fn names_that_must_never_reach_a_disk() {
    let (sandbox, mut registry) = empty();
    let blob = registry.blob(b"evil\n");
    let names: &[&[u8]] = &[
        b".git",
        b".GIT",
        b".Git",
        b"git~1",
        b"GIT~1",
        b".git.",
        b".git ",
        b".git::$INDEX_ALLOCATION",
        ".g\u{200c}it".as_bytes(),
        b".gitmodules",
        b"..",
        b".",
        b"/abs",
        b"a/b",
        b"a\\b",
        b"..\\x",
        b"C:x",
        b"a:b",
        b"con",
        b"NUL.txt",
        b"com1",
        b"LPT9.json",
        "com\u{b9}".as_bytes(),
        b"trailing.",
        b"trailing ",
        b"a\nb",
        b"a\x1b[31mb",
        b"a\x7fb",
        b"\xff\xfe",
        b"what?",
        b"star*",
        b"pipe|",
        b"quote\"",
        b"less<",
        b"forum.toml",
        b"forum.lock",
        b"Forum.Lock",
        b".forum",
        b"",
    ];
    let ids: Vec<(String, String)> = registry.batch(|registry| {
        names
            .iter()
            .enumerate()
            .map(|(number, name)| {
                let id = publish(registry, &format!("evil-{number}"), &[("100644", name, &blob)], true);
                // Names that are escaped in the message are looked for by the component alone.
                let plain = name.iter().all(|byte| byte.is_ascii_graphic() && !b"\\\"".contains(byte));
                (id, if plain { String::from_utf8_lossy(name).into_owned() } else { String::new() })
            })
            .collect()
    });
    for (id, named) in ids {
        refused(&sandbox, &registry, &id, &named);
    }
}

#[test]
fn the_same_names_as_directories_and_below() {
    let (sandbox, mut registry) = empty();
    let blob = registry.blob(b"evil\n");
    let inner = registry.raw_tree(&[("100644", b"x", &blob)]);
    let names: &[&[u8]] = &[b".git", b".GIT", b"git~1", b"..", b".forum", b"nul"];
    for (number, name) in names.iter().enumerate() {
        let id = publish(&mut registry, &format!("dir-{number}"), &[("40000", name, &inner)], true);
        refused(&sandbox, &registry, &id, &String::from_utf8_lossy(name));
        let below = registry.raw_tree(&[("40000", name, &inner)]);
        let id = publish(&mut registry, &format!("below-{number}"), &[("40000", b"sub", &below)], true);
        refused(&sandbox, &registry, &id, "sub");
    }
    for (number, file) in [b"forum.toml".as_slice(), b"forum.lock"].iter().enumerate() {
        let below = registry.raw_tree(&[("100644", file, &blob)]);
        let id = publish(&mut registry, &format!("take-over-{number}"), &[("40000", b"sub", &below)], true);
        refused(&sandbox, &registry, &id, "sub/forum.");
    }
}

#[test]
fn kinds_modes_and_order() {
    let (sandbox, mut registry) = empty();
    let (blob, target) = (registry.blob(b"evil\n"), registry.blob(b"/etc/passwd"));
    let empty_tree = registry.raw_tree(&[]);
    let commit = registry.head();
    let cases: Vec<(&str, Vec<(&str, &[u8], &str)>)> = vec![
        ("symlink", vec![("120000", b"link", &target)]),
        ("submodule", vec![("160000", b"module", &commit)]),
        ("setuid", vec![("104755", b"tool", &blob)]),
        ("group-write", vec![("100664", b"tool", &blob)]),
        ("device", vec![("60000", b"tool", &blob)]),
        ("padded-mode", vec![("0100644", b"tool", &blob)]),
        ("duplicate", vec![("100644", b"x", &blob), ("100644", b"x", &target)]),
        ("file-and-directory", vec![("100644", b"x", &blob), ("40000", b"x", &empty_tree)]),
        ("unsorted", vec![("100644", b"z", &blob), ("100644", b"y", &blob)]),
        ("no-files", vec![("40000", b".git", &empty_tree)]),
        ("case", vec![("100644", b"readme", &blob), ("100644", b"README", &blob)]),
        ("sharp-s", vec![("100644", "stra\u{df}e".as_bytes(), &blob), ("100644", b"strasse", &blob)]),
        ("normalisation", vec![("100644", "\u{e5}".as_bytes(), &blob), ("100644", "a\u{30a}".as_bytes(), &blob)]),
    ];
    for (name, entries) in &cases {
        let id = publish(&mut registry, name, entries, *name != "unsorted");
        refused(&sandbox, &registry, &id, "");
    }
    assert!(!sandbox.path("cache").join("passwd").exists());
}

#[test]
fn a_repository_inside_a_component() {
    let (sandbox, mut registry) = empty();
    let head = registry.blob(b"ref: refs/heads/main\n");
    let leaf = registry.raw_tree(&[("100644", b"x", &head)]);
    let entries: [(&str, &[u8], &str); 4] =
        [("100644", b"HEAD", &head), ("100644", b"config", &head), ("40000", b"objects", &leaf), ("40000", b"refs", &leaf)];
    let inner = registry.raw_tree(&entries);
    let id = publish(&mut registry, "bare", &[("40000", b"inner", &inner)], true);
    refused(&sandbox, &registry, &id, "inner");
}

/// Ten levels of ten directories each, with the same tree at the end of all of them.
fn ten_levels(registry: &Registry, leaf: &[(&str, &[u8], &str)]) -> String {
    let names: Vec<String> = (0..10).map(|number| format!("d{number}")).collect();
    let mut tree = registry.raw_tree(leaf);
    for _ in 0..10 {
        let entries: Vec<(&str, &[u8], &str)> = names.iter().map(|name| ("40000", name.as_bytes(), tree.as_str())).collect();
        tree = registry.raw_tree(&entries);
    }
    tree
}

#[test]
fn a_million_files_from_ten_levels_of_the_same_tree() {
    let (sandbox, mut registry) = empty();
    let blob = registry.blob(b"evil\n");
    let (tree, hollow) = (ten_levels(&registry, &[("100644", b"x", &blob)]), ten_levels(&registry, &[]));
    let id = publish(&mut registry, "bomb", &[("40000", b"boom", &tree)], true);
    let directories = publish(&mut registry, "hollow", &[("40000", b"boom", &hollow)], true);
    refused(&sandbox, &registry, &directories, "too many directories");
    let started = Instant::now();
    refused(&sandbox, &registry, &id, "");
    let http = Http::start(&sandbox.path("srv"), Options::default());
    let ws = sandbox.workspace("http", &http.url());
    let before = snapshot(&ws);
    let error = sandbox.fetch(&ws, &[&id, K[0], K[1]]).fails(1, "unsafe-content");
    assert!(error.contains(&id), "{error}");
    unchanged(&before, &ws);
    assert!(started.elapsed() < Duration::from_secs(15), "{:?}", started.elapsed());
}

#[test]
fn an_index_of_a_thousand_million_files() {
    let (sandbox, mut registry) = empty();
    let settings = registry.blob(&registry.read("registry.toml").unwrap());
    let mut below = ("100644", registry.blob(b"evil\n"));
    for level in 0..3 {
        let names: Vec<String> = (0..1000).map(|number| format!("n{number:03}{}", if level == 0 { ".toml" } else { "" })).collect();
        let entries: Vec<(&str, &[u8], &str)> = names.iter().map(|name| (below.0, name.as_bytes(), below.1.as_str())).collect();
        below = ("40000", registry.raw_tree(&entries));
    }
    let root = registry.raw_tree(&[("40000", b"index", &below.1), ("100644", b"registry.toml", &settings)]);
    let commit = registry.git(&["commit-tree", &root, "-p", "refs/heads/main", "-m", "A large index"]);
    registry.set_main(&commit);
    let ws = sandbox.workspace("w", &registry.url());
    let before = snapshot(&ws);
    for command in [&["fetch", "pupil-system"][..], &["search", "pupil"]] {
        let run = sandbox.run(&ws, &[command, &["--json"]].concat());
        assert!(run.fails(1, "invalid-registry").contains("index: has more than"), "{run}");
    }
    unchanged(&before, &ws);
}

#[test]
fn one_malformed_component_closes_a_registry_to_nobody() {
    let (sandbox, mut registry) = empty();
    let blob = registry.blob(b"evil\n");
    let id = publish(&mut registry, "evil", &[("100644", b".git", &blob)], true);
    let fine = registry.publish("goteborg/fine", "1.0.0", readme("1"));
    let http = Http::start(&sandbox.path("srv"), Options::default());
    let ws = sandbox.workspace("w", &http.url());
    // Where git is told to look at everything that comes, it would take nothing at all.
    for key in ["transfer.fsckObjects", "fetch.fsckObjects"] {
        crate::support::git(&["config", "--file", sandbox.path("home/.gitconfig").to_str().unwrap(), key, "true"]);
    }
    sandbox.fetch(&ws, &["goteborg/fine", K[0], K[1]]).ok();
    same_files(&ws.join("components/goteborg/fine"), &fine.files);
    assert!(sandbox.fetch(&ws, &[&id, K[0], K[1]]).fails(1, "unsafe-content").contains(&id));
}

const HALF_A_GIBIBYTE: u64 = 512 << 20;

/// Takes a pack into the registry whose second object is 512 MiB by a delta of a few hundred bytes; gives that object.
fn inflated(registry: &Registry, kind: git2::ObjectType) -> String {
    let chunk: u32 = 0xff_ffff;
    let base = vec![0_u8; chunk as usize];
    let mut delta = varint(u64::from(chunk));
    delta.extend(varint(HALF_A_GIBIBYTE));
    let mut left = HALF_A_GIBIBYTE;
    while left > 0 {
        let take = left.min(u64::from(chunk));
        // Copy from offset 0, three bytes of size.
        delta.extend([0xf0, take.to_le_bytes()[0], take.to_le_bytes()[1], take.to_le_bytes()[2]]);
        left -= take;
    }
    let base_id = git2::Oid::hash_object(kind, &base).unwrap();
    let mut pack = b"PACK\0\0\0\x02\0\0\0\x02".to_vec();
    pack.extend(object_head(if kind == git2::ObjectType::Tree { 2 } else { 3 }, base.len()));
    pack.extend(deflate(registry, &base));
    pack.extend(object_head(7, delta.len()));
    pack.extend_from_slice(base_id.as_bytes());
    pack.extend(deflate(registry, &delta));
    let digest = sha1(&pack);
    pack.extend(digest);
    assert!(pack.len() < 100_000, "{}", pack.len());
    registry.git_with(&["index-pack", "--stdin", "--threads=1"], &pack);
    let all = registry.git(&["cat-file", "--batch-all-objects", "--batch-check"]);
    let is_it = |line: &&str| line.ends_with(&format!("{kind} {HALF_A_GIBIBYTE}"));
    all.lines().find(is_it).unwrap().split(' ').next().unwrap().to_owned()
}

/// Refused by a program that is given less memory than the object would take.
#[cfg(target_os = "linux")]
#[test]
fn half_a_gibibyte_from_a_small_pack() {
    let (sandbox, mut registry) = empty();
    let (blob, tree) = (inflated(&registry, git2::ObjectType::Blob), inflated(&registry, git2::ObjectType::Tree));
    let file = publish(&mut registry, "delta", &[("100644", b"big.bin", &blob)], true);
    let directory = publish(&mut registry, "deltas", &[("40000", b"big", &tree)], true);
    let within = |ws: &Path, id: &str| {
        let script = format!("ulimit -v 409600; exec \"$0\" fetch {id} --registry kommun --json");
        let mut command = sandbox.command_of(Path::new("sh"), ws, &["-c", &script]);
        command.arg(program());
        sandbox.outcome(command)
    };
    for (id, rule) in [(&file, "big.bin` has 536870912 bytes"), (&directory, "big/` is a directory of more than")] {
        let ws = sandbox.workspace(id.split_once('/').unwrap().1, &registry.url());
        let before = snapshot(&ws);
        let error = within(&ws, id).fails(1, "unsafe-content");
        assert!(error.contains(id.as_str()) && error.contains(rule), "{error}");
        unchanged(&before, &ws);
    }
    // The same for what is the registry's own: its settings, and its first directory.
    let large = registry.raw_tree(&[("100644", b"registry.toml", &blob)]);
    for (root, rule) in [(&large, "registry.toml has 536870912 bytes"), (&tree, "its directory has more than")] {
        let commit = registry.git(&["commit-tree", root, "-p", "refs/heads/main", "-m", "Half a gibibyte"]);
        registry.set_main(&commit);
        let ws = sandbox.workspace(&commit, &registry.url());
        let before = snapshot(&ws);
        let error = within(&ws, &file).fails(1, "invalid-registry");
        assert!(error.contains(rule), "{error}");
        unchanged(&before, &ws);
    }
}

fn varint(mut number: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    loop {
        let low = u8::try_from(number & 0x7f).unwrap();
        number >>= 7;
        bytes.push(if number > 0 { low | 0x80 } else { low });
        if number == 0 {
            return bytes;
        }
    }
}

fn object_head(kind: u8, size: usize) -> Vec<u8> {
    let rest = u64::try_from(size >> 4).unwrap();
    let first = (kind << 4) | u8::try_from(size & 15).unwrap();
    if rest == 0 { vec![first] } else { [vec![first | 0x80], varint(rest)].concat() }
}

/// The deflated bytes of a blob, cut out of a pack that git made.
fn deflate(registry: &Registry, bytes: &[u8]) -> Vec<u8> {
    let id = registry.blob(bytes);
    let mut command = git_command();
    command.arg("--git-dir").arg(&registry.path).args(["pack-objects", "--stdout", "-q"]);
    let pack = output(command, format!("{id}\n").as_bytes());
    let head = pack[12..].iter().position(|byte| byte & 0x80 == 0).unwrap();
    pack[12 + head + 1..pack.len() - 20].to_vec()
}

fn sha1(bytes: &[u8]) -> Vec<u8> {
    let said = String::from_utf8(output(std::process::Command::new("sha1sum"), bytes)).unwrap();
    git2::Oid::from_str(&said[..40]).unwrap().as_bytes().to_vec()
}

#[test]
fn index_files_that_cannot_be_used() {
    let (sandbox, mut small, _) = ready();
    let path = "index/goteborg/bytes.toml";
    let good = String::from_utf8(small.registry.read(path).unwrap()).unwrap();
    let mut deep = good.clone();
    let _ = write!(deep, "\n[extra]\nx = {}{}\n", "[".repeat(10_000), "]".repeat(10_000));
    let cases = [
        ("newer", good.replacen("format = 1", "format = 99", 1)),
        ("duplicate", format!("format = 1\n{good}")),
        ("conflict", format!("<<<<<<< ours\n{good}")),
        ("truncated", good[..good.len() / 2].to_owned() + "\nx = \""),
        ("empty", String::new()),
        ("control", good.replacen("id = ", "x = \"\u{1b}[31m\"\nid = ", 1)),
        ("other-id", good.replace("goteborg/bytes", "goteborg/other")),
        ("path-in-version", good.replace("\"1.0.0\"", "\"1.0.0/../../x\"")),
        ("deep", deep),
        ("huge", format!("{good}\n# {}\n", "x".repeat(50 << 20))),
    ];
    for (name, text) in cases {
        small.registry.write(path, text.as_bytes());
        let ws = sandbox.workspace(name, &small.registry.url());
        let before = snapshot(&ws);
        let run = sandbox.fetch(&ws, &[BYTES, K[0], K[1]]).exits(1);
        let code = run.json()["error"]["code"].as_str().unwrap().to_owned();
        assert!(["invalid-registry", "not-found"].contains(&code.as_str()), "{name}: {run}");
        assert!(run.both().contains(BYTES), "{name}: {run}");
        assert!(!run.both().contains('\u{1b}'), "{name}: {run}");
        unchanged(&before, &ws);
        // One bad file does not close the registry to the others.
        sandbox.fetch(&ws, &["inera/sftp-transfer", K[0], K[1]]).ok();
        fs::remove_dir_all(&ws).unwrap();
    }
}

#[test]
fn dependencies_that_are_paths() {
    let (sandbox, mut registry) = empty();
    for (number, bad) in ["../..", "a/../b", "/etc/passwd", "a\\\\b"].iter().enumerate() {
        let id = format!("goteborg/dependency-{number}");
        registry.publish_version(Version::new(&id, "1.0.0", readme("1")).needs(bad, "^1"));
        let ws = sandbox.workspace(&number.to_string(), &registry.url());
        let before = snapshot(&ws);
        sandbox.fetch(&ws, &[&id, K[0], K[1]]).exits(1);
        unchanged(&before, &ws);
    }
}
