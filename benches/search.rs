//! How long a search takes over 20,000 components: reading the index, and looking things up in it.
#![allow(missing_docs, reason = "criterion's macros make undocumented items")]

use std::collections::BTreeMap;
use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use forum::model::digest::ObjectId;
use forum::model::index::{Card, Kind};
use forum::model::search::{Document, Query, Synonyms};
use forum::store::search_index;

const COMPONENTS: usize = 20_000;
const WORDS: [&str; 24] = [
    "elev",
    "förskola",
    "skola",
    "lön",
    "personal",
    "synkronisering",
    "ärende",
    "diarium",
    "faktura",
    "bokning",
    "händelse",
    "hämtar",
    "och",
    "till",
    "från",
    "system",
    "register",
    "åtgärd",
    "öppen",
    "data",
    "SS12000",
    "betyg",
    "närvaro",
    "tjänst",
];
const OWNERS: [&str; 6] = ["goteborg", "malmo", "alingsas", "ostersund", "vgr", "inera"];

/// A word that looks drawn by lot, the same at each run.
fn word(document: usize, position: usize) -> &'static str {
    let mixed = (document as u64 * 31 + position as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 33;
    WORDS[usize::try_from(mixed).unwrap_or_default() % WORDS.len()]
}

fn text(document: usize, start: usize, words: usize) -> String {
    (start..start + words).map(|position| word(document, position)).collect::<Vec<_>>().join(" ")
}

fn document(number: usize) -> Document {
    Document {
        id: format!("{}/component-{number}", OWNERS[number % OWNERS.len()]).parse().expect("an id"),
        card: Card {
            version: "1.2.0".to_owned(),
            kind: Kind::TechnicalComponent,
            title: text(number, 0, 4),
            summary: text(number, 10, 16),
            keywords: (30..34).map(|position| word(number, position).to_owned()).collect(),
            systems: vec![format!("System {}", number % 50), word(number, 40).to_owned()],
            license: "EUPL-1.2".to_owned(),
            status: "production".to_owned(),
            discussion: format!("https://forum.example.org/t/component-{number}"),
        },

        owner_title: String::new(),
        adopters: u32::try_from(number % 17).unwrap_or_default(),
        blob: ObjectId::from_bytes([u8::try_from(number % 251).unwrap_or_default(); 20]),
    }
}

fn search(criterion: &mut Criterion) {
    let documents: Vec<_> = (0..COMPONENTS).map(document).collect();
    let path = std::env::temp_dir().join(format!("forum-bench-{}", std::process::id())).join("registry.idx");
    search_index::save(&path, "bench", &documents, &[]).expect("a writable temporary directory");
    drop(documents);
    criterion.bench_function("load", |bencher| {
        bencher.iter(|| search_index::load(&path, "bench").expect("the index just written"));
    });

    let index = search_index::load(&path, "bench").expect("the index just written");
    let synonyms = Synonyms::new(&BTreeMap::from([("elev".to_owned(), vec!["pupil".to_owned(), "student".to_owned()])]));
    for (name, words) in [
        ("everything", &[][..]),
        ("one word", &["diarium"]),
        ("synonyms", &["pupil"]),
        ("one letter", &["s"]),
        ("marked", &["förskola"]),
        ("one marked letter", &["ä"]),
        ("three words", &["elev", "synk", "närvaro"]),
        ("none", &["nowhere"]),
    ] {
        let query = Query { words: words.iter().map(|word| (*word).to_owned()).collect(), ..Query::default() };
        criterion.bench_function(name, |bencher| {
            bencher.iter(|| {
                let hits = index.search(black_box(&query), &synonyms);
                index.best(&hits, 20).expect("whole")
            });
        });
    }
    // Not worth a failed run: it lies in the temporary directory.
    let _ = path.parent().map(std::fs::remove_dir_all);
}

criterion_group!(benches, search);
criterion_main!(benches);
