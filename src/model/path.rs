//! Relative paths that cannot leave the directory they are joined to.
//!
//! The rules are those of the safety page: what Windows, macOS or git itself
//! would turn into something else is refused, on every platform alike.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use unicode_normalization::UnicodeNormalization as _;

use super::id::is_windows_device;
use super::text::text_form;

/// The longest path that is taken, in bytes.
pub const MAX_PATH_BYTES: usize = 240;
/// From this length on, in bytes, a path is warned about.
pub const WARN_PATH_BYTES: usize = 180;

/// A `/`-separated relative path of at least one part, safe on every platform.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct RelPath(String);

/// Why a path is refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InvalidPath {
    path: String,
    rule: &'static str,
}

impl InvalidPath {
    /// The rule that it breaks, without subject: "is …".
    #[must_use]
    pub const fn rule(&self) -> &'static str {
        self.rule
    }
}

impl fmt::Display for InvalidPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "path `{}` {}", self.path.escape_debug(), self.rule)
    }
}

impl std::error::Error for InvalidPath {}

/// Checks one part of a path. The text of the error is a rule without subject: "is …".
///
/// # Errors
/// The rule that the part breaks.
pub fn check_part(part: &str) -> Result<(), &'static str> {
    if part.is_empty() {
        return Err("has an empty part");
    }
    if matches!(part, "." | "..") {
        return Err("has a part `.` or `..`");
    }
    if part.chars().any(|c| c.is_control() || matches!(c, '\u{2028}' | '\u{2029}')) {
        return Err("has a control character");
    }
    if part.contains(['\\', '<', '>', ':', '"', '|', '?', '*', '/']) {
        return Err("has a character that Windows does not allow in names");
    }
    if part.ends_with(['.', ' ']) {
        return Err("ends in a dot or a space, which Windows drops");
    }
    if is_windows_device(part.split('.').next().unwrap_or(part)) {
        return Err("is a device name on Windows");
    }
    if is_dot_git(part) {
        return Err("is a name of git's own directory");
    }
    Ok(())
}

/// Whether a file system could take `part` for `.git`: case, NTFS short names, characters that HFS+ ignores.
///
/// Source: git's `is_ntfs_dotgit` and `is_hfs_dotgit`. What holds a colon, a backslash, or ends in a dot or a space
/// is refused before this is asked.
fn is_dot_git(part: &str) -> bool {
    let ignored = |c: &char| !matches!(*c, '\u{200c}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{206a}'..='\u{206f}' | '\u{feff}' | '\u{200b}' | '\u{ad}' | '\u{2060}'..='\u{2064}');
    let plain: String = part.chars().filter(ignored).flat_map(char::to_lowercase).collect();
    plain == ".git" || plain == "git~1"
}

/// The form under which two names are one to some file system: NFC after full case folding (`ß` = `ss`).
#[must_use]
pub fn collision_key(path: &str) -> String {
    if path.is_ascii() {
        return path.to_ascii_lowercase();
    }
    let once: String = path.nfd().collect();
    let folded = caseless::default_case_fold_str(&once);
    folded.nfc().collect()
}

impl RelPath {
    /// The path as published.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The parts, outermost first.
    #[must_use = "iterators are lazy"]
    pub fn parts(&self) -> impl DoubleEndedIterator<Item = &str> {
        self.0.split('/')
    }

    /// The last part.
    #[must_use]
    pub fn file_name(&self) -> &str {
        self.0.rsplit('/').next().unwrap_or(&self.0)
    }

    /// The directory above, or `None` at the top.
    #[must_use]
    pub fn parent(&self) -> Option<Self> {
        self.0.rsplit_once('/').map(|(up, _)| Self(up.to_owned()))
    }

    /// This path below `self`.
    ///
    /// # Errors
    /// When the result is too long.
    pub fn join(&self, below: &Self) -> Result<Self, InvalidPath> {
        format!("{}/{}", self.0, below.0).parse()
    }

    /// Where this file of a component lies in a workspace: however long that path is, nobody publishes it.
    #[must_use]
    pub fn within(&self, directory: &Self) -> Self {
        Self(format!("{}/{}", directory.0, self.0))
    }

    /// With the separators of this platform.
    #[must_use]
    pub fn to_path(&self) -> PathBuf {
        self.parts().collect()
    }

    /// Whether `other` is this path or lies below it, to any file system.
    #[must_use]
    pub fn contains(&self, other: &Self) -> bool {
        let (outer, inner) = (collision_key(&self.0), collision_key(&other.0));
        inner.strip_prefix(outer.as_str()).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    }
}

impl FromStr for RelPath {
    type Err = InvalidPath;

    fn from_str(text: &str) -> Result<Self, InvalidPath> {
        let refuse = |rule| Err(InvalidPath { path: text.to_owned(), rule });
        if text.is_empty() {
            return refuse("is empty");
        }
        if text.starts_with('/') {
            return refuse("is absolute");
        }
        if text.len() > MAX_PATH_BYTES {
            return refuse("is longer than 240 bytes");
        }
        match text.split('/').try_for_each(check_part) {
            Ok(()) => Ok(Self(text.to_owned())),
            Err(why) => refuse(why),
        }
    }
}

impl fmt::Display for RelPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

text_form!(RelPath);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hostile_paths_are_refused() {
        let long = "a/".repeat(121) + "b";
        for bad in [
            "",
            "/a",
            "../a",
            "a/../b",
            "a/./b",
            "a//b",
            "a/",
            ".git",
            "x/.GIT/config",
            "git~1",
            "GIT~1/x",
            ".git.",
            ".git ",
            ".g\u{200c}it",
            ".git::$INDEX_ALLOCATION",
            "a\\b",
            "c:/x",
            "con",
            "NUL.txt",
            "com1.tar.gz",
            "lpt\u{b9}",
            "a\u{1b}[0m",
            "a\n",
            "trail.",
            "trail ",
            "a\u{85}b",
            "q?",
            &long,
        ] {
            assert!(bad.parse::<RelPath>().is_err(), "{bad:?}");
        }
    }

    #[test]
    fn each_rule_is_named() {
        for (bad, rule) in [
            ("", "is empty"),
            ("/a", "is absolute"),
            ("../a", "has a part `.` or `..`"),
            ("a/.", "has a part `.` or `..`"),
            ("a//b", "has an empty part"),
            ("a\u{7f}", "has a control character"),
            ("a\\b", "has a character that Windows does not allow in names"),
            ("a./b", "ends in a dot or a space, which Windows drops"),
            ("aux.txt", "is a device name on Windows"),
            ("x/.Git", "is a name of git's own directory"),
        ] {
            assert_eq!(bad.parse::<RelPath>().expect_err(bad).rule(), rule, "{bad:?}");
        }
    }

    #[test]
    fn ordinary_paths_are_taken() {
        for good in
            ["a", "Öppna data/läs mig.txt", ".gitattributes", ".gitignore", "a.b/c-d", "name with space & (parens).txt", "console.log"]
        {
            assert_eq!(good.parse::<RelPath>().expect(good).as_str(), good);
        }
    }

    #[test]
    fn names_collide_after_folding_and_normalisation() {
        for (a, b) in [("README", "readme"), ("straße", "STRASSE"), ("\u{e5}", "a\u{30a}"), ("\u{c5}", "a\u{30a}")] {
            assert_eq!(collision_key(a), collision_key(b), "{a} {b}");
        }
        assert_ne!(collision_key("a"), collision_key("å"));
    }

    #[test]
    fn containment_goes_by_parts() {
        let path = |text: &str| text.parse::<RelPath>().expect("a path");
        assert!(path("a/b").contains(&path("A/b/c")) && path("a").contains(&path("a")));
        assert!(!path("a/b").contains(&path("a/bc")));
    }
}
