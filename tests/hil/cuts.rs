//! The card as power cuts leave it.

use std::path::Path;
use std::time::{Duration, Instant, SystemTime};

use agent::core::recorder::Note;
use agent::io::recorder::Tape;
use agent::io::state_file::{self, Found};
use protocol::Soc;

use crate::edge::armed;
use crate::pi::{Pi, from_card};
use crate::{PATIENCE, START, end_agent, tape};

/// So many times the card is looked at as a power cut would leave it.
const CUTS: u64 = 50;
/// So far the state of charge after a cut may be from the one before it: a part of one.
const SOC_OFF: f64 = 0.01;

/// The card is looked at as a power cut would leave it, at random moments, while faults that come and go make the agent
/// write.
pub(crate) fn power_cuts_leave_state_and_recorder_readable(pi: &mut Pi, folder: &Path) {
    pi.sh(&format!("echo >/run/agent.log; touch /run/life; {}", START.replace("agent.toml", "quick.toml")));
    let (copy, state) = (folder.join("copy"), folder.join("state"));
    pi.until("the second life", "cat /run/agent.log", PATIENCE, |log| log.contains("Docker answers"));
    // The one on the card is of the life that was killed, minutes old.
    let own = "[ /var/lib/heliostat/agent.state -nt /run/life ] && echo own";
    pi.until("the first state of this life", own, PATIENCE, |said| said == "own");
    // The chip falls silent again and again, long enough to be recorded; on a busy machine the silences may run together.
    pi.sh("(while [ ! -e /run/enough ]; do sleep 2; echo 1 >/sys/kernel/debug/hil_i2c/fault; sleep 2.5; echo 0 >/sys/kernel/debug/hil_i2c/fault; done) & echo $! >/run/faults.pid");
    let mut dice = Dice::thrown();
    let begun = Instant::now();
    let (mut last, mut records) = (None, 0);
    for cut in 0..CUTS {
        std::thread::sleep(Duration::from_millis(dice.below(2000)));
        pi.cut_card(&copy);
        from_card(&copy, "/agent.state", &state);
        let found = state_file::peek(&state, Path::new("/"));
        let Found::State(found, _) = found else { panic!("cut {cut}: the state is not readable: {found:?}") };
        let tape = tape(&copy, folder);
        assert!(tape.kept.len() >= records, "cut {cut}: {} records, {records} before", tape.kept.len());
        records = tape.kept.len();
        let now = soc(&tape).or(last).expect("a state of charge");
        for before in last.into_iter().chain(found.learned.and_then(|learned| learned.soc).map(Soc::fraction))
        {
            assert!((now - before).abs() <= SOC_OFF, "cut {cut}: SoC {now} after {before}");
        }
        last = Some(now);
    }
    println!(
        "hil: {CUTS} power cuts in {:.0} s, state and recorder ({records} records) readable after each",
        begun.elapsed().as_secs_f64()
    );
    // Its last turn heals the chip.
    pi.sh("touch /run/enough; wait $(cat /run/faults.pid)");
    begin_from_health(pi);
}

/// What follows begins with nothing held and in the stage of before all faults, however long the silences were.
fn begin_from_health(pi: &mut Pi) {
    end_agent(pi, "TERM");
    pi.sh("heliostat-agent release --config /etc/heliostat/agent.toml");
    pi.sh("cp /run/kept.state /var/lib/heliostat/agent.state; echo >/run/agent.log");
    pi.sh(&START.replace("agent.toml", "quick.toml"));
    pi.until("the life after the cuts", "cat /run/agent.log", PATIENCE, |log| log.contains("Docker answers"));
    armed(pi);
}

/// Moments that nothing is in step with. `HIL_SEED` throws the same ones again.
struct Dice(u64);

impl Dice {
    fn thrown() -> Self {
        let clock =
            || SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(1, |now| now.as_secs());
        let seed = std::env::var("HIL_SEED")
            .map_or_else(|_| clock(), |seed| seed.parse().expect("a number in HIL_SEED"));
        println!("hil: HIL_SEED={seed}");
        Self(seed)
    }

    /// `SplitMix64`.
    fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % end
    }
}

fn soc(tape: &Tape) -> Option<f64> {
    tape.kept.iter().rev().find_map(|kept| match &kept.record.what {
        Note::Known { energy, .. } => energy.soc.map(|soc| soc.best.fraction()),
        _ => None,
    })
}
