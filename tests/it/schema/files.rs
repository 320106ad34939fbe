//! The files of a registry and of a workspace. One row of [`FILES`] is one file format.
//!
//! `documents/` has one file of each format with every key of the contract. What breaks it is refused by the schema and
//! by the type alike (`refused`), or by the schema alone, where clients put up with it and `registry check` does not
//! (`tolerated`).

use std::fs;
use std::path::Path;

use forum::model::adoption::Adoption;
use forum::model::index::IndexFile;
use forum::model::lockfile::Lock;
use forum::model::manifest::Manifest;
use forum::model::publisher::Publisher;
use forum::model::registry_file::RegistryFile;
use forum::model::user_settings::UserSettings;
use forum::model::workspace_file::WorkspaceFile;
use semver::Version;
use serde_json::Value;

use super::schemas;
use crate::support::fixtures::{PUPIL, SFTP, ready};
use crate::support::registry::Version as Published;
use crate::support::sandbox::text;
use crate::support::{Entry, files, snapshot};

/// What is put in the place of what: the first time that it occurs.
type Edit = (&'static str, &'static str);

/// One file format.
pub(super) struct File {
    pub(super) schema: &'static str,
    /// Where it lies in a registry or workspace: its directory, and the end of its name.
    place: (&'static str, &'static str),
    document: &'static str,
    /// Reads it as the program does; `None` where it does not read it yet.
    read: Option<fn(&str) -> Result<(), String>>,
    refused: &'static [Edit],
    tolerated: &'static [Edit],
}

fn read_component(text: &str) -> Result<(), String> {
    let table: toml::Table = text.parse().map_err(|error| format!("{error}"))?;
    let word = |key: &str| table.get("component").and_then(|table| table.get(key)).and_then(toml::Value::as_str).unwrap_or_default();
    let id = format!("{}/{}", word("owner"), word("name")).parse().map_err(|error| format!("{error}"))?;
    Manifest::parse(&id, &Version::new(1, 2, 0), text.as_bytes()).map(drop).map_err(|failure| failure.message)
}

fn read_index(text: &str) -> Result<(), String> {
    let table: toml::Table = text.parse().map_err(|error| format!("{error}"))?;
    let id = table.get("id").and_then(toml::Value::as_str).unwrap_or_default().parse().map_err(|error| format!("{error}"))?;
    IndexFile::parse("index", text.as_bytes(), &id).map(drop).map_err(|error| error.to_string())
}

fn read_registry(text: &str) -> Result<(), String> {
    RegistryFile::parse(text.as_bytes(), &Version::new(0, 1, 0)).map(drop).map_err(|failure| failure.message)
}

fn read_publisher(text: &str) -> Result<(), String> {
    Publisher::parse(text.as_bytes()).map(drop).ok_or_else(|| "no publisher".to_owned())
}

fn read_adoption(text: &str) -> Result<(), String> {
    let by = "sundsvall".parse().map_err(|error| format!("{error}"))?;
    Adoption::parse(&by, text.as_bytes()).map(drop).ok_or_else(|| "no record".to_owned())
}

fn read_workspace(text: &str) -> Result<(), String> {
    WorkspaceFile::parse(text.as_bytes()).map(drop).map_err(|failure| failure.message)
}

fn read_lock(text: &str) -> Result<(), String> {
    Lock::parse(text.as_bytes()).map(drop).map_err(|failure| failure.message)
}

fn read_config(text: &str) -> Result<(), String> {
    UserSettings::parse(text.as_bytes()).map(drop).map_err(|failure| failure.message)
}

pub(super) const FILES: &[File] = &[
    File {
        schema: "registry",
        place: ("", "registry.toml"),
        document: include_str!("../documents/registry.toml"),
        read: Some(read_registry),
        refused: &[
            ("format = 1", "format = 2"),
            ("format = 1", "format = \"1\""),
            ("name = \"kommun\"", "name = \"../x\""),
            ("name = \"kommun\"", "name = \"con\""),
            ("name = \"kommun\"\n", ""),
            ("title = \"Kommunbiblioteket\"", "title = 1"),
            ("min-forum = \"0.1.0\"", "min-forum = \"soon\""),
            ("file = \"10 MiB\"", "file = \"huge\""),
            ("file = \"10 MiB\"", "file = 10"),
            ("files = 2000", "files = -1"),
            ("files = 2000", "files = \"many\""),
            ("elev = [\"pupil\", \"student\", \"ss12000\"]", "elev = \"pupil\""),
        ],
        tolerated: &[
            ("title = \"Kommunbiblioteket\"\n", ""),
            ("discussion = \"https:", "discussion = \"http:"),
            ("files = 2000", "files = 0"),
            ("licences = [\"EUPL-1.2\"", "licences = [\"EUPL 1.2\", \"\""),
            ("areas = [\"education\", \"care\"]", "areas = \"education\""),
        ],
    },
    File {
        schema: "publisher",
        place: ("publishers/", ".toml"),
        document: include_str!("../documents/publisher.toml"),
        read: Some(read_publisher),
        refused: &[
            ("title = \"Göteborgs Stad\"", "title = 1"),
            ("kind = \"municipality\"", "kind = [\"municipality\"]"),
            ("contact = \"integration@goteborg.example\"", "contact = {}"),
            ("url = \"https://goteborg.example\"", "url = true"),
        ],
        tolerated: &[
            ("title = \"Göteborgs Stad\"\n", ""),
            ("kind = \"municipality\"", "kind = \"A municipality\""),
            ("country = \"SE\"", "country = \"Sweden\""),
            ("contact = \"integration@goteborg.example\"", "contact = \"\""),
            ("url = \"https://", "url = \"javascript://"),
            ("github = \"@goteborg/integration\"", "github = \"goteborg\""),
        ],
    },
    File {
        schema: "index",
        place: ("index/", ".toml"),
        document: include_str!("../documents/index.toml"),
        read: Some(read_index),
        refused: &[
            ("format = 1", "format = 2"),
            ("format = 1\n", ""),
            ("id = \"goteborg/pupil-system\"", "id = \"pupil-system\""),
            ("id = \"goteborg/pupil-system\"", "id = \"goteborg/nul\""),
            ("title = \"Pupil system sync\"", "title = 1"),
            ("keywords = [\"pupil\", \"SS12000\"]", "keywords = \"pupil\""),
            ("version = \"0.9.0\"", "version = \"0.9\""),
            ("version = \"0.9.0\"", "version = \"00.9.0\""),
            ("tree = \"5e14", "tree = \"5E14"),
            ("tree = \"5e14f022f43bec015f75ed084368ca78cc8fe278\"\n", ""),
            ("sha256:4ecf", "md5:4ecf"),
            ("license = \"EUPL-1.2\"\n\n[[version]]", "license = 1\n\n[[version]]"),
            ("\"inera/sftp-transfer\" = \"^2.0\"", "\"../..\" = \"1\""),
            ("\"^2.0\"", "\"two\""),
            ("[yanked.\"1.0.0\"]", "[yanked.\"1.0\"]"),
            ("reason = \"Contained personal data\"", "reason = 1"),
            ("replaced-by = \"sundsvall/pupil-system\"", "replaced-by = \"pupil-system\""),
        ],
        tolerated: &[
            ("kind = \"technical-component\"", "kind = \"recipe\""),
            ("status = \"production\"", "status = \"beta\""),
            ("summary = \"Nightly transfer of pupils\"\n", ""),
            ("published = \"2026-02-10T08:30:00Z\"", "published = \"in spring\""),
            ("reason = \"Contained personal data\"\n", ""),
            ("discussion = \"https:", "discussion = \"javascript:"),
        ],
    },
    File {
        schema: "adoption",
        place: ("adoptions/", ".toml"),
        document: include_str!("../documents/adoption.toml"),
        read: Some(read_adoption),
        refused: &[
            ("version = \"1.2.0\"", "version = 1.2"),
            ("status = \"retired\"", "status = true"),
            ("since = \"2026-09-01\"", "since = 2026"),
            ("until = \"2027-01-31\"", "until = []"),
            ("hours-saved = 80", "hours-saved = -1"),
            ("hours-saved = 80", "hours-saved = 0.5"),
            ("hours-saved = 80", "hours-saved = \"80\""),
            ("note = \"Replaced by a service of the county\"", "note = 1"),
        ],
        tolerated: &[
            ("component = \"goteborg/pupil-system\"", "component = \"pupil-system\""),
            ("by = \"sundsvall\"\n", ""),
            ("version = \"1.2.0\"", "version = \"1.2\""),
            ("status = \"retired\"", "status = \"planned\""),
            ("status = \"retired\"", "status = \"production\""),
            ("since = \"2026-09-01\"", "since = \"2026-9-1\""),
            ("until = \"2027-01-31\"", "until = \"2027-01-32\""),
        ],
    },
    File {
        schema: "event",
        place: ("events/", ".toml"),
        document: include_str!("../documents/event.toml"),
        read: None,
        refused: &[],
        tolerated: &[
            ("title = \"Forum day: school\"\n", ""),
            ("kind = \"forum-day\"", "kind = \"party\""),
            ("start = \"2026-12-03T09:00:00\"", "start = \"2026-12-03\""),
            ("end = \"2026-12-03T16:00:00\"", "end = \"2026-13-03T16:00:00\""),
            ("time-zone = \"Europe/Stockholm\"", "time-zone = \"\""),
            ("status = \"planned\"", "status = \"maybe\""),
            ("revision = 1", "revision = -1"),
            ("components = [\"goteborg/pupil-system\"]", "components = [\"pupil-system\"]"),
            ("name = \"The integration team\", ", ""),
        ],
    },
    File {
        schema: "component",
        place: ("components/", "/component.toml"),
        document: include_str!("../documents/component.toml"),
        read: Some(read_component),
        refused: &[
            ("owner = \"goteborg\"", "owner = \"../x\""),
            ("owner = \"goteborg\"\n", ""),
            ("name = \"pupil-system\"", "name = \"pupil system\""),
            ("contact = \"integration@goteborg.example\"", "contact = 1"),
            ("confidentiality = 2", "confidentiality = \"high\""),
            ("hours-built = 120", "hours-built = -1"),
            ("derived-from = \"kungsbacka/pupil-system@1.1.0\"", "derived-from = 1"),
            ("name = \"frends\"", "name = 1"),
            ("\"inera/sftp-transfer\" = \"^2\"", "\"../..\" = \"^2\""),
            ("\"inera/sftp-transfer\" = \"^2\"", "\"inera/sftp-transfer\" = \"two\""),
            ("tasks = [\"Frends.Sql >=1.1.31\"]", "tasks = \"Frends.Sql\""),
            ("type = \"string\"", "type = \"text\""),
            ("default = \"0000\"", "default = [\"0000\"]"),
            ("pattern = \"^[0-9]{4}$\"", "pattern = 4"),
            ("choices = [\"night\", \"day\"]\n", ""),
            ("choices = [\"night\", \"day\"]", "choices = []"),
            ("file = \"process.json\"", "file = \"../process.json\""),
            ("file = \"process.json\"", "file = \"/process.json\""),
            ("file = \"process.json\"", "file = \"a/.git/config\""),
            ("file = \"process.json\"", "file = \"nul.txt\""),
            ("count = 3", "count = -1"),
            (", count = 3", ""),
            (", pointer = \"/Plan\"", ""),
        ],
        tolerated: &[
            ("version = \"1.2.0\"", "version = \"1.2\""),
            ("kind = \"technical-component\"", "kind = \"recipe\""),
            ("title = \"Pupil system sync\"\n", ""),
            ("summary = \"One line", "summary = \"One\\nline"),
            ("license = \"EUPL-1.2\"", "license = \"\""),
            ("personal-data = \"none\"", "personal-data = \"some\""),
            ("confidentiality = 2", "confidentiality = 9"),
            ("discussion = \"https:", "discussion = \"http:"),
            ("count = 3", "count = 0"),
            ("pointer = \"/Plan\"", "pointer = \"Plan\""),
            ("from = \"process.json\"", "from = \"../process.json\""),
            ("since = \"2.0.0\"", "since = \"2\""),
            ("rule = \"personal-identity-number\"\n", ""),
        ],
    },
    File {
        schema: "workspace",
        place: ("", "forum.toml"),
        document: include_str!("../documents/workspace.toml"),
        read: Some(read_workspace),
        refused: &[
            ("author = \"role\"", "author = \"anybody\""),
            ("components = \"components\"", "components = \"/components\""),
            ("components = \"components\"", "components = 1"),
            ("url = \"https://forum.example/kommun.git\"\n", ""),
            ("url = \"https://forum.example/kommun.git\"", "url = 1"),
            ("[components.\"goteborg/pupil-system\"]", "[components.\"pupil-system\"]"),
            ("version = \"^1.2\"", "version = \"one\""),
            ("version = \"^1.2\"", "version = 1"),
            ("path = \"components/goteborg/pupil-system\"", "path = \"../pupil-system\""),
            ("registry = \"kommun\"", "registry = 1"),
            ("batch-size = 500", "batch-size = [500]"),
            ("variables = { retries = 5 }", "variables = 5"),
        ],
        tolerated: &[
            ("country = \"SE\"", "country = \"Sweden\""),
            ("[registries.kommun]", "[registries.Kommun]"),
            ("url = \"https://forum.example/kommun.git\"", "url = \"\""),
        ],
    },
    File {
        schema: "lock",
        place: ("", "forum.lock"),
        document: include_str!("../documents/lock.toml"),
        read: Some(read_lock),
        refused: &[
            ("format = 1", "format = 2"),
            ("format = 1\n", ""),
            ("id = \"goteborg/pupil-system\"", "id = \"pupil-system\""),
            ("version = \"1.2.0\"", "version = \"1.2\""),
            ("registry = \"https://forum.example/kommun.git\"\n", ""),
            ("tree = \"9f7e", "tree = \"9f7\""),
            ("sha256:3593", "sha1:3593"),
            ("path = \"components/", "path = \"../components/"),
            ("requested = true", "requested = \"yes\""),
            ("dependencies = [\"inera/sftp-transfer\"]", "dependencies = [\"sftp-transfer\"]"),
            ("municipality-code = \"2281\"", "municipality-code = { x = 1 }"),
            ("written = \"sha256:", "written = \""),
            ("executable = [\"bin/run.sh\"]", "executable = [\"/bin/run.sh\"]"),
            ("[4, 1]", "[4, -1]"),
            ("pending = { to = \"1.3.0\" }", "pending = {}"),
        ],
        tolerated: &[],
    },
    File {
        schema: "config",
        place: ("", "config.toml"),
        document: include_str!("../documents/config.toml"),
        read: Some(read_config),
        refused: &[
            ("owner = \"sundsvall\"", "owner = \"Ö\""),
            ("git = \"system\"", "git = 1"),
            ("timeout = 30", "timeout = 0"),
            ("timeout = 30", "timeout = \"30\""),
            ("url = \"https://forum.example/kommun.git\"\n", ""),
        ],
        tolerated: &[("git = \"system\"", "git = \"\""), ("cache = \"/var/cache/forum\"", "cache = \"\"")],
    },
];

/// TOML as the JSON that its schema speaks of.
fn parsed(text: &str) -> Value {
    let table: toml::Table = text.parse().unwrap_or_else(|error| panic!("{error}\n{text}"));
    serde_json::to_value(table).unwrap()
}

fn edited(document: &str, edit: Edit) -> String {
    assert!(document.contains(edit.0), "`{}` is not in\n{document}", edit.0);
    document.replacen(edit.0, edit.1, 1)
}

#[test]
fn complete_documents_are_accepted_and_each_of_their_keys_is_named() {
    let schemas = schemas();
    for file in FILES {
        let document = parsed(file.document);
        assert_eq!(schemas.broken(file.schema, &document), [""; 0], "{}", file.schema);
        assert_eq!(schemas.unnamed(file.schema, &document), [""; 0], "{}", file.schema);
        if let Some(read) = file.read {
            read(file.document).unwrap_or_else(|error| panic!("{}: {error}", file.schema));
        }
    }
}

#[test]
fn what_a_type_refuses_its_schema_refuses() {
    let schemas = schemas();
    for file in FILES {
        for edit in file.refused {
            let text = edited(file.document, *edit);
            let read = file.read.expect("a type that refuses");
            assert!(read(&text).is_err(), "{}: the type takes {edit:?}", file.schema);
            // What is no TOML at all never meets a schema.
            if let Ok(table) = text.parse::<toml::Table>() {
                let broken = schemas.broken(file.schema, &serde_json::to_value(table).unwrap());
                assert!(!broken.is_empty(), "{}: the schema takes {edit:?}", file.schema);
            }
        }
    }
}

#[test]
fn what_clients_put_up_with_is_refused_by_the_schema_alone() {
    let schemas = schemas();
    for file in FILES {
        for edit in file.tolerated {
            let text = edited(file.document, *edit);
            if let Some(read) = file.read {
                read(&text).unwrap_or_else(|error| panic!("{}: the type refuses {edit:?}: {error}", file.schema));
            }
            assert!(!schemas.broken(file.schema, &parsed(&text)).is_empty(), "{}: the schema takes {edit:?}", file.schema);
        }
    }
}

/// Holds each file of a directory that has a format against schema and type; how many there were.
fn hold(directory: &Path, read_them: bool) -> usize {
    let schemas = schemas();
    let mut held = 0;
    for path in snapshot(directory).into_iter().filter(|(_, entry)| matches!(entry, Entry::File { .. })).map(|(path, _)| path) {
        // Only what lies at its place is of the format: content of a component may have any name.
        let fits = |file: &&File| {
            path.strip_prefix(file.place.0)
                .is_some_and(|rest| if file.place.0.is_empty() { rest == file.place.1 } else { rest.ends_with(file.place.1) })
        };
        let Some(file) = FILES.iter().find(fits) else { continue };
        let text = text(&directory.join(&path));
        assert_eq!(schemas.broken(file.schema, &parsed(&text)), [""; 0], "{path}\n{text}");
        assert_eq!(schemas.unnamed(file.schema, &parsed(&text)), [""; 0], "{path}\n{text}");
        if let Some(read) = file.read.filter(|_| read_them) {
            read(&text).unwrap_or_else(|error| panic!("{path}: {error}"));
        }
        held += 1;
    }
    held
}

#[test]
fn the_example_registry_keeps_to_the_schemas() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/registry");
    assert!(hold(&root, true) > 12);
    assert!(fs::read_dir(root.join("index")).unwrap().count() > 2);
}

#[test]
fn what_tests_and_program_write_keeps_to_the_schemas() {
    let (sandbox, mut small, ws) = ready();
    let manifest = "[variables.key]\ntype = \"secret\"\nreplace = [{ file = \"a.env\", text = \"KEY\", count = 1 }]\n[variables.code]\ntype = \"integer\"\nreplace = [{ file = \"a.env\", text = \"CODE\", count = 1 }]\n";
    let content = files(&[("a.env", "CODE=KEY\n")]);
    small.registry.publish_version(Published::new("inera/secret", "1.0.0", content).manifest(manifest).needs(SFTP, "^2"));
    small.registry.yank(PUPIL, "1.0.0", "wrong");
    small.registry.tombstone(SFTP, "1.0.0", "personal data");
    small.registry.deprecate(SFTP, "old", "goteborg/bytes");
    small.registry.adopt(PUPIL, "sundsvall", "1.2.0", "production");
    let plain = small.registry.plain(&sandbox.path("plain"));
    assert!(hold(&plain, true) >= 10);
    sandbox.fetch(&ws, &[PUPIL, "inera/secret", "--set", "key=hidden", "--set", "code=7", "--registry", "kommun"]).ok();
    assert_eq!(hold(&ws, true), 2 + 3, "forum.toml, forum.lock and three manifests");
    assert!(text(&ws.join("forum.lock")).contains("pieces"), "a lock with every key that fetch writes");
}

#[test]
fn the_manifest_of_the_page_for_contributors_is_one() {
    let page = text(&Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/contributors.md"));
    let blocks: Vec<&str> = page.split("```toml").skip(1).filter_map(|rest| rest.split("```").next()).collect();
    let manifest = blocks.concat();
    assert_eq!(schemas().broken("component", &parsed(&manifest)), [""; 0]);
    assert_eq!(schemas().unnamed("component", &parsed(&manifest)), [""; 0]);
    read_component(&manifest).unwrap();
}
