//! What a name promises: `DB_PASSWORD`, `clientSecret`, `Ocp-Apim-Subscription-Key`.

/// What a value with such a name would be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Promise {
    /// Something that a person could have thought of.
    Password,
    /// Something that a machine made: long, and without sense.
    Token,
}

/// Last words that promise a password, in the languages of the registries.
const PASSWORDS: [&str; 16] = [
    "password",
    "passwd",
    "passphrase",
    "passcode",
    "pass",
    "pwd",
    "pw",
    "lösenord",
    "losenord",
    "lösen",
    "losen",
    "passord",
    "adgangskode",
    "kennwort",
    "passwort",
    "salasana",
];

/// Last words that promise a token, alone or behind one of the words after them.
const TOKENS: [(&str, &[&str]); 5] = [
    ("token", &[]),
    ("secret", &[]),
    ("apikey", &[]),
    ("credential", &[]),
    (
        "key",
        &[
            "api",
            "access",
            "secret",
            "private",
            "account",
            "shared",
            "subscription",
            "auth",
            "signing",
            "encryption",
            "master",
            "function",
            "functions",
            "host",
            "storage",
            "license",
            "service",
            "admin",
            "client",
            "session",
            "hmac",
            "aes",
        ],
    ),
];

/// Names that look like one and are none: public by design, or a name of a name.
const PUBLIC: [&str; 6] = ["publickeytoken", "nextpagetoken", "cancellationtoken", "continuationtoken", "idtoken_hint", "csrftoken"];

/// What the name promises, if anything. Every value of a structured file asks this, so nothing is allocated.
pub(super) fn promise(name: &str) -> Option<Promise> {
    if name.len() > 80 {
        return None;
    }
    let mut rest = name;
    let last = last_word(&mut rest)?;
    let found = by_words(last, &mut rest)?;
    let plain = || name.bytes().filter(u8::is_ascii_alphanumeric).map(|byte| byte.to_ascii_lowercase());
    (!PUBLIC.iter().any(|public| plain().eq(public.bytes()))).then_some(found)
}

fn by_words(last: &str, rest: &mut &str) -> Option<Promise> {
    if PASSWORDS.iter().any(|word| same(last, word) || (word.len() > 5 && ends(last, word).is_some())) {
        return Some(Promise::Password);
    }
    let (word, behind) = TOKENS.iter().find(|(word, _)| ends(last, word).is_some())?;
    let glued = ends(last, word)?;
    let fits = match (behind.is_empty(), glued.is_empty()) {
        (true, _) => true,
        (false, true) => last_word(rest).is_some_and(|before| behind.iter().any(|word| same(before, word))),
        (false, false) => behind.iter().any(|word| ends(glued, word).is_some()),
    };
    fits.then_some(Promise::Token)
}

/// Whether two words are the same in lower case.
fn same(a: &str, b: &str) -> bool {
    a.eq_ignore_ascii_case(b) || (!b.is_ascii() && a.to_lowercase() == b)
}

/// What stands before the end that `text` has, whatever its case.
fn ends<'a>(text: &'a str, end: &str) -> Option<&'a str> {
    let at = text.len().checked_sub(end.len()).filter(|at| text.is_char_boundary(*at))?;
    same(&text[at..], end).then_some(&text[..at])
}

/// Takes the last word off a name: words are divided at signs, and where a capital follows a small letter. Digits at the
/// end of a word do not count.
fn last_word<'a>(rest: &mut &'a str) -> Option<&'a str> {
    let name = rest.trim_end_matches(|c: char| !c.is_alphabetic());
    let mut start = name.len();
    let mut capital = false;
    for (at, c) in name.char_indices().rev() {
        if !c.is_alphanumeric() || (capital && (c.is_lowercase() || c.is_ascii_digit())) {
            break;
        }
        (start, capital) = (at, c.is_uppercase());
    }
    *rest = &name[..start];
    Some(&name[start..]).filter(|word| !word.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_promise_by_their_last_word() {
        for name in [
            "password",
            "DB_PASSWORD",
            "smtpPassword",
            "Pwd",
            "user.pass",
            "userpassword",
            "Lösenord",
            "password2",
            "spring.datasource.password",
        ] {
            assert_eq!(promise(name), Some(Promise::Password), "{name}");
        }
        for name in [
            "token",
            "bookingApiKey",
            "client_secret",
            "Ocp-Apim-Subscription-Key",
            "x-functions-key",
            "AccountKey",
            "SharedAccessKey",
            "apikey",
            "secretKey",
            "privatekey",
            "accesstoken",
        ] {
            assert_eq!(promise(name), Some(Promise::Token), "{name}");
        }
        for name in [
            "passwordUrl",
            "tokenEndpoint",
            "key",
            "primaryKey",
            "foreign_key",
            "PublicKeyToken",
            "secretName",
            "compass",
            "passwordPolicy",
            "keyword",
            "",
            "title",
        ] {
            assert_eq!(promise(name), None, "{name}");
        }
    }
}
