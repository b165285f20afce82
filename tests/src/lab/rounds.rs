//! How often a figure is taken, and what many of them come to.

use std::fmt;
use std::time::Duration;

use super::Tally;

/// How often a test takes its figures: as often as it usually does, or as `LAB_ROUNDS` says.
///
/// # Panics
/// When that is no number.
pub fn rounds(usual: usize) -> usize {
    std::env::var("LAB_ROUNDS").map_or(usual, |text| text.parse().expect("LAB_ROUNDS is a number"))
}

/// The middle one and the range of some figures.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Spread {
    /// The least.
    pub least: f64,
    /// The middle one; of two the greater.
    pub median: f64,
    /// The greatest.
    pub greatest: f64,
}

impl Spread {
    /// Of some figures.
    ///
    /// # Panics
    /// When there are none.
    pub fn of(figures: impl IntoIterator<Item = f64>) -> Self {
        let mut figures: Vec<f64> = figures.into_iter().collect();
        figures.sort_by(f64::total_cmp);
        let greatest = *figures.last().expect("a figure");
        Self { least: figures[0], median: figures[figures.len() / 2], greatest }
    }

    /// Of some times, in seconds.
    pub fn of_times(times: impl IntoIterator<Item = Duration>) -> Self {
        Self::of(times.into_iter().map(|time| time.as_secs_f64()))
    }

    /// Of some counts.
    pub fn of_counts(counts: impl IntoIterator<Item = usize>) -> Self {
        Self::of(counts.into_iter().map(|count| count as f64))
    }
}

impl fmt::Display for Spread {
    /// `median (least-greatest)`, with the places that are asked for (`{:.2}`), or none.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { least, median, greatest } = self;
        let places = f.precision().unwrap_or(0);
        write!(f, "{median:.places$} ({least:.places$}-{greatest:.places$})")
    }
}

/// One line about some rounds: what became of the requests.
pub fn sum_up(what: &str, tallies: &[Tally]) -> String {
    let count = |of: &dyn Fn(&Tally) -> usize| Spread::of_counts(tallies.iter().map(of));
    let later = |span: Duration| count(&|tally| tally.slower_than(span));
    format!(
        "{what}, {} rounds: failed {}, over 0.5 s {}, over 1 s {}, slowest {:.2} s, of {} requests",
        tallies.len(),
        count(&Tally::failed),
        later(Duration::from_millis(500)),
        later(Duration::from_secs(1)),
        Spread::of_times(tallies.iter().map(Tally::slowest)),
        tallies.iter().map(|tally| tally.fates().len()).sum::<usize>(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_spread_is_the_middle_one_and_the_range() {
        let spread = Spread::of([3.0, 1.0, 9.0, 2.0]);
        assert_eq!(format!("{spread}"), "3 (1-9)");
        assert_eq!(format!("{:.2}", Spread::of_times([Duration::from_millis(1234)])), "1.23 (1.23-1.23)");
    }
}
