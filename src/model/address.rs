//! Where a registry is: URLs, the scp form, paths; what is refused.
//!
//! An address goes to git, into `forum.toml` and `forum.lock`, and into messages.
//! So what git would take for an option or a program to run is refused here, and a
//! password never gets past this door (contract, section 2). Whether anything is
//! there is found out by `store`.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use url::{Host, Url};

use crate::error::{Code, Failure};

/// The schemes that a registry may have.
const SCHEMES: [&str; 5] = ["https", "ssh", "git", "file", "http"];

/// How tokens of the large hosts begin.
const TOKEN_PREFIXES: [&str; 8] = ["ghp_", "gho_", "ghs_", "ghu_", "github_pat_", "glpat-", "x-access-token", "x-token-auth"];

/// What to do instead of writing a password into an address.
const CREDENTIAL_HINT: &str = "leave it out and let git's credential helper keep it: git config --global credential.helper store";

/// Where a registry is. Made by [`Address::parse`] alone.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Address {
    /// A URL with one of the allowed schemes, normalised.
    Url(String),
    /// `user@host:path`
    Scp(String),
    /// A path to a repository, a checkout, a bundle file or a plain folder.
    Path(String),
}

impl Address {
    /// Reads an address that a person or a file gives.
    ///
    /// # Errors
    /// [`Code::Usage`], naming the rule; the message never repeats a password.
    pub fn parse(text: &str) -> Result<Self, Failure> {
        if text.is_empty() {
            return Err(refused("an address must not be empty"));
        }
        if text.chars().any(char::is_control) {
            return Err(refused("an address must not hold control characters"));
        }
        if text.starts_with('-') {
            return Err(refused(format!("`{}` begins with a hyphen and would be taken for an option", without_credentials(text))));
        }
        if is_drive_path(text) {
            return Ok(Self::Path(text.to_owned()));
        }
        if let Some(helper) = helper_prefix(text) {
            return Err(refused(format!("`{helper}::` addresses run a program and are refused")));
        }
        if let Some(scheme) = scheme_of(text) {
            return parse_url(text, &scheme);
        }
        parse_scp(text).unwrap_or_else(|| Ok(Self::Path(text.to_owned())))
    }

    /// What the memory and the cache of a registry are kept under: scheme and host in lower
    /// case, no user, no trailing `/` or `.git`. A path is given as it is: `store` makes it canonical first.
    #[must_use]
    pub fn key(&self) -> String {
        match self {
            Self::Path(path) => path.clone(),
            Self::Scp(text) => {
                let (host, path) = scp_parts(text).map_or(("", text.as_str()), |(_, host, path)| (host, path));
                format!("{}:{}", host.to_lowercase(), bare_name(path))
            }
            Self::Url(text) => match Url::parse(text) {
                Ok(url) if url.scheme() == "file" => self.local_path().map_or_else(|| text.clone(), |p| p.display().to_string()),
                Ok(url) => {
                    let port = url.port().map(|port| format!(":{port}")).unwrap_or_default();
                    let host = url.host_str().unwrap_or_default().to_lowercase();
                    format!("{}://{host}{port}{}", url.scheme(), bare_name(url.path()))
                }
                Err(_) => text.clone(),
            },
        }
    }

    /// Whether it is on this machine's file system: a path or a `file://` URL.
    #[must_use]
    pub fn is_local(&self) -> bool {
        self.local_path().is_some()
    }

    /// The path of a local address.
    #[must_use]
    pub fn local_path(&self) -> Option<PathBuf> {
        match self {
            Self::Path(path) => Some(PathBuf::from(path)),
            Self::Url(text) => {
                let url = Url::parse(text).ok().filter(|url| url.scheme() == "file")?;
                url.to_file_path().ok()
            }
            Self::Scp(_) => None,
        }
    }

    /// The same address with a relative path made one below `base`. URLs stay as they are.
    #[must_use]
    pub fn relative_to(&self, base: &Path) -> Self {
        match self {
            Self::Path(path) => Self::Path(base.join(path).to_string_lossy().into_owned()),
            other => other.clone(),
        }
    }

    /// Whether everyone on the way can read and change what comes: `http` to another machine.
    #[must_use]
    pub fn is_plain_http_off_loopback(&self) -> bool {
        let Self::Url(text) = self else { return false };
        let Ok(url) = Url::parse(text) else { return false };
        url.scheme() == "http"
            && !match url.host() {
                Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
                Some(Host::Ipv4(ip)) => ip.is_loopback(),
                Some(Host::Ipv6(ip)) => ip.is_loopback(),
                None => false,
            }
    }

    /// The scheme of a URL; `ssh` for the scp form; `None` for a path.
    #[must_use]
    pub fn scheme(&self) -> Option<&str> {
        match self {
            Self::Url(text) => text.split_once(':').map(|(scheme, _)| scheme),
            Self::Scp(_) => Some("ssh"),
            Self::Path(_) => None,
        }
    }

    /// The host of a URL or of the scp form, in lower case.
    #[must_use]
    pub fn host(&self) -> Option<String> {
        match self {
            Self::Url(text) => Url::parse(text).ok()?.host_str().map(str::to_lowercase),
            Self::Scp(text) => scp_parts(text).map(|(_, host, _)| host.to_lowercase()),
            Self::Path(_) => None,
        }
    }
}

impl Address {
    /// The path of a URL or of the scp form, and the port where it is given; `None` for a path.
    #[must_use]
    pub fn path_and_port(&self) -> Option<(String, Option<u16>)> {
        match self {
            Self::Url(text) => Url::parse(text).ok().map(|url| (url.path().to_owned(), url.port())),
            Self::Scp(text) => scp_parts(text).map(|(_, _, path)| (path.to_owned(), None)),
            Self::Path(_) => None,
        }
    }
}

impl FromStr for Address {
    type Err = Failure;

    fn from_str(text: &str) -> Result<Self, Failure> {
        Self::parse(text)
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (Self::Url(text) | Self::Scp(text) | Self::Path(text)) = self;
        f.write_str(text)
    }
}

/// A text with the user part of every URL in it taken out: for `source`, and for what a server says.
///
/// A user alone stays in `ssh://` and scp addresses, where it is part of the address.
#[must_use]
pub fn without_credentials(text: &str) -> String {
    if let Some((_, host, path)) = scp_parts(text).filter(|(user, ..)| user.contains(':') && !text.contains("://")) {
        return format!("{host}:{path}");
    }
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find("://") {
        let (head, tail) = rest.split_at(at + 3);
        out.push_str(head);
        let end =
            tail.find(|c: char| matches!(c, '/' | '\\' | '?' | '#' | '\'' | '"' | '<' | '>') || c.is_whitespace()).unwrap_or(tail.len());
        let end = raw_password_end(tail, end).unwrap_or(end);
        let authority = &tail[..end];
        match authority.rsplit_once('@') {
            Some((user, host)) => {
                if head.ends_with("ssh://") && !user.contains(':') {
                    out.push_str(user);
                    out.push('@');
                }
                out.push_str(host);
            }
            None => out.push_str(authority),
        }
        rest = &tail[end..];
    }
    out.push_str(rest);
    out
}

/// Where the host ends behind a password that holds a `/` or the like as it is, so that it seems to end earlier.
fn raw_password_end(tail: &str, end: usize) -> Option<usize> {
    let (_, port) = tail[..end].split_once(':').filter(|_| !tail.starts_with('['))?;
    let is_port = tail[..end].contains('@') || port.bytes().all(|digit| digit.is_ascii_digit());
    let word = &tail[..tail.find(char::is_whitespace).unwrap_or(tail.len())];
    let host = word.rfind('@').filter(|_| !is_port)? + 1;
    Some(word[host..].find(['/', '\\', '?', '#', '\'', '"', '<', '>']).map_or(word.len(), |slash| host + slash))
}

fn refused(message: impl Into<String>) -> Failure {
    Failure::new(Code::Usage, message).hint("addresses are https, ssh, git, file or http URLs, user@host:path, or paths")
}

fn password(shown: &str) -> Failure {
    Failure::new(Code::Usage, format!("the address `{shown}` holds a password or token, which forum never stores")).hint(CREDENTIAL_HINT)
}

/// `C:\x` and `C:/x`.
fn is_drive_path(text: &str) -> bool {
    matches!(text.as_bytes(), [drive, b':', b'\\' | b'/', ..] if drive.is_ascii_alphabetic())
}

/// `ext` of `ext::…`: git would start `git-remote-ext`.
fn helper_prefix(text: &str) -> Option<&str> {
    let (word, _) = text.split_once("::")?;
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '+' | '.' | '-' | '_');
    (!word.is_empty() && word.chars().all(plain)).then_some(word)
}

fn scheme_of(text: &str) -> Option<String> {
    let (word, _) = text.split_once("://")?;
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '+' | '.' | '-' | '_');
    (!word.is_empty() && word.chars().all(plain)).then(|| word.to_ascii_lowercase())
}

fn parse_url(text: &str, scheme: &str) -> Result<Address, Failure> {
    let shown = without_credentials(text);
    if !SCHEMES.contains(&scheme) {
        return Err(refused(format!("`{shown}` has the scheme `{scheme}`, which is not allowed")));
    }
    let url = Url::parse(text).map_err(|e| refused(format!("`{shown}` is no valid URL: {e}")))?;
    let user = percent_decoded(url.username());
    if url.password().is_some() || (matches!(scheme, "https" | "http") && looks_like_token(&user)) {
        return Err(password(&shown));
    }
    if url.query().is_some() || url.fragment().is_some() {
        let shown = shown.split(['?', '#']).next().unwrap_or_default();
        return Err(refused(format!("the address `{shown}` goes on with `?` or `#`, which the address of a repository does not have")));
    }
    if scheme == "file" {
        return match url.to_file_path() {
            Ok(path) if !path.to_string_lossy().chars().any(char::is_control) => Ok(Address::Url(url.into())),
            _ => Err(refused(format!("`{shown}` is no path on this machine"))),
        };
    }
    let host = url.host_str().unwrap_or_default();
    // `url` takes the first word of the path for a missing host.
    let nameless = text.split_once("://").is_none_or(|(_, rest)| rest.starts_with(['/', '\\']));
    if host.is_empty() || nameless {
        return Err(refused(format!("`{shown}` has no host")));
    }
    if percent_decoded(host).starts_with('-') || user.starts_with('-') || percent_decoded(url.path()).starts_with("/-") {
        return Err(refused(format!("in `{shown}` a part begins with a hyphen and would be taken for an option")));
    }
    let decoded = [user, percent_decoded(host), percent_decoded(url.path())];
    if decoded.iter().any(|part| part.chars().any(char::is_control)) {
        return Err(refused(format!("`{shown}` holds an escaped control character")));
    }
    Ok(Address::Url(url.into()))
}

/// `user`, `host` and `path` of `user@host:path`.
fn scp_parts(text: &str) -> Option<(&str, &str, &str)> {
    let (user, rest) = text.split_once('@')?;
    let end = if rest.starts_with('[') { rest.find("]:")? + 1 } else { rest.find(':')? };
    let (host, path) = (&rest[..end], &rest[end + 1..]);
    let plain = |part: &str| !part.is_empty() && !part.contains(['/', '\\']);
    (plain(user) && plain(host) && !path.is_empty()).then_some((user, host, path))
}

fn parse_scp(text: &str) -> Option<Result<Address, Failure>> {
    let (user, host, path) = scp_parts(text)?;
    Some(if user.contains(':') {
        Err(password(&format!("{host}:{path}")))
    } else if host.starts_with('-') || path.starts_with('-') {
        Err(refused(format!("in `{text}` a part begins with a hyphen and would be taken for an option")))
    } else {
        Ok(Address::Scp(text.to_owned()))
    })
}

fn looks_like_token(user: &str) -> bool {
    TOKEN_PREFIXES.iter().any(|prefix| user.starts_with(prefix)) || (user.len() >= 20 && user.chars().all(|c| c.is_ascii_alphanumeric()))
}

fn bare_name(path: &str) -> &str {
    let path = path.trim_end_matches('/');
    path.strip_suffix(".git").unwrap_or(path).trim_end_matches('/')
}

fn percent_decoded(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let escaped = (bytes[at] == b'%').then(|| text.get(at + 1..at + 3)).flatten();
        if let Some(byte) = escaped.and_then(|pair| u8::from_str_radix(pair, 16).ok()) {
            out.push(byte);
            at += 3;
        } else {
            out.push(bytes[at]);
            at += 1;
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Address {
        Address::parse(text).unwrap_or_else(|e| panic!("{text}: {e}"))
    }

    #[test]
    fn urls_scp_and_paths_are_told_apart() {
        for url in [
            "https://h.example/a.git",
            "ssh://git@h/a",
            "git://h/a",
            "file:///srv/a.git",
            "HTTP://localhost:8080/a",
            "https://org@dev.azure.com/o/p/_git/r",
        ] {
            assert!(matches!(parse(url), Address::Url(_)), "{url}");
        }
        for scp in ["git@h.example:a/b.git", "git@[::1]:a"] {
            assert!(matches!(parse(scp), Address::Scp(_)), "{scp}");
        }
        for path in ["../kommun.git", "/srv/a b", "C:\\x", "c:/x", "kommun", "./a@b:c", "a:b"] {
            assert!(matches!(parse(path), Address::Path(_)), "{path}");
        }
    }

    #[test]
    fn programs_options_and_other_schemes_are_refused() {
        let hostile = [
            "ext::sh -c id",
            "fd::3",
            "https::https://h/a",
            "-oProxyCommand=id",
            "--upload-pack=id",
            "ftp://h/a",
            "javascript://h/a",
            "ssh://-oProxyCommand=id/a",
            "git@-oProxyCommand=id:a",
            "git@h:-a",
            "https:///a",
            "https://h/a\u{1b}[0m",
            "ssh://h/%0aa",
            "a\nb",
            "",
            "https://h/a?token=1",
            "https://h/a#b",
            "ssh://h/-a",
        ];
        for text in hostile {
            let failure = Address::parse(text).expect_err(text);
            assert_eq!(failure.code, Code::Usage, "{text}");
        }
    }

    #[test]
    fn a_password_is_refused_and_not_repeated() {
        let long = "a1".repeat(10);
        let texts = [
            "https://user:hunter2secret@h/a",
            "https://ghp_hunter2secret@h/a",
            "https://glpat-hunter2secret@h/a",
            "ssh://git:hunter2secret@h/a",
            "user:hunter2secret@h:a",
            "ftp://u:hunter2secret@h/a",
            "https://x-access-token@h/a",
            &format!("https://{long}@h/a"),
            "http://u:hunter2secret@h:bad/a",
        ];
        for text in texts {
            let failure = Address::parse(text).expect_err(text);
            assert_eq!(failure.code, Code::Usage);
            assert!(!failure.message.contains("hunter2secret") && !failure.message.contains(&long), "{}", failure.message);
        }
    }

    #[test]
    fn the_key_forgets_what_does_not_tell_registries_apart() {
        for same in ["https://H.Example/a/kommun.git", "https://u@h.example/a/kommun", "https://h.example:443/a/kommun.git/"] {
            assert_eq!(parse(same).key(), "https://h.example/a/kommun", "{same}");
        }
        assert_eq!(parse("git@H:a/b.git").key(), "h:a/b");
        assert_eq!(parse("ssh://git@H:2222/a/b.git").key(), "ssh://h:2222/a/b");
        assert_ne!(parse("http://h/a").key(), parse("https://h/a").key());
    }

    #[test]
    fn loopback_needs_no_warning() {
        for safe in ["http://localhost/a", "http://127.0.0.1:8/a", "http://[::1]/a", "https://h/a", "/a"] {
            assert!(!parse(safe).is_plain_http_off_loopback(), "{safe}");
        }
        assert!(parse("http://h.example/a").is_plain_http_off_loopback());
    }

    #[cfg(unix)]
    #[test]
    fn local_addresses_have_a_path() {
        assert_eq!(parse("file:///srv/a%20b").local_path(), Some(PathBuf::from("/srv/a b")));
        assert_eq!(parse("a").relative_to(Path::new("/w")).local_path(), Some(PathBuf::from("/w/a")));
        assert!(!parse("git@h:a").is_local());
    }

    #[test]
    fn credentials_are_taken_out_of_texts() {
        assert_eq!(without_credentials("fatal: 'https://u:p@h/a' and http://t@h/b"), "fatal: 'https://h/a' and http://h/b");
        assert_eq!(without_credentials("ssh://git@h/a"), "ssh://git@h/a");
        assert_eq!(without_credentials("ssh://git:pw@h/a"), "ssh://h/a");
        assert_eq!(without_credentials("at https://u:p/w?@h/a: no"), "at https://h/a: no");
        assert_eq!(without_credentials("https://h:8080/a and u@h"), "https://h:8080/a and u@h");
        assert_eq!(without_credentials("u:hunter2@h:a/b"), "h:a/b");
    }
}
