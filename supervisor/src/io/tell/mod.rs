//! Tells persons of what matters, by a webhook and by a command (mail, a text message): at once, and then no more often than
//! they can read.
//!
//! The first message goes out at once. What happens within `at_most_every` after it is gathered and goes out together, or at
//! once when it is worse than what the last message told. A message that cannot be delivered is tried again with the next ones; the gathered lines are bounded. Nothing here holds
//! up the loop.

mod webhook;

use std::process::Stdio;
use std::time::Duration;

use serde::Serialize;
use tokio::io::AsyncWriteExt;
use tokio::process::Command;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until, timeout};

use super::clock::Timestamp;
use crate::config::Notify;
use crate::core::Record;
use crate::core::alarm::{Urgency, urgency};

/// So many lines wait for the next message; then the oldest notes and warnings go.
const LINES_MAX: usize = 50;
/// A delivery takes no longer.
const DELIVERY_MAX: Duration = Duration::from_secs(20);
/// So many records may wait for the task.
const QUEUE_MAX: usize = 256;

/// One thing that happened.
#[derive(Debug, Clone, PartialEq, Serialize)]
struct Told {
    time: Timestamp,
    urgency: Urgency,
    text: String,
}

/// A message, as a webhook gets it.
#[derive(Debug, Serialize)]
struct Message<'a> {
    schema: u32,
    host: &'a str,
    urgency: Urgency,
    /// The first line.
    subject: &'a str,
    /// All of it, for services that show a text and know nothing of us.
    text: &'a str,
    events: &'a [Told],
}

/// The way to the task.
#[derive(Debug)]
pub(super) struct Teller(mpsc::Sender<Told>);

impl Teller {
    /// Begins to tell.
    pub(super) fn start(notify: Notify) -> Self {
        let (sender, told) = mpsc::channel(QUEUE_MAX);
        let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
        let task = Task {
            notify,
            host: host.trim().to_owned(),
            waiting: Vec::new(),
            sent: None,
            told: Urgency::Note,
        };
        tokio::spawn(task.run(told));
        Self(sender)
    }

    /// Tells, if it matters.
    pub(super) fn tell(&self, record: &Record) {
        let Some(urgency) = urgency(record) else { return };
        let told = Told { time: Timestamp::now(), urgency, text: record.to_string() };
        if self.0.try_send(told).is_err() {
            tracing::warn!("more happens than can be told: left out: {record}");
        }
    }
}

struct Task {
    notify: Notify,
    host: String,
    waiting: Vec<Told>,
    sent: Option<Instant>,
    /// How much the worst of the last message mattered.
    told: Urgency,
}

impl Task {
    async fn run(mut self, mut told: mpsc::Receiver<Told>) {
        loop {
            let due = self.due();
            tokio::select! {
                one = told.recv() => match one {
                    Some(one) => self.gather(one),
                    None => return,
                },
                () = sleep_until(due), if !self.waiting.is_empty() => self.deliver().await,
            }
        }
    }

    /// When the next message may go out. Who was told that all is well is told at once that it is not.
    fn due(&self) -> Instant {
        let worse = self.worst().is_some_and(|worst| worst > self.told);
        match self.sent {
            Some(sent) if !worse => sent + self.notify.at_most_every,
            _ => Instant::now(),
        }
    }

    fn worst(&self) -> Option<Urgency> {
        self.waiting.iter().map(|told| told.urgency).max()
    }

    fn gather(&mut self, one: Told) {
        self.waiting.push(one);
        if self.waiting.len() > LINES_MAX {
            let least = self.waiting.iter().map(|told| told.urgency).min();
            if let Some(oldest) = self.waiting.iter().position(|told| Some(told.urgency) == least) {
                self.waiting.remove(oldest);
            }
        }
    }

    /// Sends what waits; what nobody took stays for the next time.
    async fn deliver(&mut self) {
        self.sent = Some(Instant::now());
        let worst = self.worst().unwrap_or(Urgency::Note);
        self.told = worst;
        let lead = self.waiting.iter().rfind(|told| told.urgency == worst);
        let more = match self.waiting.len() {
            0 | 1 => String::new(),
            count => format!(" (and {} more)", count - 1),
        };
        let lead = lead.map_or("", |told| told.text.as_str());
        let subject = format!("[heliostat {}] {worst}: {lead}{more}", self.host);
        let lines: Vec<_> = self
            .waiting
            .iter()
            .map(|told| format!("{} {:8} {}", told.time, told.urgency, told.text))
            .collect();
        let text = format!("{subject}\n\n{}\n", lines.join("\n"));
        let message = Message {
            schema: crate::core::view::SCHEMA,
            host: &self.host,
            urgency: worst,
            subject: &subject,
            text: &text,
            events: &self.waiting,
        };
        let mut taken = false;
        if let Some(hook) = &self.notify.webhook {
            let json = serde_json::to_vec(&message).unwrap_or_default();
            taken |= report("webhook", timeout(DELIVERY_MAX, webhook::post(hook, json)).await);
        }
        if !self.notify.command.is_empty() {
            taken |=
                report("command", timeout(DELIVERY_MAX, run(&self.notify.command, &subject, &text)).await);
        }
        if taken {
            self.waiting.clear();
        }
    }
}

/// Whether it was taken; if not, says why.
fn report(what: &str, outcome: Result<Result<(), String>, tokio::time::error::Elapsed>) -> bool {
    match outcome {
        Ok(Ok(())) => return true,
        Ok(Err(why)) => tracing::warn!("notify: the {what} took no message: {why}"),
        Err(_) => tracing::warn!("notify: the {what} took no message within {} s", DELIVERY_MAX.as_secs()),
    }
    false
}

/// Gives a program the message on its standard input. No shell: a node's words are nobody's command.
async fn run(command: &[String], subject: &str, text: &str) -> Result<(), String> {
    let Some((program, arguments)) = command.split_first() else { return Ok(()) };
    let subject: String = subject.chars().filter(|character| !character.is_control()).take(200).collect();
    let arguments = arguments.iter().map(|argument| argument.replace("{subject}", &subject));
    let mut child = Command::new(program)
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .map_err(|error| format!("{program}: {error}"))?;
    if let Some(mut stdin) = child.stdin.take() {
        // A program that needs no text closes its end early.
        let _ = stdin.write_all(text.as_bytes()).await;
    }
    let status = child.wait().await.map_err(|error| format!("{program}: {error}"))?;
    if status.success() { Ok(()) } else { Err(format!("{program}: {status}")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn task(told: Urgency, waiting: Urgency) -> Task {
        let notify = Notify { webhook: None, command: Vec::new(), at_most_every: Duration::from_mins(15) };
        let waiting = Told { time: Timestamp::now(), urgency: waiting, text: "pi4 is lost".to_owned() };
        Task { notify, host: String::new(), waiting: vec![waiting], sent: Some(Instant::now()), told }
    }

    #[tokio::test]
    async fn what_is_worse_than_the_last_message_does_not_wait_and_all_else_does() {
        use Urgency::{Critical, Note, Warning};
        for (told, waiting, waits) in [
            (Note, Note, true),
            (Note, Critical, false),
            (Warning, Critical, false),
            (Note, Warning, false),
            (Critical, Critical, true),
            (Critical, Note, true),
        ] {
            let due = task(told, waiting).due();
            assert_eq!(due > Instant::now() + Duration::from_mins(10), waits, "{waiting:?} after {told:?}");
        }
    }
}
