//! Swedish personal identity numbers: personnummer and samordningsnummer, with interim letters, and those that
//! Skatteverket gives out for tests.
//!
//! Ten digits with `-` or `+`, or twelve, whose date exists and whose last digit is right, are numbers of persons almost
//! without exception; ten bare digits are rather something else, unless a word nearby says so. Source of the form:
//! folkbokföringslagen (1991:481), section 18; SKV 704 and SKV 707.

use std::sync::LazyLock;

/// What digits turned out to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Number {
    /// A person's.
    Personal,
    /// Ten bare digits, which may be a person's.
    Possible,
    /// One that Skatteverket gives out for tests.
    Test,
}

/// Letters that stand for the first of the last four digits until a number is given.
const INTERIM: &[u8] = b"TRSUWXJKLMN";

/// What a comma behind ten bare digits is, where another digit follows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Comma {
    /// Perhaps that of a decimal, so that the digits are none of a person.
    Decimal,
    /// It divides values.
    Divides,
}

/// The number that begins with the digits from `start` to `end`, and its end.
pub(super) fn number(bytes: &[u8], start: usize, end: usize, comma: Comma) -> Option<(usize, Number)> {
    // Nothing shorter begins a number, and nothing longer is one.
    if !matches!(end - start, 6 | 8 | 10 | 12) || !begins_alone(bytes, start) {
        return None;
    }
    let digits = &bytes[start..end];
    let behind = bytes.get(end).copied();
    match (digits.len(), behind) {
        (6 | 8, Some(sign @ (b'-' | b'+'))) => {
            let last = bytes.get(end + 1..end + 5)?;
            let whole = ends_alone(bytes, end + 5, true);
            (whole && (digits.len() == 6 || sign == b'-'))
                .then(|| judge(digits, last, Some(sign)))
                .flatten()
                .map(|number| (end + 5, number))
        }
        // An interim letter needs no sign: it divides by itself.
        (8, Some(letter)) if INTERIM.contains(&letter) => {
            let last = bytes.get(end..end + 4)?;
            ends_alone(bytes, end + 4, true).then(|| judge(digits, last, None)).flatten().map(|number| (end + 4, number))
        }
        // Behind a sign, ten digits are rather the end of something else.
        (10, _) if start > 0 && matches!(bytes[start - 1], b'-' | b'+' | b'.') => None,
        (10 | 12, _) if ends_alone(bytes, end, digits.len() == 12 || comma == Comma::Divides) => {
            let (date, last) = digits.split_at(digits.len() - 4);
            let judged = judge(date, last, None)?;
            let bare = digits.len() == 10 && judged == Number::Personal;
            Some((end, if bare { Number::Possible } else { judged }))
        }
        _ => None,
    }
}

/// Whether the digits are no part of a longer number, word, version or GUID.
fn begins_alone(bytes: &[u8], start: usize) -> bool {
    let Some(at) = start.checked_sub(1) else { return true };
    match bytes[at] {
        b'-' | b'+' | b'.' => !at.checked_sub(1).is_some_and(|before| bytes[before].is_ascii_hexdigit()),
        // `12:`, `fe80:` are groups of a time or an address, `id:` is a name.
        b':' | b'#' => {
            let mut word = bytes[..at].iter().rev().take(40).take_while(|byte| byte.is_ascii_alphanumeric()).peekable();
            word.peek().is_none() || !word.all(u8::is_ascii_hexdigit)
        }
        byte => !byte.is_ascii_alphanumeric() && byte != b'_' && byte != b'%',
    }
}

/// Whether nothing goes on behind the digits. Where the form or the place says much, a comma divides values; else it may
/// be that of a decimal.
fn ends_alone(bytes: &[u8], end: usize, divides: bool) -> bool {
    match bytes.get(end) {
        None => true,
        Some(b',') if divides => true,
        Some(b'-' | b'.' | b':' | b',') => !bytes.get(end + 1).is_some_and(u8::is_ascii_digit),
        Some(byte) => !byte.is_ascii_alphanumeric() && *byte != b'_',
    }
}

/// Judges a date of six or eight digits and the last four characters.
fn judge(date: &[u8], last: &[u8], sign: Option<u8>) -> Option<Number> {
    let mut serial = [0; 4];
    serial.copy_from_slice(last);
    if INTERIM.contains(&serial[0]) {
        serial[0] = b'1';
    }
    if !serial.iter().all(u8::is_ascii_digit) || serial.starts_with(b"000") {
        return None;
    }
    let short = &date[date.len() - 6..];
    let checked: Vec<u8> = short.iter().chain(&serial).map(|byte| byte - b'0').collect();
    let (month, day) = (checked[2] * 10 + checked[3], checked[4] * 10 + checked[5]);
    let number = u32::from(serial[0] - b'0') * 100 + u32::from(serial[1] - b'0') * 10 + u32::from(serial[2] - b'0');
    let year = u32::from(checked[0]) * 10 + u32::from(checked[1]);
    let centuries: &[u32] = match (date, sign) {
        ([b'1', b'8', ..], _) if date.len() == 8 => &[1800],
        ([b'1', b'9', ..], _) if date.len() == 8 => &[1900],
        ([b'2', b'0', ..], _) if date.len() == 8 => &[2000],
        (_, _) if date.len() == 8 => return None,
        (_, Some(b'+')) => &[1800, 1900],
        _ => &[1900, 2000],
    };
    let real = centuries.iter().any(|century| exists(century + year, month, day));
    if !real || !luhn(&checked) {
        return None;
    }
    // Short forms do not tell the century, and people write those of the nineteenth with `-` as well.
    let listed = if date.len() == 8 { centuries } else { &[1800, 1900, 2000] };
    let test = last[0].is_ascii_digit() && listed.iter().any(|century| is_test(century + year, month, day, number));
    Some(if test { Number::Test } else { Number::Personal })
}

/// Whether the day exists; 60 more in a samordningsnummer, where month and day may also be unknown.
fn exists(year: u32, month: u8, day: u8) -> bool {
    if (60..=91).contains(&day) {
        return month <= 12;
    }
    let leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    let days = match month {
        1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
        4 | 6 | 9 | 11 => 30,
        2 if leap => 29,
        2 => 28,
        _ => return false,
    };
    (1..=days).contains(&day)
}

/// The check digit of ISO/IEC 7812-1, over all ten digits.
fn luhn(digits: &[u8]) -> bool {
    let sum: u8 = digits.iter().enumerate().map(|(at, digit)| if at % 2 == 0 { digit * 2 / 10 + digit * 2 % 10 } else { *digit }).sum();
    sum.is_multiple_of(10)
}

/// The test numbers, sorted: each is `((year - 1890) * 13 + month) * 92 + day`, times 1000, plus the serial; as
/// differences in LEB128. The check digit follows from the others.
///
/// Made from Skatteverket's open data as <https://github.com/personnummer/meta> has it, commit `c44a844a`
/// (2023-11-14): 41,127 personnummer and 2,264 samordningsnummer. `tests/it/check.rs` holds it against the lists.
const TABLE: &[u8] = include_bytes!("test_numbers.bin");

static TESTS: LazyLock<Vec<u32>> = LazyLock::new(|| {
    let (mut all, mut value, mut difference, mut shift) = (Vec::with_capacity(44_000), 0_u32, 0_u32, 0);
    for byte in TABLE {
        difference |= u32::from(byte & 0x7f) << shift;
        shift += 7;
        if byte & 0x80 == 0 {
            value += difference;
            all.push(value);
            (difference, shift) = (0, 0);
        }
    }
    all
});

fn is_test(year: u32, month: u8, day: u8, serial: u32) -> bool {
    let Some(years) = year.checked_sub(1890) else { return false };
    let key = ((years * 13 + u32::from(month)) * 92 + u32::from(day)) * 1000 + serial;
    TESTS.binary_search(&key).is_ok()
}

/// Beginnings and ends of names that say what a number is, in lower case.
const WORDS: [&str; 20] = [
    "personnr",
    "personnummer",
    "person_nr",
    "person-nr",
    "personid",
    "pnr",
    "ssn",
    "elev",
    "samordningsn",
    "civicno",
    "civicregistration",
    "personalnumber",
    "personalidentity",
    "personalidentificationnumber",
    "identitynumber",
    "socialsecurity",
    "fodelse",
    "födelse",
    "brukare",
    "vårdtagare",
];

/// Whether a text says that the number beside it is a person's.
pub(super) fn says_person(text: &str) -> bool {
    let lower = text.to_lowercase();
    WORDS.iter().any(|word| lower.contains(word)) || lower.replace(['_', '-', ' '], "").contains("personnummer")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(text: &str) -> Vec<(String, Number)> {
        let mut found = Vec::new();
        super::super::digit_runs(text, &mut |run| {
            let (end, number) = number(text.as_bytes(), run.start, run.end, Comma::Decimal)?;
            found.push((text[run.start..end].to_owned(), number));
            Some(end)
        });
        found
    }

    /// The last digit that makes nine digits right.
    fn complete(nine: &str) -> String {
        (0..10)
            .map(|digit| format!("{nine}{digit}"))
            .find(|ten| luhn(&ten.bytes().map(|byte| byte - b'0').collect::<Vec<_>>()))
            .expect("one digit fits")
    }

    #[test]
    fn all_written_forms_are_numbers() {
        // Of the nineteenth century, so nobody's who lives, and none that is given out for tests.
        let ten = complete("950312127");
        let (date, last) = ten.split_at(6);
        for (text, kind) in [
            (format!("18{date}-{last}"), Number::Personal),
            (format!("18{date}{last}"), Number::Personal),
            (format!("{date}+{last}"), Number::Personal),
            (format!("{date}-{last}"), Number::Personal),
            (ten.clone(), Number::Possible),
        ] {
            for around in ["§", "x §.", "(§)", "\"§\"", "pnr=§;", "/elev/§/x", "§-", " §,", "åä §åä"] {
                assert_eq!(all(&around.replace('§', &text)), [(text.clone(), kind)], "{around}");
            }
            if kind == Number::Personal {
                for around in ["1,§,5", "x,§,5", "id:§", "personid:§", "§,5;", "elev1:§", "id#§"] {
                    assert_eq!(all(&around.replace('§', &text)), [(text.clone(), kind)], "{around}");
                }
            }
            for around in ["12:§", "fe80:§", "4#§", "§:5", "1,5.§"] {
                assert_eq!(all(&around.replace('§', &text)), [], "{around}");
            }
            for around in ["1§", "§1", "a§", "§a", "_§", "4-§", "1.§", "§.5", "0a1b-§", "%§"] {
                assert_eq!(all(&around.replace('§', &text)), [], "{around}");
            }
        }
    }

    #[test]
    fn interim_letters_and_coordination_numbers_are_numbers() {
        let interim = complete("950312127").replacen("127", "T27", 1);
        let interim = interim.replace(&interim[9..], &complete("950312127")[9..]);
        let (date, last) = interim.split_at(6);
        assert_eq!(all(&format!("{date}-{last} 18{date}-{last} 18{date}{last}")).len(), 3, "{interim}");
        let coordination = complete("950372127");
        assert_eq!(all(&format!("18{coordination}")).len(), 1);
        assert_eq!(all(&format!("18{}", complete("950060127"))).len(), 1, "month and day unknown");
    }

    #[test]
    fn numbers_of_other_kinds_are_none() {
        for text in [
            "212000-0142",
            "1727164800123",
            "2024-09-24T10:00:00",
            "20240230-1234",
            "1895031212",
            "18951312-1270",
            "950312-0000",
            "192.168.0.1",
            "55667788-9012",
            "0,9503121270,5",
        ] {
            assert!(all(text).iter().all(|(_, number)| *number == Number::Possible), "{text}: {:?}", all(text));
        }
        assert_eq!(all("212000-0142 1727164800123"), []);
    }

    #[test]
    fn test_numbers_are_known_in_all_forms() {
        assert_eq!(TESTS.len(), 41_127 + 2_264);
        assert!(TESTS.is_sorted());
        for text in ["20100101-2382", "201001012382", "100101-2382", "1001012382"] {
            assert_eq!(all(text), [(text.to_owned(), Number::Test)]);
        }
        // Listed as of 1890.
        for text in ["900101-9802", "9001019802", "900101+9802", "18900101-9802", "189001019802"] {
            assert_eq!(all(text), [(text.to_owned(), Number::Test)]);
        }
        assert_eq!(all("19900101-9802"), [("19900101-9802".to_owned(), Number::Personal)]);
        assert_eq!(all("18950312-1270").first().map(|(_, number)| *number), Some(Number::Personal));
    }

    #[test]
    fn words_nearby_tell() {
        for text in ["PERSONNR", "Pnr:", "ElevId", "person_nummer", "civicRegistrationNumber", "SSN"] {
            assert!(says_person(text), "{text}");
        }
        assert!(!says_person("order number"));
    }
}
