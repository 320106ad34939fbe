//! Secrets in files: what counts as one, what is read back, and what an update and `diff` make of it.

use std::fs;

use serde_json::Value;

use crate::support::files;
use crate::support::fixtures::empty;
use crate::support::registry::Version;
use crate::support::sandbox::Outcome;
use crate::update::{Copy, ID, outcome, version};

fn secret(name: &str, places: &[&str]) -> String {
    let text = format!("@@{name}@@");
    let places: Vec<_> = places.iter().map(|file| format!("{{ file = \"{file}\", text = \"{text}\", count = 1 }}")).collect();
    format!("[variables.{name}]\ntype = \"secret\"\nreplace = [{}]\n", places.join(", "))
}

fn state(copy: &Copy) -> Value {
    copy.run(&["status", "--json"]).components()[ID]["state"].clone()
}

fn actions(run: &Outcome) -> Value {
    run.components()[ID]["action"].clone()
}

#[test]
fn lines_written_beside_a_secret_are_the_receivers() {
    let manifest = format!("{}pattern = \"^[a-z]+$\"\n", secret("kk", &[".env"]));
    let one = |number: &str| version(number, &[(".env", &format!("# {number}\nUSER=forum\nKEY=@@kk@@\n"))]).manifest(&manifest);
    let copy = Copy::with_answers(vec![one("1.0.0"), one("1.1.0")], &["kk=abc"]);
    assert_eq!(state(&copy), "clean");
    copy.write(".env", "# 1.0.0\nUSER=forum\nKEY=other\n");
    assert_eq!(state(&copy), "clean", "another secret is no change");
    let mine = "# 1.0.0\nUSER=forum\nKEY=abc\nHOST=my.own.host\nPORT=2222\n";
    copy.write(".env", mine);
    assert_eq!(state(&copy), "adapted");
    assert_eq!(actions(&copy.run(&["fetch", &format!("{ID}@=1.1.0"), "--json"])), "kept");
    copy.run(&["fetch", ID, "--set", "kk=newkey", "--json"]).fails(2, "usage");
    assert_eq!(copy.read(".env"), mine);
    copy.write(".env", "# 1.0.0\nUSER=forum\nKEY=abc # mine\n");
    assert_eq!(state(&copy), "adapted", "the variable takes no such answer");
}

#[test]
fn many_and_long_secrets_are_clean_as_soon_as_they_are_fetched() {
    let three = [secret("k1", &["a.env", "b.env"]), secret("k2", &["a.env", "b.env"]), secret("k3", &["a.env"])].concat();
    let of = |number: &str| {
        let (a, b) = ("A=@@k1@@\nB=@@k2@@\nC=@@k3@@\n", "{\"x\": \"@@k2@@\", \"y\": \"@@k1@@\"}\n");
        version(number, &[("a.env", a), ("b.env", b), ("n.txt", number)]).manifest(&three)
    };
    let (long, other, third) = ("S".repeat(5000), "b/+=".repeat(16), "c-_.".repeat(10));
    let answers = [format!("k1={long}"), format!("k2={other}"), format!("k3={third}")];
    let copy = Copy::with_answers(vec![of("1.0.0"), of("1.1.0")], &answers.each_ref().map(String::as_str));
    assert_eq!(state(&copy), "clean");
    let run = copy.run(&["fetch", &format!("{ID}@=1.1.0"), "--json"]).ok();
    assert_eq!(actions(&run), "updated", "all secrets are read back: {run}");
    assert_eq!(copy.read("a.env"), format!("A={long}\nB={other}\nC={third}\n"));
    assert_eq!((state(&copy), copy.read("n.txt").as_str()), ("clean".into(), "1.1.0"));
    copy.run(&["fetch", ID, "--set", "k2=short", "--json"]).ok();
    assert_eq!(copy.read("b.env"), format!("{{\"x\": \"short\", \"y\": \"{long}\"}}\n"));
    copy.write("b.env", &format!("{{\"x\": \"other\", \"y\": \"{long}\"}}\n"));
    let row = copy.run(&["status", "--json"]).components()[ID].clone();
    assert_eq!(row["state"], "adapted", "a secret is the same at all its places");
    assert_eq!(row["changed"], serde_json::json!(["b.env"]));
}

#[test]
fn a_key_of_many_lines_is_a_secret_and_lines_below_it_are_not() {
    let key = "-----BEGIN PRIVATE KEY-----\nMIIabc\ndef=\n-----END PRIVATE KEY-----";
    let manifest = secret("kk", &["key.pem"]);
    let (sandbox, mut registry) = empty();
    registry.publish_version(Version::new(ID, "1.0.0", files(&[("key.pem", "# key\n@@kk@@\n")])).manifest(&manifest));
    let ws = sandbox.workspace("w", &registry.url());
    fs::write(ws.join("given.toml"), format!("kk = '''\n{key}'''\n")).unwrap();
    sandbox.run(&ws, &["fetch", ID, "--answers", "given.toml", "--json"]).ok();
    let file = ws.join("components").join(ID).join("key.pem");
    let other = sandbox.workspace("other", &registry.url());
    fs::write(other.join("given.toml"), "kk = \"one\\ntwo\"\n").unwrap();
    let run = sandbox.run(&other, &["fetch", ID, "--answers", "given.toml", "--json"]).ok();
    assert!(run.stderr.contains("the secret `kk` has lines") && !run.both().contains("two"), "{run}");
    assert_eq!(sandbox.run(&other, &["status", "--json"]).components()[ID]["state"], "adapted");
    for (added, state) in [("", "clean"), ("mine\n", "adapted")] {
        fs::write(&file, format!("# key\n{key}\n{added}")).unwrap();
        assert_eq!(sandbox.run(&ws, &["status", "--json"]).components()[ID]["state"], state);
    }
}

#[test]
fn an_update_reads_two_secrets_of_one_file_back() {
    let both = [secret("key", &["s.env"]), secret("tok", &["s.env"])].concat();
    let of = |number: &str, b: &str| {
        version(number, &[("s.env", &format!("A=1\nKEY=@@key@@\nB={b}\nTOK=@@tok@@\n")), ("own.txt", "1\n")]).manifest(&both)
    };
    let copy = Copy::with_answers(vec![of("1.0.0", "2"), of("1.1.0", "22")], &["key=hunter2", "tok=tttt"]);
    let run = copy.update(&[ID, "--to", "1.0.0", "--set", "tok=t2t2"]).ok();
    assert_eq!(copy.read("s.env"), "A=1\nKEY=hunter2\nB=2\nTOK=t2t2\n", "{run}");
    copy.update(&[ID, "--to", "1.0.0", "--set", "tok=tttt"]).ok();
    copy.write("own.txt", "mine\n");
    let run = copy.update(&[ID, "--to", "1.0.0", "--set", "key=fresh"]).ok();
    assert_eq!(outcome(&run, "s.env").0, "upstream", "{run}");
    assert_eq!(copy.read("s.env"), "A=1\nKEY=fresh\nB=2\nTOK=tttt\n");
    let run = copy.update(&[]).ok();
    assert_eq!(outcome(&run, "s.env").0, "upstream", "{run}");
    assert_eq!((copy.read("s.env").as_str(), copy.read("own.txt").as_str()), ("A=1\nKEY=fresh\nB=22\nTOK=tttt\n", "mine\n"));
}

#[test]
fn a_secret_goes_into_a_further_file_or_is_said_to_be_missing_there() {
    let (one, two) = (secret("tok", &["p.env"]), secret("tok", &["p.env", "job.yaml"]));
    let publish = || {
        let first = version("1.0.0", &[("p.env", "h1\nh2\nh3\nT=@@tok@@\n"), ("own.txt", "x\n")]).manifest(&one);
        let second = [("p.env", "h1\nh2\nh3\nT=@@tok@@\n"), ("own.txt", "x\n"), ("job.yaml", "password: @@tok@@\n")];
        Copy::with_answers(vec![first, version("1.1.0", &second).manifest(&two)], &["tok=abc123"])
    };
    let copy = publish();
    copy.write("own.txt", "mine\n");
    let run = copy.update(&[]).ok();
    assert_eq!(copy.read("job.yaml"), "password: abc123\n", "{run}");
    let copy = publish();
    copy.write("p.env", "# of ours\nh1\nh2\nh3\nT=abc123\n");
    copy.update(&[]).ok();
    assert_eq!(copy.read("job.yaml"), "password: abc123\n", "it is read from its line");
    let copy = publish();
    copy.write("p.env", "h1\nh2\nh3\nTOKEN = abc123\n");
    let run = copy.update(&[]).ok();
    assert!(run.stderr.contains("`tok` is not filled in in job.yaml: forum update"), "{run}");
    let run = copy.update(&[ID, "--set", "tok=abc123"]).exits(4);
    assert_eq!(copy.read("job.yaml"), "password: abc123\n", "{run}");
    assert!(!run.stderr.contains("not filled in"), "{run}");
}

#[test]
fn nothing_shows_a_secret_while_an_update_waits() {
    let manifest =
        format!("[variables.pw]\ntype = \"secret\"\nbind = [{{ file = \"s.json\", pointer = \"/pw\" }}]\n{}", secret("key", &["s.env"]));
    let json = |pw: &str, other: u8| format!("{{\"pw\":\"{pw}\",\"o\":{other}}}\n");
    let env = |a: u8| format!("KEY=@@key@@\nA={a}\n");
    let of = |number: &str, pw, o| version(number, &[("s.json", &json(pw, o)), ("s.env", &env(o))]).manifest(&manifest);
    let copy = Copy::with_answers(vec![of("1.0.0", "PLACE", 1), of("1.1.0", "OTHER", 2)], &["pw=S3CRET-PW", "key=S3CRET-KEY"]);
    // What stands at both places is changed, so that both files wait.
    copy.write("s.json", &json("S3CRET-HERE", 3));
    fs::remove_file(copy.at.join("s.env")).unwrap();
    let run = copy.update(&[ID, "--set", "key=S3CRET-NEW", "--set", "pw=S3CRET-PW2"]).exits(4);
    let report = copy.read("s.json.conflicts-1.1.0.json");
    assert!(report.contains("(secret)") && report.contains("/o") && !report.contains("S3CRET"), "{report}");
    assert!(copy.read("s.theirs-1.1.0.env").contains("S3CRET-NEW"));
    for args in [&["diff"][..], &["diff", "--json"], &["status", "--json"], &["diff", "--upstream"]] {
        let run = copy.run(args).ok();
        assert!(!run.both().contains("S3CRET"), "{run}");
    }
    assert!(copy.run(&["diff"]).ok().stdout.contains("s.json.conflicts-1.1.0.json"), "it is named");
    assert!(!run.both().contains("S3CRET"), "{run}");
    fs::remove_dir_all(copy.ws.join(".forum")).unwrap();
    let run = copy.run(&["diff"]).ok();
    assert!(!run.both().contains("S3CRET"), "without the record of what waits: {run}");
}

#[test]
fn a_copy_of_a_file_with_a_secret_is_not_shown() {
    let copy =
        Copy::with_answers(vec![version("1.0.0", &[("s.env", "KEY=@@key@@\n")]).manifest(&secret("key", &["s.env"]))], &["key=hush-Zq9"]);
    copy.write("prod.env", "# ours, and quite another file\nA=1\nB=2\nKEY=hush-Zq9\n");
    let run = copy.run(&["diff", "--json"]).ok();
    assert!(!run.both().contains("hush") && run.stdout.contains("prod.env"), "{run}");
}
