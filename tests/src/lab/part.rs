//! The programs of a host.

use std::path::Path;

use crate::{program, require};

/// A program of a host, run as its init system would run it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Part {
    /// The Docker engine, with its own containerd.
    Dockerd,
    /// `heliostat-agent`.
    Agent,
    /// `heliostat serve`.
    Supervisor,
    /// The balancer.
    Haproxy,
    /// What moves the address.
    Keepalived,
}

impl Part {
    /// All of them, in the order in which a host starts them.
    pub const ALL: [Self; 5] =
        [Self::Dockerd, Self::Agent, Self::Supervisor, Self::Haproxy, Self::Keepalived];

    /// Its name, and that of its log without the `.log`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Dockerd => "dockerd",
            Self::Agent => "agent",
            Self::Supervisor => "supervisor",
            Self::Haproxy => "haproxy",
            Self::Keepalived => "keepalived",
        }
    }

    /// Its config in the host's folder.
    pub const fn config_file(self) -> &'static str {
        match self {
            Self::Dockerd => "daemon.json",
            Self::Agent => "agent.toml",
            Self::Supervisor => "supervisor.toml",
            Self::Haproxy => "haproxy.cfg",
            Self::Keepalived => "keepalived.conf",
        }
    }

    /// Program and arguments, for a host with this folder and this control group.
    pub(super) fn command(self, folder: &Path, group: &str) -> Vec<String> {
        let file = |name: &str| folder.join(name).display().to_string();
        let config = file(self.config_file());
        let (program, arguments) = match self {
            Self::Dockerd => (debian("dockerd"), dockerd(&config, folder, group)),
            // At the priority that its unit gives it.
            Self::Agent => {
                let agent = ours("heliostat-agent");
                ("nice".to_owned(), words(&["-n", "-10", &agent, "run", "--config", &config]))
            }
            Self::Supervisor => (ours("heliostat"), words(&["serve", "--config", &config])),
            Self::Haproxy => (debian("haproxy"), words(&["-W", "-db", "-f", &config])),
            Self::Keepalived => (
                debian("keepalived"),
                words(&[
                    "--dont-fork",
                    "--log-console",
                    "--log-detail",
                    "--vrrp",
                    "--pid",
                    "/run/keepalived.pid",
                    "--vrrp_pid",
                    "/run/keepalived-vrrp.pid",
                    "--use-file",
                    &config,
                ]),
            ),
        };
        std::iter::once(program).chain(arguments).collect()
    }

    /// What an earlier life may have left that keeps it from starting.
    pub(super) const fn leftovers(self) -> &'static [&'static str] {
        match self {
            Self::Dockerd => &["/run/docker.pid"],
            Self::Keepalived => &["/run/keepalived.pid", "/run/keepalived-vrrp.pid"],
            Self::Agent | Self::Supervisor | Self::Haproxy => &[],
        }
    }
}

fn dockerd(config: &str, folder: &Path, group: &str) -> Vec<String> {
    words(&[
        "--config-file",
        config,
        "-H",
        &format!("unix://{}", folder.join("docker.sock").display()),
        "--data-root",
        &folder.join("data").display().to_string(),
        "--exec-root",
        "/run/docker",
        "--pidfile",
        "/run/docker.pid",
        "--storage-driver",
        "overlay2",
        "--exec-opt",
        "native.cgroupdriver=cgroupfs",
        "--cgroup-parent",
        group,
        "--ip6tables=false",
    ])
}

fn words(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}

/// A program that a Debian package brings.
fn debian(name: &str) -> String {
    require::find_program(name).unwrap_or_else(|| panic!("no {name} on this machine")).display().to_string()
}

/// A program of this workspace.
fn ours(name: &str) -> String {
    program::path(name).display().to_string()
}
