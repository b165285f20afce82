//! As much HTTP over a Unix socket as it takes to see that an engine answers.

use std::io::{Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

/// An engine that takes longer is not ready.
const PATIENCE: Duration = Duration::from_secs(2);

/// Whether an engine answers at this socket.
pub(super) fn is_answering(socket: &Path) -> bool {
    ping(socket).is_ok_and(|answer| answer.contains("OK"))
}

fn ping(socket: &Path) -> std::io::Result<String> {
    let mut stream = UnixStream::connect(socket)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    stream.write_all(b"GET /_ping HTTP/1.0\r\n\r\n")?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    Ok(answer)
}
