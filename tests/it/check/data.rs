//! The rules on real files: a process export with planted leaks, the official test numbers, and a catalogue that many
//! people have looked at.
//!
//! Where the files lie says `test_data`.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Instant;

use forum::checks::{Candidate, Checked, Severity, check};
use forum::model::content::ContentFile;
use forum::model::digest::FileMode;
use serde_json::Value;

use crate::support::{output, test_data};

const MANIFEST: &str = "[component]\nowner = \"sundsvall\"\nname = \"real-data\"\nversion = \"1.0.0\"\nkind = \"technical-component\"\ntitle = \"Real data\"\nsummary = \"Files that others published\"\nlicense = \"EUPL-1.2\"\nstatus = \"draft\"\ncontact = \"integration@sundsvall.example\"\n";
const README: &str = "# Real data\n\nFiles that others published, held against the rules of forum for publication.\n\nNeeds nothing. Adapt it as you like.\n";

fn file(path: &str, bytes: Vec<u8>) -> ContentFile {
    ContentFile { path: path.parse().unwrap(), mode: FileMode::Regular, bytes }
}

/// What the rules say of some files, in a component that is sound otherwise.
fn checked(files: Vec<ContentFile>) -> Checked {
    let sound = [("component.toml", MANIFEST), ("README.md", README), ("LICENSE", "EUPL-1.2")];
    let files: Vec<_> = sound.iter().map(|(path, text)| file(path, text.as_bytes().to_vec())).chain(files).collect();
    check(&Candidate { files: &files, obstacles: &[], hidden: &[], place: "", registry: None, owner: None, previous: None })
}

fn unpacked(archive: &Path) -> Vec<u8> {
    let mut gzip = Command::new("gzip");
    gzip.arg("-dc").arg(archive);
    output(gzip, b"")
}

#[test]
fn planted_leaks_are_found_and_decoys_are_silent() {
    let Some(frends) = test_data("frends") else { return };
    let expected: Value = serde_json::from_slice(&fs::read(frends.join("expected.json")).unwrap()).unwrap();
    let bytes = fs::read(frends.join("leaky/leaky.json")).unwrap();
    let checked = checked(vec![file("leaky.json", bytes)]);
    let kinds = [
        ("email", "personal-email"),
        ("internal-hostname", "internal-host"),
        ("password-in-connection-string", "secret-password"),
        ("basic-credentials", "secret-password"),
        ("unc-path", "unc-path"),
        ("personnummer-test", "test-identity-number"),
        ("personnummer", "personal-identity-number"),
    ];
    // What only the format of the export tells: names of persons, off-canvas accounts, variables that are not secret.
    let of_the_format = ["L01", "L02", "L05", "L14"];
    let mut explained = BTreeSet::new();
    for leak in expected["leaks"]["leaky/leaky.json"].as_array().unwrap() {
        let text = |key: &str| leak[key].as_str().unwrap();
        let rule = kinds.iter().find(|(kind, _)| *kind == text("kind")).map(|(_, rule)| *rule);
        for place in leak["at"].as_array().unwrap() {
            let place = place.as_str().unwrap();
            let found = checked.findings.iter().position(|finding| {
                let inside = finding.pointer.as_deref().is_some_and(|pointer| pointer.starts_with(place));
                inside && rule.is_some_and(|rule| finding.rule == rule) && finding.severity.as_str() == text("severity")
            });
            explained.extend(found);
            assert!(found.is_some() || of_the_format.contains(&text("id")), "{} at {place} is not found", text("id"));
        }
    }
    let beyond: Vec<_> = checked.findings.iter().enumerate().filter(|(index, _)| !explained.contains(index)).collect();
    for decoy in expected["mustNotBeErrors"]["leaky/leaky.json"].as_array().unwrap() {
        let place = decoy["at"].as_str().unwrap();
        let hit = beyond.iter().find(|(_, finding)| finding.pointer.as_deref().is_some_and(|pointer| pointer.starts_with(place)));
        assert!(hit.is_none(), "{decoy}: {hit:?}");
    }
    let said = serde_json::to_string(&checked.findings).unwrap();
    for leak in expected["leaks"]["leaky/leaky.json"].as_array().unwrap() {
        assert!(!said.contains(leak["value"].as_str().unwrap()), "a finding repeats {}", leak["id"]);
    }
}

#[test]
fn official_test_numbers_are_no_errors_and_all_are_known() {
    let Some(lists) = test_data("personnummer") else { return };
    let mut all = 0;
    for name in ["personnummer-test", "samordningsnummer-test"] {
        let text = String::from_utf8(unpacked(&lists.join(format!("{name}.txt.gz")))).unwrap();
        for form in [
            |number: &str| number.to_owned(),
            |number: &str| format!("{}-{}", &number[..8], &number[8..]),
            |number: &str| {
                let sign = if &number[..4] < "1927" { '+' } else { '-' };
                format!("{}{sign}{}", &number[2..8], &number[8..])
            },
            |number: &str| format!("{}-{}", &number[2..8], &number[8..]),
            |number: &str| number[2..].to_owned(),
        ] {
            let table: Vec<_> = text.lines().map(|number| format!("Test;{}", form(number))).collect();
            let found = checked(vec![file("elever.csv", format!("namn;personnr\n{}\n", table.join("\n")).into_bytes())]);
            let rules: BTreeSet<_> = found.findings.iter().map(|finding| finding.rule).collect();
            assert!(rules.iter().all(|rule| *rule == "test-identity-number"), "{rules:?}");
        }
        all += text.lines().count();
    }
    assert_eq!(all, 41_127 + 2_264);
}

#[test]
fn a_catalogue_that_many_have_looked_at_has_no_error() {
    let Some(archives) = test_data("kamelets") else { return };
    let directory = tempfile::tempdir().unwrap();
    let (mut count, mut bytes, mut seconds) = (0, 0, 0.0);
    for release in ["0.8.0", "3.21.0", "4.4.0", "4.10.0", "4.14.0", "4.21.0"] {
        let mut tar = Command::new("tar");
        tar.arg("-xzf").arg(archives.join(format!("{release}.tar.gz"))).arg("-C").arg(directory.path());
        output(tar, b"");
        let mut files = Vec::new();
        for entry in fs::read_dir(directory.path().join("kamelets")).unwrap() {
            let path = entry.unwrap().path();
            files.push(file(path.file_name().unwrap().to_str().unwrap(), fs::read(&path).unwrap()));
            fs::remove_file(path).unwrap();
        }
        count += files.len();
        bytes += files.iter().map(|file| file.bytes.len()).sum::<usize>();
        let start = Instant::now();
        let found = checked(files);
        seconds += start.elapsed().as_secs_f64();
        let errors: Vec<_> = found.findings.iter().filter(|finding| finding.severity == Severity::Error).collect();
        assert!(errors.is_empty(), "{release}: {errors:#?}");
    }
    assert_eq!(count, 1382);
    let megabytes = f64::from(u32::try_from(bytes).unwrap()) / 1e6;
    eprintln!("{count} kamelets, {megabytes:.1} MB in {seconds:.3} s: {:.0} MB/s", megabytes / seconds);
}

/// Texts that are made to cost more than they weigh.
#[test]
fn no_text_costs_more_than_its_length() {
    for (path, part) in [
        ("a.json", "["),
        ("a.json", "{\"a\":"),
        ("a.json", "\\\""),
        ("a.yaml", "- [\n"),
        ("a.yaml", "a: 'x\n"),
        ("a.yaml", "- - - "),
        ("a.xml", "<a b='"),
        ("a.xml", "<!--"),
        ("a.cs", "\"\\\""),
        ("a.txt", "password"),
        ("a.txt", "password="),
        ("a.txt", "user=x;password=y["),
        ("a.yaml", "- {a: "),
        ("a.yaml", "a: {b: [\n"),
        ("a.json", "\"{a: {{b\","),
        ("a.txt", "://a:b"),
        ("a.txt", "x.y@kommun.se "),
        ("a.txt", "anna.svensson@kommun.se"),
        ("a.csv", "9503121270;"),
        ("a.txt", "personnr"),
        ("a.txt", "basic aaaaaaaaa "),
        ("a.txt", "\\\\"),
        ("a.txt", ".local"),
        ("a.txt", "-----BEGIN RSA PRIVATE KEY-----"),
        ("a.txt", "eyJ"),
    ] {
        let text = part.repeat(200_000 / part.len());
        let start = Instant::now();
        drop(checked(vec![file(path, text.into_bytes())]));
        assert!(start.elapsed().as_secs() < 20, "{path}: {part} took {:?}", start.elapsed());
    }
}
