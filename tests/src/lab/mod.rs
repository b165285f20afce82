//! The lab: many real hosts on one machine, for tests, for benches and for playing by hand.
//!
//! A [`Lab`] is a switch, a client and some hosts. Each [`Host`] has network, mount, process, name and IPC namespaces of
//! its own and a real Docker engine with the image of a small [web service](Image::web). On it run, as a test starts
//! them ([`Part`]), the real `heliostat-agent` over a simulated battery monitor that the test moves live ([`Supply`]),
//! and on masters the real `heliostat`, HAProxy and keepalived.
//!
//! ```no_run
//! use std::time::Duration;
//! use protocol::Soc;
//! use tests::lab::{Cut, Lab, Layout, VISITORS_PORT};
//!
//! let lab = Lab::up(&Layout::new(2, 3)); // m1 .51, m2 .52, w1 .57, w2 .58, w3 .59: engines ready, image loaded
//! lab.swarm(1); // m1 leads, all others are workers
//! lab.service("web", 2, &["--constraint", "node.hostname!=m1"]); // published on port 8080 of its hosts
//! lab.start_agents();
//! lab.start_supervisors();
//! lab.start_balancers(tests::lab::Watchfulness::Tuned);
//! lab.start_keepalived("0.1");
//! let client = lab.client(lab.address(), 100); // 100 requests a second to 172.16.0.50:80
//! lab.supply("w1").go_to(Soc::from_percent(20.0), Duration::from_secs(60));
//! lab.host("w2").cut(Cut::Power);
//! lab.host("w2").restore();
//! println!("{}", client.finish()); // how many failed, how many were slow, who answered
//! ```
//!
//! Whatever way a test ends, also by SIGKILL, its lab ends with it: the keeper (`keeper.rs`) sees to that. Labs side by side
//! do not meet: their networks are namespaces without names, and their folders and control groups are named apart.
//!
//! Not everything of a real network is here: the kernel may have no IPVS (so services publish in `host` mode, and
//! `endpoint-mode vip` does not work), clocks never differ, and the hosts share processors and the page cache.

mod client;
mod config;
mod host;
mod image;
mod keeper;
mod layout;
mod net;
mod part;
mod rounds;
mod supply;
mod swarm;
mod unix;
mod well;

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use protocol::Soc;

pub use client::{Client, Failure, Fate, PATIENCE, Replica, Tally};
pub use config::{
    AGENT_PORT, SUPERVISOR_PORT, VISITORS_PORT, WEB_PORT, Watchfulness, agent as agent_config, agent_check,
    haproxy as haproxy_config, keepalived as keepalived_config, seat, steering,
    supervisor as supervisor_config, vouch,
};
pub use host::{Cut, Host};
pub use image::{Image, POSTGRES, WEB};
pub use layout::{ADDRESS, CLIENT, Layout, Plan};
pub use part::Part;
pub use rounds::{Spread, rounds, sum_up};
pub use supply::{CAPACITY_AMP_HOURS, RESISTANCE_OHMS, Supply};
pub use swarm::NodeLine;
pub use well::RATE;

/// A lab. Dropped, it is gone without a trace.
#[derive(Debug)]
pub struct Lab {
    // In the order in which they are to be dropped: whoever writes into the folder, the folder with all its processes,
    // then what is left of the processes.
    supplies: Vec<Supply>,
    keeper: keeper::Keeper,
    hosts: Vec<Host>,
    client: net::Place,
    image: Image,
    /// Last, since hosts and client are plugged into it.
    _switch: Arc<net::Switch>,
}

impl Lab {
    /// Brings up the hosts of a layout: engines ready, the web service's image loaded, nothing else running, every supply at
    /// 90 %.
    ///
    /// # Panics
    /// When a host does not come up; the log is part of the message.
    pub fn up(layout: &Layout) -> Self {
        let keeper = keeper::Keeper::start();
        let folder = keeper.folder().to_owned();
        let switch = Arc::new(net::Switch::start(&folder));
        let client = switch.place(&folder, "client", layout::CLIENT);
        let hosts: Vec<Host> = layout
            .hosts()
            .into_iter()
            .map(|plan| Host::new(plan, &folder, &keeper.name(), &switch))
            .collect();
        let work = folder.join("image");
        std::fs::create_dir(&work).expect("a folder");
        let image = Image::web(&work);
        let lab = Self { supplies: supplies(&hosts), keeper, hosts, client, image, _switch: switch };
        lab.everywhere(Host::power_up);
        lab.load(&lab.image);
        lab
    }

    /// Does something on all hosts at once.
    ///
    /// # Panics
    /// When it panics on one of them.
    pub fn everywhere(&self, work: impl Fn(&Host) + Sync) {
        std::thread::scope(|scope| {
            for host in &self.hosts {
                scope.spawn(|| work(host));
            }
        });
    }

    /// Loads an image on every host.
    pub fn load(&self, image: &Image) {
        let archive = image.archive().display().to_string();
        self.everywhere(|host| {
            host.docker(&["load", "-q", "-i", &archive]);
        });
    }

    /// The lab's folder, with one folder for each host.
    pub fn folder(&self) -> &Path {
        self.keeper.folder()
    }

    /// The hosts, masters first.
    pub fn hosts(&self) -> &[Host] {
        &self.hosts
    }

    /// The masters.
    pub fn masters(&self) -> Vec<&Host> {
        self.hosts.iter().filter(|host| host.plan().master).collect()
    }

    /// The workers.
    pub fn workers(&self) -> Vec<&Host> {
        self.hosts.iter().filter(|host| !host.plan().master).collect()
    }

    /// A host by its name.
    ///
    /// # Panics
    /// When there is none.
    pub fn host(&self, name: &str) -> &Host {
        let host = self.hosts.iter().find(|host| host.name() == name);
        host.unwrap_or_else(|| panic!("no host {name}"))
    }

    /// A supply by its name: the host's, unless the layout says otherwise.
    ///
    /// # Panics
    /// When there is none.
    pub fn supply(&self, name: &str) -> &Supply {
        let supply = self.supplies.iter().find(|supply| supply.name() == name);
        supply.unwrap_or_else(|| panic!("no supply {name}"))
    }

    /// All supplies.
    pub fn supplies(&self) -> &[Supply] {
        &self.supplies
    }

    /// The image of the web service.
    pub const fn image(&self) -> &Image {
        &self.image
    }

    /// The address that moves, as visitors reach it.
    pub const fn address(&self) -> SocketAddr {
        SocketAddr::new(IpAddr::V4(ADDRESS), VISITORS_PORT)
    }

    /// Makes a Swarm of all hosts: the first leads it, so many of the first are managers.
    pub fn swarm(&self, managers: usize) {
        swarm::make(&self.hosts, managers);
    }

    /// `docker node ls` as a manager sees it, by name.
    ///
    /// # Errors
    /// What the engine said.
    pub fn nodes(&self, manager: &str) -> Result<Vec<NodeLine>, String> {
        swarm::nodes(self.host(manager))
    }

    /// Creates the web service in the Swarm, on the first host's word: one replica a host at most, published on
    /// [`WEB_PORT`] of the host that it runs on. `more` is for `docker service create`; waits until all replicas answer.
    ///
    /// # Panics
    /// When they do not.
    pub fn service(&self, name: &str, replicas: usize, more: &[&str]) {
        let count = replicas.to_string();
        let published = format!("mode=host,target=8080,published={WEB_PORT}");
        let mut words = vec!["service", "create", "--detach", "--no-resolve-image", "--name", name];
        words.extend(["--replicas", &count, "--publish", &published]);
        words.extend(["--env", "WEB_HOST={{.Node.Hostname}}", "--env", "WEB_TASK={{.Task.Name}}"]);
        words.extend(more);
        words.push(self.image.id());
        self.hosts.first().expect("a host").docker(&words);
        crate::wait::until_true(format!("{replicas} replicas of {name} to answer"), host::PATIENCE, || {
            self.serving().len() >= replicas
        });
    }

    /// Arguments of [`Self::service`] that keep it off the masters. Roles would not: a worker may become a manager.
    pub fn off_masters(&self) -> Vec<String> {
        let masters = self.masters().into_iter();
        masters.map(|master| format!("--constraint=node.hostname!={}", master.name())).collect()
    }

    /// The hosts on which the web service answers right now, by asking each.
    pub fn serving(&self) -> Vec<&Host> {
        let patience = Duration::from_millis(500);
        let answers = |host: &&Host| self.ask(host.address(), WEB_PORT, "/", patience).is_ok();
        self.hosts.iter().filter(answers).collect()
    }

    /// Writes every host's agent config and starts the agents.
    pub fn start_agents(&self) {
        self.start_agents_as("", |text| text);
    }

    /// As [`Self::start_agents`], with hosts that stay up when their agents halt.
    pub fn start_agents_that_stay_up(&self) {
        self.start_agents_as("", |text| text.replace("power_off = \"systemd\"", "power_off = \"none\""));
    }

    /// Starts the agents with what becomes of the usual config of each. `more` is TOML for its end: whole tables.
    pub fn start_agents_as(&self, more: &str, change: impl Fn(String) -> String + Sync) {
        let masters = self.masters();
        // One after the other, and before any program is started: to vouch for a state is to hold its lock for a moment, and a
        // child that is just being made has it too.
        for host in &self.hosts {
            let text = change(config::agent(host, &masters, more));
            config::vouch(host, &text, self.supply(&host.plan().supply).soc());
            host.configure(Part::Agent, &text);
        }
        self.everywhere(|host| host.start(Part::Agent));
    }

    /// Writes every master's supervisor config and starts the supervisors.
    pub fn start_supervisors(&self) {
        for host in self.masters() {
            host.configure(Part::Supervisor, &config::supervisor(host, "", ""));
            host.start(Part::Supervisor);
        }
    }

    /// Starts a balancer on every master, with a server for each host.
    pub fn start_balancers(&self, watchfulness: Watchfulness) {
        let servers: Vec<&Host> = self.hosts.iter().collect();
        for host in self.masters() {
            host.configure(Part::Haproxy, &config::haproxy(host, watchfulness, &servers));
            host.start(Part::Haproxy);
        }
    }

    /// Starts keepalived on every master, the first with the greatest priority, announcing at this interval in seconds.
    pub fn start_keepalived(&self, advert: &str) {
        for (index, host) in self.masters().into_iter().enumerate() {
            let priority = 150 - 10 * u8::try_from(index).unwrap_or(0);
            host.configure(Part::Keepalived, &config::keepalived(host, priority, advert, "", ""));
            host.start(Part::Keepalived);
        }
    }

    /// Starts all that Heliostat is on every host: agents, and on masters supervisors that drive a balancer, the Swarm (whose
    /// service must be called `web`) and, with several masters, keepalived. A single master's keepalived just holds the address.
    pub fn start_heliostat(&self) {
        let masters = self.masters();
        for host in masters.iter().filter(|_| masters.len() > 1) {
            let text = config::pass_on(host, &masters);
            std::fs::write(host.folder().join(host::PASS_ON), text).expect("a file");
        }
        self.everywhere(Host::take_kernel_settings);
        for (index, host) in masters.iter().enumerate() {
            let priority = 150 - 10 * u8::try_from(index).unwrap_or(0);
            host.configure(Part::Haproxy, &config::haproxy(host, Watchfulness::Driven, &[]));
            host.start(Part::Haproxy);
            let mut tables = config::steering(host);
            if masters.len() > 1 {
                tables += &config::seat(host, priority);
            } else {
                host.configure(Part::Keepalived, &config::keepalived(host, priority, "0.1", "", ""));
            }
            host.configure(Part::Supervisor, &config::supervisor(host, "", &tables));
            host.start(Part::Supervisor);
            let config = host.folder().join(Part::Keepalived.config_file());
            crate::wait::until_true("the supervisor to write keepalived's config", host::PATIENCE, || {
                config.exists()
            });
            host.start(Part::Keepalived);
        }
        self.start_agents_as(&config::agent_check(), |text| text);
    }

    /// The hosts that have the address on their card: one, or in a split network two.
    pub fn holders(&self) -> Vec<&Host> {
        let address = format!("inet {ADDRESS}/");
        let holds = |host: &&Host| {
            let shown = host.is_on().then(|| host.inside(&["ip", "-4", "addr", "show", "eth0"]).output());
            shown.is_some_and(|shown| {
                shown.is_ok_and(|shown| String::from_utf8_lossy(&shown.stdout).contains(&address))
            })
        };
        self.hosts.iter().filter(holds).collect()
    }

    /// Starts a client that sends so many requests a second.
    pub fn client(&self, target: SocketAddr, rate: u32) -> Client {
        Client::start(self.client.pid(), target, rate)
    }

    /// Asks once, from the client's place.
    ///
    /// # Errors
    /// Why there was no answer.
    pub fn ask(
        &self,
        address: Ipv4Addr,
        port: u16,
        path: &str,
        patience: Duration,
    ) -> Result<Replica, Failure> {
        let (pid, target) = (self.client.pid(), SocketAddr::new(IpAddr::V4(address), port));
        // A thread of its own, since it leaves this network for good.
        std::thread::scope(|scope| {
            let asking = scope.spawn(|| client::in_network_of(pid, client::ask(target, path, patience)));
            asking.join().expect("the client's place")
        })
    }

    /// Asks once, on a connection that is made before something happens, and used after that.
    ///
    /// # Errors
    /// Why there was no answer.
    pub fn ask_late(&self, target: SocketAddr, meanwhile: impl FnOnce() + Send) -> Result<Replica, Failure> {
        let pid = self.client.pid();
        std::thread::scope(|scope| {
            let asking = scope.spawn(move || client::in_network_of(pid, client::ask_late(target, meanwhile)));
            asking.join().expect("the client's place")
        })
    }

    /// Waits until the address answers through a balancer, and says how long that took.
    ///
    /// # Panics
    /// When it does not.
    pub fn wait_for_answer(&self, target: SocketAddr) -> Duration {
        let begun = Instant::now();
        let IpAddr::V4(address) = target.ip() else { panic!("{target}: the lab speaks IPv4") };
        crate::wait::until_true(format!("an answer of {target}"), host::PATIENCE, || {
            self.ask(address, target.port(), "/", Duration::from_secs(1)).is_ok()
        });
        begun.elapsed()
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.hosts.iter().for_each(Host::show_logs);
        }
    }
}

/// The supplies that these hosts hang on.
fn supplies(hosts: &[Host]) -> Vec<Supply> {
    let mut names: Vec<&str> = hosts.iter().map(|host| host.plan().supply.as_str()).collect();
    names.sort_unstable();
    names.dedup();
    let start = |name: &&str| {
        let on_it = hosts.iter().filter(|host| host.plan().supply == **name);
        let monitors = on_it.map(|host| host.folder().join("hwmon")).collect();
        Supply::start(name, monitors, Soc::from_percent(90.0))
    };
    names.iter().map(start).collect()
}
