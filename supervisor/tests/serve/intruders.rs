//! Whatever a stranger sends costs the stranger its link, and nobody else anything.

use std::io::Write;
use std::net::{Shutdown, TcpStream};
use std::time::{Duration, Instant};

use protocol::Stage;
use protocol::message::{AgentMessage, Goodbye, Refusal, SupervisorMessage};

use crate::agent::{Agent, framed, hello, report};
use crate::served::Served;

/// A supervisor with one well-behaved agent on it.
fn with_a_friend(folder: &tempfile::TempDir) -> (Served, Agent) {
    let served = Served::start(folder.path());
    let friend = Agent::join_and_report(served.address, hello("friend"), report(90.0));
    (served, friend)
}

/// The friend's link is the one it always was, and works.
fn assert_undisturbed(served: &Served, friend: &mut Agent) {
    friend.report(report(89.0));
    assert_eq!(served.node("friend")["liveness"], "alive");
}

#[test]
fn garbage_is_refused_as_malformed() {
    let folder = tempfile::tempdir().unwrap();
    let (served, mut friend) = with_a_friend(&folder);
    let mut stranger = Agent::connect(served.address);
    stranger
        .write(b"GET /status HTTP/1.1\r\nHost: heliostat\r\nUser-Agent: a browser that went astray\r\n\r\n")
        .unwrap();
    assert_eq!(stranger.refusal(), Refusal::Malformed);
    assert_undisturbed(&served, &mut friend);
    served.wait_for_event("link_refused", |event| event["refusal"] == "malformed");
}

#[test]
fn a_frame_longer_than_any_message_is_refused_before_it_is_read() {
    let folder = tempfile::tempdir().unwrap();
    let (served, mut friend) = with_a_friend(&folder);
    let mut stranger = Agent::join(served.address, hello("stranger"));
    // The length 0x7f * 128 + 0x7f: 16 kB announced.
    stranger.write(&[0xff, 0x7f]).unwrap();
    assert_eq!(stranger.refusal(), Refusal::TooLong);
    assert_undisturbed(&served, &mut friend);
}

#[test]
fn a_future_version_is_told_ours_even_when_its_hello_has_an_unknown_tail() {
    let folder = tempfile::tempdir().unwrap();
    let (served, mut friend) = with_a_friend(&folder);
    let mut future = hello("future");
    (future.version_min, future.version_max) = (40, 41);
    let expected = Refusal::Version { min: protocol::VERSION_MIN, max: protocol::VERSION_CURRENT };
    let mut polite = Agent::connect(served.address);
    polite.say(&AgentMessage::Hello(future.clone()));
    assert_eq!(polite.refusal(), expected);
    let mut longer = framed(&AgentMessage::Hello(future));
    longer[0] += 3;
    longer.extend([1, 2, 3]);
    let mut strange = Agent::connect(served.address);
    strange.write(&longer).unwrap();
    assert_eq!(strange.refusal(), expected);
    assert_undisturbed(&served, &mut friend);
}

#[test]
fn a_message_before_the_hello_or_a_second_hello_is_out_of_order() {
    let folder = tempfile::tempdir().unwrap();
    let (served, mut friend) = with_a_friend(&folder);
    let mut early = Agent::connect(served.address);
    early.say(&AgentMessage::Goodbye(Goodbye::Stopping));
    assert_eq!(early.refusal(), Refusal::OutOfOrder);
    let mut twice = Agent::join(served.address, hello("twice"));
    twice.say(&AgentMessage::Hello(hello("twice")));
    assert_eq!(twice.refusal(), Refusal::OutOfOrder);
    assert_undisturbed(&served, &mut friend);
}

#[test]
fn who_says_nothing_is_refused_after_the_time_out() {
    let folder = tempfile::tempdir().unwrap();
    let served = Served::start_configured(folder.path(), "[links]\nhello_timeout = \"1 s\"");
    let mut silent = Agent::connect(served.address);
    assert_eq!(silent.refusal(), Refusal::Silent);
}

#[test]
fn links_beyond_the_limit_are_refused_and_a_place_that_is_free_again_is_taken() {
    let folder = tempfile::tempdir().unwrap();
    let served = Served::start_configured(folder.path(), "[links]\nmax = 2");
    let mut first = Agent::join_and_report(served.address, hello("pi1"), report(90.0));
    let second = Agent::join(served.address, hello("pi2"));
    assert_eq!(Agent::connect(served.address).refusal(), Refusal::Full);
    first.report(report(80.0));
    second.park();
    Agent::join_when_there_is_room(served.address, &hello("pi3"));
}

#[test]
fn a_newer_link_of_the_same_node_supersedes_the_older() {
    let folder = tempfile::tempdir().unwrap();
    let (served, mut older) = with_a_friend(&folder);
    let mut newer = Agent::join_and_report(served.address, hello("friend"), report(70.0));
    assert_eq!(older.refusal(), Refusal::Superseded);
    assert_undisturbed(&served, &mut newer);
}

#[test]
fn a_gigabyte_of_noise_leaves_memory_bounded_and_other_links_untouched() {
    const GIGABYTE: u64 = 1 << 30;
    let folder = tempfile::tempdir().unwrap();
    let (served, mut friend) = with_a_friend(&folder);
    let before_kb = served.memory_max_kb();
    let noise = noise();
    let (mut sent, mut connections) = (0, 0);
    while sent < GIGABYTE {
        connections += 1;
        let mut stranger = TcpStream::connect(served.address).unwrap();
        stranger.set_write_timeout(Some(Duration::from_secs(20))).unwrap();
        // Every other stranger is welcomed first, and goes mad then.
        if connections % 2 == 0 {
            stranger.write_all(&framed(&AgentMessage::Hello(hello("madman")))).unwrap();
        }
        while sent < GIGABYTE {
            match stranger.write(&noise) {
                Ok(count) => sent += count as u64,
                Err(_) => break,
            }
        }
        // It may be closed from the other side already.
        let _ = stranger.shutdown(Shutdown::Both);
        if connections % 50 == 0 {
            let asked = Instant::now();
            friend.report(report(88.0));
            assert!(asked.elapsed() < Duration::from_secs(5), "others must not wait: {:?}", asked.elapsed());
        }
    }
    assert_undisturbed(&served, &mut friend);
    let grown_kb = served.memory_max_kb() - before_kb;
    assert!(grown_kb < 16 * 1024, "grown by {grown_kb} kB over {connections} connections");
    let listed = served.events().iter().filter(|event| event["kind"] == "link_refused").count();
    assert!(listed < 200, "a flood is counted, not listed: {listed}");
}

/// A block that is no message from whichever byte it is read.
fn noise() -> Vec<u8> {
    let mut state = 0x9e37_79b9_u32;
    let byte = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 24) as u8
    };
    std::iter::repeat_with(byte).take(256 * 1024).collect()
}

#[test]
fn a_node_that_climbed_by_itself_is_ordered_to_stay_there() {
    let folder = tempfile::tempdir().unwrap();
    let served = Served::start(folder.path());
    let mut climbed = report(76.0);
    (climbed.stage, climbed.floor) = (Stage::Shed, Stage::Shed);
    climbed.reason = protocol::Reason::SocUnknown;
    let mut agent = Agent::join_and_report(served.address, hello("pi1"), climbed);
    let order = agent.hear_until(|message| match message {
        SupervisorMessage::Order(order) => Some(order.clone()),
        _ => None,
    });
    assert_eq!(order.stage, Stage::Shed);
    assert!(order.valid_for.0 > 0);
}
