//! The dashboard: in ten seconds, what the energy is, what the fleet does about it, why, and what comes next.
//!
//! [`Board`] is all of its state: it hears the supervisor ([`Heard`]), takes keys, and says what is to be done
//! ([`Wants`]). [`Board::draw`] is a pure function of it. Nothing here touches a terminal, a socket or a clock, so the
//! same board stands on a terminal, on a serial line and behind the demo.

mod dialog;
mod known;
mod paint;
mod rights;
mod services;

use std::time::Duration;

use protocol::{NodeName, SupplyName, Uptime};

use super::keys::Key;
use crate::core::budget::view::HourView;
use crate::core::person::Verb;
use crate::core::view::FleetView;
use crate::io::operator::Asked;
use dialog::{Dialog, Then};
use known::{Known, Link};
use services::{Service, services};

pub use known::{CurvePoint, Heard};
pub use rights::{Lock, Rights};

/// Below this size nothing useful can be shown.
pub const SIZE_MIN: (u16, u16) = (60, 16);

/// What is on the screen.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Page {
    Overview,
    Services,
    Events,
    Node(NodeName),
    Service(String),
    Supply(SupplyName),
}

/// What the person in front of the board wants done.
#[derive(Debug, PartialEq, Eq)]
pub enum Wants {
    /// Nothing outside the board.
    Nothing,
    /// To leave it.
    Quit,
    /// Everything painted anew.
    Repaint,
    /// An order given: its answer is [`Heard::Answer`] or [`Heard::NoAnswer`].
    Ask(Box<Asked>),
}

/// What lies over the page.
#[derive(Debug)]
enum Over {
    Nothing,
    Help,
    Order(Dialog),
    /// The PIN is asked for, before this order.
    Pin(Verb, NodeName),
    /// A word about why something is not possible, until the next key.
    Word(String),
}

/// The dashboard's state.
#[derive(Debug)]
pub struct Board {
    known: Known,
    rights: Rights,
    page: Page,
    over: Over,
    /// Which node of the overview is chosen, by its name: rows come and go.
    node: Option<NodeName>,
    service: usize,
    /// How far a page of text is scrolled.
    scroll: u16,
}

impl Board {
    /// A board that has heard nothing yet.
    pub fn new(rights: Rights) -> Self {
        Self {
            known: Known::new(),
            rights,
            page: Page::Overview,
            over: Over::Nothing,
            node: None,
            service: 0,
            scroll: 0,
        }
    }

    /// Takes in what was heard.
    pub fn hear(&mut self, heard: Heard, now: Uptime) {
        match heard {
            Heard::Status(status, time) => self.known.on_status(*status, time, now),
            Heard::Forecast(forecasts) => self.known.forecasts = forecasts,
            Heard::Events(events) => self.known.on_events(events),
            Heard::Curve(supply, points) => self.known.on_curve(&supply, points),
            Heard::Lost(why) => self.known.link = Link::Lost(why),
            Heard::Answer(answer) => {
                if let Over::Order(dialog) = &mut self.over {
                    dialog.hear(&answer, now);
                }
            }
            Heard::NoAnswer(why) => {
                if let Over::Order(dialog) = &mut self.over {
                    dialog.fail(&why, now);
                }
            }
        }
    }

    /// Time has passed: a question that nobody answered closes.
    pub fn tick(&mut self, now: Uptime) {
        if matches!(&self.over, Over::Order(dialog) if dialog.is_over(now)) {
            self.over = Over::Nothing;
        }
    }

    /// Whether the first page is shown, with nothing over it: there "back" leads out.
    pub fn is_at_start(&self) -> bool {
        self.page == Page::Overview && matches!(self.over, Over::Nothing)
    }

    /// Takes a key.
    pub fn press(&mut self, key: Key, now: Uptime) -> Wants {
        match key {
            Key::Interrupt => return Wants::Quit,
            Key::Repaint => return Wants::Repaint,
            _ => {}
        }
        match &mut self.over {
            Over::Help | Over::Word(_) => {
                self.over = Over::Nothing;
                Wants::Nothing
            }
            Over::Order(dialog) => match dialog.press(key, now) {
                Then::Stay => Wants::Nothing,
                Then::Close => {
                    self.over = Over::Nothing;
                    Wants::Nothing
                }
                Then::Ask(asked) => Wants::Ask(asked),
            },
            Over::Pin(verb, node) => {
                let (verb, node) = (*verb, node.clone());
                self.press_in_pin(key, verb, node, now);
                Wants::Nothing
            }
            Over::Nothing => self.press_on_page(key, now),
        }
    }

    fn press_on_page(&mut self, key: Key, now: Uptime) -> Wants {
        match key {
            Key::Char('q' | 'Q') => return Wants::Quit,
            Key::Char('?') => self.over = Over::Help,
            Key::Char('1') => self.turn_to(Page::Overview),
            Key::Char('2') => self.turn_to(Page::Services),
            Key::Char('3') => self.show_supply(),
            Key::Char('4') => self.turn_to(Page::Events),
            Key::Tab => self.show_next_page(),
            Key::Char('d') => self.order(Verb::Drain, now),
            Key::Char('r') => self.order(Verb::Resume, now),
            Key::Char('p') => self.order(Verb::Park, now),
            Key::Char('w') => self.order(Verb::Wake, now),
            Key::Escape | Key::Left | Key::Backspace | Key::Char('h') => self.back(),
            Key::Enter | Key::Right | Key::Char('l') => self.open(),
            Key::Down | Key::Char('j') => self.step(1),
            Key::Up | Key::Char('k') => self.step(-1),
            Key::PageDown | Key::Char(' ') => self.step(10),
            Key::PageUp | Key::Char('b') => self.step(-10),
            Key::Home | Key::Char('g') => self.step(isize::MIN / 2),
            Key::End | Key::Char('G') => self.step(isize::MAX / 2),
            Key::Char(_) | Key::Interrupt | Key::Repaint => {}
        }
        Wants::Nothing
    }

    fn press_in_pin(&mut self, key: Key, verb: Verb, node: NodeName, now: Uptime) {
        let Rights::Pin(lock) = &mut self.rights else { return };
        match key {
            Key::Escape => {
                lock.forget();
                self.over = Over::Nothing;
            }
            Key::Backspace => lock.rub_out(),
            Key::Char(character) => lock.type_in(character),
            Key::Enter if lock.enter(now) => self.over = Over::Order(Dialog::new(verb, node, now)),
            Key::Enter => {
                let words = match lock.blocked(now) {
                    Some(left) => format!("Wrong. No PIN is taken for {}.", protocol::Seconds::from(left)),
                    None => "Wrong PIN.".to_owned(),
                };
                self.over = Over::Word(words);
            }
            _ => {}
        }
    }

    fn turn_to(&mut self, page: Page) {
        self.page = page;
        self.scroll = 0;
    }

    fn show_next_page(&mut self) {
        match self.page {
            Page::Overview | Page::Node(_) => self.turn_to(Page::Services),
            Page::Services | Page::Service(_) => self.show_supply(),
            Page::Supply(_) => self.turn_to(Page::Events),
            Page::Events => self.turn_to(Page::Overview),
        }
    }

    /// The supply of the node that is chosen, or the next one if a supply is shown already.
    fn show_supply(&mut self) {
        let Some(fleet) = self.fleet() else { return };
        let names: Vec<&SupplyName> = fleet.supplies.iter().map(|supply| &supply.name).collect();
        let next = match &self.page {
            Page::Supply(shown) => {
                let index = names.iter().position(|name| *name == shown).map_or(0, |index| index + 1);
                names.get(index % names.len().max(1)).copied()
            }
            _ => self.chosen().and_then(|node| fleet.node(node.as_str())).map(|node| &node.supply),
        };
        if let Some(name) = next.or(names.first().copied()).cloned() {
            self.turn_to(Page::Supply(name));
        }
    }

    fn back(&mut self) {
        match self.page {
            Page::Service(_) => self.turn_to(Page::Services),
            _ => self.turn_to(Page::Overview),
        }
    }

    fn open(&mut self) {
        match &self.page {
            Page::Overview => {
                if let Some(node) = self.chosen().cloned() {
                    self.turn_to(Page::Node(node));
                }
            }
            Page::Services => {
                let name = self.services().get(self.service).map(|service| service.name.clone());
                if let Some(name) = name {
                    self.turn_to(Page::Service(name));
                }
            }
            Page::Node(_) => self.show_supply(),
            Page::Service(_) | Page::Supply(_) | Page::Events => {}
        }
    }

    fn step(&mut self, by: isize) {
        match self.page {
            Page::Overview => {
                let Some(fleet) = self.fleet() else { return };
                let place =
                    self.chosen_row().saturating_add_signed(by).min(fleet.nodes.len().saturating_sub(1));
                self.node = fleet.nodes.get(place).map(|node| node.name.clone());
            }
            Page::Services => {
                let last = self.services().len().saturating_sub(1);
                self.service = self.service.saturating_add_signed(by).min(last);
            }
            Page::Node(_) | Page::Service(_) | Page::Supply(_) | Page::Events => {
                let by = by.clamp(-5000, 5000) as i16;
                self.scroll = self.scroll.saturating_add_signed(by).min(5000);
            }
        }
    }

    /// An order about the node that is chosen or shown.
    fn order(&mut self, verb: Verb, now: Uptime) {
        let node = match &self.page {
            Page::Node(node) => Some(node.clone()),
            Page::Overview => self.chosen().cloned(),
            _ => None,
        };
        let Some(node) = node else {
            self.over = Over::Word("Orders are about a node: choose one on the first page.".to_owned());
            return;
        };
        self.over = match &mut self.rights {
            Rights::ReadOnly => Over::Word("This dashboard only shows: no orders are given here.".to_owned()),
            Rights::Operator => Over::Order(Dialog::new(verb, node, now)),
            Rights::Pin(lock) => {
                if lock.is_open(now) {
                    Over::Order(Dialog::new(verb, node, now))
                } else {
                    lock.forget();
                    Over::Pin(verb, node)
                }
            }
        };
    }

    fn fleet(&self) -> Option<&FleetView> {
        self.known.status.as_ref().map(|status| &status.fleet)
    }

    fn services(&self) -> Vec<Service> {
        self.fleet().map(services).unwrap_or_default()
    }

    /// The row of the node that is chosen.
    fn chosen_row(&self) -> usize {
        let place = |fleet: &FleetView| {
            let chosen = self.node.as_ref()?;
            fleet.nodes.iter().position(|node| node.name == *chosen)
        };
        self.fleet().and_then(place).unwrap_or(0)
    }

    /// The node that is chosen: the first one, until somebody chooses.
    fn chosen(&self) -> Option<&NodeName> {
        self.fleet()?.nodes.get(self.chosen_row()).map(|node| &node.name)
    }
}

/// What the plan changes next, in words: `in 2 h: pi9 to drain`.
pub fn next_steps(course: &[HourView]) -> Option<String> {
    let (within, nodes) = known::steps(course).into_iter().next()?;
    Some(format!("in {within}: {}", known::step_words(&nodes)))
}

/// How often a board that stands still is painted anew, for the ages that it shows.
pub const REDRAW: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests;
