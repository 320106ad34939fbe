//! The rules of search, each over an index that went through its bytes.

use std::collections::BTreeMap;

use super::*;
use crate::model::index::Kind;

fn document(id: &str, title: &str) -> Document {
    Document {
        id: id.parse().expect("an id"),
        card: Card {
            version: "1.0.0".to_owned(),
            kind: Kind::TechnicalComponent,
            title: title.to_owned(),
            summary: String::new(),
            keywords: Vec::new(),
            systems: Vec::new(),
            license: "EUPL-1.2".to_owned(),
            status: "production".to_owned(),
            discussion: String::new(),
        },
        owner_title: String::new(),
        adopters: 0,
        blob: ObjectId::from_bytes([7; 20]),
    }
}

fn texts(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|text| (*text).to_owned()).collect()
}

fn index(documents: &[Document]) -> SearchIndex {
    SearchIndex::open(SearchIndex::build("key", documents).expect("small")).expect("just built")
}

fn ids(index: &SearchIndex, query: &Query, synonyms: &Synonyms) -> Vec<String> {
    let hits = index.search(query, synonyms);
    index.best(&hits, usize::MAX).expect("whole").iter().map(|document| document.id.to_string()).collect()
}

fn found(index: &SearchIndex, words: &[&str]) -> Vec<String> {
    ids(index, &Query { words: texts(words), ..Query::default() }, &Synonyms::default())
}

#[test]
fn documents_come_back_as_they_went_in() {
    let mut one = document("goteborg/pupil-system", "Elevsynk för förskolan");
    one.card.keywords = texts(&["SS12000", "elev"]);
    one.card.discussion = "https://example.org/1".to_owned();
    let two = document("alingsas/salary", "Lön");
    let index = index(&[one.clone(), two.clone()]);
    assert_eq!((index.len(), index.key(), index.is_empty()), (2, "key", false));
    assert_eq!(index.documents().map(|(_, document)| document).collect::<Vec<_>>(), [two, one]);
    assert!(index.document(2).is_err());
}

#[test]
fn an_owner_is_found_by_its_id_and_by_what_people_call_it() {
    let stad = Document { owner_title: "Göteborgs Stad".to_owned(), ..document("goteborg/pupil-system", "Pupils") };
    let index = index(&[stad, document("sundsvall/pupils", "Pupils")]);
    for typed in ["goteborg", "göteborg", "stad", "GÖTEBORGS"] {
        assert_eq!(found(&index, &[typed, "pupils"]), ["goteborg/pupil-system"], "{typed}");
    }
    assert!(found(&index, &["gåteborg"]).is_empty());
}

#[test]
fn an_empty_registry_is_searched_as_well() {
    let empty = index(&[]);
    assert!(empty.is_empty() && found(&empty, &[]).is_empty() && found(&empty, &["å", "a"]).is_empty());
}

#[test]
fn without_words_everything_comes_the_most_used_first() {
    let mut popular = document("ystad/ab", "A");
    popular.adopters = 9;
    let index = index(&[popular, document("alvesta/zz", "Z"), document("alvesta/bb", "B")]);
    for words in [&[][..], &[""], &[" "]] {
        assert_eq!(found(&index, words), ["ystad/ab", "alvesta/bb", "alvesta/zz"]);
    }
    assert!(found(&index, &["!"]).is_empty());
}

#[test]
fn a_typed_a_finds_marked_letters_and_a_typed_marked_letter_only_itself() {
    let index = index(&[document("xx/plain", "Halla sag"), document("xx/ring", "Hålla såg"), document("xx/dots", "HÄLLA säg")]);
    assert_eq!(found(&index, &["halla"]), ["xx/dots", "xx/plain", "xx/ring"]);
    assert_eq!(found(&index, &["HÅLLA"]), ["xx/ring"]);
    assert_eq!(found(&index, &["ha\u{30a}l"]), ["xx/ring"]);
    assert_eq!(found(&index, &["häll"]), ["xx/dots"]);
    assert_eq!(found(&index, &["hälla", "såg"]), Vec::<String>::new());
    assert_eq!(found(&index, &["hålla-sag"]), ["xx/ring"]);
    assert_eq!(found(&index, &["hålla-säg"]), Vec::<String>::new());
}

#[test]
fn words_match_from_their_start_in_every_field() {
    let mut one = document("goteborg/pupil-system", "Title words");
    one.card.summary = "Summary text".to_owned();
    one.card.keywords = texts(&["SS12000", "e-post"]);
    one.card.systems = texts(&["IST Administration"]);
    let index = index(&[one]);
    for word in [
        "tit",
        "words",
        "pupil",
        "sys",
        "goteb",
        "summ",
        "text",
        "ss12",
        "e-post",
        "e-po",
        "ist",
        "admin",
        "TITLE",
        "goteborg/pupil-system",
    ] {
        assert_eq!(found(&index, &[word]), ["goteborg/pupil-system"], "{word}");
    }
    for word in ["itle", "oteborg", "upil", "12000", "post-e", "titles", "ss12000-e", "system-title", "words-summary"] {
        assert_eq!(found(&index, &[word]), Vec::<String>::new(), "{word}");
    }
}

#[test]
fn every_word_must_be_somewhere() {
    let mut one = document("xx/one", "Elev synk");
    one.card.keywords = texts(&["lön"]);
    let index = index(&[one, document("xx/two", "Elev")]);
    assert_eq!(found(&index, &["elev", "lön"]), ["xx/one"]);
    assert_eq!(found(&index, &["elev lon"]), ["xx/one"]);
    assert_eq!(found(&index, &["elev", "tjänst"]), Vec::<String>::new());
}

#[test]
fn the_field_decides_then_the_whole_word_then_adopters_then_the_shorter_title() {
    let mut in_summary = document("xx/in-summary", "A");
    in_summary.card.summary = "Pupil".to_owned();
    in_summary.adopters = 99;
    let mut in_keywords = document("xx/in-keywords", "A");
    in_keywords.card.keywords = texts(&["other", "pupil"]);
    let mut in_systems = document("xx/in-systems", "A");
    in_systems.card.systems = texts(&["Pupil"]);
    let mut prefix_in_title = document("xx/prefix-popular", "Pupils");
    prefix_in_title.adopters = 5;
    let mut both = document("xx/prefix-and-word", "Pupils and pupil");
    both.adopters = 3;
    let all = [
        document("pupil/owned", "A"),
        in_summary,
        in_systems,
        in_keywords,
        document("xx/pupil", "A"),
        document("xx/prefix-b", "Pupils"),
        document("xx/prefix-a", "Pupils"),
        prefix_in_title,
        document("xx/a-long", "The pupil in the city"),
        document("xx/exact", "The pupil"),
        both,
    ];
    let expected = [
        "xx/prefix-and-word",
        "xx/exact",
        "xx/a-long",
        "xx/prefix-popular",
        "xx/prefix-a",
        "xx/prefix-b",
        "xx/pupil",
        "xx/in-keywords",
        "xx/in-systems",
        "xx/in-summary",
        "pupil/owned",
    ];
    assert_eq!(found(&index(&all), &["pupil"]), expected);
}

#[test]
fn marked_words_are_ranked_like_plain_ones() {
    let mut keyword = document("xx/keyword", "A");
    keyword.card.keywords = texts(&["lön"]);
    let index = index(&[keyword, document("xx/prefix", "Löner"), document("xx/word", "Löner och lön")]);
    assert_eq!(found(&index, &["lön"]), ["xx/word", "xx/prefix", "xx/keyword"]);
    assert_eq!(found(&index, &["lon"]), ["xx/word", "xx/prefix", "xx/keyword"]);
}

#[test]
fn a_typed_id_comes_first() {
    let mut popular = document("goteborg/pupil-system-extra", "Goteborg pupil system");
    popular.adopters = 50;
    let index = index(&[popular, document("goteborg/pupil-system", "A")]);
    assert_eq!(found(&index, &["Goteborg/pupil-system"]), ["goteborg/pupil-system", "goteborg/pupil-system-extra"]);
    assert_eq!(found(&index, &["goteborg/pupil-system", "nowhere"]), Vec::<String>::new());
}

#[test]
fn synonyms_find_in_both_directions() {
    let mut english = document("xx/english", "Pupil sync");
    english.card.keywords = texts(&["student information system"]);
    let index = index(&[english, document("xx/svenska", "Elevsynk"), document("xx/ord", "Elev och SIS")]);
    let table = BTreeMap::from([("elev".to_owned(), texts(&["pupil"])), ("sis".to_owned(), texts(&["Student Information System"]))]);
    let synonyms = Synonyms::new(&table);
    let found = |words: &[&str]| ids(&index, &Query { words: texts(words), ..Query::default() }, &synonyms);
    assert_eq!(found(&["elev"]), ["xx/english", "xx/ord", "xx/svenska"]);
    assert_eq!(found(&["PUPIL"]), ["xx/english", "xx/ord", "xx/svenska"]);
    assert_eq!(found(&["elever"]), Vec::<String>::new());
    assert_eq!(found(&["sis"]), ["xx/ord", "xx/english"]);
    assert_eq!(found(&["student", "information", "system"]), ["xx/ord", "xx/english"]);
    assert_eq!(found(&["sis", "elev"]), ["xx/ord", "xx/english"]);
}

#[test]
fn filters_narrow_what_words_find() {
    let mut one = document("goteborg/one", "Elev");
    one.card.systems = texts(&["Hypergene", "IST Administration", "Lönesystem"]);
    let mut two = document("goteborg-stad/two", "Elev");
    two.card.kind = Kind::Other("process".to_owned());
    two.card.license = "MIT".to_owned();
    let index = index(&[one, two]);
    let found = |change: fn(&mut Query)| {
        let mut query = Query { words: texts(&["elev"]), ..Query::default() };
        change(&mut query);
        let with_words = ids(&index, &query, &Synonyms::default());
        query.words.clear();
        assert_eq!(ids(&index, &query, &Synonyms::default()), with_words);
        with_words
    };
    assert_eq!(found(|q| q.owner = Some("goteborg".to_owned())), ["goteborg/one"]);
    assert_eq!(found(|q| q.owner = Some("gote".to_owned())), Vec::<String>::new());
    assert_eq!(found(|q| q.kind = Some("process".to_owned())), ["goteborg-stad/two"]);
    assert_eq!(found(|q| q.license = Some("mit".to_owned())), ["goteborg-stad/two"]);
    assert_eq!(found(|q| q.license = Some("EUPL".to_owned())), Vec::<String>::new());
    for system in ["ist administration", "IST", "ist-adm", "hyper", "Lonesystem", "löne"] {
        let query = Query { system: Some(system.to_owned()), ..Query::default() };
        assert_eq!(ids(&index, &query, &Synonyms::default()), ["goteborg/one"], "{system}");
    }
    for system in ["administration", "häp", "lönesystemet", "-", ""] {
        let query = Query { system: Some(system.to_owned()), ..Query::default() };
        assert_eq!(ids(&index, &query, &Synonyms::default()), Vec::<String>::new(), "{system}");
    }
}

#[test]
fn hits_count_everything_and_best_gives_the_first_ones() {
    let index = index(&[document("xx/one", "Elev"), document("xx/two", "Elev"), document("xx/three", "Elev")]);
    let hits = index.search(&Query { words: texts(&["elev"]), ..Query::default() }, &Synonyms::default());
    assert_eq!((hits.len(), index.best(&hits, 2).expect("whole").len()), (3, 2));
}

/// Opens an index and reads all of it.
fn read_all(bytes: Vec<u8>) -> Result<Vec<Document>, Damaged> {
    let index = SearchIndex::open(bytes)?;
    (0..index.len()).map(|position| index.document(position)).collect()
}

#[test]
fn every_flipped_bit_and_every_cut_is_noticed() {
    let good = SearchIndex::build("key", &[document("xx/one", "Förskola"), document("xx/two", "Elev")]).expect("small");
    assert_eq!(read_all(good.clone()).expect("whole").len(), 2);
    for at in 0..good.len() {
        for bit in 0..8 {
            let mut bad = good.clone();
            bad[at] ^= 1 << bit;
            assert!(read_all(bad).is_err(), "bit {bit} of byte {at}");
        }
        assert!(SearchIndex::open(good[..at].to_vec()).is_err(), "cut at {at}");
    }
    let mut longer = good.clone();
    longer.push(0);
    assert!(SearchIndex::open(longer).is_err());
}

/// Even where the checksum is right, nothing in the head may lead to a panic.
#[test]
fn a_forged_file_is_refused_or_searched_without_panic() {
    let good = SearchIndex::build("key", &[document("xx/one", "Förskola"), document("xx/two", "Elev å")]).expect("small");
    let length = SearchIndex::head_length(&good).expect("an index");
    for at in 0..length {
        for value in [0, 1, 0x1f, 0x20, 0x7f, 0xc3, 0xff] {
            let mut bad = good.clone();
            bad[at] = value;
            file::seal(&mut bad[..length]).expect("small");
            let Ok(index) = SearchIndex::open(bad) else { continue };
            for word in ["", "å", "e", "forskola", "xx/one"] {
                let query = Query { words: texts(&[word]), system: (at % 2 == 0).then(|| "e".to_owned()), ..Query::default() };
                let hits = index.search(&query, &Synonyms::default());
                assert!(index.best(&hits, 10).is_ok_and(|best| best.len() <= 2) || !hits.is_empty());
            }
        }
    }
}
