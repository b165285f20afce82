//! One line a node.

use protocol::report::ContainerState;
use protocol::{Class, Cpus};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

use super::look::Look;
use super::scene::{ContainerMark, NodeLine};
use super::words::{fit, whole_or_brief};

/// Columns of the name.
const NAME: usize = 9;
/// Columns of the letter, the stage and their spaces.
const STAGE: usize = 11;
/// Columns of the watts.
const WATTS: usize = 6;
/// The least columns of the containers.
const CONTAINERS_MIN: usize = 13;

/// The nodes under their heading.
pub(super) fn nodes(buffer: &mut Buffer, area: Rect, nodes: &[NodeLine], look: Look) {
    let widest = nodes.iter().map(|node| container_width(&node.containers)).max().unwrap_or(0);
    let containers = widest.max(CONTAINERS_MIN);
    let room = usize::from(area.width).saturating_sub(NAME + STAGE + containers + WATTS + 1);
    let heading = format!(
        "{:<NAME$}{:<STAGE$}{:<room$} {:<containers$}{:>WATTS$}",
        "node", "stage", "why", "containers", "watts"
    );
    let lines = std::iter::once(Line::styled(heading, look.faint()))
        .chain(nodes.iter().map(|node| line(node, room, containers, look)));
    for (row, line) in (area.top()..area.bottom()).zip(lines) {
        buffer.set_line(area.x, row, &line, area.width);
    }
}

/// One node.
fn line(node: &NodeLine, room: usize, containers: usize, look: Look) -> Line<'static> {
    let mode = look.mode(node.mode);
    let mut spans = vec![
        Span::raw(format!("{:<NAME$}", fit(&node.name, NAME - 1, look))),
        Span::styled(format!("{} ", node.mode.letter()), mode.patch(look.strong())),
        Span::styled(format!("{:<9}", node.mode.name()), mode),
        Span::raw(format!("{:<room$} ", fit(whole_or_brief(&node.reason, &node.brief, room), room, look))),
    ];
    spans.extend(container_spans(&node.containers, look));
    let gap = containers.saturating_sub(container_width(&node.containers));
    spans.push(Span::raw(format!("{:gap$}{:>WATTS$.1}", "", node.power.watts())));
    Line::from(spans)
}

/// How many columns [`container_spans`] fills.
fn container_width(marks: &[ContainerMark]) -> usize {
    marks.len() + marks.chunk_by(|a, b| a.class == b.class).count() * 2
}

/// `C●● s●◐ d‖‖`: the class as a letter, then one shape a container.
fn container_spans(marks: &[ContainerMark], look: Look) -> Vec<Span<'static>> {
    let mut spans = Vec::new();
    for class in marks.chunk_by(|a, b| a.class == b.class) {
        if let Some(first) = class.first() {
            spans.push(Span::styled(class_letter(first.class), look.faint()));
        }
        spans.extend(
            class.iter().map(|c| Span::styled(look.container(c.state), look.container_style(c.state))),
        );
        spans.push(Span::raw(" "));
    }
    spans
}

/// A class as a letter.
fn class_letter(class: Class) -> &'static str {
    match class {
        Class::Critical => "C",
        Class::Standard => "s",
        Class::Deferrable => "d",
    }
}

/// What the shapes and letters mean.
pub(super) fn legend(buffer: &mut Buffer, area: Rect, look: Look) {
    let states = [
        (ContainerState::Running, "runs"),
        (ContainerState::Capped(Cpus::from_milli(0)), "capped"),
        (ContainerState::Paused, "paused"),
        (ContainerState::Stopped, "stopped"),
    ];
    let mut spans = vec![Span::styled("Critical standard deferrable", look.faint())];
    for (state, word) in states {
        spans.push(Span::styled(format!(" {}", look.container(state)), look.container_style(state)));
        spans.push(Span::styled(word, look.faint()));
    }
    spans.push(Span::styled("  SoC ", look.faint()));
    for (sure, word) in [(1.0, "sure "), (0.0, "maybe")] {
        spans.extend(look.charge(sure, 1.0).map(|(symbol, style)| Span::styled(symbol, style)));
        spans.push(Span::styled(word, look.faint()));
    }
    if area.height > 0 {
        buffer.set_line(area.x, area.y, &Line::from(spans), area.width);
    }
}
