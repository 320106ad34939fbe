//! Rust source as a test reads it: code without comments and texts, and the paths that it names.
//!
//! No parser: it knows comments, texts, `use` trees and modules within a file, which is what rules about who may use
//! whom need. A path that a macro puts together stays unseen.

use std::sync::LazyLock;

use regex::Regex;

/// A path in the code, `std::fs` or `crate::model::id`, with the line on which it begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Named {
    pub(crate) line: usize,
    /// Without `super`: what is the crate's own begins with `crate::`.
    pub(crate) path: String,
}

/// The code alone: comments and the insides of texts are blanks, so that lines and columns stay.
pub(crate) fn code(source: &str) -> String {
    static SKIPPED: LazyLock<Regex> = LazyLock::new(|| {
        let raw = (0..4).rev().map(|count| "#".repeat(count)).map(|hashes| format!("\\br{hashes}\"(?s:.*?)\"{hashes}"));
        let others = [r"//[^\n]*", r"(?s:/\*.*?\*/)", r#""(?s:\\.|[^"\\])*""#, r"'(?:\\[^\n]+?|[^'\\\n])'"];
        Regex::new(&others.map(str::to_owned).into_iter().chain(raw).collect::<Vec<_>>().join("|")).unwrap()
    });
    let blank = |found: &regex::Captures<'_>| found[0].chars().map(|c| if c == '\n' { '\n' } else { ' ' }).collect::<String>();
    SKIPPED.replace_all(source, blank).into_owned()
}

/// The paths that begin in `crate`, `super`, `std` or one of `others`, each branch of a `use` tree by itself.
///
/// `module` is that of the file: `["store", "fs"]` for `src/store/fs/mod.rs`.
pub(crate) fn paths(code: &str, module: &[&str], others: &[&str]) -> Vec<Named> {
    let start = format!(r"(?:^|[^:\w$.])((?:crate|super|std|{})\s*::|\$crate\s*::)", others.join("|"));
    let mut found = Vec::new();
    for hit in Regex::new(&start).unwrap().captures_iter(code).filter_map(|hit| hit.get(1)) {
        let line = code[..hit.start()].matches('\n').count() + 1;
        let inner = inline_modules(code, line);
        for branch in branches(&code[hit.start()..]) {
            found.push(Named { line, path: absolute(branch.trim_start_matches('$'), module, inner) });
        }
    }
    found
}

/// Each path of a tree such as `crate::{model::{id, path}, fail}`; a path alone is its only branch.
fn branches(tree: &str) -> Vec<String> {
    let tree = tree.trim_start();
    let end = tree.find(|c: char| !(c.is_alphanumeric() || "_:$#*".contains(c))).unwrap_or(tree.len());
    let (head, rest) = tree.split_at(end);
    if !(head.is_empty() || head.ends_with("::")) || !rest.starts_with('{') {
        return if head.is_empty() { Vec::new() } else { vec![head.trim_end_matches(':').to_owned()] };
    }
    let (mut depth, mut from, mut found) = (0, 1, Vec::new());
    for (at, c) in rest.char_indices() {
        match c {
            '{' => depth += 1,
            '}' => depth -= 1,
            _ => {}
        }
        if (c == ',' && depth == 1) || depth == 0 {
            found.extend(branches(&rest[from..at]).into_iter().map(|branch| format!("{head}{branch}")));
            from = at + 1;
        }
        if depth == 0 {
            break;
        }
    }
    found
}

/// How many modules that the file itself opens stand around a line. rustfmt closes a block at its own indent.
fn inline_modules(code: &str, line: usize) -> usize {
    static OPEN: LazyLock<Regex> = LazyLock::new(|| Regex::new(r"^( *)(?:pub(?:\([^)]*\))? )?mod \w+ \{$").unwrap());
    let mut open: Vec<String> = Vec::new();
    for text in code.lines().take(line - 1).map(str::trim_end) {
        if let Some(indent) = OPEN.captures(text) {
            open.push(indent[1].to_owned());
        } else if open.last().is_some_and(|indent| text == format!("{indent}}}")) {
            open.pop();
        }
    }
    open.len()
}

/// Takes `super` away: `super::id` in `model::index` is `crate::model::id`.
fn absolute(path: &str, module: &[&str], inner: usize) -> String {
    let rest = path.trim_start_matches("super::");
    let ups = if path == "super" { 1 } else { (path.len() - rest.len()) / "super::".len() };
    if ups == 0 {
        return path.to_owned();
    }
    let kept = (module.len() + inner).saturating_sub(ups).min(module.len());
    let below = if path == "super" { &[] } else { std::slice::from_ref(&rest) };
    [&["crate"], &module[..kept], below].concat().join("::")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(text: &str, module: &[&str]) -> Vec<String> {
        paths(&code(text), module, &["git2"]).into_iter().map(|named| named.path).collect()
    }

    #[test]
    fn comments_and_texts_are_no_code() {
        let text = "// crate::a\n/* std::fs */ let x = \"std::fs \\\" std::fs\"; r#\"std::env\"#; '\"'; std::net; 'a";
        assert_eq!(seen(text, &[]), ["std::net"]);
        assert_eq!(code("a\"b\nc\"d").len(), "a\"b\nc\"d".len());
    }

    #[test]
    fn each_branch_of_a_tree_counts() {
        let text = "use crate::{model::{id::Name, path}, fail};\nuse std::{fs::{self, File}, io};\nuse git2::*;";
        let want = ["crate::model::id::Name", "crate::model::path", "crate::fail", "std::fs::self", "std::fs::File", "std::io", "git2::*"];
        assert_eq!(seen(text, &[]), want);
    }

    #[test]
    fn a_module_above_is_named_by_its_path() {
        let text = "use super::id;\nlet x = super::super::ui::say();\nmod tests {\n    use super::*;\n    use super::super::dir;\n}\nuse super::z;";
        let want = ["crate::store::id", "crate::ui::say", "crate::store::memory::*", "crate::store::dir", "crate::store::z"];
        assert_eq!(seen(text, &["store", "memory"]), want);
        assert_eq!(paths("\n\nstd::fs", &[], &["git2"])[0].line, 3);
    }
}
