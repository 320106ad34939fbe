//! Text without a structure that forum knows: given out whole, and its string literals decoded once more.

use super::cursor::unescape;
use super::place::{Layer, Place, Step};
use super::{Look, Style, Walk};

/// Gives out the text, and what its string literals hold where they have escapes.
pub(super) fn walk(walk: &mut Walk<'_>, text: &str, layer: &Layer<'_>, place: &Place<'_>, style: Style) {
    walk.give(text, style, layer, 0, place);
    // Only a literal with escapes holds what the text around it does not show.
    if !matches!(style, Style::Name) && memchr::memmem::find(text.as_bytes(), b"\\\"").is_some() {
        literals(walk, text, layer, place);
    }
}

fn literals(walk: &mut Walk<'_>, text: &str, layer: &Layer<'_>, place: &Place<'_>) {
    let bytes = text.as_bytes();
    let place = place.then(Step::Name(""));
    let mut at = 0;
    while let Some(open) = memchr::memchr(b'"', bytes.get(at..).unwrap_or_default()) {
        let start = at + open + 1;
        let (end, escaped) = match closing(bytes, start) {
            Ok(closed) => closed,
            // The quote opened nothing: what stands on the line behind it has been looked at once, which must do.
            Err(line_end) => {
                at = line_end;
                continue;
            }
        };
        if escaped {
            let (decoded, way) = unescape(&text[start..end], start);
            if Look::at(&decoded) == Look::Plain {
                walk.give(&decoded, Style::Code, &Layer { up: Some(layer), way }, 0, &place);
            } else {
                walk.string(&decoded, way, layer, &place);
            }
        }
        at = end + 1;
    }
}

/// The quote that closes a literal on the same line, and whether quotes in it are escaped; else the end of the line.
fn closing(bytes: &[u8], start: usize) -> Result<(usize, bool), usize> {
    let mut at = start;
    let mut escaped = false;
    loop {
        let rest = bytes.get(at..).unwrap_or_default();
        at += memchr::memchr3(b'"', b'\\', b'\n', rest).ok_or(bytes.len())?;
        match bytes[at] {
            b'"' => return Ok((at, escaped)),
            b'\n' => return Err(at),
            _ => {
                escaped |= bytes.get(at + 1) == Some(&b'"');
                at += 2;
            }
        }
    }
}
