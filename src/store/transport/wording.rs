//! What git and servers say, turned into our codes and into text that a terminal can bear.
//!
//! git has one exit status for all failures, so its words decide (with `LC_ALL=C`).
//! A server's text carries whatever the server likes: control characters are escaped
//! and credentials taken out before anyone sees it (safety page, 9).

use crate::error::{Code, Failure};
use crate::model::address::{Address, without_credentials};
use crate::model::escape::escape_line;

/// Words of git, in lower case, and what they mean; the first that fits decides.
const MEANINGS: [(Code, &[&str]); 5] = [
    // Of our own disk: what a server says of its is left out.
    (
        Code::Io,
        &[
            "no space left on device",
            "out of diskspace",
            "disk quota exceeded",
            "input/output error",
            "read-only file system",
            "unable to create",
            "unable to write",
            "unable to update local ref",
            "failed to write object",
        ],
    ),
    (
        Code::Auth,
        &[
            "could not read username",
            "could not read password",
            "authentication failed",
            "permission denied (",
            "error: 401",
            "status code: 401",
            "terminal prompts disabled",
            "host key verification failed",
        ],
    ),
    (Code::Denied, &["error: 403", "status code: 403", "access denied", "permission denied", "not allowed to"]),
    (Code::InvalidRegistry, &["couldn't find remote ref", "mismatched algorithms", "wrong object format", "unknown object format"]),
    (Code::Unreachable, &[""]),
];

/// The failure that git's or libgit2's words stand for.
pub(in super::super) fn failure(talk: &str, address: &Address) -> Failure {
    let said = essence(talk);
    let lower = talk.to_lowercase();
    let ours: Vec<_> = lower.split(['\n', '\r']).filter(|line| !line.trim_start().starts_with("remote:")).collect();
    let ours = ours.join("\n");
    let means = |(code, words): &&(Code, &[&str])| {
        let text = if *code == Code::Io { &ours } else { &lower };
        words.iter().any(|word| text.contains(word))
    };
    let code = MEANINGS.iter().find(means).map_or(Code::Unreachable, |(code, _)| *code);
    match code {
        Code::Io => Failure::new(code, format!("what came from {address} could not be written to the cache: {said}"))
            .hint("make room on the disk, or set FORUM_CACHE_DIR to a directory elsewhere"),
        Code::Auth if lower.contains("could not read username") => {
            Failure::new(code, format!("{address} wants credentials, and git has none for it: {said}"))
                .hint(format!("sign in once with: git ls-remote {address}"))
                .hint("git config credential.helper shows where git keeps them; docs/ci.md of forum tells how a job gets some")
        }
        Code::Auth => Failure::new(code, format!("{address} wants other credentials than it got: {said}"))
            .hint(format!("sign in once with: git ls-remote {address}")),
        Code::Denied => Failure::new(code, format!("{address} refuses us: {said}")).hint("ask the registry's maintainers for read access"),
        Code::InvalidRegistry if lower.contains("remote ref") => {
            Failure::new(code, format!("{address} has no branch `main`, so it is no registry"))
        }
        Code::InvalidRegistry => {
            Failure::new(code, format!("{address} is a repository with SHA-256 objects; registries have SHA-1 objects ({said})"))
        }
        _ => Failure::new(Code::Unreachable, format!("{address} cannot be reached: {said}"))
            .hint("check the address and the network")
            .hint("--offline works with what the cache holds"),
    }
}

/// Whether git gave up a server that sent nothing.
pub(super) fn is_silence(talk: &str) -> bool {
    ["too slow", "timed out"].iter().any(|words| talk.contains(words))
}

/// The phase in git's progress that `talk` ends with: `Receiving objects`.
pub(super) fn phase(talk: &str) -> Option<String> {
    let from = talk.len().saturating_sub(400);
    let tail = talk.get(from..).unwrap_or(talk);
    let line = tail.trim_end_matches(['\r', '\n']).rsplit(['\r', '\n']).next()?;
    let line = line.strip_prefix("remote: ").unwrap_or(line);
    let (words, rest) = line.split_once(':')?;
    (rest.contains('%') && words.len() < 40).then(|| escape_line(words))
}

/// The lines that tell why, without progress; at most a few hundred characters.
pub(in super::super) fn essence(talk: &str) -> String {
    let lines = talk.split(['\n', '\r']).map(str::trim).filter(|line| !line.is_empty() && !is_progress(line));
    let mut kept: Vec<_> = lines.collect();
    kept.drain(..kept.len().saturating_sub(4));
    let text = without_credentials(&escape_line(&kept.join("; ")));
    match text.char_indices().nth(600) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None if text.is_empty() => "no reason was given".to_owned(),
        None => text,
    }
}

/// What the server itself says, from its first line on, which names the rule: at most twenty lines and 4 KiB.
pub(in super::super) fn reason(talk: &str) -> String {
    let lines = talk.split(['\n', '\r']).filter(|line| !is_progress(line)).filter_map(|line| line.strip_prefix("remote:"));
    let kept: Vec<_> = lines.map(str::trim).filter(|line| !line.is_empty()).take(20).collect();
    let text: String = without_credentials(&escape_line(&kept.join("; "))).chars().take(4096).collect();
    if text.is_empty() { essence(talk) } else { text }
}

fn is_progress(line: &str) -> bool {
    line.contains("% (") || line.contains(", done") || line.starts_with("remote: Total") || line.starts_with("remote: Enumerating")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_words_of_git_become_codes() {
        let address = Address::parse("https://h.example/kommun.git").expect("an address");
        for (talk, code) in [
            ("fatal: could not read Username for 'https://h': terminal prompts disabled", Code::Auth),
            ("git@h: Permission denied (publickey).\nfatal: Could not read from remote repository.", Code::Auth),
            ("fatal: Authentication failed for 'https://h/'", Code::Auth),
            ("fatal: unable to access 'https://h/': The requested URL returned error: 403", Code::Denied),
            ("remote: Not Found\nfatal: repository 'https://h/' not found", Code::Unreachable),
            ("fatal: unable to access 'https://h/': Could not resolve host: h", Code::Unreachable),
            ("fatal: protocol error: bad line length character: <htm", Code::Unreachable),
            ("fatal: couldn't find remote ref refs/heads/main", Code::InvalidRegistry),
            ("fatal: mismatched algorithms: client sha1; server sha256", Code::InvalidRegistry),
            ("error: unable to create temporary file: No space left on device\nfatal: unpack-objects failed", Code::Io),
            ("remote: fatal: write error: No space left on device\nfatal: early EOF", Code::Unreachable),
            ("", Code::Unreachable),
        ] {
            assert_eq!(failure(talk, &address).code, code, "{talk}");
        }
    }

    #[test]
    fn a_servers_text_is_harmless() {
        let address = Address::parse("https://h.example/kommun.git").expect("an address");
        let failure = failure("remote: \u{1b}[31mred\u{9b}\nfatal: https://u:secret@h/ bad", &address);
        assert!(!failure.message.chars().any(char::is_control), "{}", failure.message);
        assert!(failure.message.contains("\\u{1b}[31mred") && !failure.message.contains("secret"), "{}", failure.message);
    }

    #[test]
    fn the_phase_is_the_last_line_of_progress() {
        assert_eq!(phase("x\rremote: Counting objects:  5% (1/20)\rReceiving objects: 10% (1/10)\r").as_deref(), Some("Receiving objects"));
        assert_eq!(phase("remote: \u{1b}[31mCounting: 10% (1/10)\r").as_deref(), Some("\\u{1b}[31mCounting"));
        assert_eq!(phase("fatal: no"), None);
    }
}
