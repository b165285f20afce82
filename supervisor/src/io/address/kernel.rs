//! What the kernel says of IPv4 addresses: whether one is on an interface of the network's, and whether one on the loopback interface
//! would be told to the network (Linux's `ip-sysctl.rst`).

use std::io;
use std::net::Ipv4Addr;
use std::path::Path;

use nix::ifaddrs::getifaddrs;
use nix::net::if_::InterfaceFlags;

/// Whether an address is on any interface but the loopback interface, where it is there for this host alone.
pub(super) fn is_on_network(ip: Ipv4Addr) -> io::Result<bool> {
    Ok(getifaddrs()?.any(|entry| {
        let own = entry.address.as_ref().and_then(|address| address.as_sockaddr_in());
        own.is_some_and(|own| own.ip() == ip) && !entry.flags.contains(InterfaceFlags::IFF_LOOPBACK)
    }))
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
    fn an_address_of_the_loopback_interface_is_on_no_network_and_neither_is_a_strangers() {
        assert!(!is_on_network(Ipv4Addr::LOCALHOST).unwrap());
        assert!(!is_on_network(Ipv4Addr::new(192, 0, 2, 77)).unwrap());
    }

    #[test]
    fn an_address_of_another_interface_is_on_a_network() {
        let on_another = |entry: &nix::ifaddrs::InterfaceAddress| {
            let own = entry.address.as_ref()?.as_sockaddr_in()?.ip();
            (!own.is_loopback() && !entry.flags.contains(InterfaceFlags::IFF_LOOPBACK)).then_some(own)
        };
        for own in getifaddrs().unwrap().filter_map(|entry| on_another(&entry)) {
            assert!(is_on_network(own).unwrap(), "{own}");
        }
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
