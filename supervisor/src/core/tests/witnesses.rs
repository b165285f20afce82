//! Who is lost, and who is not: through the whole core, with an HAProxy that is played by hand.

use std::time::Duration;

use protocol::message::SupervisorMessage;

use super::relief::{World, key};
use super::site::name;
use crate::core::What;
use crate::core::balancer::seen::{Check, LastCheck};

const STEP: Duration = Duration::from_millis(100);

impl World {
    /// HAProxy's checks of `pi2` come to this.
    fn checks(&mut self, last: LastCheck, up: bool) {
        let server = self.servers.get_mut(&key("pi2")).unwrap();
        (server.check, server.up) = (Check { configured: true, enabled: true, last, pending: false }, up);
    }

    fn agent_is(&mut self, awake: bool) {
        self.site.agents.get_mut(&name("pi2")).unwrap().awake = awake;
    }

    /// The agent of `pi2` says something that nobody asked for.
    fn speaks(&mut self) {
        let id = protocol::OrderId::default();
        self.site.answer("pi2", id, Ok(protocol::Stage::Normal));
    }

    fn lost(&self) -> usize {
        self.site.records_of("pi2").iter().filter(|what| matches!(what, What::HostLost { .. })).count()
    }

    /// How long it takes until `pi2` is lost; `None` when it is not within ten seconds.
    fn until_lost(&mut self) -> Option<Duration> {
        let (before, begun) = (self.lost(), self.site.now);
        for _ in 0..100 {
            self.pass(STEP);
            if self.lost() > before {
                return Some(self.site.now.since(begun));
            }
        }
        None
    }

    fn asked(&self) -> usize {
        let asks = |message: &SupervisorMessage| *message == SupervisorMessage::RequestFull;
        self.site.sent.iter().filter(|(_, _, message)| asks(message)).count()
    }
}

#[test]
fn a_host_that_two_witnesses_miss_is_lost_within_a_second_and_its_word_ends_that() {
    let mut world = World::new();
    world.checks(LastCheck::Passed, true);
    world.pass(STEP * 10);
    world.agent_is(false);
    // Its visitors' errors are the first sign, its agent is asked, and the next check is sure.
    world.checks(LastCheck::Suspected, false);
    world.pass(STEP * 5);
    world.checks(LastCheck::TimedOut, false);
    let took = world.until_lost().unwrap();
    assert!(STEP * 5 + took <= Duration::from_secs(1), "{took:?}");
    world.agent_is(true);
    world.pass(STEP);
    assert!(world.site.records_of("pi2").contains(&&What::HostFound));
}

#[test]
fn a_host_that_was_found_is_not_lost_again_by_what_was_seen_before_nor_by_one_late_answer() {
    let mut world = World::new();
    world.checks(LastCheck::Passed, true);
    world.pass(STEP * 10);
    world.agent_is(false);
    world.checks(LastCheck::TimedOut, false);
    world.until_lost().unwrap();
    world.agent_is(true);
    world.pass(STEP);
    // Its links catch up, its board is busy: it is silent for a second and a half at a time.
    for _ in 0..6 {
        world.agent_is(false);
        for _ in 0..15 {
            world.pass(STEP);
        }
        world.agent_is(true);
        world.pass(STEP);
    }
    assert_eq!(world.lost(), 1);
    world.agent_is(false);
    let took = world.until_lost().unwrap();
    assert!(took >= Duration::from_secs(1), "{took:?}");
}

#[test]
fn an_agent_is_asked_while_a_check_is_under_way_and_a_lost_host_is_lost_with_the_second_one() {
    let mut world = World::new();
    world.checks(LastCheck::Passed, true);
    world.pass(STEP * 10);
    // A busy moment: a check is caught on its way, the agent is asked, and answers.
    world.agent_is(false);
    world.servers.get_mut(&key("pi2")).unwrap().check.pending = true;
    world.pass(STEP * 3);
    assert_eq!(world.asked(), 1);
    world.agent_is(true);
    world.checks(LastCheck::Passed, true);
    world.pass(STEP * 3);
    // The host goes a moment later; what was answered before does not count.
    world.agent_is(false);
    world.servers.get_mut(&key("pi2")).unwrap().check.pending = true;
    world.pass(STEP * 3);
    assert_eq!(world.asked(), 2, "asked anew");
    world.checks(LastCheck::TimedOut, true);
    world.pass(STEP * 3);
    world.checks(LastCheck::Suspected, false);
    let took = world.until_lost().unwrap();
    assert!(took <= STEP * 3, "half a second after it was asked: {took:?}");
}

#[test]
fn an_answer_from_before_a_doubt_does_not_put_the_next_question_off() {
    let mut world = World::new();
    world.checks(LastCheck::Passed, true);
    world.pass(STEP * 10);
    // A busy machine: a check is under way whenever somebody looks, and the agent answers.
    world.servers.get_mut(&key("pi2")).unwrap().check.pending = true;
    for _ in 0..8 {
        world.pass(STEP);
    }
    let asked = world.asked();
    assert!((1..=4).contains(&asked), "{asked}");
    // The host goes just then.
    world.agent_is(false);
    world.pass(STEP);
    world.checks(LastCheck::TimedOut, true);
    world.pass(STEP);
    world.checks(LastCheck::TimedOut, false);
    let took = world.until_lost().unwrap();
    assert!(took <= STEP * 6, "{took:?}");
}

#[test]
fn an_answer_within_the_same_millisecond_is_one() {
    let mut world = World::new();
    world.checks(LastCheck::Passed, true);
    world.pass(STEP * 10);
    world.agent_is(false);
    world.checks(LastCheck::TimedOut, false);
    while world.asked() == 0 {
        world.pass(STEP);
    }
    world.agent_is(true);
    world.site.report_all();
    world.agent_is(false);
    for _ in 0..9 {
        world.pass(STEP);
    }
    assert_eq!(world.lost(), 0, "it has answered");
}

#[test]
fn an_agent_that_answers_while_its_service_hangs_is_asked_twice_a_second_and_never_lost() {
    let mut world = World::new();
    world.checks(LastCheck::Passed, true);
    world.pass(STEP * 10);
    world.checks(LastCheck::Mute, false);
    assert_eq!(world.until_lost(), None);
    assert!((10..=21).contains(&world.asked()), "{}", world.asked());
}

#[test]
fn an_agent_that_takes_its_time_is_waited_for_where_its_kernel_is_there_and_not_where_nobody_is() {
    for (silence, least, most) in [(LastCheck::Mute, 800, 1_100), (LastCheck::TimedOut, 500, 700)] {
        let mut world = World::new();
        world.checks(LastCheck::Passed, true);
        world.pass(STEP * 10);
        // A busy board: it answers after 400 ms.
        world.agent_is(false);
        world.checks(LastCheck::Mute, true);
        while world.asked() == 0 {
            world.pass(STEP);
        }
        for _ in 0..3 {
            world.pass(STEP);
        }
        world.agent_is(true);
        world.checks(LastCheck::Passed, true);
        world.pass(STEP);
        world.pass(STEP * 10);
        world.agent_is(false);
        world.checks(silence, true);
        world.pass(STEP);
        world.checks(silence, false);
        let took = world.until_lost().unwrap();
        assert!((least..=most).contains(&took.as_millis()), "{silence:?}: {took:?}");
    }
}

#[test]
fn a_question_on_a_link_that_outlived_a_loss_may_be_late_by_as_long_as_the_kernel_repeats_it() {
    let mut world = World::new();
    world.checks(LastCheck::Passed, true);
    world.pass(STEP * 10);
    world.agent_is(false);
    world.checks(LastCheck::TimedOut, false);
    world.until_lost().unwrap();
    // Its own words come through already, the questions do not yet: the kernel waits before it repeats them.
    for _ in 0..5 {
        world.speaks();
        for _ in 0..10 {
            world.pass(STEP);
        }
    }
    assert_eq!(world.lost(), 1);
    let took = world.until_lost().expect("nor for ever");
    assert!(took <= Duration::from_secs(6), "{took:?}");
    // Once it has answered, it is known to be reached, and missed as quickly as any.
    world.agent_is(true);
    world.checks(LastCheck::Passed, true);
    world.pass(STEP);
    world.checks(LastCheck::TimedOut, true);
    for _ in 0..40 {
        world.pass(STEP);
    }
    world.agent_is(false);
    world.checks(LastCheck::TimedOut, false);
    let took = world.until_lost().unwrap();
    assert!(took <= Duration::from_secs(2), "{took:?}");
}
