//! A switch and the hosts on it: network namespaces that end with the test.

use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

/// Hosts are numbered from 1; the switch is a namespace of its own.
pub(crate) struct Wire {
    name: String,
    hosts: u8,
}

/// The address that the masters share.
pub(crate) const SHARED: &str = "172.16.9.50";

/// Runs `ip`; a namespace that is in the way, or a kernel without bridges, ends the test here.
fn ip(arguments: &str) {
    let output = Command::new("ip").args(arguments.split_whitespace()).output().expect("ip");
    assert!(output.status.success(), "ip {arguments}: {}", String::from_utf8_lossy(&output.stderr));
}

impl Wire {
    /// Lays it.
    pub(crate) fn lay(hosts: u8) -> Self {
        static WIRES: AtomicU32 = AtomicU32::new(0);
        let name = format!("hs{}x{}", std::process::id(), WIRES.fetch_add(1, Ordering::Relaxed));
        let wire = Self { name, hosts };
        let switch = wire.switch();
        ip(&format!("netns add {switch}"));
        ip(&format!("-n {switch} link add br0 type bridge"));
        ip(&format!("-n {switch} link set br0 up"));
        for host in 1..=hosts {
            let space = wire.host(host);
            ip(&format!("netns add {space}"));
            ip(&format!("-n {switch} link add port{host} type veth peer name eth0 netns {space}"));
            ip(&format!("-n {switch} link set port{host} master br0 up"));
            ip(&format!("-n {space} addr add {}/24 dev eth0", Self::address(host)));
            ip(&format!("-n {space} link set eth0 up"));
            ip(&format!("-n {space} link set lo up"));
        }
        wire
    }

    fn switch(&self) -> String {
        format!("{}-sw", self.name)
    }

    /// A host's namespace.
    pub(crate) fn host(&self, host: u8) -> String {
        format!("{}-{host}", self.name)
    }

    /// A host's own address.
    pub(crate) fn address(host: u8) -> String {
        format!("172.16.9.{}", 100 + host)
    }

    /// Pulls a host's cable: the host sees that its link is down.
    pub(crate) fn cut(&self, host: u8) {
        ip(&format!("-n {} link set port{host} down", self.switch()));
    }

    /// The switch forwards nothing from or to a host any more; the host's link stays up.
    pub(crate) fn part(&self, host: u8) {
        ip(&format!("-n {} link set port{host} nomaster", self.switch()));
    }

    /// Mends both.
    pub(crate) fn mend(&self, host: u8) {
        ip(&format!("-n {} link set port{host} master br0 up", self.switch()));
    }

    /// Moves the calling thread to a host's network.
    pub(crate) fn enter(namespace: &str) {
        use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};
        use std::os::fd::AsFd as _;
        let file = std::fs::File::open(format!("/run/netns/{namespace}")).expect("the namespace");
        move_into_link_name_space(file.as_fd(), Some(LinkNameSpaceType::Network)).expect("setns");
    }
}

impl Drop for Wire {
    fn drop(&mut self) {
        let spaces = (1..=self.hosts).map(|host| self.host(host)).chain([self.switch()]);
        for space in spaces {
            // What keepalived started, or was started by a supervisor, is nobody's child here.
            if let Ok(pids) = Command::new("ip").args(["netns", "pids", &space]).output() {
                for pid in String::from_utf8_lossy(&pids.stdout).split_whitespace() {
                    let pid = pid.parse().ok().and_then(rustix::process::Pid::from_raw);
                    let this = rustix::process::getpid();
                    if let Some(pid) = pid.filter(|pid| *pid != this) {
                        let _ = rustix::process::kill_process(pid, rustix::process::Signal::KILL);
                    }
                }
            }
            let _ = Command::new("ip").args(["netns", "del", &space]).stderr(Stdio::null()).status();
        }
    }
}
