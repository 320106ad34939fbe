//! What the tests stand on: sandboxes, registries, servers, snapshots.

pub(crate) mod fixtures;
pub(crate) mod json_schema;
pub(crate) mod registry;
pub(crate) mod sandbox;
pub(crate) mod server;
pub(crate) mod source;
#[cfg(unix)]
pub(crate) mod terminal;

use std::collections::BTreeMap;
use std::fs;
use std::io::{Read, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// Files of a component: path, executable or not, bytes.
pub(crate) type Files = BTreeMap<String, (bool, Vec<u8>)>;

/// Files that are not executable.
pub(crate) fn files<B: AsRef<[u8]>>(list: &[(&str, B)]) -> Files {
    list.iter().map(|(path, bytes)| ((*path).to_owned(), (false, bytes.as_ref().to_vec()))).collect()
}

/// What git may see of our environment: nothing that a user has set up.
pub(crate) fn git_command() -> Command {
    let mut command = Command::new("git");
    clean(&mut command);
    command
}

/// Takes away the environment and puts back what git needs.
pub(crate) fn clean(command: &mut Command) {
    command.env_clear();
    for key in ["PATH", "TMPDIR", "LANG", "SYSTEMROOT"] {
        if let Some(value) = std::env::var_os(key) {
            command.env(key, value);
        }
    }
    command.envs([
        ("HOME", "/nonexistent"),
        ("LC_ALL", "C.UTF-8"),
        ("GIT_CONFIG_NOSYSTEM", "1"),
        ("GIT_CONFIG_GLOBAL", "/dev/null"),
        ("GIT_TERMINAL_PROMPT", "0"),
        ("GIT_AUTHOR_NAME", "Fixture"),
        ("GIT_AUTHOR_EMAIL", "fixture@example.org"),
        ("GIT_COMMITTER_NAME", "Fixture"),
        ("GIT_COMMITTER_EMAIL", "fixture@example.org"),
        ("GIT_AUTHOR_DATE", "1767225600 +0000"),
        ("GIT_COMMITTER_DATE", "1767225600 +0000"),
        ("GIT_CONFIG_COUNT", "1"),
        ("GIT_CONFIG_KEY_0", "safe.directory"),
        ("GIT_CONFIG_VALUE_0", "*"),
    ]);
}

/// Runs a command with input; its output, or a panic with what it said.
pub(crate) fn output(mut command: Command, input: &[u8]) -> Vec<u8> {
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| panic!("{}: {error}", command.get_program().display()));
    let mut stdin = child.stdin.take().unwrap();
    let input = input.to_vec();
    let feeder = std::thread::spawn(move || {
        let _ = stdin.write_all(&input);
    });
    let done = child.wait_with_output().unwrap();
    feeder.join().unwrap();
    assert!(done.status.success(), "{command:?}: {}", String::from_utf8_lossy(&done.stderr));
    done.stdout
}

/// Runs git and gives its output as text.
pub(crate) fn git<S: AsRef<std::ffi::OsStr>>(args: &[S]) -> String {
    let mut command = git_command();
    command.args(args);
    String::from_utf8(output(command, b"")).unwrap().trim().to_owned()
}

/// What a thing in a directory is: everything that a command could change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Entry {
    Directory { mode: u32 },
    Link { target: String },
    File { mode: u32, bytes: Vec<u8>, modified: Option<std::time::SystemTime> },
    Special,
}

/// Real files to test with: below the directory that `FORUM_TEST_DATA` names, else beside the repository in
/// `../shared/data`. `None` where they are not at hand, which is said.
pub(crate) fn test_data(below: &str) -> Option<PathBuf> {
    let beside = || Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data");
    let directory = std::env::var_os("FORUM_TEST_DATA").map_or_else(beside, PathBuf::from).join(below);
    if directory.exists() {
        return Some(directory);
    }
    skipped(&format!("{} is not there", directory.display()));
    None
}

/// Says past the harness, which swallows the talk of tests that pass, that a test could not be run here.
pub(crate) fn skipped(why: &str) {
    let _ = writeln!(std::io::stderr(), "skipped: {why}");
}

/// Names, modes, bytes and times of all that is below a directory.
pub(crate) fn snapshot(directory: &Path) -> BTreeMap<String, Entry> {
    let mut found = BTreeMap::new();
    walk(directory, "", &mut found);
    found
}

/// As `snapshot`, without the times.
pub(crate) fn contents(directory: &Path) -> BTreeMap<String, Entry> {
    let mut found = snapshot(directory);
    for entry in found.values_mut() {
        if let Entry::File { modified, .. } = entry {
            *modified = None;
        }
    }
    found
}

fn walk(directory: &Path, under: &str, found: &mut BTreeMap<String, Entry>) {
    let Ok(list) = fs::read_dir(directory) else { return };
    for item in list {
        let item = item.unwrap();
        let name = format!("{under}{}", item.file_name().to_string_lossy());
        let about = fs::symlink_metadata(item.path()).unwrap();
        let entry = if about.is_symlink() {
            Entry::Link { target: fs::read_link(item.path()).unwrap().to_string_lossy().into_owned() }
        } else if about.is_dir() {
            walk(&item.path(), &format!("{name}/"), found);
            Entry::Directory { mode: mode(&about) }
        } else if about.is_file() {
            Entry::File { mode: mode(&about), bytes: fs::read(item.path()).unwrap_or_default(), modified: about.modified().ok() }
        } else {
            Entry::Special
        };
        found.insert(name, entry);
    }
}

#[cfg(unix)]
fn mode(about: &fs::Metadata) -> u32 {
    std::os::unix::fs::PermissionsExt::mode(&about.permissions()) & 0o7777
}

#[cfg(not(unix))]
fn mode(_about: &fs::Metadata) -> u32 {
    0
}

/// The directory is as the snapshot says: nothing written, not even again.
#[track_caller]
pub(crate) fn unchanged(before: &BTreeMap<String, Entry>, directory: &Path) {
    let after = snapshot(directory);
    let differ: Vec<&String> = before.keys().chain(after.keys()).filter(|key| before.get(*key) != after.get(*key)).collect();
    assert!(differ.is_empty(), "{} changed: {differ:?}", directory.display());
}

/// The directory holds what the snapshot of contents says, perhaps written anew.
#[track_caller]
pub(crate) fn same_contents(before: &BTreeMap<String, Entry>, directory: &Path) {
    let after = contents(directory);
    let differ: Vec<&String> = before.keys().chain(after.keys()).filter(|key| before.get(*key) != after.get(*key)).collect();
    assert!(differ.is_empty(), "{} differs: {differ:?}", directory.display());
}

/// The directory holds exactly these files, modes included.
#[track_caller]
pub(crate) fn same_files(directory: &Path, want: &Files) {
    let mut got = Files::new();
    for (path, entry) in snapshot(directory) {
        match entry {
            Entry::Directory { .. } => {}
            Entry::File { mode, bytes, .. } => {
                got.insert(path, (mode & 0o100 != 0, bytes));
            }
            other => panic!("{path} is {other:?}"),
        }
    }
    for path in want.keys().chain(got.keys()) {
        assert!(got.get(path) == want.get(path), "{path} in {} differs", directory.display());
    }
}

/// Writes files below a directory.
pub(crate) fn write_files(directory: &Path, files: &Files) {
    for (path, (executable, bytes)) in files {
        let target = directory.join(path);
        fs::create_dir_all(target.parent().unwrap()).unwrap();
        fs::write(&target, bytes).unwrap();
        set_mode(&target, if *executable { 0o755 } else { 0o644 });
    }
}

#[cfg(unix)]
pub(crate) fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, std::os::unix::fs::PermissionsExt::from_mode(mode)).unwrap();
}

#[cfg(not(unix))]
pub(crate) fn set_mode(_path: &Path, _mode: u32) {}

/// What a child said and how it ended; `None` where it had to be killed.
pub(crate) fn wait(mut child: Child, limit: Duration) -> (Option<i32>, Vec<u8>, Vec<u8>) {
    let mut stdout = child.stdout.take();
    let mut stderr = child.stderr.take();
    let out = std::thread::spawn(move || read_all(stdout.as_mut()));
    let err = std::thread::spawn(move || read_all(stderr.as_mut()));
    let started = Instant::now();
    let code = loop {
        if let Some(status) = child.try_wait().unwrap() {
            // A signal counts as 128 and more, as a shell says it.
            break Some(status.code().unwrap_or_else(|| 128 + signal(status)));
        }
        if started.elapsed() > limit {
            kill_group(&mut child);
            break None;
        }
        std::thread::sleep(Duration::from_millis(2));
    };
    (code, out.join().unwrap(), err.join().unwrap())
}

fn read_all(stream: Option<&mut impl Read>) -> Vec<u8> {
    let mut bytes = Vec::new();
    if let Some(stream) = stream {
        let _ = stream.read_to_end(&mut bytes);
    }
    bytes
}

#[cfg(unix)]
fn signal(status: std::process::ExitStatus) -> i32 {
    std::os::unix::process::ExitStatusExt::signal(&status).unwrap_or(0)
}

#[cfg(not(unix))]
fn signal(_status: std::process::ExitStatus) -> i32 {
    0
}

/// Ends a child and what it started: our children lead a process group.
pub(crate) fn kill_group(child: &mut Child) {
    let _ = Command::new("kill").args(["-9", "--", &format!("-{}", child.id())]).stderr(Stdio::null()).status();
    let _ = child.kill();
    let _ = child.wait();
}

/// Makes a child the leader of its own process group.
pub(crate) fn own_group(command: &mut Command) {
    #[cfg(unix)]
    std::os::unix::process::CommandExt::process_group(command, 0);
    #[cfg(not(unix))]
    let _ = command;
}
