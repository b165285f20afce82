//! A browser without a window.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use data_encoding::BASE64;
use rustix::process::{Pid, Signal, kill_process_group};
use serde_json::{Value, json};

/// On the slowest machine.
const DEADLINE: Duration = Duration::from_mins(2);

/// Fontconfig's: no fonts but those of Debian's `fonts-dejavu-core`, the Sans among them unless another is asked for.
const FONTS: &str = "<?xml version='1.0'?><!DOCTYPE fontconfig SYSTEM 'fonts.dtd'>\
    <fontconfig><dir>/usr/share/fonts/truetype/dejavu</dir>\
    <match target='pattern'><edit name='family' mode='append_last'><string>DejaVu Sans</string></edit></match>\
    </fontconfig>";

/// Compares two pictures by the means of their blocks; the browser knows PNG.
const DIFFERENCE: &str = r"
    const SIDE = 20, STEP = 10;
    const means = async text => {
        const image = new Image();
        image.src = 'data:image/png;base64,' + text;
        await image.decode();
        const canvas = document.createElement('canvas');
        [canvas.width, canvas.height] = [image.width, image.height];
        const context = canvas.getContext('2d');
        context.drawImage(image, 0, 0);
        const all = [[image.width, image.height]];
        for (let y = 0; y + SIDE <= image.height; y += SIDE) {
            for (let x = 0; x + SIDE <= image.width; x += SIDE) {
                const data = context.getImageData(x, y, SIDE, SIDE).data;
                let sum = 0;
                for (let at = 0; at < data.length; at += 4) sum += data[at] + data[at + 1] + data[at + 2];
                all.push(sum / (3 * SIDE * SIDE));
            }
        }
        return all;
    };
    const [one, other] = [await means(arguments[0]), await means(arguments[1])];
    if (String(one[0]) !== String(other[0])) return 1;
    const apart = one.filter((mean, at) => at > 0 && Math.abs(mean - other[at]) > STEP);
    return apart.length / (one.length - 1);
";

/// Chromium, and the program that drives it (`tests/run page` installs both). Both end with this.
pub(crate) struct Browser {
    driver: Child,
    port: u16,
    session: String,
    profile: tempfile::TempDir,
}

impl Browser {
    /// Opens a page.
    pub(crate) fn open(url: &str) -> Self {
        let profile = tempfile::tempdir().unwrap();
        // Pictures are to be the same whatever other fonts a machine has.
        let fonts = profile.path().join("fonts.conf");
        std::fs::write(&fonts, FONTS).unwrap();
        let mut driver = Command::new("chromedriver")
            .arg("--port=0")
            .env("FONTCONFIG_FILE", &fonts)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            // The browser, which is the driver's child, is in its group.
            .process_group(0)
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(driver.stdout.take().unwrap()).lines().map_while(Result::ok);
        let said = lines.find(|line| line.contains("started successfully on port")).unwrap();
        // It goes on talking: somebody must listen.
        std::thread::spawn(move || lines.for_each(drop));
        let port = said.trim_end_matches('.').rsplit(' ').next().unwrap().parse().unwrap();
        let mut browser = Self { driver, port, session: String::new(), profile };
        let folder = format!("--user-data-dir={}", browser.profile.path().display());
        let arguments = [
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-quic",
            "--disable-dev-shm-usage",
            "--no-first-run",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
            "--window-size=900,1000",
            folder.as_str(),
        ];
        let wanted = json!({"capabilities": {"alwaysMatch": {"goog:chromeOptions": {"args": arguments}}}});
        let opened = browser.ask("POST", "/session", &wanted);
        opened["sessionId"].as_str().unwrap().clone_into(&mut browser.session);
        browser.ask_here("POST", "/url", &json!({"url": url}));
        browser
    }

    /// What a person reads.
    pub(crate) fn text(&mut self) -> String {
        self.run("return document.body.innerText")
    }

    /// Waits until the page shows these words.
    pub(crate) fn wait_for_text(&mut self, words: &str) {
        self.wait_for_text_while(words, || ());
    }

    /// As [`Self::wait_for_text`], and goes on with something meanwhile.
    pub(crate) fn wait_for_text_while(&mut self, words: &str, mut meanwhile: impl FnMut()) {
        let begun = Instant::now();
        while !self.text().contains(words) {
            assert!(begun.elapsed() < DEADLINE, "{words:?} never came:\n{}", self.text());
            meanwhile();
            std::thread::sleep(Duration::from_millis(200));
        }
    }

    /// Runs a script, as the browser's owner may; what it returns, as text.
    pub(crate) fn run(&mut self, script: &str) -> String {
        let answer = self.ask_here("POST", "/execute/sync", &json!({"script": script, "args": []}));
        answer.as_str().map_or_else(|| answer.to_string(), str::to_owned)
    }

    /// What it looks like, as PNG.
    pub(crate) fn picture(&mut self) -> Vec<u8> {
        let answer = self.ask_here("GET", "/screenshot", &Value::Null);
        BASE64.decode(answer.as_str().unwrap().as_bytes()).unwrap()
    }

    /// How much of two pictures (PNG) differs: the share of their blocks whose mean brightness does. A clock that went on and a
    /// font that is drawn a little otherwise are small; a row that came or went moves everything below it. Shows an empty page
    /// afterwards.
    pub(crate) fn difference(&mut self, one: &[u8], other: &[u8]) -> f64 {
        self.ask_here("POST", "/url", &json!({"url": "about:blank"}));
        let pictures = [one, other].map(|picture| BASE64.encode(picture));
        let body = json!({"script": DIFFERENCE, "args": pictures});
        self.ask_here("POST", "/execute/sync", &body).as_f64().unwrap()
    }

    fn ask_here(&mut self, method: &str, path: &str, body: &Value) -> Value {
        let path = format!("/session/{}{path}", self.session);
        self.ask(method, &path, body)
    }

    fn ask(&mut self, method: &str, path: &str, body: &Value) -> Value {
        let body = if body.is_null() { String::new() } else { body.to_string() };
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).unwrap();
        stream.set_read_timeout(Some(DEADLINE)).unwrap();
        write!(
            stream,
            "{method} {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\
             Connection: close\r\n\r\n{body}",
            body.len()
        )
        .unwrap();
        let mut reader = BufReader::new(stream);
        let (mut length, mut line) = (0, String::new());
        while reader.read_line(&mut line).unwrap() > 2 {
            if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
                length = value.trim().parse().unwrap();
            }
            line.clear();
        }
        let mut answer = vec![0; length];
        reader.read_exact(&mut answer).unwrap();
        let mut answer: Value = serde_json::from_slice(&answer).unwrap();
        let value = answer["value"].take();
        assert!(value.get("error").is_none(), "{method} {path}: {value}");
        value
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        if !self.session.is_empty() && !std::thread::panicking() {
            self.ask_here("DELETE", "", &Value::Null);
        }
        // The browser too, if the test fails. Nobody is left when both have ended already.
        let group = Pid::from_child(&self.driver);
        let _ = kill_process_group(group, Signal::KILL);
        let _ = self.driver.wait();
    }
}
