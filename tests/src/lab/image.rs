//! Images without a registry: an archive for `docker load`, made by hand, the same on every host down to its id.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::json;

use crate::{program, require};

/// The image of the web service, by name. Swarm services name it by [`Image::id`].
pub const WEB: &str = "heliostat-lab/web";

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

    /// An image of a folder's content, to run as this config says.
    ///
    /// # Panics
    /// When a step fails.
    pub fn of(folder: &Path, name: &str, root: &Path, config: &serde_json::Value) -> Self {
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
    tar.args(["--sort=name", "--mtime=@0", "--owner=0", "--group=0", "--numeric-owner", "-C"]).arg(folder);
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
