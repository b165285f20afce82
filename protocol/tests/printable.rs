//! What may quote a file or a stranger, on its way to a terminal.

use protocol::Printable;
use protocol::printable::PRINTABLE_MAX;

#[test]
fn control_characters_are_shown_and_not_sent() {
    let shown = Printable("a\u{1b}[31mb\u{7}\r\n\tc \u{9b}é").to_string();
    assert_eq!(shown, "a\\u{1b}[31mb\\u{7}\\r\n\tc \\u{9b}é");
}

#[test]
fn what_is_too_long_is_cut_and_says_so() {
    let exact = "x".repeat(PRINTABLE_MAX);
    assert_eq!(Printable(&exact).to_string(), exact);
    assert_eq!(Printable(exact.clone() + "x").to_string(), exact + " ...");
}
