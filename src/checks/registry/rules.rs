//! The rules of a registry, as data: they join those of a component for `forum explain`.

use super::super::finding::Severity;
use super::super::rules::Rule;

/// The ids, each once.
pub(super) mod id {
    pub(in crate::checks::registry) const REGISTRY_FILE: &str = "registry-file";
    pub(in crate::checks::registry) const REGISTRY_FORMAT: &str = "registry-format";
    pub(in crate::checks::registry) const REGISTRY_UNKNOWN_KEY: &str = "registry-unknown-key";
    pub(in crate::checks::registry) const PUBLISHER_FILE: &str = "publisher-file";
    pub(in crate::checks::registry) const OWNER_UNKNOWN: &str = "owner-unknown";
    pub(in crate::checks::registry) const INDEX_FILE: &str = "index-file";
    pub(in crate::checks::registry) const INDEX_MANIFEST: &str = "index-manifest";
    pub(in crate::checks::registry) const CARD: &str = "card";
    pub(in crate::checks::registry) const DIGESTS: &str = "digests";
    pub(in crate::checks::registry) const DEPENDENCIES: &str = "dependencies";
    pub(in crate::checks::registry) const APPEND_ONLY: &str = "append-only";
    pub(in crate::checks::registry) const ERASED_CONTENT: &str = "erased-content";
    pub(in crate::checks::registry) const ONE_CHANGE: &str = "one-change";
    pub(in crate::checks::registry) const FOREIGN_PATH: &str = "foreign-path";
    pub(in crate::checks::registry) const ADOPTION: &str = "adoption";
    pub(in crate::checks::registry) const EVENT: &str = "event";
}

/// In the order of the layout, and then of a contribution.
pub(in crate::checks) const RULES: &[Rule] = &[
    Rule {
        id: id::REGISTRY_FILE,
        severity: Severity::Error,
        what: "`registry.toml` can be read, and says what a registry must say: format, name and title.",
        why: "Every client reads it first, and none can go on without it.",
        source: "Format: registry-schema/registry.schema.json.",
        mend: "write the key as docs/registry-maintainers.md shows it",
        waivable: false,
    },
    Rule {
        id: id::REGISTRY_FORMAT,
        severity: Severity::Error,
        what: "Every file has a format that this forum reads.",
        why: "What cannot be read cannot be vouched for.",
        source: "Format: registry-schema/.",
        mend: "check with the newest forum",
        waivable: false,
    },
    Rule {
        id: id::REGISTRY_UNKNOWN_KEY,
        severity: Severity::Note,
        what: "Every key of a registry's files means something to forum.",
        why: "A key with a spelling mistake does nothing, and nobody sees it. It may be of a newer forum, too, so it is left alone.",
        source: "Format: registry-schema/.",
        mend: "correct the key, or leave it to a newer forum",
        waivable: false,
    },
    Rule {
        id: id::PUBLISHER_FILE,
        severity: Severity::Error,
        what: "`publishers/<owner>.toml` says who the owner is: title, kind, contact and url.",
        why: "Whoever wants to reuse a component asks who made it, and how to reach them.",
        source: "Format: registry-schema/publisher.schema.json.",
        mend: "write the key as docs/registry-maintainers.md shows it",
        waivable: false,
    },
    Rule {
        id: id::OWNER_UNKNOWN,
        severity: Severity::Error,
        what: "Every owner of a component has a publisher file.",
        why: "Folder, index and manifest name an owner; the file tells who that is, and whom reviewers ask.",
        source: "Format: contract of forum, ownership.",
        mend: "add publishers/<owner>.toml",
        waivable: false,
    },
    Rule {
        id: id::INDEX_FILE,
        severity: Severity::Error,
        what: "`index/<owner>/<name>.toml` can be read, is of the component that its path names, and tells each version, yank and removal in full.",
        why: "Resolving, searching and verifying read nothing else; a client refuses a file that it cannot trust.",
        source: "Format: registry-schema/index.schema.json.",
        mend: "write the file as `forum publish` does",
        waivable: false,
    },
    Rule {
        id: id::INDEX_MANIFEST,
        severity: Severity::Error,
        what: "An index entry says the same as the `component.toml` of its files: id, version, licence, dependencies.",
        why: "Clients choose by the index and use the files; where they differ, somebody gets what nobody checked.",
        source: "Format: contract of forum.",
        mend: "let `forum publish` write the entry",
        waivable: false,
    },
    Rule {
        id: id::CARD,
        severity: Severity::Error,
        what: "`[card]` describes the highest version that is no pre-release and not yanked or removed, in the words of its manifest.",
        why: "The search shows the card, and people decide by it.",
        source: "Format: registry-schema/index.schema.json.",
        mend: "let `[card]` say what the manifest of that version says",
        waivable: false,
    },
    Rule {
        id: id::DIGESTS,
        severity: Severity::Error,
        what: "The files of each version are those that the index gives the digests of; those of the last one lie in `components/`.",
        why: "A client compares both digests before it writes a byte, and refuses what differs. An edit in the browser after forum made the commit changes the files and not the digests.",
        source: "Format: contract of forum, integrity.",
        mend: "somebody changed the files after forum wrote their digests, in the browser perhaps: the change has to be published anew",
        waivable: false,
    },
    Rule {
        id: id::DEPENDENCIES,
        severity: Severity::Error,
        what: "What a version needs is in the same registry, and can be had together.",
        why: "Otherwise nobody can fetch it.",
        source: "Format: contract of forum.",
        mend: "publish what is needed first, or ask for versions that are there",
        waivable: false,
    },
    Rule {
        id: id::APPEND_ONLY,
        severity: Severity::Error,
        what: "A version that is on `main` stays as it is, and so does the tombstone of a removed one.",
        why: "Others have it in their lock files: the same version must be the same bytes for everybody, for ever.",
        source: "Format: contract of forum.",
        mend: "take the change back",
        waivable: false,
    },
    Rule {
        id: id::ERASED_CONTENT,
        severity: Severity::Error,
        what: "No commit that `main` has, or would get, holds the content of a removed version. What `main` has already is a warning until its history is rewritten.",
        why: "What was erased for a person's sake comes back with a branch that was begun before the rewrite: a merge brings its whole history along, and everybody who fetches gets it.",
        source: "Format: contract of forum, integrity. Law: GDPR, article 17.",
        mend: "make the contribution anew on the newest `main`; docs/registry-maintainers.md of forum tells how a version is erased",
        waivable: false,
    },
    Rule {
        id: id::ONE_CHANGE,
        severity: Severity::Error,
        what: "A contribution changes one thing: one version of one component, one record, one yank, or one deprecation.",
        why: "A reviewer reads one thing, and it can be taken back alone.",
        source: "Format: contract of forum, contributions.",
        mend: "make one contribution for each",
        waivable: false,
    },
    Rule {
        id: id::FOREIGN_PATH,
        severity: Severity::Error,
        what: "A contribution changes nothing but its own component, index file, record, and the publisher file of a new owner.",
        why: "What slips in beside a component is not what its reviewers look at.",
        source: "Format: contract of forum, contributions.",
        mend: "leave the path out",
        waivable: false,
    },
    Rule {
        id: id::ADOPTION,
        severity: Severity::Error,
        what: "An adoption record is of the component of its folder and the adopter of its name, with a version and a status that exist.",
        why: "The figures on reuse and hours saved are made of these records.",
        source: "Format: registry-schema/adoption.schema.json.",
        mend: "write the record with `forum adopt`",
        waivable: false,
    },
    Rule {
        id: id::EVENT,
        severity: Severity::Error,
        what: "An event has a title, a kind, a start and an end in a time zone, and a higher `revision` with each change.",
        why: "Calendars are made of it; without a higher revision they keep the old time.",
        source: "Format: registry-schema/event.schema.json, RFC 5545 (SEQUENCE).",
        mend: "write the key as docs/registry-maintainers.md shows it",
        waivable: false,
    },
];
