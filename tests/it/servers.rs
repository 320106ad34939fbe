//! Real servers on loopback, good ones and bad ones.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use crate::support::fixtures::{BYTES, KOMMUN, PUPIL, SFTP, Small, small};
use crate::support::sandbox::Sandbox;
use crate::support::server::{Fault, GitDaemon, Http, Options, Sshd};
use crate::support::{same_files, snapshot, unchanged};

const K: [&str; 2] = KOMMUN;

fn start(options: Options) -> (Sandbox, Small, Http) {
    let sandbox = Sandbox::new();
    let small = small(&sandbox.path(""));
    let http = Http::start(&sandbox.path("srv"), options);
    (sandbox, small, http)
}

/// Newest, older and dependency from an address; gives the run.
fn fetch_all(sandbox: &Sandbox, small: &Small, url: &str) -> crate::support::sandbox::Outcome {
    let ws = sandbox.workspace("w", url);
    let run = sandbox.fetch(&ws, &[BYTES, &format!("{PUPIL}@=1.0.0"), K[0], K[1]]).ok();
    same_files(&ws.join("components").join(BYTES), &small.bytes.files);
    same_files(&ws.join("components").join(PUPIL), &small.pupil[0].files);
    run
}

#[test]
fn http_and_a_locked_run_that_asks_nothing() {
    let (sandbox, small, http) = start(Options::default());
    fetch_all(&sandbox, &small, &http.url());
    assert!(http.posts() <= 6, "{:?}", http.requests());
    http.reset();
    let ws = sandbox.path("ws/w");
    sandbox.fetch(&ws, &[]).ok();
    sandbox.fetch(&ws, &["--locked"]).ok();
    let other = sandbox.workspace("other", &http.url());
    sandbox.fetch(&other, &[BYTES, K[0], K[1], "--offline"]).ok();
    assert!(http.requests().is_empty(), "{:?}", http.requests());
    assert_eq!(http.bytes_out(), 0);
}

/// The newest of what needs another component: asked for are `main`, its files, and the other's.
const NEEDY: &str = "goteborg/pupil-system@=2.0.0-rc.1";

#[test]
fn what_a_dependency_needs_is_asked_over_a_line_that_is_kept() {
    let (sandbox, small, http) = start(Options::default());
    let ws = sandbox.workspace("w", &http.url());
    sandbox.fetch(&ws, &[NEEDY, K[0], K[1]]).ok();
    same_files(&ws.join("components").join(PUPIL), &small.pupil[3].files);
    same_files(&ws.join("components").join(SFTP), &small.sftp[2].files);
    let greetings = http.requests().len() - http.posts();
    assert!(greetings == 2 && http.posts() == 4, "{:?}", http.requests());
}

/// Answers every POST from the third on with a fault, or the third alone: there the line begins.
fn start_with_a_bad_line(fault: fn() -> Fault, once: bool) -> (Sandbox, Small, Http) {
    let posts = AtomicUsize::new(0);
    let hook = move |request: &crate::support::server::Request| {
        let post = if request.method == "POST" { posts.fetch_add(1, Ordering::Relaxed) + 1 } else { 0 };
        (post == 3 || post > 3 && !once).then(fault)
    };
    let (mut sandbox, small, http) = start(Options { hook: Some(Box::new(hook)), ..Options::default() });
    sandbox.set("FORUM_TIMEOUT", "2");
    sandbox.limit = Duration::from_secs(25);
    (sandbox, small, http)
}

#[test]
fn what_goes_wrong_on_a_line_is_asked_again_by_git() {
    let bad: [fn() -> Fault; 3] =
        [|| Fault::Status(500, "no"), || Fault::Garbage(b"0000garbage"), || Fault::Garbage(b"000dpackfile\nffff")];
    // What git itself makes of these, other tests tell.
    let torn: [fn() -> Fault; 2] = [|| Fault::CutAfter(300), || Fault::Flip(200)];
    for fault in bad.into_iter().chain(torn) {
        let (sandbox, small, http) = start_with_a_bad_line(fault, true);
        let ws = sandbox.workspace("w", &http.url());
        sandbox.fetch(&ws, &[NEEDY, K[0], K[1]]).ok();
        same_files(&ws.join("components").join(PUPIL), &small.pupil[3].files);
        same_files(&ws.join("components").join(SFTP), &small.sftp[2].files);
    }
    for fault in bad {
        let (sandbox, _small, http) = start_with_a_bad_line(fault, false);
        let ws = sandbox.workspace("w", &http.url());
        let before = snapshot(&ws);
        sandbox.fetch(&ws, &[NEEDY, K[0], K[1]]).fails(6, "unreachable");
        unchanged(&before, &ws);
    }
}

#[test]
fn a_server_that_falls_silent_on_a_line_is_given_up_and_not_asked_again() {
    for fault in [(|| Fault::Stall) as fn() -> Fault, || Fault::StallAfter(200)] {
        let (sandbox, _small, http) = start_with_a_bad_line(fault, false);
        let ws = sandbox.workspace("w", &http.url());
        let before = snapshot(&ws);
        sandbox.fetch(&ws, &[NEEDY, K[0], K[1]]).fails(6, "unreachable");
        assert_eq!(http.posts(), 3, "{:?}", http.requests());
        unchanged(&before, &ws);
    }
}

#[test]
fn http_by_the_engine_without_git() {
    let (mut sandbox, small, http) = start(Options::default());
    sandbox.set("FORUM_GIT", "builtin");
    fetch_all(&sandbox, &small, &http.url());
}

#[test]
fn http_without_filter_is_said() {
    let (sandbox, small, http) = start(Options { allow_filter: false, ..Options::default() });
    let run = fetch_all(&sandbox, &small, &http.url());
    assert!(run.stderr.contains("filter"), "{run}");
}

#[test]
fn http_of_the_old_protocol() {
    let (sandbox, small, http) = start(Options { protocol_v2: false, ..Options::default() });
    fetch_all(&sandbox, &small, &http.url());
}

#[test]
fn basic_auth_by_the_users_own_helper_and_no_trace_of_it() {
    let (sandbox, small, http) = start(Options { basic: &[("anna", "Zq7-hemlig")], ..Options::default() });
    let ws = sandbox.workspace("refused", &http.url());
    let before = snapshot(&ws);
    sandbox.fetch(&ws, &[BYTES, K[0], K[1]]).fails(6, "auth");
    unchanged(&before, &ws);
    let helper = "!f() { echo username=anna; echo password=Zq7-hemlig; }; f";
    crate::support::git(&["config", "--file", sandbox.path("home/.gitconfig").to_str().unwrap(), "credential.helper", helper]);
    let run = fetch_all(&sandbox, &small, &http.url());
    assert!(!run.both().contains("Zq7-hemlig"), "{run}");
    for place in ["cache", "state", "config", "ws"] {
        for (path, entry) in snapshot(&sandbox.path(place)) {
            assert!(!format!("{path:?}").contains("Zq7-hemlig"));
            if let crate::support::Entry::File { bytes, .. } = entry {
                assert!(!bytes.windows(10).any(|window| window == b"Zq7-hemlig"), "{place}/{path}");
            }
        }
    }
    let with_password = http.url_with("anna:Zq7-hemlig");
    let run = sandbox.fetch(&ws, &[BYTES, "--registry", &with_password]);
    run.fails(2, "usage");
    assert!(!run.both().contains("Zq7-hemlig"), "{run}");
}

#[test]
fn git_daemon() {
    let sandbox = Sandbox::new();
    let small = small(&sandbox.path(""));
    let daemon = GitDaemon::start(&sandbox.path("srv"));
    fetch_all(&sandbox, &small, &daemon.url());
}

#[test]
fn ssh() {
    let mut sandbox = Sandbox::new();
    let small = small(&sandbox.path(""));
    let sshd = Sshd::start(&sandbox.path("sshd"));
    sandbox.set("GIT_SSH_COMMAND", sshd.client());
    fetch_all(&sandbox, &small, &sshd.url(&small.registry.path));
}

fn refuses(name: &str, fault: fn() -> Fault, only_posts: bool, codes: &[&str]) {
    for engine in ["system", "builtin"] {
        let hook = move |request: &crate::support::server::Request| (!only_posts || request.method == "POST").then(fault);
        let (mut sandbox, _small, http) = start(Options { hook: Some(Box::new(hook)), ..Options::default() });
        sandbox.set("FORUM_TIMEOUT", "2").set("FORUM_GIT", engine);
        sandbox.limit = Duration::from_secs(25);
        let ws = sandbox.workspace("w", &http.url());
        let before = snapshot(&ws);
        let run = sandbox.fetch(&ws, &[BYTES, K[0], K[1]]).exits(6);
        let code = run.json()["error"]["code"].as_str().unwrap().to_owned();
        assert!(codes.contains(&code.as_str()), "{name}, {engine}: {run}");
        assert!(!run.both().contains('\u{1b}'), "{name}, {engine}: an escape reaches the terminal");
        unchanged(&before, &ws);
    }
}

#[test]
fn refusals() {
    refuses("401", || Fault::Status(401, "no\u{1b}[31m"), false, &["auth"]);
    refuses("403", || Fault::Status(403, "no"), false, &["denied", "auth"]);
    refuses("404", || Fault::Status(404, "no"), false, &["unreachable", "denied"]);
    refuses("500", || Fault::Status(500, "no"), false, &["unreachable"]);
    refuses("garbage", || Fault::Garbage(b"\x1b[2Jnot git at all"), false, &["unreachable"]);
}

#[test]
fn stalls() {
    refuses("stall", || Fault::Stall, false, &["unreachable"]);
    refuses("stall in the pack", || Fault::StallAfter(200), true, &["unreachable"]);
}

#[test]
fn whoever_says_nothing_is_given_up_over_git_and_ssh_too() {
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = silent.local_addr().unwrap().port();
    let mut sandbox = Sandbox::new();
    sandbox.set("FORUM_TIMEOUT", "1").set("GIT_SSH_COMMAND", "sh -c 'sleep 60'");
    sandbox.limit = Duration::from_secs(25);
    for (name, url) in [("git", format!("git://127.0.0.1:{port}/kommun.git")), ("ssh", "ssh://git@127.0.0.1/kommun.git".to_owned())] {
        let ws = sandbox.workspace(name, &url);
        let before = snapshot(&ws);
        let error = sandbox.fetch(&ws, &[BYTES, K[0], K[1]]).fails(6, "unreachable");
        assert!(error.contains("sent nothing for 1 seconds") && error.contains(&url), "{error}");
        unchanged(&before, &ws);
    }
}

#[test]
fn cuts_and_garbage_in_the_pack() {
    refuses("cut", || Fault::CutAfter(300), true, &["unreachable"]);
    refuses("garbage", || Fault::Garbage(b"0000garbage"), true, &["unreachable"]);
}

#[test]
fn a_slow_server_is_slow_but_right() {
    let hook =
        |request: &crate::support::server::Request| request.path.contains("info/refs").then_some(Fault::Drip(Duration::from_millis(1)));
    let (mut sandbox, small, http) = start(Options { hook: Some(Box::new(hook)), ..Options::default() });
    sandbox.set("FORUM_TIMEOUT", "5");
    fetch_all(&sandbox, &small, &http.url());
}

#[test]
fn a_flipped_byte_never_reaches_the_workspace() {
    for place in [60, 200, 900] {
        let hook = move |request: &crate::support::server::Request| (request.method == "POST").then_some(Fault::Flip(place));
        let (mut sandbox, small, http) = start(Options { hook: Some(Box::new(hook)), ..Options::default() });
        sandbox.set("FORUM_TIMEOUT", "3");
        let ws = sandbox.workspace("w", &http.url());
        let before = snapshot(&ws);
        let run = sandbox.fetch(&ws, &[BYTES, K[0], K[1]]);
        if run.code == Some(0) {
            same_files(&ws.join("components").join(BYTES), &small.bytes.files);
        } else {
            assert!(matches!(run.code, Some(1 | 6)), "{run}");
            unchanged(&before, &ws);
        }
    }
}
