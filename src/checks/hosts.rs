//! How a network looks from inside: internal host names, UNC paths, private addresses (rules `internal-host`,
//! `unc-path`, `private-address`).

use std::ops::Range;

use super::contents::Hit;
use super::rules::id;
use super::texts::{Piece, Style};

/// Ends of names that no public server has: RFC 6762, appendix G, and what networks here use.
pub(super) const ENDS: [&str; 8] = [".local", ".lan", ".intra", ".intranet", ".internal", ".corp", ".intern", ".home.arpa"];

/// Names that stand in every installation of some product.
const OF_PRODUCTS: [&str; 6] =
    ["cluster.local", "docker.internal", "google.internal", "containers.internal", "localhost.local", "localdomain.local"];

const MESSAGE: &str = "names a host of an internal network";

/// First labels of what is a name in a program.
const OF_PROGRAMS: [&str; 10] = ["com", "org", "net", "io", "java", "javax", "sun", "se", "self", "this"];

/// How names begin that documentation shows.
const SHOWN: [&str; 9] = ["example", "exempel", "yourdomain", "mydomain", "domain.", "contoso", "myserver", "server.local", "host.local"];

/// A longer part of a name is none.
const MAX_HOST: usize = 120;
/// RFC 1035, 2.3.4.
const MAX_LABEL: usize = 63;

fn of_host(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_')
}

/// Where the name begins that goes on at `at`; `None` where nothing of one stands before.
fn start_of_name(text: &str, at: usize) -> Option<usize> {
    text[..at].char_indices().rev().take(MAX_HOST).take_while(|(_, c)| of_host(*c)).last().map(|(start, _)| start)
}

/// The host whose name has the part of `text` at `hit`: as its end, or within a domain that is public.
pub(super) fn host(piece: &Piece<'_>, hit: &Range<usize>) -> Option<Hit> {
    let text = piece.text;
    if let Some(range) = within(text, hit) {
        return Some(Hit::new(id::INTERNAL_HOST, range, MESSAGE));
    }
    let behind = &text[hit.end..];
    let goes_on = behind.starts_with(|c: char| of_host(c) && c != '.')
        || behind.trim_start_matches('.').starts_with(|c: char| c.is_ascii_alphanumeric());
    if goes_on || behind.starts_with(['(', '[']) {
        return None;
    }
    let name = text[start_of_name(text, hit.start)?..hit.end].trim_start_matches(['.', '-', '_']);
    let start = hit.end - name.len();
    (!is_of_program(name, &text[hit.start + 1..hit.end]) && stands_as_host(piece, start, name))
        .then(|| Hit::new(id::INTERNAL_HOST, start..hit.end, MESSAGE))
}

/// `Company.Product.Internal` and `org.apache.internal` are names in programs, `cluster.local` is in every product.
fn is_of_program(name: &str, end: &str) -> bool {
    let lower = name.to_ascii_lowercase();
    let camel = end.starts_with(|c: char| c.is_ascii_uppercase()) && name != name.to_ascii_uppercase();
    camel
        || OF_PROGRAMS.contains(&name.split('.').next().unwrap_or_default())
        || OF_PRODUCTS.iter().any(|product| lower.ends_with(product))
        || SHOWN.iter().any(|word| lower.starts_with(word))
}

/// Whether what stands around a name, or the name itself, tells that it is a host's.
fn stands_as_host(piece: &Piece<'_>, start: usize, name: &str) -> bool {
    let before = &piece.text[..start];
    let labels: Vec<&str> = name.split('.').collect();
    let assigned = before.ends_with('=') && (piece.style != Style::Code || labels.len() >= 3);
    let pointed = before.ends_with("//") || before.ends_with("\\\\") || before.ends_with('@') || assigned;
    // `settings.local` and `this.internal` are no hosts; `srv01.local` is one.
    let telling = labels.len() >= 3 || labels[0].contains(|c: char| c.is_ascii_digit() || c == '-');
    // `self.document.local` is a field.
    let field = piece.style == Style::Code && !before.ends_with(['"', '\'', ' ']);
    let part = before.ends_with(['@', '/', '$', '}', '#']);
    labels.iter().all(|label| !label.is_empty()) && (pointed || (telling && !field && !part))
}

/// Ends of the domains of those who publish, and the usual ones.
const TOPS: [&str; 11] = ["se", "nu", "no", "dk", "fi", "is", "de", "eu", "com", "net", "org"];

/// `frends-01.intra.kommun.se`: the label at `hit` stands within a name of at least four.
fn within(text: &str, hit: &Range<usize>) -> Option<Range<usize>> {
    let behind = text[hit.end..].strip_prefix('.')?;
    let length = behind.bytes().take(MAX_HOST).take_while(|byte| of_host(char::from(*byte))).count();
    if length == MAX_HOST {
        return None;
    }
    let end = hit.end + 1 + behind[..length].trim_end_matches(['.', '-', '_']).len();
    let start = start_of_name(text, hit.start)?;
    let name = &text[start..end];
    let labels: Vec<&str> = name.split('.').collect();
    let top = labels.last().is_some_and(|top| TOPS.contains(top));
    let lower = !name[hit.start - start..].contains(|c: char| c.is_ascii_uppercase());
    let shown = ["example", "exempel", "contoso", "domain."].iter().any(|word| name.contains(word));
    let called = text[end..].starts_with(['(', '[', '=']) || text[..start].ends_with(['$', '}', '#']);
    let real = labels.len() >= 4 && labels.iter().all(|label| !label.is_empty()) && !OF_PROGRAMS.contains(&labels[0]);
    (top && lower && real && !shown && !called).then_some(start..end)
}

/// Schemes whose addresses name a host.
const SCHEMES: [&str; 12] = ["http", "https", "ftp", "ftps", "sftp", "ssh", "smb", "cifs", "ldap", "ldaps", "tcp", "ws"];

/// Numbered names that documentation and containers have.
const NUMBERED: [&str; 24] = [
    "host",
    "hostname",
    "server",
    "servername",
    "node",
    "broker",
    "kafka",
    "zookeeper",
    "example",
    "exempel",
    "test",
    "demo",
    "foo",
    "bar",
    "worker",
    "master",
    "replica",
    "mongo",
    "redis",
    "rabbit",
    "service",
    "oauth",
    "site",
    "address",
];

/// `https://tfs01/x`: the host without a dot behind the `://` at `hit`.
pub(super) fn short(piece: &Piece<'_>, hit: &Range<usize>) -> Option<Hit> {
    let text = piece.text;
    let scheme = text[..hit.start].rsplit(|c: char| !c.is_ascii_alphabetic()).next()?;
    if !SCHEMES.iter().any(|known| scheme.eq_ignore_ascii_case(known)) {
        return None;
    }
    let ends = |c: char| c.is_whitespace() || matches!(c, '/' | '"' | '\'' | '`' | '<' | '>' | '\\' | '?' | ',' | ';' | ')');
    let authority = text[hit.end..].split(ends).next()?;
    let address = authority.rsplit('@').next()?;
    let (name, port) = address.split_once(':').unwrap_or((address, ""));
    let start = hit.end + authority.len() - address.len();
    (is_numbered(name) && port.bytes().all(|byte| byte.is_ascii_digit()))
        .then(|| Hit::new(id::INTERNAL_HOST, start..start + name.len(), MESSAGE))
}

/// Whether a name without dots is a machine's: only a number at its end tells it from a placeholder.
fn is_numbered(name: &str) -> bool {
    let stem = name.trim_end_matches(|c: char| c.is_ascii_digit());
    let word = stem.trim_end_matches(['-', '_']).to_ascii_lowercase();
    stem.len() < name.len()
        && name.len() <= MAX_LABEL
        && name.chars().all(|c| of_host(c) && c != '.')
        && word.len() >= 2
        && word.starts_with(|c: char| c.is_ascii_alphabetic())
        && !word.starts_with("my")
        && !NUMBERED.contains(&word.as_str())
}

/// Servers of shares that documentation has, and what is none.
const OF_SHARES: [&str; 15] = [
    "server",
    "servername",
    "host",
    "hostname",
    "fileserver",
    "myserver",
    "computer",
    "example",
    "localhost",
    "wsl",
    "wsl$",
    "machine",
    "ip",
    "nas",
    "path",
];

/// The path that begins with the backslashes at `hit`: `\\server\share`, in code also with each of them doubled.
pub(super) fn unc(piece: &Piece<'_>, hit: &Range<usize>) -> Option<Hit> {
    let text = piece.text;
    if text[..hit.start].ends_with(|c: char| c == '\\' || c.is_alphanumeric()) {
        return None;
    }
    let slashes = |rest: &str| rest.len() - rest.trim_start_matches('\\').len();
    let name = |rest: &str| rest.find(|c: char| !(c.is_alphanumeric() || matches!(c, '.' | '-' | '_' | '$'))).unwrap_or(rest.len());
    let rest = &text[hit.start..];
    let double = match slashes(rest) {
        2 => 1,
        4 => 2,
        _ => return None,
    };
    let rest = &rest[2 * double..];
    let host = &rest[..name(rest)];
    let behind = &rest[host.len()..];
    let share_at = slashes(behind);
    let share = &behind[share_at..][..name(&behind[share_at..])];
    let real = host.len() >= 3 && host.starts_with(|c: char| c.is_alphanumeric()) && !OF_SHARES.contains(&host.to_lowercase().as_str());
    (share_at == double && real && share.len() >= 2).then(|| {
        let end = hit.start + 2 * double + host.len() + share_at + share.len();
        Hit::new(id::UNC_PATH, hit.start..end, "names a server and share of an internal network")
    })
}

/// The address of a private network (RFC 1918) that begins with the digits at `start`.
pub(super) fn address(piece: &Piece<'_>, start: usize) -> Option<Hit> {
    let text = piece.text;
    let bytes = text.as_bytes();
    if start > 0 && (bytes[start - 1].is_ascii_alphanumeric() || matches!(bytes[start - 1], b'.' | b'-' | b'_')) {
        return None;
    }
    let (length, address) = quad(&bytes[start..])?;
    let found = is_private(address) && !is_shown(address, &bytes[start + length..]) && !is_version(piece, &text[..start]);
    found.then(|| Hit::new(id::PRIVATE_ADDRESS, start..start + length, "holds an address of a private network"))
}

/// Four numbers with dots between them, and their length.
fn quad(bytes: &[u8]) -> Option<(usize, [u8; 4])> {
    let (mut address, mut at) = ([0; 4], 0);
    for (index, part) in address.iter_mut().enumerate() {
        let digits = bytes[at..].iter().take(4).take_while(|byte| byte.is_ascii_digit()).count();
        *part = std::str::from_utf8(&bytes[at..at + digits]).ok()?.parse().ok()?;
        at += digits;
        if index < 3 {
            (bytes.get(at) == Some(&b'.')).then_some(())?;
            at += 1;
        }
    }
    let goes_on = bytes.get(at).is_some_and(|byte| byte.is_ascii_alphanumeric() || *byte == b'_')
        || (bytes.get(at) == Some(&b'.') && bytes.get(at + 1).is_some_and(u8::is_ascii_digit));
    (!goes_on).then_some((at, address))
}

const fn is_private(address: [u8; 4]) -> bool {
    matches!(address, [10, ..] | [172, 16..=31, ..] | [192, 168, ..])
}

/// What documentation writes, and whole networks.
fn is_shown(address: [u8; 4], behind: &[u8]) -> bool {
    let network = address[3] == 0 || (behind.first() == Some(&b'/') && behind.get(1).is_some_and(u8::is_ascii_digit));
    network || matches!(address, [192, 168, 0 | 1, 1] | [10, 0, 0, 1] | [172, 17, 0, 1])
}

/// `10.0.1.5` of a package is no address.
fn is_version(piece: &Piece<'_>, before: &str) -> bool {
    let near = before[before.ceil_char_boundary(before.len().saturating_sub(20))..].to_ascii_lowercase();
    near.contains("version") || near.ends_with('v') || piece.name().is_some_and(|name| name.to_ascii_lowercase().contains("version"))
}

#[cfg(test)]
mod tests {
    use super::super::texts::walk;
    use super::*;

    fn found(text: &str) -> Vec<(&'static str, String)> {
        let mut all = Vec::new();
        walk("x.txt", text, &mut |piece| {
            let mut hits = Vec::new();
            hits.extend((0..piece.text.len()).filter(|at| piece.text.as_bytes()[*at].is_ascii_digit()).filter_map(|at| address(piece, at)));
            hits.extend(piece.text.match_indices("://").filter_map(|(at, _)| short(piece, &(at..at + 3))));
            for end in ENDS {
                hits.extend(piece.text.match_indices(end).filter_map(|(at, _)| host(piece, &(at..at + end.len()))));
            }
            hits.extend(piece.text.match_indices("\\\\").filter_map(|(at, _)| unc(piece, &(at..at + 2))));
            all.extend(hits.into_iter().map(|hit| (hit.rule, piece.text[hit.range].to_owned())));
        });
        all
    }

    #[test]
    fn what_shows_a_network_is_found() {
        for (text, rule, part) in [
            ("https://frends01.exempelkommun.local/api", "internal-host", "frends01.exempelkommun.local"),
            ("Server=sql01.exempelkommun.local;", "internal-host", "sql01.exempelkommun.local"),
            ("https://tfs01/x", "internal-host", "tfs01"),
            ("smb://fil01/x", "internal-host", "fil01"),
            ("\"http://svc:x@srv-db2:8080\"", "internal-host", "srv-db2"),
            ("on frends-01.intra.kommun.se:443", "internal-host", "frends-01.intra.kommun.se"),
            ("https://api.corp.kommun.se/x", "internal-host", "api.corp.kommun.se"),
            ("ldap.internal.exkom.se.", "internal-host", "ldap.internal.exkom.se"),
            ("see http://intranet.local.", "internal-host", "intranet.local"),
            ("\\\\fil01.exempelkommun.local\\bokning$\\x", "unc-path", "\\\\fil01.exempelkommun.local\\bokning$"),
            ("\"\\\\\\\\fil01\\\\delad\"", "unc-path", "\\\\\\\\fil01\\\\delad"),
            ("host 10.12.40.7 port", "private-address", "10.12.40.7"),
            ("http://192.168.14.20:8080", "private-address", "192.168.14.20"),
            ("172.20.3.4", "private-address", "172.20.3.4"),
        ] {
            assert!(found(text).contains(&(rule, part.to_owned())), "{text}: {:?}", found(text));
        }
    }

    #[test]
    fn what_every_network_has_is_silent() {
        for text in [
            "x.svc.cluster.local host.docker.internal settings.local.json this.local Frends.Tasks.Internal",
            "192.168.0.1 10.0.0.0/8 10.0.0.1 version 10.4.3.2 1.10.2.3.4 172.32.1.1 110.1.2.3 10.300.1.1 10.1.2",
            "\\\\server\\share \\\\?\\C:\\x \\d+\\\\w+ C:\\\\temp\\\\x \\\\n\\\\t",
            "https://${host}.local https://kommun.se",
            "https://server01/x http://host1:80 http://localhost:80 http://my-host2/ https://tfs/x s3://bucket01/x https://tfs01{x}/",
            "https://tfs01.kommun.se/ tcp://mosquitto:1883 https://${host}1/ https://kommun1:port/ https://v2/",
            "jdk.internal.net.http com.a.internal.b.com A.B.Internal.Se intra.kommun.se x.local.json.se( api.intra.example.com a.local.x",
        ] {
            assert_eq!(found(text), [], "{text}");
        }
    }
}
