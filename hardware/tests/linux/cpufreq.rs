use hardware::linux::cpufreq::{Cpufreq, CpufreqError};
use protocol::Frequency;

use super::Tree;

const BEFORE: &str = "/run/heliostat/cpufreq.before";

fn cap_file(policy: u32) -> String {
    format!("/sys/devices/system/cpu/cpufreq/policy{policy}/scaling_max_freq")
}

fn mhz(megahertz: u32) -> Frequency {
    Frequency::from_kilohertz(megahertz * 1000)
}

/// A Pi with these policies: number and the cap that stands.
fn pi(policies: &[(u32, &str)]) -> Tree {
    let tree = Tree::new();
    for (policy, cap) in policies {
        let file = |name: &str| format!("/sys/devices/system/cpu/cpufreq/policy{policy}/{name}");
        tree.write(&file("cpuinfo_min_freq"), "600000\n");
        tree.write(&file("cpuinfo_max_freq"), "1500000\n");
        // As some drivers list them: greatest first.
        tree.write(&file("scaling_available_frequencies"), "1500000 1000000 750000 600000 \n");
        tree.write(&file("scaling_max_freq"), cap);
    }
    tree
}

#[test]
fn policies_are_read_with_their_steps_least_first() {
    let tree = pi(&[(0, "1500000\n")]);
    let policies = Cpufreq::new(&tree.root()).policies().unwrap();
    assert_eq!(policies.len(), 1);
    assert_eq!((policies[0].min, policies[0].max, policies[0].cap), (mhz(600), mhz(1500), mhz(1500)));
    assert_eq!(policies[0].steps, [600, 750, 1000, 1500].map(mhz));
}

#[test]
fn a_cap_is_the_next_step_below_and_at_least_the_lowest() {
    let tree = pi(&[(0, "1500000\n"), (4, "1500000\n")]);
    let clocks = Cpufreq::new(&tree.root());
    for (cap, written) in [(1200, "1000000"), (750, "750000"), (100, "600000"), (9000, "1500000")] {
        clocks.cap(mhz(cap)).unwrap();
        assert_eq!([tree.read(&cap_file(0)), tree.read(&cap_file(4))], [written, written], "{cap} MHz");
    }
    clocks.cap_lowest().unwrap();
    assert_eq!(tree.read(&cap_file(0)), "600000");
}

#[test]
fn a_cap_never_raises_what_a_person_set() {
    let tree = pi(&[(0, "1000000\n")]);
    Cpufreq::new(&tree.root()).cap(mhz(1500)).unwrap();
    assert_eq!(tree.read(&cap_file(0)), "1000000");
}

#[test]
fn restoring_is_exact_also_after_a_crash_between() {
    let tree = pi(&[(0, "1000000\n"), (4, "1500000\n")]);
    Cpufreq::new(&tree.root()).cap_lowest().unwrap();
    // Another life begins: it must not take its predecessor's cap for what a person set.
    let clocks = Cpufreq::new(&tree.root());
    assert!(clocks.is_capped().unwrap());
    clocks.cap(mhz(750)).unwrap();
    assert_eq!(tree.read(&cap_file(0)), "750000");
    clocks.restore().unwrap();
    assert_eq!([tree.read(&cap_file(0)), tree.read(&cap_file(4))], ["1000000", "1500000"]);
    assert!(!clocks.is_capped().unwrap() && !tree.exists(BEFORE));
}

#[test]
fn restoring_without_a_cap_of_ours_touches_nothing() {
    let tree = pi(&[(0, "1000000\n")]);
    Cpufreq::new(&tree.root()).restore().unwrap();
    assert_eq!(tree.read(&cap_file(0)), "1000000\n");
}

#[test]
fn every_policy_is_written_and_every_refusal_comes_back() {
    let tree = pi(&[(0, "1500000\n"), (2, "1500000\n"), (4, "1500000\n")]);
    let clocks = Cpufreq::new(&tree.root());
    clocks.cap(mhz(1000)).unwrap();
    tree.refuse(&cap_file(0));
    tree.refuse(&cap_file(4));
    let Err(CpufreqError::Policies(refused)) = clocks.restore() else { panic!("must refuse") };
    assert_eq!(refused.len(), 2);
    assert!(refused[0].to_string().contains("policy0") && refused[1].to_string().contains("policy4"));
    assert_eq!(tree.read(&cap_file(2)), "1500000", "the one that could be restored was");
    assert!(clocks.is_capped().unwrap(), "what stood before is kept until all took it back");
}

#[test]
fn nothing_is_capped_when_what_stood_before_cannot_be_kept() {
    let tree = pi(&[(0, "1500000\n")]);
    tree.write("/run/heliostat", "a file where the folder should be");
    assert!(matches!(Cpufreq::new(&tree.root()).cap_lowest(), Err(CpufreqError::File(_))));
    assert_eq!(tree.read(&cap_file(0)), "1500000\n");
}

#[test]
fn a_note_that_is_damaged_is_an_error_and_not_a_frequency() {
    let tree = pi(&[(0, "600000\n")]);
    for damaged in ["policy0", "policy0 x", "../../evil 1", "policy0 99999999999"] {
        tree.write(BEFORE, damaged);
        let error = Cpufreq::new(&tree.root()).restore().unwrap_err();
        assert!(error.to_string().contains("cpufreq.before"), "{error}");
    }
    assert_eq!(tree.read(&cap_file(0)), "600000\n");
}

#[test]
fn a_board_without_cpufreq_says_so() {
    let tree = Tree::new();
    let clocks = Cpufreq::new(&tree.root());
    assert_eq!(clocks.policies().unwrap(), []);
    assert!(matches!(clocks.cap_lowest(), Err(CpufreqError::Unsupported)));
    clocks.restore().unwrap();
}

#[test]
fn garbage_in_a_policy_is_an_error_that_names_the_file() {
    let tree = pi(&[(0, "<unsupported>\n")]);
    let error = Cpufreq::new(&tree.root()).policies().unwrap_err();
    let text = error.to_string();
    assert!(text.contains("policy0/scaling_max_freq") && text.contains("<unsupported>"), "{text}");
}
