//! Text that must fit.

use super::look::Look;

/// Cuts a text to so many characters and marks the cut.
pub(super) fn fit(text: &str, width: usize, look: Look) -> String {
    if text.chars().count() <= width {
        return text.to_owned();
    }
    let mut cut: String = text.chars().take(width.saturating_sub(1)).collect();
    if width > 0 {
        cut.push_str(look.ellipsis());
    }
    cut
}

/// A text if it fits into so many characters, and its shorter form if it does not.
pub(super) fn whole_or_brief<'a>(text: &'a str, brief: &'a str, width: usize) -> &'a str {
    if text.chars().count() <= width { text } else { brief }
}

/// `1 node`, `2 nodes`.
pub(crate) fn counted(count: u16, what: &str) -> String {
    if count == 1 { format!("1 {what}") } else { format!("{count} {what}s") }
}

/// Breaks a text at spaces into as many lines as it needs; a word longer than a line is broken.
pub(super) fn lines(text: &str, width: usize) -> Vec<String> {
    let width = width.max(1);
    let (mut lines, mut line, mut filled) = (Vec::new(), String::new(), 0);
    for word in text.split_whitespace() {
        let mut length = word.chars().count();
        if filled > 0 && filled + 1 + length > width {
            lines.push(std::mem::take(&mut line));
            filled = 0;
        }
        if filled > 0 {
            line.push(' ');
            filled += 1;
        }
        let mut rest = word.chars();
        while length > width {
            lines.push(rest.by_ref().take(width).collect());
            length -= width;
        }
        line.extend(rest);
        filled += length;
    }
    lines.push(line);
    lines
}

/// Breaks a text at spaces into at most so many lines; the last one is cut.
pub(super) fn wrap(text: &str, width: usize, lines_max: usize, look: Look) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        let no_more = lines.len() >= lines_max;
        match lines.last_mut() {
            Some(line) if no_more || line.chars().count() + 1 + word.chars().count() <= width => {
                line.push(' ');
                line.push_str(word);
            }
            _ if no_more => {}
            _ => lines.push(word.to_owned()),
        }
    }
    lines.into_iter().map(|line| fit(&line, width, look)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_line_is_too_wide_and_no_character_is_lost() {
        let text = "order 3.17: supply at 54.2 % (lower bound) averyveryverylongword < 61.0 %";
        for width in 1..90 {
            let lines = lines(text, width);
            assert!(lines.iter().all(|line| line.chars().count() <= width), "{width}: {lines:?}");
            let joined: String = lines.concat().chars().filter(|c| *c != ' ').collect();
            assert_eq!(joined, text.replace(' ', ""), "{width}");
        }
    }

    #[test]
    fn a_cut_is_marked() {
        assert_eq!(fit("battery", 7, Look::default()), "battery");
        assert_eq!(fit("battery", 4, Look::default()), "bat…");
        assert_eq!(fit("battery", 0, Look::default()), "");
    }

    #[test]
    fn a_long_text_fills_its_lines_and_is_cut_in_the_last() {
        let lines = wrap("the battery is at 68 % and falls", 14, 2, Look { ascii: true, colour: false });
        assert_eq!(lines, ["the battery is", "at 68 % and f~"]);
    }
}
