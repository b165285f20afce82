//! The board, as a person sees it and works with it.
#![allow(clippy::disallowed_methods, reason = "a bench looks at the clock, and pictures are files")]

use std::time::Instant;

use protocol::report::TimeBand;
use protocol::{Current, Seconds, Soc, Stage, Term};
use ratatui::style::Color;

use super::*;
use crate::core::Liveness;
use crate::core::address::{LeaderView, Standby};
use crate::core::budget::view::ForecastView;
use crate::core::person::{Accepted, Refused};
use crate::core::view::NodeView;
use crate::io::Timestamp;
use crate::io::operator::Answer;
use crate::tui::serial::Paper;
use crate::tui::{Look, svg};

mod fields;
mod narrow;
mod night;

use night::*;

#[test]
fn at_80_by_24_the_overview_shows_everything() {
    let shot = shot(&night(Rights::Operator), Look::default(), 80, 24);
    insta::assert_snapshot!(shot);
}

#[test]
fn a_large_terminal_shows_reasons_in_full_and_the_curve() {
    insta::assert_snapshot!(shot(&night(Rights::Operator), Look::default(), 132, 43));
}

#[test]
fn without_unicode_every_page_is_ascii() {
    let mut board = night(Rights::Operator);
    for keys in ["1", "2", "3", "4", "1?"] {
        type_in(&mut board, keys);
        let shot = shot(&board, ASCII, 80, 24);
        assert!(shot.is_ascii(), "{shot}");
    }
    board.press(Key::Escape, now());
    board.press(Key::Char('d'), now());
    let shot = shot(&board, ASCII, 80, 24);
    assert!(shot.is_ascii() && shot.contains("drain pi1?"), "{shot}");
}

#[test]
fn without_colour_no_cell_has_one() {
    let mut board = night(Rights::Operator);
    board.hear(Heard::Lost("gone".to_owned()), now());
    for page in ["1", "2", "3", "4"] {
        type_in(&mut board, page);
        let buffer = buffer(&board, Look { ascii: false, colour: false }, 100, 40);
        assert!(buffer.content.iter().all(|cell| cell.fg == Color::Reset && cell.bg == Color::Reset));
    }
}

#[test]
fn parked_lost_late_and_unseen_are_told_apart_without_colour() {
    let shot = shot(&night(Rights::Operator), ASCII, 132, 30);
    let row =
        |name: &str| shot.lines().find(|line| line.get(1..).is_some_and(|l| l.starts_with(name))).unwrap();
    for (name, words) in [
        ("pi6 ", "? late"),
        ("pi8 ", "! LOST"),
        ("pi9 ", "p parked"),
        ("pi10 ", "- not seen"),
        ("pi7 ", "S shed"),
    ] {
        assert!(row(name).contains(words), "{}", row(name));
    }
    assert!(row("pi9 ").contains("parked by the plan"), "{}", row("pi9 "));
}

#[test]
fn a_standby_names_who_leads_who_has_the_address_and_since_when_that_is_known() {
    let title = |age: u32, old: bool, width: u16| {
        let mut fleet = status(nodes());
        let leader = LeaderView { node: "pi2".parse().unwrap(), term: Term(5), age: Seconds(age), old };
        (fleet.fleet.leading, fleet.fleet.standby) = (false, Some(Standby::NotHeld));
        fleet.fleet.leader = Some(leader);
        let mut board = night(Rights::Operator);
        board.hear(Heard::Status(Box::new(fleet), Timestamp::from_millis(NOW_MS)), now());
        shot(&board, ASCII, width, 24).lines().next().unwrap().to_owned()
    };
    let fresh = title(3, false, 80);
    assert!(fresh.contains("stands by: pi2 leads, term 5, has the address (3 s ago)"), "{fresh}");
    let old = title(300, true, 120);
    let words = "pi2 led with term 5 and had the address 5 min ago; who does now is not known";
    assert!(old.contains(words), "{old}");
}

#[test]
fn a_window_that_is_too_small_is_told_so() {
    insta::assert_snapshot!(shot(&night(Rights::Operator), Look::default(), 40, 12));
}

#[test]
fn why_a_node_was_shed_is_on_its_page_with_numbers_and_what_would_change_it() {
    let mut board = night(Rights::Operator);
    choose(&mut board, 7);
    board.press(Key::Enter, now());
    insta::assert_snapshot!(shot(&board, Look::default(), 80, 30));
}

#[test]
fn on_a_large_terminal_the_curve_takes_what_the_words_of_a_supply_leave() {
    let mut board = night(Rights::Operator);
    type_in(&mut board, "3");
    let blank = |width: u16, height: u16| {
        let shot = shot(&board, ASCII, width, height);
        shot.lines().filter(|line| line.is_empty()).count()
    };
    assert!(blank(120, 40) <= 6, "{} rows are blank", blank(120, 40));
    let small = shot(&board, ASCII, 80, 24);
    assert!(small.contains("level 7 of 36"), "{small}");
}

#[test]
fn the_supply_page_says_what_comes_next() {
    let mut board = night(Rights::Operator);
    type_in(&mut board, "3");
    let shot = shot(&board, Look::default(), 100, 43);
    for words in ["pi9 to drain", "in 2 h", "lowest", "40 %", "level 7 of 36", "errors measured on 40 days"] {
        assert!(shot.contains(words), "{words:?} is missing:\n{shot}");
    }
}

#[test]
fn a_supplys_line_ends_in_a_whole_word_at_any_width() {
    let hour = 3600;
    let mut fleet = status(nodes());
    let energy = fleet.fleet.supplies[0].energy.as_mut().unwrap();
    let time = |minutes: u32| Seconds(22 * hour + minutes * 60);
    energy.time_to_empty = Some(TimeBand { low: Seconds(19 * hour), best: time(46), high: time(50) });
    let mut board = night(Rights::Operator);
    board.hear(Heard::Status(Box::new(fleet), Timestamp::from_millis(NOW_MS)), now());
    for width in 60..140 {
        let shot = shot(&board, ASCII, width, 24);
        let line = shot.lines().nth(1).unwrap().trim_end();
        // What is cut off a number is another number: "22 h 4".
        let whole = [" 22 h", "(at least 19 h)"].iter().any(|end| line.ends_with(end));
        assert!(whole && line.contains("SoC 62 % (58..66)"), "{width}: {line}");
    }
    assert!(shot(&board, ASCII, 110, 24).contains("empty in 22 h (at least 19 h)"));
}

/// As [`night`], but the sun shines.
fn day(forecasts: Vec<ForecastView>) -> Board {
    let mut board = night(Rights::Operator);
    let mut fleet = status(nodes());
    let energy = fleet.fleet.supplies[0].energy.as_mut().unwrap();
    (energy.current, energy.time_to_empty) = (Some(Current::from_amps(-4.1)), None);
    board.hear(Heard::Forecast(forecasts), now());
    board.hear(Heard::Status(Box::new(fleet), Timestamp::from_millis(NOW_MS)), now());
    board
}

#[test]
fn a_battery_that_charges_says_when_it_is_full() {
    let mut rising = forecast();
    for (number, hour) in rising.course.iter_mut().enumerate() {
        hour.soc = Soc::from_percent((62.0 + 8.0 * number as f64).min(99.0));
    }
    let planned = shot(&day(vec![rising]), ASCII, 100, 24);
    assert!(planned.contains("full in about 5 h"), "{planned}");
    // The plan's whole day does not fill it.
    let dull = shot(&day(vec![forecast()]), ASCII, 100, 24);
    assert!(dull.contains("not full within a day"), "{dull}");
}

#[test]
fn without_a_plan_the_last_half_hour_says_when_the_battery_is_full() {
    let mut board = Board::new(Rights::Operator);
    let name: SupplyName = "garage".parse().unwrap();
    let rises = |index: i64| CurvePoint {
        millis: NOW_MS - (12 - index) * 300_000,
        // A twentieth in half an hour: the missing 38 points take 3 h 48 min.
        soc: Some(soc(62.0 - (12 - index) as f64 * 5.0 / 6.0)),
    };
    let mut fleet = status(nodes());
    fleet.fleet.supplies[0].energy.as_mut().unwrap().current = Some(Current::from_amps(-4.1));
    board.hear(Heard::Status(Box::new(fleet), Timestamp::from_millis(NOW_MS)), now());
    board.hear(Heard::Curve(name.clone(), (0..12).map(rises).collect()), now());
    let rising = shot(&board, ASCII, 100, 24);
    assert!(rising.contains("full in about 3 h 48 min"), "{rising}");
    let mut still = Board::new(Rights::Operator);
    let mut fleet = status(nodes());
    fleet.fleet.supplies[0].energy.as_mut().unwrap().current = Some(Current::from_amps(-0.2));
    still.hear(Heard::Status(Box::new(fleet), Timestamp::from_millis(NOW_MS)), now());
    let shot = shot(&still, ASCII, 100, 24);
    assert!(shot.contains("fills") && !shot.contains("full in"), "{shot}");
}

#[test]
fn where_there_is_no_plan_nobody_is_told_that_none_is_needed() {
    let mut board = night(Rights::Operator);
    let blind = ForecastView { plan: None, course: Vec::new(), ..forecast() };
    board.hear(Heard::Forecast(vec![blind]), now());
    let shot = shot(&board, ASCII, 100, 24);
    assert!(shot.contains("no plan on energy yet") && !shot.contains("no step planned"), "{shot}");
}

#[test]
fn the_row_of_keys_is_whole_at_eighty_columns() {
    let mut board = night(Rights::Operator);
    for keys in ["1", "2", "3", "4"] {
        type_in(&mut board, keys);
        assert!(!shot(&board, ASCII, 80, 24).lines().last().unwrap().contains('~'), "page {keys}");
    }
    type_in(&mut board, "1");
    board.press(Key::Enter, now());
    let row = shot(&board, ASCII, 80, 24).lines().last().unwrap().to_owned();
    assert!(row.contains("d/r/p/w orders") && !row.contains('~'), "{row}");
}

#[test]
fn services_say_where_they_run_and_do_not_count_who_does_not_answer() {
    let mut board = night(Rights::Operator);
    type_in(&mut board, "2");
    let list = shot(&board, Look::default(), 100, 24);
    // Of ten nodes one is lost, one parked and one never seen.
    assert!(list.lines().any(|line| line.starts_with("db ") && line.contains("7/10")), "{list}");
    board.press(Key::Enter, now());
    let page = shot(&board, Look::default(), 100, 24);
    assert!(page.contains("7 of 10 containers run") && page.contains("not known: the node"), "{page}");
}

#[test]
fn services_say_how_much_is_asked_of_them_and_where() {
    let mut board = night(Rights::Operator);
    type_in(&mut board, "2");
    let list = shot(&board, ASCII, 100, 24);
    let row = |name: &str| list.lines().find(|line| line.starts_with(name)).unwrap().to_owned();
    assert!(row("web ").contains(" 17.0  pi1"), "{list}");
    // No balancer is driven for it: nobody counts.
    assert!(row("db ").contains("-  pi1"), "{list}");
    type_in(&mut board, "j");
    board.press(Key::Enter, now());
    let page = shot(&board, ASCII, 120, 24);
    assert!(page.contains("containers run, 17.0 requests/s"), "{page}");
    assert!(page.contains("runs; 4.2 requests/s, 2 sessions, weight 100; nothing to save"), "{page}");
    assert!(page.contains("0.0 requests/s, 2 sessions, weight 100, takes nothing new"), "{page}");
}

#[test]
fn old_data_says_that_it_is_old() {
    let mut board = night(Rights::Operator);
    assert!(!shot(&board, ASCII, 80, 24).contains("OLD"));
    board.hear(Heard::Lost("no supervisor answers".to_owned()), now());
    assert!(shot(&board, ASCII, 80, 24).contains("OLD: 0 s, asking again"));
    let mut silent = ratatui::buffer::Buffer::empty(ratatui::layout::Rect::new(0, 0, 80, 24));
    let board = night(Rights::Operator);
    board.draw(&mut silent, ASCII, now() + Duration::from_secs(75));
    assert!(crate::tui::tests::text(&silent).contains("OLD: 75 s"));
}

#[test]
fn an_order_is_asked_again_before_it_is_given_and_has_an_end() {
    let mut board = night(Rights::Operator);
    choose(&mut board, 4);
    type_in(&mut board, "d");
    let asked = shot(&board, ASCII, 80, 24);
    assert!(asked.contains("drain pi4?") && asked.contains("for 2 h"), "{asked}");
    board.press(Key::Right, now());
    type_in(&mut board, "new fan");
    let Wants::Ask(order) = board.press(Key::Enter, now()) else { panic!("nothing was asked") };
    assert_eq!((order.node.as_str(), order.verb, order.left), ("pi4", Verb::Drain, Some(4 * 3600)));
    assert_eq!((order.why.as_str(), order.force), ("new fan", false));
    // Pressed twice is not given twice.
    assert_eq!(board.press(Key::Enter, now()), Wants::Nothing);
    let accepted =
        Accepted { node: "pi4".parse().unwrap(), verb: Verb::Drain, standing: None, notes: Vec::new() };
    board.hear(Heard::Answer(Box::new(Answer::Accepted(accepted))), now());
    assert!(shot(&board, ASCII, 80, 24).contains("It will be done"));
}

#[test]
fn an_order_that_nobody_confirms_is_not_given() {
    let mut board = night(Rights::Operator);
    type_in(&mut board, "p");
    board.tick(now() + Duration::from_secs(30));
    assert!(shot(&board, ASCII, 80, 24).contains("park pi1?"));
    board.tick(now() + Duration::from_secs(61));
    assert_eq!(board.press(Key::Enter, now() + Duration::from_secs(61)), Wants::Nothing);
    assert_eq!(board.page, Page::Node("pi1".parse().unwrap()), "Enter went to the page");
}

#[test]
fn a_refusal_is_told_in_words() {
    let mut board = night(Rights::Operator);
    type_in(&mut board, "p");
    board.press(Key::Enter, now());
    board.hear(Heard::Answer(Box::new(Answer::Refused(Refused::LastMaster))), now());
    let shot = shot(&board, ASCII, 80, 24);
    assert!(shot.contains("Not done.") && shot.contains("every other master is lost"), "{shot}");
}

#[test]
fn a_read_only_board_gives_no_orders() {
    let mut board = night(Rights::ReadOnly);
    for key in ["d", "r", "p", "w"] {
        type_in(&mut board, key);
        assert_eq!(board.press(Key::Enter, now()), Wants::Nothing);
    }
    type_in(&mut board, "1d");
    assert!(shot(&board, ASCII, 80, 24).contains("only shows"));
}

#[test]
fn a_pin_stands_before_an_order() {
    let mut board = night(Rights::Pin(Lock::new("4711").unwrap()));
    type_in(&mut board, "d4712");
    assert!(!shot(&board, ASCII, 80, 24).contains("4712"), "a PIN is not shown");
    assert_eq!(board.press(Key::Enter, now()), Wants::Nothing);
    assert!(shot(&board, ASCII, 80, 24).contains("Wrong PIN"));
    board.press(Key::Escape, now());
    type_in(&mut board, "d4711");
    board.press(Key::Enter, now());
    assert!(matches!(board.press(Key::Enter, now()), Wants::Ask(_)));
}

#[test]
fn every_page_works_at_every_size_with_any_keys() {
    use Key::{Backspace, Char, Down, End, Enter, Escape, Home, Left, PageDown, PageUp, Right, Tab, Up};
    let keys = [
        Enter,
        Down,
        PageDown,
        End,
        Up,
        Tab,
        Enter,
        Down,
        Tab,
        End,
        PageUp,
        Tab,
        Home,
        Char('?'),
        Escape,
        Char('1'),
        Right,
        Char('d'),
        Char('x'),
        Backspace,
        Tab,
        Left,
        Escape,
        Char('3'),
        Char('3'),
        Char('4'),
        End,
        Char('2'),
        Enter,
    ];
    for (width, height) in [(0, 0), (1, 1), (40, 12), (60, 16), (80, 24), (132, 43), (300, 90)] {
        let mut board = night(Rights::Operator);
        for key in keys {
            board.press(key, now());
            let drawn = buffer(&board, Look::default(), width, height);
            assert_eq!(drawn.content.len(), usize::from(width) * usize::from(height));
        }
    }
}

#[test]
fn an_empty_fleet_and_no_supervisor_are_told_in_words() {
    let mut board = Board::new(Rights::Operator);
    assert!(shot(&board, ASCII, 80, 24).contains("Asking the supervisor"));
    board.hear(Heard::Lost("nobody listens".to_owned()), now());
    assert!(shot(&board, ASCII, 80, 24).contains("No supervisor yet: nobody listens"));
    board.hear(Heard::Status(Box::new(status(Vec::new())), Timestamp::from_millis(NOW_MS)), now());
    assert!(shot(&board, ASCII, 80, 24).contains("No node has called yet"));
    type_in(&mut board, "d");
    assert_eq!(board.press(Key::Enter, now()), Wants::Nothing);
}

/// What was kept may not grow with time: a week of seconds, in which everything changes.
#[test]
fn after_a_week_the_board_holds_no_more_than_after_a_day() {
    let mut board = Board::new(Rights::Operator);
    let small = status(nodes().into_iter().take(2).collect());
    for second in 0..7 * 86_400_i64 {
        if second % 60 == 0 {
            let at = Timestamp::from_millis(NOW_MS + second * 1000);
            board.hear(Heard::Status(Box::new(small.clone()), at), now());
            board.hear(Heard::Events(events()), now());
        }
    }
    let name: SupplyName = "garage".parse().unwrap();
    assert_eq!(board.known.events.len(), known::EVENTS_MAX);
    assert_eq!(board.known.curve(&name).count(), 288, "a day of points, five minutes each");
}

/// Two hundred nodes beside ten, in one run: what is drawn depends on the screen, not on the fleet. The absolute bound
/// is wide, for machines that are busy with something else.
#[test]
fn two_hundred_nodes_are_redrawn_in_less_than_50_ms() {
    let many: Vec<NodeView> = (1..=200).map(|number| node(number, Liveness::Alive, Stage::Shed)).collect();
    let time = |nodes: Vec<NodeView>| {
        let mut board = night(Rights::Operator);
        board.hear(Heard::Status(Box::new(status(nodes)), Timestamp::from_millis(NOW_MS)), now());
        let run = |page: &str, board: &mut Board| {
            type_in(board, page);
            let begun = Instant::now();
            drop(buffer(board, Look::default(), 132, 43));
            begun.elapsed()
        };
        let best = |page| (0..20).map(|_| run(page, &mut board)).min().unwrap_or_default();
        ["1", "2", "3", "4"].map(best).into_iter().max().unwrap_or_default()
    };
    let (ten, two_hundred) = (time(nodes()), time(many));
    println!("redraw: 10 nodes {ten:?}, 200 nodes {two_hundred:?}");
    assert!(two_hundred < Duration::from_millis(50), "{two_hundred:?}, 10 nodes {ten:?}");
}

/// The documents' pictures, made anew with `UPDATE_PICTURES=1`.
#[test]
fn the_pictures_in_the_documents_are_true() {
    let mut board = night(Rights::Operator);
    picture("dashboard", &board, 110, 34);
    choose(&mut board, 7);
    board.press(Key::Enter, now());
    picture("dashboard-node", &board, 100, 30);
    type_in(&mut board, "3");
    picture("dashboard-supply", &board, 100, 34);
    type_in(&mut board, "2");
    picture("dashboard-services", &board, 100, 16);
    type_in(&mut board, "1");
    choose(&mut board, 4);
    type_in(&mut board, "d");
    picture("dashboard-order", &board, 100, 24);
}

fn picture(name: &str, board: &Board, width: u16, height: u16) {
    let file =
        std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/img").join(format!("{name}.svg"));
    let drawn = svg::svg(&buffer(board, Look::default(), width, height));
    if std::env::var_os("UPDATE_PICTURES").is_some() {
        std::fs::write(&file, &drawn).unwrap();
    }
    let kept = std::fs::read_to_string(&file).unwrap_or_default();
    assert!(
        kept == drawn,
        "{} is not what the board looks like now: UPDATE_PICTURES=1 makes it anew",
        file.display()
    );
}

/// On a serial line of which nobody answers, only the rows' turns bring a picture back that was lost: within ten seconds of
/// what a screen that stands still may cost, also where every node calls and every row has a reason to tell.
#[test]
fn a_turn_of_all_rows_costs_less_than_ten_seconds_of_a_slow_line() {
    /// What the console spends on a terminal that never answers, less the question of whether it does.
    const RATE: f64 = 196.5;
    let mut full = night(Rights::ReadOnly);
    let shedding = (1..=10).map(|number| node(number, Liveness::Alive, Stage::Shed)).collect();
    full.hear(Heard::Status(Box::new(status(shedding)), Timestamp::from_millis(NOW_MS)), now());
    choose(&mut full, 7);
    for (name, mut board) in [("as it is", night(Rights::ReadOnly)), ("full", full)] {
        for page in ["1", "2", "3", "4"] {
            type_in(&mut board, page);
            let turn = |swift: bool| {
                let mut paper = Paper::new(80, 24);
                paper.want(&buffer(&board, ASCII, 80, 24));
                if swift {
                    paper.thin();
                }
                paper.changes(usize::MAX);
                let rows = if swift { 8 } else { 1 };
                (0..24 / rows).map(|_| paper.scrub(1, swift).len()).sum::<usize>()
            };
            let (calm, swift) = (turn(false), turn(true));
            let seconds = swift as f64 / RATE;
            println!(
                "serial, page {page}, {name}: a turn costs {calm} bytes, swiftly {swift}: {seconds:.1} s (target 10)"
            );
            assert!(swift < calm && seconds < 10.0, "page {page}, {name}: {swift} bytes");
        }
    }
}
