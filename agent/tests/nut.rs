//! The NUT sensor on a real server: Debian's upsd with its dummy driver, on a port of loopback.

#![allow(
    clippy::disallowed_methods,
    reason = "tests touch files, processes and clocks: that is what they are for"
)]
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on says so by panicking")]

use std::fs;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use agent::config::{NutSensor, Sensor};
use agent::core::event::Event;
use agent::core::reading::Reading;
use agent::io::outside::Machine;
use agent::io::sensors::Sensors;
use protocol::{Fault, Soc, Uptime};

/// Where Debian keeps the programs themselves; the one in /sbin asks /etc first whether it may.
const SERVER: &str = "/lib/nut/upsd";
const DRIVER: &str = "/lib/nut/dummy-ups";
/// The driver looks at its file each second, and this machine may be busy.
const DEADLINE: Duration = Duration::from_secs(40);

/// Whether the test can run here; in CI it must.
fn can_run() -> bool {
    let there = Path::new(SERVER).exists() && Path::new(DRIVER).exists();
    let wanted = "apt-get install nut-server";
    assert!(there || std::env::var("CI").as_deref() != Ok("true"), "needs NUT ({wanted})");
    if !there {
        eprintln!("skipped: needs NUT (run: {wanted})");
    }
    there
}

/// A running program, ended when dropped.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A server with one UPS, whose state is a file.
struct Ups {
    folder: tempfile::TempDir,
    port: u16,
}

impl Ups {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let ups = Self { folder, port };
        let device = ups.path("shed.dev");
        let config = format!(
            "[shed]\ndriver = dummy-ups\nport = {}\nmode = dummy-loop\npollinterval = 1\n",
            device.display()
        );
        fs::write(ups.path("ups.conf"), config).unwrap();
        fs::write(ups.path("upsd.conf"), format!("LISTEN 127.0.0.1 {port}\n")).unwrap();
        fs::write(ups.path("upsd.users"), "").unwrap();
        ups
    }

    fn path(&self, file: &str) -> PathBuf {
        self.folder.path().join(file)
    }

    fn set(&self, status: &str, volts: &str, percent: u8) {
        let text =
            format!("ups.status: {status}\nbattery.voltage: {volts}\nbattery.charge: {percent}\nTIMER 1\n");
        fs::write(self.path("shed.new"), text).unwrap();
        fs::rename(self.path("shed.new"), self.path("shed.dev")).unwrap();
    }

    fn start(&self, program: &str, args: &[&str]) -> Running {
        let user = if rustix::process::geteuid().is_root() { &["-u", "root"][..] } else { &[] };
        let mut command = Command::new(program);
        for variable in ["NUT_CONFPATH", "NUT_STATEPATH", "NUT_ALTPIDPATH", "NUT_PIDPATH"] {
            command.env(variable, self.folder.path());
        }
        command
            .args(args)
            .args(user)
            .arg("-F")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        Running(command.spawn().unwrap())
    }

    fn sensors(&self) -> Sensors {
        let server = SocketAddr::from((Ipv4Addr::LOCALHOST, self.port));
        let nut = NutSensor { server, ups: "shed".to_owned(), charge: true };
        Sensors::open(&Machine::default(), &[Sensor::Nut(nut)]).unwrap()
    }
}

/// Reads five times a second until it is as wanted.
fn until(what: &str, begun: Instant, sensors: &mut Sensors, wanted: impl Fn(&Reading) -> bool) -> Reading {
    let deadline = Instant::now() + DEADLINE;
    loop {
        let now = Uptime::START + begun.elapsed();
        let Some(Event::Sensor { reading, .. }) = sensors.read(now).next() else { panic!("one sensor") };
        if wanted(&reading) {
            return reading;
        }
        assert!(Instant::now() < deadline, "waited in vain for {what}: {reading:?}");
        sleep(Duration::from_millis(200));
    }
}

#[test]
fn a_real_server_is_read_through_low_battery_a_dead_driver_and_a_restart() {
    if !can_run() {
        return;
    }
    let (ups, begun) = (Ups::new(), Instant::now());
    let mut sensors = ups.sensors();
    let _ = until("nobody there", begun, &mut sensors, |reading| *reading == Err(Fault::BusGone));

    ups.set("OL CHRG", "13.20", 87);
    let driver = ups.start(DRIVER, &["-a", "shed"]);
    let server = ups.start(SERVER, &[]);
    let sample = until("a reading", begun, &mut sensors, Result::is_ok).unwrap();
    assert!((sample.voltage.volts() - 13.2).abs() < 1e-9);
    assert_eq!((sample.reported, sample.current), (Some(Soc::from_percent(87.0)), None));

    ups.set("OB LB", "11.10", 30);
    let low = |reading: &Reading| reading.is_ok_and(|sample| sample.reported == Some(Soc::EMPTY));
    let sample = until("a low battery", begun, &mut sensors, low).unwrap();
    assert!((sample.voltage.volts() - 11.1).abs() < 1e-9);

    drop(driver);
    let _ = until("a dead driver", begun, &mut sensors, |reading| *reading == Err(Fault::BusGone));
    let _driver = ups.start(DRIVER, &["-a", "shed"]);
    let _ = until("the driver's return", begun, &mut sensors, Result::is_ok);

    drop(server);
    let _ = until("a dead server", begun, &mut sensors, |reading| *reading == Err(Fault::BusGone));
    let _server = ups.start(SERVER, &[]);
    let _ = until("the server's return", begun, &mut sensors, Result::is_ok);
}
