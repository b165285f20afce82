//! LEDs on GPIO lines, where the kernel has no LED of that name: blinked by the loop, since nobody else does.
//!
//! Each edge wakes the processor, so the rhythm is the kernel LEDs' with a longer dark at the end of a round: no edge at all
//! while all is well (a steady light), one every two seconds at `throttle`, at the most three in two seconds. A line has no
//! brightness: a dimmed flash is a shorter one, a dimmed steady light stays as it is.

use std::time::{Duration, Instant};

use hardware::linux::gpio::{GpioError, Line, PiLine, Relay};
use hardware::linux::leds::{Beat, Rhythm};

/// The dark at the end of a round is so many times as long as a kernel LED's.
const DARK_STRETCH: u32 = 4;
/// A dimmed flash is so many times shorter.
const DIM_SHRINK: u32 = 4;
/// A light at its greatest, in per mille.
const FULL: u16 = 1000;

/// The lights.
#[derive(Debug)]
pub(super) struct Blinker<L = PiLine>(Vec<Light<L>>);

#[derive(Debug)]
struct Light<L> {
    number: u8,
    line: Relay<L>,
    /// Lit or dark, and for how long; one after the other, for ever.
    edges: Vec<(bool, Duration)>,
    /// Which one is shown, and until when; `None` for a steady light.
    at: usize,
    until: Option<Instant>,
}

impl<L> Default for Blinker<L> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<L: Line> Blinker<L> {
    /// Whether this line is taken.
    pub(super) fn has(&self, number: u8) -> bool {
        self.0.iter().any(|light| light.number == number)
    }

    /// Takes a line.
    pub(super) fn take(&mut self, number: u8, line: Relay<L>) {
        self.0.push(Light { number, line, edges: Vec::new(), at: 0, until: None });
    }

    /// Shows a rhythm from its beginning.
    pub(super) fn show(&mut self, number: u8, rhythm: &Rhythm, now: Instant) -> Result<(), GpioError> {
        let Some(light) = self.0.iter_mut().find(|light| light.number == number) else { return Ok(()) };
        light.edges = edges(rhythm);
        light.at = 0;
        let Some(&(lit, length)) = light.edges.first() else { return Ok(()) };
        light.until = (light.edges.len() > 1).then(|| now + length);
        light.line.switch(lit)
    }

    /// Makes the edges that are due; when the next one is. What does not follow was told when it was shown.
    pub(super) fn blink(&mut self, now: Instant) -> Option<Instant> {
        self.0.iter_mut().filter_map(|light| light.blink(now)).min()
    }

    /// All dark, and nobody's any more.
    pub(super) fn end(&mut self) {
        for light in &mut self.0 {
            light.until = None;
            let _ = light.line.switch(false);
        }
    }
}

impl<L: Line> Light<L> {
    fn blink(&mut self, now: Instant) -> Option<Instant> {
        let until = self.until?;
        if until > now {
            return Some(until);
        }
        self.at = (self.at + 1) % self.edges.len().max(1);
        let &(lit, length) = self.edges.get(self.at)?;
        let _ = self.line.switch(lit);
        // A loop that was late does not hurry after: the rhythm goes on from now.
        let next = if until + length > now { until + length } else { now + length };
        self.until = Some(next);
        self.until
    }
}

/// A rhythm as a line can show it: its edges, each with the time until the next.
pub(super) fn edges(rhythm: &Rhythm) -> Vec<(bool, Duration)> {
    let beats = match rhythm {
        Rhythm::Steady(permille) => return vec![(*permille > 0, Duration::ZERO)],
        Rhythm::Beats(beats) => beats,
    };
    let mut edges: Vec<(bool, Duration)> = Vec::new();
    for (place, Beat { permille, length }) in beats.iter().enumerate() {
        let parts = match (*permille, place + 1 == beats.len()) {
            (0, true) => [(false, *length * DARK_STRETCH), (false, Duration::ZERO)],
            (0, false) => [(false, *length), (false, Duration::ZERO)],
            (FULL.., _) => [(true, *length), (false, Duration::ZERO)],
            (_, _) => [(true, *length / DIM_SHRINK), (false, *length * (DIM_SHRINK - 1) / DIM_SHRINK)],
        };
        for (lit, length) in parts.into_iter().filter(|(_, length)| !length.is_zero()) {
            match edges.last_mut() {
                Some((before, sum)) if *before == lit => *sum += length,
                _ => edges.push((lit, length)),
            }
        }
    }
    edges
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::rc::Rc;

    use super::*;

    /// A line whose level the test sees.
    struct Wire(Rc<Cell<bool>>);

    impl Line for Wire {
        fn set(&mut self, high: bool) {
            self.0.set(high);
        }
        fn is_high(&self) -> bool {
            self.0.get()
        }
    }

    fn beats(beats: &[(u16, u64)]) -> Rhythm {
        let beat = |&(permille, millis)| Beat { permille, length: Duration::from_millis(millis) };
        Rhythm::Beats(beats.iter().map(beat).collect())
    }

    fn lit() -> (Rc<Cell<bool>>, Blinker<Wire>) {
        let level = Rc::new(Cell::new(false));
        let mut blinker = Blinker::default();
        blinker.take(24, Relay::new(Wire(Rc::clone(&level)), 24, false));
        (level, blinker)
    }

    #[test]
    fn a_steady_light_never_wakes_anybody() {
        let (level, mut blinker) = lit();
        let now = Instant::now();
        blinker.show(24, &Rhythm::Steady(100), now).unwrap();
        assert!(level.get());
        assert_eq!(blinker.blink(now + Duration::from_hours(1)), None);
        blinker.end();
        assert!(!level.get());
    }

    #[test]
    fn two_flashes_are_two_flashes_and_a_long_dark() {
        let (level, mut blinker) = lit();
        let start = Instant::now();
        blinker.show(24, &beats(&[(1000, 200), (0, 200), (1000, 200), (0, 200), (0, 1000)]), start).unwrap();
        let at = |millis| start + Duration::from_millis(millis);
        let mut shown = vec![(0, level.get())];
        let mut now = start;
        for _ in 0..6 {
            now = blinker.blink(now).unwrap();
            blinker.blink(now);
            shown.push((now.duration_since(start).as_millis(), level.get()));
        }
        let wanted =
            [(0, true), (200, false), (400, true), (600, false), (4800, true), (5000, false), (5200, true)];
        assert_eq!(shown, wanted);
        // A loop that slept through a round goes on from where it is.
        let late = at(60_000);
        assert!(blinker.blink(late).unwrap() > late);
    }

    #[test]
    fn a_dimmed_flash_is_shorter_in_a_round_as_long() {
        let sum = |rhythm: &Rhythm| edges(rhythm).iter().map(|(_, length)| *length).sum::<Duration>();
        let (bright, dim) =
            (beats(&[(1000, 200), (0, 200), (0, 1000)]), beats(&[(100, 200), (0, 200), (0, 1000)]));
        assert_eq!(sum(&bright), sum(&dim));
        assert_eq!(edges(&dim)[0], (true, Duration::from_millis(50)));
        assert_eq!(edges(&dim).len(), 2, "no more edges than the bright one");
    }
}
