//! What README, docs and `--help` tell people to type works, and prints what they show.
//!
//! A block of the language `console` is a session: each line that begins with `$ ` is run, by a shell where it is another
//! program's, and the lines up to the next one are what a terminal shows of it, talk included. A line `…` stands for any
//! lines, within a line it stands for any text, and `$ echo $?` tells the exit status where it is not 0. The blocks of one document are one session in one directory, beside which `examples/` and LICENSE lie as in
//! a clone of this repository. In blocks of the languages `sh` and `yaml`, and in the examples of `--help`, each `forum …` is parsed.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::support::sandbox::{Sandbox, text};
use crate::support::{Entry, snapshot, wait};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// README and every page of docs, by name.
fn documents() -> Vec<(String, String)> {
    let mut paths = vec![root().join("README.md")];
    paths.extend(fs::read_dir(root().join("docs")).unwrap().map(|entry| entry.unwrap().path()));
    paths.sort();
    let named = |path: PathBuf| (path.strip_prefix(root()).unwrap().display().to_string(), text(&path).replace("\r\n", "\n"));
    paths.into_iter().filter(|path| path.extension().is_some_and(|end| end == "md")).map(named).collect()
}

/// The fenced blocks of a language: number of the first line, and the lines.
fn blocks<'a>(markdown: &'a str, language: &str) -> Vec<(usize, Vec<&'a str>)> {
    let (mut found, mut open): (Vec<(usize, Vec<&str>)>, Option<bool>) = (Vec::new(), None);
    for (line, number) in markdown.lines().zip(1..) {
        match (line.trim_start().strip_prefix("```"), open) {
            (Some(fence), None) => {
                open = Some(fence.trim() == language);
                if open == Some(true) {
                    found.push((number + 1, Vec::new()));
                }
            }
            (Some(_), Some(_)) => open = None,
            (None, Some(true)) => found.last_mut().unwrap().1.push(line),
            (None, _) => {}
        }
    }
    found
}

/// One command of a session: its line in the document, what is typed, and what a terminal then shows.
#[derive(Debug, PartialEq, Eq)]
struct Step<'a> {
    line: usize,
    typed: &'a str,
    shown: Vec<&'a str>,
}

fn steps<'a>(block: &(usize, Vec<&'a str>)) -> Vec<Step<'a>> {
    let mut found: Vec<Step<'_>> = Vec::new();
    for (line, number) in block.1.iter().zip(block.0..) {
        match (line.strip_prefix("$ "), found.last_mut()) {
            (Some(typed), _) => found.push(Step { line: number, typed, shown: Vec::new() }),
            (None, Some(step)) => step.shown.push(line),
            (None, None) => panic!("line {number}: a session begins with `$ `"),
        }
    }
    found
}

/// The words of a command line, without its comment. Quotes hold words together, as in a shell.
fn words(line: &str) -> Vec<String> {
    let (mut found, mut word, mut quote) = (Vec::new(), None::<String>, None);
    for c in line.chars() {
        match (c, quote) {
            ('#', None) if word.is_none() => break,
            ('\'' | '"', None) => {
                quote = Some(c);
                word.get_or_insert_default();
            }
            (c, Some(open)) if c == open => quote = None,
            (c, None) if c.is_whitespace() => found.extend(word.take()),
            (c, _) => word.get_or_insert_default().push(c),
        }
    }
    found.extend(word);
    found
}

/// What a line gives to forum.
#[derive(Debug, PartialEq, Eq)]
struct Call {
    environment: Vec<(String, String)>,
    arguments: Vec<String>,
}

/// Reads `NAME=VALUE forum …`, also where Cargo starts it; `None` where the line is another program's.
fn call(line: &str) -> Option<Call> {
    // What a shell does with the output is not forum's.
    let words: Vec<_> = words(line).into_iter().take_while(|word| !matches!(word.as_str(), ">" | ">>" | "|" | "&&")).collect();
    let is_name = |name: &str| name.chars().all(|c| c.is_ascii_uppercase() || c == '_');
    let assignments = words.iter().map_while(|word| word.split_once('=').filter(|(name, _)| is_name(name)));
    let environment: Vec<_> = assignments.map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
    let words = &words[environment.len()..];
    let arguments = match words.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["forum", ..] => words[1..].to_vec(),
        ["cargo", "run", ..] => words.split(|word| word == "--").nth(1)?.to_vec(),
        _ => return None,
    };
    Some(Call { environment, arguments })
}

/// Whether a line is what the document shows of it, with `…` for any part of it.
fn alike(want: &str, got: &str) -> bool {
    match want.split_once('…') {
        None => want == got,
        Some((before, rest)) => got
            .strip_prefix(before)
            .is_some_and(|got| got.char_indices().map(|(at, _)| at).chain([got.len()]).any(|at| alike(rest, &got[at..]))),
    }
}

/// Whether `got` is what `want` shows, with `…` for any lines.
fn agrees(want: &[&str], got: &[&str]) -> bool {
    match (want.split_first(), got.split_first()) {
        (None, _) => got.is_empty(),
        (Some((&"…", rest)), _) => (0..=got.len()).any(|skipped| agrees(rest, &got[skipped..])),
        (Some((line, rest)), Some((first, others))) => alike(line, first) && agrees(rest, others),
        (Some(_), None) => false,
    }
}

/// A directory that looks like a clone of this repository to whoever runs the commands of a document.
fn session(name: &str) -> (Sandbox, PathBuf) {
    let mut sandbox = Sandbox::new();
    sandbox.set("COLUMNS", "1000");
    let directory = sandbox.directory(name);
    fs::copy(root().join("LICENSE"), directory.join("LICENSE")).unwrap();
    for (path, entry) in snapshot(&root().join("examples")) {
        let target = directory.join("examples").join(path);
        match entry {
            Entry::File { bytes, .. } => {
                fs::create_dir_all(target.parent().unwrap()).unwrap();
                fs::write(target, bytes).unwrap();
            }
            other => assert!(matches!(other, Entry::Directory { .. }), "{}", target.display()),
        }
    }
    (sandbox, directory)
}

/// What a terminal would show of a command of forum, and its exit status.
fn on_terminal(sandbox: &Sandbox, directory: &Path, call: &Call) -> (String, i32) {
    let arguments: Vec<&str> = call.arguments.iter().map(String::as_str).collect();
    let mut command = sandbox.command(directory, &arguments);
    command.envs(call.environment.iter().cloned());
    shown(sandbox, command)
}

/// The same of what a shell does with a line.
fn in_shell(sandbox: &Sandbox, directory: &Path, line: &str) -> (String, i32) {
    shown(sandbox, sandbox.command_of("sh".as_ref(), directory, &["-c", line]))
}

/// Both streams, in one file.
fn shown(sandbox: &Sandbox, mut command: Command) -> (String, i32) {
    let path = sandbox.path("terminal");
    let file = File::create(&path).unwrap();
    let child = command.stdout(file.try_clone().unwrap()).stderr(file).spawn().unwrap();
    let (code, _, _) = wait(child, sandbox.limit);
    (text(&path).trim_end().replace("\r\n", "\n"), code.unwrap())
}

#[test]
fn sessions_print_what_the_documents_show() {
    let mut run = 0;
    for (name, markdown) in documents() {
        let (sandbox, directory) = session("clone");
        let mut status = 0;
        for step in blocks(&markdown, "console").iter().flat_map(steps) {
            let place = format!("{name}:{}: {}", step.line, step.typed);
            let (got, told) = if step.typed == "echo $?" {
                (status.to_string(), true)
            } else {
                assert_eq!(status, 0, "{place}: the command before it failed, which the document does not say");
                let (got, code) = match call(step.typed) {
                    Some(call) => on_terminal(&sandbox, &directory, &call),
                    None => in_shell(&sandbox, &directory, step.typed),
                };
                status = code;
                (got, false)
            };
            let want = step.shown.join("\n");
            let agree = agrees(&want.trim_end().lines().collect::<Vec<_>>(), &got.lines().collect::<Vec<_>>());
            assert!(agree, "{place}\n--- the document shows\n{want}\n--- the program says\n{got}");
            status = if told { 0 } else { status };
            run += 1;
        }
        assert_eq!(status, 0, "{name}: the last command failed, which the document does not say");
    }
    assert!(run > 0, "no document has a session");
}

#[test]
fn the_first_command_of_a_fresh_clone_works() {
    let (_, readme) = documents().into_iter().find(|document| document.0 == "README.md").unwrap();
    let lines: Vec<&str> = blocks(&readme, "sh").into_iter().flat_map(|block| block.1).collect();
    assert!(lines.contains(&"cargo test"), "{lines:?}");
    let line = lines.iter().find(|line| line.starts_with("cargo run")).unwrap();
    let (sandbox, directory) = session("clone");
    let (said, code) = on_terminal(&sandbox, &directory, &call(line).unwrap());
    assert_eq!(code, 0, "{said}");
    let made: Vec<String> =
        snapshot(&directory).into_keys().filter(|path| !path.contains('/') && !["examples", "LICENSE"].contains(&path.as_str())).collect();
    let ignored = text(&root().join(".gitignore"));
    assert!(!made.is_empty() && made.iter().all(|path| ignored.lines().any(|line| line == format!("/{path}"))), "{made:?}");
}

/// Parses the words, and runs nothing: `--help` comes last, after a wrong word has been refused.
#[track_caller]
fn parses(sandbox: &Sandbox, directory: &Path, place: &str, call: &Call) {
    let all: Vec<&str> = call.arguments.iter().map(String::as_str).chain(["--help"]).collect();
    let run = sandbox.run(directory, &all);
    assert!(run.code == Some(0), "{place}: {run}");
}

#[test]
fn commands_in_the_documents_parse() {
    let (sandbox, directory) = session("clone");
    for (name, markdown) in documents() {
        for (first, lines) in ["sh", "yaml"].into_iter().flat_map(|language| blocks(&markdown, language)) {
            for (line, number) in lines.iter().zip(first..) {
                if let Some(call) = call(line.trim_start().trim_start_matches("- ")) {
                    parses(&sandbox, &directory, &format!("{name}:{number}: {line}"), &call);
                }
            }
        }
    }
}

/// The lines of a section of `--help`: `Commands`, `Examples`.
fn section<'a>(help: &'a str, title: &str) -> Vec<&'a str> {
    let lines = help.lines().skip_while(|line| line.trim() != format!("{title}:")).skip(1);
    lines.take_while(|line| line.starts_with(' ')).map(str::trim).collect()
}

/// An example. What follows two blanks tells what it is for; `$(forum …)` may stand in another program's line.
fn example(line: &str) -> Option<Call> {
    let line = line.split("  ").next()?;
    call(line).or_else(|| call(line.split_once("$(")?.1.split(')').next()?))
}

/// Every command that can be run, as its words, with its help.
fn commands(sandbox: &Sandbox, directory: &Path, above: &[String]) -> Vec<(Vec<String>, String)> {
    let words: Vec<&str> = above.iter().map(String::as_str).chain(["--help"]).collect();
    let help = sandbox.run(directory, &words).ok().stdout;
    let below = section(&help, "Commands");
    if below.is_empty() {
        return vec![(above.to_vec(), help)];
    }
    let names = below.iter().filter_map(|line| line.split_whitespace().next()).filter(|name| *name != "help");
    names.flat_map(|name| commands(sandbox, directory, &[above, &[name.to_owned()]].concat())).collect()
}

#[test]
fn each_command_has_examples_and_they_parse() {
    let (sandbox, directory) = session("clone");
    let commands = commands(&sandbox, &directory, &[]);
    assert!(commands.iter().any(|command| command.0 == ["fetch"]), "{:?}", commands.iter().map(|c| &c.0).collect::<Vec<_>>());
    // Otherwise the rest would hold of anything.
    sandbox.run(&directory, &["fetch", "--no-such-option", "--help"]).exits(2);
    for (command, help) in commands {
        let examples: Vec<_> = section(&help, "Examples").into_iter().map(|line| (line, example(line))).collect();
        let own = |call: &Option<Call>| call.as_ref().is_some_and(|call| call.arguments.starts_with(&command));
        assert!(examples.iter().any(|(_, call)| own(call)), "forum {}: --help has no example of it", command.join(" "));
        for (line, call) in examples {
            let place = format!("forum {} --help: {line}", command.join(" "));
            parses(&sandbox, &directory, &place, &call.unwrap_or_else(|| panic!("{place}: no command of forum")));
        }
    }
}

#[test]
fn sessions_are_read_as_written() {
    let markdown = "x\n```console\n$ forum a 'b c' # d\nout\n\n$ echo $?\n3\n```\n```sh\nforum\n```\n";
    let found = blocks(markdown, "console");
    assert_eq!(found.iter().flat_map(steps).map(|step| step.shown).collect::<Vec<_>>(), [vec!["out", ""], vec!["3"]]);
    assert_eq!(blocks(markdown, "sh"), [(10, vec!["forum"])]);
    assert_eq!(call("  forum a 'b c' \"\" d#e # f").unwrap().arguments, ["a", "b c", "", "d#e"]);
    assert_eq!(call("cargo run --release -- -C demo fetch").unwrap().arguments, ["-C", "demo", "fetch"]);
    assert_eq!(call("A_B='1 2' forum x").unwrap().environment, [("A_B".to_owned(), "1 2".to_owned())]);
    assert_eq!(example("forum fetch x@^1   takes # x").unwrap().arguments, ["fetch", "x@^1"]);
    assert_eq!(example("du -sh \"$(forum cache path)\"").unwrap().arguments, ["cache", "path"]);
    assert_eq!(example("forum completions bash > forum.bash").unwrap().arguments, ["completions", "bash"]);
    assert!(call("git status").is_none());
    assert!(agrees(&["a", "…", "c"], &["a", "b", "b", "c"]) && agrees(&["…"], &[]));
    assert!(alike("a…c…e", "abcde") && alike("…", "") && !alike("a…c", "abcd") && !alike("a…", "b"));
    assert!(!agrees(&["a"], &["a", "b"]) && !agrees(&["a", "b"], &["a"]) && !agrees(&["…", "c"], &["a"]));
}
