//! Where things are: the operators' socket and the data folder, for this user.

use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;

use crate::config::Places;

/// How a command finds the running supervisor.
#[derive(Debug, clap::Args)]
pub(super) struct SocketArgs {
    /// The supervisor's socket
    #[arg(long, value_name = "PATH")]
    socket: Option<PathBuf>,
    /// The data folder that the supervisor was started with; its socket is there
    #[arg(long, value_name = "DIR", conflicts_with = "socket")]
    data: Option<PathBuf>,
}

impl SocketArgs {
    /// The socket to ask: as given, or this user's, or the system's.
    pub(super) fn path(&self) -> PathBuf {
        if let Some(socket) = &self.socket {
            return socket.clone();
        }
        if let Some(data) = &self.data {
            return Places::in_folder(data).socket;
        }
        let own = places().socket;
        let system = Places::of_system().socket;
        if !own.exists() && system.exists() { system } else { own }
    }
}

/// Where this user's data and socket belong: the system's places for root and for services, the home otherwise.
pub(super) fn places() -> Places {
    let mut places = if is_root() {
        Places::of_system()
    } else {
        let home = || std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".local/state"));
        let state = std::env::var_os("XDG_STATE_HOME").map(PathBuf::from).or_else(home);
        state.map_or_else(Places::of_system, |state| Places::in_folder(&state.join("heliostat")))
    };
    // systemd's StateDirectory= and RuntimeDirectory=.
    if let Some(folder) = first_of("STATE_DIRECTORY") {
        places.data = folder;
    }
    if let Some(folder) = first_of("RUNTIME_DIRECTORY") {
        places.socket = folder.join("supervisor.sock");
    }
    places
}

/// The first of the folders that systemd names in a variable.
fn first_of(variable: &str) -> Option<PathBuf> {
    let value = std::env::var_os(variable)?;
    std::env::split_paths(&value).next()
}

fn is_root() -> bool {
    std::fs::metadata("/proc/self").is_ok_and(|process| process.uid() == 0)
}

/// This host's name, if a node can have it.
pub(super) fn host() -> Option<protocol::NodeName> {
    std::fs::read_to_string("/proc/sys/kernel/hostname").ok()?.trim().parse().ok()
}
