//! When a typed letter is a written one.
//!
//! Text is folded to lower case and composed form (NFC). A plain letter that is typed finds
//! the letter with any mark (`a` finds `å`, `ä`, `à`): not everyone has the key. A marked letter
//! finds only itself: whoever types `å` means it.

use unicode_normalization::UnicodeNormalization as _;
use unicode_normalization::char::{decompose_canonical, is_combining_mark};

/// The folded words of a text, split at everything that is no letter or digit.
pub(super) fn words(text: &str) -> Vec<String> {
    let folded = if text.is_ascii() {
        text.to_ascii_lowercase()
    } else {
        // Marks that compose with no letter are dropped, so that folding with and without
        // marks gives the same number of letters.
        text.to_lowercase().nfc().filter(|c| !is_combining_mark(*c)).collect()
    };
    folded.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()).map(str::to_owned).collect()
}

/// The letter under the marks of a folded letter.
pub(super) fn unmarked(letter: char) -> char {
    if letter.is_ascii() {
        return letter;
    }
    let (mut bare, mut other_letters) = (None, 0);
    decompose_canonical(letter, |part| match bare {
        None => bare = Some(part),
        Some(_) if !is_combining_mark(part) => other_letters += 1,
        Some(_) => {}
    });
    match (bare, letter) {
        // Unicode sees these strokes as parts of the letter, people do not.
        (_, 'ø') => 'o',
        (_, 'đ') => 'd',
        (_, 'ł') => 'l',
        (Some(bare), _) if other_letters == 0 => bare,
        // A syllable of several letters (Hangul) is none with marks.
        _ => letter,
    }
}

/// Whether a word or phrase has letters with marks.
pub(super) fn is_marked(text: &str) -> bool {
    !text.is_ascii() && text.chars().any(|c| unmarked(c) != c)
}

/// A folded text without any marks.
pub(super) fn without_marks(text: &str) -> String {
    text.chars().map(unmarked).collect()
}

/// What is left of `written` after all of `typed`, where it starts with that.
pub(super) fn strip_typed<'a>(written: &'a str, typed: &str) -> Option<&'a str> {
    let mut rest = written.chars();
    for letter in typed.chars() {
        let other = rest.next()?;
        if letter != other && letter != unmarked(other) {
            return None;
        }
    }
    Some(rest.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_found(typed: &str, written: &str) -> bool {
        strip_typed(&words(written).join(" "), &words(typed).join(" ")) == Some("")
    }

    #[test]
    fn a_plain_letter_finds_marked_ones_and_not_the_other_way_round() {
        for (typed, written) in [("a", "å"), ("a", "Ä"), ("A", "à"), ("o", "ö"), ("o", "ø"), ("e", "é"), ("u", "ü")] {
            assert!(is_found(typed, written), "{typed} finds {written}");
            assert!(!is_found(written, typed), "{written} does not find {typed}");
        }
        for (typed, written) in [("å", "Å"), ("Å", "å"), ("ö", "Ö"), ("forskola", "FÖRSKOLA"), ("Förskola", "förskola")] {
            assert!(is_found(typed, written), "{typed} finds {written}");
        }
        for (typed, written) in [("å", "ä"), ("ä", "å"), ("ö", "ø"), ("förskola", "forskola")] {
            assert!(!is_found(typed, written), "{typed} does not find {written}");
        }
    }

    #[test]
    fn composed_and_decomposed_letters_are_the_same() {
        assert_eq!(words("A\u{30a}r"), words("år"));
        assert!(is_found("a\u{30a}r", "ÅR") && is_found("år", "A\u{30a}R"));
        assert_eq!(words("x\u{30a}y"), ["xy"]);
        assert_eq!(without_marks("åäöéü"), "aaoeu");
        assert_eq!(unmarked('한'), '한');
    }

    #[test]
    fn words_end_where_letters_and_digits_end() {
        assert_eq!(words("Elev-synk (SS12000), v2_beta/å"), ["elev", "synk", "ss12000", "v2", "beta", "å"]);
        assert!(words(" -- \u{1b}").is_empty());
    }
}
