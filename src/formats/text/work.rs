//! Whether comparing two texts line by line ends soon.
//!
//! Comparing takes about as long as there are lines times the square root of that, at worst: where the same few lines
//! stand again and again. Large texts that differ in few lines take no longer than they are long. So texts of up to
//! [`FEW_LINES`] are always compared, and larger ones where [`MOST_CHANGES`] lead from one to the other.

use std::collections::{HashMap, HashSet};

/// Even the hardest texts of so many lines take about a second.
const FEW_LINES: usize = 100_000;
/// More changed lines than this are not looked for.
const MOST_CHANGES: usize = 20_000;

/// Whether three texts are merged soon.
pub(super) fn is_bounded(base: &[u8], ours: &[u8], theirs: &[u8]) -> bool {
    let texts = [base, ours, theirs];
    if texts.iter().all(|text| memchr::memchr_iter(b'\n', text).count() <= FEW_LINES) {
        return true;
    }
    let mut numbers = HashMap::new();
    let [base, ours, theirs] = texts.map(|text| numbered(text, &mut numbers));
    [(&base, &ours), (&base, &theirs), (&ours, &theirs)].into_iter().all(|(a, b)| is_near(a, b))
}

/// The lines as numbers: the same for the same line.
fn numbered<'a>(text: &'a [u8], numbers: &mut HashMap<&'a [u8], u32>) -> Vec<u32> {
    let mut number = |line| {
        let next = u32::try_from(numbers.len()).unwrap_or(u32::MAX);
        *numbers.entry(line).or_insert(next)
    };
    text.split_inclusive(|byte| *byte == b'\n').map(&mut number).collect()
}

/// Whether two texts are short, or few changes lead from one to the other. Lines that only one of them has cost nothing.
fn is_near(a: &[u32], b: &[u32]) -> bool {
    let start = a.iter().zip(b).take_while(|(a, b)| a == b).count();
    let end = a[start..].iter().rev().zip(b[start..].iter().rev()).take_while(|(a, b)| a == b).count();
    let (a, b) = (&a[start..a.len() - end], &b[start..b.len() - end]);
    let (in_a, in_b): (HashSet<_>, HashSet<_>) = (a.iter().collect(), b.iter().collect());
    let a: Vec<u32> = a.iter().filter(|line| in_b.contains(line)).copied().collect();
    let b: Vec<u32> = b.iter().filter(|line| in_a.contains(line)).copied().collect();
    a.len().max(b.len()) <= FEW_LINES || changes(&a, &b, MOST_CHANGES).is_some()
}

/// How many lines come and go on the shortest way from one text to the other, by Myers' algorithm; `None` for more than
/// `most`. Step by step it notes how far each diagonal (the place in `a` less that in `b`) is reached.
fn changes(a: &[u32], b: &[u32], most: usize) -> Option<usize> {
    if a.len().abs_diff(b.len()) > most {
        return None;
    }
    // The diagonal `k` stands at `k + most + 1`.
    let mut reached = vec![0_usize; 2 * most + 3];
    let middle = most + 1;
    for step in 0..=most {
        for at in (middle - step..=middle + step).step_by(2) {
            let down = at == middle - step || at != middle + step && reached[at - 1] < reached[at + 1];
            let mut x = if down { reached[at + 1] } else { reached[at - 1] + 1 };
            // Outside of the texts there is nothing to follow.
            let Some(mut y) = (x + middle).checked_sub(at) else { continue };
            if x <= a.len() && y <= b.len() {
                let same = a[x..].iter().zip(&b[y..]).take_while(|(a, b)| a == b).count();
                (x, y) = (x + same, y + same);
                if x == a.len() && y == b.len() {
                    return Some(step);
                }
            }
            reached[at] = x;
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn changes_are_counted() {
        for (a, b, want) in [
            (&[][..], &[][..], Some(0)),
            (&[1, 2, 3], &[1, 2, 3], Some(0)),
            (&[1, 2, 3], &[1, 3], Some(1)),
            (&[1, 2, 3], &[1, 4, 3], Some(2)),
            (&[], &[1, 2, 3], Some(3)),
            (&[1, 2, 3, 1, 2, 2, 1], &[3, 2, 1, 2, 1, 3], Some(5)),
            (&[1, 2, 3, 4], &[5, 6, 7, 8], None),
        ] {
            assert_eq!(changes(a, b, 5), want, "{a:?} {b:?}");
        }
    }
}
