//! A clean Debian tree, and what is done in it.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::{Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Mutex;

use serde_json::Value;
use tempfile::TempDir;
use tests::program;

/// What the packages need of a Debian, and what they are looked at with.
const INCLUDE: &str = "adduser,systemd,udev";

/// Runs a command and gives what it said, both streams.
pub(crate) fn output(command: &mut Command) -> String {
    let ended = command.stdin(Stdio::null()).output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let said =
        format!("{}{}", String::from_utf8_lossy(&ended.stdout), String::from_utf8_lossy(&ended.stderr));
    assert!(ended.status.success(), "{command:?} ended with {}:\n{said}", ended.status);
    said
}

/// The project's own folder.
pub(crate) fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("a parent").to_owned()
}

/// Where cargo puts what it builds.
fn target() -> PathBuf {
    let built = program::path("heliostat-agent");
    built.ancestors().nth(2).expect("a target folder").to_owned()
}

/// Makes packages of version 0.1.0 from the programs of this very build.
pub(crate) fn package(folder: &Path, more: &[&str]) {
    // One at a time: cargo's own lock would only make them wait with a message.
    static ONE: Mutex<()> = Mutex::new(());
    let _one = ONE.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    let binaries = program::path("heliostat-agent").parent().expect("a folder").to_owned();
    output(
        Command::new(repository().join("deploy/package"))
            .args(["--arch", "amd64", "--version", "0.1.0", "--compress", "none", "--binaries"])
            .arg(binaries)
            .args(more)
            .arg(folder),
    );
}

/// The next version of a package, in which a conffile has changed.
pub(crate) fn newer(folder: &Path, name: &str, conffile: &str) -> PathBuf {
    let root = folder.join("newer");
    output(Command::new("dpkg-deb").arg("-R").arg(folder.join(format!("{name}_0.1.0_amd64.deb"))).arg(&root));
    let change = |file: &str, change: &dyn Fn(String) -> String| {
        let path = root.join(file);
        let text = fs::read_to_string(&path).unwrap();
        fs::write(&path, change(text)).unwrap();
    };
    change("DEBIAN/control", &|text| text.replace("Version: 0.1.0", "Version: 0.1.1"));
    change(conffile, &|text| format!("# what the next version ships\n{text}"));
    let deb = folder.join(format!("{name}_0.1.1_amd64.deb"));
    output(Command::new("dpkg-deb").args(["--root-owner-group", "-Znone", "-b"]).arg(&root).arg(&deb));
    deb
}

/// A fresh Debian in a folder of its own.
pub(crate) struct Tree(TempDir);

impl Tree {
    /// Unpacks one; the first of a target folder is made for that.
    pub(crate) fn unpack() -> Self {
        let archive = archive();
        let folder = tempfile::Builder::new().prefix("heliostat-tree-").tempdir().unwrap();
        output(Command::new("tar").arg("-xf").arg(archive).arg("-C").arg(folder.path()));
        Self(folder)
    }

    pub(crate) fn root(&self) -> &Path {
        self.0.path()
    }

    pub(crate) fn path(&self, file: &str) -> PathBuf {
        self.0.path().join(file)
    }

    /// Runs a shell's line in it.
    pub(crate) fn sh(&self, line: &str) -> String {
        output(self.chroot().args(["sh", "-ec", line]))
    }

    /// Runs dpkg in it, on packages from outside.
    pub(crate) fn dpkg(&self, args: &[&str], debs: &[&Path]) -> String {
        let mut command = self.chroot();
        command.arg("dpkg").args(args);
        for deb in debs {
            let name = deb.file_name().expect("a file");
            fs::copy(deb, self.0.path().join("tmp").join(name)).unwrap();
            command.arg(Path::new("/tmp").join(name));
        }
        let said = output(&mut command);
        for deb in debs {
            fs::remove_file(self.0.path().join("tmp").join(deb.file_name().expect("a file"))).unwrap();
        }
        said
    }

    fn chroot(&self) -> Command {
        let mut command = Command::new("chroot");
        command.arg(self.0.path());
        command
            .env_clear()
            .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")
            .env("DEBIAN_FRONTEND", "noninteractive");
        command
    }

    /// All files of it that last.
    pub(crate) fn files(&self) -> BTreeSet<String> {
        // What every package changes, and what a boot would empty.
        let not = ["./var/lib/dpkg", "./var/log", "./var/cache", "./etc/*-", "./run", "./tmp"];
        let mut find = Command::new("find");
        find.current_dir(self.0.path()).arg(".");
        for path in not {
            find.args(["-path", path, "-prune", "-o"]);
        }
        let found = output(find.arg("-print"));
        found.lines().map(str::to_owned).collect()
    }
}

/// The archive of a clean tree; made once.
fn archive() -> PathBuf {
    static ONE: Mutex<()> = Mutex::new(());
    let _one = ONE.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    let archive = target().join("packages/bookworm.tar");
    if !archive.exists() {
        fs::create_dir_all(archive.parent().expect("a folder")).unwrap();
        let partial = archive.with_extension("partial.tar");
        output(
            Command::new("mmdebstrap")
                .args(["--variant=essential", &format!("--include={INCLUDE}"), "bookworm"])
                .arg(&partial),
        );
        fs::rename(partial, &archive).unwrap();
    }
    archive
}

/// A container, as the engine shows it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Shown {
    pub(crate) state: String,
    pub(crate) quota: i64,
    pub(crate) nano_cpus: i64,
}

/// All containers of an engine by name.
pub(crate) fn containers(socket: &Path) -> BTreeMap<String, Shown> {
    let list = ask(socket, "/containers/json?all=true");
    let shown = |container: &Value| {
        let id = container["Id"].as_str().unwrap();
        let limits = &ask(socket, &format!("/containers/{id}/json"))["HostConfig"];
        let name = container["Names"][0].as_str().unwrap().trim_start_matches('/').to_owned();
        let state = container["State"].as_str().unwrap().to_owned();
        let number = |key: &str| limits[key].as_i64().unwrap();
        (name, Shown { state, quota: number("CpuQuota"), nano_cpus: number("NanoCpus") })
    };
    list.as_array().unwrap().iter().map(shown).collect()
}

fn ask(socket: &Path, path: &str) -> Value {
    let mut link = UnixStream::connect(socket).unwrap();
    write!(link, "GET {path} HTTP/1.1\r\nHost: docker\r\n\r\n").unwrap();
    let mut answer = String::new();
    link.read_to_string(&mut answer).unwrap();
    serde_json::from_str(answer.split_once("\r\n\r\n").unwrap().1).unwrap()
}
