//! Plays a recorded battery through a simulated INA226, so that a driver, and all above it, sees registers change as
//! they would have on that day.

use std::time::Duration;

use protocol::{Current, Resistance, Temperature, Uptime, Voltage};

use crate::chips::ina226::Settings;

use super::bus::{Attached, BusFault, SimBus};
use super::chips::{Imperfection, SimIna226};
use super::trace::{Row, Trace, TraceError};

/// How long the only row of a trace of one row holds.
const LONE_ROW: Duration = Duration::from_secs(1);

/// Where the play is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Playing {
    /// The chip shows the row of this moment.
    Going,
    /// The trace is over. The chip still shows its last row, which is not true any more: read it no longer.
    Ended,
}

/// A trace, played through a chip on a bus of its own.
///
/// Its clock starts with the first row. A row holds until the next one, the last as long as the one before it did.
#[derive(Debug)]
pub struct Player {
    trace: Trace,
    bus: SimBus,
    chip: Attached<SimIna226>,
    row: Row,
    next: Option<Row>,
    origin: Duration,
    end: Duration,
}

impl Player {
    /// Where the chip answers.
    pub const ADDRESS: u8 = 0x40;
    /// The chip's shunt: small enough that the current of any site here does not clip.
    pub const SHUNT: Resistance = Resistance::from_ohms(0.002);
    /// The most that the chip can be set to measure with that shunt.
    pub const CURRENT_MAX: Current = Current::from_amps(40.0);

    /// What is left of a good chip's noise after averaging: about a step of the converter. Without it a smooth trace
    /// would look like a stuck sensor. The current is left as it was recorded: one that stands still to the last bit at the end of a
    /// shunt's range says that it was clipped.
    const NOISE: Imperfection = Imperfection {
        voltage_gain: 1.0,
        voltage_offset: Voltage::ZERO,
        voltage_noise: Voltage::from_volts(1e-3),
        shunt_gain: 1.0,
        shunt_offset: Voltage::ZERO,
        shunt_noise: Voltage::ZERO,
    };

    /// Stands at the first row of a trace. The seed is that of the chip's noise.
    ///
    /// # Errors
    /// When the trace's first rows cannot be read.
    pub fn open(mut trace: Trace, seed: u64) -> Result<Self, TraceError> {
        // A trace without a first row says so itself; this keeps the type honest.
        let Some(row) = trace.next_row()? else {
            return Err(TraceError { file: None, line: None, kind: super::trace::TraceErrorKind::Empty });
        };
        let next = trace.next_row()?;
        let bus = SimBus::new();
        let chip = bus.attach(Self::ADDRESS, SimIna226::new(Self::SHUNT).imperfect(Self::NOISE, seed));
        chip.with(|chip| chip.settle(row.voltage, row.current));
        let end = row.time.saturating_add(LONE_ROW);
        let mut player = Self { trace, bus, chip, row, next, origin: row.time, end };
        player.place_end();
        player.rehearse(None);
        Ok(player)
    }

    /// Moves to a moment, and says whether the trace still has something to say about it. Never moves back.
    ///
    /// # Errors
    /// When a row on the way cannot be read; the chip then stays at the row before it.
    pub fn advance_to(&mut self, now: Uptime) -> Result<Playing, TraceError> {
        let moment = self.origin.saturating_add(now.since(Uptime::START));
        while let Some(row) = self.next.filter(|row| row.time <= moment) {
            let before = std::mem::replace(&mut self.row, row).fault;
            self.rehearse(before);
            self.next = None; // should the next line fail, the rows before it were played all the same
            self.next = self.trace.next_row()?;
            self.place_end();
        }
        let Row { voltage, current, .. } = self.row;
        self.chip.with(|chip| chip.measure(now, voltage, current));
        let over = self.next.is_none() && moment >= self.end;
        Ok(if over { Playing::Ended } else { Playing::Going })
    }

    /// Breaks or mends the bus where the trace says so; a fault that somebody else injected stands.
    fn rehearse(&self, before: Option<BusFault>) {
        match self.row.fault {
            fault if fault == before => {}
            Some(fault) => self.bus.inject(fault),
            None => self.bus.heal(),
        }
    }

    /// The row being played holds until the next; the last one as long as the one before it.
    fn place_end(&mut self) {
        if let Some(next) = self.next {
            let held = next.time.saturating_sub(self.row.time);
            self.end = next.time.saturating_add(if held.is_zero() { LONE_ROW } else { held });
        }
    }

    /// How a driver is to set the chip.
    pub const fn settings(&self) -> Settings {
        Settings::new(Self::SHUNT, Self::CURRENT_MAX)
    }

    /// The bus on which the chip answers, for a driver.
    pub fn bus(&self) -> SimBus {
        self.bus.clone()
    }

    /// The row being played.
    pub fn row(&self) -> &Row {
        &self.row
    }

    /// The battery's temperature, where the trace has it.
    pub fn temperature(&self) -> Option<Temperature> {
        self.row.temperature
    }

    /// When the next row begins; `None` while the last is played.
    pub fn next_row_at(&self) -> Option<Uptime> {
        self.next.map(|row| Uptime::START + row.time.saturating_sub(self.origin))
    }
}

#[cfg(test)]
mod tests {
    use embedded_hal::i2c::I2c;

    use super::*;

    #[test]
    fn a_trace_rehearses_faults_and_their_end() {
        let mut player =
            player("time_s,voltage_V,current_A,sensor_fault\n0,12,1,\n1,12,1,nak\n2,12,1,\n3,12,1,\n");
        assert_eq!(player.bus().fault(), None);
        player.advance_to(Uptime::from_secs(1)).unwrap();
        assert_eq!(player.bus().fault(), Some(BusFault::Nak));
        player.advance_to(Uptime::from_secs(2)).unwrap();
        assert_eq!(player.bus().fault(), None);
    }

    const THREE_ROWS: &str =
        "time_s,voltage_V,current_A,temp_C\n100,12.5,4.0,25\n110,12.4,-8.0,26\n130,12.3,0,27\n";

    fn player(text: &'static str) -> Player {
        Player::open(Trace::read(text.as_bytes()).unwrap(), 1).unwrap()
    }

    /// Volts and amperes by the raw registers, without any driver.
    fn registers(player: &Player) -> (f64, f64) {
        let read = |register: u8| {
            let mut bytes = [0; 2];
            player.bus().write_read(Player::ADDRESS, &[register], &mut bytes).unwrap();
            i16::from_be_bytes(bytes)
        };
        (f64::from(read(2)) * 1.25e-3, f64::from(read(1)) * 2.5e-6 / Player::SHUNT.ohms())
    }

    fn assert_shows(player: &Player, volts: f64, amps: f64) {
        let (v, a) = registers(player);
        assert!((v - volts).abs() < 0.006, "{v} V instead of {volts} V");
        assert!((a - amps).abs() < 0.010, "{a} A instead of {amps} A");
    }

    #[test]
    fn a_row_holds_until_the_next_and_the_clock_starts_at_the_first() {
        let mut player = player(THREE_ROWS);
        assert_shows(&player, 12.5, 4.0);
        assert_eq!(player.next_row_at(), Some(Uptime::from_secs(10)));
        assert_eq!(player.advance_to(Uptime::from_secs(9)).unwrap(), Playing::Going);
        assert_shows(&player, 12.5, 4.0);
        player.advance_to(Uptime::from_secs(10)).unwrap();
        assert_shows(&player, 12.4, -8.0);
        assert_eq!(player.temperature(), Some(Temperature::from_celsius(26.0)));
        player.advance_to(Uptime::from_secs(30)).unwrap();
        assert_shows(&player, 12.3, 0.0);
        assert_eq!(player.next_row_at(), None);
    }

    #[test]
    fn the_last_row_holds_as_long_as_the_one_before_it() {
        let mut player = player(THREE_ROWS);
        assert_eq!(player.advance_to(Uptime::from_secs(49)).unwrap(), Playing::Going);
        assert_eq!(player.advance_to(Uptime::from_secs(50)).unwrap(), Playing::Ended);
    }

    #[test]
    fn a_broken_row_is_said_when_it_is_reached_and_what_came_before_was_played() {
        let mut player = player("time_s,voltage_V,current_A\n0,12.5,1\n10,12.4,1\n20,x,1\n");
        assert_eq!(player.advance_to(Uptime::from_secs(5)).unwrap(), Playing::Going);
        let error = player.advance_to(Uptime::from_secs(10)).unwrap_err();
        assert!(error.to_string().contains("line 4"), "{error}");
        assert_eq!(player.row().voltage, Voltage::from_volts(12.4));
    }

    #[test]
    fn a_constant_trace_does_not_look_stuck() {
        let mut player = player("time_s,voltage_V,current_A\n0,12.5,1\n60,12.5,1\n");
        let (mut last, mut changes) = (registers(&player), 0);
        for second in 1..60 {
            player.advance_to(Uptime::from_secs(second)).unwrap();
            let now = registers(&player);
            changes += u32::from(now != last);
            last = now;
        }
        assert!(changes > 10, "it changed only {changes} times in a minute");
    }

    #[test]
    fn a_current_that_stands_still_in_the_recording_stands_still() {
        let mut player =
            player("time_s,voltage_V,current_A\n0,13.2,-8.192\n60,13.4,-8.192\n120,13.4,-8.192\n");
        let (_, clipped) = registers(&player);
        for second in 1..120 {
            player.advance_to(Uptime::from_secs(second)).unwrap();
            assert_eq!(registers(&player).1.to_bits(), clipped.to_bits(), "after {second} s");
        }
    }

    #[test]
    fn a_trace_of_one_row_holds_for_a_moment() {
        let mut player = player("time_s,voltage_V,current_A\n0,12.5,1\n");
        assert_eq!(player.advance_to(Uptime::START).unwrap(), Playing::Going);
        assert_eq!(player.advance_to(Uptime::from_secs(1)).unwrap(), Playing::Ended);
    }
}
