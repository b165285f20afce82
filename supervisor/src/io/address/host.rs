//! What is on this host: its addresses, as the kernel lists them, and keepalived's process.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::os::fd::OwnedFd;
use std::path::PathBuf;

use rustix::process::{Pid, PidfdFlags, pidfd_open};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

use crate::config::Keepalived;
use crate::core::Sighting;

/// Where to look.
#[derive(Debug)]
pub(super) struct Host {
    proc: PathBuf,
    ip: IpAddr,
    pid_file: PathBuf,
}

impl Host {
    pub(super) fn new(settings: &Keepalived) -> Self {
        Self { proc: PathBuf::from("/proc"), ip: settings.ip, pid_file: settings.pid_file.clone() }
    }

    /// What is there now. What cannot be read is not there: who does not know that it holds the address does not lead.
    pub(super) fn look(&self) -> Sighting {
        Sighting { held: self.holds(), keepalived_runs: self.keepalived().is_some() }
    }

    fn holds(&self) -> bool {
        let read =
            |file: &str| std::fs::read_to_string(self.proc.join("self/net").join(file)).unwrap_or_default();
        match self.ip {
            IpAddr::V4(ip) => lists_v4(&read("fib_trie"), ip),
            IpAddr::V6(ip) => lists_v6(&read("if_inet6"), ip),
        }
    }

    /// Keepalived's process, if it lives: a pid file alone may be left over.
    pub(super) fn keepalived(&self) -> Option<Pid> {
        let pid: i32 = std::fs::read_to_string(&self.pid_file).ok()?.trim().parse().ok()?;
        let stat = std::fs::read_to_string(self.proc.join(pid.to_string()).join("stat")).ok()?;
        if is_living(&stat) { Pid::from_raw(pid) } else { None }
    }

    /// Waits until keepalived's process ends; for ever, if it does not run or cannot be watched.
    pub(super) async fn keepalived_ends(&self) {
        let watched =
            self.keepalived().and_then(|pid| pidfd_open(pid, PidfdFlags::NONBLOCK).ok()).and_then(watch);
        match watched {
            Some(process) if process.readable().await.is_ok() => {}
            _ => std::future::pending().await,
        }
    }
}

#[expect(
    deprecated,
    reason = "its successor is unsafe for who could lend a borrowed descriptor; this one is owned"
)]
fn watch(process: OwnedFd) -> Option<AsyncFd<OwnedFd>> {
    AsyncFd::with_interest(process, Interest::READABLE).ok()
}

/// Whether a line of `/proc/PID/stat` is of a keepalived that has not ended.
fn is_living(stat: &str) -> bool {
    let Some((head, tail)) = stat.rsplit_once(')') else { return false };
    let name = head.split_once('(').map_or("", |(_, name)| name);
    let state = tail.split_whitespace().next().unwrap_or("Z");
    name.starts_with("keepalived") && !matches!(state, "Z" | "X")
}

/// Whether `/proc/net/fib_trie` lists an address as this host's own.
fn lists_v4(table: &str, ip: Ipv4Addr) -> bool {
    let mut leaf = None;
    for line in table.lines().map(str::trim) {
        if let Some(address) = line.strip_prefix("|-- ") {
            leaf = address.parse::<Ipv4Addr>().ok();
        } else if line == "/32 host LOCAL" && leaf == Some(ip) {
            return true;
        }
    }
    false
}

/// Whether `/proc/net/if_inet6` lists an address that is in use: neither tentative nor found twice on the network.
fn lists_v6(table: &str, ip: Ipv6Addr) -> bool {
    const UNUSABLE: u32 = 0x40 | 0x08;
    let wanted = format!("{:032x}", u128::from(ip));
    table.lines().any(|line| {
        let mut words = line.split_whitespace();
        let flags = |word: Option<&str>| word.and_then(|word| u32::from_str_radix(word, 16).ok());
        words.next() == Some(wanted.as_str())
            && flags(words.nth(3)).is_some_and(|flags| flags & UNUSABLE == 0)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const TRIE: &str = "\
Local:
  +-- 0.0.0.0/0 3 0 5
     +-- 172.16.0.0/24 2 0 2
        |-- 172.16.0.0
           /24 link UNICAST
        |-- 172.16.0.50
           /32 host LOCAL
        |-- 172.16.0.52
           /32 link UNICAST
        |-- 172.16.0.255
           /32 link BROADCAST
";

    #[test]
    fn only_an_address_of_this_host_is_held() {
        let held = |ip: &str| lists_v4(TRIE, ip.parse().unwrap());
        assert!(held("172.16.0.50"));
        assert!(!held("172.16.0.5") && !held("172.16.0.52") && !held("172.16.0.255"));
        assert!(!lists_v4("", "172.16.0.50".parse().unwrap()));
    }

    #[test]
    fn a_tentative_address_is_not_held_yet() {
        let line = |flags: &str| format!("fd000000000000000000000000000050 02 40 00 {flags}     eth0\n");
        let ip = "fd00::50".parse().unwrap();
        assert!(lists_v6(&line("80"), ip));
        assert!(!lists_v6(&line("c0"), ip) && !lists_v6(&line("88"), ip));
    }

    #[test]
    fn a_process_that_ended_or_is_another_is_no_keepalived() {
        assert!(is_living("812 (keepalived) S 1 812 812 0"));
        assert!(is_living("813 (keepalived_vrrp) R 1 812 812 0"));
        assert!(!is_living("812 (keepalived) Z 1 812 812 0"));
        assert!(!is_living("812 (a) keepalived) S 1") && !is_living("812 (bash) S 1") && !is_living(""));
    }

    #[test]
    fn a_left_over_pid_file_is_no_process() {
        let folder = tempfile::tempdir().unwrap();
        let pid_file = folder.path().join("keepalived.pid");
        let proc = folder.path().join("proc");
        let host =
            Host { proc: proc.clone(), ip: "172.16.0.50".parse().unwrap(), pid_file: pid_file.clone() };
        assert_eq!(host.look(), Sighting::default());
        std::fs::write(&pid_file, "812\n").unwrap();
        assert!(!host.look().keepalived_runs);
        std::fs::create_dir_all(proc.join("812")).unwrap();
        std::fs::create_dir_all(proc.join("self/net")).unwrap();
        std::fs::write(proc.join("812/stat"), "812 (keepalived) S 1 812").unwrap();
        std::fs::write(proc.join("self/net/fib_trie"), TRIE).unwrap();
        assert_eq!(host.look(), Sighting { held: true, keepalived_runs: true });
    }
}
