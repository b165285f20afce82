//! As much of `PostgreSQL`'s protocol (version 3.0) as it takes to book a row: start, one simple query, end.
//!
//! Messages are a type byte and a length that counts itself (`PostgreSQL` documentation, "Message Formats").

use std::io;
use std::net::SocketAddr;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// Version 3.0.
const PROTOCOL: u32 = 3 << 16;
/// A message longer than this is none that we asked for.
const MESSAGE_BYTES_MAX: usize = 64 * 1024;

/// Books one row in table `bookings`; when this returns, the database has it on its disk.
///
/// # Errors
/// The connection broke, or the database refused, in its words.
pub(crate) async fn book(address: SocketAddr, who: &str) -> io::Result<()> {
    let mut stream = TcpStream::connect(address).await?;
    let mut start = PROTOCOL.to_be_bytes().to_vec();
    start.extend(b"user\0postgres\0database\0postgres\0\0");
    stream.write_all(&with_length(&start)?).await?;
    until_ready(&mut stream).await?;
    let who: String = who.chars().filter(|c| c.is_ascii_alphanumeric() || " .-_".contains(*c)).collect();
    let query = format!("insert into bookings (who) values ('{who}')\0");
    stream.write_all(b"Q").await?;
    stream.write_all(&with_length(query.as_bytes())?).await?;
    until_ready(&mut stream).await?;
    stream.write_all(&[b'X', 0, 0, 0, 4]).await
}

fn with_length(body: &[u8]) -> io::Result<Vec<u8>> {
    let length = u32::try_from(body.len() + 4).map_err(io::Error::other)?;
    Ok([&length.to_be_bytes(), body].concat())
}

/// Reads until the database is ready for a query.
async fn until_ready(stream: &mut TcpStream) -> io::Result<()> {
    loop {
        let kind = stream.read_u8().await?;
        let length = stream.read_u32().await? as usize;
        if !(4..=MESSAGE_BYTES_MAX).contains(&length) {
            return Err(io::Error::other(format!("a message of {length} bytes")));
        }
        let mut body = vec![0; length - 4];
        stream.read_exact(&mut body).await?;
        match kind {
            b'Z' => return Ok(()),
            b'E' => return Err(io::Error::other(String::from_utf8_lossy(&body).into_owned())),
            _ => {}
        }
    }
}
