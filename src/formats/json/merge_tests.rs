//! Merges of JSON: what comes together, what stays byte for byte, what is reported.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;

#[track_caller]
fn clean(base: &str, ours: &str, theirs: &str) -> String {
    let merged = merge(base.as_bytes(), ours.as_bytes(), theirs.as_bytes()).expect("documents");
    assert_eq!(merged.disagreements, [], "{base} {ours} {theirs}");
    String::from_utf8(merged.text).expect("text")
}

#[track_caller]
fn places(base: &str, ours: &str, theirs: &str) -> (String, Vec<String>) {
    let merged = merge(base.as_bytes(), ours.as_bytes(), theirs.as_bytes()).expect("documents");
    let text = String::from_utf8(merged.text).expect("text");
    (text, merged.disagreements.into_iter().map(|one| one.pointer).collect())
}

#[test]
fn members_come_and_go_and_every_other_byte_stays() {
    for (base, ours, theirs, want) in [
        (r#"{"a":1,"b":2}"#, r#"{ "a": 7,  "b":2 }"#, r#"{"a":1,"b":3}"#, r#"{ "a": 7,  "b":3 }"#),
        (r#"{"a":1}"#, "{\n  \"a\": 9\n}", r#"{"a":1,"n":[1, 2]}"#, "{\n  \"a\": 9,\n  \"n\":[1, 2]\n}"),
        (r#"{"a":1,"b":2,"c":3}"#, r#"{"a":1,"b":2,"c":4}"#, r#"{"b":2,"c":3}"#, r#"{"b":2,"c":4}"#),
        (r#"{"a":1,"b":2,"c":3}"#, r#"{"a":4, "b":2, "c":3}"#, r#"{"a":1}"#, r#"{"a":4}"#),
        (r#"{"a":1,"b":2}"#, r#"{"a":1,"b":2,"o":0}"#, "{}", r#"{"o":0}"#),
        (r#"{"a":{},"b":1}"#, r#"{"a":{},"b":2}"#, r#"{"a":{ "x":1 },"b":1}"#, r#"{"a":{ "x":1 },"b":2}"#),
        (r#"{"v":1.0,"w":1}"#, r#"{"v":1.0,"w":2}"#, r#"{"v":1,"w":1}"#, r#"{"v":1,"w":2}"#),
        (
            r#"{"n":12345678901234567890123,"w":1}"#,
            r#"{"n":12345678901234567890123,"w":2}"#,
            r#"{"n":12345678901234567890124,"w":1}"#,
            r#"{"n":12345678901234567890124,"w":2}"#,
        ),
    ] {
        assert_eq!(clean(base, ours, theirs), want);
    }
}

#[test]
fn elements_are_known_by_what_identifies_them() {
    let base = r#"[{"id":1,"v":1},{"id":2,"v":2},{"id":3,"v":3}]"#;
    let ours = r#"[{"id":0,"v":0}, {"id":1,"v":1},{"id":2,"v":20},{"id":3,"v":3}]"#;
    let theirs = r#"[{"id":1,"v":10},{"id":2,"v":2},{"id":4,"v":4}]"#;
    assert_eq!(clean(base, ours, theirs), r#"[{"id":0,"v":0}, {"id":1,"v":10},{"id":2,"v":20}, {"id":4,"v":4}]"#);
    assert_eq!(clean(r#"["a","b","c"]"#, r#"["x","a","b","c"]"#, r#"["a","b"]"#), r#"["x","a","b"]"#);
    assert_eq!(clean("[1,1,2]", "[1,1,2,3]", "[0,1,1,2]"), "[0,1,1,2,3]");
    assert_eq!(clean("[[1],[1],[2]]", "[[1],[1],[5]]", "[[0],[1],[2]]"), "[[0],[1],[5]]");
}

#[test]
fn another_order_is_not_dropped_in_silence() {
    let base = r#"{"l":[{"id":1},{"id":2}],"x":1}"#;
    assert_eq!(
        clean(base, r#"{"l":[{"id":1},{"id":2}],"x":2}"#, r#"{"l":[{"id":2},{"id":1}],"x":1}"#),
        r#"{"l":[{"id":2},{"id":1}],"x":2}"#
    );
    let (text, found) = places(base, r#"{"l":[{"id":1,"o":1},{"id":2}],"x":1}"#, r#"{"l":[{"id":2},{"id":1}],"x":1}"#);
    assert_eq!((text.as_str(), found), (r#"{"l":[{"id":1,"o":1},{"id":2}],"x":1}"#, vec!["/l".to_owned()]));
}

#[test]
fn where_both_disagree_ours_stays_and_the_place_is_told() {
    for (base, ours, theirs, pointers) in [
        (r#"{"a":1,"b":1}"#, r#"{"a":2,"b":1}"#, r#"{"a":3,"b":1}"#, vec!["/a"]),
        (r#"{"a":1,"b":1}"#, r#"{"b":1}"#, r#"{"a":3,"b":1}"#, vec!["/a"]),
        (r#"{"a":1,"b":1}"#, r#"{"a":2,"b":1}"#, r#"{"b":1}"#, vec!["/a"]),
        (r#"{"a":1}"#, r#"{"a":1,"n/~":2}"#, r#"{"a":1,"n/~":3}"#, vec!["/n~1~0"]),
        ("[1,1]", "[1,1,2]", "[1,1,3]", vec![""]),
        ("[0,10]", "[0,20]", "[0,30]", vec!["/1"]),
    ] {
        let (text, found) = places(base, ours, theirs);
        assert_eq!((text.as_str(), found), (ours, pointers.into_iter().map(str::to_owned).collect()));
    }
}

#[test]
fn documents_in_strings_are_merged_in_their_strings() {
    let nested = |inner: &Value, outer: i32| json!({ "p": json!({ "q": inner.to_string(), "o": outer }).to_string() }).to_string();
    let base = nested(&json!({ "a": 1, "b": "x\"y", "l": [] }), 1);
    let ours = nested(&json!({ "a": 2, "b": "x\"y", "l": [] }), 1);
    let theirs = nested(&json!({ "a": 1, "b": "z\\", "l": ["n"] }), 2);
    assert_eq!(clean(&base, &ours, &theirs), nested(&json!({ "a": 2, "b": "z\\", "l": ["n"] }), 2));
    // Escapes of ours stay as they are around what changes.
    let dotnet = r#"{"p":"{\u0022a\u0022:1,\u0022b\u0022:\u0022\u00e5\u0022}","x":1}"#;
    let ours = dotnet.replace(r#""x":1"#, r#""x":2"#).replace(r"\u0022a\u0022:1", r"\u0022a\u0022:5");
    let theirs = r#"{"p":"{\"a\":1,\"b\":\"ä\"}","x":1}"#;
    assert_eq!(clean(dotnet, &ours, theirs), r#"{"p":"{\u0022a\u0022:5,\u0022b\u0022:\"ä\"}","x":2}"#);
    let (_, found) = places(&nested(&json!({ "a": 1 }), 1), &nested(&json!({ "a": 2 }), 1), &nested(&json!({ "a": 3 }), 1));
    assert_eq!(found, ["/p!/q!/a"]);
}

#[test]
fn line_ends_of_ours_and_lines_in_strings() {
    let merged = clean("{\n\"a\":1\n}", "{\r\n\"a\":2\r\n}", "{\n\"a\":1,\n\"n\":{\n\"m\":1\n}\n}");
    assert!(!merged.replace("\r\n", "").contains('\n'), "{merged:?}");
    assert_eq!(clean(r#"{"s":"a\nb\nc\nd\n"}"#, r#"{"s":"A\nb\nc\nd\n"}"#, r#"{"s":"a\nb\nc\nD\n"}"#), r#"{"s":"A\nb\nc\nD\n"}"#);
    assert_eq!(places(r#"{"s":"a"}"#, r#"{"s":"b"}"#, r#"{"s":"c"}"#).1, ["/s"]);
}

#[test]
fn xml_in_a_string_is_merged_by_its_elements() {
    let export = |one: &str, two: &str| {
        json!({ "Bpmn": format!("<?xml version=\"1.0\"?>\n<p><t id=\"1\" name=\"{one}\" /><t id=\"2\" name=\"{two}\" /></p>") }).to_string()
    };
    assert_eq!(clean(&export("a", "b"), &export("ours", "b"), &export("a", "theirs")), export("ours", "theirs"));
    let (text, found) = places(&export("a", "b"), &export("ours", "b"), &export("other", "theirs"));
    assert_eq!((text, found), (export("ours", "theirs"), vec!["/Bpmn!/p/t[id=1]/@name".to_owned()]));
}

#[test]
fn what_is_no_document_is_left_to_its_lines() {
    for (base, ours, theirs) in [("{}", "{", "{}"), ("1", "2", "3"), (r#"{"a":1,"a":2}"#, "{}", "{}")] {
        assert!(merge(base.as_bytes(), ours.as_bytes(), theirs.as_bytes()).is_none());
    }
}

fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        (0..4).prop_map(Value::from),
        "[ab\"\\\\]{0,2}".prop_map(Value::from)
    ];
    leaf.prop_recursive(3, 24, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map("[a-d]", inner.clone(), 0..4).prop_map(Value::from_iter),
            prop::collection::vec((0..5_i32, inner.clone()), 0..4)
                .prop_map(|list| Value::from(list.into_iter().map(|(id, v)| json!({ "id": id, "v": v })).collect::<Vec<_>>())),
            inner.prop_map(|value| Value::from(json!({ "in": value }).to_string())),
        ]
    })
}

fn document() -> impl Strategy<Value = Value> {
    prop::collection::btree_map("[a-e]", value(), 0..5).prop_map(Value::from_iter)
}

fn written(value: &Value, pretty: bool) -> String {
    if pretty { serde_json::to_string_pretty(value).expect("JSON") } else { value.to_string() }
}

proptest! {
    #[test]
    fn the_laws_of_a_merge_hold(base in document(), x in document(), pretty: bool) {
        let (b, one) = (written(&base, false), written(&x, pretty));
        let read = |text: &str| serde_json::from_str::<Value>(text).expect("valid JSON");
        prop_assert_eq!(clean(&b, &one, &b), one.clone());
        prop_assert_eq!(clean(&b, &one, &one), one.clone());
        prop_assert_eq!(read(&clean(&b, &written(&base, pretty), &one)), x);
    }

    #[test]
    fn a_merge_is_valid_and_loses_nothing_of_ours(base in document(), ours in document(), theirs in document(), pretty: bool) {
        let texts = [written(&base, false), written(&ours, pretty), written(&theirs, false)];
        let (text, found) = places(&texts[0], &texts[1], &texts[2]);
        let merged: Value = serde_json::from_str(&text).expect("valid JSON");
        let (back, turned) = places(&texts[0], &texts[2], &texts[1]);
        prop_assert_eq!(found.is_empty(), turned.is_empty(), "{} {} {}", text, back, texts.join(" "));
        for (key, value) in ours.as_object().expect("object") {
            // What we changed at the top is there, whole, unless theirs changed inside of it as well.
            let changed = base.get(key) != Some(value);
            if changed && (theirs.get(key) == base.get(key) || theirs.get(key).is_none()) {
                prop_assert_eq!(merged.get(key), Some(value));
            }
        }
        for (key, value) in theirs.as_object().expect("object") {
            let told = found.iter().any(|pointer| pointer.starts_with(&format!("/{key}")));
            if base.get(key) == ours.get(key) {
                prop_assert!(told || merged.get(key) == Some(value), "{} {}", key, text);
            }
        }
    }
}

#[test]
fn a_string_that_was_only_formatted_anew_is_the_same() {
    let base = r#"{"a":1,"p":"{\"x\":1,\"y\":[2]}"}"#;
    let ours = r#"{"a":1,"p":"{ \"y\": [2], \"x\": 1 }"}"#;
    assert_eq!(clean(base, ours, r#"{"a":2}"#), r#"{"a":2}"#);
    assert_eq!(clean(base, ours, r#"{"a":1,"p":"none"}"#), r#"{"a":1,"p":"none"}"#);
    let base = r#"{"l":["{\"x\":1}","z"]}"#;
    assert_eq!(clean(base, r#"{"l":["{ \"x\": 1 }","z"]}"#, r#"{"l":["z"]}"#), r#"{"l":["z"]}"#);
}
