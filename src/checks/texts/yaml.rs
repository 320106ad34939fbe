//! YAML line by line: keys, scalars of all five kinds, comments. Enough to know what a value is called, to decode it,
//! and to say where it stands; never a reason to refuse a file.

use super::cursor::{names_its_sibling, single, unescape};
use super::flow;
use super::place::{Decoder, Layer, Place, Step, Way};
use super::{Style, Walk};

/// Whether pointers lead into the text: they do not where it stands in a string.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Pointers {
    Lead,
    Stop,
}

/// Whether a text of several lines begins as YAML does.
pub(super) fn looks_like(text: &str) -> bool {
    if !text.contains('\n') {
        // One line says enough only where braces stand in it: `a: {b: c}`.
        let rest = text.strip_prefix("- ").unwrap_or_else(|| split_key(text).map_or("", |(_, length)| &text[length..]));
        return flow::looks_like(rest);
    }
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
    let mut first = lines.take(4).map(|line| {
        line == "---" || line.starts_with("- ") || line.starts_with("? ") || line.starts_with(": ") || split_key(line).is_some()
    });
    first.next() == Some(true) && first.next() == Some(true)
}

/// Gives out every key, scalar and comment.
pub(super) fn walk(walk: &mut Walk<'_>, text: &str, layer: &Layer<'_>, place: &Place<'_>, pointers: Pointers) {
    let stop = place.then(Step::Name(""));
    let place = if pointers == Pointers::Lead { place } else { &stop };
    let mut reader = Reader { walk, text, layer, place, at: 0, stack: Vec::new(), budget: 4 * text.len() };
    while reader.at < text.len() {
        reader.line();
    }
}

/// A mapping or a sequence that is open: the column of its entries, and the entry that is being read.
struct Open<'r> {
    column: usize,
    entry: Entry<'r>,
}

enum Entry<'r> {
    Key { name: &'r str, sibling: Option<&'r str> },
    Index(usize),
}

struct Reader<'r, 'v> {
    walk: &'r mut Walk<'v>,
    text: &'r str,
    layer: &'r Layer<'r>,
    place: &'r Place<'r>,
    at: usize,
    stack: Vec<Open<'r>>,
    /// How many bytes may still be looked at for closing brackets: a text of opening ones must not cost more than itself.
    budget: usize,
}

impl<'r> Reader<'r, '_> {
    fn line_end(&self, from: usize) -> usize {
        memchr::memchr(b'\n', &self.text.as_bytes()[from..]).map_or(self.text.len(), |length| from + length)
    }

    /// Reads one line, and those that its scalar goes on over.
    fn line(&mut self) {
        let start = self.at;
        let end = self.line_end(start);
        self.at = end + 1;
        let line = &self.text[start..end];
        let trimmed = line.trim_ascii();
        if trimmed.is_empty() || matches!(trimmed, "---" | "...") {
            if !trimmed.is_empty() {
                self.stack.clear();
            }
            return;
        }
        let mut column = line.len() - line.trim_ascii_start().len();
        if trimmed.starts_with('#') {
            let place = *self.place;
            return self.walk.give(trimmed, Style::Prose, self.layer, start + column, &place);
        }
        while line[column..].starts_with("- ") || line[column..].trim_ascii_end() == "-" {
            self.item(column);
            let rest = &line[column + 1..];
            column += 1 + (rest.len() - rest.trim_ascii_start().len());
        }
        let rest = &line[column..];
        if let Some(name) = explicit_key(rest) {
            let at = rest.find(name).unwrap_or_default();
            return self.key(name, start + column + at, column);
        }
        if rest.starts_with(": ") && self.stack.iter().any(|open| open.column == column && matches!(open.entry, Entry::Key { .. })) {
            self.close(column, false);
            let blanks = rest[1..].len() - rest[1..].trim_ascii_start().len();
            return self.scalar(start + column + 1 + blanks, end, column + 1);
        }
        let Some((name, length)) = split_key(rest) else {
            self.close(column, true);
            return self.scalar(start + column, end, column);
        };
        self.key(name, start + column, column);
        let after = &rest[length..];
        let value = start + column + length + (after.len() - after.trim_ascii_start().len());
        self.scalar(value.min(end), end, column + 1);
    }

    /// Ends what stands deeper than `column`, and with `same` also what stands at it.
    fn close(&mut self, column: usize, same: bool) {
        while self.stack.last().is_some_and(|open| open.column > column || (same && open.column == column)) {
            self.stack.pop();
        }
    }

    fn item(&mut self, column: usize) {
        self.close(column, false);
        match self.stack.last_mut() {
            Some(Open { column: at, entry: Entry::Index(index) }) if *at == column => *index += 1,
            // A sequence may stand at the column of the key that holds it.
            _ => self.stack.push(Open { column, entry: Entry::Index(0) }),
        }
    }

    fn key(&mut self, name: &'r str, start: usize, column: usize) {
        self.close(column, false);
        // A sequence at this column has ended.
        while matches!(self.stack.last(), Some(Open { column: at, entry: Entry::Index(_) }) if *at == column) {
            self.stack.pop();
        }
        self.give(name, start + usize::from(self.text[start..].starts_with(['"', '\''])), Style::Name);
        match self.stack.last_mut() {
            Some(Open { column: at, entry: Entry::Key { name: before, .. } }) if *at == column => *before = name,
            _ => self.stack.push(Open { column, entry: Entry::Key { name, sibling: None } }),
        }
    }

    fn give(&mut self, text: &str, start: usize, style: Style) {
        let (layer, walk) = (self.layer, &mut *self.walk);
        placed(&self.stack, self.place, &mut |place| walk.give(text, style, layer, start, place));
    }

    fn flow(&mut self, start: usize, end: usize) {
        let (layer, walk) = (self.layer, &mut *self.walk);
        let text = &self.text[start..end];
        placed(&self.stack, self.place, &mut |place| {
            flow::walk(walk, text, &Layer { up: Some(layer), way: Way::Part(start) }, place);
        });
    }

    fn string(&mut self, text: &str, way: &Way) {
        let (layer, walk) = (self.layer, &mut *self.walk);
        placed(&self.stack, self.place, &mut |place| walk.string(text, way.clone(), layer, place));
    }

    /// The scalar or flow collection between `start` and `end`, and on over lines that are indented by `column` or more.
    fn scalar(&mut self, start: usize, end: usize, column: usize) {
        let start = self.properties(start, end);
        let rest = self.text[start..end].trim_ascii_end();
        match rest.as_bytes() {
            [] | [b'#', ..] => {
                if !rest.is_empty() {
                    self.give(rest, start, Style::Prose);
                }
            }
            [b'|' | b'>', indicators @ ..] if indicators.iter().all(|b| matches!(b, b'+' | b'-' | b' ' | b'0'..=b'9') || *b == b'#') => {
                self.block(column);
            }
            [quote @ (b'"' | b'\''), ..] => self.quoted(start, *quote),
            [b'{' | b'[', ..] if !rest.starts_with("{{") => {
                let end = self.flow_end(start);
                self.flow(start, end);
                self.rest(end);
            }
            _ => self.plain(start, start + rest.len(), column),
        }
    }

    /// Passes over anchors and tags.
    fn properties(&self, mut start: usize, end: usize) -> usize {
        while self.text[start..end].starts_with(['&', '!']) {
            let rest = &self.text[start..end];
            let length = rest.find(' ').unwrap_or(rest.len());
            start += length + (rest[length..].len() - rest[length..].trim_ascii_start().len());
        }
        start
    }

    fn plain(&mut self, start: usize, mut end: usize, column: usize) {
        let line = &self.text[start..end];
        if let Some(comment) = line.find(" #") {
            self.give(&line[comment + 1..], start + comment + 1, Style::Prose);
            end = start + line[..comment].trim_ascii_end().len();
        } else {
            end = self.indented_end(column).map_or(end, |(_, last)| last);
        }
        let text = &self.text[start..end];
        if let Some(Open { entry: Entry::Key { name, sibling }, .. }) = self.stack.last_mut()
            && names_its_sibling(name)
        {
            *sibling = Some(text);
        }
        self.string(text, &Way::Part(start));
    }

    /// Passes over the lines that are indented by `column` or more. Their first byte, and the last that is not blank.
    fn indented_end(&mut self, column: usize) -> Option<(usize, usize)> {
        let first = self.at;
        let mut last = None;
        while self.at < self.text.len() {
            let end = self.line_end(self.at);
            let line = &self.text[self.at..end];
            let blank = line.trim_ascii().is_empty();
            if !blank && line.len() - line.trim_ascii_start().len() < column.max(1) {
                break;
            }
            if !blank {
                last = Some(self.at + line.trim_ascii_end().len());
            }
            self.at = end + 1;
        }
        last.map(|last| (first, last))
    }

    /// A literal or folded scalar: what it holds without its indentation.
    fn block(&mut self, column: usize) {
        let Some((first, last)) = self.indented_end(column) else { return };
        let raw = &self.text[first..last];
        let indentation =
            raw.lines().find(|line| !line.trim_ascii().is_empty()).map_or(0, |line| line.len() - line.trim_ascii_start().len());
        let mut decoder = Decoder::new(raw, first);
        let mut at = 0;
        for line in raw.split_inclusive('\n') {
            let blanks = line.len() - line.trim_start_matches(' ').len();
            decoder.replace(at, at + blanks.min(indentation), "");
            at += line.len();
        }
        let (text, way) = decoder.finish();
        self.string(&text, &way);
    }

    fn quoted(&mut self, start: usize, quote: u8) {
        let bytes = self.text.as_bytes();
        let mut at = start + 1;
        let end = loop {
            match memchr::memchr2(quote, b'\\', bytes.get(at..).unwrap_or_default()) {
                None => break self.text.len(),
                Some(found) => at += found,
            }
            match (bytes[at], bytes.get(at + 1)) {
                (b'\\', _) => at += if quote == b'"' { 2 } else { 1 },
                (b'\'', Some(b'\'')) => at += 2,
                _ => break at,
            }
        };
        let raw = &self.text[start + 1..end];
        let (text, way) = if quote == b'"' { unescape(raw, start + 1) } else { single(raw, start + 1) };
        self.string(&text, &way);
        self.rest((end + 1).min(self.text.len()));
    }

    /// What stands on the line behind a scalar or collection that ends at `end`: a comment, as a rule.
    fn rest(&mut self, end: usize) {
        let line_end = self.line_end(end);
        self.at = self.at.max(line_end + 1);
        let rest = &self.text[end..line_end];
        let trimmed = rest.trim_ascii();
        if !trimmed.is_empty() {
            let style = if trimmed.starts_with('#') { Style::Prose } else { Style::Code };
            self.give(trimmed, end + (rest.len() - rest.trim_ascii_start().len()), style);
        }
    }

    /// Where the brackets that open at `start` are closed; else the end of the line.
    fn flow_end(&mut self, start: usize) -> usize {
        let (mut depth, mut quote) = (0_usize, None);
        let budget = self.budget;
        for (at, byte) in self.text.as_bytes()[start..].iter().enumerate().take(budget) {
            self.budget -= 1;
            match (quote, byte) {
                (Some(open), byte) if byte == open => quote = None,
                (None, b'"' | b'\'') => quote = Some(byte),
                (None, b'{' | b'[') => depth += 1,
                (None, b'}' | b']') => depth -= 1,
                _ => {}
            }
            if depth == 0 {
                return start + at + 1;
            }
        }
        self.line_end(start)
    }
}

/// Calls `give` with the place that the open mappings and sequences make.
fn placed(stack: &[Open<'_>], place: &Place<'_>, give: &mut dyn FnMut(&Place<'_>)) {
    match stack.split_first() {
        None => give(place),
        Some((open, inner)) => {
            let step = match &open.entry {
                Entry::Index(index) => Step::Index(*index),
                Entry::Key { name, sibling } => Step::Key(name, sibling.filter(|_| name.eq_ignore_ascii_case("value"))),
            };
            placed(inner, &place.then(step), give);
        }
    }
}

/// The key behind `? `, whose value stands behind `: ` on a line of its own.
fn explicit_key(line: &str) -> Option<&str> {
    let name = line.strip_prefix("? ")?.trim_ascii();
    let name = name.strip_prefix(['"', '\'']).and_then(|rest| rest.strip_suffix(['"', '\''])).unwrap_or(name);
    (!name.is_empty() && name.len() <= 120 && !name.starts_with(['{', '[', '|', '>', '-']) && !name.contains(": ")).then_some(name)
}

/// The key that a line begins with, and the length up to behind its colon.
fn split_key(line: &str) -> Option<(&str, usize)> {
    if let Some(quote) = line.chars().next().filter(|c| matches!(c, '"' | '\'')) {
        let end = line[1..].find(quote)? + 1;
        let colon = line[end + 1..].trim_ascii_start().starts_with(':');
        let blanks = line[end + 1..].len() - line[end + 1..].trim_ascii_start().len();
        return colon.then(|| (&line[1..end], end + 1 + blanks + 1));
    }
    if line.starts_with(['{', '[', '|', '>', '#', '&', '*', '!', '%', '@', '`', '-', '?', ',']) && !line.starts_with("--") {
        return None;
    }
    let colon =
        memchr::memchr_iter(b':', line.as_bytes()).find(|at| matches!(line.as_bytes().get(at + 1), None | Some(b' ' | b'\t' | b'\r')))?;
    let name = line[..colon].trim_ascii_end();
    (!name.is_empty() && name.len() <= 120).then_some((name, colon + 1))
}
