//! The switch and its cables: a bridge in a network namespace of its own, so that nothing of the machine's own network
//! is touched, and two labs never meet.

use std::io::Write as _;
use std::net::Ipv4Addr;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use super::keeper;
use crate::wait;

/// A network namespace with nothing in it but one sleeping process.
#[derive(Debug)]
pub(super) struct Place {
    holder: Child,
}

impl Place {
    fn make(folder: &Path, name: &str) -> Self {
        let holder = Command::new("setsid")
            .args(["unshare", "--net", "sleep", "infinity"])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("setsid");
        keeper::note(folder, name, holder.id());
        let own = namespace_of(std::process::id());
        wait::until_true(format!("the network namespace of the {name}"), Duration::from_mins(1), || {
            let theirs = namespace_of(holder.id());
            theirs.is_some() && theirs != own
        });
        Self { holder }
    }

    /// A process in it.
    pub(super) fn pid(&self) -> u32 {
        self.holder.id()
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let _ = self.holder.kill();
        let _ = self.holder.wait();
    }
}

/// A name of the network namespace that a process is in.
fn namespace_of(pid: u32) -> Option<std::path::PathBuf> {
    std::fs::read_link(format!("/proc/{pid}/ns/net")).ok()
}

/// The switch.
#[derive(Debug)]
pub(super) struct Switch {
    place: Place,
}

impl Switch {
    /// Switches on.
    pub(super) fn start(folder: &Path) -> Self {
        let place = Place::make(folder, "switch");
        ip(
            place.pid(),
            "link set lo up\n\
             link add br0 type bridge stp_state 0 forward_delay 0 mcast_snooping 0\n\
             link set br0 up\n\
             link add br1 type bridge stp_state 0 forward_delay 0 mcast_snooping 0\n\
             link set br1 up\n",
        );
        // Bridged frames are no business of iptables; the setting is missing where the kernel cannot do that anyway.
        let _ = Command::new("nsenter")
            .args(["-t", &place.pid().to_string(), "-n", "sysctl", "-qw"])
            .arg("net.bridge.bridge-nf-call-iptables=0")
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status();
        Self { place }
    }

    /// A new place, plugged in.
    pub(super) fn place(&self, folder: &Path, name: &str, address: Ipv4Addr) -> Place {
        let place = Place::make(folder, name);
        self.plug(name, place.pid(), address);
        place
    }

    /// Plugs the namespace of a process in, as its `eth0`. The same address always gets the same MAC, as a card has.
    pub(super) fn plug(&self, name: &str, pid: u32, address: Ipv4Addr) {
        ip(
            self.place.pid(),
            &format!(
                "link add v-{name} type veth peer name eth0 netns {pid}\nlink set v-{name} master br0 up\n"
            ),
        );
        let [a, b, c, d] = address.octets();
        ip(
            pid,
            &format!(
                "link set lo up\n\
                 link set eth0 address 02:00:{a:02x}:{b:02x}:{c:02x}:{d:02x}\n\
                 addr add {address}/24 broadcast + dev eth0\n\
                 link set eth0 up\n"
            ),
        );
    }

    /// Takes the cable away altogether. A dead namespace is cleared late, and its cable's name would still be taken.
    pub(super) fn unplug(&self, name: &str) {
        try_ip(self.place.pid(), &format!("link del v-{name}\n"));
    }

    /// Plugs a cable into the other switch, which nobody is on while all is whole, or back.
    pub(super) fn set_apart(&self, name: &str, apart: bool) {
        let bridge = if apart { "br1" } else { "br0" };
        ip(self.place.pid(), &format!("link set v-{name} master {bridge}\n"));
    }

    /// Pulls a cable, or puts it back.
    pub(super) fn cable(&self, name: &str, connected: bool) {
        let state = if connected { "up" } else { "down" };
        ip(self.place.pid(), &format!("link set v-{name} {state}\n"));
    }
}

/// Runs `ip` commands, one a line, in the network namespace of a process.
///
/// # Panics
/// When one fails, with its words.
fn ip(pid: u32, commands: &str) {
    let words = try_ip(pid, commands);
    assert!(words.is_empty(), "ip: {words}\n{commands}");
}

/// As [`ip`]; what went wrong is the value.
fn try_ip(pid: u32, commands: &str) -> String {
    let mut child = Command::new("nsenter")
        .args(["-t", &pid.to_string(), "-n", "ip", "-batch", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .expect("nsenter");
    child.stdin.take().expect("a pipe").write_all(commands.as_bytes()).expect("ip reads its commands");
    let output = child.wait_with_output().expect("ip");
    if output.status.success() {
        String::new()
    } else {
        format!("{}: {}", output.status, String::from_utf8_lossy(&output.stderr))
    }
}
