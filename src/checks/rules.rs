//! The rules as data: what each is for, where it comes from, how to satisfy it, and whether it can be waived.
//!
//! `forum explain`, SARIF and `docs/rules.md` are made of this table, so that they say the same thing. What a client
//! would refuse to fetch cannot be waived, nor what must not leave the house whoever wants it to.

use super::finding::Severity;

/// A rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rule {
    /// What `forum explain` takes, and findings and waivers name.
    pub id: &'static str,
    /// How grave a breach is, where nothing speaks for less.
    pub severity: Severity,
    /// What must hold.
    pub what: &'static str,
    /// Why it must.
    pub why: &'static str,
    /// The law, guide or format behind it.
    pub source: &'static str,
    /// How to satisfy it.
    pub mend: &'static str,
    /// Whether `[[check.waive]]` may name it.
    pub waivable: bool,
}

/// The rule with this id.
#[must_use]
pub fn find(id: &str) -> Option<&'static Rule> {
    RULES.iter().find(|rule| rule.id == id)
}

pub use id::{FILE_KIND, LFS_POINTER, PATH};

/// The ids, each once, so that a finding cannot name a rule that is none.
pub(super) mod id {
    pub(in crate::checks) const MANIFEST: &str = "manifest";
    pub(in crate::checks) const MANIFEST_UNKNOWN_KEY: &str = "manifest-unknown-key";
    pub(in crate::checks) const VARIABLES: &str = "variables";
    pub(in crate::checks) const OWNER: &str = "owner";
    pub(in crate::checks) const LICENCE: &str = "licence";
    pub(in crate::checks) const LICENCE_TEXT: &str = "licence-text";
    pub(in crate::checks) const README: &str = "readme";
    pub(in crate::checks) const README_CONTENT: &str = "readme-content";
    /// A name that some platform or git itself would turn into something else.
    pub const PATH: &str = "path";
    pub(in crate::checks) const PATH_LENGTH: &str = "path-length";
    /// A symbolic link, a submodule, or another entry that is no file.
    pub const FILE_KIND: &str = "file-kind";
    /// What Git LFS leaves in the place of a file.
    pub const LFS_POINTER: &str = "lfs-pointer";
    pub(in crate::checks) const LIMITS: &str = "limits";
}

const RULES: &[Rule] = &[
    Rule {
        id: id::MANIFEST,
        severity: Severity::Error,
        what: "`component.toml` can be read, and says what every component must say: owner, name, version, kind, title, summary, license, status and contact.",
        why: "People decide on it, the index is made of it, and later versions are compared with it. What a client reads past, a publisher should be told.",
        source: "Format: registry-schema/component.schema.json. Guide: Standard for Public Code, \"Bundle policy and source code\", \"Make contributing easy\".",
        mend: "write the key as docs/contributors.md shows it",
        waivable: false,
    },
    Rule {
        id: id::MANIFEST_UNKNOWN_KEY,
        severity: Severity::Warning,
        what: "Every key of `component.toml` means something to forum.",
        why: "A key with a spelling mistake does nothing, and nobody sees it.",
        source: "Format: registry-schema/component.schema.json.",
        mend: "correct the key, or take it out",
        waivable: true,
    },
    Rule {
        id: id::VARIABLES,
        severity: Severity::Error,
        what: "Every `replace` finds its text as often as it says, every `bind` leads to a value, and every default can be put there.",
        why: "An answer that goes to the wrong place, or nowhere, is found by the receiver, at night. `fetch` refuses such a component.",
        source: "Format: the manifest's `[variables]`, JSON Pointer (RFC 6901).",
        mend: "correct `count`, `text`, `file` or `pointer` of the variable",
        waivable: false,
    },
    Rule {
        id: id::OWNER,
        severity: Severity::Error,
        what: "The manifest's owner is the organisation that publishes: `[workspace] owner` of `forum.toml`.",
        why: "Nobody publishes in the name of another organisation.",
        source: "Format: owner and name make the id, under which reviewers of the owner are asked.",
        mend: "publish as your own organisation; a variant of another component says so with `derived-from`",
        waivable: false,
    },
    Rule {
        id: id::LICENCE,
        severity: Severity::Error,
        what: "`license` is an SPDX expression that the registry allows.",
        why: "Without a licence nobody may use, change or pass on what is shared. A registry that lists few licences spares its readers the comparison.",
        source: "Format: SPDX 2.3, annex D. Guide: Standard for Public Code, \"Publish with an open license\". Law: lagen (1960:729) om upphovsrätt.",
        mend: "choose one of the registry's licences, and write its SPDX id",
        waivable: false,
    },
    Rule {
        id: id::LICENCE_TEXT,
        severity: Severity::Warning,
        what: "The text of the licence lies beside the manifest.",
        why: "Most licences ask for their text to come with every copy, and a fetched copy has lost the repository around it.",
        source: "Guide: REUSE 3.3 (https://reuse.software/spec-3.3/), EUPL-1.2 article 5.",
        mend: "add LICENSE, or LICENSES/<id>.txt, with the text of the licence",
        waivable: true,
    },
    Rule {
        id: id::README,
        severity: Severity::Error,
        what: "There is a `README.md` at the top of the component.",
        why: "It is what a receiver reads first, and often all.",
        source: "Guide: Standard for Public Code, \"Document the code\".",
        mend: "add a README.md: what it is, what it needs, how to adapt it",
        waivable: true,
    },
    Rule {
        id: id::README_CONTENT,
        severity: Severity::Warning,
        what: "The README says what the component is, what it needs, and how to adapt it.",
        why: "A component is a starting point: whoever takes it must know what to have ready and where to change it.",
        source: "Guide: Standard for Public Code, \"Document the code\".",
        mend: "give the README a section for each of these",
        waivable: true,
    },
    Rule {
        id: id::PATH,
        severity: Severity::Error,
        what: "Every path can be written on Windows, macOS and Linux, to the place that it names, and no two are one to any of them.",
        why: "`fetch` refuses a component that cannot be written everywhere, and so does git on Windows. Files of forum and of git itself would act on the workspace of whoever fetches them.",
        source: "Format: https://learn.microsoft.com/windows/win32/fileio/naming-a-file; CVE-2021-21300.",
        mend: "rename the file, or exclude it with `[files] exclude`",
        waivable: false,
    },
    Rule {
        id: id::PATH_LENGTH,
        severity: Severity::Warning,
        what: "No path is longer than 180 bytes.",
        why: "Windows stops at 260 characters for the whole path, the receiver's own directories included. From 240 bytes on a path is refused.",
        source: "Format: https://learn.microsoft.com/windows/win32/fileio/maximum-file-path-limitation.",
        mend: "shorten the names of the directories",
        waivable: true,
    },
    Rule {
        id: id::FILE_KIND,
        severity: Severity::Error,
        what: "A component consists of plain files.",
        why: "A symbolic link leads out of the directory it is copied to, a submodule is not in the repository at all. `fetch` refuses both.",
        source: "Format: contract of forum; CVE-2024-32002.",
        mend: "put the file itself in its place, or exclude it with `[files] exclude`",
        waivable: false,
    },
    Rule {
        id: id::LFS_POINTER,
        severity: Severity::Error,
        what: "No file is a Git LFS pointer.",
        why: "A pointer is not the file that it stands for, and a receiver cannot reach the server that has it.",
        source: "Format: https://github.com/git-lfs/git-lfs/blob/main/docs/spec.md.",
        mend: "commit the file itself (`git lfs untrack`, then `git add --renormalize`), or exclude it",
        waivable: false,
    },
    Rule {
        id: id::LIMITS,
        severity: Severity::Error,
        what: "No file, nor all files together, nor their number are over the registry's limits.",
        why: "Everybody who uses the registry carries what is in it, for ever. Clients refuse what is over its limits.",
        source: "Format: `[limits]` of registry.toml.",
        mend: "leave out what can be made anew, or link to where it can be had",
        waivable: false,
    },
];

/// All rules, in the order in which people meet them.
#[must_use]
pub const fn all() -> &'static [Rule] {
    RULES
}
