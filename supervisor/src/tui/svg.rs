//! A picture of the terminal as SVG: the same cells that a terminal would show, readable in a browser.
//!
//! Text is real text, held to the grid by `textLength`; bars are rectangles, because fonts disagree about their size.

use std::fmt::Write as _;

use ratatui::buffer::{Buffer, Cell};
use ratatui::style::{Color, Modifier};

/// One cell, in pixels.
const CELL: (u32, u32) = (8, 17);
/// From the top of a cell to the text's base line.
const BASE_LINE: u32 = 13;
/// Around the picture.
const MARGIN: u32 = 12;

/// The background.
const BACKGROUND: &str = "#16181d";
/// Text without a colour of its own.
const FOREGROUND: &str = "#d7dae0";

/// The colours of the picture: those of Okabe and Ito, made for colour-blind eyes, lightened for a dark ground.
fn hex(colour: Color) -> &'static str {
    match colour {
        Color::Green => "#2fc79a",
        Color::Cyan => "#6cc4f5",
        Color::Yellow => "#f0e442",
        Color::Magenta => "#d98cb8",
        Color::Red => "#f2804a",
        Color::LightBlue => "#5aa2e0",
        Color::Blue => "#2b4159",
        Color::DarkGray => "#8b919c",
        _ => FOREGROUND,
    }
}

/// What of a cell's look decides whether its neighbour is drawn with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Pen {
    colour: &'static str,
    /// Behind it, where that is not the picture's ground.
    ground: Option<&'static str>,
    bold: bool,
}

impl Pen {
    fn of(cell: &Cell) -> Self {
        let ground = (cell.bg != Color::Reset).then(|| hex(cell.bg));
        Self { colour: hex(cell.fg), ground, bold: cell.modifier.contains(Modifier::BOLD) }
    }
}

/// Turns the cells into an SVG document.
pub fn svg(buffer: &Buffer) -> String {
    let (columns, rows) = (u32::from(buffer.area.width), u32::from(buffer.area.height));
    let (width, height) = (columns * CELL.0 + 2 * MARGIN, rows * CELL.1 + 2 * MARGIN);
    let mut out = String::new();
    // Writing to a String cannot fail.
    let _ = writeln!(
        out,
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" width=\"{width}\" \
         height=\"{height}\" font-family=\"ui-monospace,'DejaVu Sans Mono',Menlo,Consolas,monospace\" \
         font-size=\"13\">\n<rect width=\"{width}\" height=\"{height}\" rx=\"8\" fill=\"{BACKGROUND}\"/>"
    );
    for (row, cells) in (0..).zip(buffer.content.chunks(usize::from(buffer.area.width.max(1)))) {
        let top = MARGIN + row * CELL.1;
        bars(&mut out, cells, top);
        text(&mut out, cells, top);
    }
    out.push_str("</svg>\n");
    out
}

/// How much of its cell a symbol fills from below in eighths, and how densely (1 or less).
fn fill_of(symbol: &str) -> Option<(u32, &'static str)> {
    let eighths = ["▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"];
    match symbol {
        "░" => Some((8, "0.3")),
        _ => eighths.iter().zip(1..).find(|(bar, _)| **bar == symbol).map(|(_, eighth)| (eighth, "1")),
    }
}

/// The row's bars, neighbours of the same height as one rectangle.
fn bars(out: &mut String, cells: &[Cell], top: u32) {
    let mut column = 0;
    for run in cells.chunk_by(|a, b| fill_of(a.symbol()) == fill_of(b.symbol()) && Pen::of(a) == Pen::of(b)) {
        let width = run.len() as u32;
        if let Some(ground) = run.first().and_then(|cell| Pen::of(cell).ground) {
            let _ = writeln!(
                out,
                "<rect x=\"{}\" y=\"{top}\" width=\"{}\" height=\"{}\" fill=\"{ground}\"/>",
                MARGIN + column * CELL.0,
                width * CELL.0,
                CELL.1,
            );
        }
        if let Some((cell, (eighths, opacity))) = run.first().and_then(|c| Some((c, fill_of(c.symbol())?))) {
            let height = CELL.1 * eighths / 8;
            let _ = writeln!(
                out,
                "<rect x=\"{}\" y=\"{}\" width=\"{}\" height=\"{height}\" fill=\"{}\" opacity=\"{opacity}\"/>",
                MARGIN + column * CELL.0,
                top + CELL.1 - height,
                width * CELL.0,
                Pen::of(cell).colour,
            );
        }
        column += width;
    }
}

/// The row's text, one element for each run of the same pen that begins and ends with ink.
fn text(out: &mut String, cells: &[Cell], top: u32) {
    let mut column = 0;
    for run in cells.chunk_by(|a, b| Pen::of(a) == Pen::of(b)) {
        let symbols: String =
            run.iter().map(|c| if fill_of(c.symbol()).is_some() { " " } else { c.symbol() }).collect();
        let ink = symbols.trim_end();
        let start = ink.chars().count() - ink.trim_start().chars().count();
        let ink = ink.trim_start();
        if let Some(pen) = run.first().map(Pen::of).filter(|_| !ink.is_empty()) {
            let weight = if pen.bold { " font-weight=\"bold\"" } else { "" };
            let _ = writeln!(
                out,
                "<text x=\"{}\" y=\"{}\" textLength=\"{}\" xml:space=\"preserve\" fill=\"{}\"{weight}>{}</text>",
                MARGIN + (column + start as u32) * CELL.0,
                top + BASE_LINE,
                ink.chars().count() as u32 * CELL.0,
                pen.colour,
                escape(ink),
            );
        }
        column += run.len() as u32;
    }
}

/// Text that XML takes as text.
fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;
    use ratatui::style::Style;

    #[test]
    fn text_is_text_and_bars_are_rectangles() {
        let mut buffer = Buffer::with_lines(["a<b  ▄▄"]);
        buffer.set_string(0, 0, "a<b", Style::new().fg(Color::Green));
        let picture = svg(&buffer);
        assert!(picture.contains(">a&lt;b</text>"), "{picture}");
        assert!(picture.contains("width=\"16\" height=\"8\""), "two bars in one rectangle: {picture}");
        assert!(!picture.contains('▄'));
    }

    #[test]
    fn the_grid_holds_whatever_the_font() {
        let picture = svg(&Buffer::with_lines(["ab cd"]));
        assert!(picture.contains("textLength=\"40\""), "{picture}");
    }
}
