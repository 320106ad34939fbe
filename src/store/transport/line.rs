//! A line to an http server that is kept for further questions.
//!
//! Each `git fetch` starts a helper, greets the server (with TLS: several ways there and back) and asks once. Which
//! objects a component's dependencies need is known only when its index file is here; so that helper, `git remote-https`
//! with the user's credentials, proxies and certificates, is started by us and kept, and asked in Git's protocol of
//! version 2 (gitremote-helpers(7), `stateless-connect`; gitprotocol-v2(5), `fetch`). What comes goes to
//! `git index-pack` as it is, as `git fetch` would hand it on. Only objects are asked for here, by their names, which
//! are compared when they are read.
//!
//! Whatever is not as expected ends the line. Then `git fetch` is asked, whose words people know.

use std::io::{self, BufReader, Read, Write};
use std::process::{Child, ChildStderr, ChildStdin, ChildStdout};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

use crate::model::digest::ObjectId;

use super::process::{MOST_TALK, Piece, kill};

/// A helper that was started, and how far the conversation has come.
#[derive(Debug)]
pub(super) struct Line {
    child: Child,
    terminal: bool,
    /// `None` while a question is open, and for ever after one that failed.
    ends: Option<Ends>,
    back: Option<Receiver<Heard>>,
    talk: Receiver<String>,
}

/// How a question ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    /// It was answered, and another can be asked.
    Answered,
    /// The server speaks another version of the protocol.
    OtherVersion,
    /// Something went wrong.
    Broken,
}

/// What comes back from a question, where anything does.
#[derive(Debug)]
enum Heard {
    Answer(Ends),
    OtherVersion,
}

#[derive(Debug)]
struct Ends {
    to: ChildStdin,
    from: BufReader<ChildStdout>,
    is_greeted: bool,
}

impl Line {
    /// Takes over a helper that was just started, and has it greet the server: the answer waits for the first question.
    pub(super) fn over(mut child: Child, terminal: bool) -> Option<Self> {
        let (mut to, from, talk) = (child.stdin.take()?, child.stdout.take()?, child.stderr.take()?);
        // A helper that is gone already is found so by the question.
        let _ = to.write_all(b"stateless-connect git-upload-pack\n");
        let ends = Some(Ends { to, from: BufReader::new(from), is_greeted: false });
        let (sender, said) = channel();
        std::thread::spawn(move || sender.send(gathered(talk)));
        Some(Self { child, terminal, ends, back: None, talk: said })
    }

    /// One question: what asks it and passes the pack on, to be run beside the `git index-pack` that reads it.
    pub(super) fn question(
        &mut self,
        ids: &[ObjectId],
    ) -> Option<impl FnOnce(&mut ChildStdin, &Sender<Piece>) -> io::Result<()> + Send + 'static> {
        let mut ends = self.ends.take()?;
        let request = request(ids);
        let (sender, back) = channel();
        self.back = Some(back);
        Some(move |pack: &mut ChildStdin, talk: &Sender<Piece>| {
            if !ends.is_greeted && !is_greeted(&mut ends.from)? {
                let _ = sender.send(Heard::OtherVersion);
                return Ok(());
            }
            ends.is_greeted = true;
            ends.to.write_all(&request)?;
            ends.to.flush()?;
            pass_on(&mut ends.from, pack, &|said| {
                // Who watches over the run may have given it up.
                let _ = talk.send(Piece::Talk(said));
            })?;
            let _ = sender.send(Heard::Answer(ends));
            Ok(())
        })
    }

    /// How the question ended, once what asked it has.
    pub(super) fn end(&mut self) -> End {
        match self.back.take().and_then(|back| back.recv().ok()) {
            None => End::Broken,
            Some(Heard::OtherVersion) => End::OtherVersion,
            Some(Heard::Answer(ends)) => {
                self.ends = Some(ends);
                End::Answered
            }
        }
    }

    /// Ends the line; what the helper said.
    pub(super) fn close(mut self) -> String {
        kill(&mut self.child, self.terminal);
        // On a terminal, what it had started may live on for a while and hold the pipe.
        self.talk.recv_timeout(Duration::from_secs(1)).unwrap_or_default()
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        kill(&mut self.child, self.terminal);
    }
}

fn gathered(talk: ChildStderr) -> String {
    let mut said = Vec::new();
    let _ = talk.take(MOST_TALK as u64).read_to_end(&mut said);
    String::from_utf8_lossy(&said).into_owned()
}

/// `want` for each object, in one request.
fn request(ids: &[ObjectId]) -> Vec<u8> {
    let mut request = line("command=fetch") + "0001" + &line("ofs-delta");
    for id in ids {
        request += &line(&format!("want {id}"));
    }
    (request + &line("done") + "0000").into_bytes()
}

fn line(text: &str) -> String {
    format!("{:04x}{text}\n", text.len() + 5)
}

/// Reads the server's greeting, and says whether it speaks version 2.
fn is_greeted(from: &mut impl Read) -> io::Result<bool> {
    let mut answer = [0];
    from.read_exact(&mut answer)?;
    if answer != *b"\n" {
        // `fallback`
        return Ok(false);
    }
    if !matches!(packet(from)?, Packet::Data(data) if data.trim_ascii_end() == b"version 2") {
        return Err(odd());
    }
    while let Packet::Data(_) = packet(from)? {}
    Ok(true)
}

/// Passes on a pack, and what is said beside it, to the end of the answer.
fn pass_on(from: &mut impl Read, pack: &mut impl Write, talk: &dyn Fn(Vec<u8>)) -> io::Result<()> {
    if !matches!(packet(from)?, Packet::Data(data) if data == b"packfile\n") {
        return Err(odd());
    }
    loop {
        match packet(from)? {
            Packet::Data(data) => match data.split_first() {
                Some((1, piece)) => pack.write_all(piece)?,
                Some((2, said)) => talk(said.to_vec()),
                _ => return Err(odd()),
            },
            Packet::Flush => break,
            Packet::Other => return Err(odd()),
        }
    }
    // The helper's own mark behind each answer.
    if matches!(packet(from)?, Packet::Other) { Ok(()) } else { Err(odd()) }
}

/// Git's unit of conversation: four digits that tell the length, themselves included, or are a mark.
#[derive(Debug, PartialEq, Eq)]
enum Packet {
    Data(Vec<u8>),
    Flush,
    Other,
}

fn packet(from: &mut impl Read) -> io::Result<Packet> {
    let mut length = [0; 4];
    from.read_exact(&mut length)?;
    let digits = std::str::from_utf8(&length).ok().filter(|digits| digits.bytes().all(|digit| digit.is_ascii_hexdigit()));
    match digits.and_then(|digits| usize::from_str_radix(digits, 16).ok()) {
        Some(0) => Ok(Packet::Flush),
        Some(1 | 2) => Ok(Packet::Other),
        Some(length @ 4..) => {
            let mut data = vec![0; length - 4];
            from.read_exact(&mut data)?;
            Ok(Packet::Data(data))
        }
        _ => Err(odd()),
    }
}

fn odd() -> io::Error {
    io::Error::other("no answer of Git's protocol")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn passed_on(answer: &str) -> io::Result<(Vec<u8>, Vec<u8>)> {
        let (mut pack, said) = (Vec::new(), std::cell::RefCell::new(Vec::new()));
        pass_on(&mut answer.as_bytes(), &mut pack, &|talk| said.borrow_mut().extend(talk))?;
        Ok((pack, said.into_inner()))
    }

    #[test]
    fn a_pack_is_passed_on_to_its_end() {
        let answer = passed_on("000dpackfile\n0009\u{1}PACK0009\u{2}50% 0007\u{1}ed00000002").expect("an answer");
        assert_eq!(answer, (b"PACKed".to_vec(), b"50% ".to_vec()));
    }

    #[test]
    fn what_is_no_answer_is_none() {
        let whole = "000dpackfile\n0009\u{1}PACK00000002";
        for end in 0..whole.len() {
            passed_on(&whole[..end]).expect_err("cut off");
        }
        for bad in [
            "000dERR gone\n00000002",
            "000dpackfile\n0009\u{3}gone00000002",
            "000dpackfile\n00000000",
            "+00dpackfile\n",
            "0003",
            "000dpackfile\n0004",
        ] {
            passed_on(bad).expect_err(bad);
        }
    }

    #[test]
    fn only_version_2_will_do() {
        assert!(is_greeted(&mut b"\n000eversion 2\n0012ls-refs=unborn0000".as_slice()).is_ok_and(|is| is));
        assert!(is_greeted(&mut b"fallback\n".as_slice()).is_ok_and(|is| !is));
        is_greeted(&mut b"\n000eversion 3\n0000".as_slice()).expect_err("another");
    }

    #[test]
    fn a_request_is_what_git_asks() {
        let id = "0123456789abcdef0123456789abcdef01234567";
        let asked = String::from_utf8(request(&[id.parse().expect("an id")])).expect("text");
        assert_eq!(asked, format!("0012command=fetch\n0001000eofs-delta\n0032want {id}\n0009done\n0000"));
    }
}
