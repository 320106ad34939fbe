//! How long it takes to merge a process export of 90 kB by its structure: JSON in strings, three levels deep, and XML in
//! one. Where `FORUM_TEST_DATA` names the directory of real files, a real export, too.
#![allow(missing_docs, reason = "criterion's macros make undocumented items")]

use std::fs;
use std::hint::black_box;
use std::path::PathBuf;

use criterion::{Criterion, criterion_group, criterion_main};
use forum::formats::merge::{Merged, merge_file};
use forum::formats::text::Labels;
use serde_json::{Value, json};

const ELEMENTS: usize = 112;

/// A document in a string, as exports hold them.
fn embedded(value: &Value) -> Value {
    Value::String(value.to_string())
}

fn element(number: usize) -> Value {
    let code = |at| format!("var row{at} = #var.list[{at}].Value; // {number}.{at}\r\n");
    let attachments = embedded(&json!([{ "name": format!("file {number}"), "size": number }]));
    json!({
        "ElementId": format!("Activity_{number:07}"),
        "Name": format!("Step {number}"),
        "Parameters": {
            "input": { "Url": format!("#env.Api{number}.Url"), "Timeout": 30 + number, "FollowRedirects": true },
            "variableExpression": { "mode": "csharp", "value": (0..8).map(code).collect::<String>() },
            "attachments": { "mode": "json", "value": attachments },
        },
    })
}

fn diagram() -> String {
    let task = |number| format!("  <bpmn:task id=\"Activity_{number:07}\" name=\"Step {number}\" />\n");
    let shape = |number| format!("  <dc:Bounds id=\"Shape_{number}\" x=\"{number}\" y=\"80\" width=\"100\" height=\"80\" />\n");
    let body: String = (0..ELEMENTS).map(task).chain((0..ELEMENTS).map(shape)).collect();
    format!("<?xml version=\"1.0\"?>\n<bpmn:definitions>\n{body}</bpmn:definitions>\n")
}

/// An export of about 90 kB.
fn export() -> String {
    let elements: Vec<_> = (0..ELEMENTS).map(element).collect();
    let process = json!({
        "Name": "Bookings",
        "Version": 22,
        "Bpmn": diagram(),
        "ElementParameters": embedded(&json!(elements)),
        "ProcessVariablesJson": embedded(&json!({ "calendarId": { "Value": "#env.Calendar.Id" } })),
    });
    serde_json::to_string_pretty(&json!({ "FormatVersion": 3, "Processes": [process] })).expect("JSON")
}

/// The export after edits of one of its keepers.
fn edited(export: &str, edits: &[(&str, &str)]) -> Vec<u8> {
    let mut text = export.to_owned();
    for (from, to) in edits {
        assert!(text.contains(from), "{from}");
        text = text.replace(from, to);
    }
    text.into_bytes()
}

fn bench(criterion: &mut Criterion, name: &str, [base, ours, theirs]: &[Vec<u8>; 3], clean: bool) {
    let labels = Labels { base: "base".to_owned(), ours: "ours".to_owned(), theirs: "theirs".to_owned() };
    let merge = || merge_file(base, black_box(ours), theirs, &labels);
    match merge() {
        Merged::Clean(_) => assert!(clean),
        Merged::Reported(..) => assert!(!clean),
        other => panic!("not merged by its structure: {other:?}"),
    }
    let name = format!("{name}, {} kB", base.len() / 1000);
    criterion.bench_function(&name, |bencher| bencher.iter(merge));
}

fn merging(criterion: &mut Criterion) {
    let base = export();
    assert!((85_000..95_000).contains(&base.len()), "{} bytes", base.len());
    let ours =
        edited(&base, &[("// 3.2", "// ours"), ("file 40", "ours 40"), ("Step 12", "Ours 12"), ("#env.Calendar.Id", "#env.Ours.Id")]);
    let theirs = edited(
        &base,
        &[("// 3.7", "// theirs"), ("file 41", "theirs 41"), ("Step 50", "Theirs 50"), ("\"Version\": 22", "\"Version\": 23")],
    );
    let against = edited(&base, &[("file 40", "theirs 40"), ("Step 12", "Theirs 12")]);
    bench(criterion, "an export, clean", &[base.clone().into_bytes(), ours.clone(), theirs], true);
    bench(criterion, "an export with conflicts", &[base.into_bytes(), ours, against], false);
    #[expect(clippy::disallowed_methods, reason = "where the real files lie is no setting of the program")]
    let data = std::env::var_os("FORUM_TEST_DATA");
    if let Some(directory) = data.map(|data| PathBuf::from(data).join("frends/kalenderbokningar")) {
        let read = |name: &str| fs::read(directory.join(name)).expect("a file of the data");
        bench(criterion, "a real export", &["original.json", "local.json", "upstream-v24.json"].map(read), false);
    }
}

criterion_group!(benches, merging);
criterion_main!(benches);
