//! E-mail addresses of persons, told from those of roles by how they are written.

use std::ops::Range;

/// Whose address it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Whose {
    /// `anna.svensson@`: first name and last name.
    Person,
    /// `annsve01@`: cannot be told.
    Unknown,
}

/// Words that a role has in its address, whole.
const WORDS: &[&str] = &[
    "example",
    "exempel",
    "placeholder",
    "it",
    "hr",
    "info",
    "kontakt",
    "contact",
    "support",
    "service",
    "system",
    "api",
    "dev",
    "devops",
    "test",
    "team",
    "grupp",
    "group",
    "drift",
    "admin",
    "noreply",
    "reply",
    "svara",
    "inte",
    "mail",
    "email",
    "epost",
    "post",
    "press",
    "media",
    "sales",
    "order",
    "billing",
    "hello",
    "hej",
    "help",
    "hjalp",
    "bot",
    "ci",
    "build",
    "git",
    "jenkins",
    "root",
    "user",
    "username",
    "name",
    "namn",
    "foo",
    "bar",
    "abc",
    "xyz",
    "someone",
    "somebody",
    "nobody",
    "you",
    "your",
    "me",
    "my",
    "dpo",
    "dso",
    "gdpr",
    "kommun",
    "kommunen",
    "stad",
    "staden",
    "region",
    "skola",
    "elev",
    "barn",
    "social",
    "vard",
    "vuxen",
    "kultur",
    "fritid",
    "teknik",
    "miljo",
    "bygg",
    "park",
    "trafik",
    "vatten",
    "avfall",
    "kansli",
    "politik",
    "namnd",
    "arkiv",
    "karta",
    "gis",
    "lon",
    "lokal",
    "kris",
    "open",
    "oppen",
    "data",
    "opendata",
    "office",
    "projekt",
    "project",
    "webb",
    "web",
    "app",
    "kod",
    "code",
    "source",
    "sender",
    "receiver",
    "from",
    "to",
    "first",
    "last",
    "firstname",
    "lastname",
    "fornamn",
    "efternamn",
    "john",
    "jane",
    "doe",
    "alice",
    "bob",
    "kalle",
    "anka",
    "anon",
    "anonymous",
    "demo",
    "dummy",
    "sample",
    "svc",
    "srv",
    "sa",
    "smtp",
    "ftp",
    "sftp",
    "oss",
    "prod",
    "prd",
    "stage",
    "staging",
    "qa",
    "utv",
    "tst",
    "sys",
    "job",
    "batch",
    "sync",
    "robot",
    "daemon",
    "frends",
];

/// Beginnings of words that a role has in its address; long enough that no name begins so.
const BEGINNINGS: &[&str] = &[
    "integration",
    "servicedesk",
    "helpdesk",
    "support",
    "förvalt",
    "forvalt",
    "registrator",
    "administr",
    "webmaster",
    "postmaster",
    "hostmaster",
    "security",
    "säkerhet",
    "sakerhet",
    "dataskydd",
    "informations",
    "digital",
    "utveckl",
    "utbildning",
    "bibliotek",
    "ekonomi",
    "faktura",
    "invoice",
    "upphandl",
    "inkop",
    "personal",
    "rekryt",
    "social",
    "omsorg",
    "forskol",
    "grundskol",
    "gymnasi",
    "larare",
    "rektor",
    "naring",
    "foretag",
    "arbetsm",
    "tjanst",
    "etjanst",
    "verksamhet",
    "kundcent",
    "kontaktc",
    "central",
    "reception",
    "fastighet",
    "bostad",
    "bokning",
    "kalender",
    "raddning",
    "beredskap",
    "brevlada",
    "mailbox",
    "funktion",
    "community",
    "donotreply",
    "no-reply",
    "notification",
    "openso",
    "oppenk",
    "oppnad",
    "geodata",
    "kommun",
    "applikation",
    "application",
    "systemet",
    "teknisk",
    "produktion",
    "monitor",
    "alarm",
    "backup",
    "service",
    "account",
    "konto",
];

/// Domains that are nobody's: RFC 2606, and what documentation writes.
const NOBODYS: &[&str] = &[
    "example.com",
    "example.org",
    "example.net",
    "domain.com",
    "company.com",
    "mycompany.com",
    "yourcompany.com",
    "yourdomain.com",
    "mydomain.com",
    "contoso.com",
    "contoso.onmicrosoft.com",
    "fabrikam.com",
    "acme.com",
    "foo.com",
    "bar.com",
    "test.com",
    "email.com",
    "host.com",
    "users.noreply.github.com",
    "odata.bind",
];

/// Top-level domains of more than two letters that mail is sent to.
const DOMAINS: &[&str] = &[
    "com",
    "net",
    "org",
    "edu",
    "gov",
    "int",
    "info",
    "name",
    "pro",
    "online",
    "cloud",
    "tech",
    "software",
    "systems",
    "email",
    "group",
    "health",
    "care",
    "school",
    "academy",
    "city",
    "app",
    "dev",
    "stockholm",
    "local",
    "lan",
    "intra",
    "internal",
    "corp",
    "nu",
];

/// The address around the `@` at `at`, where it is one, and whose it is. `None` for a role's.
pub(super) fn address(text: &str, at: usize) -> Option<(Range<usize>, Whose)> {
    let of_local = |c: char| c.is_alphanumeric() || matches!(c, '.' | '_' | '%' | '+' | '-');
    let start = text[..at].char_indices().rev().take(64).take_while(|(_, c)| of_local(*c)).last()?.0;
    let start = start + (text[start..at].len() - text[start..at].trim_start_matches(['.', '-', '%', '+']).len());
    let behind = &text[at + 1..];
    let length = behind.find(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, '.' | '-'))).unwrap_or(behind.len());
    let domain = behind[..length].trim_end_matches(['.', '-']);
    let (local, lower) = (&text[start..at], domain.to_ascii_lowercase());
    let (_, top) = lower.rsplit_once('.')?;
    let known = (top.len() == 2 && top.bytes().all(|byte| byte.is_ascii_alphabetic())) || DOMAINS.contains(&top);
    let nobodys = NOBODYS.iter().any(|one| lower == *one || lower.ends_with(&format!(".{one}")));
    // `https://user@host`, `git@host:path`: no mail.
    let of_url = in_userinfo(&text[..start]) || text[at + 1 + domain.len()..].starts_with([':', '/']);
    if local.is_empty() || !known || nobodys || of_url {
        return None;
    }
    whose(local).map(|whose| (start..at + 1 + domain.len(), whose))
}

/// Whether what stands before begins an address whose `@` divides a user from a host: `https://user:pass`.
fn in_userinfo(before: &str) -> bool {
    let ends = |c: char| c.is_whitespace() || matches!(c, '/' | '"' | '\'' | '<' | '>' | '?' | '#');
    let from = before.char_indices().rev().take(200).find(|(_, c)| ends(*c));
    from.is_some_and(|(at, c)| c == '/' && before[..at].ends_with(":/"))
}

fn whose(local: &str) -> Option<Whose> {
    let lower = local.to_lowercase();
    let parts: Vec<&str> = lower.split(['.', '_', '-', '+', '%']).map(|part| part.trim_end_matches(|c: char| c.is_ascii_digit())).collect();
    let role = |part: &&str| WORDS.contains(part) || BEGINNINGS.iter().any(|start| part.starts_with(start));
    if parts.iter().any(role) || parts.iter().all(|part| part.is_empty()) {
        return None;
    }
    let names = parts.iter().filter(|part| part.chars().count() >= 2 && part.chars().all(char::is_alphabetic)).count();
    let initials = parts.iter().filter(|part| part.chars().count() == 1).count();
    let person = parts.len() >= 2 && (names >= 2 || (names == 1 && initials == 1 && parts.len() == 2));
    Some(if person { Whose::Person } else { Whose::Unknown })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> Option<Whose> {
        address(text, text.find('@').expect("an @")).map(|(_, whose)| whose)
    }

    #[test]
    fn persons_are_told_from_roles() {
        for text in [
            "anna.exempelsson@example.se",
            "Bo.Exempelsson@kommun.se",
            "<cia_exempelsson@example.se>",
            "a.svensson@region.se",
            "åsa.öberg@kommun.se",
            "mailto:anna-karin.berg2@x.nu",
            "see https://x.se/ anna.svensson@kommun.se",
            "https://x.se/u/anna.svensson@kommun.se",
        ] {
            assert_eq!(of(text), Some(Whose::Person), "{text}");
        }
        for text in ["annexe01@kommun.se", "anna@kommun.se"] {
            assert_eq!(of(text), Some(Whose::Unknown), "{text}");
        }
        for text in [
            "integration@example.se",
            "system.forvaltare@example.se",
            "it-support@kommun.se",
            "barn.utbildning@kommun.se",
            "no-reply@x.se",
            "firstname.lastname@kommun.se",
            "anna.svensson@example.com",
            "anna.svensson@sundsvall.example",
            "https://user.name@host.se/x",
            "https://svc:anna.svensson@host.se",
            "\"ftp://svc:x!anna.svensson@host.se/x\"",
            "frends-prod@kommun.se",
            "svc-anna@kommun.se",
            "skola.prod2@kommun.se",
            "git@github.com:a/b",
            "id@odata.bind",
            "@Model.Name",
            "lodash@4.17.21",
            "return@for.each",
            "x @y.se",
        ] {
            assert_eq!(of(text), None, "{text}");
        }
        let text = "Kontakt: anna.exempelsson@example.se.";
        assert_eq!(address(text, text.find('@').expect("an @")).map(|(range, _)| &text[range]), Some("anna.exempelsson@example.se"));
    }
}
