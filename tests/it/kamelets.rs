//! Real input: a catalogue of 272 components in 1,382 versions, turned into a registry with one commit for each of its
//! six releases. What is fetched must be what the archives hold.
//!
//! Where the archives lie says `test_data`.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use crate::support::fixtures::KOMMUN;
use crate::support::registry::{Published, Registry, Version};
use crate::support::sandbox::Sandbox;
use crate::support::server::{Http, Options};
use crate::support::{files, output, same_files, test_data};

const K: [&str; 2] = KOMMUN;
/// Release, date and number of files, in the order of publication.
pub(crate) const RELEASES: [(&str, &str, usize); 6] = [
    ("0.8.0", "2022-04-13", 182),
    ("3.21.0", "2023-06-30", 215),
    ("4.4.0", "2024-02-19", 239),
    ("4.10.0", "2025-02-12", 247),
    ("4.14.0", "2025-08-25", 249),
    ("4.21.0", "2026-07-03", 250),
];
const SUFFIX: &str = ".kamelet.yaml";

/// The registry, and every version that was published, oldest first.
pub(crate) struct Kamelets {
    pub(crate) registry: Registry,
    versions: BTreeMap<String, Vec<Published>>,
}

/// The registry in a sandbox; `None` where the archives are not at hand.
pub(crate) fn build(sandbox: &Sandbox) -> Option<Kamelets> {
    let archives = test_data("kamelets")?;
    let mut registry = Registry::new(&sandbox.path("srv/kommun.git"));
    let mut versions: BTreeMap<String, Vec<Published>> = BTreeMap::new();
    let mut before = BTreeSet::new();
    registry.batch(|registry| {
        for (release, date, count) in RELEASES {
            let unpacked = sandbox.path(&format!("release-{release}"));
            fs::create_dir(&unpacked).unwrap();
            let mut tar = Command::new("tar");
            tar.arg("-xzf").arg(archives.join(format!("{release}.tar.gz"))).arg("-C").arg(&unpacked);
            output(tar, b"");
            let all: Vec<Version> = names(&unpacked).iter().map(|name| version(&unpacked, name, release, date)).collect();
            assert_eq!(all.len(), count, "{release}");
            let now: BTreeSet<String> = all.iter().map(|one| one.id.clone()).collect();
            for one in registry.publish_together(&format!("Release {release}"), all) {
                versions.entry(one.id.clone()).or_default().push(one);
            }
            for id in before.difference(&now) {
                registry.deprecate(id, &format!("Withdrawn in release {release}"), "");
            }
            before = now;
        }
    });
    assert_eq!((versions.len(), versions.values().map(Vec::len).sum::<usize>()), (272, 1382));
    Some(Kamelets { registry, versions })
}

pub(crate) fn names(unpacked: &Path) -> BTreeSet<String> {
    let found = fs::read_dir(unpacked.join("kamelets")).unwrap();
    found.map(|entry| entry.unwrap().file_name().into_string().unwrap().strip_suffix(SUFFIX).unwrap().to_owned()).collect()
}

/// One kamelet of one release as a version: its file as it stands, and a manifest from what it says of itself.
fn version(unpacked: &Path, name: &str, release: &str, date: &str) -> Version {
    let file = format!("{name}{SUFFIX}");
    let bytes = fs::read(unpacked.join("kamelets").join(&file)).unwrap();
    let text = std::str::from_utf8(&bytes).unwrap();
    let said = |key: &str| text.lines().find_map(|line| line.strip_prefix(key)).unwrap_or_default().trim().trim_matches('"').to_owned();
    let summary: String = said("    description:").trim_start_matches(['|', '-']).chars().take(160).collect();
    let status = match said("    camel.apache.org/kamelet.support.level:").as_str() {
        "Stable" => "production",
        "Preview" => "pilot",
        _ => "draft",
    };
    let group = said("    camel.apache.org/kamelet.group:");
    let kind = said("    camel.apache.org/kamelet.type:");
    let title = said("    title:");
    let mut version = Version::new(&format!("apache/{name}"), release, files(&[(&file, &bytes)]))
        .meta("title", title.clone())
        .meta("summary", if summary.is_empty() { title } else { summary })
        .meta("license", "Apache-2.0")
        .meta("status", status)
        .meta("keywords", vec!["camel".to_owned(), kind])
        .meta("systems", vec![group]);
    version.entry.insert("published".to_owned(), format!("{date}T12:00:00Z").into());
    version
}

/// `component.toml` apart, a version is the one file of its archive.
#[track_caller]
fn as_archived(sandbox: &Sandbox, published: &Published) {
    let name = published.id.split_once('/').unwrap().1;
    let archived = sandbox.path(&format!("release-{}/kamelets/{name}{SUFFIX}", published.version));
    assert_eq!(published.files[&format!("{name}{SUFFIX}")].1, fs::read(archived).unwrap());
}

/// Fetches these versions into a new workspace with one run, by requirement or as the newest.
fn fetch(sandbox: &Sandbox, name: &str, url: &str, wanted: &[&Published], newest: bool) {
    let ws = sandbox.workspace(name, url);
    let words: Vec<String> =
        wanted.iter().map(|one| if newest { one.id.clone() } else { format!("{}@={}", one.id, one.version) }).collect();
    let mut args: Vec<&str> = words.iter().map(String::as_str).collect();
    args.extend(K);
    let run = sandbox.fetch(&ws, &args).ok();
    let components = run.components();
    assert_eq!(components.len(), wanted.len());
    for one in wanted {
        assert_eq!(components[&one.id]["version"], one.version, "{}", one.id);
        as_archived(sandbox, one);
        same_files(&ws.join("components").join(&one.id), &one.files);
    }
    fs::remove_dir_all(&ws).unwrap();
}

#[test]
fn ten_of_them_from_the_bare_path() {
    let sandbox = Sandbox::new();
    let Some(kamelets) = build(&sandbox) else { return };
    let releases = kamelets.registry.git(&["log", "--format=%s", "refs/heads/main", "--grep=^Release"]);
    assert_eq!(releases.lines().count(), RELEASES.len(), "{releases}");
    // Spread over the catalogue, so that withdrawn and young ones are among them.
    let wanted: Vec<&Published> = kamelets.versions.values().step_by(28).map(|all| all.last().unwrap()).collect();
    assert_eq!(wanted.len(), 10);
    fetch(&sandbox, "newest", &kamelets.registry.url(), &wanted, true);
}

#[test]
#[ignore = "long"]
fn every_newest_and_each_version_of_forty_from_three_kinds_of_registry() {
    let mut sandbox = Sandbox::new();
    sandbox.limit = Duration::from_mins(4);
    let Some(kamelets) = build(&sandbox) else { return };
    let http = Http::start(&sandbox.path("srv"), Options::default());
    let bundle = kamelets.registry.bundle(&sandbox.path("kommun.bundle"));
    let newest: Vec<&Published> = kamelets.versions.values().map(|all| all.last().unwrap()).collect();
    let forty: Vec<&Vec<Published>> = kamelets.versions.values().step_by(6).take(40).collect();
    assert_eq!(forty.len(), 40);
    for (kind, url) in [("http", http.url()), ("bundle", bundle.to_str().unwrap().to_owned()), ("bare", kamelets.registry.url())] {
        fetch(&sandbox, &format!("{kind}-newest"), &url, &newest, true);
        for round in 0..RELEASES.len() {
            let wanted: Vec<&Published> = forty.iter().filter_map(|all| all.get(round)).collect();
            fetch(&sandbox, &format!("{kind}-{round}"), &url, &wanted, false);
        }
    }
}
