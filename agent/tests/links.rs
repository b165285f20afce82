//! The agent and its supervisors, over loopback: a supervisor played by the test misbehaves in every way, the agent
//! connects again, decides on, and begins with a full report.

#![allow(
    clippy::disallowed_methods,
    reason = "tests touch clocks, files and processes: that is what they are for"
)]
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on says so by panicking")]

use protocol::message::Refusal;
use protocol::{Stage, SupervisorMessage};

mod common;

use common::{Said, Site, Supervisor};

/// A healthy battery for a day, a minute in a second.
fn site(more: &str) -> Site {
    Site::new(24 * 3600, 60, more)
}

#[test]
fn a_full_report_comes_first_then_deltas_and_a_full_one_again_after_a_break() {
    let supervisor = Supervisor::listen();
    let site = site(&supervisor.section());
    let agent = site.run(&[]);
    let (mut link, hello) = supervisor.welcome();
    assert_eq!((hello.node.as_str(), hello.supply.as_str(), hello.has_sensor), ("pi-1", "main", true));
    let Said::Full(first, report) = link.report() else { panic!("a full report comes first") };
    assert!(!report.docker_up, "there is no engine here");
    link.say(&SupervisorMessage::Ack(first));
    let Said::Delta(second, back) = link.report() else { panic!("a delta on what was acknowledged") };
    assert_eq!(second.0 - u32::from(back), first.0);
    link.say(&SupervisorMessage::RequestFull);
    common::until(|| matches!(link.report(), Said::Full(..)).then_some(()), || "a full report".to_owned());
    drop(link);

    let (mut link, again) = supervisor.welcome();
    assert_eq!(again.boot, hello.boot, "the same life");
    let Said::Full(_, report) = link.report() else { panic!("a full report after a break") };
    assert!(report.energy.voltage.is_some(), "it went on reading its sensor");
    agent.terminate();
    common::until(|| matches!(link.hear(), Some(Said::Goodbye)).then_some(()), || "a good-bye".to_owned());
    assert_eq!(link.hear(), None, "and the link is closed");
}

/// What no supervisor of ours sends.
const MISDEEDS: [(&str, &[u8]); 4] = [
    ("an over-long frame", &[0xff, 0x7f]),
    ("a frame of nothing", &[0]),
    ("garbage in a frame", &[4, 0xee, 0xee, 0xee, 0xee]),
    ("noise", &[0x80; 4096]),
];

#[test]
fn a_supervisor_that_misbehaves_loses_its_link_and_nothing_else() {
    let well_behaved = Supervisor::listen();
    let rude: Vec<Supervisor> = MISDEEDS.iter().map(|_| Supervisor::listen()).collect();
    let sections: String = rude.iter().map(Supervisor::section).collect();
    let site = site(&(well_behaved.section() + &sections));
    let mut agent = site.run(&[]);
    let (mut well, _) = well_behaved.welcome();
    for ((what, bytes), supervisor) in MISDEEDS.iter().zip(&rude) {
        let mut link = supervisor.accept();
        link.say_bytes(bytes);
        assert!(link.is_closed(), "{what} before the welcome");
        let (mut link, _) = supervisor.welcome();
        link.say_bytes(bytes);
        assert!(link.is_closed(), "{what} after the welcome");
        // It is still the same agent, and tells everything anew.
        let (mut link, _) = supervisor.welcome();
        let Said::Full(_, report) = link.report() else { panic!("a full report") };
        assert!(report.stage < Stage::Drain, "{:?}", report.reason);
    }
    assert!(matches!(well.report(), Said::Full(..) | Said::Delta(..)), "the other never lost its link");
    assert!(agent.runs());
}

#[test]
fn a_supervisor_that_refuses_or_speaks_out_of_turn_is_called_again_later() {
    let supervisor = Supervisor::listen();
    let site = site(&supervisor.section());
    let agent = site.run(&[]);
    let mut link = supervisor.accept();
    link.say(&SupervisorMessage::RequestFull);
    assert!(link.is_closed(), "a message before the welcome");
    let mut link = supervisor.accept();
    link.say(&SupervisorMessage::Refused(Refusal::Version { min: 7, max: 9 }));
    assert!(link.is_closed(), "a refusal");
    agent.wait_for("no common protocol version: this supervisor speaks 7 to 9");
    drop(supervisor.accept());
    let (mut link, _) = supervisor.welcome();
    assert!(matches!(link.report(), Said::Full(..)));
}

#[test]
fn no_supervisor_at_all_is_no_trouble() {
    let nobody = Supervisor::listen();
    let section = nobody.section();
    drop(nobody);
    let site = site(&section);
    let mut agent = site.run(&[]);
    common::until(|| site.path("agent.state").exists().then_some(()), || agent.log());
    agent.terminate();
    assert!(agent.ends().success());
}
