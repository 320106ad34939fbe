//! Patterns for paths in a component: `drafts/**`, `*.log`.

use globset::{Glob, GlobBuilder, GlobSet, GlobSetBuilder};

/// A set of patterns. `*` stays within a directory, `**` crosses directories; a pattern without `/` fits at any depth.
#[derive(Debug, Clone)]
pub struct Globs(GlobSet);

impl Globs {
    /// From their texts.
    ///
    /// # Errors
    /// The first that is no pattern, and why.
    pub fn new<S: AsRef<str>>(patterns: &[S]) -> Result<Self, String> {
        let mut set = GlobSetBuilder::new();
        for pattern in patterns {
            set.add(glob(pattern.as_ref())?);
        }
        set.build().map(Self).map_err(|error| error.to_string())
    }

    /// Whether some pattern fits the path, or a directory above it.
    #[must_use]
    pub fn fit(&self, path: &str) -> bool {
        let ends = path.match_indices('/').map(|(at, _)| at).chain([path.len()]);
        ends.into_iter().any(|end| self.0.is_match(&path[..end]))
    }

    /// Whether some pattern fits whatever may lie in a directory.
    #[must_use]
    pub fn fit_all_below(&self, directory: &str) -> bool {
        self.fit(&format!("{}/.", directory.trim_end_matches('/')))
    }
}

fn glob(pattern: &str) -> Result<Glob, String> {
    let plain = pattern.trim_start_matches("./").trim_end_matches('/');
    let anywhere = if plain.contains('/') { plain.trim_start_matches('/').to_owned() } else { format!("**/{plain}") };
    let built = GlobBuilder::new(&anywhere).literal_separator(true).backslash_escape(true).build();
    built.map_err(|error| format!("`{}` is no pattern: {}", pattern.escape_debug(), error.kind()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_fit_as_people_expect() {
        for (pattern, path, fits) in [
            ("drafts/**", "drafts/idea.md", true),
            ("drafts/**", "drafts/deep/er.md", true),
            ("drafts", "drafts/idea.md", true),
            ("drafts/", "sub/drafts/idea.md", true),
            ("/drafts", "sub/drafts/idea.md", false),
            ("*.log", "deep/run.log", true),
            ("docs/*.md", "docs/deep/a.md", false),
            ("docs/*.md", "docs/a.md", true),
        ] {
            assert_eq!(Globs::new(&[pattern]).expect("a pattern").fit(path), fits, "{pattern} {path}");
        }
        assert!(Globs::new(&["a[b"]).expect_err("no pattern").contains("a[b"));
    }
}
