//! The registry that most tests need, and content that is hard to carry.

use std::path::{Path, PathBuf};

use super::registry::{Published, Registry, Version};
use super::sandbox::Sandbox;
use super::{Files, files};

pub(crate) const PUPIL: &str = "goteborg/pupil-system";
pub(crate) const SFTP: &str = "inera/sftp-transfer";
pub(crate) const BYTES: &str = "goteborg/bytes";
/// The arguments that name the registry of a workspace.
pub(crate) const KOMMUN: [&str; 2] = ["--registry", "kommun"];

/// A registry with three components, and what was published.
pub(crate) struct Small {
    pub(crate) registry: Registry,
    pub(crate) pupil: Vec<Published>,
    pub(crate) sftp: Vec<Published>,
    pub(crate) bytes: Published,
}

/// `srv/kommun.git` below a directory: a component with a dependency, and one with odd bytes.
pub(crate) fn small(directory: &Path) -> Small {
    let mut registry = Registry::new(&directory.join("srv/kommun.git"));
    let (pupil, sftp, bytes) = registry.batch(|registry| {
        let sftp = ["1.0.0", "2.0.0", "2.1.0"].map(|version| registry.publish(SFTP, version, readme(version))).to_vec();
        let pupil = ["1.0.0", "1.1.0", "1.2.0", "2.0.0-rc.1"]
            .map(|version| {
                let mut content = readme(version);
                content.insert("deep/er/file.txt".to_owned(), (false, format!("{version}\n").into_bytes()));
                content.insert("run.sh".to_owned(), (version == "1.2.0", b"#!/bin/sh\n".to_vec()));
                registry.publish_version(Version::new(PUPIL, version, content).needs(SFTP, "^2"))
            })
            .to_vec();
        let bytes = registry.publish(BYTES, "1.0.0", odd());
        (pupil, sftp, bytes)
    });
    Small { registry, pupil, sftp, bytes }
}

/// A sandbox, the small registry in it, and a workspace that names it by path.
pub(crate) fn ready() -> (Sandbox, Small, PathBuf) {
    ready_in(Sandbox::new())
}

/// The same in a sandbox that is there.
pub(crate) fn ready_in(sandbox: Sandbox) -> (Sandbox, Small, PathBuf) {
    let small = small(&sandbox.path(""));
    let workspace = sandbox.workspace("first", &small.registry.url());
    (sandbox, small, workspace)
}

/// A sandbox with an empty registry.
pub(crate) fn empty() -> (Sandbox, Registry) {
    let sandbox = Sandbox::new();
    let registry = Registry::new(&sandbox.path("srv/kommun.git"));
    (sandbox, registry)
}

/// One file that tells the version.
pub(crate) fn readme(version: &str) -> Files {
    files(&[("README.md", format!("# version {version}\n")), ("data.json", format!("{{\"v\": \"{version}\"}}\n"))])
}

/// Bytes, names and modes that a checkout, a template engine or a line-end rule would spoil.
pub(crate) fn odd() -> Files {
    let mut all = files::<&[u8]>(&[
        ("README.md", "# Åäö\r\n\r\nrad två\r\n".as_bytes()),
        ("bom.txt", b"\xef\xbb\xbfbom\n"),
        ("mixed.txt", b"a\r\nb\nc\r"),
        ("no-final-newline", b"x"),
        ("empty", b""),
        ("template.json", br#"{"a": "{{ name }}", "b": "${HOME}", "c": "\#env.Key", "d": "{% raw %}", "f": "$Format:%H$"}"#),
        ("Öppna data/läs mig.txt", "ö\n".as_bytes()),
        ("name with space & (parens).txt", b"1\n"),
        (".gitattributes", b"* text eol=crlf\n*.txt filter=lfs export-subst\nimage.bin export-ignore\n"),
        ("a/b", b"1"),
        ("a.b", b"2"),
        ("a-b", b"3"),
        ("a0", b"4"),
    ]);
    all.insert("image.bin".to_owned(), (false, (0..=255).cycle().take(10_240).collect()));
    all.insert("bin/run.sh".to_owned(), (true, b"#!/bin/sh\necho hi\n".to_vec()));
    all.insert("bin/data.sh".to_owned(), (false, b"not executable\n".to_vec()));
    all
}
