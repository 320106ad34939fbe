//! Whether a value is a secret, or only stands where one would: placeholders and references are silent.
//!
//! An error stops a publication and cannot be waived, so a value is called a secret only where little speaks against it;
//! in between is suspicion, which is a warning.

use super::names::Promise;

/// What is thought of a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Verdict {
    /// A placeholder, a reference, a sentence.
    Harmless,
    /// A person should look.
    Suspect,
    /// It must not leave the house.
    Secret,
}

/// Words that stand for a secret, as the whole value in lower case.
const STAND_INS: [&str; 58] = [
    "password",
    "passwd",
    "passw0rd",
    "pass",
    "pwd",
    "secret",
    "token",
    "apikey",
    "key",
    "changeme",
    "changeit",
    "change",
    "default",
    "test",
    "testing",
    "testtest",
    "demo",
    "foo",
    "bar",
    "baz",
    "foobar",
    "none",
    "null",
    "nil",
    "undefined",
    "true",
    "false",
    "yes",
    "no",
    "string",
    "text",
    "value",
    "hidden",
    "removed",
    "masked",
    "empty",
    "blank",
    "user",
    "username",
    "root",
    "admin",
    "guest",
    "postgres",
    "mysql",
    "redis",
    "rabbitmq",
    "sa",
    "lösenord",
    "losenord",
    "hemligt",
    "hemlig",
    "okänt",
    "passwort",
    "kennwort",
    "passord",
    "asterisks",
    "basic",
    "bearer",
];

/// Parts that no real secret has, in lower case.
const TELLING: [&str; 36] = [
    "example",
    "exempel",
    "placeholder",
    "platshållare",
    "changeme",
    "change_me",
    "change-me",
    "change-this",
    "replace",
    "redacted",
    "dummy",
    "sample",
    "insert",
    "your_",
    "your-",
    "<",
    ">",
    "${",
    "#{",
    "{{",
    "}}",
    "$(",
    "%(",
    "xxxx",
    "****",
    "....",
    "byt-ut",
    "byt_ut",
    "bytut",
    "fyll-i",
    "fyll_i",
    "todo",
    "tbd",
    "fixme",
    "not-a-real",
    "fake",
];

/// Beginnings of references to where the secret is kept.
const REFERENCES: [&str; 22] = [
    "#env.",
    "#var.",
    "#result",
    "#trigger",
    "#process",
    "env.",
    "env:",
    "$env:",
    "process.env",
    "os.environ",
    "system.getenv",
    "vault:",
    "keyvault",
    "@microsoft.keyvault",
    "secretref:",
    "ref:",
    "arn:aws:secretsmanager",
    "op://",
    "enc(",
    "sops:",
    "file:",
    "config.",
];

/// What documentation shows to everybody: the storage emulator of Azure, the token of jwt.io, RFC 6749, 6750 and 7617.
pub(super) const KNOWN_EXAMPLES: [&str; 10] = [
    "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq",
    "eyJzdWIiOiIxMjM0NTY3ODkw",
    "EXAMPLE",
    "T00000000/B00000000",
    "czZCaGRSa3F0Mz",
    "2YotnFZFEjr1zCsicMWpAA",
    "tGzv3JOkF0XG5Qx2TlKWIA",
    "mF_9.B5f-4.1JqM",
    "gX1fBat3bV",
    "QWxhZGRpbjpvcGVu",
];

/// What to think of a value with such a name.
pub(super) fn judge(value: &str, promise: Promise) -> Verdict {
    let value = value.trim().trim_matches(['"', '\'', '`']).trim_end_matches(['\\', ';', ',']);
    if is_placeholder(value)
        || KNOWN_EXAMPLES.iter().any(|known| value.contains(known))
        || value.contains(char::is_whitespace)
        || value.contains("://")
    {
        return Verdict::Harmless;
    }
    match promise {
        Promise::Password => password(value),
        Promise::Token => token(value),
    }
}

/// What to think of a value in a connection string, where it may hold blanks.
pub(super) fn judge_in_connection(value: &str, promise: Promise) -> Verdict {
    let word = |part: &str| part.chars().all(char::is_alphabetic) || part.chars().all(|c| c.is_ascii_digit());
    if !value.contains(char::is_whitespace) {
        return judge(value, promise);
    }
    // A sentence says where the password is.
    if value.split_whitespace().all(word) { Verdict::Harmless } else { judge(&value.replace(char::is_whitespace, "-"), promise) }
}

fn password(value: &str) -> Verdict {
    let length = value.chars().count();
    let letters = value.chars().all(char::is_alphabetic);
    let digits = value.chars().all(|c| c.is_ascii_digit());
    let number = !digits && value.chars().all(|c| c.is_ascii_digit() || c == '.');
    if length < 4 || number || is_name(value) || (letters && says_password(value)) {
        return Verdict::Harmless;
    }
    // A word may be a password. More often it is a label, a column or a role.
    if letters || digits || length < 6 || says_password(value) { Verdict::Suspect } else { Verdict::Secret }
}

fn token(value: &str) -> Verdict {
    let digits = value.chars().filter(char::is_ascii_digit).count();
    let letters = value.chars().filter(char::is_ascii_alphabetic).count();
    let plain = value.chars().all(|c| c.is_ascii_alphanumeric() || "-_.+/=~!*$:%@".contains(c));
    if value.len() < 8 || !plain || digits == 0 || letters == 0 || is_name(value) {
        return Verdict::Harmless;
    }
    let made_by_machine = value.len() >= 16 && digits >= 2 && entropy(value) >= 3.0;
    if made_by_machine { Verdict::Secret } else { Verdict::Suspect }
}

/// Whether the value only stands for a secret.
pub(super) fn is_placeholder(value: &str) -> bool {
    let lower = value.trim().to_lowercase();
    let plain: String = lower.chars().filter(|c| c.is_alphanumeric()).collect();
    if plain.is_empty() || STAND_INS.contains(&plain.as_str()) || TELLING.iter().any(|part| lower.contains(part)) {
        return true;
    }
    if REFERENCES.iter().any(|start| lower.starts_with(start)) || is_variable(&lower) || is_own(value) {
        return true;
    }
    // `xxxxx`, `00000000`, `12345678`, `abcdefgh`
    let bytes = plain.as_bytes();
    let same = bytes.iter().all(|byte| *byte == bytes[0]);
    let rising = bytes.len() >= 4 && bytes.windows(2).all(|pair| pair[1] == pair[0].wrapping_add(1) || (pair[0], pair[1]) == (b'9', b'0'));
    let few = bytes.len() >= 12 && distinct(bytes) <= 3;
    same || rising || few || plain.starts_with("123456") || plain.contains("0123456789")
}

/// `$NAME`, `%NAME%`, `{name}`, `[name]`, `@name@`, `__NAME__`: filled in by some program.
fn is_variable(lower: &str) -> bool {
    let name = |text: &str| !text.is_empty() && text.chars().all(|c| c.is_alphanumeric() || matches!(c, '_' | '-' | '.' | ':'));
    let between = |open: &str, close: &str| lower.strip_prefix(open).and_then(|rest| rest.strip_suffix(close)).is_some_and(name);
    [("%", "%"), ("{", "}"), ("[", "]"), ("@", "@"), ("__", "__"), ("#", "#"), ("(", ")")].iter().any(|(open, close)| between(open, close))
        || lower.strip_prefix('$').is_some_and(|rest| name(rest) && !rest.starts_with(|c: char| c.is_ascii_digit()))
        || (lower.contains('{') && lower.contains('}'))
}

/// `myPass`, `your_password`, `ditt-lösenord`, `MyDatabasePassword`: whose it is says that it is none.
fn is_own(value: &str) -> bool {
    ["my", "your", "the", "some", "our", "mitt", "ditt", "min", "din", "ert", "vårt", "enter", "ange", "give", "put"].iter().any(|whose| {
        let mut rest = value.chars();
        let begins = whose.chars().all(|c| rest.next().is_some_and(|other| other.to_lowercase().eq([c])));
        let rest = rest.as_str();
        begins
            && rest.starts_with(|c: char| c.is_uppercase() || matches!(c, '_' | '-' | ' '))
            && !rest.contains(|c: char| c.is_ascii_digit())
    }) || matches!(
        value.to_lowercase().as_str(),
        "mypass" | "mypassword" | "mysecret" | "mypwd" | "mytoken" | "yourpassword" | "yourtoken" | "yourkey"
    )
}

/// A name in a program or a path: `user.password`, `password_field`, `getPassword`, `secret-name`.
fn is_name(value: &str) -> bool {
    let word = |part: &str| part.chars().all(char::is_alphabetic) && !part.is_empty();
    let divided = value.contains(['.', '_', '-', '/', ':']) && value.split(['.', '_', '-', '/', ':']).all(word);
    divided && value.len() < 40
}

fn says_password(value: &str) -> bool {
    let lower = value.to_lowercase();
    ["password", "passw", "pwd", "lösen", "losen", "secret"].iter().any(|word| lower.contains(word))
}

/// Bits a character, by how often each occurs in the value itself.
pub(super) fn entropy(value: &str) -> f64 {
    let mut counts = [0_u32; 256];
    value.bytes().for_each(|byte| counts[usize::from(byte)] += 1);
    let length = f64::from(u32::try_from(value.len()).unwrap_or(u32::MAX));
    counts.iter().filter(|count| **count > 0).map(|count| f64::from(*count) / length).map(|share| -share * share.log2()).sum()
}

fn distinct(bytes: &[u8]) -> usize {
    let mut seen = [false; 256];
    for byte in bytes {
        seen[usize::from(*byte)] = true;
    }
    seen.iter().filter(|seen| **seen).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn placeholders_and_references_are_silent() {
        for value in [
            "",
            "<password>",
            "xxx",
            "xxxxxxxx",
            "changeme",
            "ChangeMe!",
            "myPass",
            "myPassword",
            "my_password",
            "YOUR_API_KEY",
            "#env.Db.Password",
            "#var.token",
            "${DB_PASSWORD}",
            "{{password}}",
            "{{?password}}",
            "$PASSWORD",
            "%PASSWORD%",
            "$(vault)",
            "******",
            "...",
            "password",
            "Password",
            "lösenord",
            "12345678",
            "1234567890",
            "string",
            "null",
            "@Microsoft.KeyVault(SecretUri=x)",
            "{0}",
            "{password}",
            "[REDACTED]",
            "AKIAIOSFODNN7EXAMPLE",
            "ange-lösenord",
            "DittLösenord",
            "00000000-0000-0000-0000-000000000000",
            "user.password",
            "your password here",
            "https://login.example.se/token",
            "test",
            "__PASSWORD__",
        ] {
            for promise in [Promise::Password, Promise::Token] {
                assert_eq!(judge(value, promise), Verdict::Harmless, "{value}");
            }
        }
    }

    #[test]
    fn passwords_and_tokens_are_told_from_words() {
        for (value, promise, verdict) in [
            ("Vinterdag-2024!", Promise::Password, Verdict::Secret),
            ("Gr7!kvast-Blomma92", Promise::Password, Verdict::Secret),
            ("hunter2", Promise::Password, Verdict::Secret),
            ("Myran2024!", Promise::Password, Verdict::Secret),
            ("Sommar", Promise::Password, Verdict::Suspect),
            ("Password123", Promise::Password, Verdict::Suspect),
            ("8471", Promise::Password, Verdict::Suspect),
            ("7f3c1e9a5b2d48060e8f4ac7d19b35e26408fa1c", Promise::Token, Verdict::Secret),
            ("0b6a8f52-7c1d-4e3a-9f20-d35c7be41a68", Promise::Token, Verdict::Secret),
            ("abc12345", Promise::Token, Verdict::Suspect),
            ("nextPage", Promise::Token, Verdict::Harmless),
            ("pupil-sync-secret", Promise::Token, Verdict::Harmless),
        ] {
            assert_eq!(judge(value, promise), verdict, "{value}");
        }
    }
}
