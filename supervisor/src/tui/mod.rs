//! The fleet on a terminal: one line a node, a strip of the day, the last decisions and why.
//!
//! [`Scene`] is plain data; [`draw()`] paints it on any ratatui backend; [`Screen`] owns the real terminal and gives it
//! back whatever happens; [`svg`] turns the same picture into a file.

use std::io;

use ratatui::backend::{Backend, TestBackend};
use ratatui::buffer::Buffer;
use ratatui::{Frame, Terminal};

pub mod board;
pub(crate) mod brief;
pub(crate) mod facts;
mod keys;
mod layout;
mod look;
mod nodes;
pub mod scene;
mod screen;
pub mod serial;
mod signals;
mod strip;
mod supply;
pub mod svg;
mod words;

pub(crate) use words::counted;

pub use board::next_steps;
pub use keys::Key;
pub use look::Look;
pub use scene::Scene;
pub use screen::{Screen, Turn};
pub use signals::Signals;

use layout::Areas;

/// Paints the scene over the whole frame.
pub fn draw(frame: &mut Frame<'_>, scene: &Scene, look: Look) {
    let areas = Areas::of(frame.area(), scene.nodes.len());
    let buffer = frame.buffer_mut();
    supply::title(buffer, areas.title, scene, look);
    supply::clock(buffer, areas.clock, scene, look);
    supply::now(buffer, areas.now, scene, look);
    supply::supply(buffer, areas.supply, &scene.supply, look);
    nodes::nodes(buffer, areas.nodes, &scene.nodes, look);
    strip::strip(buffer, areas.strip, scene, look);
    supply::decisions(buffer, areas.decisions, &scene.decisions, look);
    nodes::legend(buffer, areas.legend, look);
}

/// Draws one picture of a size without any terminal, for files and tests.
///
/// # Errors
///
/// Only if the backend in memory fails, which it has no reason to.
pub fn picture(scene: &Scene, look: Look, width: u16, height: u16) -> io::Result<Buffer> {
    let mut terminal = Terminal::new(TestBackend::new(width, height)).map_err(io::Error::other)?;
    terminal.draw(|frame| draw(frame, scene, look)).map_err(io::Error::other)?;
    Ok(terminal.backend().buffer().clone())
}

/// Draws the scene on a terminal of any backend.
///
/// # Errors
///
/// As the backend fails.
pub fn show<B: Backend>(terminal: &mut Terminal<B>, scene: &Scene, look: Look) -> Result<(), B::Error> {
    terminal.draw(|frame| draw(frame, scene, look)).map(|_| ())
}

#[cfg(test)]
mod tests;
