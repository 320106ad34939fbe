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

/// What the name promises, if anything.
pub(super) fn promise(name: &str) -> Option<Promise> {
    if name.len() > 80 {
        return None;
    }
    let words = words(name);
    let last = words.last()?.trim_end_matches(|c: char| c.is_ascii_digit());
    if PUBLIC.contains(&words.concat().as_str()) {
        return None;
    }
    if PASSWORDS.iter().any(|word| last == *word || (word.len() > 5 && last.ends_with(word))) {
        return Some(Promise::Password);
    }
    let before = words.len().checked_sub(2).map(|at| words[at].as_str());
    let fits = |(word, behind): &(&str, &[&str])| {
        let glued = last.strip_suffix(word).filter(|rest| !rest.is_empty());
        match (last == *word, behind.is_empty()) {
            (true, true) => true,
            (true, false) => before.is_some_and(|before| behind.contains(&before)),
            (false, true) => glued.is_some(),
            (false, false) => glued.is_some_and(|rest| behind.iter().any(|word| rest.ends_with(word))),
        }
    };
    TOKENS.iter().any(fits).then_some(Promise::Token)
}

/// The words of a name in lower case: divided at signs, and where a capital follows a small letter.
fn words(name: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut small = false;
    for c in name.chars() {
        let divides = !c.is_alphanumeric() || (small && c.is_uppercase());
        if divides && words.last().is_some_and(|word| !word.is_empty()) {
            words.push(String::new());
        }
        small = c.is_lowercase() || c.is_ascii_digit();
        if c.is_alphanumeric()
            && let Some(word) = words.last_mut()
        {
            word.extend(c.to_lowercase());
        }
    }
    words.retain(|word| !word.is_empty() && !word.chars().all(|c| c.is_ascii_digit()));
    words
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
