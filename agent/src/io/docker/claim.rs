//! One engine, one agent: two that change the same containers would take each other's caps for originals, and neither
//! could give them back.
//!
//! The claim is a name in the kernel's abstract socket space: it is gone with the process, also after SIGKILL, and
//! leaves no file behind.

use std::io;
use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::net::{SocketAddr, UnixListener};
use std::path::Path;

/// Held as long as this agent manages an engine.
#[derive(Debug)]
pub struct Claim {
    _name: UnixListener,
}

impl Claim {
    /// Claims the engine behind a socket.
    ///
    /// # Errors
    /// [`io::ErrorKind::AddrInUse`] when another agent has it.
    pub fn take(socket: &Path) -> io::Result<Self> {
        // Two paths to one socket (/var/run and /run) are one engine.
        let socket = socket.canonicalize().unwrap_or_else(|_missing| socket.to_owned());
        let mut name = b"heliostat-agent:".to_vec();
        // The kernel takes 107 bytes: a longer path is told apart by its checksum.
        let path = socket.as_os_str().as_encoded_bytes();
        if path.len() <= 80 {
            name.extend_from_slice(path);
        } else {
            let sum = crc::Crc::<u64>::new(&crc::CRC_64_XZ).checksum(path);
            name.extend_from_slice(format!("{sum:016x}").as_bytes());
        }
        Ok(Self { _name: UnixListener::bind_addr(&SocketAddr::from_abstract_name(name)?)? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_engine_is_claimed_once_and_free_again_when_the_agent_is_gone() {
        let folder = tempfile::tempdir().unwrap();
        let socket = folder.path().join("docker.sock");
        let claim = Claim::take(&socket).unwrap();
        assert_eq!(Claim::take(&socket).unwrap_err().kind(), io::ErrorKind::AddrInUse);
        assert!(Claim::take(&folder.path().join("other.sock")).is_ok());
        drop(claim);
        assert!(Claim::take(&socket).is_ok());
    }

    #[test]
    fn a_path_of_any_length_can_be_claimed() {
        let long = Path::new("/").join("x".repeat(300));
        let claim = Claim::take(&long).unwrap();
        assert!(Claim::take(&long).is_err());
        drop(claim);
    }
}
