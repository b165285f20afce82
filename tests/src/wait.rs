//! Waiting for a condition, with a deadline; never for a span of time.

use std::fmt::Display;
use std::time::{Duration, Instant};

/// Between two looks at a condition.
const POLL: Duration = Duration::from_millis(20);

/// Looks until `condition` gives a value; panics after `deadline`, naming what was waited for.
///
/// # Panics
/// When the deadline passes.
pub fn until<T>(what: impl Display, deadline: Duration, mut condition: impl FnMut() -> Option<T>) -> T {
    let begun = Instant::now();
    loop {
        if let Some(value) = condition() {
            return value;
        }
        assert!(begun.elapsed() < deadline, "waited {deadline:?} in vain for: {what}");
        std::thread::sleep(POLL);
    }
}

/// As [`until`], for a condition that is only true or false.
///
/// # Panics
/// When the deadline passes.
pub fn until_true(what: impl Display, deadline: Duration, mut condition: impl FnMut() -> bool) {
    until(what, deadline, || condition().then_some(()));
}

/// Watches that `condition` keeps holding for `span`; panics at the first moment it does not.
///
/// # Panics
/// When the condition fails.
pub fn throughout(what: impl Display, span: Duration, mut condition: impl FnMut() -> bool) {
    let begun = Instant::now();
    while begun.elapsed() < span {
        assert!(condition(), "did not hold for {span:?}: {what} (failed after {:?})", begun.elapsed());
        std::thread::sleep(POLL);
    }
}
