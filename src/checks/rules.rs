//! The rules as data: what each is for, where it comes from, how to satisfy it, and whether it can be waived.
//!
//! `forum explain`, SARIF and `docs/rules.md` are made of this table, so that they say the same thing. What a client
//! would refuse to fetch cannot be waived, nor what must not leave the house whoever wants it to.

use std::sync::LazyLock;

use super::finding::Severity;
use super::registry::rules::RULES as REGISTRY_RULES;

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
    all().iter().find(|rule| rule.id == id)
}

/// Ids that look like this one, the nearest first.
#[must_use]
pub fn near(id: &str) -> Vec<&'static str> {
    let mut near: Vec<_> = all().iter().map(|rule| (strsim::osa_distance(rule.id, id), rule.id)).collect();
    near.sort_unstable();
    let alike = |(distance, known): &(usize, &str)| *distance <= 3.max(known.len() / 3) || (id.len() >= 3 && known.contains(id));
    near.into_iter().filter(alike).map(|(_, id)| id).take(3).collect()
}

/// The ids, each once, so that a finding cannot name a rule that is none.
pub(crate) mod id {
    pub(crate) const MANIFEST: &str = "manifest";
    pub(in crate::checks) const MANIFEST_UNKNOWN_KEY: &str = "manifest-unknown-key";
    pub(in crate::checks) const VARIABLES: &str = "variables";
    pub(in crate::checks) const OWNER: &str = "owner";
    pub(in crate::checks) const LICENCE: &str = "licence";
    pub(in crate::checks) const LICENCE_TEXT: &str = "licence-text";
    pub(in crate::checks) const README: &str = "readme";
    pub(in crate::checks) const README_CONTENT: &str = "readme-content";
    /// A name that some platform or git itself would turn into something else.
    pub(in crate::checks) const PATH: &str = "path";
    pub(in crate::checks) const PATH_LENGTH: &str = "path-length";
    /// A symbolic link, a submodule, or another entry that is no file.
    pub(in crate::checks) const FILE_KIND: &str = "file-kind";
    /// What Git LFS leaves in the place of a file.
    pub(in crate::checks) const LFS_POINTER: &str = "lfs-pointer";
    pub(in crate::checks) const LIMITS: &str = "limits";
    pub(in crate::checks) const CONFLICT_MARKERS: &str = "conflict-markers";
    pub(in crate::checks) const KEY_CONTAINER: &str = "key-container";
    pub(in crate::checks) const UNREADABLE: &str = "unreadable";
    pub(in crate::checks) const SECRET_PRIVATE_KEY: &str = "secret-private-key";
    pub(in crate::checks) const SECRET_PASSWORD: &str = "secret-password";
    pub(in crate::checks) const SECRET_TOKEN: &str = "secret-token";
    pub(in crate::checks) const SECRET_WEBHOOK: &str = "secret-webhook";
    pub(in crate::checks) const SECRET_SUSPECT: &str = "secret-suspect";
    pub(in crate::checks) const PERSONAL_IDENTITY_NUMBER: &str = "personal-identity-number";
    pub(in crate::checks) const POSSIBLE_IDENTITY_NUMBER: &str = "possible-identity-number";
    pub(in crate::checks) const TEST_IDENTITY_NUMBER: &str = "test-identity-number";
    pub(in crate::checks) const PERSONAL_EMAIL: &str = "personal-email";
    pub(in crate::checks) const POSSIBLE_EMAIL: &str = "possible-email";
    pub(in crate::checks) const INTERNAL_HOST: &str = "internal-host";
    pub(in crate::checks) const UNC_PATH: &str = "unc-path";
    pub(in crate::checks) const PRIVATE_ADDRESS: &str = "private-address";
    pub(in crate::checks) const PERSONAL_DATA: &str = "personal-data";
    pub(crate) const VERSION_STEP: &str = "version-step";
    pub(in crate::checks) const WAIVER: &str = "waiver";
}

const RULES: &[Rule] = &[
    Rule {
        id: id::MANIFEST,
        severity: Severity::Error,
        what: "`component.toml` can be read, and says what every component must say: owner, name, version, kind, title, summary, license, status and contact.",
        why: "People decide on it, the index is made of it, and later versions are compared with it. What a client reads past, a publisher should be told.",
        source: "Format: registry-schema/component.schema.json. Guide: Standard for Public Code, \"Bundle policy and source code\", \"Make contributing easy\".",
        mend: "fill it in; docs/contributors.md of forum shows each key",
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
        why: "Windows stops at 260 characters for the whole path, the receiver's own directories included. Beyond 240 bytes a path is refused.",
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
    Rule {
        id: id::CONFLICT_MARKERS,
        severity: Severity::Error,
        what: "No file has conflict markers of a merge, or was left by an update that waits for a person.",
        why: "A file that two people's changes stand in at once is nobody's version, and most programs cannot read it.",
        source: "Format: https://git-scm.com/docs/git-merge, \"How conflicts are presented\".",
        mend: "settle the conflict; where the text is about merges, waive the rule for the file",
        waivable: true,
    },
    Rule {
        id: id::KEY_CONTAINER,
        severity: Severity::Error,
        what: "No file is a container for private keys: .pfx, .p12, .jks, .kdbx, id_rsa.",
        why: "Whoever has the key can act in the name of its owner. That it has a password only delays them, and what was public once cannot be called back.",
        source: "Guide: OWASP Secrets Management Cheat Sheet. Format: PKCS #12 (RFC 7292).",
        mend: "take it out and, where it was public, have the certificate revoked; public certificates go as .pem or .cer",
        waivable: false,
    },
    Rule {
        id: id::UNREADABLE,
        severity: Severity::Warning,
        what: "What forum cannot read, a person has looked at: pictures, documents, archives, dumps, programs.",
        why: "Screenshots show names, tabs and server names; archives and dumps hold what nobody meant to publish. No rule sees it.",
        source: "Law: GDPR, article 5(1)(c).",
        mend: "look at it; then waive the rule for the file, with who looked as the reason",
        waivable: true,
    },
    Rule {
        id: id::SECRET_PRIVATE_KEY,
        severity: Severity::Error,
        what: "No text holds a private key.",
        why: "Whoever has the key can act in the name of its owner, and what was public once cannot be called back.",
        source: "Guide: OWASP Secrets Management Cheat Sheet. Format: RFC 7468.",
        mend: "take it out, make a new key pair and have the old one revoked; in its place a `secret` variable or a reference such as #env.Name",
        waivable: false,
    },
    Rule {
        id: id::SECRET_PASSWORD,
        severity: Severity::Error,
        what: "No text holds a password: in connection strings, addresses, headers, settings or code, at any depth of embedded JSON or XML.",
        why: "It opens a system of yours to everybody, and it stays in the history of every copy of the registry.",
        source: "Guide: OWASP Secrets Management Cheat Sheet. Law: offentlighets- och sekretesslagen (2009:400), chapter 18, section 8. Format: RFC 7617.",
        mend: "take it out and change it where it is used; in its place a `secret` variable, <password>, or a reference such as #env.Name",
        waivable: false,
    },
    Rule {
        id: id::SECRET_TOKEN,
        severity: Severity::Error,
        what: "No text holds a key or token for a service.",
        why: "It works for whoever has it. Keys in public repositories are found and used within minutes.",
        source: "Guide: OWASP Secrets Management Cheat Sheet. Format: RFC 6750, RFC 7519, and the issuers' own documentation.",
        mend: "take it out and revoke it with its issuer; in its place a `secret` variable or a reference such as #env.Name",
        waivable: false,
    },
    Rule {
        id: id::SECRET_WEBHOOK,
        severity: Severity::Error,
        what: "No text holds the address of an incoming webhook: Teams, Slack, Discord, Power Automate, Logic Apps.",
        why: "The address is the key: whoever has it writes into your channel, or starts your flow.",
        source: "Guide: https://learn.microsoft.com/microsoftteams/platform/webhooks-and-connectors/how-to/add-incoming-webhook.",
        mend: "take it out and make a new address; in its place a `secret` variable or a reference such as #env.Name",
        waivable: false,
    },
    Rule {
        id: id::SECRET_SUSPECT,
        severity: Severity::Warning,
        what: "What stands where a password or key would stand is none.",
        why: "A word, a short value or a sentence in a document may be a password all the same. Only a person can tell.",
        source: "Guide: OWASP Secrets Management Cheat Sheet.",
        mend: "replace it by <password>, #env.Name or another placeholder; where it is no secret, waive the rule for the file",
        waivable: true,
    },
    Rule {
        id: id::PERSONAL_IDENTITY_NUMBER,
        severity: Severity::Error,
        what: "No text holds a personnummer or samordningsnummer, but for the official test numbers.",
        why: "It points at one person. Without consent it may be used only where that is clearly justified, and an example is not. Sample data is made of test numbers.",
        source: "Law: lagen (2018:218) med kompletterande bestämmelser till EU:s dataskyddsförordning, chapter 3, section 10; GDPR, article 87. Format: folkbokföringslagen (1991:481), section 18; lagen (2022:1697) om samordningsnummer.",
        mend: "replace it by an official test number (Skatteverket's open data, \"Testpersonnummer\"), 19800102-2386 for instance",
        waivable: false,
    },
    Rule {
        id: id::POSSIBLE_IDENTITY_NUMBER,
        severity: Severity::Warning,
        what: "Ten digits that could be a personnummer are none.",
        why: "Without a sign between date and serial, other numbers look the same: times, orders, cases. Near words such as personnr or pnr it is an error.",
        source: "Law: lagen (2018:218), chapter 3, section 10. Format: folkbokföringslagen (1991:481), section 18.",
        mend: "replace it, or waive the rule for the file where the digits are something else",
        waivable: true,
    },
    Rule {
        id: id::TEST_IDENTITY_NUMBER,
        severity: Severity::Note,
        what: "Official test numbers are welcome in sample data.",
        why: "They are correct in form and no person has them. The list in forum ends with those for 2023; a later one is taken for a person's.",
        source: "Data: Skatteverket's open data, \"Testpersonnummer\" and \"Testsamordningsnummer\", by https://github.com/personnummer/meta.",
        mend: "nothing to do",
        waivable: true,
    },
    Rule {
        id: id::PERSONAL_EMAIL,
        severity: Severity::Error,
        what: "No text holds the e-mail address of a person: contacts are roles.",
        why: "It is personal data that nobody needs to use the component, people change their work, and addresses in public repositories are harvested.",
        source: "Law: GDPR, articles 4(1) and 5(1)(c).",
        mend: "replace it by the address of a role, integration@kommun.example for instance, or take it out",
        waivable: true,
    },
    Rule {
        id: id::POSSIBLE_EMAIL,
        severity: Severity::Warning,
        what: "An e-mail address that may be a person's is a role's.",
        why: "A short address may be a person's user name.",
        source: "Law: GDPR, articles 4(1) and 5(1)(c).",
        mend: "replace it where it is a person's; where it is a role's, waive the rule for the file",
        waivable: true,
    },
    Rule {
        id: id::INTERNAL_HOST,
        severity: Severity::Warning,
        what: "No text names a host of an internal network: srv01.kommun.local, srv01.intra.kommun.se, or without a domain as in https://srv01/.",
        why: "It tells an intruder where to go, and a receiver has no such host: it should be a variable.",
        source: "Law: offentlighets- och sekretesslagen (2009:400), chapter 18, section 8. Format: RFC 6762, appendix G.",
        mend: "put a variable or a reference such as #env.Name in its place",
        waivable: true,
    },
    Rule {
        id: id::UNC_PATH,
        severity: Severity::Warning,
        what: "No text names a server and a share of it (UNC).",
        why: "It tells an intruder where to go, and a receiver has no such share: it should be a variable.",
        source: "Law: offentlighets- och sekretesslagen (2009:400), chapter 18, section 8. Format: [MS-DTYP], section 2.2.57.",
        mend: "put a variable or a reference such as #env.Name in its place",
        waivable: true,
    },
    Rule {
        id: id::PRIVATE_ADDRESS,
        severity: Severity::Warning,
        what: "No text holds an IP address of a private network.",
        why: "It shows how a network is built, and leads to something else at a receiver's: it should be a variable.",
        source: "Law: offentlighets- och sekretesslagen (2009:400), chapter 18, section 8. Format: RFC 1918.",
        mend: "put a variable or a reference such as #env.Name in its place; in documentation 192.0.2.1 (RFC 5737)",
        waivable: true,
    },
    Rule {
        id: id::PERSONAL_DATA,
        severity: Severity::Warning,
        what: "A component that says `personal-data = \"none\"` has no field for such data: PERSONNR, civicRegistrationNumber, SkyddadIdentitet.",
        why: "Whoever reuses it decides by this word whether an assessment is needed, and whether the result may be logged.",
        source: "Law: GDPR, articles 4(1), 30 and 35.",
        mend: "write `personal-data = \"handles\"`, or waive the rule for the file with the reason why the field never holds it",
        waivable: true,
    },
    Rule {
        id: id::VERSION_STEP,
        severity: Severity::Warning,
        what: "The version rises as much as the change asks for. Major: a variable is gone, is new without a default, takes other answers, or a dependency moved to a new major version. Minor: a variable with a default or a dependency is new. Below 1.0 the minor counts as the major. A version lower than the newest is pointed out. A version that the registry has already with other content, or had and removed, is an error, which cannot be waived.",
        why: "Receivers with `^1.2` in their `forum.toml` get what rises less by itself, and trust that it fits what they have adapted.",
        source: "Format: Semantic Versioning 2.0.0 (https://semver.org), 4, 7 and 8.",
        mend: "publish it as the version that is named; `renamed-from` keeps a variable that only has another name",
        waivable: true,
    },
    Rule {
        id: id::WAIVER,
        severity: Severity::Warning,
        what: "Every `[[check.waive]]` names a rule that can be waived, and fits a finding.",
        why: "A waiver without a finding hides the next one that nobody has looked at.",
        source: "Format: the manifest's `[[check.waive]]`: rule, path (a glob; left out: all files), reason.",
        mend: "take the waiver out, or correct its rule or path",
        waivable: false,
    },
];

/// All rules, in the order in which people meet them.
#[must_use]
pub fn all() -> &'static [Rule] {
    static ALL: LazyLock<Vec<Rule>> = LazyLock::new(|| [RULES, REGISTRY_RULES].concat());
    &ALL
}
