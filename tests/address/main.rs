//! Two masters that share an address, and a worker: the built programs and a real keepalived, on a wire that is cut.

#![allow(
    clippy::disallowed_methods,
    reason = "tests touch clocks, files and processes: that is what they are for"
)]
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on says so by panicking")]
#![allow(clippy::unnecessary_debug_formatting, reason = "a quoted path is what TOML wants")]

mod caller;
mod master;
mod wire;

use std::time::{Duration, Instant};

use protocol::{Charge, Current, Soc, Stage, Term};
use supervisor::core::Liveness;
use tempfile::TempDir;
use tests::program::Program;
use tests::trace::Story;
use tests::{require, wait};

use caller::{Answerer, Caller};
use master::{Master, PATIENCE, agent};
use wire::Wire;

/// The masters are hosts 1 and 2, the worker is host 3.
const MASTERS: u8 = 2;
const HOSTS: u8 = 3;
/// So often a thing is tried.
const TURNS: usize = 6;
/// Longer than this, and something waits for what nobody does: also on a machine that is busy otherwise.
const BOUND: Duration = Duration::from_secs(30);

/// A battery that rests for days.
fn resting(soc: f64) -> Story {
    battery(soc).hold(Duration::from_hours(48), Current::ZERO)
}

fn battery(soc: f64) -> Story {
    Story::begin(Charge::from_amp_hours(20.0), Soc::from_percent(soc))
}

/// Everything, up and agreed on host 1.
struct Site {
    caller: Caller,
    _answerers: Vec<Answerer>,
    masters: Vec<Master>,
    _agents: Vec<Program>,
    /// The others' supply is so low that somebody is ordered something.
    saves: bool,
    wire: Wire,
    _folder: TempDir,
}

impl Site {
    /// Host 1 on a supply of its own with this story, the others on another that rests here.
    fn start(speed: u32, first: &Story, others_at: f64) -> Self {
        let folder = tempfile::Builder::new().prefix("heliostat-address-").tempdir().unwrap();
        let wire = Wire::lay(HOSTS);
        let masters: Vec<_> =
            (1..=MASTERS).map(|host| Master::start(&wire, host, MASTERS, folder.path())).collect();
        let rest = resting(others_at);
        let agents = (1..=HOSTS)
            .map(|host| {
                let power = if host == 1 { ("first", speed, first) } else { ("second", 1, &rest) };
                agent(&wire, host, MASTERS, power, folder.path())
            })
            .collect();
        let answerers = (1..=MASTERS).map(|host| Answerer::start(&wire, host)).collect();
        let caller = Caller::start(&wire, HOSTS);
        let site = Self {
            caller,
            _answerers: answerers,
            masters,
            _agents: agents,
            saves: others_at < 60.0,
            wire,
            _folder: folder,
        };
        site.agree_on(1);
        site
    }

    fn master(&self, host: u8) -> &Master {
        &self.masters[usize::from(host) - 1]
    }

    /// Waits until a host answers, leads alone, and every node obeys its newest term.
    fn agree_on(&self, host: u8) {
        wait::until_true(format!("host {host} leads, and all agree"), PATIENCE, || {
            let others = (1..=MASTERS).filter(|other| *other != host);
            self.caller.answered_by() == Some(host)
                && others
                    .into_iter()
                    .all(|other| self.master(other).fleet().is_some_and(|fleet| !fleet.leading))
                && self.all_obey(host)
        });
    }

    /// Whether a leading host hears every node, and its newest orders are obeyed by all that have one.
    fn all_obey(&self, host: u8) -> bool {
        let Some(fleet) = self.master(host).fleet().filter(|fleet| fleet.leading) else { return false };
        let obeys = |term: Term| {
            let ordered = fleet.nodes.iter().filter_map(|node| node.order.as_ref());
            let good = |order: &supervisor::core::view::OrderView| {
                order.id.is_some_and(|id| id.term == term) && matches!(order.answer, Some(Ok(_)))
            };
            let orders: Vec<_> = ordered.collect();
            (!self.saves || !orders.is_empty()) && orders.into_iter().all(good)
        };
        fleet.nodes.len() == usize::from(HOSTS)
            && fleet.nodes.iter().all(|node| node.liveness == Liveness::Alive)
            && obeys(fleet.term)
    }

    /// When the first order of a host's new term was obeyed.
    fn first_order(&self, host: u8, above: Term) -> Instant {
        wait::until("the new leader's first order", PATIENCE, || {
            let fleet = self.master(host).fleet().filter(|fleet| fleet.leading && fleet.term >= above)?;
            let obeyed = |order: &supervisor::core::view::OrderView| {
                order.id.is_some_and(|id| id.term == fleet.term) && matches!(order.answer, Some(Ok(_)))
            };
            fleet.nodes.iter().filter_map(|node| node.order.as_ref()).any(obeyed).then(Instant::now)
        })
    }
}

/// The middle one of these, and its neighbours' extremes.
fn spread(mut spans: Vec<Duration>) -> (Duration, Duration, Duration) {
    spans.sort();
    (spans[spans.len() / 2], spans[0], spans[spans.len() - 1])
}

#[test]
fn a_leading_master_that_is_cut_is_replaced_at_once_and_both_sides_agree_when_it_is_back() {
    if !require::keepalived("a leading master is cut") {
        return;
    }
    let site = Site::start(1, &resting(90.0), 50.0);
    let (mut answers, mut orders) = (Vec::new(), Vec::new());
    for turn in 0..TURNS {
        let term = site.master(1).fleet().unwrap().term;
        let cut = Instant::now();
        let split = turn % 2 == 1;
        if split {
            site.wire.part(1);
        } else {
            site.wire.cut(1);
        }
        let answered = wait::until("the address answers again", PATIENCE, || site.caller.first_after(cut, 2));
        answers.push(answered - cut);
        orders.push(site.first_order(2, term) - cut);
        // Who is alone on its side of a split leads what it can reach there. That is harmless, and over when it is healed.
        let as_cut = || site.master(2).leads() && site.master(1).leads() == split;
        wait::until_true("both sides know", PATIENCE, as_cut);
        wait::throughout("both sides go on", Duration::from_secs(3), as_cut);
        let theirs = site.master(2).fleet().unwrap().term;
        site.wire.mend(1);
        wait::until_true("no order of the other side outranks the leader's", PATIENCE, || {
            site.master(1).fleet().is_some_and(|fleet| fleet.leading && fleet.term >= theirs)
        });
        site.agree_on(1);
    }
    let (answer, order) = (spread(answers), spread(orders));
    println!(
        "address answers again after {:?} (median; {:?} to {:?}; aimed at: 0.4 s)",
        answer.0, answer.1, answer.2
    );
    println!(
        "first order of the new leader after {:?} (median; {:?} to {:?}; aimed at: 2 s)",
        order.0, order.1, order.2
    );
    assert!(order.0 <= BOUND, "{order:?}");
    for host in 1..=MASTERS {
        let journal = site.master(host).journal();
        let leads = journal.iter().filter(|line| line.contains("leads with term")).count();
        assert!(leads <= 10 * TURNS, "a leadership is said once: {journal:#?}");
    }
}

#[test]
fn a_keepalived_that_is_killed_is_noticed_replaced_and_started_again() {
    if !require::keepalived("keepalived is killed") {
        return;
    }
    let site = Site::start(1, &resting(90.0), 50.0);
    let killed = Instant::now();
    site.master(1).kill_keepalived();
    let other = wait::until("the other master answers", PATIENCE, || site.caller.first_after(killed, 2));
    println!("keepalived killed: the other master answers after {:?}", other - killed);
    site.agree_on(1);
    println!("keepalived killed: all as before after {:?} (aimed at: 10 s)", killed.elapsed());
    let journal = site.master(1).journal();
    // Why it stands by depends on which word came first: the end of keepalived, or that the address is gone.
    for words in ["keepalived does not run", "supervisor: stands by: ", "keepalived runs again"] {
        assert!(journal.iter().any(|line| line.contains(words)), "{words:?} is missing in {journal:#?}");
    }
}

#[test]
fn a_supervisor_that_is_killed_leads_again_when_it_is_back_and_the_address_stays() {
    if !require::keepalived("a supervisor is killed") {
        return;
    }
    let mut site = Site::start(1, &resting(90.0), 50.0);
    // On a machine so busy that adverts come late, keepalived by itself moves the address for a moment: not each time.
    let stayed = (0..TURNS).any(|_| {
        let begun = Instant::now();
        let term = site.master(1).fleet().unwrap().term;
        site.masters[0].kill_supervisor();
        site.masters[0].serve();
        site.agree_on(1);
        assert!(site.master(1).fleet().unwrap().term > term);
        site.caller.first_after(begun, 2).is_none()
    });
    assert!(stayed, "the address moved each time");
}

#[test]
fn the_address_leaves_a_master_whose_battery_falls_before_it_must_save() {
    if !require::keepalived("a master's battery falls") {
        return;
    }
    let falls = battery(85.0)
        .hold(Duration::from_mins(30), Current::from_amps(0.2))
        .discharge(Soc::from_percent(40.0), Current::from_amps(2.0))
        .hold(Duration::from_hours(48), Current::ZERO);
    let site = Site::start(120, &falls, 99.0);
    let begun = Instant::now();
    wait::until("the other master answers", PATIENCE * 2, || site.caller.first_after(begun, 2));
    let stage = site.master(2).fleet().unwrap().node("pi1").unwrap().stage;
    assert!(stage < Some(Stage::Drain), "it is in {stage:?} already");
    site.agree_on(2);
    let gap = site.caller.longest_gap_after(begun);
    println!(
        "the address moved while its holder was in {stage:?}; longest silence {gap:?} (aimed at: 0.4 s)"
    );
    wait::until_true("the first master drains", PATIENCE * 3, || {
        let drained = |fleet: &supervisor::core::FleetView| fleet.node("pi1")?.stage;
        site.master(2).fleet().and_then(|fleet| drained(&fleet)) >= Some(Stage::Drain)
    });
    let holder = wait::until("an answer", PATIENCE, || site.caller.answered_by());
    assert_eq!(holder, 2, "and the address stayed away");
}

#[test]
fn a_master_that_stands_by_names_who_leads_also_where_it_refuses_an_order() {
    if !require::keepalived("a master stands by") {
        return;
    }
    let site = Site::start(1, &resting(90.0), 50.0);
    // Agents carry who leads from one master to the other.
    let told = wait::until("the standby knows who leads", PATIENCE, || {
        let leader = site.master(2).fleet()?.leader?;
        (leader.node.as_str() == "pi1" && !leader.old).then_some(leader)
    });
    assert_eq!(Some(told.term), site.master(1).fleet().map(|fleet| fleet.term));
    let words = format!("pi1 leads with term {} and has the address", told.term);
    let (screen, done) = site.master(2).run(&["status"]);
    assert!(done && screen.contains("Stands by") && screen.contains(&words), "{screen}");
    let (refused, done) = site.master(2).run(&["drain", "pi3", "--for", "1h", "--reason", "new card"]);
    assert!(!done && refused.contains("pi1"), "{refused}");
    println!("{screen}{refused}");
}
