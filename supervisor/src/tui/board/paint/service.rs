//! Services: where they run, and how many of them.

use protocol::report::ContainerState;
use ratatui::layout::Rect;
use ratatui::style::{Modifier, Style};
use ratatui::text::Line;

use super::{Sheet, split};
use crate::core::view::FleetView;
use crate::tui::board::services::{Service, asked};
use crate::tui::words::fit;

/// Columns of the name.
const NAME: usize = 24;

/// Every service, the chosen one always among them.
pub(super) fn list(sheet: &mut Sheet<'_>, area: Rect, services: &[Service], chosen: Option<usize>) {
    let heading = format!("{:NAME$} {:11}{:>7} {:>7}  where", "service", "class", "run", "req/s");
    sheet.text(area, 0, &heading, sheet.look.faint());
    if services.is_empty() {
        sheet.text(area, 1, "No container is managed anywhere.", Style::new());
    }
    let rows = usize::from(area.height.saturating_sub(1));
    let from = chosen.unwrap_or(0).saturating_sub(rows / 2).min(services.len().saturating_sub(rows));
    for (row, (index, service)) in (1..area.height).zip(services.iter().enumerate().skip(from)) {
        let run = format!("{}/{}", service.running(), service.places.len());
        let places: Vec<_> = service.places.iter().map(|(node, _)| node.to_string()).collect();
        let name = fit(&service.name, NAME, sheet.look);
        let requests = service.requests.map_or_else(|| "-".to_owned(), |pace| format!("{pace:.1}"));
        let text = format!("{name:NAME$} {:11}{run:>7} {requests:>7}  {}", class(service), places.join(" "));
        let text = fit(&text, usize::from(area.width), sheet.look);
        let style =
            if Some(index) == chosen { Style::new().add_modifier(Modifier::REVERSED) } else { Style::new() };
        sheet.put(area, row, &Line::styled(text, style));
    }
}

fn class(service: &Service) -> &'static str {
    service.class.map_or("-", |class| class.name())
}

/// One service.
pub(super) fn page(sheet: &mut Sheet<'_>, area: Rect, service: &Service, fleet: &FleetView, scroll: u16) {
    let (head, rest) = split(area, 2);
    let requests = service.requests.map_or_else(String::new, |pace| format!(", {pace:.1} requests/s"));
    let text = format!(
        "{}  {}, {} of {} containers run{requests}",
        service.name,
        class(service),
        service.running(),
        service.places.len()
    );
    sheet.text(head, 0, &text, sheet.look.strong());
    let facts: Vec<_> = service
        .places
        .iter()
        .map(|(name, state)| {
            let words = state.map_or_else(|| "not known: the node does not answer".to_owned(), words);
            let why = fleet.node(name.as_str()).map(super::fleet::reason).unwrap_or_default();
            let asked =
                asked(fleet, &service.name, name).map_or_else(String::new, |asked| format!("; {asked}"));
            (name.to_string(), format!("{words}{asked}; {why}"))
        })
        .collect();
    sheet.facts(rest, &facts, scroll);
}

fn words(state: ContainerState) -> String {
    match state {
        ContainerState::Running => "runs".to_owned(),
        ContainerState::Capped(cpus) => format!("runs, capped at {cpus}"),
        ContainerState::Paused => "paused to save energy".to_owned(),
        ContainerState::Stopped => "stopped to save energy".to_owned(),
        ContainerState::Down => "down, not by us".to_owned(),
    }
}
