//! The first row, which says who leads and how old everything is, and the last, which says what keys do.

use protocol::Seconds;
use ratatui::layout::Rect;

use super::Sheet;
use crate::core::address::LeaderView;
use crate::core::view::AddressView;
use crate::tui::board::known::{Known, Link};
use crate::tui::board::{Board, Page, Rights};

/// Who leads, the address, and the time; or that all of it is old.
pub(super) fn title(sheet: &mut Sheet<'_>, area: Rect, known: &Known) {
    let Some(status) = &known.status else {
        sheet.text(area, 0, "heliostat", sheet.look.bar_line());
        return;
    };
    let fleet = &status.fleet;
    let lead = match (&fleet.standby, &fleet.leader) {
        (None, _) => format!("leads, term {}", fleet.term),
        // Short: who leads is what somebody at the wrong master wants to know.
        (Some(_), Some(LeaderView { node, term, age, old: false })) => {
            format!("stands by: {node} leads, term {term}, has the address ({age} ago)")
        }
        (Some(_), Some(leader)) => format!("stands by: {leader}"),
        (Some(why), None) => format!("stands by: {why}"),
    };
    let address = match &fleet.address {
        Some(_) if fleet.leader.is_some() && fleet.standby.is_some() => "",
        Some(AddressView { seen: Some(seen), .. }) if seen.held => ", address here",
        Some(AddressView { seen: Some(_), .. }) => ", address elsewhere",
        Some(_) => ", address not looked for yet",
        None => "",
    };
    let up = Seconds(u32::try_from(fleet.now.as_millis() / 1000).unwrap_or(u32::MAX));
    // At 80 columns there is no room for where this one listens beside who leads.
    let left = if fleet.standby.is_some() && fleet.leader.is_some() {
        format!(" heliostat {lead}")
    } else {
        format!(" heliostat {} {lead}{address}", status.listen)
    };
    let right = match (known.old(sheet.now), &known.link, known.time) {
        (Some(age), Link::Lost(_), _) => format!("OLD: {age}, asking again "),
        (Some(age), ..) => format!("OLD: {age} "),
        (None, _, Some(time)) => {
            let clock: String = time.to_string().chars().skip(11).take(8).collect();
            format!("{clock}Z ")
        }
        (None, _, None) => String::new(),
    };
    // Since when it runs is what can be missed where there is little room.
    let up = format!(", up {up}");
    let fits = left.chars().count() + up.chars().count() + right.chars().count() < usize::from(area.width);
    let left = if fits { left + &up } else { left };
    let style = if known.old(sheet.now).is_some() { sheet.look.alarm() } else { sheet.look.bar_line() };
    sheet.ends(area, 0, &left, &right, style);
}

/// What keys do here.
pub(super) fn keys(sheet: &mut Sheet<'_>, area: Rect, board: &Board) {
    let moves = match board.page {
        Page::Overview => "up/down choose  Enter why",
        Page::Services => "up/down choose  Enter where",
        Page::Node(_) => "up/down  Enter supply  Esc back",
        Page::Service(_) | Page::Supply(_) | Page::Events => "up/down scroll  Esc back",
    };
    let orders = match (&board.page, &board.rights) {
        (Page::Overview | Page::Node(_), Rights::Operator | Rights::Pin(_)) => "  d/r/p/w orders",
        _ => "",
    };
    let left = format!(" {moves}{orders}");
    sheet.ends(area, 0, &left, "1-4 pages  ? help  q quits ", sheet.look.bar_line());
}
