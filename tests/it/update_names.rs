//! `forum update`: declared renames win over names, line ends alone are no change, and markers are found wherever they went.

use std::fs;

use serde_json::Value;

use crate::support::{contents, same_contents};
use crate::update::{Copy, ID, outcome, version};

const TEN: &str = "1\n2\n3\n4\n5\n6\n7\n8\n9\n10\n";

fn renames(list: &[(&str, &str, &str)]) -> String {
    let rename = |(from, to, since): &(&str, &str, &str)| format!("{{ from = \"{from}\", to = \"{to}\", since = \"{since}\" }}");
    format!("[files]\nrenames = [{}]\n", list.iter().map(rename).collect::<Vec<_>>().join(", "))
}

#[test]
fn a_declared_rename_wins_over_an_old_name_that_is_there_again() {
    let copy = Copy::of(vec![
        version("1.0.0", &[("process.json", "{\"name\":\"pupil\",\"v\":1}\n")]),
        version("1.1.0", &[("process.json", "{\"name\":\"index\",\"w\":1}\n"), ("pupil.json", "{\"name\":\"pupil\",\"v\":2}\n")])
            .manifest(&renames(&[("process.json", "pupil.json", "1.1.0")])),
    ]);
    copy.write("process.json", "{\"name\":\"pupil\",\"v\":1,\"mine\":true}\n");
    let run = copy.update(&[]).ok();
    assert_eq!((outcome(&run, "pupil.json").0, outcome(&run, "process.json").0), ("renamed".into(), "added".into()), "{run}");
    assert_eq!(copy.read("pupil.json"), "{\"name\":\"pupil\",\"v\":2,\"mine\":true}\n");
    assert_eq!(copy.read("process.json"), "{\"name\":\"index\",\"w\":1}\n");
}

fn swapped() -> Copy {
    Copy::of(vec![
        version("1.0.0", &[("a.txt", TEN), ("b.txt", "b1\nb2\nb3\nb4\n")]),
        version("1.1.0", &[("a.txt", "b1\nb2\nb3\nb4\n"), ("b.txt", &TEN.replace('9', "nine"))])
            .manifest(&renames(&[("a.txt", "b.txt", "1.1.0"), ("b.txt", "a.txt", "1.1.0")])),
    ])
}

#[test]
fn files_that_were_swapped_carry_their_edits() {
    let copy = swapped();
    copy.write("a.txt", &TEN.replace('2', "two"));
    copy.write("b.txt", "b1\nb2\nb3\nmine\n");
    copy.update(&[]).ok();
    assert_eq!(copy.read("b.txt"), TEN.replace('2', "two").replace('9', "nine"));
    assert_eq!(copy.read("a.txt"), "b1\nb2\nb3\nmine\n");
}

#[test]
fn where_one_of_the_swapped_files_must_stay_nothing_takes_its_place() {
    let copy = swapped();
    copy.write("a.txt", &TEN.replace('2', "two"));
    fs::remove_file(copy.at.join("b.txt")).unwrap();
    copy.write("b.txt/mine", "mine\n");
    let before = contents(&copy.at);
    copy.update(&[]).exits(4);
    let now = contents(&copy.at);
    assert!(before.iter().filter(|(path, _)| *path != "component.toml").all(|(path, entry)| now.get(path) == Some(entry)), "{now:?}");
    copy.update(&["--abort"]).ok();
    same_contents(&before, &copy.at);
}

#[test]
fn a_new_name_that_stood_there_before_gets_the_edits() {
    let versions = || {
        vec![
            version("1.0.0", &[("a.txt", TEN), ("b.txt", "old\nfile\n")]),
            version("1.1.0", &[("b.txt", &TEN.replace('9', "nine"))]).manifest(&renames(&[("a.txt", "b.txt", "1.1.0")])),
        ]
    };
    let copy = Copy::of(versions());
    copy.write("a.txt", &TEN.replace('2', "two"));
    let run = copy.update(&[]).ok();
    assert_eq!(copy.read("b.txt"), TEN.replace('2', "two").replace('9', "nine"));
    assert!(!copy.at.join("a.txt").exists());
    let rows = run.json()["components"][0]["files"].as_array().unwrap().iter().filter(|row| row["path"] == "b.txt").count();
    assert_eq!(rows, 1, "{run}");
    let copy = Copy::of(versions());
    let run = copy.run(&["diff", ID, "--upstream", "--json"]).ok();
    let rows: Vec<_> = run.json()["files"].as_array().unwrap().iter().filter(|row| row["path"] == "b.txt").cloned().collect();
    assert_eq!((rows.len(), &rows[0]["change"], &rows[0]["from"]), (1, &"renamed".into(), &"a.txt".into()), "{run}");
    copy.write("a.txt", &TEN.replace('2', "two"));
    copy.write("b.txt", "old\nfile\nmine\n");
    copy.update(&[]).exits(4);
    assert_eq!((copy.read("a.txt"), copy.read("b.txt")), (TEN.replace('2', "two"), "old\nfile\nmine\n".to_owned()));
}

#[test]
fn a_declared_rename_onto_a_file_of_ours_takes_neither_it_nor_the_edits() {
    let copy = Copy::of(vec![
        version("1.0.0", &[("a.txt", TEN)]),
        version("1.1.0", &[("b.txt", &TEN.replace('9', "nine"))]).manifest(&renames(&[("a.txt", "b.txt", "1.1.0")])),
    ]);
    let edited = TEN.replace('2', "two");
    copy.write("a.txt", &edited);
    copy.write("b.txt", "mine\n");
    let run = copy.update(&[]).exits(4);
    assert_eq!(outcome(&run, "a.txt"), ("conflict".into(), "deleted-upstream".into()), "{run}");
    assert_eq!(outcome(&run, "b.txt"), ("conflict".into(), "both-added".into()), "{run}");
    assert_eq!((copy.read("a.txt"), copy.read("b.txt")), (edited, "mine\n".to_owned()));
    assert_eq!(copy.read("b.theirs-1.1.0.txt"), TEN.replace('9', "nine"));
}

#[test]
fn renames_of_several_versions_are_followed() {
    let list = [("b.txt", "c.txt", "1.2.0"), ("a.txt", "b.txt", "1.1.0")];
    let copy = Copy::of(vec![
        version("1.0.0", &[("a.txt", "a\n")]),
        version("1.2.0", &[("c.txt", "a\nc\nwholly\nunlike what was before\n")]).manifest(&renames(&list)),
    ]);
    copy.write("a.txt", "mine\na\n");
    copy.update(&[]).ok();
    assert_eq!(copy.read("c.txt"), "mine\na\nc\nwholly\nunlike what was before\n");
}

fn crlf(text: &str) -> String {
    text.replace("\r\n", "\n").replace('\n', "\r\n")
}

#[test]
fn line_ends_alone_are_no_adaptation() {
    let other = crlf(&TEN.replace('1', "one"));
    let copy = Copy::of(vec![
        version(
            "1.0.0",
            &[("gone.txt", TEN), ("back.txt", &other), ("same.txt", TEN), ("move.txt", &TEN.replace('5', "five")), ("x.txt", TEN)],
        ),
        version(
            "1.1.0",
            &[
                ("same.txt", TEN),
                ("move.txt", &TEN.replace('5', "five").replace('9', "nine")),
                ("both.txt", "b\n"),
                ("x.txt", "[1]\n\nx\n"),
            ],
        ),
    ]);
    for (path, text) in [("gone.txt", crlf(TEN)), ("back.txt", other.replace('\r', "")), ("same.txt", crlf(TEN)), ("both.txt", crlf("b\n"))]
    {
        copy.write(path, &text);
    }
    copy.write("x.txt", &crlf(TEN));
    fs::remove_file(copy.at.join("move.txt")).unwrap();
    copy.write("moved.txt", &crlf(&TEN.replace('5', "five")));
    let run = copy.update(&[]).ok();
    for (path, want) in
        [("gone.txt", "removed"), ("back.txt", "removed"), ("same.txt", "unchanged"), ("both.txt", "unchanged"), ("x.txt", "upstream")]
    {
        assert_eq!(outcome(&run, path), (want.to_owned(), Value::Null), "{path}: {run}");
    }
    assert_eq!(copy.read("moved.txt"), crlf(&TEN.replace('5', "five").replace('9', "nine")));
    assert_eq!((copy.read("x.txt"), copy.read("both.txt")), (crlf("[1]\n\nx\n"), crlf("b\n")));
}

#[test]
fn markers_are_found_behind_a_byte_order_mark_and_under_another_name() {
    let copy = Copy::of(vec![version("1.0.0", &[("a.txt", "\u{feff}1\n2\n")]), version("1.1.0", &[("a.txt", "\u{feff}one\n2\n")])]);
    copy.write("a.txt", "\u{feff}ett\n2\n");
    copy.update(&[]).exits(4);
    let marked = copy.read("a.txt");
    copy.write("a.txt", "\u{feff}<<<<<<< yours\nett\n2\n");
    copy.update(&["--continue"]).fails(1, "pending");
    copy.write("a.txt", &marked);
    fs::rename(copy.at.join("a.txt"), copy.at.join("other.txt")).unwrap();
    let error = copy.update(&["--continue"]).fails(1, "pending");
    assert!(error.contains("other.txt"), "{error}");
    copy.write("other.txt", "ett\n2\n");
    copy.update(&["--continue"]).ok();
}
