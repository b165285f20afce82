//! What the far screen should show, what it probably shows, and the bytes between the two.

use std::io::Write as _;

use ratatui::buffer::{Buffer, Cell};
use ratatui::style::Modifier;

use super::pulse::region_end;

/// Ends whatever escape sequence noise may have begun: a VT100 drops it on CAN.
const CANCEL: u8 = 0x18;
/// Plain characters from the usual set, no wrapping at the edge, no insertion, no cursor: whatever noise may have switched.
/// The scrolling region comes after it.
const SET_UP: &[u8] = b"\x18\x0f\x1b(B\x1b[m\x1b[?6l\x1b[4l\x1b[?7l\x1b[?25l";
/// Back to what a person's terminal usually is.
const LEAVE: &[u8] = b"\x18\x0f\x1b[m\x1b[r\x1b[?7h\x1b[?25h\x1b[2J\x1b[H";
/// Asks where the cursor is after it was sent beyond every corner: the size.
const ASK_SIZE: &[u8] = b"\x18\x1b[r\x1b[999;999H\x1b[6n";
/// So many unchanged cells are written again rather than stepped over: the step costs as much.
const BRIDGE: u16 = 4;

/// A row with more blanks than this in its gaps is erased and written in parts; others are written whole, because a row
/// that is blank for a moment flickers.
const GAPS_MIN: usize = 20;
/// The same where the rows' turns alone bring the picture back: there bytes count for more than a row's moment of blankness.
const GAPS_MIN_SWIFT: usize = 10;
/// Where the rows' turns alone bring the picture back, so many are written in one go: what makes sure of the pen and of the
/// sequence that noise may have begun is written once for all of them. What goes wrong among them lasts until the next turn.
const SWIFT_ROWS: u16 = 8;
/// Reversed blanks are left out of a bar ([`Paper::thin`]) where so many stand together.
const BAR_GAP: usize = 4;

/// One character of the far screen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Glyph {
    byte: u8,
    pen: Pen,
}

/// How it is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Pen {
    bold: bool,
    reversed: bool,
}

impl Glyph {
    const BLANK: Self = Self { byte: b' ', pen: Pen { bold: false, reversed: false } };

    /// What a VT100 can show of a cell. Bold spaces are spaces: they look alike and cost less.
    fn of(cell: &Cell) -> Self {
        let byte = match cell.symbol().as_bytes() {
            [byte @ b' '..=b'~'] => *byte,
            _ => b'?',
        };
        let has = |modifier| cell.modifier.contains(modifier);
        let pen = Pen { bold: has(Modifier::BOLD) && byte != b' ', reversed: has(Modifier::REVERSED) };
        Self { byte, pen }
    }
}

/// The far screen.
#[derive(Debug)]
pub struct Paper {
    width: u16,
    height: u16,
    wanted: Vec<Glyph>,
    /// What was written; `None` where anything may stand.
    shown: Vec<Option<Glyph>>,
    /// Where the cursor is, while we know.
    cursor: Option<(u16, u16)>,
    pen: Option<Pen>,
    /// Which row is written anew next.
    scrub: u16,
}

impl Paper {
    /// A far screen of which nothing is known, on which nothing is wanted yet.
    pub fn new(width: u16, height: u16) -> Self {
        let cells = usize::from(width) * usize::from(height);
        Self {
            width,
            height,
            wanted: vec![Glyph::BLANK; cells],
            shown: vec![None; cells],
            cursor: None,
            pen: None,
            scrub: 0,
        }
    }

    /// Its size in columns and rows.
    pub fn size(&self) -> (u16, u16) {
        (self.width, self.height)
    }

    /// Has it show this. A buffer of another size is cut, and the rest stays blank.
    pub fn want(&mut self, buffer: &Buffer) {
        for y in 0..self.height {
            for x in 0..self.width {
                let glyph = buffer.cell((x, y)).map_or(Glyph::BLANK, Glyph::of);
                let index = self.index(x, y);
                self.wanted[index] = glyph;
            }
        }
    }

    /// Takes out of what is wanted what costs bytes and says nothing: bold, and a bar's blanks. Where the rows' turns alone
    /// bring the picture back, every byte of a row is waited for.
    pub fn thin(&mut self) {
        for glyph in &mut self.wanted {
            glyph.pen.bold = false;
        }
        for row in self.wanted.chunks_mut(usize::from(self.width.max(1))) {
            for run in row.chunk_by_mut(|a, b| a == b) {
                if run[0].byte == b' ' && run.len() >= BAR_GAP {
                    run.fill(Glyph::BLANK);
                }
            }
        }
    }

    /// Anything may stand there: everything is to be written.
    pub fn forget(&mut self) {
        self.shown.fill(None);
        self.scrub = 0;
    }

    /// Whether anything may still stand somewhere: a first picture, or one after noise, is on its way.
    pub fn has_unknown(&self) -> bool {
        self.shown.iter().any(Option::is_none)
    }

    /// Whether the far screen is, as far as we know, as wanted.
    pub fn is_settled(&self) -> bool {
        self.wanted.iter().zip(&self.shown).all(|(wanted, shown)| *shown == Some(*wanted))
    }

    /// The next bytes that make it more as wanted; ends after the first row with which they are `most`.
    pub fn changes(&mut self, most: usize) -> Vec<u8> {
        let mut out = Vec::new();
        self.distrust();
        if self.shown.iter().all(Option::is_none) {
            self.set_up(&mut out);
        }
        for y in 0..self.height {
            if out.len() >= most {
                break;
            }
            self.row(y, &mut out);
        }
        self.put_pen(Pen::default(), &mut out);
        out
    }

    /// Rows written anew, in turn, until they are `most` bytes; the far screen's switches are set before the first. `swift`:
    /// several together, in fewer bytes.
    pub fn scrub(&mut self, most: usize, swift: bool) -> Vec<u8> {
        let together = if swift { SWIFT_ROWS } else { 1 };
        let mut out = Vec::new();
        self.distrust();
        while out.len() < most {
            if self.scrub == 0 {
                self.set_up(&mut out);
            }
            out.push(CANCEL);
            let end = (self.scrub + together).min(self.height.max(1));
            for y in self.scrub..end {
                self.anew(y, if swift { GAPS_MIN_SWIFT } else { GAPS_MIN }, &mut out);
            }
            self.scrub = end % self.height.max(1);
        }
        self.put_pen(Pen::default(), &mut out);
        out
    }

    /// Writes a row, whatever stands there; in parts, if more blanks than `gaps` are stepped over.
    fn anew(&mut self, y: u16, gaps: usize, out: &mut Vec<u8>) {
        let (from, to) = (self.index(0, y), self.index(0, y + 1));
        self.shown[from..to].fill(None);
        if self.gaps(y) > gaps {
            self.erase(y, out);
        }
        self.row(y, out);
    }

    /// What asks the far end for its size.
    pub fn ask_size() -> &'static [u8] {
        ASK_SIZE
    }

    /// What leaves the far screen as a person expects it.
    pub fn leave() -> &'static [u8] {
        LEAVE
    }

    /// Sets the far screen's switches; the last row stays below the scrolling region, by which the picture is known again
    /// ([`super::Pulse`]).
    fn set_up(&mut self, out: &mut Vec<u8>) {
        out.extend_from_slice(SET_UP);
        // Writing to a Vec cannot fail.
        let _ = write!(out, "\x1b[1;{}r", region_end(self.height));
        self.distrust();
    }

    /// How many blanks of a row lie in gaps that are cheaper stepped over than written.
    fn gaps(&self, y: u16) -> usize {
        let row = &self.wanted[self.index(0, y)..self.index(0, y + 1)];
        let ink = row.iter().rposition(|glyph| *glyph != Glyph::BLANK).map_or(0, |last| last + 1);
        let runs = row.iter().take(ink).collect::<Vec<_>>();
        let blank = runs.chunk_by(|a, b| (**a == Glyph::BLANK) == (**b == Glyph::BLANK));
        blank.filter(|run| *run[0] == Glyph::BLANK && run.len() > usize::from(BRIDGE)).map(<[_]>::len).sum()
    }

    /// Makes a row blank, whatever stands there.
    fn erase(&mut self, y: u16, out: &mut Vec<u8>) {
        self.go(0, y, out);
        self.put_pen(Pen::default(), out);
        out.extend_from_slice(b"\x1b[2K");
        let (from, to) = (self.index(0, y), self.index(0, y + 1));
        self.shown[from..to].fill(Some(Glyph::BLANK));
    }

    fn index(&self, x: u16, y: u16) -> usize {
        usize::from(y) * usize::from(self.width) + usize::from(x)
    }

    /// Noise may have moved the cursor or changed the pen since the last bytes.
    fn distrust(&mut self) {
        (self.cursor, self.pen) = (None, None);
    }

    /// Writes what is not as wanted in a row.
    fn row(&mut self, y: u16, out: &mut Vec<u8>) {
        let blank = |x: u16| self.wanted[self.index(x, y)] == Glyph::BLANK;
        let tail = (0..self.width).rev().find(|x| !blank(*x)).map_or(0, |x| x + 1);
        let mut x = 0;
        while x < tail {
            if self.is_right(x, y) {
                x += 1;
                continue;
            }
            self.go(x, y, out);
            self.ink(x, y, out);
            x += 1;
            // A short stretch that is right already is cheaper written again than stepped over.
            let next = (x..tail.min(x.saturating_add(BRIDGE))).find(|x| !self.is_right(*x, y));
            for x in x..next.unwrap_or(x) {
                self.ink(x, y, out);
            }
            x = next.unwrap_or(x);
        }
        if (tail..self.width).any(|x| !self.is_right(x, y)) {
            self.go(tail, y, out);
            self.put_pen(Pen::default(), out);
            out.extend_from_slice(b"\x1b[K");
            for x in tail..self.width {
                let index = self.index(x, y);
                self.shown[index] = Some(Glyph::BLANK);
            }
        }
    }

    fn is_right(&self, x: u16, y: u16) -> bool {
        let index = self.index(x, y);
        self.shown[index] == Some(self.wanted[index])
    }

    /// Brings the cursor to a cell.
    fn go(&mut self, x: u16, y: u16, out: &mut Vec<u8>) {
        // Writing to a Vec cannot fail.
        let _ = match self.cursor {
            Some(at) if at == (x, y) => Ok(()),
            Some((from, row)) if row == y && from < x => write!(out, "\x1b[{}C", x - from),
            _ if x == 0 => write!(out, "\x1b[{}H", y + 1),
            _ => write!(out, "\x1b[{};{}H", y + 1, x + 1),
        };
        self.cursor = Some((x, y));
    }

    /// Writes a cell where the cursor is.
    fn ink(&mut self, x: u16, y: u16, out: &mut Vec<u8>) {
        let index = self.index(x, y);
        let glyph = self.wanted[index];
        self.put_pen(glyph.pen, out);
        out.push(glyph.byte);
        self.shown[index] = Some(glyph);
        // At the edge terminals differ about where it stays.
        self.cursor = (x + 1 < self.width).then_some((x + 1, y));
    }

    fn put_pen(&mut self, pen: Pen, out: &mut Vec<u8>) {
        if self.pen == Some(pen) || (out.is_empty() && pen == Pen::default()) {
            return;
        }
        // From the plain pen it is a step less.
        let plain = self.pen == Some(Pen::default());
        out.extend_from_slice(match (pen.bold, pen.reversed) {
            (false, false) => b"\x1b[m",
            (true, false) if plain => b"\x1b[1m",
            (false, true) if plain => b"\x1b[7m",
            (true, false) => b"\x1b[0;1m",
            (false, true) => b"\x1b[0;7m",
            (true, true) => b"\x1b[0;1;7m",
        });
        self.pen = Some(pen);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ratatui::layout::Rect;
    use ratatui::style::Style;

    /// What a page may look like: bars, bold words, blanks.
    fn page(rows: u16, salt: u16) -> Buffer {
        let mut buffer = Buffer::empty(Rect::new(0, 0, 80, rows));
        buffer.set_string(0, 0, format!("{:80}", "title"), Style::new().add_modifier(Modifier::REVERSED));
        for y in 1..rows {
            let word = format!(
                "pi{y:<8} S shed {:>3}s  C1 s2 d{} supply at 58 % < 61 %, turn {y}",
                y * salt,
                salt % 7
            );
            buffer.set_string(0, y, word, Style::new());
            buffer.set_string(10, y, "S", Style::new().add_modifier(Modifier::BOLD));
        }
        buffer
    }

    fn assert_shows(screen: &vt100::Screen, page: &Buffer) {
        for y in 0..page.area.height {
            for x in 0..page.area.width {
                let (wanted, there) = (Glyph::of(&page[(x, y)]), screen.cell(y, x).unwrap());
                let byte = there.contents().bytes().next().unwrap_or(b' ');
                assert_eq!(byte, wanted.byte, "column {x}, row {y}: {}", screen.contents());
                assert_eq!(
                    (there.bold() && byte != b' ', there.inverse()),
                    (wanted.pen.bold, wanted.pen.reversed)
                );
            }
        }
    }

    fn parser() -> vt100::Parser {
        vt100::Parser::new(24, 80, 0)
    }

    #[test]
    fn the_first_paint_is_right_and_below_four_kilobytes() {
        let (mut paper, mut far) = (Paper::new(80, 24), parser());
        far.process(b"\x1b[7mgarbage that was there before\x1b[5;5Hmore");
        paper.want(&page(24, 3));
        let bytes = paper.changes(usize::MAX);
        assert!(bytes.len() < 4096, "{} bytes", bytes.len());
        far.process(&bytes);
        assert_shows(far.screen(), &page(24, 3));
        assert!(paper.is_settled() && paper.changes(usize::MAX).is_empty());
    }

    #[test]
    fn a_small_change_costs_a_few_bytes() {
        let (mut paper, mut far) = (Paper::new(80, 24), parser());
        let mut page = page(24, 3);
        paper.want(&page);
        far.process(&paper.changes(usize::MAX));
        page.set_string(17, 5, "8", Style::new());
        paper.want(&page);
        let bytes = paper.changes(usize::MAX);
        assert!(bytes.len() <= 14, "{} bytes: {:?}", bytes.len(), String::from_utf8_lossy(&bytes));
        far.process(&bytes);
        assert_shows(far.screen(), &page);
    }

    #[test]
    fn what_goes_in_pieces_ends_as_wanted() {
        let (mut paper, mut far) = (Paper::new(80, 24), parser());
        for salt in 1..40 {
            paper.want(&page(24, salt));
            far.process(&paper.changes(150));
        }
        let mut pieces = 0;
        while !paper.is_settled() {
            far.process(&paper.changes(64));
            pieces += 1;
        }
        assert!(pieces > 3);
        assert_shows(far.screen(), &page(24, 39));
    }

    #[test]
    fn whatever_noise_did_is_gone_after_every_row_had_its_turn() {
        let (mut paper, mut far) = (Paper::new(80, 24), parser());
        paper.want(&page(24, 3));
        far.process(&paper.changes(usize::MAX));
        // A weak generator is enough for noise: Knuth's.
        let mut dice: u64 = 7;
        for _ in 0..200 {
            for _ in 0..40 {
                dice = dice.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                far.process(&[(dice >> 33) as u8]);
            }
            far.process(b"\x1b[3;7r\x1b[?6h\x1b[4h\x1b[7m\x0e\x1b[2J\x1b[");
            let before = paper.scrub;
            let mut bytes = 0;
            loop {
                let scrubbed = paper.scrub(1, false);
                bytes += scrubbed.len();
                far.process(&scrubbed);
                if paper.scrub == before {
                    break;
                }
            }
            assert!(bytes < 2200, "a whole turn costs {bytes} bytes");
        }
        assert_shows(far.screen(), &page(24, 3));
    }

    #[test]
    fn no_size_of_a_far_screen_is_too_odd() {
        for (width, height) in [(0, 0), (1, 1), (80, 1), (3, 50)] {
            let mut paper = Paper::new(width, height);
            paper.want(&page(24, 3));
            paper.changes(10_000);
            if width > 0 {
                assert!(paper.is_settled());
                assert!(!paper.scrub(10, true).is_empty());
            }
        }
    }
}
