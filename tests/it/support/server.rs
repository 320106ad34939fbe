//! Servers on loopback: `git http-backend` behind a small http server, `git
//! daemon`, and `sshd` with keys, settings and port of its own.

use std::collections::HashMap;
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use super::{clean, git, kill_group, output, own_group};

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

fn parse_cgi(raw: &[u8]) -> (u16, Vec<String>, Vec<u8>) {
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

fn content_type(path: &str) -> &'static str {
    if path.contains("info/refs") { "application/x-git-upload-pack-advertisement" } else { "application/x-git-upload-pack-result" }
}

fn head(status: u16, headers: &[String], length: usize) -> String {
    let mut text = format!("HTTP/1.1 {status} Answer\r\n");
    for header in headers {
        text.push_str(header);
        text.push_str("\r\n");
    }
    text + &format!("Content-Length: {length}\r\n\r\n")
}

fn read_head(reader: &mut BufReader<TcpStream>) -> Option<Request> {
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

fn read_body(reader: &mut BufReader<TcpStream>, request: &Request) -> Option<Vec<u8>> {
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

fn base64(bytes: &[u8]) -> String {
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

/// A port on loopback that was free a moment ago.
pub(crate) fn free_port() -> u16 {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap().port()
}

fn await_port(port: u16, what: &str) {
    let started = Instant::now();
    while TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_err() {
        assert!(started.elapsed() < Duration::from_secs(10), "{what} does not listen");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// `git daemon` over a directory.
pub(crate) struct GitDaemon {
    child: Child,
    port: u16,
}

impl GitDaemon {
    pub(crate) fn start(root: &Path) -> Self {
        let port = free_port();
        let mut command = Command::new(Path::new(&git(&["--exec-path"])).join("git-daemon"));
        clean(&mut command);
        command.args(["--listen=127.0.0.1", "--export-all", "--reuseaddr"]);
        command.arg(format!("--port={port}")).arg(format!("--base-path={}", root.display()));
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        own_group(&mut command);
        let child = command.spawn().expect("git daemon starts");
        await_port(port, "git daemon");
        Self { child, port }
    }

    pub(crate) fn url(&self) -> String {
        format!("git://127.0.0.1:{}/kommun.git", self.port)
    }
}

impl Drop for GitDaemon {
    fn drop(&mut self) {
        kill_group(&mut self.child);
    }
}

/// `sshd` of Debian's `openssh-server`, for two keys: that of contributors, and that of the maintainer, whose name is in
/// `REMOTE_USER` as it is behind http.
pub(crate) struct Sshd {
    child: Child,
    port: u16,
    user: String,
    directory: PathBuf,
}

impl Sshd {
    /// Starts it with all that it needs below a directory.
    pub(crate) fn start(directory: &Path) -> Self {
        let program = ["/usr/sbin/sshd", "/usr/local/sbin/sshd", "/usr/bin/sshd"].iter().find(|path| Path::new(path).exists());
        let program = program.expect("this test needs sshd: install the package openssh-server (.ci/run does)");
        fs::create_dir_all(directory).unwrap();
        for name in ["host", "client", "maintainer"] {
            let mut command = Command::new("ssh-keygen");
            command.args(["-q", "-t", "ed25519", "-N", "", "-f"]).arg(directory.join(name));
            output(command, b"");
        }
        let key = |name: &str| fs::read_to_string(directory.join(format!("{name}.pub"))).unwrap();
        let authorized = format!("{}environment=\"REMOTE_USER=maintainer\" {}", key("client"), key("maintainer"));
        fs::write(directory.join("authorized"), authorized).unwrap();
        // Started by root it wants this directory, which only Debian's service script makes.
        let _ = fs::create_dir_all("/run/sshd");
        let (port, at) = (free_port(), directory.display());
        let path = std::env::var("PATH").unwrap();
        let settings = format!(
            "Port {port}\nListenAddress 127.0.0.1\nHostKey {at}/host\nAuthorizedKeysFile {at}/authorized\nPidFile none\n\
             StrictModes no\nUsePAM no\nPasswordAuthentication no\nPermitRootLogin prohibit-password\nPrintMotd no\n\
             PermitUserEnvironment REMOTE_USER\n\
             SetEnv PATH={path} HOME={at} GIT_CONFIG_GLOBAL=/dev/null GIT_CONFIG_NOSYSTEM=1\n"
        );
        fs::write(directory.join("sshd_config"), settings).unwrap();
        let log = fs::File::create(directory.join("log")).unwrap();
        let mut command = Command::new(program);
        command.args(["-D", "-e", "-f"]).arg(directory.join("sshd_config"));
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log);
        own_group(&mut command);
        let child = command.spawn().expect("sshd starts");
        await_port(port, "sshd");
        fs::write(directory.join("known_hosts"), format!("[127.0.0.1]:{port} {}", key("host"))).unwrap();
        let user = String::from_utf8(output(Command::new("whoami"), b"")).unwrap().trim().to_owned();
        Self { child, port, user, directory: directory.to_owned() }
    }

    /// The address of a repository by its absolute path.
    pub(crate) fn url(&self, repository: &Path) -> String {
        format!("ssh://{}@127.0.0.1:{}{}", self.user, self.port, repository.display())
    }

    /// What the user of the sandbox would have in `GIT_SSH_COMMAND`.
    pub(crate) fn client(&self) -> String {
        self.client_with("client")
    }

    /// The same with another of the keys.
    pub(crate) fn client_with(&self, key: &str) -> String {
        let at = self.directory.display();
        format!(
            "ssh -F /dev/null -i {at}/{key} -o IdentitiesOnly=yes -o UserKnownHostsFile={at}/known_hosts -o StrictHostKeyChecking=yes -o BatchMode=yes -o KexAlgorithms=curve25519-sha256"
        )
    }
}

impl Drop for Sshd {
    fn drop(&mut self) {
        kill_group(&mut self.child);
    }
}
