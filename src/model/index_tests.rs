//! What holds for reading index files.

use super::*;

const HEAD: &str = "format = 1\nid = \"goteborg/pupil-system\"\n";

fn id() -> ComponentId {
    "goteborg/pupil-system".parse().expect("an id")
}

fn version(text: &str) -> Version {
    Version::parse(text).expect("a version")
}

fn parse(text: &str) -> Result<IndexFile, IndexError> {
    IndexFile::parse("index/goteborg/pupil-system.toml", text.as_bytes(), &id())
}

fn record(version: &str) -> String {
    format!("[[version]]\nversion = \"{version}\"\ntree = \"{}\"\nchecksum = \"sha256:{}\"\n", "0".repeat(40), "a".repeat(64))
}

fn rule(text: &str) -> String {
    let error = parse(text).expect_err("it breaks a rule");
    assert!(error.to_string().starts_with("index/goteborg/pupil-system.toml "), "{error}");
    assert_eq!(error.failure().code, Code::InvalidRegistry);
    error.to_string()
}

#[test]
fn the_file_of_the_contract_is_read_whole() {
    let text = format!(
        "{HEAD}future = 1\n[card]\nversion = \"1.2.0\"\nkind = \"technical-component\"\ntitle = \"Sync\\u001b\"\nkeywords = [\"pupil\"]\n\
         [mood]\nx = 1\n{}published = \"2026-11-24T10:00:00Z\"\nlicense = \"MIT\"\ndependencies = {{ \"inera/sftp-transfer\" = \"^2.0\" }}\n\
         source = {{ repository = \"https://x\", commit = \"c\", path = \"p\" }}\n{}[yanked.\"1.0.0\"]\nreason = \"wrong\"\ndate = \"2026-11-20\"\n\
         [removed.\"0.9.0\"]\nreason = \"data\"\n[deprecated]\nreason = \"old\"\nreplaced-by = \"sundsvall/pupil-system\"\n",
        record("1.0.0"),
        record("0.9.0"),
    );
    let file = parse(&text).expect("it is valid");
    assert_eq!(file.card.kind, Kind::TechnicalComponent);
    assert_eq!(file.card.title, "Sync\u{1b}");
    assert_eq!(file.versions[0].dependencies[&"inera/sftp-transfer".parse::<ComponentId>().expect("an id")].to_string(), "^2.0");
    assert_eq!(file.versions[0].source.as_ref().expect("a source").path, "p");
    assert_eq!(file.deprecated.as_ref().and_then(|d| d.replaced_by.clone()).expect("a successor").to_string(), "sundsvall/pupil-system");
    assert!(matches!(file.state(&version("1.0.0")), VersionState::Yanked(notice) if notice.reason == "wrong"));
    assert!(matches!(file.state(&version("0.9.0")), VersionState::Removed(notice) if notice.reason == "data"));
    assert_eq!(file.last_published().expect("a version").version, version("0.9.0"));
    assert!(file.record(&version("1.0.0")).is_some() && file.record(&version("1.0.0+b")).is_none());
}

#[test]
fn a_newer_format_is_told_from_a_broken_file() {
    let error = parse("format = 7\nid = 3\nversion = \"all new\"").expect_err("newer");
    assert!(error.is_newer_format());
    assert!(error.to_string().contains("format 7"), "{error}");
    assert!(error.failure().hints[0].contains("update forum"));
    for text in ["id = \"goteborg/pupil-system\"", "format = 0", "format = \"2\"", "format = -1"] {
        assert!(!parse(text).expect_err("no format").is_newer_format(), "{text}");
        assert!(rule(text).contains("format = 1"));
    }
}

#[test]
fn the_code_survives_on_the_way_to_the_user() {
    let through = || -> anyhow::Result<IndexFile> { Ok(parse("format = 7").map_err(Failure::from)?) };
    let failure = Failure::of(&through().expect_err("newer"));
    assert_eq!(failure.code, Code::InvalidRegistry);
    assert!(!failure.hints.is_empty());
}

#[test]
fn each_rule_is_named() {
    assert!(rule("format = 1\nid = \"kungsbacka/pupil-system\"").contains("kungsbacka/pupil-system"));
    assert!(rule(&format!("{HEAD}{}{}", record("1.0.0"), record("1.0.0"))).contains("1.0.0 twice"));
    assert!(rule(&format!("{HEAD}{}", record("1.0"))).contains("no version"));
    assert!(rule(&format!("{HEAD}[yanked.one]\nreason = \"\"")).contains("[yanked]"));
    assert!(rule(&format!("{HEAD}{}dependencies = {{ \"../..\" = \"1\" }}", record("1.0.0"))).contains("dependency of version 1.0.0"));
    assert!(rule(&format!("{HEAD}{}dependencies = {{ \"ab/cd\" = \"one\" }}", record("1.0.0"))).contains("no requirement for ab/cd"));
    assert!(rule(&format!("{HEAD}[deprecated]\nreplaced-by = \"x\"")).contains("replaced-by"));
    assert!(rule(&format!("{HEAD}<<<<<<< HEAD\n")).contains("conflict markers"));
    assert!(rule(&format!("{HEAD}title = \n")).contains("line 3"));
    assert!(rule(&record("1.0.0").replace("sha256:", "md5:")).contains("format"));
    assert!(rule(&format!("{HEAD}{}", record("1.0.0").replace("sha256:", "md5:"))).contains("checksum"));
}

#[test]
fn large_deep_and_binary_files_are_refused() {
    let bytes = vec![b'#'; MAX_BYTES + 1];
    assert!(IndexFile::parse("x", &bytes, &id()).expect_err("too large").to_string().contains("16 MiB"));
    assert!(IndexFile::parse("x", b"format = 1 # \xff", &id()).expect_err("binary").to_string().contains("UTF-8"));
    rule(&format!("{HEAD}deep = {}{}", "[".repeat(10_000), "]".repeat(10_000)));
    rule(&format!("{HEAD}deep = {}1{}", "{ a = ".repeat(10_000), " }".repeat(10_000)));
    // Dotted keys nest without brackets.
    let _ = parse(&format!("{HEAD}{}a = 1", "a.".repeat(10_000)));
    let _ = parse(&format!("{HEAD}[{}a]", "a.".repeat(10_000)));
}

#[test]
fn the_newest_is_a_release_that_can_be_had() {
    let newest = |versions: &[&str], more: &str| {
        let text = format!("{HEAD}{}{more}", versions.iter().map(|version| record(version)).collect::<String>());
        parse(&text).expect("valid").newest().map(|record| record.version.to_string())
    };
    assert_eq!(newest(&[], ""), None);
    assert_eq!(newest(&["1.10.0", "1.9.0", "2.0.0-rc.1"], "").as_deref(), Some("1.10.0"));
    assert_eq!(newest(&["1.0.0", "1.1.0"], "[yanked.\"1.1.0\"]\n").as_deref(), Some("1.0.0"));
    assert_eq!(newest(&["1.0.0-a", "1.1.0"], "[removed.\"1.1.0\"]\n").as_deref(), Some("1.0.0-a"));
    assert_eq!(newest(&["1.0.0", "1.1.0"], "[yanked.\"1.0.0\"]\n[removed.\"1.1.0\"]\n").as_deref(), Some("1.0.0"));
    assert_eq!(newest(&["1.0.0", "1.1.0"], "[removed.\"1.0.0\"]\n[removed.\"1.1.0\"]\n").as_deref(), Some("1.1.0"));
}

#[test]
fn kinds_are_kept_as_written() {
    for word in ["design-template", "technical-component", "recipe", ""] {
        assert_eq!(Kind::from(word.to_owned()).to_string(), word);
    }
}
