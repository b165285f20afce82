//! What is on this host: its addresses, as the kernel lists them, and keepalived's process.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::os::fd::OwnedFd;
use std::path::PathBuf;

use rustix::process::{Pid, PidfdFlags, pidfd_open};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

use super::kernel;
use crate::config::Keepalived;
use crate::core::Sighting;

/// Where to look.
#[derive(Debug)]
pub(super) struct Host {
    proc: PathBuf,
    /// Whether an address is on an interface of the network's.
    is_on_network: fn(Ipv4Addr) -> io::Result<bool>,
    ip: IpAddr,
    pid_file: PathBuf,
}

impl Host {
    pub(super) fn new(settings: &Keepalived) -> Self {
        Self {
            proc: PathBuf::from("/proc"),
            is_on_network: kernel::is_on_network,
            ip: settings.ip,
            pid_file: settings.pid_file.clone(),
        }
    }

    /// What is there now. What cannot be read is not there: who does not know that it holds the address does not lead.
    pub(super) fn look(&self) -> Sighting {
        Sighting { held: self.holds(), keepalived_runs: self.keepalived().is_some() }
    }

    /// Whether the network finds the address here: on the loopback interface, it is there on every master.
    fn holds(&self) -> bool {
        match self.ip {
            IpAddr::V4(ip) => (self.is_on_network)(ip).unwrap_or(false),
            IpAddr::V6(ip) => {
                let table = std::fs::read_to_string(self.proc.join("self/net/if_inet6"));
                lists_v6(&table.unwrap_or_default(), ip)
            }
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
    fn a_left_over_pid_file_is_no_process_and_an_address_that_cannot_be_looked_for_is_not_held() {
        let folder = tempfile::tempdir().unwrap();
        let pid_file = folder.path().join("keepalived.pid");
        let proc = folder.path().join("proc");
        let on = |is_on_network| Host {
            proc: proc.clone(),
            is_on_network,
            ip: "172.16.0.50".parse().unwrap(),
            pid_file: pid_file.clone(),
        };
        assert_eq!(on(|_| Err(io::ErrorKind::PermissionDenied.into())).look(), Sighting::default());
        assert_eq!(on(|_| Ok(false)).look(), Sighting::default());
        std::fs::write(&pid_file, "812\n").unwrap();
        assert!(!on(|_| Ok(false)).look().keepalived_runs);
        std::fs::create_dir_all(proc.join("812")).unwrap();
        std::fs::write(proc.join("812/stat"), "812 (keepalived) S 1 812").unwrap();
        let here = on(|_| Ok(true)).look();
        assert_eq!(here, Sighting { held: true, keepalived_runs: true });
    }
}
