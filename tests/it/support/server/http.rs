//! `git http-backend` behind a small http server, which counts, asks who comes, and fails where a test wants it to.

use std::collections::HashMap;
use std::io::{BufReader, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use super::super::{clean, git, output};
use super::wire::{base64, content_type, head, parse_cgi, read_body, read_head};

/// What a server does instead of answering properly.
#[derive(Clone, Debug)]
pub(crate) enum Fault {
    /// Answers with this status and text.
    Status(u16, &'static str),
    /// Sends the client on to this path below the same host.
    SentOn(String),
    /// Sends nothing more and holds the line.
    Stall,
    /// Sends this many bytes of the body, then holds the line.
    StallAfter(usize),
    /// Sends this many bytes of the body, then hangs up.
    CutAfter(usize),
    /// Sends one byte at a time with a pause between.
    Drip(Duration),
    /// Sends these bytes as a body with status 200.
    Garbage(&'static [u8]),
    /// Turns the bits of the byte at this place of the body.
    Flip(usize),
}

/// A request, as far as a test asks.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) headers: HashMap<String, String>,
}

type Hook = Box<dyn Fn(&Request) -> Option<Fault> + Send + Sync>;

/// Settings of the http server.
pub(crate) struct Options {
    pub(crate) allow_filter: bool,
    pub(crate) protocol_v2: bool,
    /// Who may come in, with their passwords; empty: everybody.
    pub(crate) basic: &'static [(&'static str, &'static str)],
    pub(crate) hook: Option<Hook>,
}

impl Default for Options {
    fn default() -> Self {
        Self { allow_filter: true, protocol_v2: true, basic: &[], hook: None }
    }
}

struct State {
    root: PathBuf,
    backend: PathBuf,
    options: Options,
    stopped: AtomicBool,
    bytes_out: AtomicUsize,
    requests: Mutex<Vec<Request>>,
}

/// A running http server; dropped, it stops.
pub(crate) struct Http {
    state: Arc<State>,
    port: u16,
}

impl Http {
    pub(crate) fn start(root: &Path, options: Options) -> Self {
        let backend = Path::new(&git(&["--exec-path"])).join("git-http-backend");
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let state = Arc::new(State {
            root: root.to_owned(),
            backend,
            options,
            stopped: AtomicBool::new(false),
            bytes_out: AtomicUsize::new(0),
            requests: Mutex::new(Vec::new()),
        });
        let shared = Arc::clone(&state);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                if shared.stopped.load(Ordering::Relaxed) {
                    return;
                }
                let Ok(stream) = stream else { continue };
                let state = Arc::clone(&shared);
                std::thread::spawn(move || state.serve(stream));
            }
        });
        Self { state, port }
    }

    /// The address of the repository `kommun.git`.
    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}/kommun.git", self.port)
    }

    /// The same with a part before the host.
    pub(crate) fn url_with(&self, user: &str) -> String {
        format!("http://{user}@127.0.0.1:{}/kommun.git", self.port)
    }

    pub(crate) fn requests(&self) -> Vec<Request> {
        self.state.requests.lock().unwrap().clone()
    }

    pub(crate) fn posts(&self) -> usize {
        self.requests().iter().filter(|request| request.method == "POST").count()
    }

    pub(crate) fn bytes_out(&self) -> usize {
        self.state.bytes_out.load(Ordering::Relaxed)
    }

    /// Forgets what was counted.
    pub(crate) fn reset(&self) {
        self.state.requests.lock().unwrap().clear();
        self.state.bytes_out.store(0, Ordering::Relaxed);
    }
}

impl Drop for Http {
    fn drop(&mut self) {
        self.state.stopped.store(true, Ordering::Relaxed);
        let _ = TcpStream::connect((Ipv4Addr::LOCALHOST, self.port));
    }
}

impl State {
    fn serve(&self, stream: TcpStream) {
        let _ = stream.set_nodelay(true);
        let _ = stream.set_read_timeout(Some(Duration::from_secs(30)));
        let Ok(mut writer) = stream.try_clone() else { return };
        let mut reader = BufReader::new(stream);
        while let Some(request) = read_head(&mut reader) {
            if request.headers.get("expect").is_some_and(|value| value.contains("100")) {
                let _ = writer.write_all(b"HTTP/1.1 100 Continue\r\n\r\n");
            }
            let Some(body) = read_body(&mut reader, &request) else { return };
            self.requests.lock().unwrap().push(request.clone());
            if self.answer(&mut writer, &request, &body).is_none() {
                let _ = writer.shutdown(std::net::Shutdown::Both);
                return;
            }
        }
    }

    /// `None` ends the connection.
    fn answer(&self, writer: &mut TcpStream, request: &Request, body: &[u8]) -> Option<()> {
        if !self.options.basic.is_empty() && self.user(request).is_none() {
            return self.send(writer, 401, &["WWW-Authenticate: Basic realm=\"registry\"".to_owned()], b"sign in\n");
        }
        let fault = self.options.hook.as_ref().and_then(|hook| hook(request));
        match fault {
            None => {
                let (status, headers, body) = self.backend(request, body);
                self.send(writer, status, &headers, &body)
            }
            Some(Fault::Status(status, text)) => self.send(writer, status, &["Content-Type: text/plain".to_owned()], text.as_bytes()),
            Some(Fault::SentOn(place)) => self.send(writer, 301, &[format!("Location: {place}")], b""),
            Some(Fault::Garbage(bytes)) => {
                let kind = format!("Content-Type: {}", content_type(&request.path));
                self.send(writer, 200, &[kind], bytes)
            }
            Some(Fault::Stall) => self.hold(),
            Some(fault) => {
                let (status, headers, body) = self.backend(request, body);
                self.send_badly(writer, status, &headers, body, &fault)
            }
        }
    }

    /// Who asks.
    fn user(&self, request: &Request) -> Option<&'static str> {
        let given = request.headers.get("authorization")?;
        let is = |(user, password): &&(&str, &str)| *given == format!("Basic {}", base64(format!("{user}:{password}").as_bytes()));
        self.options.basic.iter().find(is).map(|(user, _)| *user)
    }

    fn hold(&self) -> Option<()> {
        let started = Instant::now();
        while !self.stopped.load(Ordering::Relaxed) && started.elapsed() < Duration::from_secs(40) {
            std::thread::sleep(Duration::from_millis(50));
        }
        None
    }

    fn send(&self, writer: &mut TcpStream, status: u16, headers: &[String], body: &[u8]) -> Option<()> {
        let mut all = head(status, headers, body.len()).into_bytes();
        all.extend_from_slice(body);
        self.bytes_out.fetch_add(all.len(), Ordering::Relaxed);
        writer.write_all(&all).ok()
    }

    fn send_badly(&self, writer: &mut TcpStream, status: u16, headers: &[String], mut body: Vec<u8>, fault: &Fault) -> Option<()> {
        writer.write_all(head(status, headers, body.len()).as_bytes()).ok()?;
        match fault {
            Fault::StallAfter(bytes) => {
                writer.write_all(&body[..body.len().min(*bytes)]).ok()?;
                self.hold()
            }
            Fault::CutAfter(bytes) => {
                writer.write_all(&body[..body.len().min(*bytes)]).ok()?;
                None
            }
            Fault::Drip(pause) => {
                for byte in body {
                    if self.stopped.load(Ordering::Relaxed) {
                        return None;
                    }
                    writer.write_all(&[byte]).ok()?;
                    std::thread::sleep(*pause);
                }
                Some(())
            }
            Fault::Flip(place) => {
                if let Some(byte) = body.get_mut(*place) {
                    *byte = !*byte;
                }
                writer.write_all(&body).ok()
            }
            Fault::Status(..) | Fault::SentOn(_) | Fault::Stall | Fault::Garbage(_) => None,
        }
    }

    fn backend(&self, request: &Request, body: &[u8]) -> (u16, Vec<String>, Vec<u8>) {
        let (path, query) = request.path.split_once('?').unwrap_or((&request.path, ""));
        let mut command = Command::new(&self.backend);
        clean(&mut command);
        let get = |key: &str| request.headers.get(key).cloned().unwrap_or_default();
        command.envs([
            ("GIT_PROJECT_ROOT", self.root.to_str().unwrap()),
            ("GIT_HTTP_EXPORT_ALL", "1"),
            ("REQUEST_METHOD", &request.method),
            ("PATH_INFO", path),
            ("QUERY_STRING", query),
            ("REMOTE_ADDR", "127.0.0.1"),
            ("SERVER_PROTOCOL", "HTTP/1.1"),
            ("CONTENT_TYPE", &get("content-type")),
            ("CONTENT_LENGTH", &body.len().to_string()),
            ("GIT_CONFIG_COUNT", "3"),
            ("GIT_CONFIG_KEY_1", "uploadpack.allowFilter"),
            ("GIT_CONFIG_VALUE_1", if self.options.allow_filter { "true" } else { "false" }),
            ("GIT_CONFIG_KEY_2", "gc.auto"),
            ("GIT_CONFIG_VALUE_2", "0"),
        ]);
        if let Some(user) = self.user(request) {
            command.env("REMOTE_USER", user);
        }
        if !get("content-encoding").is_empty() {
            command.env("HTTP_CONTENT_ENCODING", get("content-encoding"));
        }
        if self.options.protocol_v2 && !get("git-protocol").is_empty() {
            command.env("GIT_PROTOCOL", get("git-protocol")).env("HTTP_GIT_PROTOCOL", get("git-protocol"));
        }
        parse_cgi(&output(command, body))
    }
}
