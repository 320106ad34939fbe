//! Rules of resolution, each on a catalogue written as text.

use super::*;

struct Texts(BTreeMap<ComponentId, Rc<IndexFile>>);

impl Catalog for Texts {
    fn index(&self, id: &ComponentId) -> Result<Option<Rc<IndexFile>>> {
        Ok(self.0.get(id).cloned())
    }
}

fn id(text: &str) -> ComponentId {
    text.parse().expect("an id")
}

/// Lines `owner/name version dependency@req …`; `!yanked` and `!removed` as last word.
fn catalogue(lines: &str) -> Texts {
    let mut files: BTreeMap<&str, (String, String)> = BTreeMap::new();
    for line in lines.lines().map(str::trim).filter(|line| !line.is_empty()) {
        let mut words = line.split_whitespace();
        let (name, version) = (words.next().expect("id"), words.next().expect("version"));
        let (body, notices) = files.entry(name).or_default();
        let zeros = "0".repeat(64);
        *body += &format!("[[version]]\nversion = \"{version}\"\ntree = \"{}\"\nchecksum = \"sha256:{zeros}\"\n", &zeros[..40]);
        *body += "published = \"2026-01-01T00:00:00Z\"\nlicense = \"MIT\"\n[version.dependencies]\n";
        for word in words {
            match (word.strip_prefix('!'), word.split_once('@')) {
                (Some(table), _) => *notices += &format!("[{table}.\"{version}\"]\nreason = \"wrong mapping\"\ndate = \"2026-01-01\"\n"),
                (None, Some((needed, requirement))) => *body += &format!("\"{needed}\" = \"{requirement}\"\n"),
                (None, None) => panic!("{word}"),
            }
        }
    }
    let parse = |(name, (body, notices)): (&str, (String, String))| {
        let text = format!("format = 1\nid = \"{name}\"\n[card]\n{body}{notices}");
        let file = IndexFile::parse("index", text.as_bytes(), &id(name)).unwrap_or_else(|e| panic!("{e:?}\n{text}"));
        (id(name), Rc::new(file))
    };
    Texts(files.into_iter().map(parse).collect())
}

fn solve(lines: &str, wishes: &[(&str, &str)], locked: &[(&str, &str)]) -> Result<String, Failure> {
    let wishes: Vec<_> = wishes.iter().map(|(i, r)| Wish { id: id(i), requirement: r.parse().expect("req") }).collect();
    let locked = locked.iter().map(|(i, v)| (id(i), v.parse().expect("version"))).collect();
    let found = resolve(&catalogue(lines), &wishes, &locked).map_err(|e| Failure::of(&e))?;
    Ok(found.iter().map(|(id, chosen)| format!("{id} {}", chosen.record.version)).collect::<Vec<_>>().join(", "))
}

const SERIES: &str = "aa/series 1.9.0\naa/series 1.10.0\naa/series 2.0.0-rc.2\naa/series 2.0.0-rc.10\naa/series 1.8.9\naa/series 1.11.0 !yanked\naa/series 1.12.0 !removed";

#[test]
fn requirements_are_those_of_cargo() {
    for (requirement, want) in
        [("*", "1.10.0"), ("^1.8", "1.10.0"), ("~1.8", "1.8.9"), ("1.9", "1.10.0"), (">=2.0.0-rc.1", "2.0.0-rc.10"), ("=1.9.0", "1.9.0")]
    {
        assert_eq!(solve(SERIES, &[("aa/series", requirement)], &[]).expect(requirement), format!("aa/series {want}"));
    }
}

#[test]
fn the_lock_is_preferred_and_keeps_a_yanked_version_but_not_a_removed_one() {
    for (locked, want) in [("1.9.0", "1.9.0"), ("1.11.0", "1.11.0"), ("1.12.0", "1.10.0"), ("0.1.0", "1.10.0")] {
        assert_eq!(solve(SERIES, &[("aa/series", "^1")], &[("aa/series", locked)]).expect(locked), format!("aa/series {want}"));
    }
}

#[test]
fn a_wish_that_nothing_satisfies_says_why() {
    for (requirement, parts) in [
        ("^2", ["2.0.0-rc.10 is a pre-release", "`^2`"]),
        ("=1.11.0", ["1.11.0 is yanked: wrong mapping", "1.10.0"]),
        ("=1.12.0", ["1.12.0 was removed: wrong mapping", "1.10.0"]),
        ("^7", ["no version of aa/series", "there are"]),
    ] {
        let error = solve(SERIES, &[("aa/series", requirement)], &[]).expect_err(requirement);
        assert_eq!(error.code, Code::NoSolution);
        assert!(parts.iter().all(|part| error.message.contains(part)) && !error.hints.is_empty(), "{error}");
    }
    assert_eq!(solve(SERIES, &[("aa/other", "*")], &[]).expect_err("unknown").code, Code::NotFound);
}

const BASE: &str = "bb/base 1.0.0\nbb/base 2.0.0\nbb/base 2.3.0\nbb/base 3.0.0\n";

#[test]
fn a_diamond_gets_one_version_that_suits_both() {
    let lines = format!("{BASE}aa/left 1.0.0 bb/base@>=1,<3\naa/right 1.0.0 bb/base@^2.0\naa/top 1.0.0 aa/left@^1 aa/right@^1");
    assert_eq!(solve(&lines, &[("aa/top", "^1")], &[]).expect("a solution"), "aa/left 1.0.0, aa/right 1.0.0, aa/top 1.0.0, bb/base 2.3.0");
}

#[test]
fn an_older_version_is_taken_where_the_newest_cannot_be() {
    let lines = format!("{BASE}aa/top 1.0.0 bb/base@^2\naa/top 1.1.0 bb/base@^9\naa/top 1.2.0 cc/nowhere@*");
    assert_eq!(solve(&lines, &[("aa/top", "^1")], &[]).expect("a solution"), "aa/top 1.0.0, bb/base 2.3.0");
}

#[test]
fn a_clash_names_both_requirers_and_the_component() {
    let lines = format!("{BASE}aa/one 1.0.0 bb/base@^1\naa/three 1.0.0 bb/base@^3\naa/top 1.0.0 aa/one@^1 aa/three@^1");
    let error = solve(&lines, &[("aa/top", "*")], &[]).expect_err("a clash");
    for part in ["aa/one 1.0.0 asks for bb/base `^1`", "aa/three 1.0.0 asks for bb/base `^3`"] {
        assert!(error.message.contains(part), "{error}");
    }
    let lost = solve("aa/top 1.0.0 cc/nowhere@*", &[("aa/top", "*")], &[]).expect_err("missing");
    assert!(lost.code == Code::NoSolution && lost.message.contains("aa/top 1.0.0 needs cc/nowhere"), "{lost}");
}

#[test]
fn a_locked_component_is_not_pushed_aside_by_a_new_wish() {
    let lines = format!("{BASE}aa/new 1.0.0 bb/base@^2\naa/new 1.1.0 bb/base@^3");
    let locked = [("bb/base", "2.0.0")];
    assert_eq!(solve(&lines, &[("bb/base", "*"), ("aa/new", "*")], &locked).expect("a solution"), "aa/new 1.0.0, bb/base 2.0.0");
}

#[test]
fn circles_are_named() {
    let error = solve("aa/one 1.0.0 aa/two@^1\naa/two 1.0.0 aa/one@^1", &[("aa/one", "*")], &[]).expect_err("a circle");
    assert!(error.code == Code::NoSolution && error.message.contains("aa/one -> aa/two -> aa/one"), "{error}");
    let own = solve("aa/self 1.0.0 aa/self@^1", &[("aa/self", "*")], &[]).expect_err("a circle");
    assert!(own.message.contains("circle: aa/self -> aa/self"), "{own}");
    let other = solve("aa/self 1.0.0 aa/self@^2", &[("aa/self", "*")], &[]).expect_err("a circle");
    assert!(other.message.contains("circle: aa/self -> aa/self"), "{other}");
}

#[test]
fn small_random_catalogues_are_solved_exactly_when_trying_all_choices_finds_one() {
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    let mut random = |below: usize| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(state >> 33).expect("31 bits") % below
    };
    let (mut solved, mut refused) = (0, 0);
    for _ in 0..400 {
        // Component n depends on higher ones only, so that there are no circles.
        let mut lines = String::new();
        let mut needs = vec![vec![Vec::new(); 3]; 5];
        for (component, needs) in needs.iter_mut().enumerate() {
            for (version, needs) in needs.iter_mut().enumerate() {
                lines += &format!("aa/c{component} {}.0.0", version + 1);
                for needed in component + 1..5 {
                    if random(3) == 0 {
                        let major = random(3);
                        needs.push((needed, major));
                        lines += &format!(" aa/c{needed}@^{}", major + 1);
                    }
                }
                lines += "\n";
            }
        }
        // Trying all choices of the five versions, of which the first two are wanted.
        let all = (0..243_usize).map(|n| [n % 3, n / 3 % 3, n / 9 % 3, n / 27 % 3, n / 81]);
        let holds = |pick: &[usize; 5]| {
            let mut open = vec![0, 1];
            while let Some(component) = open.pop() {
                for &(needed, major) in &needs[component][pick[component]] {
                    if pick[needed] != major {
                        return false;
                    }
                    open.push(needed);
                }
            }
            true
        };
        let possible = all.clone().any(|pick| holds(&pick));
        let outcome = solve(&lines, &[("aa/c0", "*"), ("aa/c1", "*")], &[]);
        assert_eq!(outcome.is_ok(), possible, "{lines}{outcome:?}");
        if possible { solved += 1 } else { refused += 1 }
    }
    assert!(solved > 50 && refused > 5, "both kinds must occur: {solved} {refused}");
}
