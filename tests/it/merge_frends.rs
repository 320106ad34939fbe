//! Merging real process exports as JSON, with JSON and XML in their strings: they stay valid, and no byte that neither
//! side changed becomes another one.
//!
//! The oracle knows nothing of merging: each side is the base with some values overwritten, so the result must be the base
//! with all of them overwritten, and ours where both overwrote the same.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::ops::Range;
use std::path::PathBuf;

use forum::formats::json::{Document, Kind, NodeId};
use forum::formats::merge::{Merged, merge_file};
use forum::formats::text::Labels;
use serde_json::Value;

use crate::merge::Numbers;
use crate::support::test_data;

/// A value that may be overwritten: the bytes in the outermost text, and whether they are a number.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Place {
    range: Range<usize>,
    number: bool,
}

/// All exports, with the directory that says which belong together.
fn exports() -> Option<BTreeMap<PathBuf, Vec<u8>>> {
    let mut open = vec![test_data("frends")?];
    let mut found = BTreeMap::new();
    while let Some(path) = open.pop() {
        if path.is_dir() {
            open.extend(fs::read_dir(path).unwrap().map(|entry| entry.unwrap().path()));
        } else if path.extension().is_some_and(|end| end == "json") {
            let bytes = fs::read(&path).unwrap();
            found.insert(path, bytes);
        }
    }
    assert!(found.len() >= 10, "{:?}", found.keys());
    Some(found)
}

/// What tells elements apart: another value there makes another element.
fn identifies(key: &str) -> bool {
    let key = key.to_lowercase();
    key.ends_with("id") || ["name", "key", "code"].contains(&key.as_str())
}

/// The values of a document and of those in its strings. `raw` leads from its bytes to those of the outermost text.
fn places(document: &Document, node: NodeId, raw: &dyn Fn(&Range<usize>) -> Range<usize>, found: &mut Vec<Place>) {
    let span = document.span(node);
    match document.kind(node) {
        Kind::Object => {
            let members = document.members(node).iter().filter(|member| !identifies(&member.key));
            members.for_each(|member| places(document, member.value, raw, found));
        }
        Kind::Array => document.elements(node).iter().for_each(|element| places(document, *element, raw, found)),
        Kind::Number => found.push(Place { range: raw(&span), number: true }),
        Kind::Null | Kind::Boolean => {}
        Kind::String => {
            let inner = document.string(node).unwrap();
            match Document::parse(inner.text().as_bytes()) {
                Ok(inside) if inner.text().starts_with(['{', '[']) => {
                    places(&inside, inside.root(), &|range| raw(&inner.raw(range)), found);
                }
                _ if inner.text().starts_with("<?xml") => {
                    let names = inner.text().match_indices(" name=\"").map(|(at, mark)| at + mark.len());
                    let ends = names.map(|from| from..from + inner.text()[from..].find('"').unwrap());
                    found.extend(
                        ends.filter(|range| !range.is_empty()).map(|range| Place { range: raw(&inner.raw(&range)), number: false }),
                    );
                }
                _ if span.len() > 2 => found.push(Place { range: raw(&(span.start + 1..span.end - 1)), number: false }),
                _ => {}
            }
        }
    }
}

/// The base with values overwritten.
fn overwritten(base: &[u8], values: &BTreeMap<usize, (Range<usize>, String)>) -> Vec<u8> {
    let (mut out, mut at) = (Vec::new(), 0);
    for (range, value) in values.values() {
        out.extend_from_slice(&base[at..range.start]);
        out.extend_from_slice(value.as_bytes());
        at = range.end;
    }
    out.extend_from_slice(&base[at..]);
    out
}

/// Valid at every depth, as another reader of JSON sees it.
#[track_caller]
fn valid(bytes: &[u8], base: &[u8], what: &str) {
    let depths = |bytes: &[u8]| {
        let text = std::str::from_utf8(bytes).unwrap().trim_start_matches('\u{feff}');
        let mut open = vec![serde_json::from_str::<Value>(text).unwrap_or_else(|error| panic!("{what}: {error}"))];
        let mut documents = 0;
        while let Some(value) = open.pop() {
            match value {
                Value::Array(all) => open.extend(all),
                Value::Object(all) => open.extend(all.into_values()),
                Value::String(text) if text.starts_with(['{', '[']) => {
                    if let Ok(inside) = serde_json::from_str(&text) {
                        documents += 1;
                        open.push(inside);
                    }
                }
                _ => {}
            }
        }
        documents
    };
    assert!(depths(bytes) >= depths(base), "{what}: a document in a string is none any more");
}

fn merge(base: &[u8], ours: &[u8], theirs: &[u8], what: &str) -> (Vec<u8>, usize) {
    let labels = Labels { base: "b".into(), ours: "o".into(), theirs: "t".into() };
    match merge_file(base, ours, theirs, &labels) {
        Merged::Clean(text) => (text, 0),
        Merged::Reported(text, places) => (text, places.len()),
        other => panic!("{what}: {other:?}"),
    }
}

/// Overwrites values on both sides, `rounds` times in each export, and merges.
fn overwriting(rounds: usize) {
    let Some(exports) = exports() else { return };
    let mut numbers = Numbers(0x5eed_0003);
    for (path, base) in &exports {
        let document = Document::parse(base).unwrap();
        let mut all = Vec::new();
        places(&document, document.root(), &Clone::clone, &mut all);
        assert!(all.len() > 50, "{}: {} values", path.display(), all.len());
        for round in 0..rounds {
            let mut side = |word: &str| -> BTreeMap<usize, (Range<usize>, String)> {
                let count = 1 + numbers.next(8);
                let mut one = |_| {
                    let place = &all[numbers.next(all.len())];
                    let value = if place.number { format!("9{}", numbers.next(1000)) } else { format!("{word} {}", numbers.next(1000)) };
                    (place.range.start, (place.range.clone(), value))
                };
                (0..count).map(&mut one).collect()
            };
            let (here, there) = (side("ours"), side("theirs"));
            let what = format!("{} round {round}: {here:?} {there:?}", path.display());
            let (ours, theirs) = (overwritten(base, &here), overwritten(base, &there));
            let both: BTreeSet<_> = here.keys().filter(|key| there.get(key).is_some_and(|value| *value != here[key])).collect();
            let mut want = there.clone();
            want.extend(here.clone());
            let (text, disagreements) = merge(base, &ours, &theirs, &what);
            assert!(text == overwritten(base, &want), "{what}: a byte is another one");
            assert_eq!(disagreements, both.len(), "{what}");
            valid(&text, base, &what);
            assert!(merge(base, base, &theirs, &what).0 == theirs && merge(base, &ours, base, &what).0 == ours, "{what}");
        }
    }
}

#[test]
fn what_either_side_overwrites_stands_in_the_result_and_every_other_byte_stays() {
    overwriting(6);
}

#[test]
#[ignore = "long"]
fn what_either_side_overwrites_stands_in_the_result_in_many_rounds() {
    overwriting(30);
}

#[test]
fn no_merge_of_versions_that_belong_together_makes_one_invalid() {
    let Some(exports) = exports() else { return };
    let mut merges = 0;
    for (base_at, base) in &exports {
        let family: Vec<_> = exports.iter().filter(|(path, _)| path.parent() == base_at.parent()).collect();
        for (ours_at, ours) in &family {
            for (theirs_at, theirs) in &family {
                let what = format!("{}, {}, {}", base_at.display(), ours_at.display(), theirs_at.display());
                let (text, _) = merge(base, ours, theirs, &what);
                valid(&text, b"{}", &what);
                assert!(base != *theirs || text == **ours, "{what}: nothing new, and not ours");
                assert!(ours != theirs || text == **ours, "{what}: both alike, and another one");
                merges += 1;
            }
        }
    }
    assert!(merges > 300, "{merges}");
}
