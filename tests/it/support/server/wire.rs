//! What goes over the wire: requests as they are read, and answers as a CGI program or a browser has them.

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Read};
use std::net::TcpStream;

use super::Request;

pub(super) fn parse_cgi(raw: &[u8]) -> (u16, Vec<String>, Vec<u8>) {
    let end = raw.windows(4).position(|window| window == b"\r\n\r\n").unwrap_or(raw.len());
    let (mut status, mut headers) = (200, Vec::new());
    for line in String::from_utf8_lossy(&raw[..end]).lines() {
        match line.split_once(':') {
            Some((key, value)) if key.eq_ignore_ascii_case("status") => {
                status = value.split_whitespace().next().and_then(|word| word.parse().ok()).unwrap_or(500);
            }
            _ => headers.push(line.to_owned()),
        }
    }
    (status, headers, raw.get(end + 4..).unwrap_or_default().to_vec())
}

pub(super) fn content_type(path: &str) -> &'static str {
    if path.contains("info/refs") { "application/x-git-upload-pack-advertisement" } else { "application/x-git-upload-pack-result" }
}

pub(super) fn head(status: u16, headers: &[String], length: usize) -> String {
    let mut text = format!("HTTP/1.1 {status} Answer\r\n");
    for header in headers {
        text.push_str(header);
        text.push_str("\r\n");
    }
    text + &format!("Content-Length: {length}\r\n\r\n")
}

pub(super) fn read_head(reader: &mut BufReader<TcpStream>) -> Option<Request> {
    let mut line = String::new();
    reader.read_line(&mut line).ok().filter(|read| *read > 0)?;
    let mut words = line.split_whitespace();
    let (method, path) = (words.next()?.to_owned(), words.next()?.to_owned());
    let mut headers = HashMap::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok().filter(|read| *read > 0)?;
        let Some((key, value)) = line.trim_end().split_once(':') else { break };
        headers.insert(key.to_ascii_lowercase(), value.trim().to_owned());
    }
    Some(Request { method, path, headers })
}

pub(super) fn read_body(reader: &mut BufReader<TcpStream>, request: &Request) -> Option<Vec<u8>> {
    let mut body = Vec::new();
    if request.headers.get("transfer-encoding").is_some_and(|value| value.contains("chunked")) {
        loop {
            let mut line = String::new();
            reader.read_line(&mut line).ok()?;
            let size = usize::from_str_radix(line.trim().split(';').next()?, 16).ok()?;
            let at = body.len();
            body.resize(at + size, 0);
            reader.read_exact(&mut body[at..]).ok()?;
            reader.read_line(&mut String::new()).ok()?;
            if size == 0 {
                return Some(body);
            }
        }
    }
    let length = request.headers.get("content-length").and_then(|value| value.parse().ok()).unwrap_or(0);
    body.resize(length, 0);
    reader.read_exact(&mut body).ok()?;
    Some(body)
}

pub(super) fn base64(bytes: &[u8]) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for group in bytes.chunks(3) {
        let number = group.iter().fold(0_usize, |sum, byte| (sum << 8) | usize::from(*byte)) << (8 * (3 - group.len()));
        for place in 0..4 {
            if place <= group.len() {
                text.push(char::from(LETTERS[(number >> (18 - 6 * place)) & 63]));
            } else {
                text.push('=');
            }
        }
    }
    text
}
