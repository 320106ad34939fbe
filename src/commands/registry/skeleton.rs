//! What a new registry holds: the files of `skeleton/`, with the registry's own names put in.

use std::collections::BTreeMap;

use anyhow::Result;
use jiff::Timestamp;

use crate::context::Context;
use crate::model::code_owners::code_owners;
use crate::model::content::{ContentFile, checksum};
use crate::model::digest::FileMode;
use crate::model::id::{ComponentId, Name};
use crate::model::index::{Card, VersionRecord};
use crate::model::index_document::IndexDocument;
use crate::model::path::RelPath;
use crate::store::registry::tree_id;

/// The component that shows what one looks like.
const EXAMPLE: &str = "example/first-steps";

const FILES: [(&str, &str); 6] = [
    ("README.md", include_str!("skeleton/README.md")),
    ("CONTRIBUTING.md", include_str!("skeleton/CONTRIBUTING.md")),
    ("ci/install-forum.sh", include_str!("skeleton/install-forum.sh")),
    (".github/workflows/check.yml", include_str!("skeleton/github.yml")),
    (".gitlab-ci.yml", include_str!("skeleton/gitlab.yml")),
    ("azure-pipelines.yml", include_str!("skeleton/azure.yml")),
];

const COMPONENT: [(&str, &str); 4] = [
    ("LICENSE", include_str!("skeleton/example/LICENSE")),
    ("README.md", include_str!("skeleton/example/README.md")),
    ("component.toml", include_str!("skeleton/example/component.toml")),
    ("settings.json", include_str!("skeleton/example/settings.json")),
];

const PUBLISHER: &str = "# The owner of the example, and no more. Who wants neither takes both out before the first push\n\
     # (git rm -r publishers/example.toml index/example components/example, then git commit --amend);\n\
     # afterwards they stay, as everything does that was published.\n\
     title = \"Example\"\nkind = \"association\"\ncontact = \"forum@example.org\"\nurl = \"https://example.org\"\n";

/// All files, by path.
///
/// # Errors
/// Where the example would be no component, which is a bug.
pub(super) fn files(name: &Name, title: &str, at: Timestamp) -> Result<Vec<(RelPath, Vec<u8>)>> {
    let put = |text: &str| {
        let version = Context::version().to_string();
        text.replace("{{name}}", name.as_str()).replace("{{title}}", title).replace("{{version}}", &version)
    };
    let mut files = vec![
        // What is published is the bytes that Git stores.
        (".gitattributes".parse()?, b"* -text\n".to_vec()),
        ("registry.toml".parse()?, registry(name, title).into_bytes()),
        ("publishers/example.toml".parse()?, PUBLISHER.into()),
    ];
    for (path, text) in FILES {
        files.push((path.parse()?, put(text).into_bytes()));
    }
    let owners = [("example".parse()?, BTreeMap::new())];
    for host in ["github", "gitlab"] {
        files.push((format!(".{host}/CODEOWNERS").parse()?, code_owners(host, &owners).0.into_bytes()));
    }
    let id: ComponentId = EXAMPLE.parse()?;
    for (path, text) in COMPONENT {
        files.push((format!("components/{id}/{path}").parse()?, text.into()));
    }
    files.push((format!("index/{id}.toml").parse()?, index(&id, at)?.into_bytes()));
    Ok(files)
}

fn registry(name: &Name, title: &str) -> String {
    let quoted = |text: &str| toml::Value::String(text.to_owned()).to_string();
    format!(
        "# What this registry is called and allows: docs/registry-maintainers.md of forum tells each key.\n\
         format = 1\n\
         name = {}\n\
         title = {}\n\
         sector = \"municipalities\"\n\
         description = \"\"\n\
         # discussion = \"https://…\"             # where its people talk\n\
         licences = [\"EUPL-1.2\", \"MIT\", \"Apache-2.0\", \"CC0-1.0\", \"CC-BY-4.0\"]\n\
         disclaimer = \"Shared as is: a starting point to adapt, without warranty or support.\"\n\
         min-forum = \"{}\"\n\
         \n\
         [limits]\nfile = \"10 MiB\"\ncomponent = \"50 MiB\"\nfiles = 2000\n\
         \n\
         [synonyms]\nelev = [\"pupil\", \"student\"]\n\
         \n\
         # [require]\n# fields = [\"decision\"]                # what every manifest must have, beside the usual\n\
         # [vocabulary]\n# owner-kinds = [\"municipality\", \"region\", \"agency\", \"association\", \"vendor\"]\n\
         # areas = [\"education\", \"care\"]\n",
        quoted(name.as_str()),
        quoted(title),
        Context::version()
    )
}

fn index(id: &ComponentId, at: Timestamp) -> Result<String> {
    let file = |(path, text): (&str, &str)| Ok(ContentFile { path: path.parse()?, mode: FileMode::Regular, bytes: text.into() });
    let files = COMPONENT.into_iter().map(file).collect::<Result<Vec<_>>>()?;
    let manifest = COMPONENT.iter().find(|(path, _)| *path == "component.toml").map_or("", |(_, text)| text);
    let card = Card::of_manifest(manifest.as_bytes()).unwrap_or_default();
    let mut document = IndexDocument::new(id);
    document.add(&VersionRecord {
        version: card.version.parse()?,
        tree: tree_id(&files)?,
        checksum: checksum(&files),
        published: at.to_string(),
        license: card.license.clone(),
        dependencies: BTreeMap::new(),
        source: None,
    });
    document.set_card(&card);
    Ok(document.render())
}
