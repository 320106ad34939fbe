//! Who may use whom, and what each file looks like: the rules that keep the way of the data short.
//!
//! `main → cli → commands → {checks, formats, store} → model`: arrows run down only. `model` knows no file system, Git,
//! environment or process; `checks` and `formats` are pure; `store` never prints; processes start in `store::transport`,
//! and in `ui` for the pager and the browser.

use std::fs;
use std::path::Path;

use crate::support::source::{Named, code, paths};

/// A file below `src/`, `tests/` or `benches/`: its path in the repository and its text.
type File = (String, String);

/// What each part of the crate may use beside itself. A new part must find its place here.
const LAYERS: &[(&str, &[&str])] = &[
    ("main", &["cli"]),
    ("lib", &[]),
    ("cli", &["commands", "context", "ui", "site", "checks", "formats", "store", "model", "error"]),
    ("commands", &["context", "ui", "site", "checks", "formats", "store", "model", "error"]),
    // What a command is given. It opens stores, and knows no command.
    ("context", &["ui", "store", "model", "error"]),
    // The printer shows reports and failures, whoever made them.
    ("ui", &["model", "error"]),
    ("site", &["formats", "model", "error"]),
    // Rules about what formats can read: both pure.
    ("checks", &["formats", "model", "error"]),
    ("formats", &["model", "error"]),
    ("store", &["model", "error"]),
    ("model", &["error"]),
];

/// Everything may say how it failed.
const BOTTOM: &str = "error";

/// Where paths that matter here begin, beside `crate`, `super` and `std`: crates that reach out of the program, the
/// library as `main` names it, and modules of `std` that are often named without it.
const BEGINNINGS: &[&str] = &["cap_std", "cap_fs_ext", "rustix", "dirs", "git2", "inquire", "jiff", "forum", "io", "process"];

/// What must not be named, by whom, and why.
struct Ban {
    path: &'static str,
    /// Beginnings of file paths below `src/`.
    by: &'static [&'static str],
    except: &'static [&'static str],
    why: &'static str,
}

const PURE: [&str; 4] = ["model", "checks", "formats", "error.rs"];

const BANS: &[Ban] = &[
    pure("std::fs", &[]),
    pure("std::env", &[]),
    pure("std::net", &[]),
    pure("std::process", &[]),
    pure("std::io::stdin", &[]),
    pure("std::time::SystemTime", &[]),
    pure("std::time::Instant", &[]),
    pure("jiff::Timestamp::now", &[]),
    pure("jiff::Zoned::now", &[]),
    pure("cap_std", &[]),
    pure("cap_fs_ext", &[]),
    pure("rustix", &[]),
    pure("dirs", &[]),
    // Merging two texts is a pure function of libgit2; its errors get their code where all errors do.
    pure("git2", &["formats/text", "error.rs"]),
    Ban { path: "inquire", by: &["store", "model", "checks", "formats", "error.rs"], except: &[], why: "asks a person" },
    Ban { path: "std::process::Command", by: &[""], except: &["store/transport", "ui.rs"], why: "starts processes" },
    Ban { path: "std::process::exit", by: &[""], except: &[], why: "ends the program, which is main's task" },
    Ban { path: "std::io::stdout", by: &[""], except: &["ui.rs"], why: "prints" },
    Ban { path: "std::io::stderr", by: &[""], except: &["ui.rs"], why: "prints" },
];

const fn pure(path: &'static str, except: &'static [&'static str]) -> Ban {
    Ban { path, by: &PURE, except, why: "is not pure" }
}

const MOST_LINES: usize = 500;

/// What is longer already, and may grow no further.
const LONGER: [(&str, usize); 0] = [];

/// The violations in the crate's sources, each with file and line. Pure, so that the rules themselves can be tested.
fn violations(files: &[File]) -> Vec<String> {
    files.iter().flat_map(|(path, text)| [shape(path, text), uses(path, text)].concat()).collect()
}

fn shape(path: &str, text: &str) -> Vec<String> {
    let mut found = Vec::new();
    if !text.starts_with("//! ") {
        found.push(format!("{path}:1: begins without `//!`: say what the file is and why it exists"));
    }
    let lines = text.lines().count();
    let most = LONGER.iter().find(|longer| longer.0 == path).map_or(MOST_LINES, |longer| longer.1);
    if lines > most {
        found.push(format!("{path}: has {lines} lines, of at most {most}"));
    }
    let unfinished = [concat!("TO", "DO"), concat!("FIX", "ME"), concat!("todo", "!(")];
    let marked = text.lines().enumerate().filter(|(_, line)| unfinished.iter().any(|word| line.contains(word)));
    found.extend(marked.map(|(number, _)| format!("{path}:{}: leaves something to be done: file an issue", number + 1)));
    found
}

fn uses(path: &str, text: &str) -> Vec<String> {
    let Some(below) = path.strip_prefix("src/") else { return Vec::new() };
    let module = module_of(below);
    let layer = match below {
        "main.rs" => "main",
        "lib.rs" => "lib",
        _ => module[0],
    };
    let allowed = if layer == BOTTOM { Some(&[] as &[&str]) } else { LAYERS.iter().find(|row| row.0 == layer).map(|row| row.1) };
    let Some(allowed) = allowed else { return vec![format!("{path}: `{layer}` has no place among the layers")] };
    // To ask whether it is a terminal is not to print.
    let code =
        ["std::io::stdout().is_terminal", "std::io::stderr().is_terminal"].iter().fold(code(text), |code, asks| code.replace(asks, ""));
    let named = paths(&code, &module, BEGINNINGS);
    let up = named.iter().filter_map(|named| {
        let target = part_of(named)?;
        let fine = target == layer || target == BOTTOM || allowed.contains(&target);
        (!fine).then(|| format!("{path}:{}: `{layer}` uses `{}`: arrows run down only", named.line, named.path))
    });
    let banned = named.iter().flat_map(|named| {
        let bans = BANS.iter().filter(|ban| applies(ban, below) && names(&named.path, ban.path));
        bans.map(move |ban| format!("{path}:{}: `{}` {}, and not here", named.line, named.path, ban.why))
    });
    up.chain(banned).collect()
}

/// The part of the crate that a path leads into: its first module, or the macro `fail!`, which is the errors' own.
fn part_of(named: &Named) -> Option<&str> {
    let part = named.path.strip_prefix("crate::").or_else(|| named.path.strip_prefix("forum::"))?.split("::").next()?;
    Some(if part == "fail" { BOTTOM } else { part })
}

fn applies(ban: &Ban, below: &str) -> bool {
    let one = |list: &[&str]| list.iter().any(|start| below.starts_with(start));
    one(ban.by) && !one(ban.except)
}

/// Whether a path is `banned`, lies in it, or brings it along with all else. `process::Command` is as good as the whole.
fn names(path: &str, banned: &str) -> bool {
    let inside = |inner: &str| inner.strip_prefix(banned).is_some_and(|rest| rest.is_empty() || rest.starts_with("::"));
    let item_of_module = banned.matches("::").count() == 2;
    let all = path.strip_suffix('*').is_some_and(|module| banned.starts_with(module));
    inside(path) || all || (item_of_module && inside(&format!("std::{path}")))
}

fn module_of(below: &str) -> Vec<&str> {
    let stem = below.trim_end_matches(".rs").trim_end_matches("/mod");
    if matches!(stem, "main" | "lib") { Vec::new() } else { stem.split('/').collect() }
}

fn read(root: &Path, under: &str, files: &mut Vec<File>) {
    for entry in fs::read_dir(root.join(under)).unwrap() {
        let entry = entry.unwrap();
        let path = format!("{under}/{}", entry.file_name().to_str().unwrap());
        if entry.path().is_dir() {
            read(root, &path, files);
        } else if entry.path().extension().is_some_and(|end| end == "rs") {
            files.push((path, fs::read_to_string(entry.path()).unwrap()));
        }
    }
}

#[test]
fn the_sources_keep_to_their_layers() {
    let mut files = Vec::new();
    for under in ["src", "tests", "benches"] {
        read(Path::new(env!("CARGO_MANIFEST_DIR")), under, &mut files);
    }
    assert!(files.len() > 50, "{} files", files.len());
    files.sort();
    for (path, text) in files.iter().filter(|file| file.0.starts_with("src/")) {
        let seen = paths(&code(text), &module_of(&path["src/".len()..]), BEGINNINGS);
        let missed = text.lines().zip(1..).find(|(line, number)| {
            ["use crate::", "use super::", "use std::"].iter().any(|start| line.starts_with(start))
                && !seen.iter().any(|named| named.line == *number)
        });
        assert!(missed.is_none(), "{path}: {missed:?} was not read");
    }
    let found = violations(&files);
    assert!(found.is_empty(), "\n{}", found.join("\n"));
}

#[test]
fn each_rule_catches_its_violation() {
    let long = format!("//! x\n{}", "\n".repeat(MOST_LINES));
    let cases = [
        ("src/model/id.rs", "use crate::store::memory::Memory;", "`model` uses `crate::store::memory::Memory`"),
        ("src/model/id.rs", "use super::super::ui::Ui;", "`model` uses `crate::ui::Ui`"),
        ("src/model/id.rs", "use std::{fmt, fs::File};", "`std::fs::File` is not pure"),
        ("src/model/search/rank.rs", "fn f() { std::env::var(\"X\"); }", "`std::env::var` is not pure"),
        ("src/formats/json.rs", "use crate::commands::fetch;", "`formats` uses `crate::commands::fetch`"),
        ("src/formats/json.rs", "use crate::store::{self};", "`formats` uses `crate::store::self`"),
        ("src/checks/files.rs", "use std::process;", "`std::process` is not pure"),
        ("src/checks/files.rs", "fn f() { jiff::Timestamp::now(); }", "`jiff::Timestamp::now` is not pure"),
        ("src/store/cache.rs", "use crate::ui::Ui;", "`store` uses `crate::ui::Ui`"),
        ("src/store/cache.rs", "use crate::{context::Context, fail};", "`store` uses `crate::context::Context`"),
        ("src/store/cache.rs", "use crate::formats::render;", "`store` uses `crate::formats::render`"),
        ("src/store/cache.rs", "fn f() { std::io::stdout(); }", "`std::io::stdout` prints"),
        ("src/store/cache.rs", "use std::process::{Child, Command};", "`std::process::Command` starts processes"),
        ("src/commands/open.rs", "use std::process;\nfn f() { process::Command::new(); }", "`process::Command::new` starts processes"),
        ("src/commands/open.rs", "use std::process::*;", "`std::process::*` starts processes"),
        ("src/commands/open.rs", "use std::io;\nfn f() { io::stderr(); }", "`io::stderr` prints"),
        ("src/commands/open.rs", "fn f() { crate::cli::run(); }", "`commands` uses `crate::cli::run`"),
        ("src/context.rs", "use crate::commands::fetch;", "`context` uses `crate::commands::fetch`"),
        ("src/ui.rs", "use crate::store::memory;", "`ui` uses `crate::store::memory`"),
        ("src/error.rs", "use crate::model::id;", "`error` uses `crate::model::id`"),
        ("src/main.rs", "use forum::store::memory;", "`main` uses `forum::store::memory`"),
        ("src/other/x.rs", "", "`other` has no place"),
        ("tests/it/x.rs", concat!("// TO", "DO"), "leaves something to be done"),
    ];
    for (path, text, part) in cases {
        let found = violations(&[(path.to_owned(), format!("//! x\n{text}\n"))]);
        assert!(found.iter().any(|one| one.contains(part)), "{path}: {text}: {found:?}");
    }
    assert!(violations(&[("src/ui.rs".to_owned(), long)])[0].contains("501 lines"));
    assert!(violations(&[("src/ui.rs".to_owned(), "use x;".to_owned())])[0].contains("without `//!`"));
}

#[test]
fn what_is_allowed_is_not_called_wrong() {
    let cases = [
        ("src/main.rs", "use std::process::ExitCode;\nuse forum::cli;"),
        ("src/store/transport/process.rs", "use std::process::{Child, Command};\nuse crate::model::address::Address;"),
        ("src/store/fs/atomic.rs", "use super::dir;\nuse super::super::memory;\nuse crate::fail;"),
        ("src/ui.rs", "use std::io::{self, Write};\nfn f() { std::io::stdout(); }"),
        ("src/model/id.rs", "//! as `std::fs` does\nconst A: &str = \"crate::store\";\nmod tests {\n    use super::super::path;\n}"),
        ("src/formats/text/merge.rs", "use git2::merge_file;"),
        ("src/commands/fetch/mod.rs", "use std::process::id;"),
        ("src/cli.rs", "fn f() { std::io::stderr().is_terminal(); }"),
    ];
    for (path, text) in cases {
        let found = violations(&[(path.to_owned(), format!("//! x\n{text}\n"))]);
        assert!(found.is_empty(), "{found:?}");
    }
}
