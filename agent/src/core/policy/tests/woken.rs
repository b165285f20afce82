//! Nodes that come back, and those that fall back right after.

use super::*;

#[test]
fn who_falls_back_right_after_recovering_waits_longer_and_says_so() {
    let mut bench = Bench::new(Chemistry::Agm);
    let mut waits = Vec::new();
    let mut backed_off = false;
    for _ in 0..4 {
        bench.set(30.0, 11.6, 3.0);
        bench.live(mins(3));
        assert_eq!(bench.floor(), Stage::Halt);
        bench.set(70.0, 12.8, -3.0);
        let began = bench.now;
        while bench.floor() == Stage::Halt {
            bench.live(SECOND * 10);
            backed_off |= matches!(bench.ladder.reason(), Reason::BackingOff { .. });
        }
        waits.push(bench.now.since(began).as_secs() / 60);
    }
    assert_eq!(waits, [30, 60, 120, 240]);
    assert!(backed_off);
    assert_eq!(bench.ladder.relapses(), 3);
}

#[test]
fn a_woken_node_is_not_powered_off_for_what_an_earlier_life_read() {
    let resumed = Resumed { floor: Stage::Halt, relapses: 0, woken: true };
    let mut bench = Bench::resumed(Chemistry::Agm, Some(resumed)).supply(45.0, 12.3, 1.0);
    bench.live(mins(60));
    assert_eq!(bench.floor(), Stage::Halt);
    assert!(!bench.ladder.demands_halt(), "between the levels: it waits");
    bench.set(30.0, 12.3, 1.0);
    bench.live(mins(3));
    assert!(bench.ladder.demands_halt());
    assert_eq!(bench.ladder.relapses(), 1, "woken too early counts");
}

#[test]
fn a_woken_node_stays_while_the_battery_fills_however_low_the_charge_may_still_be() {
    let resumed = Resumed { floor: Stage::Halt, relapses: 0, woken: true };
    let mut bench = Bench::resumed(Chemistry::Agm, Some(resumed)).supply(20.0, 13.1, -6.0);
    bench.live(mins(60));
    assert!(!bench.ladder.demands_halt(), "off again it would never learn that the battery filled");
    // A cloud for a minute is not the night.
    bench.set(25.0, 12.6, 0.5);
    bench.live(mins(1));
    bench.set(25.0, 13.1, -6.0);
    bench.live(mins(10));
    assert!(!bench.ladder.demands_halt());
    bench.set(25.0, 12.3, 0.5);
    bench.live(mins(3));
    assert!(bench.ladder.demands_halt(), "it falls again");
    assert_eq!(bench.ladder.relapses(), 1);
}

#[test]
fn a_woken_node_goes_at_once_when_the_voltage_says_so() {
    let resumed = Resumed { floor: Stage::Halt, relapses: 0, woken: true };
    let mut bench = Bench::resumed(Chemistry::Agm, Some(resumed)).supply(45.0, 11.2, -0.5);
    bench.live(mins(3));
    assert!(bench.ladder.demands_halt(), "charging or not");
}
