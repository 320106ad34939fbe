//! Files with random secrets: the untouched copy is found, and each edit outside of the secrets is seen.

use proptest::prelude::*;

use super::*;
use crate::model::secret_places::reading::{Reading, read};
use crate::model::secret_places::{Outline, Place};
use crate::model::variables::{Bind, Replace};
use crate::model::written::digest;

type Variables = BTreeMap<String, Variable>;

/// A component with secrets in some files.
#[derive(Debug, Clone, Default)]
struct Made {
    variables: Variables,
    files: Vec<(Divided, Outline)>,
}

fn path(text: &str) -> RelPath {
    text.parse().expect("a path")
}

/// Each file as parts and the variables between them; with a `"` before its name one is bound.
fn made(files: &[(&str, &[&str], &[&str])], answers: &[(&str, &str)]) -> Made {
    let mut made = Made::default();
    for (file, parts, names) in files {
        let (mut bytes, mut places) = (parts[0].as_bytes().to_vec(), Vec::new());
        for (name, part) in names.iter().zip(&parts[1..]) {
            let (way, name) = name.strip_prefix('"').map_or((Way::Text, *name), |name| (Way::Token, name));
            let answer = answers.iter().find(|one| one.0 == name).expect("an answer").1;
            let variable =
                made.variables.entry(name.to_owned()).or_insert_with(|| toml::from_str("type = \"secret\"").expect("a variable"));
            let file = path(file);
            match way {
                Way::Text => variable.replace.push(Replace { file, text: format!("@@{name}@@"), count: 1 }),
                Way::Token => variable.bind.push(Bind { file, pointer: "/a".into() }),
            }
            bytes.extend(if way == Way::Text { answer.to_owned() } else { serde_json::to_string(answer).expect("JSON") }.bytes());
            bytes.extend(part.bytes());
            places.push(Place { name: name.to_owned(), way, published: b"@@".to_vec() });
        }
        let pieces: Vec<u64> = parts.iter().map(|part| part.len() as u64).collect();
        let outline = Outline { open: parts.concat().into_bytes(), pieces: pieces.clone(), places };
        made.files.push((Divided { path: path(file), bytes, pieces }, outline));
    }
    made
}

impl Made {
    fn is_clean(&self, named: bool) -> bool {
        let other = [(path("README.md"), Checksum::of(b"r")), (path("z"), Checksum::of(b"z"))];
        let known = other.iter().map(|(path, sum)| (path, *sum));
        let wanted = digest(self.files.iter().map(|(file, outline)| (&file.path, Checksum::of(&outline.open))).chain(known));
        let files: Vec<_> = self.files.iter().map(|(file, _)| file.clone()).collect();
        matches(&files, &other, named.then_some(&self.variables), &wanted)
    }

    fn with(&self, file: usize, bytes: &[u8]) -> Self {
        let mut other = self.clone();
        other.files[file].0.bytes = bytes.to_vec();
        other
    }
}

fn lines(names: &[&str]) -> Vec<String> {
    let mut parts: Vec<String> = names.iter().map(|name| format!("\n{name}=")).collect();
    parts[0].remove(0);
    parts.push("\n".to_owned());
    parts
}

fn env(names: &[&str], length: usize, files: usize) -> Made {
    let (parts, secret) = (lines(names), "S".repeat(length));
    let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
    let paths: Vec<_> = (0..files).map(|index| format!("f{index}.env")).collect();
    let files: Vec<_> = paths.iter().map(|path| (path.as_str(), parts.as_slice(), names)).collect();
    made(&files, &names.iter().map(|name| (*name, secret.as_str())).collect::<Vec<_>>())
}

#[test]
fn several_long_secrets_are_found_in_one_file_and_in_several() {
    for (names, length, files) in
        [(&["a", "b"][..], 5000, 1), (&["a", "b", "c"], 64, 1), (&["a", "b", "c", "d", "e"], 200, 1), (&["a", "b", "c"], 80, 4)]
    {
        let made = env(names, length, files);
        assert!(made.is_clean(true), "{} of {length} in {files}", names.len());
        assert!(made.is_clean(false), "{} of {length} in {files}, without a manifest", names.len());
    }
}

#[test]
fn lines_beside_a_secret_are_no_part_of_it() {
    let made = made(&[(".env", &["# 1\nKEY=", "\n"], &["key"])], &[("key", "abc")]);
    assert!(made.is_clean(true));
    for (text, clean) in
        [("# 1\nKEY=other\n", true), ("# 1\nKEY=abc\nHOST=h\n", false), ("# 1\nKEY=abc\n\n", false), ("# 1\nKEX=abc\n", false)]
    {
        assert_eq!((made.with(0, text.as_bytes()).is_clean(true), made.with(0, text.as_bytes()).is_clean(false)), (clean, clean), "{text}");
    }
}

#[test]
fn what_is_no_answer_is_no_secret() {
    let files: &[(&str, &[&str], &[&str])] = &[("a.json", &["{\"pw\":", ",\"o\":1}"], &["\"pw"]), ("b", &["K=", "\n"], &["pw"])];
    let mut made = made(files, &[("pw", "abc")]);
    let json = |text: &str| made.with(0, text.as_bytes()).is_clean(true);
    assert!(made.is_clean(true));
    assert!(!json("{\"pw\":\"abc\",\"mine\":5,\"o\":1}"), "keys beside a token");
    assert!(!json("{\"pw\":\"abd\",\"o\":1}"), "one secret is the same everywhere");
    made.variables.get_mut("pw").expect("it").pattern = Some("^[a-z]+$".into());
    assert!(made.is_clean(true));
    let other = made.with(0, b"{\"pw\":\"a1\",\"o\":1}").with(1, b"K=a1\n");
    assert!(!other.is_clean(true), "the pattern is kept");
    assert!(made.with(0, b"{\"pw\":\"az\",\"o\":1}").with(1, b"K=az\n").is_clean(true));
}

#[test]
fn a_hopeless_search_ends() {
    let names: Vec<String> = (0..200).map(|index| format!("v{index}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let made = env(&names, 100, 1);
    assert!(made.is_clean(true));
    let mut bytes = made.files[0].0.bytes.clone();
    let last = bytes.len() - 1;
    bytes[last] = b';';
    // Without a limit this would outlast everybody.
    assert!(!made.with(0, &bytes).is_clean(true));
}

/// Text between secrets, as it stands in settings.
fn part() -> impl Strategy<Value = String> {
    prop_oneof![
        "[A-Z]{1,8}=".prop_map(|key| format!("\n{key}")),
        "[A-Z]{1,8}=".prop_map(|key| format!("\"\n# of here\n{key}\"")),
        "[a-z]{1,6}".prop_map(|key| format!("\",\n  \"{key}\": \"")),
        "[a-z]{1,6}".prop_map(|key| format!("</x>\n<{key}>")),
        "[a-z]{1,6}".prop_map(|key| format!("&{key}=")),
    ]
}

fn files() -> impl Strategy<Value = Made> {
    let name = prop::sample::select(vec!["a", "b", "c", "d", "e"]);
    let file = (part(), prop::collection::vec((name, part()), 1..6), part());
    let answers = prop::collection::vec("[A-Za-z0-9+/_!#%.-]{0,48}", 5);
    (prop::collection::vec(file, 1..4), answers).prop_map(|(files, answers)| {
        let answers: Vec<_> = ["a", "b", "c", "d", "e"].into_iter().zip(answers.iter().map(String::as_str)).collect();
        let all: Vec<(String, Vec<String>, Vec<&str>)> = files
            .into_iter()
            .enumerate()
            .map(|(index, (start, places, _))| {
                let (names, parts): (Vec<_>, Vec<_>) = places.into_iter().unzip();
                (format!("f{index}"), [vec![start], parts].concat(), names)
            })
            .collect();
        let parts: Vec<Vec<&str>> = all.iter().map(|file| file.1.iter().map(String::as_str).collect()).collect();
        let files: Vec<_> = all.iter().zip(&parts).map(|(file, parts)| (file.0.as_str(), parts.as_slice(), file.2.as_slice())).collect();
        made(&files, &answers)
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    #[test]
    fn untouched_files_are_found_and_read_back(made in files()) {
        prop_assert!(made.is_clean(true));
        let rules = Rules::of(&made.variables);
        for (file, outline) in &made.files {
            if let Reading::Found(found) = read(&file.bytes, outline, &rules) {
                let mut rest = file.bytes.as_slice();
                let mut open = outline.open.as_slice();
                for (piece, place) in outline.pieces.iter().zip(outline.places.iter().map(Some).chain([None])) {
                    let length = usize::try_from(*piece).expect("a length");
                    prop_assert_eq!(&rest[..length], &open[..length]);
                    (rest, open) = (&rest[length..], &open[length..]);
                    let answer = place.and_then(|place| found.get(&place.name)?.as_deref()).unwrap_or_default();
                    prop_assert!(rest.starts_with(answer.as_bytes()));
                    rest = &rest[answer.len()..];
                }
            } else {
                prop_assert_eq!(read(&file.bytes, outline, &rules), Reading::Unclear);
            }
        }
    }

    #[test]
    fn an_edit_between_secrets_is_seen(made in files(), file in 0..3_usize, at in any::<prop::sample::Index>(), by in 1..255_u8) {
        let file = file % made.files.len();
        let (divided, outline) = &made.files[file];
        let mut bytes = divided.bytes.clone();
        // A byte of the text between: there it is changed, in the file as in its outline.
        let in_open = at.index(outline.open.len());
        let (mut start, mut open) = (0, 0);
        for (piece, place) in outline.pieces.iter().zip(outline.places.iter().map(Some).chain([None])) {
            let length = usize::try_from(*piece).expect("a length");
            if in_open < open + length {
                bytes[start + in_open - open] ^= by;
                break;
            }
            (open, start) = (open + length, start + length);
            let Reading::Found(found) = read(&divided.bytes, outline, &Rules::of(&made.variables)) else { return Ok(()) };
            start += place.and_then(|place| found.get(&place.name)?.as_ref()).map_or(0, String::len);
        }
        prop_assert!(!made.with(file, &bytes).is_clean(true));
    }
}
