//! What is told where there is little room: whole words, whole numbers, and nothing twice.

use protocol::standing::Wish;
use protocol::{OrderId, OrderReason, Reason, Seconds, Soc, Stage, Voltage};

use super::night::*;
use super::*;
use crate::core::Liveness;
use crate::core::person::{ParkedBy, StandingView};
use crate::core::view::NodeView;
use crate::io::Timestamp;

/// The reason of a node at 80 columns, as the table tells it.
fn told(change: impl FnOnce(&mut NodeView)) -> String {
    let mut node = node(7, Liveness::Alive, Stage::Shed);
    change(&mut node);
    let mut board = night(Rights::Operator);
    board.hear(Heard::Status(Box::new(status(vec![node])), Timestamp::from_millis(NOW_MS)), now());
    let shot = shot(&board, ASCII, 80, 24);
    shot.lines().find(|line| line.contains("pi7 ")).unwrap().to_owned()
}

#[test]
fn at_80_columns_a_nodes_own_reason_keeps_both_its_numbers() {
    let (soc, volts, held) = (Soc::from_percent, Voltage::from_volts, Seconds(600));
    let below = Reason::SocBelow { soc: soc(40.4), threshold: soc(41.0), held };
    let row = told(|node| node.reason = Some(below));
    assert!(row.ends_with("SoC 40.4 % < 41 %"), "{row}");
    let (compensated, threshold) = (volts(12.02), volts(12.05));
    let row = told(|node| node.reason = Some(Reason::VoltageBelow { compensated, threshold, held }));
    assert!(row.ends_with("12.02 V < 12.05 V"), "{row}");
    let waits = |turn_of: &str| {
        let place = u8::from(turn_of != "pi7");
        let why = OrderReason::Waiting { turn_of: turn_of.parse().unwrap(), place };
        told(|node| node.reason = Some(Reason::Ordered { order: OrderId::default(), why }))
    };
    assert!(waits("pi3").ends_with("after pi3") && waits("pi7").ends_with("recovers next"));
    let standing =
        StandingView { wish: Wish::Drain, who: "ada".to_owned(), why: "a fan".to_owned(), left: Some(held) };
    let row = told(|node| node.person = Some(standing));
    assert!(row.ends_with("by ada, 10 min left"), "{row}");
    let row = told(|node| (node.liveness, node.parked_by) = (Liveness::Parked, Some(ParkedBy::Plan)));
    assert!(row.contains("p parked") && row.ends_with("by the plan"), "{row}");
}

#[test]
fn nodes_that_are_more_careful_than_the_plan_are_told_to_come_back() {
    let mut plan = forecast();
    plan.course.iter_mut().for_each(|hour| hour.saving.clear());
    let line = |stages: &[(Liveness, Stage)]| {
        let nodes = (1..).zip(stages).map(|(number, (liveness, stage))| node(number, *liveness, *stage));
        let mut board = night(Rights::Operator);
        let status = status(nodes.collect());
        board.hear(Heard::Status(Box::new(status), Timestamp::from_millis(NOW_MS)), now());
        board.hear(Heard::Forecast(vec![plan.clone()]), now());
        shot(&board, ASCII, 80, 24).lines().nth(2).unwrap().to_owned()
    };
    let (alive, parked) = (Liveness::Alive, Liveness::Parked);
    let told = line(&[(alive, Stage::Shed), (parked, Stage::Halt), (alive, Stage::Normal)]);
    assert!(told.contains("2 nodes come back one by one; sunrise in 7 h 50 min"), "{told}");
    let told = line(&[(alive, Stage::Normal), (Liveness::Lost, Stage::Shed)]);
    assert!(told.contains("no step planned for a day"), "{told}");
}

#[test]
fn the_line_of_a_supply_never_ends_in_half_a_time() {
    let mut board = night(Rights::Operator);
    let mut status = status(nodes());
    status.fleet.supplies[0].name = "beside-garage".parse().unwrap();
    board.hear(Heard::Status(Box::new(status), Timestamp::from_millis(NOW_MS)), now());
    for width in 60..100 {
        let shot = shot(&board, ASCII, width, 24);
        let line = shot.lines().nth(1).unwrap();
        let whole = ["(58..66)", "]", "14 h", "(at least 11 h)"].iter().any(|end| line.ends_with(end));
        assert!(whole, "{width}: {line}");
    }
}

#[test]
fn what_a_parked_node_ran_is_not_told_as_what_it_runs() {
    let mut board = night(Rights::Operator);
    choose(&mut board, 9);
    board.press(Key::Enter, now());
    let shot = shot(&board, ASCII, 80, 30);
    assert!(shot.contains("\ndid run  db.1.x7k critical running\n"), "{shot}");
    assert!(shot.contains("when last heard: processor 12.3 % busy"), "{shot}");
}

#[test]
fn at_80_columns_the_line_of_what_comes_next_and_the_title_end_with_a_whole_word() {
    let mut fleet = status(nodes());
    fleet.fleet.supplies[0].nodes = 1;
    fleet.listen = "demo, paused (space goes on)".to_owned();
    let mut board = night(Rights::Operator);
    board.hear(Heard::Status(Box::new(fleet), Timestamp::from_millis(NOW_MS)), now());
    for width in 60..140 {
        let shot = shot(&board, ASCII, width, 24);
        let row = |number: usize| shot.lines().nth(number).unwrap().to_owned();
        assert!(!row(2).contains('~') && row(2).contains("next in 2 h: pi9 to drain"), "{width}: {}", row(2));
        assert!(width < 80 || !row(0).contains('~'), "{width}: {}", row(0));
    }
    let shot = shot(&board, ASCII, 80, 24);
    assert!(shot.contains("sunrise in 7 h 50 min; all on: 62 % above 48 %\n"), "{shot}");
}

#[test]
fn the_reason_of_an_order_is_told_once_where_the_order_is_there_and_where_it_is_not_with_the_stage() {
    let mut board = night(Rights::Operator);
    type_in(&mut board, "4");
    let leads = shot(&board, ASCII, 120, 24);
    assert!(leads.contains("21:15:00 pi7: throttle -> shed, as ordered (3.17)\n"), "{leads}");
    assert_eq!(leads.matches("turn 4 of 10").count(), 1, "{leads}");
    // A master that stands by has seen no order.
    let mut board = Board::new(Rights::Operator);
    board.hear(Heard::Status(Box::new(status(nodes())), Timestamp::from_millis(NOW_MS)), now());
    board.hear(Heard::Events(events().split_off(2)), now());
    type_in(&mut board, "4");
    let stands_by = shot(&board, ASCII, 120, 24);
    assert!(stands_by.contains("throttle -> shed: order 3.17: supply at 58.0 %"), "{stands_by}");
}
