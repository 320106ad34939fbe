//! Whole candidates against all rules: what a family of rules cannot see alone.

use super::*;
use crate::model::digest::FileMode;
use crate::model::registry_state::Trouble;

/// A component without a fault.
pub(super) const MANIFEST: &str = "[component]\nowner = \"sundsvall\"\nname = \"pupil-sync\"\nversion = \"1.0.0\"\nkind = \"technical-component\"\ntitle = \"Pupil sync\"\nsummary = \"Reads pupils\"\nlicense = \"EUPL-1.2\"\nstatus = \"production\"\ncontact = \"integration@sundsvall.example\"\n";
const README: &str = "# Pupil sync\n\nReads pupils from the school system and writes them to the identity platform.\n\n## What it needs\n\nNothing.\n\n## How to adapt it\n\nChange the address.\n";

/// Files of a component; one of its own takes the place of a sound one, `None` leaves it out.
pub(super) fn files(own: &[(&str, Option<&[u8]>)]) -> Vec<ContentFile> {
    let sound = [("component.toml", MANIFEST), ("README.md", README), ("LICENSE", "EUPL-1.2\n")];
    let sound =
        sound.iter().filter(|(path, _)| !own.iter().any(|(mine, _)| mine == path)).map(|(path, text)| (*path, Some(text.as_bytes())));
    let all = sound.chain(own.iter().copied()).filter_map(|(path, bytes)| {
        Some(ContentFile { path: path.parse().expect("a path"), mode: FileMode::Regular, bytes: bytes?.to_vec() })
    });
    all.collect()
}

/// What all rules say of such files.
pub(super) fn checked(own: &[(&str, Option<&[u8]>)]) -> Checked {
    let files = files(own);
    check(&Candidate { files: &files, obstacles: &[], hidden: &[], place: "", registry: None, owner: None, previous: None })
}

fn rules_of(checked: &Checked) -> Vec<&str> {
    checked.findings.iter().map(|finding| finding.rule).collect()
}

fn with_manifest(text: &str) -> Checked {
    checked(&[("component.toml", Some(text.as_bytes()))])
}

fn registry(text: &str) -> RegistryFile {
    RegistryFile::parse(format!("format = 1\nname = \"kommun\"\n{text}").as_bytes(), &Version::new(0, 1, 0)).expect("a registry")
}

#[test]
fn a_sound_component_has_no_finding() {
    let checked = checked(&[]);
    assert_eq!(checked.findings, []);
    assert!(checked.manifest.is_some_and(|manifest| manifest.component.name == "pupil-sync"));
}

#[test]
fn each_required_field_is_missed_with_its_line() {
    for key in ["owner", "name", "version", "kind", "title", "summary", "license", "status", "contact"] {
        let kept: Vec<&str> = MANIFEST.lines().filter(|line| !line.starts_with(&format!("{key} "))).collect();
        let checked = with_manifest(&(kept.join("\n") + "\n"));
        let finding = &checked.findings[0];
        assert_eq!(
            (finding.rule, finding.line, finding.message.as_str()),
            ("manifest", Some(1), format!("`component.{key}` is missing").as_str())
        );
        assert_eq!(checked.errors, 1, "{:?}", checked.findings);
    }
}

#[test]
fn what_a_manifest_says_wrong_is_said_with_its_line() {
    let long = format!("summary = \"{}\"", "x".repeat(161));
    for (from, to, part, line) in [
        ("version = \"1.0.0\"", "version = \"1.0\"", "no version of SemVer", 4),
        ("name = \"pupil-sync\"", "name = \"Pupil\"", "a-z, 0-9", 3),
        ("status = \"production\"", "status = \"done\"", "must be one of draft, pilot, production", 9),
        ("summary = \"Reads pupils\"", &long, "161 characters", 7),
        ("title = \"Pupil sync\"", "title = 3", "must be a text", 6),
        ("contact = \"integration@sundsvall.example\"", "contact = \"somebody\"", "neither an e-mail address", 10),
        ("license = \"EUPL-1.2\"", "license = \"EUPL 1.2\"", "no SPDX expression", 8),
        ("kind = ", "kind == ", "is no TOML", 5),
    ] {
        let checked = with_manifest(&MANIFEST.replace(from, to));
        let finding = checked
            .findings
            .iter()
            .find(|finding| finding.message.contains(part))
            .unwrap_or_else(|| panic!("{to}: {:?}", checked.findings));
        assert_eq!(
            (finding.severity, finding.line, finding.path.as_deref()),
            (Severity::Error, Some(line), Some("component.toml")),
            "{to}"
        );
    }
}

#[test]
fn what_is_appended_wrong_is_said_with_its_line() {
    let line = u32::try_from(MANIFEST.lines().count()).expect("few") + 2;
    for (extra, rule, part) in [
        ("[variables.v]\ndefault = \"1\"\nreplace = [{ file = \"a.txt\", text = \"0\", count = 1 }]", "variables", "not there"),
        ("[variables.v]\nreplace = [{ file = \"README.md\", text = \"Pupil\", count = 7 }]", "variables", "not 7 times"),
        ("[variables.v]\nbind = [{ file = \"README.md\", pointer = \"/a\" }]", "variables", "variable `v`"),
        ("[variables.v]\npattern = \"(\"", "manifest", "no regular expression"),
        ("[variables.v]\npromt = \"x\"", "manifest-unknown-key", "variables.v.promt"),
        ("[dependencies]\n\"../x\" = \"1\"", "manifest", "[dependencies]"),
        ("[dependencies]\n\"sundsvall/pupil-sync\" = \"1\"", "manifest", "cannot need itself"),
        ("[dependencies]\n\"inera/base\" = \"one\"", "manifest", "no requirement"),
        ("[files]\nrenames = [{ from = \"a\", to = \"b\", since = \"1.0.0\" }]", "manifest", "there is no `b`"),
        ("[files]\nrenames = [{ from = \"a\", to = \"LICENSE\", since = \"2.0.0\" }]", "manifest", "later than this version"),
        ("[files]\nrenames = [{ from = \"LICENSE\", to = \"README.md\", since = \"1.0.0\" }]", "manifest", "still there"),
        ("[extra]\nx = 1", "manifest-unknown-key", "`extra`"),
    ] {
        let checked = with_manifest(&format!("{MANIFEST}\n{extra}\n"));
        let finding = checked
            .findings
            .iter()
            .find(|finding| finding.message.contains(part))
            .unwrap_or_else(|| panic!("{extra}: {:?}", checked.findings));
        assert_eq!(finding.rule, rule, "{extra}");
        assert!(finding.line.is_none_or(|found| (line..line + 3).contains(&found)), "{extra}: {finding:?}");
    }
}

#[test]
fn a_default_that_its_place_cannot_hold_is_found() {
    let manifest = format!("{MANIFEST}\n[variables.v]\ndefault = \"many\"\nbind = [{{ file = \"a.json\", pointer = \"/n\" }}]\n");
    let checked = checked(&[("component.toml", Some(manifest.as_bytes())), ("a.json", Some(b"{\"n\": 1}"))]);
    assert_eq!(rules_of(&checked), ["variables"]);
}

#[test]
fn a_secret_has_no_default_of_its_own() {
    for (default, rule) in [("Vinterdag-2024!", Some("secret-password")), ("Sommaren", Some("secret-suspect")), ("<password>", None)] {
        let checked = with_manifest(&format!("{MANIFEST}\n[variables.key]\ntype = \"secret\"\ndefault = \"{default}\"\n"));
        assert_eq!(checked.findings.first().map(|finding| (finding.rule, finding.line)), rule.map(|rule| (rule, Some(12))), "{default}");
        assert!(!serde_json::to_string(&checked.findings).expect("JSON").contains(default));
    }
}

#[test]
fn a_near_key_is_named() {
    let checked = with_manifest(&MANIFEST.replace("contact =", "contakt ="));
    assert_eq!(
        checked.findings.iter().find(|finding| finding.rule == "manifest-unknown-key").map(|finding| finding.help.as_str()),
        Some("is `contact` meant?")
    );
}

#[test]
fn nobody_publishes_as_somebody_else_nor_against_the_registry() {
    let (files, owner) = (files(&[]), "ange".parse().expect("a name"));
    let registry = registry(
        "licences = [\"MIT\"]\n[require]\nfields = [\"decision\", \"platform.name\"]\n[limits]\nfile = \"100 B\"\ncomponent = \"200 B\"\nfiles = 2\n",
    );
    let candidate = Candidate {
        files: &files,
        obstacles: &[],
        hidden: &[],
        place: "a/b",
        registry: Some(&registry),
        owner: Some(&owner),
        previous: None,
    };
    let checked = check(&candidate);
    let mut rules = rules_of(&checked);
    rules.sort_unstable();
    assert_eq!(rules, ["licence", "limits", "limits", "limits", "limits", "manifest", "manifest", "owner"]);
    assert!(checked.findings.iter().any(|finding| finding.path.as_deref() == Some("a/b/component.toml")));
}

#[test]
fn paths_that_no_client_takes_are_errors() {
    let long = format!("{}/x.txt", "d".repeat(180));
    for (path, rule) in [("readme.MD", "path"), ("sub/.forum/x", "path"), ("forum.lock", "path"), (long.as_str(), "path-length")] {
        let checked = checked(&[(path, Some(b"x"))]);
        assert!(rules_of(&checked).contains(&rule), "{path}: {:?}", checked.findings);
    }
    let repository: Vec<_> = ["r/HEAD", "r/objects/x", "r/refs/y"].map(|path| (path, Some(b"x" as &[u8]))).to_vec();
    assert!(rules_of(&checked(&repository)).contains(&"path"));
    let pointer = b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n";
    assert_eq!(rules_of(&checked(&[("big.zip", Some(pointer))])), ["lfs-pointer"]);
}

#[test]
fn what_cannot_be_published_is_said_as_it_was_found() {
    let obstacles = [Obstacle { path: "a/link".into(), trouble: Trouble::Kind, why: "is a symbolic link".into() }];
    let files = files(&[("README.md", None)]);
    let checked =
        check(&Candidate { files: &files, obstacles: &obstacles, hidden: &[], place: "p/", registry: None, owner: None, previous: None });
    assert_eq!(rules_of(&checked), ["readme", "file-kind"]);
    assert_eq!((checked.findings[1].path.as_deref(), checked.errors), (Some("p/a/link"), 2));
}

#[test]
fn what_must_not_leave_is_found_with_its_place_and_never_repeated() {
    let conn = "Server=db01;Database=skola;User Id=app;Password=Gr7!kvast-Blomma92;";
    let nested = serde_json::json!({ "a": [serde_json::json!({ "b": conn }).to_string()] }).to_string();
    let table = "namn;personnr\nAnna;18950312-1270\nBo;9503121270\n";
    let yaml = "info:\n  contact:\n    email: anna.exempelsson@example.se\n  url: http://10.20.30.41/x\n";
    let files: [(&str, Option<&[u8]>); 4] = [
        ("process.json", Some(nested.as_bytes())),
        ("elever.csv", Some(table.as_bytes())),
        ("openapi.yaml", Some(yaml.as_bytes())),
        ("keys/site.pfx", Some(b"0\x82\0\0")),
    ];
    let checked = checked(&files);
    let found: Vec<_> = checked.findings.iter().map(|f| (f.rule, f.path.as_deref().unwrap_or(""), f.line, f.pointer.as_deref())).collect();
    for wanted in [
        ("secret-password", "process.json", Some(1), Some("/a/0!/b")),
        ("personal-identity-number", "elever.csv", Some(2), None),
        ("personal-identity-number", "elever.csv", Some(3), None),
        ("personal-email", "openapi.yaml", Some(3), Some("/info/contact/email")),
        ("private-address", "openapi.yaml", Some(4), Some("/info/url")),
        ("key-container", "keys/site.pfx", None, None),
        ("unreadable", "keys/site.pfx", None, None),
    ] {
        assert!(found.contains(&wanted), "{wanted:?}: {found:?}");
    }
    let said = serde_json::to_string(&checked.findings).expect("JSON");
    for secret in ["Blomma", "1270", "exempelsson", "10.20"] {
        assert!(!said.contains(secret), "{secret}: {said}");
    }
}

#[test]
fn ten_digits_before_a_comma_are_a_person_where_the_column_says_so() {
    for (path, text, is) in [
        ("a.csv", "namn,personnr,klass\nBo,9503121270,7\n", true),
        ("a.csv", "Personnummer,7\n9503121270,7\n", true),
        ("a.json", "{\"pnr\": \"9503121270,7\"}", true),
        ("a.csv", "namn,ordernr,klass\nBo,9503121270,7\n", false),
        ("a.csv", "namn;personnr;x\nBo;7;9503121270,7\n", false),
        ("a.csv", "namn;belopp\nelev;9503121270,75\n", false),
        ("a.csv", "namn,personnr\nBo,9503121271,7\n", false),
        ("a.txt", "elevation 9503121270,7", false),
    ] {
        assert_eq!(rules_of(&checked(&[(path, Some(text.as_bytes()))])).contains(&"personal-identity-number"), is, "{text}");
    }
}

#[test]
fn a_name_gives_a_person_away_too() {
    for (path, rule) in [("elever/18950312-1270.txt", "personal-identity-number"), ("mail/anna.svensson@kommun.se", "personal-email")] {
        let checked = checked(&[(path, Some(b"x"))]);
        assert_eq!(rules_of(&checked), [rule]);
        assert_eq!(checked.findings[0].path.as_deref(), Some("component.toml"), "it would be repeated");
    }
    assert_eq!(rules_of(&checked(&[("docs/api-v2.txt", Some(b"x"))])), [""; 0]);
}

#[test]
fn many_alike_are_said_in_few_words() {
    let table: String = (0..500).map(|_| "18950312-1270\n").collect();
    let checked = checked(&[("a.csv", Some(table.as_bytes()))]);
    assert_eq!(checked.errors, 10);
    assert!(checked.findings.last().is_some_and(|finding| finding.message.ends_with("490 more like it stand in the file")));
}

#[test]
fn a_component_without_personal_data_has_no_field_for_it() {
    let manifest = format!("{MANIFEST}personal-data = \"none\"\nkeywords = [\"personnummer\"]\n");
    for (path, text, is) in [
        ("a.sql", "SELECT NAMN, ELEV_PERSONNR FROM T", true),
        ("a.json", "{\"civicRegistrationNumber\": \"{{x}}\"}", true),
        ("a.json", "{\"text\": \"Ange personnummer i rutan\"}", false),
        ("a.md", "Reads no personnummer.", false),
        ("a.sql", "SELECT NAMN FROM T", false),
    ] {
        let said = |manifest: &str| {
            let found = checked(&[("component.toml", Some(manifest.as_bytes())), (path, Some(text.as_bytes()))]);
            rules_of(&found).contains(&"personal-data")
        };
        assert_eq!((said(&manifest), said(MANIFEST)), (is, false), "{text}");
    }
}

#[test]
fn each_rule_says_everything_about_itself() {
    for (index, rule) in rules().iter().enumerate() {
        assert!(rules()[..index].iter().all(|other| other.id != rule.id), "{} twice", rule.id);
        assert!(rule.id.chars().all(|c| c.is_ascii_lowercase() || c == '-'), "{}", rule.id);
        assert!(rule.what.ends_with(['.', ':']) && rule.why.ends_with('.') && rule.source.ends_with('.'), "{}", rule.id);
        assert!(!rule.mend.is_empty() && !rule.mend.ends_with('.'), "{}: the way to mend it goes into `help`", rule.id);
        assert!(["Law", "Guide", "Format", "Data"].iter().any(|kind| rule.source.starts_with(kind)), "{}", rule.id);
    }
    let unwaivable =
        ["manifest", "variables", "owner", "licence", "secret-password", "secret-token", "personal-identity-number", "key-container"];
    assert!(unwaivable.iter().all(|id| rules::find(id).is_some_and(|rule| !rule.waivable)));
    assert_eq!(rules::near("secret-pasword").first(), Some(&"secret-password"));
    assert!(rules::near("identity-number").contains(&"personal-identity-number"));
    assert!(rules::near("xyz-nothing-like-it").is_empty());
}
