//! An HAProxy of the test's own.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::SocketAddr;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use crate::web::Web;
use crate::{until, web};

/// It.
pub(crate) struct HaProxy {
    child: Child,
    pub(crate) socket: PathBuf,
    pub(crate) front: SocketAddr,
}

impl HaProxy {
    /// Whether it is installed.
    pub(crate) fn is_here() -> bool {
        Command::new("haproxy").arg("-v").stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok()
    }

    /// Starts one with this backend `web`, in which `{node}` stands for a node's web server, and a backend that is not ours.
    pub(crate) fn start(folder: &Path, backend: &str, webs: &BTreeMap<String, Web>) -> Self {
        let (socket, port) = (folder.join("haproxy.sock"), web::free_port());
        let front: SocketAddr = format!("127.0.0.1:{port}").parse().unwrap();
        let mut servers = backend.to_owned();
        for (name, web) in webs {
            servers = servers.replace(&format!("{{{name}}}"), &web.address.to_string());
        }
        let config = format!(
            "global\n  stats socket {} mode 600 level admin\n\
             defaults\n  mode http\n  option redispatch 1\n  retries 3\n  \
             retry-on conn-failure empty-response\n  timeout connect 500ms\n  timeout check 300ms\n  \
             timeout client 60s\n  timeout server 60s\n\
             frontend in\n  bind {front}\n  default_backend web\n\
             backend web\n  balance roundrobin\n  option httpchk GET /health\n  \
             default-server check inter 250ms fastinter 100ms fall 2 rise 2\n{servers}\
             backend foreign\n  server pi1 127.0.0.1:9 weight 33\n  server pi2 127.0.0.1:9 weight 44\n",
            socket.display()
        );
        std::fs::write(folder.join("haproxy.cfg"), config).unwrap();
        let child = spawn(folder);
        let haproxy = Self { child, socket, front };
        haproxy.wait();
        haproxy
    }

    fn wait(&self) {
        until("HAProxy answers", || UnixStream::connect(&self.socket).ok().map(drop));
    }

    /// Ends it at once, and starts another one.
    pub(crate) fn restart(&mut self, folder: &Path) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        self.child = spawn(folder);
        until("the new one answers", || self.try_ask("show info").filter(|answer| answer.contains("Pid:")));
    }

    fn try_ask(&self, command: &str) -> Option<String> {
        let mut stream = UnixStream::connect(&self.socket).ok()?;
        stream.write_all(format!("{command}\n").as_bytes()).ok()?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).ok()?;
        Some(answer)
    }

    /// One line of `show stat`: what is constant of it (name, weight, and whether it serves).
    pub(crate) fn line(&self, server: &str) -> (String, String) {
        let (backend, name) = server.split_once('/').unwrap();
        (self.field(backend, name, "weight"), self.state(backend, name))
    }

    /// `UP`, `DOWN`, `DRAIN`, `MAINT`; empty when there is no such server.
    pub(crate) fn state(&self, backend: &str, server: &str) -> String {
        self.field(backend, server, "status")
    }

    fn field(&self, backend: &str, server: &str, column: &str) -> String {
        let stat = self.try_ask("show stat").unwrap_or_default();
        let columns: Vec<&str> =
            stat.lines().next().unwrap_or_default().trim_start_matches("# ").split(',').collect();
        let place = columns.iter().position(|name| *name == column);
        stat.lines()
            .map(|line| line.split(',').collect::<Vec<_>>())
            .find(|row| row.first() == Some(&backend) && row.get(1) == Some(&server))
            .and_then(|row| Some((*row.get(place?)?).to_owned()))
            .unwrap_or_default()
    }

    /// The weights of the servers `pi1` to `pi3`.
    pub(crate) fn weights(&self) -> [u32; 3] {
        ["pi1", "pi2", "pi3"].map(|name| self.field("web", name, "weight").parse().unwrap_or(0))
    }
}

fn spawn(folder: &Path) -> Child {
    let log = std::fs::File::create(folder.join("haproxy.log")).unwrap();
    Command::new("haproxy")
        .args(["-db", "-f"])
        .arg(folder.join("haproxy.cfg"))
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(log)
        .spawn()
        .unwrap()
}

impl Drop for HaProxy {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
