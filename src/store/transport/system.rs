//! The engine for everyone with git: partial fetches through the user's own git.
//!
//! The URL goes in with `-c remote.forum.url`, because `git fetch --filter URL`
//! would write it, password included, into the repository's configuration. The
//! promisor settings go the same way, so the cache repository stays a plain one
//! that libgit2 opens.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use anyhow::Context as _;

use crate::error::{Code, Failure};
use crate::model::address::Address;
use crate::model::digest::ObjectId;

use super::line::{End, Line};
use super::process::{Call, Output};
use super::{FULL_MARK, History, INCOMING, Job, Transport, Wanted, wording};

/// The oldest git that does all this (`fetch --refetch`).
const OLDEST: (u32, u32) = (2, 36);

/// The mark of a repository whose server ignored the filter; the user was told.
const UNFILTERED_MARK: &str = "forum-unfiltered";

/// Settings for every run, above the user's own.
const SETTINGS: [&str; 13] = [
    "protocol.ext.allow=never",
    "core.hooksPath=/dev/null",
    "gc.auto=0",
    "maintenance.auto=false",
    "fetch.fsckObjects=false",
    "transfer.fsckObjects=false",
    "fetch.prune=false",
    "fetch.writeCommitGraph=false",
    "fetch.recurseSubmodules=no",
    "submodule.recurse=false",
    "remote.forum.promisor=true",
    "remote.forum.partialclonefilter=blob:none",
    "fetch.bundleURI=",
];

/// The mark of a repository whose server speaks no version of the protocol in which a line can be kept.
const LINELESS_MARK: &str = "forum-lineless";

/// A git of 2.36 or newer.
#[derive(Debug, Clone)]
pub struct Git {
    program: PathBuf,
    /// The line to the server that was asked last.
    line: Arc<Mutex<Option<(Address, Line)>>>,
}

impl Git {
    /// Takes a git, found on PATH where `program` is a bare name.
    ///
    /// # Errors
    /// [`Code::Usage`] where it does not run or is too old.
    pub fn at(program: &Path) -> Result<Self, Failure> {
        let wrong = |why: &str| Failure::new(Code::Usage, format!("git 2.36 or newer is needed, but {} {why}", program.display()));
        let call = Call {
            program,
            directory: Path::new("."),
            arguments: vec!["--version".into()],
            input: Vec::new(),
            timeout: Duration::from_secs(30),
            terminal: false,
            lazily: false,
            progress: &|_| (),
        };
        let output = call.run().map_err(|_| wrong("does not run"))?;
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        match version_of(&said) {
            Some(version) if version >= OLDEST => Ok(Self { program: program.to_owned(), line: Arc::default() }),
            Some((major, minor)) => Err(wrong(&format!("is version {major}.{minor}"))),
            None => Err(wrong("does not say its version")),
        }
    }

    /// Whether PATH leads to a git, of whatever version: told without running it.
    #[must_use]
    #[expect(clippy::disallowed_methods, reason = "where programs are found is no setting of ours")]
    pub fn is_on_path() -> bool {
        let name = format!("git{}", std::env::consts::EXE_SUFFIX);
        std::env::var_os("PATH").is_some_and(|path| std::env::split_paths(&path).any(|directory| directory.join(&name).is_file()))
    }

    /// The program.
    #[must_use]
    pub fn program(&self) -> &Path {
        &self.program
    }

    /// Runs git in the job's repository with the remote `forum` standing for its address.
    ///
    /// The arguments must put `--end-of-options` or `--` before what a stranger wrote. A failure
    /// of git itself is in the output; [`Git::failure`] puts it into words.
    ///
    /// # Errors
    /// [`Code::Unreachable`] where the server falls silent.
    pub fn run<A: Into<OsString>>(&self, job: &Job<'_>, arguments: impl IntoIterator<Item = A>, input: Vec<u8>) -> anyhow::Result<Output> {
        let call = Call { input, ..self.call(job, arguments) };
        call.run().with_context(|| format!("asking {}", job.address))
    }

    /// As [`Git::run`]; what the repository lacks git brings from the job's address when it comes upon it.
    ///
    /// # Errors
    /// As [`Git::run`].
    pub fn run_lazily(&self, job: &Job<'_>, arguments: Vec<OsString>) -> anyhow::Result<Output> {
        let call = Call { lazily: true, ..self.call(job, arguments) };
        call.run().with_context(|| format!("asking {}", job.address))
    }

    fn call<'a, A: Into<OsString>>(&'a self, job: &Job<'a>, arguments: impl IntoIterator<Item = A>) -> Call<'a> {
        let mut all: Vec<OsString> = Vec::new();
        let seconds = job.timeout.as_secs().max(1);
        let own = [format!("remote.forum.url={}", job.address), "http.lowSpeedLimit=1".to_owned(), format!("http.lowSpeedTime={seconds}")];
        for setting in SETTINGS.into_iter().map(str::to_owned).chain(own) {
            all.extend(["-c".into(), setting.into()]);
        }
        all.push("--git-dir".into());
        all.push(job.repository.into());
        all.extend(arguments.into_iter().map(Into::into));
        Call {
            program: &self.program,
            directory: job.repository,
            arguments: all,
            input: Vec::new(),
            timeout: job.timeout,
            terminal: job.terminal,
            lazily: false,
            progress: job.progress,
        }
    }

    /// What a failed run means.
    #[must_use]
    pub fn failure(output: &Output, job: &Job<'_>) -> Failure {
        wording::failure(&output.stderr, job.address)
    }

    fn fetch(&self, job: &Job<'_>, options: &[&str], wants: Wants<'_>, whole: bool) -> anyhow::Result<Output> {
        let mut arguments = Vec::new();
        if whole {
            // Nothing of what is here counts: neither the shallow commit, below which the server would leave things
            // out, nor a promise of what is missing, which git would try to keep while it reads the pack.
            arguments.extend(["--shallow-file", "", "-c", "remote.forum.promisor=false"]);
        }
        let mut input = String::new();
        if let Wants::Objects(ids) = wants {
            // Told what we have, the server would leave out what it thinks comes with it.
            arguments.extend(["-c", "fetch.negotiationAlgorithm=noop"]);
            for id in ids {
                input.push_str(&format!("{id}\n"));
            }
        }
        arguments.extend(["fetch", "--progress", "--no-tags", "--no-write-fetch-head", "--no-auto-maintenance"]);
        arguments.extend(options);
        let main = format!("+refs/heads/main:{INCOMING}");
        match wants {
            Wants::Main => arguments.extend(["--end-of-options", "forum", &main]),
            Wants::Objects(_) => arguments.extend(["--stdin", "--end-of-options", "forum"]),
        }
        self.run(job, arguments, input.into_bytes())
    }

    /// The line to the job's server, where it is not known that there can be none: the one that was kept, or a new one.
    fn line(&self, job: &Job<'_>) -> anyhow::Result<Option<Line>> {
        let Some(scheme @ ("http" | "https")) = job.address.scheme() else { return Ok(None) };
        if [FULL_MARK, LINELESS_MARK].iter().any(|mark| job.repository.join(mark).exists()) {
            return Ok(None);
        }
        let kept = self.line.lock().ok().and_then(|mut kept| kept.take());
        match kept.filter(|(address, _)| address == job.address) {
            Some((_, line)) => Ok(Some(line)),
            None => Ok(Line::over(self.call(job, [&format!("remote-{scheme}"), "forum"]).start()?, job.terminal)),
        }
    }

    fn keep(&self, job: &Job<'_>, line: Line) {
        if let Ok(mut kept) = self.line.lock() {
            *kept = Some((job.address.clone(), line));
        }
    }

    /// Brings files over a line that is kept for more; where that does not come about, `git fetch` has to be asked.
    fn fetch_over_line(&self, job: &Job<'_>, ids: &[ObjectId]) -> anyhow::Result<bool> {
        let Some(mut line) = self.line(job)? else { return Ok(false) };
        let Some(question) = line.question(ids) else { return Ok(false) };
        let output = self.call(job, ["index-pack", "--stdin", "-v", "--promisor"]).run_fed(question)?;
        match line.end() {
            End::Answered if output.success => {
                self.keep(job, line);
                return Ok(true);
            }
            End::OtherVersion => fs::write(job.repository.join(LINELESS_MARK), "").context("marking the cache repository")?,
            End::Answered | End::Broken => {
                let said = line.close();
                if wording::is_silence(&said) {
                    return Err(wording::failure(&said, job.address).into());
                }
            }
        }
        Ok(false)
    }
}

#[derive(Clone, Copy)]
enum Wants<'a> {
    Main,
    Objects(&'a [ObjectId]),
}

impl Transport for Git {
    fn name(&self) -> &'static str {
        "git"
    }

    fn fetch_main(&self, job: &Job<'_>, history: History) -> anyhow::Result<Vec<String>> {
        let full = job.repository.join(FULL_MARK).exists();
        let shallow = fs::metadata(job.repository.join("shallow")).is_ok_and(|data| data.len() > 0);
        let options: &[&str] = match history {
            History::Newest if !full => &["--depth=1", "--filter=blob:none"],
            History::Onward if !full => &["--filter=blob:none"],
            History::Newest | History::Onward => &["--no-filter"],
            History::Commits if !shallow => return Ok(Vec::new()),
            History::Commits => &["--unshallow", "--filter=tree:0"],
            History::Everything => &["--refetch", "--no-filter"],
        };
        let whole = history == History::Everything || full;
        // Files will be asked for, too: meanwhile the server is greeted for that. A person would be asked twice for a password.
        if history == History::Newest && !job.terminal {
            self.line(job)?.into_iter().for_each(|line| self.keep(job, line));
        }
        let output = self.fetch(job, options, Wants::Main, whole)?;
        if !output.success {
            return Err(Self::failure(&output, job).into());
        }
        if whole && shallow {
            fs::remove_file(job.repository.join("shallow")).context("marking the cache repository as whole")?;
        }
        // On one's own disk more costs nothing that a person would notice.
        let noticed = job.address.local_path().is_none() && output.stderr.contains("filtering not recognized");
        if noticed && !job.repository.join(UNFILTERED_MARK).exists() {
            fs::write(job.repository.join(UNFILTERED_MARK), "").context("marking the cache repository")?;
            return Ok(vec![format!("{} takes no filter, so more is fetched than needed", job.address)]);
        }
        Ok(Vec::new())
    }

    fn fetch_objects(&self, job: &Job<'_>, ids: &[ObjectId], wanted: Wanted) -> anyhow::Result<Vec<String>> {
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        if wanted == Wanted::Blobs && self.fetch_over_line(job, ids)? {
            return Ok(Vec::new());
        }
        // A filter leaves out nothing that is asked for by name. With one, git takes what comes as promised, and does
        // not walk through all that the cache has to see whether something is missing from it.
        let filter = if wanted == Wanted::Blobs { "--filter=blob:none" } else { "--no-filter" };
        let output = self.fetch(job, &[filter], Wants::Objects(ids), false)?;
        if output.success {
            return Ok(Vec::new());
        }
        if !refuses_ids(&output.stderr) {
            return Err(Self::failure(&output, job).into());
        }
        let mark = job.repository.join(FULL_MARK);
        let known = mark.exists();
        let mut notes = self.fetch_main(job, History::Everything)?;
        if !known {
            fs::write(mark, "").context("marking the cache repository")?;
            notes.push(format!("{} does not serve single objects, so all of `main` is fetched", job.address));
        }
        Ok(notes)
    }
}

/// The servers' words for: no object but those that a branch points at.
fn refuses_ids(talk: &str) -> bool {
    talk.contains("unadvertised object") || talk.contains("not our ref") || talk.contains("does not support --filter")
}

fn version_of(said: &str) -> Option<(u32, u32)> {
    let mut numbers = said.trim().strip_prefix("git version ")?.split(['.', ' ', '-']);
    Some((numbers.next()?.parse().ok()?, numbers.next()?.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_read() {
        assert_eq!(version_of("git version 2.47.3\n"), Some((2, 47)));
        assert_eq!(version_of("git version 2.39.5 (Apple Git-154)"), Some((2, 39)));
        assert_eq!(version_of("git version 2.45.1.windows.1"), Some((2, 45)));
        assert_eq!(version_of("hello"), None);
    }

    #[test]
    fn a_program_that_is_no_git_is_refused() {
        assert_eq!(Git::at(Path::new("/nonexistent/git")).expect_err("no git").code, Code::Usage);
    }
}
