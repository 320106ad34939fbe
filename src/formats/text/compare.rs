//! How two texts differ, as unified hunks and in numbers.

use super::{engine, is_binary};

/// How many lines came and went.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Lines {
    /// New ones.
    pub added: usize,
    /// Gone ones.
    pub removed: usize,
}

/// The unified hunks between two texts; `None` for what is no text.
#[must_use]
pub fn unified(old: &[u8], new: &[u8]) -> Option<String> {
    if is_binary(old) || is_binary(new) {
        return None;
    }
    engine::hunks(old, new, 3).ok().map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
}

/// The numbers of a unified diff.
#[must_use]
pub fn count(unified: &str) -> Lines {
    let starts = |mark: char| unified.lines().filter(|line| line.starts_with(mark)).count();
    Lines { added: starts('+'), removed: starts('-') }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hunks_have_no_head_and_binaries_no_hunks() {
        let text = unified(b"a\nb\nc\n", b"a\nB\nc\nd").expect("text");
        assert_eq!(text, "@@ -1,3 +1,4 @@\n a\n-b\n+B\n c\n+d\n\\ No newline at end of file\n");
        assert_eq!(count(&text), Lines { added: 2, removed: 1 });
        assert!(unified(b"\0", b"a").is_none());
    }
}
