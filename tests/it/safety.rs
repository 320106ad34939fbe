//! `docs/safety.md` names the tests that fail where a defence is taken out: each of them is in the sources.

use std::fs;
use std::path::{Path, PathBuf};

/// The sources below a directory, each with the modules that its path names: `store/fs/dir_tests.rs` is `store/fs/dir_tests`.
fn sources(directory: &Path, under: &str, found: &mut Vec<(String, PathBuf)>) {
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_stem().unwrap().to_str().unwrap();
        if path.is_dir() {
            sources(&path, &format!("{under}{name}/"), found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push((format!("{under}{name}"), path));
        }
    }
}

#[test]
fn every_test_that_the_page_names_is_there() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let page = fs::read_to_string(root.join("docs/safety.md")).unwrap();
    let mut all = Vec::new();
    sources(&root.join("src"), "", &mut all);
    sources(&root.join("tests/it"), "", &mut all);
    let mut named = 0;
    for line in page.lines().filter(|line| line.starts_with("| ")) {
        let cell = line.trim_end_matches('|').rsplit(" | ").next().unwrap();
        for test in cell.split('`').filter(|word| word.contains("::") && !word.contains(' ')) {
            let (modules, name) = test.rsplit_once("::").unwrap();
            let modules = modules.strip_suffix("::tests").unwrap_or(modules).replace("::", "/");
            let declared = format!("fn {name}(");
            let holds =
                |(file, path): &&(String, PathBuf)| file.starts_with(&modules) && fs::read_to_string(path).unwrap().contains(&declared);
            assert!(all.iter().any(|source| holds(&source)), "docs/safety.md names {test}, which is not there");
            named += 1;
        }
    }
    assert!(named > 40, "{named} tests are named");
}
