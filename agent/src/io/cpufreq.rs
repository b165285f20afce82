//! The cap on the processor's clock.

use hardware::linux::Root;
use hardware::linux::cpufreq::{Cpufreq as Clocks, CpufreqError};

use super::refusal;
use crate::core::action::FrequencyCap;
use crate::core::event::ActionError;

/// The clocks of this board.
#[derive(Debug)]
pub struct Cpufreq(Clocks);

impl Cpufreq {
    /// Of this root; nothing is touched yet.
    pub fn new(root: &Root) -> Self {
        Self(Clocks::new(root))
    }

    /// Sets a cap, or takes ours away.
    ///
    /// # Errors
    /// A board without cpufreq, or a clock that refused.
    pub fn set(&self, cap: Option<FrequencyCap>) -> Result<(), ActionError> {
        let result = match cap {
            Some(FrequencyCap::Lowest) => self.0.cap_lowest(),
            Some(FrequencyCap::At(frequency)) => self.0.cap(frequency),
            None => self.0.restore(),
        };
        result.map_err(|error| match &error {
            CpufreqError::Unsupported => ActionError::Unsupported,
            CpufreqError::File(file) => refusal(file),
            CpufreqError::Policies(_) => ActionError::Refused(error.to_string()),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_board_without_cpufreq_says_so_and_has_nothing_to_take_away() {
        let tree = tempfile::tempdir().unwrap();
        let cpufreq = Cpufreq::new(&Root::at(tree.path()));
        assert_eq!(cpufreq.set(Some(FrequencyCap::Lowest)), Err(ActionError::Unsupported));
        assert_eq!(cpufreq.set(None), Ok(()));
    }
}
