//! Strings and numbers of JSON: decoding with a way back to the raw bytes, and encoding.

use std::fmt::Write as _;
use std::ops::Range;

/// The content of a string, and where each part of it stands in the text that holds the string.
#[derive(Debug, Clone)]
pub struct Decoded {
    text: String,
    /// Decoded offset and raw offset at the start and after every escape, rising.
    /// From one to the next, both count alike.
    marks: Vec<(usize, usize)>,
}

impl Decoded {
    /// The decoded text.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The decoded text alone.
    #[must_use]
    pub fn into_text(self) -> String {
        self.text
    }

    /// Where a range of the decoded text, both ends between characters, stands in the holding text.
    #[must_use]
    pub fn raw(&self, range: &Range<usize>) -> Range<usize> {
        self.raw_offset(range.start)..self.raw_offset(range.end)
    }

    fn raw_offset(&self, offset: usize) -> usize {
        let after = self.marks.partition_point(|(decoded, _)| *decoded <= offset);
        let (decoded, raw) = self.marks[after - 1];
        raw + (offset - decoded)
    }
}

/// Decodes the content of a string that the parser has passed; `start` is its offset in the holding text.
pub(super) fn decode(raw: &str, start: usize) -> Decoded {
    let mut text = String::with_capacity(raw.len());
    let mut marks = vec![(0, start)];
    let mut at = 0;
    while let Some(plain) = raw[at..].find('\\') {
        text.push_str(&raw[at..at + plain]);
        at += plain;
        let (character, length) = escape(&raw[at..]).expect("the parser has checked every escape");
        text.push(character);
        at += length;
        marks.push((text.len(), start + at));
    }
    text.push_str(&raw[at..]);
    Decoded { text, marks }
}

/// The character of the escape that `text` begins with, and the escape's length in bytes.
pub(super) fn escape(text: &str) -> Result<(char, usize), &'static str> {
    let character = match text.as_bytes().get(1) {
        Some(b'"') => '"',
        Some(b'\\') => '\\',
        Some(b'/') => '/',
        Some(b'b') => '\u{8}',
        Some(b'f') => '\u{c}',
        Some(b'n') => '\n',
        Some(b'r') => '\r',
        Some(b't') => '\t',
        Some(b'u') => return unicode_escape(text),
        _ => return Err("no escape of JSON"),
    };
    Ok((character, 2))
}

fn unicode_escape(text: &str) -> Result<(char, usize), &'static str> {
    let first = code_unit(text).ok_or("`\\u` without four hex digits")?;
    if let Some(character) = char::from_u32(first) {
        return Ok((character, 6));
    }
    let lone = "half a surrogate pair";
    if first >= 0xdc00 {
        return Err(lone);
    }
    match text.get(6..).and_then(code_unit) {
        Some(second @ 0xdc00..=0xdfff) => {
            let character = char::from_u32(0x1_0000 + ((first - 0xd800) << 10) + (second - 0xdc00)).ok_or(lone)?;
            Ok((character, 12))
        }
        _ => Err(lone),
    }
}

/// The four hex digits after `\u` at the start of `text`.
fn code_unit(text: &str) -> Option<u32> {
    let digits = text.strip_prefix("\\u")?.get(..4)?;
    // `from_str_radix` alone would take a sign.
    if !digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    u32::from_str_radix(digits, 16).ok()
}

/// The length of the number that `bytes` begin with, or how far they are one.
pub(super) fn number_length(bytes: &[u8]) -> Result<usize, usize> {
    let digits = |from: usize| bytes[from..].iter().take_while(|byte| byte.is_ascii_digit()).count();
    let mut at = usize::from(bytes.first() == Some(&b'-'));
    // A number does not begin with a zero that another digit follows.
    let whole = if bytes.get(at) == Some(&b'0') { 1 } else { digits(at) };
    at += whole;
    if whole == 0 {
        return Err(at);
    }
    if bytes.get(at) == Some(&b'.') {
        let fraction = digits(at + 1);
        at += 1 + fraction;
        if fraction == 0 {
            return Err(at);
        }
    }
    if matches!(bytes.get(at), Some(b'e' | b'E')) {
        at += 1 + usize::from(matches!(bytes.get(at + 1), Some(b'+' | b'-')));
        let exponent = digits(at);
        at += exponent;
        if exponent == 0 {
            return Err(at);
        }
    }
    Ok(at)
}

/// Whether the whole text is one JSON number.
#[must_use]
pub fn is_number(text: &str) -> bool {
    number_length(text.as_bytes()) == Ok(text.len())
}

/// The text as a JSON string with its quotes. Only what must be escaped is.
#[must_use]
pub fn quote(text: &str) -> String {
    format!("\"{}\"", escaped(text))
}

/// A token as it stands in a text that holds it `nesting` strings deep.
#[must_use]
pub fn embed(token: &str, nesting: usize) -> String {
    (0..nesting).fold(token.to_owned(), |token, _| escaped(&token))
}

fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    for character in text.chars() {
        match character {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\0'..' ' => write!(out, "\\u{:04x}", u32::from(character)).expect("a String takes all that is written"),
            _ => out.push(character),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn escapes_are_decoded_and_lead_back() {
        let raw = r"a\u00e5\ud83d\ude00\/\n\\z";
        let decoded = decode(raw, 100);
        assert_eq!(decoded.text(), "aå😀/\n\\z");
        for (part, written) in
            [("å", "\\u00e5"), ("😀", "\\ud83d\\ude00"), ("\\", "\\\\"), ("å😀/\n\\", &raw[1..raw.len() - 1]), ("z", "z")]
        {
            let start = decoded.text().find(part).expect(part);
            let range = decoded.raw(&(start..start + part.len()));
            assert_eq!(&raw[range.start - 100..range.end - 100], written);
        }
    }

    #[test]
    fn numbers_are_those_of_json() {
        for good in ["0", "-0", "12", "1.50", "1e9", "-1.5E-10"] {
            assert!(is_number(good), "{good}");
        }
        for bad in ["", "-", "01", "1.", ".1", "+1", "1e", "1 ", " 1", "0x1", "NaN", "1,5"] {
            assert!(!is_number(bad), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn quoting_is_what_serde_reads(text: String, nesting in 0_usize..3) {
            let mut token = embed(&quote(&text), nesting);
            for _ in 0..nesting {
                token = serde_json::from_str(&format!("\"{token}\"")).expect("a string");
            }
            prop_assert_eq!(serde_json::from_str::<String>(&token).expect("a string"), text);
        }
    }
}
