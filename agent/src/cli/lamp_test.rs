//! `lamp-test`: every stage on the LEDs, so that a person learns the rhythms and sees that each LED works.

use std::thread::sleep;
use std::time::{Duration, Instant};

use crate::config::Config;
use crate::core::action::Lamps;
use crate::io::leds::Leds;
use anyhow::bail;
use hardware::linux::Root;
use protocol::Stage;

/// How long each is shown: two rounds of the kernel's longest rhythm, one of a GPIO line's.
const SHOWN: Duration = Duration::from_secs(6);

/// Shows them all.
pub(super) fn run(config: &Config) -> anyhow::Result<()> {
    let leds = &config.leds;
    if leds.stage.is_empty() && leds.fault.is_none() && leds.link.is_none() {
        bail!("no LEDs are configured: name some under [leds] (`heliostat-agent probe` lists them)");
    }
    let mut lights = Leds::new(&Root::default(), leds);
    let plain = |stage| Lamps { stage, stale: false, linked: true, fault: false, dim: false };
    let mut shown: Vec<(String, Lamps)> =
        Stage::ALL.iter().map(|&stage| (stage.to_string(), plain(stage))).collect();
    shown.push(("no fresh reading".to_owned(), Lamps { stale: true, ..plain(Stage::Normal) }));
    shown.push(("dimmed".to_owned(), Lamps { dim: true, ..plain(Stage::Normal) }));
    shown.push(("fault, no link".to_owned(), Lamps { fault: true, linked: false, ..plain(Stage::Normal) }));
    let mut failed = None;
    for (name, lamps) in shown {
        println!("{name}");
        if let Err(error) = lights.show(lamps) {
            failed = Some(error);
        }
        if failed.is_some() {
            break;
        }
        look(&mut lights);
    }
    lights.give_back();
    match failed {
        Some(error) => bail!("an LED does not follow: {error}; `heliostat-agent probe` lists what there is"),
        None => Ok(()),
    }
}

/// Waits while a person looks, and keeps the rhythm of LEDs that the kernel does not blink.
#[expect(clippy::disallowed_methods, reason = "a person looks at the LED meanwhile")]
fn look(lights: &mut Leds) {
    let until = Instant::now() + SHOWN;
    while let Some(left) = until.checked_duration_since(Instant::now()).filter(|left| !left.is_zero()) {
        let next = lights.blink().map_or(left, |edge| edge.saturating_duration_since(Instant::now()));
        sleep(next.min(left));
    }
}
