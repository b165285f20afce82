//! Batteries that fall while visitors come: nobody may notice.

use std::time::Duration;

use protocol::Soc;
use tests::lab::{Host, Lab, Tally};
use tests::{require, wait};

use crate::fleet::fleet;

const PATIENCE: Duration = Duration::from_mins(2);
/// A battery falls from full to empty in this time: a minute for a night.
const NIGHT: Duration = Duration::from_mins(1);

/// Empties a host's battery until its agent has powered it off.
pub(crate) fn fall(lab: &Lab, host: &Host) {
    lab.supply(&host.plan().supply).go_to(Soc::from_percent(20.0), NIGHT);
    wait::until_true(format!("{} to power itself off", host.name()), PATIENCE, || !host.is_on());
}

fn nobody_noticed(what: &str, tally: &Tally) {
    println!("{what}: {tally}");
    assert_eq!(tally.failed(), 0, "{what}: {tally}");
    assert_eq!(tally.slower_than(Duration::from_secs(1)), 0, "{what}: {tally}");
}

#[test]
fn a_node_whose_battery_falls_to_halt_loses_no_request() {
    if !require::lab("a_node_whose_battery_falls_to_halt_loses_no_request") {
        return;
    }
    let lab = fleet(1);
    let (victim, spare) = lab.victim_and_spare();
    let visitors = lab.visitors();
    fall(&lab, victim);
    nobody_noticed("a worker's battery falls to halt", &lab.watch(visitors));
    assert!(lab.serves(spare), "its replica moved to the host that had none");
}
