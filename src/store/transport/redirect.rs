//! A look at where an http server sends us on to, before libgit2 asks it.
//!
//! libgit2 1.9 takes `/info/refs` and the query off the address that a server sends it on to, and reads the query also
//! where the server has lost it (`remove_service_suffix` in its `net.c`): the program would end there without a word.
//! Over https it cannot be looked at beforehand, for only libgit2 has TLS; there the server has a certificate at least.

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use url::Url;

use super::wording;
use crate::error::{Code, Failure};
use crate::model::address::{Address, without_credentials};
use crate::model::escape::escape_line;
use crate::store::interrupt;

/// What is asked for first, and must be asked for again wherever the server sends us.
const QUERY: &str = "service=git-upload-pack";
/// How often a server may send us on; libgit2 takes no more either.
const MOST: usize = 6;
/// The most that is read of an answer: its head.
const MOST_HEAD: usize = 64 << 10;
/// How often it is asked whether the run should stop.
const PULSE: Duration = Duration::from_millis(100);

/// Refuses a server that sends us on in a way that libgit2 does not survive. Whatever else is wrong is left to libgit2.
pub(super) fn refuse_lost_query(address: &Address, timeout: Duration) -> Result<(), Failure> {
    let Some(mut url) = first_request(address) else { return Ok(()) };
    for _ in 0..MOST {
        if url.scheme() != "http" {
            return Ok(());
        }
        let Some(location) = sent_on_to(&url, address, timeout)? else { return Ok(()) };
        let Ok(next) = url.join(&location) else { return Ok(()) };
        if next.path().ends_with("/info/refs") && next.query() != Some(QUERY) {
            let shown = escape_line(&without_credentials(next.as_str()));
            let message = format!("{address} cannot be reached: it sends us on to {shown}, without the question that was asked");
            let base = shown.split("/info/refs").next().unwrap_or_default();
            let failure = Failure::new(Code::Unreachable, message).hint(format!("the registry may be at {base} now"));
            return Err(failure.hint("tell the registry's maintainers: their server loses the query when it redirects"));
        }
        url = next;
    }
    Ok(())
}

fn first_request(address: &Address) -> Option<Url> {
    let mut url = Url::parse(&address.to_string()).ok().filter(|url| url.scheme() == "http")?;
    url.set_path(&format!("{}/info/refs", url.path().trim_end_matches('/')));
    url.set_query(Some(QUERY));
    Some(url)
}

/// Where a server sends us on to, if it does.
fn sent_on_to(url: &Url, address: &Address, timeout: Duration) -> Result<Option<String>, Failure> {
    let silent = || wording::failure(&format!("the server sent nothing for {} seconds", timeout.as_secs()), address);
    let Some(mut stream) = ask(url, timeout) else { return Ok(None) };
    let (mut head, mut heard, mut buffer) = (Vec::new(), Instant::now(), [0; 4096]);
    while head.len() < MOST_HEAD && memchr::memmem::find(&head, b"\r\n\r\n").is_none() {
        interrupt::check()?;
        match stream.read(&mut buffer) {
            Ok(0) => break,
            Ok(count) => {
                head.extend_from_slice(&buffer[..count]);
                heard = Instant::now();
            }
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut | ErrorKind::Interrupted) => {
                if heard.elapsed() > timeout {
                    return Err(silent());
                }
            }
            Err(_) => break,
        }
    }
    Ok(location(&String::from_utf8_lossy(&head)))
}

/// Sends the question; nothing where nobody listens.
fn ask(url: &Url, timeout: Duration) -> Option<TcpStream> {
    let places = url.socket_addrs(|| None).ok()?;
    let mut stream = places.iter().find_map(|place| TcpStream::connect_timeout(place, timeout).ok())?;
    stream.set_read_timeout(Some(PULSE)).ok()?;
    stream.set_write_timeout(Some(timeout)).ok()?;
    let port = url.port().map(|port| format!(":{port}")).unwrap_or_default();
    let (host, path, query) = (url.host_str()?, url.path(), url.query().unwrap_or_default());
    let question = format!(
        "GET {path}?{query} HTTP/1.1\r\nHost: {host}{port}\r\nUser-Agent: git/2.0 (forum)\r\nAccept: */*\r\nConnection: close\r\n\r\n"
    );
    stream.write_all(question.as_bytes()).ok()?;
    Some(stream)
}

/// The `Location` of an answer that redirects.
fn location(head: &str) -> Option<String> {
    let mut lines = head.lines();
    let status = lines.next()?.split(' ').nth(1)?;
    let fields = lines.take_while(|line| !line.is_empty());
    let mut found = fields.filter_map(|line| line.split_once(':')).filter(|(name, _)| name.eq_ignore_ascii_case("location"));
    found.next().filter(|_| matches!(status, "301" | "302" | "303" | "307" | "308")).map(|(_, value)| value.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_question_is_asked_below_the_address() {
        let first = |text: &str| first_request(&Address::parse(text).expect("an address")).map(|url| url.to_string());
        assert_eq!(first("http://h:8/a.git/").as_deref(), Some("http://h:8/a.git/info/refs?service=git-upload-pack"));
        assert_eq!(first("https://h/a"), None);
        assert_eq!(first("/srv/a"), None);
    }

    #[test]
    fn only_answers_that_redirect_lead_on() {
        assert_eq!(location("HTTP/1.1 301 Moved\r\nlocation:  /x \r\n\r\n").as_deref(), Some("/x"));
        assert_eq!(location("HTTP/1.1 200 OK\r\nLocation: /x\r\n\r\n"), None);
        assert_eq!(location("HTTP/1.1 302 Found\r\n\r\nLocation: /x\r\n"), None);
        assert_eq!(location(""), None);
    }
}
