//! `password = "…"`, `Pwd=…;`, `--token=…`, `?api_key=…`: a name that promises a secret, and what is given to it.
//!
//! Most of this is read by hand rather than by one pattern: what stands around the value decides how much it says.

use std::ops::Range;

use super::super::texts::{Piece, Style};
use super::connection;
use super::judge::{Verdict, judge, judge_in_connection};
use super::names::{Promise, promise};

/// What is tried where it stands. The last word of a name is one of these, or ends in it.
pub(super) const NEAR: &[&str] = &[
    "password",
    "passwd",
    "passphrase",
    "passcode",
    "pwd",
    "lösenord",
    "lÖsenord",
    "losenord",
    "passord",
    "adgangskode",
    "kennwort",
    "passwort",
    "salasana",
    "pass",
    "token",
    "secret",
    "apikey",
    "credential",
    "api_key",
    "api-key",
    "access_key",
    "access-key",
    "accesskey",
    "secret_key",
    "secretkey",
    "secret-key",
    "private_key",
    "privatekey",
    "private-key",
    "account_key",
    "accountkey",
    "account-key",
    "subscription-key",
    "subscription_key",
    "subscriptionkey",
    "auth_key",
    "authkey",
    "auth-key",
    "signing_key",
    "signingkey",
    "signing-key",
    "encryption_key",
    "encryptionkey",
    "encryption-key",
    "master_key",
    "masterkey",
    "master-key",
    "function_key",
    "functionkey",
    "functions-key",
    "functions_key",
    "functionskey",
    "client_key",
    "clientkey",
];

/// The longest value that is looked at.
pub(super) const MAX_VALUE: usize = 300;

/// What is given to the name around `hit`: the place of the value, and what to think of it.
pub(super) fn at(piece: &Piece<'_>, hit: Range<usize>) -> Option<(Range<usize>, Verdict, Promise)> {
    let text = piece.text;
    let name = name_around(text, hit);
    let promise = promise(&text[name.clone()])?;
    if let Some(value) = connection::value(piece, &name) {
        let verdict = judge_in_connection(&text[value.clone()], promise);
        return Some((value, verdict, promise));
    }
    let value = value_behind(text, &name)?;
    let verdict = judge(&text[value.range.clone()], promise);
    let certain = match value.form {
        Form::Quoted => piece.style != Style::Prose,
        Form::Bare => bare_is_literal(piece, &name, &value.range)?,
    };
    let verdict = if certain { verdict } else { verdict.min(Verdict::Suspect) };
    Some((value.range, verdict, promise))
}

/// Whether a value without quotes is one: `None` where it is rather a part of a program.
fn bare_is_literal(piece: &Piece<'_>, name: &Range<usize>, value: &Range<usize>) -> Option<bool> {
    let text = piece.text;
    let before = text[..name.start].chars().next_back();
    let tight = text[name.end..value.start].trim_end_matches('=').len() + 1 == text[name.end..value.start].len();
    let shouts = text[name.clone()].chars().all(|c| !c.is_lowercase());
    if in_connection_string(text, name, value) || (tight && matches!(before, Some('?' | '&'))) {
        return Some(true);
    }
    // `<!-- Password=… -->`: nothing stands beside it.
    let alone = text[..name.start].trim().is_empty() && text[value.end..].trim().is_empty();
    match piece.style {
        Style::Settings => Some(true),
        Style::Value if tight && alone => Some(true),
        Style::Code | Style::Value if tight && (shouts || matches!(before, Some('-'))) => Some(true),
        Style::Prose => Some(false),
        _ => None,
    }
}

/// The whole name around the word that was hit.
fn name_around(text: &str, hit: Range<usize>) -> Range<usize> {
    let of_name = |c: char| c.is_alphanumeric() || matches!(c, '_' | '.' | '-');
    let start = text[..hit.start].char_indices().rev().take(60).take_while(|(_, c)| of_name(*c)).last().map_or(hit.start, |(at, _)| at);
    let behind = hit.end + text[hit.end..].chars().take(40).take_while(|c| of_name(*c)).map(char::len_utf8).sum::<usize>();
    let dashes = text[start..hit.start].len() - text[start..hit.start].trim_start_matches('-').len();
    start + dashes..behind
}

enum Form {
    Quoted,
    Bare,
}

struct Value {
    range: Range<usize>,
    form: Form,
}

/// The value behind a name that ends at `end`, on the same line.
fn value_behind(text: &str, name: &Range<usize>) -> Option<Value> {
    let rest = &text[name.end..];
    let closed = rest.trim_start_matches(['"', '\'', '`', ']', '\\']);
    let quoted_name = rest.len() != closed.len();
    let blank = |c: char| matches!(c, ' ' | '\t');
    let operator = closed.trim_start_matches(blank);
    let spaced = operator.len() != closed.len();
    let after = ["=>", ":=", "=", ":"].iter().find_map(|sign| operator.strip_prefix(sign));
    // `put("password", "…")`: the first argument of a call.
    let before = text[..name.start].trim_end_matches(['"', '\'', '`']).trim_end();
    let comma = || operator.strip_prefix(',').filter(|_| quoted_name && before.ends_with('('));
    // `-Password 'x'` of PowerShell.
    let spaced = spaced && text[..name.start].ends_with('-');
    let blank_only = || Some(closed.trim_start_matches(blank)).filter(|_| spaced && operator.starts_with(['"', '\'']));
    let quote_only = after.is_none();
    let after = after.or_else(comma).or_else(blank_only)?;
    let trimmed = after.trim_start_matches(blank);
    let trimmed = trimmed.strip_prefix(['@', '$', 'r', 'N']).filter(|rest| rest.starts_with(['"', '\''])).unwrap_or(trimmed);
    let start = text.len() - trimmed.len();
    let slashes = trimmed.len() - trimmed.trim_start_matches('\\').len();
    if let Some(quote) = trimmed[slashes..].chars().next().filter(|c| matches!(c, '"' | '\'' | '`')) {
        let start = start + slashes + 1;
        let length = text[start..].char_indices().take(MAX_VALUE).find(|(_, c)| *c == quote || *c == '\n')?.0;
        return text[start + length..].starts_with(quote).then_some(Value { range: start..start + length, form: Form::Quoted });
    }
    if quote_only {
        return None;
    }
    let ends = |c: char| {
        c.is_whitespace() || matches!(c, '"' | '\'' | '`' | '<' | '>' | ',' | ';' | '(' | ')' | '{' | '}' | '[' | ']' | '&' | '=' | '|')
    };
    let end = trimmed.char_indices().take(MAX_VALUE + 1).find(|(_, c)| ends(*c));
    let length = end.map_or(trimmed.len(), |(length, _)| length);
    // `password = read(…)`, `token=${…}`: the value is not written here.
    let program = trimmed[length..].starts_with(['(', '{', '[', '<']);
    (length > 0 && length <= MAX_VALUE && !program).then_some(Value { range: start..start + length, form: Form::Bare })
}

/// Words that stand beside the password in the connection strings of databases and brokers.
pub(super) const COMPANIONS: [&str; 16] = [
    "server=",
    "data source=",
    "datasource=",
    "user id=",
    "userid=",
    "uid=",
    "host=",
    "database=",
    "initial catalog=",
    "accountname=",
    "endpoint=",
    "username=",
    "user=",
    "provider=",
    "dsn=",
    "driver=",
];

fn in_connection_string(text: &str, name: &Range<usize>, value: &Range<usize>) -> bool {
    let around = &text[text.floor_char_boundary(name.start.saturating_sub(250))..text.floor_char_boundary(value.end + 250)];
    let around = around.to_ascii_lowercase().replace(" =", "=").replace("= ", "=");
    let begins =
        |word: &&str| around.match_indices(*word).any(|(at, _)| !around[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_'));
    text[name.end..value.start].trim() == "=" && around.contains(';') && COMPANIONS.iter().any(begins)
}
