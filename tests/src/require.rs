//! What a test needs of the machine. A test that must skip says so, with the command that would let it run; in CI
//! (`CI=true`) nothing is skipped: there a missing need is a failure.

use std::path::Path;

/// Whether a private Docker engine can be started here.
///
/// # Panics
/// In CI, when it cannot.
pub fn docker_engine(test: &str) -> bool {
    report(test, &missing("docker", &ENGINE))
}

/// Whether a lab of many hosts can be brought up here.
///
/// # Panics
/// In CI, when it cannot.
pub fn lab(test: &str) -> bool {
    report(test, &missing("lab", &[&ENGINE[..], &LAB[..]].concat()))
}

/// As [`lab`], with a `PostgreSQL` to run in it.
///
/// # Panics
/// In CI, when it cannot.
pub fn lab_with_postgres(test: &str) -> bool {
    let mut missing = missing("lab", &[&ENGINE[..], &LAB[..]].concat());
    if postgres().is_none() {
        missing.push("postgres (run: apt-get install postgresql)".to_owned());
    }
    report(test, &missing)
}

/// Where Debian keeps the newest `PostgreSQL` that is installed.
pub fn postgres() -> Option<std::path::PathBuf> {
    let versions = std::fs::read_dir("/usr/lib/postgresql").ok()?.flatten().map(|entry| entry.path());
    versions.filter(|home| home.join("bin/postgres").exists()).max()
}

/// Programs of a Docker engine in namespaces of its own, each with the Debian package that brings it.
const ENGINE: [(&str, &str); 5] = [
    ("dockerd", "docker.io"),
    ("docker", "docker.io"),
    ("unshare", "util-linux"),
    ("nsenter", "util-linux"),
    ("busybox", "busybox-static"),
];

/// What a lab needs besides.
const LAB: [(&str, &str); 7] = [
    ("haproxy", "haproxy"),
    ("keepalived", "keepalived"),
    ("ip", "iproute2"),
    ("iptables", "iptables"),
    ("nft", "nftables"),
    ("strip", "binutils"),
    ("setsid", "util-linux"),
];

/// What is missing here, each with the command that brings it.
fn missing(suite: &str, programs: &[(&str, &str)]) -> Vec<String> {
    let mut missing = Vec::new();
    if !rustix::process::geteuid().is_root() {
        missing.push(format!("root (run: sudo tests/run {suite})"));
    }
    for (program, package) in programs {
        if find_program(program).is_none() {
            missing.push(format!("{program} (run: apt-get install {package})"));
        }
    }
    missing
}

/// Whether masters with keepalived can be played here, in network namespaces.
///
/// # Panics
/// In CI, when they cannot.
pub fn keepalived(test: &str) -> bool {
    let mut missing = Vec::new();
    if !rustix::process::geteuid().is_root() {
        missing.push("root (run: sudo tests/run address)".to_owned());
    }
    for (program, package) in [("keepalived", "keepalived"), ("ip", "iproute2"), ("nsenter", "util-linux")] {
        if find_program(program).is_none() {
            missing.push(format!("{program} (run: apt-get install {package})"));
        }
    }
    report(test, &missing)
}

/// Whether packages can be made and tried in a Debian tree here.
///
/// # Panics
/// In CI, when they cannot.
pub fn packages(test: &str) -> bool {
    let programs = [
        ("dpkg-deb", "dpkg"),
        ("mmdebstrap", "mmdebstrap"),
        ("lintian", "lintian"),
        ("readelf", "binutils"),
        ("chroot", "coreutils"),
    ];
    report(test, &missing("packages", &programs))
}

/// Whether arm64 programs can be built and run here.
///
/// # Panics
/// In CI, when they cannot.
pub fn cross(test: &str) -> bool {
    let programs =
        [("aarch64-linux-gnu-gcc", "gcc-aarch64-linux-gnu"), ("qemu-aarch64-static", "qemu-user-static")];
    report(test, &missing("packages", &programs))
}

/// Whether a Pi can be emulated here.
///
/// # Panics
/// In CI, when it cannot.
pub fn emulated_pi(test: &str) -> bool {
    let programs = [
        ("qemu-system-aarch64", "qemu-system-arm, of bookworm-backports"),
        ("cpio", "cpio"),
        ("mkfs.ext4", "e2fsprogs"),
        ("debugfs", "e2fsprogs"),
        ("setpriv", "util-linux"),
    ];
    report(test, &missing("hil", &programs))
}

/// Finds a program in the places where Debian puts them, whatever `PATH` says.
pub fn find_program(name: &str) -> Option<std::path::PathBuf> {
    ["/usr/sbin", "/usr/bin", "/sbin", "/bin", "/usr/local/sbin", "/usr/local/bin"]
        .iter()
        .map(|folder| Path::new(folder).join(name))
        .find(|path| path.exists())
}

fn report(test: &str, missing: &[String]) -> bool {
    if missing.is_empty() {
        return true;
    }
    let needs = missing.join(", ");
    assert!(std::env::var_os("CI").is_none(), "{test} cannot run in CI: it needs {needs}");
    eprintln!("SKIPPED {test}: needs {needs}");
    false
}
