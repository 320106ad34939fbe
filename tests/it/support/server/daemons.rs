//! Servers that come with git and with ssh: `git daemon`, and `sshd` with keys, settings and port of its own.

use std::fs;
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use super::super::{clean, git, kill_group, output, own_group};

/// A port on loopback that was free a moment ago.
fn free_port() -> u16 {
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
