//! A dusk and a dawn on a small battery, with the real estimator, filter and ladder.

use std::time::Duration;

use hardware::battery::Chemistry;
use protocol::{Reason, Soc, Stage};

use super::world::{CONFIG, World};

const STEP: Duration = Duration::from_secs(5);
/// Of the battery, in ampere-hours.
const CAPACITY: f64 = 20.0;

/// A battery as simple as can be: a rest curve and a resistance.
struct Cell {
    percent: f64,
    rows: u32,
}

impl Cell {
    /// Carries a current, out of the battery, until a state of charge or for a time.
    fn carry(&mut self, world: &mut World, amps: f64, until: impl Fn(f64, Duration) -> bool) {
        let mut span = Duration::ZERO;
        while !until(self.percent, span) {
            let full = amps < 0.0 && self.percent >= 99.9;
            // A full battery takes only its tail.
            let amps = if full { -0.01 * CAPACITY } else { amps };
            self.percent = (self.percent - amps * STEP.as_secs_f64() / 36.0 / CAPACITY).min(100.0);
            let rest = Chemistry::Agm.usual().rest.voltage(Soc::from_percent(self.percent)).volts();
            let resistance = 0.028 * if amps < 0.0 { 2.5 } else { 1.0 };
            self.rows += 1;
            let noise = if self.rows.is_multiple_of(2) { 0.0015 } else { -0.0015 };
            let volts = if full { 14.4 } else { (rest - amps * resistance).min(14.4) };
            let ripple = if self.rows.is_multiple_of(3) { 0.004 } else { 0.0 };
            world.live(STEP, STEP, (volts + noise, amps + ripple));
            span += STEP;
        }
    }
}

#[test]
fn the_ladder_is_climbed_at_dusk_and_descended_at_dawn_each_rung_once() {
    let config = CONFIG.replace("70 Ah", "20 Ah").replace(
        "[containers]",
        "[policy]\ndrain_budget = \"50 min\"\nhalt_budget = \"30 min\"\n[halt]\npower_off = \"none\"\n[containers]",
    );
    let mut world = World::new(&config);
    let mut cell = Cell { percent: 95.0, rows: 0 };
    cell.carry(&mut world, 0.0, |_, span| span >= Duration::from_mins(30));
    assert_eq!(world.agent.stage(), Stage::Normal, "{:?}", world.agent.reason());
    cell.carry(&mut world, 4.0, |percent, _| percent <= 28.0);
    let dusk = world.stages();
    assert_eq!(dusk, [Stage::Throttle, Stage::Shed, Stage::Drain, Stage::Halt], "{:?}", world.agent.reason());
    cell.carry(&mut world, -4.0, |percent, _| percent >= 99.9);
    cell.carry(&mut world, -0.2, |_, span| span >= Duration::from_hours(24));
    let dawn = &world.stages()[dusk.len()..];
    assert_eq!(dawn, [Stage::Drain, Stage::Shed, Stage::Throttle, Stage::Normal]);
    assert!(matches!(world.agent.reason(), Reason::Recovered { .. }));
}
