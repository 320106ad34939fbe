//! What the user's own git says of the user's own repository. Nothing in that repository changes by asking.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, Result};

use super::process::{Call, Output};
use super::system::Git;
use crate::error::{Code, Failure};
use crate::model::escape::escape_line;

/// Neither hooks nor file-system monitors are started, and the index is not refreshed on the disk.
const QUIETLY: [&str; 5] = ["--no-optional-locks", "-c", "core.hooksPath=/dev/null", "-c", "core.fsmonitor=false"];
/// How long a large repository may be silent.
const PATIENCE: Duration = Duration::from_mins(5);
/// The largest file of a commit that is read.
pub const MAX_BLOB: u64 = 128 << 20;
/// Files are read in batches of so many bytes, and one more file.
const BATCH: u64 = 64 << 20;

/// A file of a commit, as git's trees have it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tracked {
    /// Its path in the repository.
    pub path: Vec<u8>,
    /// Six octal digits, which tell what it is.
    pub mode: String,
    /// Git's id of its content.
    pub object: String,
    /// Its bytes; 0 for a submodule.
    pub size: u64,
}

/// How a file differs from the last commit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// It is not tracked, and not ignored.
    Untracked,
    /// Its content, mode or kind on the disk or in the index is another.
    Modified {
        /// Whether git holds it to be executable on the disk.
        executable: bool,
    },
    /// A submodule that is at another commit, or changed within.
    Submodule,
    /// It is gone from the disk or from the index.
    Deleted,
    /// A merge left it to a person.
    Unmerged,
}

/// The pager that git would use in a directory: `GIT_PAGER`, `core.pager`, `PAGER`, or its own. `None` where git does not say.
#[must_use]
pub fn pager(program: &Path, directory: &Path) -> Option<OsString> {
    let arguments = ["-c", "safe.bareRepository=explicit", "var", "GIT_PAGER"].map(OsString::from).to_vec();
    let timeout = Duration::from_secs(5);
    let call = Call { program, directory, arguments, input: Vec::new(), timeout, terminal: false, lazily: false, progress: &|_| () };
    let output = call.run().ok().filter(|output| output.success)?;
    Some(String::from_utf8(output.stdout).ok()?.trim_end().into())
}

/// A directory in a repository of the user's.
#[derive(Debug)]
pub struct Local {
    git: Git,
    directory: PathBuf,
    /// Where the repository's work tree begins.
    pub top: PathBuf,
    /// The path of the directory in it, with `/`; empty at the top.
    pub prefix: String,
}

impl Local {
    /// The repository that `directory` lies in; `None` where it lies in none.
    ///
    /// # Errors
    /// Where git does not run, or refuses the repository.
    pub fn find(git: &Git, directory: &Path) -> Result<Option<Self>> {
        let local = Self { git: git.clone(), directory: directory.to_owned(), top: PathBuf::new(), prefix: String::new() };
        let output = local.run(&["rev-parse", "--show-toplevel", "--show-prefix"])?;
        if !output.success {
            if output.stderr.contains("not a git repository") {
                return Ok(None);
            }
            let said = escape_line(output.stderr.trim());
            let failure = Failure::new(Code::Denied, format!("git refuses the repository of {}: {said}", directory.display()));
            return Err(failure.hint(format!("git config --global --add safe.directory {}", directory.display())).into());
        }
        let said = String::from_utf8(output.stdout).context("the path of the repository is not UTF-8")?;
        let (top, prefix) = said.trim_end_matches('\n').split_once('\n').unwrap_or((said.trim_end(), ""));
        Ok(Some(Self { top: PathBuf::from(top), prefix: prefix.trim_end_matches('/').to_owned(), ..local }))
    }

    /// What differs below the directory from the last commit, by path in the repository: bytes, as git has them.
    ///
    /// # Errors
    /// Where git fails.
    pub fn changes(&self) -> Result<Vec<(Vec<u8>, Change)>> {
        let output = self.expect(&[
            "status",
            "--porcelain=v2",
            "-z",
            "--untracked-files=all",
            "--no-renames",
            "--ignore-submodules=none",
            "--",
            ".",
        ])?;
        let records = output.stdout.split(|&byte| byte == 0).filter_map(read_record);
        Ok(records.map(|(path, change)| (path.to_owned(), change)).collect())
    }

    /// The last commit; `None` before the first.
    ///
    /// # Errors
    /// Where git does not run.
    pub fn head(&self) -> Result<Option<String>> {
        self.line(&["rev-parse", "--verify", "--quiet", "HEAD^{commit}"])
    }

    /// The files of a commit below the directory.
    ///
    /// # Errors
    /// Where git fails.
    pub fn tracked(&self, commit: &str) -> Result<Vec<Tracked>> {
        let below = format!("{}/", self.prefix);
        let mut arguments =
            vec!["--no-replace-objects", "--literal-pathspecs", "ls-tree", "-r", "-z", "--long", "--full-tree", commit, "--"];
        if !self.prefix.is_empty() {
            arguments.push(&below);
        }
        let output = self.expect(&arguments)?;
        let records = output.stdout.split(|&byte| byte == 0).filter(|record| !record.is_empty());
        records.map(|record| read_entry(record).with_context(|| format!("what git lists of {commit} is cut off"))).collect()
    }

    /// The contents of files of commits, by their ids. None may be larger than [`MAX_BLOB`].
    ///
    /// # Errors
    /// Where git fails, or the repository lacks one.
    pub fn contents<'a>(&self, files: impl IntoIterator<Item = (&'a str, u64)>) -> Result<BTreeMap<String, Vec<u8>>> {
        let mut found = BTreeMap::new();
        let (mut batch, mut bytes) = (String::new(), 0);
        for (object, size) in files.into_iter().collect::<BTreeSet<_>>() {
            batch += &format!("{object}\n");
            bytes += size;
            if bytes > BATCH {
                self.read_batch(std::mem::take(&mut batch), &mut found)?;
                bytes = 0;
            }
        }
        self.read_batch(batch, &mut found)?;
        Ok(found)
    }

    fn read_batch(&self, objects: String, found: &mut BTreeMap<String, Vec<u8>>) -> Result<()> {
        if objects.is_empty() {
            return Ok(());
        }
        let output = self.run_with(&["--no-replace-objects", "cat-file", "--batch", "--buffer"], objects.into_bytes())?;
        let mut rest = output.stdout.as_slice();
        while !rest.is_empty() {
            let Some((object, bytes, behind)) = read_object(rest) else {
                let said = String::from_utf8_lossy(rest.split(|&byte| byte == b'\n').next().unwrap_or_default()).into_owned();
                let message = format!("git reads no file of {}: {}", self.directory.display(), escape_line(&said));
                return Err(Failure::new(Code::Io, message).hint("git fsck").into());
            };
            found.insert(object.to_owned(), bytes.to_vec());
            rest = behind;
        }
        Ok(())
    }

    /// The address of the remote `origin`, as configured.
    ///
    /// # Errors
    /// Where git does not run.
    pub fn origin(&self) -> Result<Option<String>> {
        self.line(&["config", "--get", "remote.origin.url"])
    }

    /// Who git says the user is: name and address.
    ///
    /// # Errors
    /// [`Code::MissingAnswers`] where git does not know.
    pub fn identity(git: &Git, directory: &Path) -> Result<(String, String)> {
        let local = Self { git: git.clone(), directory: directory.to_owned(), top: PathBuf::new(), prefix: String::new() };
        let said = local.line(&["var", "GIT_AUTHOR_IDENT"])?.unwrap_or_default();
        match said.rsplit_once('>').and_then(|(who, _)| who.split_once(" <")) {
            Some((name, address)) => Ok((name.to_owned(), address.to_owned())),
            None => {
                let failure = Failure::new(Code::MissingAnswers, "git does not know who you are, and author = \"person\" asks for it");
                Err(failure.hint("git config --global user.name NAME").hint("git config --global user.email ADDRESS").into())
            }
        }
    }

    fn run(&self, arguments: &[&str]) -> Result<Output> {
        self.run_with(arguments, Vec::new())
    }

    fn run_with(&self, arguments: &[&str], input: Vec<u8>) -> Result<Output> {
        let all = QUIETLY.iter().chain(arguments).map(OsString::from).collect();
        let call = Call {
            program: self.git.program(),
            directory: &self.directory,
            arguments: all,
            input,
            timeout: PATIENCE,
            terminal: false,
            lazily: false,
            progress: &|_| (),
        };
        call.run().with_context(|| format!("asking git about {}", self.directory.display()))
    }

    fn expect(&self, arguments: &[&str]) -> Result<Output> {
        let output = self.run(arguments)?;
        if output.success {
            return Ok(output);
        }
        let said = escape_line(output.stderr.trim());
        Err(Failure::new(Code::Io, format!("git {} in {}: {said}", arguments[0], self.directory.display())).into())
    }

    fn line(&self, arguments: &[&str]) -> Result<Option<String>> {
        let output = self.run(arguments)?;
        let line = String::from_utf8_lossy(&output.stdout).trim_end().to_owned();
        Ok(Some(line).filter(|line| output.success && !line.is_empty()))
    }
}

/// One record of `git ls-tree -z --long` (git-ls-tree(1), "OUTPUT FORMAT").
fn read_entry(record: &[u8]) -> Option<Tracked> {
    let tab = record.iter().position(|&byte| byte == b'\t')?;
    let mut words = std::str::from_utf8(&record[..tab]).ok()?.split_ascii_whitespace();
    let (mode, _, object, size) = (words.next()?, words.next()?, words.next()?, words.next()?);
    let path = record[tab + 1..].to_vec();
    Some(Tracked { path, mode: mode.to_owned(), object: object.to_owned(), size: size.parse().unwrap_or_default() })
}

/// The first answer of `git cat-file --batch`: the id, the content, and what follows (git-cat-file(1), "BATCH OUTPUT").
fn read_object(said: &[u8]) -> Option<(&str, &[u8], &[u8])> {
    let end = said.iter().position(|&byte| byte == b'\n')?;
    let mut words = std::str::from_utf8(&said[..end]).ok()?.split(' ');
    let (object, kind, size) = (words.next()?, words.next()?, words.next()?.parse::<usize>().ok()?);
    let start = end + 1;
    let bytes = said.get(start..start.checked_add(size)?)?;
    (kind == "blob").then_some((object, bytes, said.get(start + size + 1..)?))
}

/// One record of `git status --porcelain=v2 -z` (git-status(1), "Porcelain Format Version 2").
fn read_record(record: &[u8]) -> Option<(&[u8], Change)> {
    let fields = |most: usize| record.splitn(most, |&byte| byte == b' ');
    match record.get(..2)? {
        b"? " => Some((&record[2..], Change::Untracked)),
        b"1 " => {
            let mut fields = fields(9);
            let states = fields.nth(1)?;
            let on_disk = fields.nth(3)?;
            let path = fields.nth(2)?;
            let change = match on_disk {
                // Whatever the index says: a path that is not on the disk would not be committed with the directory.
                b"000000" => Change::Deleted,
                b"160000" => Change::Submodule,
                mode => Change::Modified { executable: mode == b"100755" },
            };
            (states != b"..").then_some((path, change))
        }
        b"u " => Some((fields(11).nth(10)?, Change::Unmerged)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_git_lists_and_reads() {
        let entry = read_entry(b"100755 blob 0123abcd      12\ta b/\xe5.sh").expect("an entry");
        assert_eq!((&*entry.path, &*entry.mode, &*entry.object, entry.size), (&b"a b/\xe5.sh"[..], "100755", "0123abcd", 12));
        assert_eq!(read_entry(b"160000 commit 0123abcd       -\tsub").map(|entry| entry.size), Some(0));
        assert_eq!(read_entry(b"100644 blob 01"), None);
        assert_eq!(read_object(b"0a blob 3\nx\ny\n0b blob 0\n\n"), Some(("0a", &b"x\ny"[..], &b"0b blob 0\n\n"[..])));
        for torn in [&b"0a blob 3\nx\n"[..], b"0a missing\n", b"0a tree 1\nx\n", b"0a blob 18446744073709551615\nx\n"] {
            assert_eq!(read_object(torn), None);
        }
    }

    #[test]
    fn records_of_git_status() {
        let ids = "1111111111111111111111111111111111111111 2222222222222222222222222222222222222222";
        for (record, path, change) in [
            ("? a b.txt".to_owned(), "a b.txt", Change::Untracked),
            (format!("1 .M N... 100644 100644 100755 {ids} x/y z"), "x/y z", Change::Modified { executable: true }),
            (format!("1 .D N... 100644 100644 000000 {ids} gone"), "gone", Change::Deleted),
            (format!("1 .M SC.. 160000 160000 160000 {ids} sub"), "sub", Change::Submodule),
            (format!("1 A. N... 000000 100644 100644 {ids} new"), "new", Change::Modified { executable: false }),
            (
                format!("u UU N... 100644 100644 100644 100644 {ids} 3333333333333333333333333333333333333333 both"),
                "both",
                Change::Unmerged,
            ),
        ] {
            assert_eq!(read_record(record.as_bytes()), Some((path.as_bytes(), change)), "{record}");
        }
    }
}
