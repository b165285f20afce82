//! Images without a registry: an archive for `docker load`, made by hand, the same on every host down to its id.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::json;

use crate::{program, require};

/// The image of the web service, by name. Swarm services name it by [`Image::id`].
pub const WEB: &str = "heliostat-lab/web";

/// The image of the database, by name.
pub const POSTGRES: &str = "heliostat-lab/postgres";

/// The first start makes the database; every start serves it.
const SERVE_POSTGRES: &str =
    "[ -e /data/db/PG_VERSION ] || initdb -D /data/db -A trust -U postgres --locale=C --no-instructions
echo 'host all all all trust' >>/data/db/pg_hba.conf
exec postgres -D /data/db -c listen_addresses='*' -c unix_socket_directories=/tmp -c logging_collector=off
";

/// An archive and the id of the image in it.
#[derive(Debug, Clone)]
pub struct Image {
    archive: PathBuf,
    id: String,
}

impl Image {
    /// The web service: `lab-web` of this workspace with the libraries that it is linked to, and a busybox.
    ///
    /// # Panics
    /// When a step fails.
    pub fn web(folder: &Path) -> Self {
        let root = folder.join("web");
        let web = root.join("bin/web");
        put(&program::path("lab-web"), &web);
        // Debug information would weigh ten times the program, on every host.
        run(Command::new("strip").arg(&web));
        for library in libraries(&web) {
            put(&library, &root.join(library.strip_prefix("/").unwrap_or(&library)));
        }
        put(&require::find_program("busybox").expect("busybox"), &root.join("bin/busybox"));
        for tool in ["sh", "sleep", "cat", "true", "echo", "kill", "ps", "wget"] {
            let _ = std::os::unix::fs::symlink("busybox", root.join("bin").join(tool));
        }
        std::fs::create_dir_all(root.join("tmp")).expect("a folder");
        Self::of(
            folder,
            WEB,
            &root,
            &json!({ "Env": ["PATH=/bin"], "Cmd": ["/bin/web"], "StopSignal": "SIGTERM" }),
        )
    }

    /// `PostgreSQL`, as Debian packs it: makes its database under `/data` at its first start, then serves everybody on port
    /// 5432. `None` where the package is missing.
    ///
    /// # Panics
    /// When a step fails.
    pub fn postgres(folder: &Path) -> Option<Self> {
        let home = require::postgres()?;
        let version = home.file_name()?;
        let root = folder.join("postgres");
        std::fs::create_dir_all(&root).expect("a folder");
        for tree in [home.clone(), Path::new("/usr/share/postgresql").join(version)] {
            let inside = root.join(tree.strip_prefix("/").expect("an absolute path"));
            std::fs::create_dir_all(inside.parent().expect("a folder")).expect("a folder");
            run(Command::new("cp").arg("-a").arg(&tree).arg(&inside));
        }
        for program in ["postgres", "initdb", "psql", "pg_isready"] {
            for library in libraries(&home.join("bin").join(program)) {
                put(&library, &root.join(library.strip_prefix("/").unwrap_or(&library)));
            }
        }
        put(&require::find_program("busybox").expect("busybox"), &root.join("bin/busybox"));
        for tool in ["sh", "mkdir", "chmod", "chown", "su"] {
            let _ = std::os::unix::fs::symlink("busybox", root.join("bin").join(tool));
        }
        for (file, text) in [
            ("etc/passwd", "root:x:0:0::/:/bin/sh\npostgres:x:70:70::/data:/bin/sh\n"),
            ("etc/group", "root:x:0:\npostgres:x:70:\n"),
            ("bin/serve", SERVE_POSTGRES),
        ] {
            let path = root.join(file);
            std::fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
            std::fs::write(&path, text).expect("a file");
            run(Command::new("chmod").arg("755").arg(&path));
        }
        std::fs::create_dir_all(root.join("data")).expect("a folder");
        std::fs::create_dir_all(root.join("tmp")).expect("a folder");
        run(Command::new("chmod").arg("1777").arg(root.join("tmp")));
        run(Command::new("chown").arg("70:70").arg(root.join("data")));
        let path = format!("PATH=/bin:{}", home.join("bin").display());
        // SIGINT is the fast shutdown: clients are let go, the disk is left clean.
        let config = json!({ "User": "70:70", "Env": [path, "HOME=/data"], "Cmd": ["/bin/sh", "/bin/serve"],
            "StopSignal": "SIGINT", "Volumes": { "/data": {} } });
        Some(Self::of_owned(folder, POSTGRES, &root, &config))
    }

    /// An image of a folder's content, to run as this config says.
    ///
    /// # Panics
    /// When a step fails.
    pub fn of(folder: &Path, name: &str, root: &Path, config: &serde_json::Value) -> Self {
        run(Command::new("chown").args(["-R", "0:0"]).arg(root));
        Self::of_owned(folder, name, root, config)
    }

    /// As [`Self::of`], with the owners that the files have.
    fn of_owned(folder: &Path, name: &str, root: &Path, config: &serde_json::Value) -> Self {
        let layer = folder.join("layer.tar");
        pack(root, &layer, &["."]);
        let layer_id = sha256(&layer);
        let config = json!({
            "architecture": std::env::consts::ARCH.replace("x86_64", "amd64").replace("aarch64", "arm64"),
            "os": "linux",
            "created": "2020-01-01T00:00:00Z",
            "config": config,
            "rootfs": { "type": "layers", "diff_ids": [format!("sha256:{layer_id}")] },
            "history": [{ "created": "2020-01-01T00:00:00Z" }],
        });
        let written = folder.join("config.json");
        std::fs::write(&written, config.to_string()).expect("a file");
        let id = sha256(&written);
        let manifest =
            json!([{ "Config": "config.json", "RepoTags": [format!("{name}:1")], "Layers": ["layer.tar"] }]);
        std::fs::write(folder.join("manifest.json"), manifest.to_string()).expect("a file");
        let archive = folder.join(format!("{}.tar", name.replace('/', "-")));
        pack(folder, &archive, &["config.json", "manifest.json", "layer.tar"]);
        let _ = std::fs::remove_file(&layer);
        Self { archive, id: format!("sha256:{id}") }
    }

    /// The archive for `docker load`.
    pub fn archive(&self) -> &Path {
        &self.archive
    }

    /// The image's id, `sha256:...`: a service that names it so makes no engine ask a registry.
    pub fn id(&self) -> &str {
        &self.id
    }
}

/// The shared libraries of a program, with its loader.
fn libraries(program: &Path) -> Vec<PathBuf> {
    let output = Command::new("ldd").arg(program).output().expect("ldd");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    text.split_whitespace().filter(|word| word.starts_with('/')).map(PathBuf::from).collect()
}

fn put(from: &Path, to: &Path) {
    std::fs::create_dir_all(to.parent().expect("a folder")).expect("a folder");
    std::fs::copy(from, to).unwrap_or_else(|error| panic!("{}: {error}", from.display()));
}

/// The same content gives the same bytes.
fn pack(folder: &Path, archive: &Path, names: &[&str]) {
    let mut tar = Command::new("tar");
    tar.args(["--sort=name", "--mtime=@0", "--numeric-owner", "-C"]).arg(folder);
    run(tar.arg("-cf").arg(archive).args(names));
}

fn sha256(file: &Path) -> String {
    let output = Command::new("sha256sum").arg(file).output().expect("sha256sum");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    text.split_whitespace().next().expect("a sum").to_owned()
}

fn run(command: &mut Command) {
    let output = command.stdin(Stdio::null()).output().expect("a program");
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
}
