//! Where everything goes. Made for 80x24; what is larger gives the strip and the decisions more room, what is smaller
//! loses the decisions first, then the strip: the nodes and the supply stay.

use ratatui::layout::Rect;

/// The rows of the parts. A part that found no room has height 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Areas {
    pub(super) title: Rect,
    pub(super) clock: Rect,
    pub(super) now: Rect,
    pub(super) supply: Rect,
    pub(super) nodes: Rect,
    pub(super) strip: Rect,
    pub(super) decisions: Rect,
    pub(super) legend: Rect,
}

/// The strip's rows besides those of the state of charge and of the stages: the sun and the hours.
pub(super) const STRIP_FIXED: u16 = 2;
/// The most rows for the state of charge; more shows nothing more.
pub(super) const SOC_ROWS_MAX: u16 = 6;

impl Areas {
    /// Divides a screen for so many nodes.
    pub(super) fn of(screen: Rect, nodes: usize) -> Self {
        let node_rows = u16::try_from(nodes).unwrap_or(u16::MAX).saturating_add(1);
        // Title, clock, two lines of words, supply, the nodes with their heading, the legend.
        let needed = node_rows.saturating_add(6);
        let spare = screen.height.saturating_sub(needed);
        // The strip is useful from four rows on (sun, charge, stages, hours), and never more than half of the rest.
        let strip_min = STRIP_FIXED + 2;
        let strip_max = STRIP_FIXED + SOC_ROWS_MAX + node_rows - 1;
        // Either one row tells the stages of all nodes, or every node has its own; between the two lies nothing.
        let one_row = STRIP_FIXED + SOC_ROWS_MAX + 1;
        let every_node = STRIP_FIXED + 1 + node_rows - 1;
        let strip = match spare * 6 / 10 {
            _ if spare < strip_min => 0,
            rows if rows >= every_node => rows.min(strip_max),
            rows => rows.clamp(strip_min, one_row.max(strip_min)),
        };
        let decisions = spare - strip;

        let mut top = screen.y;
        let mut take = |height: u16| {
            let height = height.min(screen.bottom().saturating_sub(top));
            let area = Rect { x: screen.x, y: top, width: screen.width, height };
            top += height;
            area
        };
        Self {
            title: take(1),
            clock: take(1),
            now: take(2),
            supply: take(1),
            nodes: take(node_rows),
            strip: take(strip),
            decisions: take(decisions),
            legend: take(1),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ten_nodes_fit_into_80_by_24_with_strip_decisions_and_legend() {
        let areas = Areas::of(Rect::new(0, 0, 80, 24), 10);
        assert_eq!(areas.strip.height, 4);
        assert_eq!(areas.decisions.height, 3);
        assert_eq!((areas.legend.height, areas.legend.bottom()), (1, 24));
    }

    #[test]
    fn the_strip_has_no_empty_rows() {
        for height in 24..70 {
            let strip = Areas::of(Rect::new(0, 0, 80, height), 10).strip.height;
            let one_row_for_all = (4..=STRIP_FIXED + SOC_ROWS_MAX + 1).contains(&strip);
            let a_row_each = (13..=STRIP_FIXED + SOC_ROWS_MAX + 10).contains(&strip);
            assert!(one_row_for_all || a_row_each, "{strip} rows of a screen of {height}");
        }
    }

    #[test]
    fn no_size_makes_a_part_leave_the_screen() {
        for height in 0..70 {
            for nodes in [0, 1, 10, 200] {
                let areas = Areas::of(Rect::new(0, 0, 40, height), nodes);
                assert!(areas.legend.bottom() <= height);
                assert!(areas.decisions.bottom() <= height);
            }
        }
    }
}
