//! One pass over each piece, which decides what is tried at all: most texts hold nothing that any rule waits for.

use std::ops::Range;
use std::sync::LazyLock;

use aho_corasick::{AhoCorasick, AhoCorasickKind, MatchKind};

use super::super::licence::is_licence_text;
use super::super::texts::{Piece, Style};
use super::super::{hosts, persons, secrets};
use super::Hit;

/// What a word sets off.
#[derive(Debug, Clone, Copy)]
enum Trigger {
    /// A rule about secrets.
    Secret(usize),
    /// The end of an internal host's name.
    Host,
    /// The beginning of an address.
    Address,
    /// The beginning of a UNC path.
    Unc,
    /// An e-mail address.
    Email,
    /// The name of a field for personal data.
    PersonalData,
}

/// All words that any rule waits for, in one automaton.
struct Words {
    automaton: AhoCorasick,
    /// What each pattern of the automaton sets off.
    triggers: Vec<Trigger>,
}

static WORDS: LazyLock<Words> = LazyLock::new(|| {
    let secrets = secrets::triggers().map(|(word, index)| (word, Trigger::Secret(index)));
    let all = secrets.chain(hosts::ENDS.map(|end| (end, Trigger::Host))).chain([
        ("\\\\", Trigger::Unc),
        ("@", Trigger::Email),
        ("://", Trigger::Address),
    ]);
    let all = all.chain(persons::FIELDS.map(|name| (name, Trigger::PersonalData)));
    let (words, triggers): (Vec<&str>, Vec<Trigger>) = all.unzip();
    let automaton =
        AhoCorasick::builder().ascii_case_insensitive(true).match_kind(MatchKind::Standard).kind(Some(AhoCorasickKind::DFA)).build(&words);
    Words { automaton: automaton.expect("a few hundred short words"), triggers }
});

/// Gives `found` what the rules find in a piece of the file at `path`.
pub(super) fn piece(path: &str, piece: &Piece<'_>, found: &mut dyn FnMut(Hit)) {
    if piece.text.len() < 4 {
        return;
    }
    words(path, piece, found);
    persons::digit_runs(piece.text, &mut |run| {
        let hit = persons::identity_number(piece, &run).or_else(|| hosts::address(piece, run.start))?;
        let end = hit.range.end;
        found(hit);
        Some(end)
    });
    if piece.style != Style::Name
        && let Some(leak) = secrets::named(piece)
    {
        found(hit(leak));
    }
}

fn words(path: &str, piece: &Piece<'_>, found: &mut dyn FnMut(Hit)) {
    let words = &*WORDS;
    let mut looked_at = [0_usize; secrets::TRIGGERS];
    for word in words.automaton.find_overlapping_iter(piece.text) {
        match words.triggers[word.pattern().as_usize()] {
            Trigger::Host => hosts::host(piece, &word.range()).into_iter().for_each(&mut *found),
            Trigger::Address => hosts::short(piece, &word.range()).into_iter().for_each(&mut *found),
            Trigger::Unc => hosts::unc(piece, &word.range()).into_iter().for_each(&mut *found),
            Trigger::PersonalData => persons::field(piece, &word.range()).into_iter().for_each(&mut *found),
            // Licences ask for the names of their authors.
            Trigger::Email if is_licence_text(path) => {}
            Trigger::Email => persons::email(piece, word.start()).into_iter().for_each(&mut *found),
            Trigger::Secret(index) => {
                let range: Range<usize> = word.range();
                if range.start >= looked_at[index] {
                    let (leak, end) = secrets::tried(piece, index, range, looked_at[index]);
                    looked_at[index] = end;
                    leak.into_iter().map(hit).for_each(&mut *found);
                }
            }
        }
    }
}

fn hit(leak: secrets::Leak) -> Hit {
    Hit::new(leak.rule, leak.range, format!("holds {}", leak.what))
}
