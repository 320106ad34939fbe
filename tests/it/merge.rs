//! Merging texts, with git as the oracle: the same bytes, wherever line ends, mark and last line end agree.

use std::fs;

use forum::formats::json;
use forum::formats::text::{Labels, MergedText, merge};

use crate::support::git_command;

/// Numbers that look random and are the same on every machine.
pub(crate) struct Numbers(pub(crate) u64);

impl Numbers {
    pub(crate) fn next(&mut self, below: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % below as u64).unwrap()
    }
}

const WORDS: [&str; 12] = ["", "{", "}", "  a: 1", "  b: 2", "  - x", "# note", "same", "same", "end", "\tq", "å"];

fn lines(numbers: &mut Numbers) -> Vec<String> {
    (0..numbers.next(30))
        .map(|at| if numbers.next(3) == 0 { format!("line {at}") } else { WORDS[numbers.next(WORDS.len())].to_owned() })
        .collect()
}

fn changed(numbers: &mut Numbers, base: &[String]) -> Vec<String> {
    let mut lines = base.to_vec();
    for _ in 0..numbers.next(5) {
        let at = numbers.next(lines.len() + 1);
        match numbers.next(3) {
            0 => lines.insert(at, format!("new {}", numbers.next(4))),
            1 if at < lines.len() => drop(lines.remove(at)),
            _ if at < lines.len() => lines[at] = format!("other {}", numbers.next(4)),
            _ => lines.push(WORDS[numbers.next(WORDS.len())].to_owned()),
        }
    }
    lines
}

/// What `git merge-file` makes of it.
pub(crate) fn git<T: AsRef<[u8]>>(directory: &std::path::Path, texts: &[T; 3]) -> (Vec<u8>, bool) {
    for (name, text) in ["base", "ours", "theirs"].iter().zip(texts) {
        fs::write(directory.join(name), text.as_ref()).unwrap();
    }
    let mut command = git_command();
    command.current_dir(directory).args(["merge-file", "-p", "--diff3", "-L", "o", "-L", "b", "-L", "t", "ours", "base", "theirs"]);
    let done = command.output().unwrap();
    (done.stdout, done.status.code() == Some(0))
}

#[test]
fn two_thousand_merges_are_those_of_git_byte_for_byte() {
    let directory = tempfile::tempdir().unwrap();
    let labels = Labels { base: "b".into(), ours: "o".into(), theirs: "t".into() };
    let mut numbers = Numbers(0x5eed_1234_abcd_0001);
    let (mut clean, mut marked) = (0, 0);
    while clean + marked < 2000 {
        let base = lines(&mut numbers);
        let (ours, theirs) = (changed(&mut numbers, &base), changed(&mut numbers, &base));
        let end = if numbers.next(4) == 0 { "\r\n" } else { "\n" };
        // One of the three attributes differing is what ours does otherwise than git, on purpose.
        let closed = numbers.next(5) != 0;
        let text = |lines: &[String]| {
            let text: String = lines.iter().flat_map(|line| [line.as_str(), end]).collect();
            if closed { text } else { text.trim_end_matches(['\r', '\n']).to_owned() }
        };
        let texts = [text(&base), text(&ours), text(&theirs)];
        let empty = texts.iter().any(String::is_empty);
        if !closed && (empty || lines_closed(&texts)) {
            continue;
        }
        let (want, is_clean) = git(directory.path(), &texts);
        match merge(texts[0].as_bytes(), texts[1].as_bytes(), texts[2].as_bytes(), &labels) {
            MergedText::Clean(got) => {
                assert!(
                    is_clean && got == want,
                    "{texts:?}\ngot  {:?}\nwant {:?}",
                    String::from_utf8_lossy(&got),
                    String::from_utf8_lossy(&want)
                );
                clean += 1;
            }
            MergedText::Marked(got) => {
                assert!(
                    !is_clean && got == want,
                    "{texts:?}\ngot  {:?}\nwant {:?}",
                    String::from_utf8_lossy(&got),
                    String::from_utf8_lossy(&want)
                );
                marked += 1;
            }
            MergedText::Unmergeable => panic!("{texts:?}"),
        }
    }
    assert!(clean > 500 && marked > 300, "{clean} clean, {marked} with markers");
}

/// One side: how its lines end, whether the last one does, and whether it has a byte-order mark.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Dress {
    crlf: bool,
    closed: bool,
    mark: bool,
}

impl Dress {
    fn any(numbers: &mut Numbers) -> Self {
        Self { crlf: numbers.next(2) == 0, closed: numbers.next(3) != 0, mark: numbers.next(3) == 0 }
    }

    /// What we changed, else what they have.
    fn merged([base, ours, theirs]: [Self; 3]) -> Self {
        let pick = |of: fn(Self) -> bool| if of(ours) == of(base) { of(theirs) } else { of(ours) };
        Self { crlf: pick(|one| one.crlf), closed: pick(|one| one.closed), mark: pick(|one| one.mark) }
    }

    fn put_on(self, text: &str, may_open: bool) -> String {
        let text = if self.closed || !may_open { text } else { text.strip_suffix('\n').unwrap_or(text) };
        let mark = if self.mark { "\u{feff}" } else { "" };
        mark.to_owned() + &if self.crlf { text.replace('\n', "\r\n") } else { text.to_owned() }
    }
}

#[test]
fn line_ends_marks_and_last_line_ends_are_put_on_the_merge_of_git() {
    let directory = tempfile::tempdir().unwrap();
    let labels = Labels { base: "b".into(), ours: "o".into(), theirs: "t".into() };
    let mut numbers = Numbers(0x5eed_1234_abcd_0002);
    let mut conflicts = 0;
    for _ in 0..600 {
        let base = lines(&mut numbers);
        let sides = [base.clone(), changed(&mut numbers, &base), changed(&mut numbers, &base)];
        // With one line at least, and none at the end that is empty, so that each side has each attribute.
        let plain = sides.map(|lines| [lines, vec!["first".to_owned(), "last\n".to_owned()]].concat().join("\n"));
        let dress = [0; 3].map(|_| Dress::any(&mut numbers));
        let [base, ours, theirs] = [0, 1, 2].map(|side: usize| dress[side].put_on(&plain[side], true));
        let (want, clean) = git(directory.path(), &plain);
        let want = String::from_utf8(want).unwrap();
        let in_conflict = want.ends_with(">>>>>>> t\n");
        let want = Dress::merged(dress).put_on(&want, !in_conflict);
        let (got, got_clean) = match merge(base.as_bytes(), ours.as_bytes(), theirs.as_bytes(), &labels) {
            MergedText::Clean(got) => (got, true),
            MergedText::Marked(got) => (got, false),
            MergedText::Unmergeable => panic!("{base:?} {ours:?} {theirs:?}"),
        };
        conflicts += usize::from(!clean);
        let got = String::from_utf8(got).unwrap();
        assert!(got == want && got_clean == clean, "{dress:?}\n{base:?}\n{ours:?}\n{theirs:?}\ngot  {got:?}\nwant {want:?}");
    }
    assert!(conflicts > 100, "{conflicts}");
}

/// Whether the last line ends differ between the three.
fn lines_closed(texts: &[String; 3]) -> bool {
    texts.iter().any(|text| text.ends_with('\n') != texts[0].ends_with('\n'))
}

#[test]
fn lines_that_look_like_markers_without_a_label_stay_as_they_are() {
    let directory = tempfile::tempdir().unwrap();
    let labels = Labels { base: "b".into(), ours: "o".into(), theirs: "t".into() };
    let odd = "<<<<<<<\n|||||||\n=======\n>>>>>>>\n";
    let other = "a\n>>>>>>>\n|||||||\nb\n";
    for texts in [["", odd, other], ["", other, odd], [odd, "", other], [odd, other, ""], [odd, &odd.replace('=', "-"), other]] {
        let (want, clean) = git(directory.path(), &texts);
        let got = merge(texts[0].as_bytes(), texts[1].as_bytes(), texts[2].as_bytes(), &labels);
        let MergedText::Marked(got) = got else { panic!("{texts:?}: {got:?}") };
        assert!(!clean && got == want, "{texts:?}\ngot  {}\nwant {}", String::from_utf8_lossy(&got), String::from_utf8_lossy(&want));
    }
}

#[test]
fn hard_input_ends_soon() {
    let labels = Labels { base: "b".into(), ours: "o".into(), theirs: "t".into() };
    let many = |seed: u64| {
        let mut numbers = Numbers(seed);
        (0..20_000).map(|_| numbers.next(50).to_string()).collect::<Vec<_>>().join("\n") + "\n"
    };
    let started = std::time::Instant::now();
    let _ = merge(many(1).as_bytes(), many(2).as_bytes(), many(3).as_bytes(), &labels);
    let list = |seed: u64| format!("[{}]", many(seed).trim_end().replace('\n', ","));
    let merged = forum::formats::json::merge::merge(list(1).as_bytes(), list(2).as_bytes(), list(3).as_bytes()).unwrap();
    assert_eq!(merged.disagreements.len(), 1);
    assert!(started.elapsed().as_secs() < 20, "{:?}", started.elapsed());
}

#[test]
fn large_texts_of_few_lines_are_left_to_a_person_and_large_ones_with_few_changes_are_merged() {
    let labels = Labels { base: "b".into(), ours: "o".into(), theirs: "t".into() };
    let few = |seed: u64| {
        let mut numbers = Numbers(seed);
        (0..150_000).map(|_| ["a\n", "b\n"][numbers.next(2)]).collect::<String>()
    };
    let started = std::time::Instant::now();
    assert_eq!(merge(few(1).as_bytes(), few(2).as_bytes(), few(3).as_bytes(), &labels), MergedText::Unmergeable);
    let mut text: Vec<String> = (0..300_000).map(|at| if at % 3 == 0 { "}\n".to_owned() } else { format!("{at}\n") }).collect();
    let base = text.concat();
    for at in (0..300_000).step_by(100) {
        text[at] = "ours\n".to_owned();
    }
    let theirs = format!("{base}last\n");
    let merged = merge(base.as_bytes(), text.concat().as_bytes(), theirs.as_bytes(), &labels);
    assert!(merged == MergedText::Clean((text.concat() + "last\n").into_bytes()));
    assert!(started.elapsed().as_secs() < 60, "{:?}", started.elapsed());
}

#[test]
fn long_lists_and_wide_objects_take_no_longer_than_they_are_long() {
    const MANY: usize = 30_000;
    let list = |changed: usize| {
        let element = |id: usize| format!("{{\"id\":{id},\"v\":{}}}", usize::from(id == changed));
        format!("[{}]", (0..MANY).map(element).collect::<Vec<_>>().join(","))
    };
    let object = |changed: usize, from: usize| {
        let member = |at: usize| format!("\"k{at}\":{}", usize::from(at == changed));
        format!("{{\"in\":{{{}}}}}", (from..MANY).chain(0..from).map(member).collect::<Vec<_>>().join(","))
    };
    let clean = |base: &str, ours: &str, theirs: &str| {
        let merged = json::merge::merge(base.as_bytes(), ours.as_bytes(), theirs.as_bytes()).unwrap();
        assert!(merged.disagreements.is_empty());
        String::from_utf8(merged.text).unwrap()
    };
    let started = std::time::Instant::now();
    let merged = clean(&list(MANY), &list(1), &list(2));
    assert!(merged.contains("{\"id\":1,\"v\":1},{\"id\":2,\"v\":1}"));
    let merged = clean(&object(MANY, 0), &object(1, 0), &object(2, 7));
    assert!(merged.contains("\"k1\":1,\"k2\":1,"));
    let places = json::compare::compare(list(1).as_bytes(), list(2).as_bytes()).unwrap();
    assert_eq!(places.len(), 2);
    assert!(started.elapsed().as_secs() < 30, "{:?}", started.elapsed());
}
