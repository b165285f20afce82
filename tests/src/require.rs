//! What a test needs of the machine. A test that must skip says so, with the command that would let it run; in CI
//! (`CI=true`) nothing is skipped: there a missing need is a failure.

use std::path::Path;

/// Whether a private Docker engine can be started here.
///
/// # Panics
/// In CI, when it cannot.
pub fn docker_engine(test: &str) -> bool {
    let mut missing = Vec::new();
    if !rustix::process::geteuid().is_root() {
        missing.push("root (run: sudo tests/run docker)".to_owned());
    }
    for (program, package) in [
        ("dockerd", "docker.io"),
        ("docker", "docker.io"),
        ("unshare", "util-linux"),
        ("nsenter", "util-linux"),
    ] {
        if find_program(program).is_none() {
            missing.push(format!("{program} (run: apt-get install {package})"));
        }
    }
    if find_program("busybox").is_none() {
        missing.push("a static busybox (run: apt-get install busybox-static)".to_owned());
    }
    report(test, &missing)
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
