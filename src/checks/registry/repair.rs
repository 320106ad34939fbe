//! How to mend what a registry's check finds: always both ways, since who reads it may stand on either side of the merge.

use super::super::finding::Finding;
use super::rules::id;

const REPUBLISH: &str = "make the change in the owner's own repository, and `forum publish` from there, which makes the branch anew; where somebody else has committed onto the branch, it is deleted first: git push REMOTE --delete BRANCH";
const NEXT: &str = "the owner raises `version` and publishes again; `forum registry yank` keeps others from this version";
const REVERT: &str = "put back what `main` had: git revert -m 1 <the merge>";

/// What is wrong with where the check looks, not with what is there: these tell how to mend just that.
pub(super) const NO_REGISTRY: &str = "name the registry's checkout: forum registry check DIR";
/// As [`NO_REGISTRY`].
pub(super) const SHALLOW: &str =
    "bring the whole history: fetch-depth: 0 (GitHub, Azure DevOps), GIT_DEPTH: 0 (GitLab), or here: git fetch --unshallow";
/// As [`NO_REGISTRY`].
pub(super) const FOLDER: &str = "ask in a clone of the registry's repository";

/// The recipes for a contribution that waits, and for what is on `main`.
fn recipes(finding: &Finding) -> (String, String) {
    let path = finding.path.as_deref().unwrap_or_default();
    let mend = finding.help.trim_end_matches('.');
    match finding.rule {
        id::CARD => (mend.to_owned(), format!("{mend}, in a contribution of its own")),
        id::DIGESTS | id::INDEX_MANIFEST | id::DEPENDENCIES => {
            (REPUBLISH.to_owned(), format!("{NEXT}; nobody can have it until then"))
        }
        id::APPEND_ONLY => (
            format!("a version on `main` stays as it is, so take the change back: git checkout origin/main -- {path}"),
            REVERT.to_owned(),
        ),
        id::ERASED_CONTENT => (
            "the branch was begun before the history was rewritten, and must not be merged: `forum registry refresh --accept-rewrite`, delete the branch, and `forum publish` again, which begins at the newest main".to_owned(),
            "the history is to be rewritten without it, as docs/registry-maintainers.md (\"Erase a version\") tells".to_owned(),
        ),
        id::ONE_CHANGE | id::FOREIGN_PATH => {
            ("make one contribution for each: `forum publish` makes them so".to_owned(), format!("{REVERT}, then a contribution for each"))
        }
        id::OWNER_UNKNOWN => (
            "the owner tells who it is in [workspace.publisher] of forum.toml, and `forum publish` brings the file".to_owned(),
            "add publishers/<owner>.toml in a contribution of its own".to_owned(),
        ),
        _ if path.starts_with("components/") || path.is_empty() => {
            (format!("{mend}, in the owner's own repository, and `forum publish` from there"), NEXT.to_owned())
        }
        _ if path.starts_with("index/") => {
            (format!("{mend}; `forum publish` writes the file"), format!("{mend}, in a contribution of its own"))
        }
        _ => (format!("{mend}, on the branch"), format!("{mend}, in a contribution of its own")),
    }
}

/// Tells both.
pub(super) fn both(mut finding: Finding) -> Finding {
    if [NO_REGISTRY, SHALLOW, FOLDER].contains(&finding.help.as_str()) {
        return finding;
    }
    let (waiting, merged) = recipes(&finding);
    finding.help = match finding.rule {
        id::DIGESTS if !finding.help.is_empty() => format!("{}. Not published yet: {waiting}. Published already: {merged}.", finding.help),
        _ => format!("not published yet: {waiting}. Published already: {merged}."),
    };
    finding
}
