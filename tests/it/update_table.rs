//! `forum update`: the table of what base, ours and theirs hold, row by row; renames and modes among it.

use std::fs;

use crate::support::registry::Version;
use crate::support::sandbox::Outcome;
use crate::support::{Files, files, set_mode};
use crate::update::{Copy, ID, TEN, outcome, ten, version};

/// One row of the table in the design: what base, ours and theirs hold, the outcome, and what lies there in the end.
fn row(base: Option<&str>, ours: Option<&str>, theirs: Option<&str>) -> (Copy, Outcome) {
    let with = |content: Option<&str>| -> Files {
        let mut all = files(&[("README.md", "# readme\n")]);
        all.extend(content.map(|content| ("f.bin".to_owned(), (false, content.as_bytes().to_vec()))));
        all
    };
    let copy = Copy::of(vec![Version::new(ID, "1.0.0", with(base)), Version::new(ID, "1.1.0", with(theirs))]);
    match ours {
        Some(content) => copy.write("f.bin", content),
        None => drop(fs::remove_file(copy.at.join("f.bin"))),
    }
    let run = copy.update(&[]);
    (copy, run)
}

#[test]
fn each_row_of_the_table_keeps_ours_and_says_so() {
    for (base, ours, theirs, why) in [
        (Some("b\0"), Some("o\0"), Some("t\0"), "binary"),
        (Some("b\n"), Some("o\n"), None, "deleted-upstream"),
        (Some("b\n"), None, Some("t\n"), "deleted-here"),
        (None, Some("o\n"), Some("t\n"), "both-added"),
    ] {
        let (copy, run) = row(base, ours, theirs);
        let run = run.exits(4);
        assert_eq!(outcome(&run, "f.bin"), ("conflict".to_owned(), why.into()), "{why}");
        assert_eq!(fs::read_to_string(copy.at.join("f.bin")).ok().as_deref(), ours, "{why}");
        let word = if theirs.is_some() { "f.theirs-1.1.0.bin" } else { "f.bin.conflicts-1.1.0.json" };
        assert_eq!(copy.beside("-1.1.0"), [word], "{why}");
        if let Some(theirs) = theirs {
            assert_eq!(copy.read(word), theirs);
        }
        copy.update(&["--continue"]).fails(1, "pending");
        fs::remove_file(copy.at.join(word)).unwrap();
        copy.update(&["--continue"]).ok();
        assert_eq!(fs::read_to_string(copy.at.join("f.bin")).ok().as_deref(), ours, "{why}");
        assert_eq!(copy.locked(), "1.1.0");
    }
}

#[test]
fn what_one_side_alone_did_is_no_conflict() {
    for (base, ours, theirs, want, content) in [
        (Some("b\n"), None, Some("b\n"), Some("kept"), None),
        (Some("b\n"), Some("b\n"), None, Some("removed"), None),
        (Some("b\n"), None, None, None, None),
        (None, Some("o\n"), Some("o\n"), Some("unchanged"), Some("o\n")),
        (Some("b\n"), Some("x\n"), Some("x\n"), Some("unchanged"), Some("x\n")),
        (Some("a\nb\nc\nd\n"), Some("a\r\nb\r\nc\r\nd\r\n"), Some("a\nb\nc\nD\n"), Some("upstream"), Some("a\r\nb\r\nc\r\nD\r\n")),
    ] {
        let (copy, run) = row(base, ours, theirs);
        let run = run.ok();
        if let Some(want) = want {
            assert_eq!(outcome(&run, "f.bin").0, want, "{base:?} {ours:?} {theirs:?}");
        }
        assert_eq!(fs::read_to_string(copy.at.join("f.bin")).ok().as_deref(), content);
    }
}

#[test]
fn renames_carry_edits_along() {
    let moved = ten(&[("9", "nine")]);
    let declared = "[files]\nrenames = [{ from = \"x.txt\", to = \"y.txt\", since = \"1.1.0\" }]\n";
    let copy = Copy::of(vec![
        version("1.0.0", &[("old/a.txt", TEN), ("x.txt", "x\n"), ("pure.txt", &ten(&[("1", "pure")]))]),
        version("1.1.0", &[("new/a.txt", &moved), ("y.txt", "something else\n"), ("moved.txt", &ten(&[("1", "pure")]))]).manifest(declared),
    ]);
    copy.write("old/a.txt", &ten(&[("1", "one")]));
    set_mode(&copy.at.join("old/a.txt"), 0o600);
    let run = copy.update(&[]).ok();
    assert_eq!(outcome(&run, "new/a.txt").0, "renamed");
    assert_eq!(copy.read("new/a.txt"), ten(&[("1", "one"), ("9", "nine")]));
    assert_eq!(outcome(&run, "moved.txt").0, "renamed");
    assert_eq!((outcome(&run, "y.txt").0.as_str(), copy.read("y.txt").as_str()), ("renamed", "something else\n"));
    for gone in ["old", "x.txt", "pure.txt"] {
        assert!(!copy.at.join(gone).exists(), "{gone}");
    }
    #[cfg(unix)]
    assert_eq!(std::os::unix::fs::PermissionsExt::mode(&fs::metadata(copy.at.join("new/a.txt")).unwrap().permissions()) & 0o777, 0o600);
}

#[test]
fn what_was_renamed_here_still_gets_the_improvement() {
    let copy = Copy::of(vec![version("1.0.0", &[("a.txt", TEN)]), version("1.1.0", &[("a.txt", &ten(&[("9", "nine")]))])]);
    fs::rename(copy.at.join("a.txt"), copy.at.join("ours.txt")).unwrap();
    copy.write("ours.txt", &ten(&[("1", "one")]));
    copy.update(&[]).ok();
    assert_eq!(copy.read("ours.txt"), ten(&[("1", "one"), ("9", "nine")]));
    assert!(!copy.at.join("a.txt").exists());
}

#[test]
fn a_new_file_never_takes_the_place_of_ours() {
    let copy = Copy::of(vec![
        version("1.0.0", &[("README.md", "r\n")]),
        version("1.1.0", &[("README.md", "r\n"), ("notes/a.md", "theirs\n"), ("list", "theirs\n"), ("Case.md", "theirs\n")]),
    ]);
    copy.write("notes", "a file of ours\n");
    copy.write("list/one.txt", "ours\n");
    copy.write("case.md", "ours\n");
    let run = copy.update(&[]).exits(4);
    assert_eq!(run.json()["conflicts"], 3, "{run}");
    assert_eq!(
        (copy.read("notes"), copy.read("list/one.txt"), copy.read("case.md")),
        ("a file of ours\n".into(), "ours\n".into(), "ours\n".into())
    );
    assert_eq!(copy.beside("theirs"), ["Case.theirs-1.1.0.md", "list.theirs-1.1.0", "notes-a.theirs-1.1.0.md"]);
}

#[test]
fn modes_are_merged_as_an_attribute() {
    let tool = |executable: bool, text: &str| {
        Files::from([("run.sh".to_owned(), (executable, text.as_bytes().to_vec())), ("b.sh".to_owned(), (false, b"b\n".to_vec()))])
    };
    let copy = Copy::of(vec![Version::new(ID, "1.0.0", tool(false, TEN)), Version::new(ID, "1.1.0", tool(true, TEN))]);
    copy.write("run.sh", &ten(&[("1", "one")]));
    set_mode(&copy.at.join("b.sh"), 0o755);
    copy.update(&[]).ok();
    assert_eq!(copy.read("run.sh"), ten(&[("1", "one")]));
    #[cfg(unix)]
    for name in ["run.sh", "b.sh"] {
        let mode = std::os::unix::fs::PermissionsExt::mode(&fs::metadata(copy.at.join(name)).unwrap().permissions());
        assert_eq!(mode & 0o777, 0o755, "{name}");
    }
}
