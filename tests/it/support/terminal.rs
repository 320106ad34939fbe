//! A terminal of the test's own: a pseudo-terminal with a person at it who reads, types and waits.

use std::fs::{File, OpenOptions};
use std::io::{Read as _, Write as _};
use std::os::fd::OwnedFd;
use std::path::Path;
use std::process::{Child, Command};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{Winsize, tcsetwinsize};

use super::sandbox::Sandbox;

/// How long a person waits for a question.
const PATIENCE: Duration = Duration::from_secs(20);

/// A run of the program on a terminal.
pub(crate) struct Terminal {
    keyboard: File,
    pieces: Receiver<Vec<u8>>,
    child: Child,
    /// Everything that came to the screen, as it came.
    pub(crate) raw: Vec<u8>,
    /// Up to where the person has read.
    read: usize,
}

impl Terminal {
    /// Starts the program on a new terminal.
    pub(crate) fn start(sandbox: &Sandbox, directory: &Path, args: &[&str]) -> Self {
        let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
        grantpt(&master).unwrap();
        unlockpt(&master).unwrap();
        let name = ptsname(&master, Vec::new()).unwrap().into_string().unwrap();
        // Read as a whole before the first question, so that no line is folded.
        tcsetwinsize(&master, Winsize { ws_row: 50, ws_col: 200, ws_xpixel: 0, ws_ypixel: 0 }).unwrap();
        let slave = || OwnedFd::from(OpenOptions::new().read(true).write(true).open(&name).unwrap());
        let mut command: Command = sandbox.command(directory, args);
        command.env("TERM", "xterm").stdin(slave()).stdout(slave()).stderr(slave());
        let child = command.spawn().unwrap();
        // The program alone holds the other end now: when it ends, so does what we read.
        drop(command);
        let keyboard = File::from(master);
        let (sender, pieces) = channel();
        let mut screen = keyboard.try_clone().unwrap();
        std::thread::spawn(move || {
            let mut buffer = [0; 4096];
            while let Ok(count @ 1..) = screen.read(&mut buffer) {
                if sender.send(buffer[..count].to_vec()).is_err() {
                    break;
                }
            }
        });
        Self { keyboard, pieces, child, raw: Vec::new(), read: 0 }
    }

    /// Waits until this text comes to the screen, after all that was waited for before.
    #[track_caller]
    pub(crate) fn expect(&mut self, text: &str) -> &mut Self {
        let started = Instant::now();
        loop {
            let screen = self.screen();
            if let Some(at) = screen.get(self.read..).and_then(|rest| rest.find(text)) {
                self.read += at + text.len();
                return self;
            }
            match self.pieces.recv_timeout(PATIENCE.saturating_sub(started.elapsed())) {
                Ok(piece) => self.raw.extend(piece),
                Err(error) => panic!("`{text}` does not come ({error}); the screen: {screen}"),
            }
        }
    }

    /// Presses keys.
    pub(crate) fn keys(&mut self, keys: &str) -> &mut Self {
        self.keyboard.write_all(keys.as_bytes()).unwrap();
        self
    }

    /// Types an answer and presses Enter.
    pub(crate) fn answer(&mut self, text: &str) -> &mut Self {
        self.keys(text).keys("\r")
    }

    /// Waits for the end; the exit status and the screen.
    pub(crate) fn end(mut self) -> (Option<i32>, String) {
        let started = Instant::now();
        loop {
            match self.pieces.recv_timeout(PATIENCE.saturating_sub(started.elapsed())) {
                Ok(piece) => self.raw.extend(piece),
                Err(RecvTimeoutError::Disconnected) => break,
                Err(RecvTimeoutError::Timeout) => {
                    super::kill_group(&mut self.child);
                    panic!("it does not end; the screen: {}", self.screen());
                }
            }
        }
        let status = self.child.wait().unwrap();
        (status.code(), self.screen())
    }

    /// The screen's text without what moves the cursor and colours it.
    pub(crate) fn screen(&self) -> String {
        let text = String::from_utf8_lossy(&self.raw);
        let (mut plain, mut rest) = (String::new(), text.chars().peekable());
        while let Some(char) = rest.next() {
            match char {
                '\u{1b}' if rest.peek() == Some(&'[') => {
                    rest.next();
                    while rest.next().is_some_and(|char| !('@'..='~').contains(&char)) {}
                }
                '\u{1b}' => drop(rest.next()),
                '\r' => {}
                char => plain.push(char),
            }
        }
        plain
    }
}
