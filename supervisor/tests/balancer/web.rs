//! A small web server that says its name, and a client.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

/// Loopback has many addresses: each node of each test has one of its own.
static NEXT: AtomicU8 = AtomicU8::new(1);

/// What its connections share.
#[derive(Default)]
struct Shared {
    /// How many wait, whether they may go, and whether nobody is answered any more.
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    waiting: u32,
    released: bool,
    frozen: bool,
}

/// The server.
pub(crate) struct Web {
    pub(crate) address: SocketAddr,
    shared: Arc<Shared>,
}

/// A port that nobody has at this moment.
pub(crate) fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

impl Web {
    pub(crate) fn start(name: &str, port: u16) -> Self {
        let host = NEXT.fetch_add(1, Ordering::Relaxed);
        let address: SocketAddr = format!("127.0.7.{host}:{port}").parse().unwrap();
        let listener = TcpListener::bind(address).unwrap();
        let shared = Arc::new(Shared::default());
        let (name, of_server) = (name.to_owned(), Arc::clone(&shared));
        std::thread::spawn(move || {
            for connection in listener.incoming().map_while(Result::ok) {
                let (name, shared) = (name.clone(), Arc::clone(&of_server));
                std::thread::spawn(move || serve(connection, &name, &shared));
            }
        });
        Self { address, shared }
    }

    /// How many slow requests wait.
    pub(crate) fn waiting(&self) -> u32 {
        self.shared.state.lock().unwrap().waiting
    }

    /// Lets slow requests go.
    pub(crate) fn release(&self) {
        self.shared.state.lock().unwrap().released = true;
        self.shared.changed.notify_all();
    }

    /// From here on nobody is answered, as by a frozen host: its kernel still accepts.
    pub(crate) fn freeze(&self) {
        self.shared.state.lock().unwrap().frozen = true;
    }
}

/// One request on each connection.
fn serve(connection: TcpStream, name: &str, shared: &Shared) -> Option<()> {
    let mut reader = BufReader::new(connection.try_clone().ok()?);
    let mut request = String::new();
    reader.read_line(&mut request).ok()?;
    let mut line = String::new();
    while reader.read_line(&mut line).ok()? > 2 {
        line.clear();
    }
    let mut state = shared.state.lock().unwrap();
    if request.contains("/slow") {
        state.waiting += 1;
        state = shared.changed.wait_while(state, |state| !state.released).unwrap();
        state.waiting -= 1;
    }
    let _held = shared.changed.wait_while(state, |state| state.frozen).unwrap();
    let mut connection = connection;
    let length = name.len();
    write!(connection, "HTTP/1.1 200 OK\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{name}").ok()
}

/// What is answered; an error when it is no `200`.
pub(crate) fn get(address: SocketAddr, path: &str) -> Result<String, String> {
    let words = |error: std::io::Error| error.to_string();
    let mut connection = TcpStream::connect(address).map_err(words)?;
    connection.set_read_timeout(Some(Duration::from_secs(50))).map_err(words)?;
    write!(connection, "GET {path} HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n").map_err(words)?;
    let mut answer = String::new();
    connection.read_to_string(&mut answer).map_err(words)?;
    let (head, body) = answer.split_once("\r\n\r\n").ok_or("no answer")?;
    if head.starts_with("HTTP/1.1 200") { Ok(body.to_owned()) } else { Err(head.to_owned()) }
}
