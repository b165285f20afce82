//! Who is there: names, addresses, roles and supplies of the hosts.

use std::net::Ipv4Addr;

/// The address that moves between the masters.
pub const ADDRESS: Ipv4Addr = Ipv4Addr::new(172, 16, 0, 50);
/// Where the client sits.
pub const CLIENT: Ipv4Addr = Ipv4Addr::new(172, 16, 0, 10);
/// The last byte of each master's address.
const MASTERS: [u8; 3] = [51, 52, 56];
/// The last byte of the first worker's address.
const FIRST_WORKER: u8 = 57;
/// More hosts than this are more than one machine carries.
const WORKERS_MAX: u8 = 40;

/// The hosts of a lab.
#[derive(Debug, Clone)]
pub struct Layout {
    masters: u8,
    workers: u8,
    shared_supply: Option<String>,
}

/// One host as it is planned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// `m1`, `m2`, `m3`, then `w1`, `w2`, ...: the host's name, the node's in Swarm and the agent's.
    pub name: String,
    /// Its address on the switch.
    pub address: Ipv4Addr,
    /// Whether it is a master.
    pub master: bool,
    /// The supply that it hangs on.
    pub supply: String,
    /// Its place in the shed order: workers before masters, the last before the first.
    pub shed_order: u8,
}

impl Layout {
    /// So many masters (0 to 3) and workers, each host on a supply of its own that bears the host's name.
    ///
    /// # Panics
    /// With more of them than there are addresses.
    pub fn new(masters: u8, workers: u8) -> Self {
        assert!(usize::from(masters) <= MASTERS.len(), "{masters} masters: there are addresses for three");
        assert!(workers <= WORKERS_MAX, "{workers} workers: {WORKERS_MAX} at most");
        Self { masters, workers, shared_supply: None }
    }

    /// All hosts on one supply.
    #[must_use]
    pub fn on_one_supply(mut self, name: &str) -> Self {
        self.shared_supply = Some(name.to_owned());
        self
    }

    /// The hosts, masters first.
    pub fn hosts(&self) -> Vec<Plan> {
        let masters = MASTERS.iter().take(usize::from(self.masters)).enumerate();
        let masters = masters.map(|(index, last)| (format!("m{}", index + 1), *last, true));
        let workers = (0..self.workers).map(|index| (format!("w{}", index + 1), FIRST_WORKER + index, false));
        masters
            .chain(workers)
            .enumerate()
            .map(|(index, (name, last, master))| Plan {
                supply: self.shared_supply.clone().unwrap_or_else(|| name.clone()),
                name,
                address: Ipv4Addr::new(172, 16, 0, last),
                master,
                shed_order: u8::try_from(index).unwrap_or(u8::MAX),
            })
            .collect()
    }
}
