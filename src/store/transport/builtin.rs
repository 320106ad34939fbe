//! The engine for machines without git: libgit2 over http(s).
//!
//! libgit2 knows no filters and no wants by id, so this engine brings the newest
//! commit whole, and all of the history when something older is asked for. It has no
//! time-outs by default; they are set here, with a deadline for everything.

use std::path::Path;
use std::time::{Duration, Instant};

use git2::{AutotagOption, ErrorCode, FetchOptions, RemoteCallbacks, Repository};

use crate::error::{Code, Failure};
use crate::model::address::Address;
use crate::model::digest::ObjectId;
use crate::store::interrupt;

use super::{History, INCOMING, Job, Transport, Wanted, redirect, wording};

/// How often a talking server may use up the time-out before it is given up all the same.
const DEADLINE_FACTOR: u32 = 60;

/// libgit2's own depth for "all of it".
const UNSHALLOW: i32 = i32::MAX;

/// The built-in engine.
#[derive(Debug, Clone, Copy)]
pub struct Builtin;

impl Transport for Builtin {
    fn name(&self) -> &'static str {
        "the built-in engine"
    }

    fn fetch_main(&self, job: &Job<'_>, history: History) -> anyhow::Result<Vec<String>> {
        readable(job.address)?;
        set_timeouts(job.timeout);
        let repository = Repository::open_bare(job.repository)?;
        let shallow = repository.is_shallow();
        if is_partial(job.repository) {
            // A git that is gone or was replaced by an older one filled it: what it left out, this engine cannot ask for.
            let message = format!("git 2.36 or newer is needed to go on with what is cached of {}", job.address);
            return Err(Failure::new(Code::Usage, message).hint("FORUM_GIT=builtin, and the same command again").into());
        }
        let depth = match history {
            History::Newest => 1,
            History::Commits | History::Everything if shallow => UNSHALLOW,
            History::Onward | History::Commits | History::Everything => 0,
        };
        fetch(&repository, job, depth)?;
        Ok(Vec::new())
    }

    fn fetch_objects(&self, job: &Job<'_>, ids: &[ObjectId], _wanted: Wanted) -> anyhow::Result<Vec<String>> {
        if ids.is_empty() { Ok(Vec::new()) } else { self.fetch_main(job, History::Everything) }
    }
}

/// Whether git has left out objects of what is here: it marks such packs (git-fetch-pack, `.promisor`).
fn is_partial(repository: &Path) -> bool {
    let packs = std::fs::read_dir(repository.join("objects/pack"));
    packs.is_ok_and(|packs| packs.flatten().any(|entry| entry.path().extension().is_some_and(|end| end == "promisor")))
}

fn fetch(repository: &Repository, job: &Job<'_>, depth: i32) -> Result<(), Failure> {
    redirect::refuse_lost_query(job.address, job.timeout)?;
    let deadline = Instant::now() + job.timeout * DEADLINE_FACTOR;
    let mut callbacks = RemoteCallbacks::new();
    let mut phase = "";
    callbacks.transfer_progress(|progress| {
        let now = if progress.received_objects() < progress.total_objects() { "Receiving objects" } else { "Resolving deltas" };
        if now != phase {
            (job.progress)(now);
            phase = now;
        }
        Instant::now() < deadline && !interrupt::is_asked()
    });
    callbacks.sideband_progress(|_| Instant::now() < deadline && !interrupt::is_asked());
    let mut options = FetchOptions::new();
    options.remote_callbacks(callbacks).download_tags(AutotagOption::None).update_fetchhead(false).depth(depth);
    let refspec = format!("+refs/heads/main:{INCOMING}");
    let mut remote = repository.remote_anonymous(&job.address.to_string()).map_err(|e| failure(&e, job))?;
    remote.fetch(&[&refspec], Some(&mut options), None).map_err(|e| failure(&e, job))?;
    // A remote without `main` is no error to libgit2.
    let served = remote.list().map_err(|e| failure(&e, job))?.iter().any(|head| head.name() == "refs/heads/main");
    if served { Ok(()) } else { Err(wording::failure("couldn't find remote ref refs/heads/main", job.address)) }
}

fn failure(error: &git2::Error, job: &Job<'_>) -> Failure {
    // Whatever libgit2 was waiting for when the signal came, it says in words of its own.
    if let Err(interrupted) = interrupt::check() {
        return interrupted;
    }
    match error.code() {
        ErrorCode::Auth => needs_git(Code::Auth, job.address, "wants credentials, which the built-in engine does not have"),
        ErrorCode::User => Failure::new(Code::Unreachable, format!("{} did not come to an end in time", job.address)),
        _ if error.message().contains("authentication required") => {
            needs_git(Code::Auth, job.address, "wants credentials, which the built-in engine does not have")
        }
        _ => wording::failure(error.message(), job.address),
    }
}

fn readable(address: &Address) -> Result<(), Failure> {
    match address.scheme() {
        Some("http" | "https" | "file") | None => Ok(()),
        Some(_) => Err(needs_git(Code::Unreachable, address, "is reached over ssh or git://, which the built-in engine does not speak")),
    }
}

fn needs_git(code: Code, address: &Address, why: &str) -> Failure {
    Failure::new(code, format!("{address} {why}; it needs git 2.36 or newer")).hint("install git, and leave FORUM_GIT unset")
}

fn set_timeouts(timeout: Duration) {
    let milliseconds = i32::try_from(timeout.as_millis()).unwrap_or(i32::MAX);
    #[expect(unsafe_code, reason = "libgit2 keeps its time-outs in globals; they are set before a fetch, and always to the same value")]
    // SAFETY: forum fetches from one thread, and no other code touches these two numbers.
    unsafe {
        // Neither call can fail with a valid option.
        git2::opts::set_server_connect_timeout_in_milliseconds(milliseconds).ok();
        git2::opts::set_server_timeout_in_milliseconds(milliseconds).ok();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ssh_needs_git_and_says_so() {
        for address in ["ssh://git@h/a", "git@h:a", "git://h/a"] {
            let failure = readable(&Address::parse(address).expect("an address")).expect_err(address);
            assert_eq!(failure.code, Code::Unreachable);
            assert!(failure.message.contains("git 2.36"), "{}", failure.message);
        }
        assert!(readable(&Address::parse("https://h/a").expect("an address")).is_ok());
    }
}
