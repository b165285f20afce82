//! The LEDs on the case. The stage is a rhythm, readable from a metre away and without colour vision:
//!
//! | stage | light |
//! |---|---|
//! | Normal | steady |
//! | Throttle, Shed, Drain, Halt | one, two, three, four short flashes, then dark for a second |
//! | no fresh reading | a long flash after the short ones |
//!
//! The kernel keeps the rhythm, also while this program hangs. Where it has no LED of a name like `gpio24`, that GPIO line is
//! one, and the loop keeps its rhythm ([`super::blink`]).

use std::time::{Duration, Instant};

use hardware::linux::Root;
use hardware::linux::gpio::Relay;
use hardware::linux::leds::{Beat, Led, Rhythm};
use protocol::Stage;

use super::blink::Blinker;
use super::refusal;
use crate::config;
use crate::core::action::Lamps;
use crate::core::event::ActionError;

/// A short flash, and the dark after it.
const SHORT: Duration = Duration::from_millis(200);
/// The long flash, and the dark that ends a round.
const LONG: Duration = Duration::from_secs(1);
/// The light's part of the LED's greatest, in per mille: bright, and dimmed to save.
const LIGHT: (u16, u16) = (1000, 100);

/// The configured LEDs.
#[derive(Debug)]
pub struct Leds {
    root: Root,
    names: config::Leds,
    /// Those that were taken, to be given back.
    taken: Vec<(String, Led)>,
    lines: Blinker,
}

impl Leds {
    /// The LEDs of a config; none is touched yet.
    pub fn new(root: &Root, names: &config::Leds) -> Self {
        Self { root: root.clone(), names: names.clone(), taken: Vec::new(), lines: Blinker::default() }
    }

    /// Shows what the lamps say on every LED.
    ///
    /// # Errors
    /// The first LED that would not; the others show it all the same.
    pub fn show(&mut self, lamps: Lamps) -> Result<(), ActionError> {
        let steady = |on: bool| Rhythm::Steady(if on { light(lamps) } else { 0 });
        let mut wanted: Vec<(String, Rhythm)> =
            self.names.stage.iter().map(|led| (led.clone(), rhythm(lamps))).collect();
        wanted.extend(self.names.fault.iter().map(|led| (led.clone(), steady(lamps.fault))));
        wanted.extend(self.names.link.iter().map(|led| (led.clone(), steady(lamps.linked))));
        let mut result = Ok(());
        for (name, rhythm) in wanted {
            result = result.and(self.show_one(&name, &rhythm));
        }
        result
    }

    fn show_one(&mut self, name: &str, rhythm: &Rhythm) -> Result<(), ActionError> {
        let line = config::Leds::gpio(name);
        let is_line = line.is_some_and(|line| self.lines.has(line));
        if !is_line && !self.taken.iter().any(|(taken, _)| taken == name) {
            match (Led::open(&self.root, name), line) {
                (Ok(led), _) => self.taken.push((name.to_owned(), led)),
                (Err(error), Some(line)) if error.is_missing() => {
                    let light =
                        Relay::open(line, false).map_err(|error| ActionError::Refused(error.to_string()))?;
                    self.lines.take(line, light);
                }
                (Err(error), _) => return Err(refusal(&error)),
            }
        }
        if let Some(line) = line.filter(|line| self.lines.has(*line)) {
            let shown = self.lines.show(line, rhythm, Instant::now());
            return shown.map_err(|error| ActionError::Refused(error.to_string()));
        }
        let led = self.taken.iter().find(|(taken, _)| taken == name).map(|(_, led)| led);
        led.map_or(Ok(()), |led| led.show(rhythm).map(drop)).map_err(|error| refusal(&error))
    }

    /// Keeps the rhythm of LEDs that the kernel does not blink; when that is next to be done. `None` while there are none, or
    /// all are steady.
    pub fn blink(&mut self) -> Option<Instant> {
        self.lines.blink(Instant::now())
    }

    /// Gives every LED back to what drove it before.
    pub fn give_back(&mut self) {
        self.lines.end();
        for (name, led) in self.taken.drain(..) {
            if let Err(error) = led.give_back() {
                tracing::debug!(led = name, "{error}");
            }
        }
    }
}

fn light(lamps: Lamps) -> u16 {
    if lamps.dim { LIGHT.1 } else { LIGHT.0 }
}

/// The rhythm of the stage.
fn rhythm(lamps: Lamps) -> Rhythm {
    let flashes = match lamps.stage {
        Stage::Normal => 0,
        Stage::Throttle => 1,
        Stage::Shed => 2,
        Stage::Drain => 3,
        Stage::Halt => 4,
    };
    if flashes == 0 && !lamps.stale {
        return Rhythm::Steady(light(lamps));
    }
    let beat = |permille: u16, length: Duration| Beat { permille, length };
    let mut beats = Vec::new();
    for _ in 0..flashes {
        beats.extend([beat(light(lamps), SHORT), beat(0, SHORT)]);
    }
    if lamps.stale {
        beats.extend([beat(light(lamps), LONG), beat(0, SHORT)]);
    }
    beats.push(beat(0, LONG));
    Rhythm::Beats(beats)
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use super::*;
    use crate::io::blink::edges;

    const LAMPS: Lamps = Lamps { stage: Stage::Shed, stale: false, linked: true, fault: false, dim: false };

    fn led(tree: &Path, name: &str) {
        let folder = tree.join("sys/class/leds").join(name);
        fs::create_dir_all(&folder).unwrap();
        for (file, text) in
            [("max_brightness", "255"), ("brightness", "0"), ("trigger", "none [mmc0] timer pattern")]
        {
            fs::write(folder.join(file), text).unwrap();
        }
        for file in ["pattern", "delay_on", "delay_off"] {
            fs::write(folder.join(file), "").unwrap();
        }
    }

    fn read(tree: &Path, led: &str, file: &str) -> String {
        fs::read_to_string(tree.join("sys/class/leds").join(led).join(file)).unwrap()
    }

    #[test]
    fn no_two_states_look_alike() {
        let mut seen = Vec::new();
        for stage in Stage::ALL {
            for stale in [false, true] {
                for dim in [false, true] {
                    let rhythm = rhythm(Lamps { stage, stale, dim, ..LAMPS });
                    assert!(!seen.contains(&rhythm), "{stage} stale {stale} dim {dim}");
                    seen.push(rhythm);
                }
            }
        }
    }

    #[test]
    fn a_line_shows_the_stages_as_different_rhythms_and_wakes_the_processor_seldom() {
        let mut seen = Vec::new();
        for stage in Stage::ALL {
            for stale in [false, true] {
                let edges = edges(&rhythm(Lamps { stage, stale, ..LAMPS }));
                let round: Duration = edges.iter().map(|(_, length)| *length).sum();
                let wakes = if edges.len() < 2 { 0.0 } else { edges.len() as f64 / round.as_secs_f64() };
                println!("{stage}, stale {stale}: {wakes:.2} wake-ups a second");
                assert!(wakes < 2.0, "{stage} stale {stale}: {wakes}");
                assert_eq!(wakes == 0.0, stage == Stage::Normal && !stale, "calm costs nothing");
                assert!(!seen.contains(&edges), "{stage} stale {stale}");
                seen.push(edges);
            }
        }
    }

    #[test]
    fn a_missing_led_is_told_and_the_others_shine_and_are_given_back() {
        let tree = tempfile::tempdir().unwrap();
        led(tree.path(), "ACT");
        led(tree.path(), "link");
        let names = config::Leds {
            stage: vec!["absent".to_owned(), "ACT".to_owned()],
            fault: None,
            link: Some("link".to_owned()),
            ..config::Leds::default()
        };
        let mut leds = Leds::new(&Root::at(tree.path()), &names);
        assert_eq!(leds.show(LAMPS), Err(ActionError::NotFound));
        assert_eq!(read(tree.path(), "ACT", "trigger"), "pattern");
        assert_eq!(read(tree.path(), "ACT", "pattern").split(' ').filter(|word| *word == "255").count(), 4);
        assert_eq!(read(tree.path(), "link", "brightness"), "255");
        leds.give_back();
        assert_eq!(read(tree.path(), "ACT", "trigger"), "mmc0");
    }
}
