//! What gives way while a leader plans, and what does not.

use super::*;

#[test]
fn with_a_plan_a_node_stretches_later_and_without_it_at_once_by_its_own_thresholds() {
    let mut bench = Bench::new(Chemistry::Agm).supply(52.0, 12.4, 2.0);
    bench.by_plan = true;
    bench.live(mins(60));
    assert_eq!(bench.floor(), Stage::Normal, "52 % are the plan's to spend");
    bench.by_plan = false;
    bench.live(mins(9));
    assert_eq!(bench.floor(), Stage::Normal, "the delay runs from the lapse on");
    bench.live(mins(2));
    assert_eq!(bench.floor(), Stage::Shed);
    bench.by_plan = true;
    bench.live(mins(40));
    assert_eq!(bench.floor(), Stage::Normal, "a new plan lets it come back, by night too");
}

#[test]
fn with_a_plan_drain_waits_as_well_but_halt_and_every_voltage_stand_where_they_stood() {
    for (percent, volts, stage) in [
        (44.9, 12.6, Stage::Normal),
        (37.9, 12.6, Stage::Drain),
        (34.9, 12.6, Stage::Halt),
        (90.0, 12.19, Stage::Throttle),
        (90.0, 12.04, Stage::Shed),
        (90.0, 11.89, Stage::Drain),
        (90.0, 11.69, Stage::Halt),
    ] {
        let mut bench = Bench::new(Chemistry::Agm).supply(percent, volts, 2.0);
        bench.by_plan = true;
        bench.live(mins(11));
        assert_eq!(bench.floor(), stage, "{percent} %, {volts} V");
    }
}
