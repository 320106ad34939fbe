//! Passwords in connection strings: there a value ends where the next part begins, whatever stands in it.
//!
//! `Server=db01;User Id=svc;Password=…;Database=x` of databases and brokers, `host:6380,password=…,ssl=True` of Redis.

use std::ops::Range;

use super::super::texts::{Piece, Style};
use super::assignment::{COMPANIONS, MAX_VALUE};

/// Words that stand beside the password in the connection strings of Redis.
const OF_REDIS: [&str; 9] =
    ["ssl", "abortconnect", "allowadmin", "connecttimeout", "synctimeout", "connectretry", "defaultdatabase", "sslprotocols", "user"];

/// How far the string is looked at on both sides of the name.
const REACH: usize = 300;

/// The value of the part whose name stands at `name`, where a connection string stands around it.
pub(super) fn value(piece: &Piece<'_>, name: &Range<usize>) -> Option<Range<usize>> {
    let text = piece.text;
    if !text[name.end..].trim_start_matches(' ').starts_with('=') {
        return None;
    }
    let whole = string_around(text, name);
    let quoted = text[..whole.start].ends_with(['"', '\'', '`']);
    if piece.style == Style::Code && !quoted {
        return None;
    }
    let (sign, part) = [';', ','].into_iter().find_map(|sign| {
        let part = part_around(text, &whole, name, sign);
        let begins = part != whole && text[part.start..name.start].trim().is_empty();
        (begins && is_connection(&text[whole.clone()], sign, name.start - whole.start)).then_some((sign, part))
    })?;
    let given = text[name.end..part.end].trim_start_matches(' ').strip_prefix('=')?;
    let start = part.end - given.trim_start_matches(' ').len();
    let value = given.trim_matches(' ');
    // In a sentence the string ends with its word.
    let value = if piece.style == Style::Prose { value.split(' ').next().unwrap_or_default() } else { value };
    // `password = read(x)` of a program; Redis writes no blanks at all.
    let tight = text[name.end..].starts_with('=') && !given.starts_with(' ');
    let literal = !is_program(value) && (tight || (sign == ';' && !value.contains(['(', '[', '{'])));
    (literal && !value.is_empty() && value.len() <= MAX_VALUE).then_some(start..start + value.len())
}

/// The text between quotes or line ends around the name.
fn string_around(text: &str, name: &Range<usize>) -> Range<usize> {
    let ends = |c: char| matches!(c, '\n' | '\r' | '"' | '\'' | '`');
    let first = text.floor_char_boundary(name.start.saturating_sub(REACH));
    let last = text.floor_char_boundary(name.end + REACH);
    let from = text[first..name.start].rfind(ends).map_or(first, |at| first + at + 1);
    let to = text[name.end..last].find(ends).map_or(last, |at| name.end + at);
    from..to
}

fn part_around(text: &str, whole: &Range<usize>, name: &Range<usize>, sign: char) -> Range<usize> {
    let start = text[whole.start..name.start].rfind(sign).map_or(whole.start, |at| whole.start + at + 1);
    let end = text[name.end..whole.end].find(sign).map_or(whole.end, |at| name.end + at);
    start..end
}

/// Whether the parts are those of a connection string: one of them, other than the one around `at`, is a companion.
fn is_connection(whole: &str, sign: char, at: usize) -> bool {
    let mut keys = whole.split(sign).filter_map(|part| part.split_once('=')).map(|(key, _)| key.trim());
    if sign == ';' {
        let is = |key: &str, word: &str| word.strip_suffix('=').is_some_and(|word| word.eq_ignore_ascii_case(key));
        return keys.any(|key| COMPANIONS.iter().any(|word| is(key, word)));
    }
    let first = whole.split(',').next().unwrap_or_default();
    let host = first.contains(['.', ':']) && !first.contains(['=', ' ', '(']) && first.len() < at;
    host && keys.any(|key| OF_REDIS.iter().any(|word| word.eq_ignore_ascii_case(key)))
}

/// `read(x)`, `row[3].text`: the value is not written here.
fn is_program(value: &str) -> bool {
    let Some((path, rest)) = value.split_once(['(', '[']) else { return false };
    let is_path = !path.is_empty() && path.chars().all(|c| c.is_alphanumeric() || matches!(c, '_' | '.'));
    let closed = rest.rsplit_once([')', ']']).map(|(_, behind)| behind);
    is_path && closed.is_some_and(|behind| behind.is_empty() || behind.starts_with('.'))
}
