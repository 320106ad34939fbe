//! What a file is, by its name and first bytes: key containers, pictures, archives, dumps, what a merge left behind
//! (rules `key-container`, `unreadable`, `conflict-markers`).

use super::super::finding::{Finding, line_of};
use super::super::rules::id;
use crate::model::update::is_beside;

/// Files that hold private keys, whatever else is in them.
const KEY_CONTAINERS: [&str; 10] = ["pfx", "p12", "jks", "keystore", "jceks", "bks", "ppk", "kdbx", "p8", "snk"];

/// A file that must not be there because of what it is for.
pub(super) fn by_name(path: &str) -> Option<Finding> {
    let name = path.rsplit('/').next().unwrap_or(path).to_ascii_lowercase();
    let ending = name.rsplit_once('.').map_or("", |(_, ending)| ending);
    let named = matches!(name.as_str(), "id_rsa" | "id_dsa" | "id_ecdsa" | "id_ed25519");
    (named || KEY_CONTAINERS.contains(&ending)).then(|| Finding::new(id::KEY_CONTAINER, "is a container for private keys").at(path))
}

/// A file that `forum update` laid beside another for a person to choose from.
pub(super) fn left_beside(path: &str) -> Option<Finding> {
    let name = path.rsplit('/').next().unwrap_or(path);
    is_beside(name).then(|| {
        let finding = Finding::new(id::CONFLICT_MARKERS, "was left by an update that a person has to end").at(path);
        finding.help("settle what disagrees, remove this file, then: forum update --continue")
    })
}

/// Lines that a merge left in the file.
pub(super) fn conflict(path: &str, text: &str) -> Option<Finding> {
    let at = |mark: &str, from: usize| {
        let mut found = memchr::memmem::find_iter(&text.as_bytes()[from..], mark).map(|at| from + at);
        found.find(|at| *at == 0 || text.as_bytes()[at - 1] == b'\n')
    };
    let start = at("<<<<<<< ", 0)?;
    at(">>>>>>> ", at("=======", start)?)?;
    Some(Finding::new(id::CONFLICT_MARKERS, "has conflict markers of a merge").at(path).line(Some(line_of(text.as_bytes(), start))))
}

/// What a person must look at, since no rule can: the first bytes, the words for it, and what to look for.
const KINDS: &[(&[u8], &str, &str)] = &[
    (b"\x89PNG", "a picture (PNG)", PICTURE),
    (b"\xff\xd8\xff", "a picture (JPEG)", PICTURE),
    (b"GIF8", "a picture (GIF)", PICTURE),
    (b"BM", "a picture (BMP)", PICTURE),
    (b"II*\0", "a picture (TIFF)", PICTURE),
    (b"MM\0*", "a picture (TIFF)", PICTURE),
    (b"\0\0\x01\0", "an icon", PICTURE),
    (b"%PDF", "a document (PDF)", "look at its pages and its properties: names, addresses, comments"),
    (b"\xd0\xcf\x11\xe0", "a document of Office before 2007", "look at its text and its properties, and at hidden sheets and comments"),
    (b"PK\x03\x04", "an archive (ZIP, and so .docx, .xlsx, .nupkg, .jar)", ARCHIVE),
    (b"PK\x05\x06", "an archive (ZIP)", ARCHIVE),
    (b"\x1f\x8b", "an archive (gzip)", ARCHIVE),
    (b"BZh", "an archive (bzip2)", ARCHIVE),
    (b"\xfd7zXZ", "an archive (xz)", ARCHIVE),
    (b"7z\xbc\xaf", "an archive (7z)", ARCHIVE),
    (b"Rar!", "an archive (RAR)", ARCHIVE),
    (b"\x28\xb5\x2f\xfd", "an archive (zstd)", ARCHIVE),
    (b"SQLite format 3", "a database (SQLite)", "look at every table; better: publish the statements that make it"),
    (b"PGDMP", "a dump of a database (PostgreSQL)", "look at every table; better: publish the statements that make it"),
    (b"MZ", "a program or library for Windows", "publish its source, or the name and version of the package"),
    (b"\x7fELF", "a program or library", "publish its source, or the name and version of the package"),
    (b"\xca\xfe\xba\xbe", "a class of Java", "publish its source, or the name and version of the package"),
];

const PICTURE: &str = "look at it: names, addresses, tabs and windows in the background, and the place where it was taken";
const ARCHIVE: &str = "unpack it, and run `forum check` on what is in it; better: publish the files themselves";

/// A file that no rule can read.
pub(super) fn unreadable(path: &str, bytes: &[u8]) -> Finding {
    let known = KINDS.iter().find(|(start, ..)| bytes.starts_with(start));
    let (what, look) = known.map_or(("a file that is no text", "look at what it holds, or leave it out"), |(_, what, look)| (*what, *look));
    Finding::new(id::UNREADABLE, format!("is {what}, which forum cannot read")).at(path).help(look)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn containers_are_known_by_their_names() {
        for (path, is) in
            [("a/cert.PFX", true), ("x.p12", true), ("truststore.jks", true), ("id_rsa", true), ("cert.pem", false), ("id_rsa.pub", false)]
        {
            assert_eq!(by_name(path).is_some(), is, "{path}");
        }
    }

    #[test]
    fn what_an_update_left_is_known_by_its_name() {
        for (path, is) in [
            ("a/logo.theirs-1.3.0.png", true),
            (".env.theirs-1.3.0-rc.1", true),
            ("a/p.json.conflicts-1.3.0.json", true),
            ("a/p.json.conflicts-1.3.0-2.json", true),
            ("docs/all.theirs-and-ours.md", false),
            ("theirs-1.3.0.md", false),
            ("a.theirs-1.3.0/b.md", false),
        ] {
            assert_eq!(left_beside(path).is_some(), is, "{path}");
        }
    }

    #[test]
    fn conflict_markers_are_lines_in_their_order() {
        let torn = "a\n<<<<<<< HEAD\nb\n=======\nc\n>>>>>>> theirs\n";
        assert_eq!(conflict("f", torn).and_then(|finding| finding.line), Some(2));
        for fine in ["<<<<<<< only", "x <<<<<<< a\n=======\n>>>>>>> b", "=======\n"] {
            assert!(conflict("f", fine).is_none(), "{fine}");
        }
    }

    #[test]
    fn a_picture_is_for_a_person_to_look_at() {
        let finding = unreadable("a.png", b"\x89PNG\r\n\x1a\n\0");
        assert!(finding.message.contains("PNG") && finding.help.contains("look at it"));
    }
}
