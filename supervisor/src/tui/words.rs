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
