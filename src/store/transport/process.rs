//! Runs git as a child that cannot ask, stall or outlive us.
//!
//! A server that sends nothing is given up (safety page, 7): git's own low-speed
//! limit covers http, and a watchdog on the progress that git writes to stderr
//! covers everything else. Off a terminal git gets a process group of its own, so
//! that its helpers (`git-remote-https`, `ssh`) end with it.

use std::ffi::OsString;
use std::io::{self, Read, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::{Duration, Instant};

use anyhow::Context as _;

use crate::error::{Code, Failure};

use super::wording;
use crate::store::interrupt;

/// What would make git work on another repository than the one we name.
const TAKEN_OUT: [&str; 9] = [
    "GIT_DIR",
    "GIT_WORK_TREE",
    "GIT_INDEX_FILE",
    "GIT_OBJECT_DIRECTORY",
    "GIT_ALTERNATE_OBJECT_DIRECTORIES",
    "GIT_NAMESPACE",
    "GIT_CONFIG_PARAMETERS",
    "GIT_COMMON_DIR",
    "GIT_SHALLOW_FILE",
];

/// The most that is kept of what git says, in bytes.
pub(super) const MOST_TALK: usize = 1 << 20;
/// The most that is kept of its data, in bytes.
const MOST_DATA: usize = 256 << 20;

/// How often a slow but talking server may use up the time-out before it is given up all the same.
const DEADLINE_FACTOR: u32 = 60;

/// How often it is asked whether the run should stop.
const PULSE: Duration = Duration::from_millis(100);

/// What git said and how it ended.
#[derive(Debug, Clone, Default)]
pub struct Output {
    /// Whether it ended with status 0.
    pub success: bool,
    /// Its data.
    pub stdout: Vec<u8>,
    /// Its talk, progress included.
    pub stderr: String,
}

/// One run of git.
pub(super) struct Call<'a> {
    pub(super) program: &'a Path,
    pub(super) directory: &'a Path,
    pub(super) arguments: Vec<OsString>,
    pub(super) input: Vec<u8>,
    pub(super) timeout: Duration,
    pub(super) terminal: bool,
    /// Whether git may bring what a partial repository lacks when it comes upon it.
    pub(super) lazily: bool,
    pub(super) progress: &'a dyn Fn(&str),
}

/// What was heard of a child.
pub(super) enum Piece {
    /// Data.
    Out(Vec<u8>),
    /// Talk.
    Talk(Vec<u8>),
}

impl Call<'_> {
    fn command(&self) -> Command {
        #[expect(clippy::disallowed_methods, reason = "the one place that starts processes")]
        let mut command = Command::new(self.program);
        command.args(&self.arguments).current_dir(self.directory);
        for name in TAKEN_OUT {
            command.env_remove(name);
        }
        command.env("LC_ALL", "C").env_remove("LANGUAGE").env("GIT_NO_LAZY_FETCH", if self.lazily { "0" } else { "1" });
        if !self.terminal {
            command.env("GIT_TERMINAL_PROMPT", "0");
            #[cfg(unix)]
            std::os::unix::process::CommandExt::process_group(&mut command, 0);
        }
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    /// Starts it, to be spoken with.
    pub(super) fn start(&self) -> anyhow::Result<Child> {
        self.command().spawn().with_context(|| format!("starting {}", self.program.display()))
    }

    /// Runs it to its end, or kills it when it falls silent.
    pub(super) fn run(mut self) -> anyhow::Result<Output> {
        let input = std::mem::take(&mut self.input);
        self.run_fed(move |stdin, _| stdin.write_all(&input))
    }

    /// The same, where its input is made while it runs, in a thread; what is said meanwhile counts as its own talk.
    pub(super) fn run_fed(
        self,
        feed: impl FnOnce(&mut ChildStdin, &Sender<Piece>) -> io::Result<()> + Send + 'static,
    ) -> anyhow::Result<Output> {
        let mut child = self.start()?;
        let (sender, pieces) = channel();
        listen(&mut child, &sender);
        if let Some(mut stdin) = child.stdin.take() {
            // A child that ends early closes the pipe: its own message tells why.
            std::thread::spawn(move || feed(&mut stdin, &sender).ok());
        }
        let mut output = Output::default();
        let gathered = self.gather(&pieces, &mut output);
        if let Err(failure) = gathered {
            kill(&mut child, self.terminal);
            return Err(failure.into());
        }
        output.success = child.wait().context("waiting for git")?.success();
        // On a terminal git hears of it too, and fails in words of its own.
        interrupt::check()?;
        Ok(output)
    }

    fn gather(&self, pieces: &Receiver<Piece>, output: &mut Output) -> Result<(), Failure> {
        // A person who is asked for a password needs longer than a server.
        let silence = if self.terminal { self.timeout * 10 } else { self.timeout + Duration::from_secs(5) };
        let deadline = Instant::now() + self.timeout * DEADLINE_FACTOR;
        let mut phase = String::new();
        let mut heard = Instant::now();
        loop {
            interrupt::check()?;
            let piece = pieces.recv_timeout(PULSE);
            if piece.is_ok() {
                heard = Instant::now();
            }
            match piece {
                Ok(Piece::Out(bytes)) => {
                    if output.stdout.len() < MOST_DATA {
                        output.stdout.extend(bytes);
                    }
                }
                Ok(Piece::Talk(bytes)) => {
                    if output.stderr.len() < MOST_TALK {
                        output.stderr.push_str(&String::from_utf8_lossy(&bytes));
                    }
                    if let Some(now) = wording::phase(&output.stderr).filter(|now| *now != phase) {
                        (self.progress)(&now);
                        phase = now;
                    }
                }
                Err(RecvTimeoutError::Disconnected) => return Ok(()),
                Err(RecvTimeoutError::Timeout) if heard.elapsed() < silence => {}
                Err(RecvTimeoutError::Timeout) => {
                    return Err(Failure::new(Code::Unreachable, format!("the server sent nothing for {} seconds", self.timeout.as_secs())));
                }
            }
            if Instant::now() > deadline {
                let minutes = (self.timeout * DEADLINE_FACTOR).as_secs() / 60;
                return Err(Failure::new(Code::Unreachable, format!("the server did not come to an end within {minutes} minutes")));
            }
        }
    }
}

/// Ends a child, and where it has a process group of its own what it started, too.
pub(super) fn kill(child: &mut Child, terminal: bool) {
    #[cfg(unix)]
    if !terminal {
        let group = i32::try_from(child.id()).ok().and_then(rustix::process::Pid::from_raw);
        if let Some(group) = group {
            // It may have ended by itself meanwhile.
            rustix::process::kill_process_group(group, rustix::process::Signal::KILL).ok();
        }
    }
    child.kill().ok();
    child.wait().ok();
}

/// Reads both outputs in threads, for a pipe that nobody reads blocks the child.
fn listen(child: &mut Child, sender: &Sender<Piece>) {
    let forward = |mut pipe: Box<dyn Read + Send>, wrap: fn(Vec<u8>) -> Piece| {
        let sender = sender.clone();
        std::thread::spawn(move || {
            let mut buffer = [0; 8192];
            while let Ok(count @ 1..) = pipe.read(&mut buffer) {
                if sender.send(wrap(buffer[..count].to_vec())).is_err() {
                    break;
                }
            }
        });
    };
    if let Some(pipe) = child.stdout.take() {
        forward(Box::new(pipe), Piece::Out);
    }
    if let Some(pipe) = child.stderr.take() {
        forward(Box::new(pipe), Piece::Talk);
    }
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    /// Runs a shell in git's place.
    fn shell(script: &str, timeout: Duration) -> anyhow::Result<Output> {
        let call = Call {
            program: Path::new("sh"),
            directory: Path::new("/"),
            arguments: vec!["-c".into(), script.into()],
            input: Vec::new(),
            timeout,
            terminal: false,
            lazily: false,
            progress: &|_| (),
        };
        call.run()
    }

    #[test]
    fn endless_talk_is_ended_with_what_it_started() {
        let dir = tempfile::tempdir().expect("a directory");
        let late = dir.path().join("late");
        // The talk has an end of its own, so that nothing is left where this fails.
        let script =
            format!("(sleep 3; : > {}) & n=0; while [ $n -lt 500 ]; do n=$((n+1)); echo more >&2; sleep 0.02; done", late.display());
        let begun = Instant::now();
        let error = shell(&script, Duration::from_millis(20)).expect_err("it does not end");
        assert!(Failure::of(&error).message.contains("did not come to an end"), "{error:#}");
        assert_eq!(Failure::of(&error).code, Code::Unreachable);
        std::thread::sleep(Duration::from_secs(4).saturating_sub(begun.elapsed()));
        assert!(!late.exists(), "what it had started went on");
    }

    #[test]
    fn of_endless_talk_only_so_much_is_kept() {
        let output = shell("head -c 5000000 /dev/zero >&2", Duration::from_secs(30)).expect("it ends");
        assert!(output.success && (MOST_TALK..MOST_TALK + 10_000).contains(&output.stderr.len()), "{}", output.stderr.len());
    }
}
