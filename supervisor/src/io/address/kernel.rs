//! What the kernel says of IPv4 addresses: on which interfaces one is, by rtnetlink (a dump of `RTM_GETADDR`: rtnetlink(7),
//! netlink(7)), and whether one on the loopback interface would be told to the network (Linux's `ip-sysctl.rst`).

use std::io;
use std::net::Ipv4Addr;
use std::path::Path;

use rustix::net::netlink::SocketAddrNetlink;
use rustix::net::{AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType, recv, sendto, socket_with};

/// The loopback interface, in every network namespace (`LOOPBACK_IFINDEX`).
pub(super) const LOOPBACK: u32 = 1;

const NLMSG_ERROR: u16 = 2;
const NLMSG_DONE: u16 = 3;
const RTM_NEWADDR: u16 = 20;
const RTM_GETADDR: u16 = 22;
const NLM_F_REQUEST: u16 = 1;
const NLM_F_DUMP: u16 = 0x300;
const IFA_LOCAL: u16 = 2;
const AF_INET: u8 = 2;
/// `struct nlmsghdr`: length, type, flags, sequence, port.
const HEADER: usize = 16;
/// `struct ifaddrmsg`: family, prefix, flags, scope, interface.
const ABOUT: usize = 8;
/// `struct rtattr`: length, type.
const ATTRIBUTE: usize = 4;
/// The kernel fills no more than this at once.
const PART_BYTES: usize = 32 * 1024;

/// The numbers of the interfaces that have an address.
pub(super) fn interfaces_with(ip: Ipv4Addr) -> io::Result<Vec<u32>> {
    let socket = socket_with(AddressFamily::NETLINK, SocketType::RAW, SocketFlags::CLOEXEC, None)?;
    sendto(&socket, &question(), SendFlags::empty(), &SocketAddrNetlink::new(0, 0))?;
    let (mut found, mut part) = (Vec::new(), vec![0; PART_BYTES]);
    loop {
        let (count, _) = recv(&socket, &mut part[..], RecvFlags::empty())?;
        let ended = read_part(part.get(..count).unwrap_or_default(), ip, &mut found);
        if ended.ok_or_else(|| io::Error::from(io::ErrorKind::InvalidData))? {
            return Ok(found);
        }
    }
}

/// All IPv4 addresses, please.
fn question() -> [u8; HEADER + ABOUT] {
    let mut question = [0; HEADER + ABOUT];
    let length = (HEADER + ABOUT) as u32;
    question[..4].copy_from_slice(&length.to_ne_bytes());
    question[4..6].copy_from_slice(&RTM_GETADDR.to_ne_bytes());
    question[6..8].copy_from_slice(&(NLM_F_REQUEST | NLM_F_DUMP).to_ne_bytes());
    question[HEADER] = AF_INET;
    question
}

/// Takes one part of an answer: whether it was the last. `None`: an error, or no answer that can be read.
fn read_part(mut part: &[u8], ip: Ipv4Addr, found: &mut Vec<u32>) -> Option<bool> {
    while !part.is_empty() {
        let length = u32_at(part, 0)? as usize;
        let message = part.get(HEADER..length)?;
        match u16_at(part, 4)? {
            NLMSG_DONE => return Some(true),
            NLMSG_ERROR => return None,
            RTM_NEWADDR if are_of(message.get(ABOUT..)?, ip)? => found.push(u32_at(message, 4)?),
            _ => {}
        }
        part = part.get(aligned(length)..).unwrap_or_default();
    }
    Some(false)
}

/// Whether the attributes name this address as the host's own; `None`: they cannot be read.
fn are_of(mut attributes: &[u8], ip: Ipv4Addr) -> Option<bool> {
    while !attributes.is_empty() {
        let length = usize::from(u16_at(attributes, 0)?);
        let value = attributes.get(ATTRIBUTE..length)?;
        if u16_at(attributes, 2)? == IFA_LOCAL {
            return Some(value == ip.octets());
        }
        attributes = attributes.get(aligned(length)..).unwrap_or_default();
    }
    Some(false)
}

/// Netlink begins everything at a multiple of four.
const fn aligned(length: usize) -> usize {
    length.next_multiple_of(4)
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_ne_bytes(bytes.get(at..at + 4)?.try_into().ok()?))
}

fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_ne_bytes(bytes.get(at..at + 2)?.try_into().ok()?))
}

/// Whether what is asked for on an interface is answered only for that interface's own addresses (`arp_ignore`), and what is
/// asked there never bears another one's (`arp_announce`). For both the greater of the interface's and of `all` counts.
pub(super) fn keeps_to_itself(proc: &Path, interface: &str) -> bool {
    let value = |name: &str, key: &str| {
        let file = proc.join("sys/net/ipv4/conf").join(name).join(key);
        std::fs::read_to_string(file).ok().and_then(|text| text.trim().parse::<u8>().ok()).unwrap_or(0)
    };
    let greater = |key: &str| value("all", key).max(value(interface, key));
    matches!(greater("arp_ignore"), 1 | 2) && greater("arp_announce") == 2
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_loopback_address_is_found_where_it_is_and_a_strangers_nowhere() {
        assert_eq!(interfaces_with(Ipv4Addr::LOCALHOST).unwrap(), [LOOPBACK]);
        assert!(interfaces_with(Ipv4Addr::new(192, 0, 2, 77)).unwrap().is_empty());
    }

    /// A message of the kernel's about an address: its header, what it is about, and one attribute.
    fn about(kind: u16, interface: u32, ip: [u8; 4]) -> Vec<u8> {
        let mut message = 32_u32.to_ne_bytes().to_vec();
        message.extend(kind.to_ne_bytes());
        message.extend([0; 10]);
        message.extend([AF_INET, 24, 0, 0]);
        message.extend(interface.to_ne_bytes());
        message.extend(8_u16.to_ne_bytes());
        message.extend(IFA_LOCAL.to_ne_bytes());
        message.extend(ip);
        message
    }

    #[test]
    fn an_address_may_be_on_several_interfaces_and_a_damaged_answer_is_none() {
        let ip = Ipv4Addr::new(172, 16, 0, 50);
        let part = [about(RTM_NEWADDR, 1, ip.octets()), about(RTM_NEWADDR, 7, ip.octets())].concat();
        let mut found = Vec::new();
        assert_eq!(read_part(&part, ip, &mut found), Some(false));
        assert_eq!(read_part(&about(RTM_NEWADDR, 3, [172, 16, 0, 5]), ip, &mut found), Some(false));
        assert_eq!(found, [1, 7]);
        assert_eq!(read_part(&about(NLMSG_DONE, 0, [0; 4]), ip, &mut found), Some(true));
        assert_eq!(read_part(&about(NLMSG_ERROR, 0, [0; 4]), ip, &mut found), None);
        for cut in 1..32 {
            assert_eq!(read_part(&part[..cut], ip, &mut found), None, "{cut} bytes");
        }
        let endless = [0; 32];
        assert_eq!(read_part(&endless, ip, &mut found), None, "a length of nothing");
    }

    #[test]
    fn the_stricter_of_an_interface_and_all_counts() {
        let folder = tempfile::tempdir().unwrap();
        let set = |name: &str, key: &str, value: &str| {
            let conf = folder.path().join("sys/net/ipv4/conf").join(name);
            std::fs::create_dir_all(&conf).unwrap();
            std::fs::write(conf.join(key), value).unwrap();
        };
        assert!(!keeps_to_itself(folder.path(), "eth0"), "who cannot look does not trust");
        set("all", "arp_ignore", "1\n");
        set("eth0", "arp_ignore", "0\n");
        set("eth0", "arp_announce", "1\n");
        assert!(!keeps_to_itself(folder.path(), "eth0"));
        set("eth0", "arp_announce", "2\n");
        assert!(keeps_to_itself(folder.path(), "eth0"));
        assert!(!keeps_to_itself(folder.path(), "eth1"));
    }
}
