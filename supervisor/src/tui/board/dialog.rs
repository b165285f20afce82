//! A person's order on its way: what, for how long, why; asked once more before it is given.

use std::time::Duration;

use protocol::{NodeName, Seconds, Uptime};

use crate::core::person::Verb;
use crate::io::operator::{Answer, Asked};
use crate::tui::keys::Key;

/// Who walks away from a question has not said yes: it closes by itself.
const EXPIRES: Duration = Duration::from_mins(1);
/// A reason is no longer than what agents keep of it.
const REASON_MAX: usize = 80;

/// For how long an order can be given here; the first is "until it is resumed".
const SPANS: [Option<Seconds>; 8] = [
    None,
    Some(Seconds(1800)),
    Some(Seconds(3600)),
    Some(Seconds(2 * 3600)),
    Some(Seconds(4 * 3600)),
    Some(Seconds(8 * 3600)),
    Some(Seconds(24 * 3600)),
    Some(Seconds(3 * 24 * 3600)),
];

/// Where the order stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum State {
    /// The person may still change it.
    Open,
    /// The supervisor was asked.
    Waiting,
    /// It answered: whether it will be done, and in which words.
    Answered(bool, String),
}

/// The order.
#[derive(Debug, Clone)]
pub(super) struct Dialog {
    pub(super) verb: Verb,
    pub(super) node: NodeName,
    span: usize,
    pub(super) reason: String,
    pub(super) force: bool,
    pub(super) state: State,
    touched: Uptime,
}

/// What a key in the dialog leads to.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Then {
    /// It goes on.
    Stay,
    /// It is closed, and nothing is asked.
    Close,
    /// This is asked.
    Ask(Box<Asked>),
}

impl Dialog {
    pub(super) fn new(verb: Verb, node: NodeName, now: Uptime) -> Self {
        // A node that is drained for good is a node that somebody forgot: an end is offered first.
        let span = match verb {
            Verb::Drain | Verb::Park => 3,
            Verb::Wake | Verb::Resume => 0,
        };
        Self { verb, node, span, reason: String::new(), force: false, state: State::Open, touched: now }
    }

    /// For how long; `None`: until it is resumed.
    pub(super) fn span(&self) -> Option<Seconds> {
        SPANS.get(self.span).copied().flatten()
    }

    /// Whether a time makes sense with it.
    pub(super) fn has_span(&self) -> bool {
        self.verb != Verb::Resume
    }

    /// How long it stays open yet.
    pub(super) fn closes_in(&self, now: Uptime) -> Seconds {
        EXPIRES.saturating_sub(now.since(self.touched)).into()
    }

    /// Whether it waited too long for an answer to "really?".
    pub(super) fn is_over(&self, now: Uptime) -> bool {
        self.state != State::Waiting && now.since(self.touched) >= EXPIRES
    }

    pub(super) fn press(&mut self, key: Key, now: Uptime) -> Then {
        self.touched = now;
        match (&self.state, key) {
            (_, Key::Escape) | (State::Answered(..), _) => return Then::Close,
            (State::Open, Key::Enter) => {
                self.state = State::Waiting;
                return Then::Ask(Box::new(self.asked()));
            }
            (State::Open, Key::Right) if self.has_span() => self.span = (self.span + 1) % SPANS.len(),
            (State::Open, Key::Left) if self.has_span() => {
                self.span = (self.span + SPANS.len() - 1) % SPANS.len();
            }
            (State::Open, Key::Tab) => self.force = !self.force,
            (State::Open, Key::Backspace) => {
                self.reason.pop();
            }
            (State::Open, Key::Char(character)) if self.reason.len() < REASON_MAX => {
                self.reason.push(character);
            }
            (State::Open | State::Waiting, _) => {}
        }
        Then::Stay
    }

    fn asked(&self) -> Asked {
        Asked {
            node: self.node.to_string(),
            verb: self.verb,
            left: self.span().filter(|_| self.has_span()).map(|span| span.0),
            why: self.reason.trim().to_owned(),
            force: self.force,
            behalf: None,
        }
    }

    pub(super) fn hear(&mut self, answer: &Answer, now: Uptime) {
        self.touched = now;
        self.state = match answer {
            Answer::Accepted(accepted) => {
                let notes: Vec<_> = accepted.notes.iter().map(|note| format!("; {note}")).collect();
                let notes = notes.concat();
                let what =
                    accepted.standing.as_ref().map_or_else(|| "resumed".to_owned(), ToString::to_string);
                State::Answered(true, format!("{}: {what}{notes}", accepted.node))
            }
            Answer::Refused(refused) => {
                let insist =
                    if refused.yields_to_force() { " (with force it is done all the same)" } else { "" };
                State::Answered(false, format!("{refused}{insist}"))
            }
            Answer::UnknownNode { node, .. } => State::Answered(false, format!("there is no node {node}")),
            Answer::Error { message } => State::Answered(false, message.clone()),
            _ => State::Answered(false, "the supervisor answered something else".to_owned()),
        };
    }

    pub(super) fn fail(&mut self, why: &str, now: Uptime) {
        self.touched = now;
        self.state = State::Answered(false, format!("no answer, so look before asking again: {why}"));
    }
}
