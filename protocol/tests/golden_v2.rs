//! The bytes of what version 2 added. Do not change this test: old builds speak these.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on says so by panicking")]

use protocol::standing::{Standing, Wish, Words};
use protocol::{AgentMessage, Generation, OrderId, Seconds, SupervisorMessage, Term};

fn standing() -> Standing {
    Standing {
        id: OrderId { term: Term(7), generation: Generation(300) },
        node: "pi4".parse().unwrap(),
        wish: Wish::Drain,
        left: Some(Seconds(7200)),
        who: Words::cut("ada"),
        why: Words::cut("fan"),
    }
}

/// All but the message's tag.
const BYTES: &[u8] = b"\x07\xac\x02\x03pi4\x01\x01\xa0\x38\x03ada\x03fan";

#[test]
fn a_standing_order_has_these_bytes_in_both_directions() {
    let mut out = [0; 64];
    let up = AgentMessage::Standing(standing());
    let length = up.encode(&mut out).unwrap();
    assert_eq!(&out[..length], [&[6], BYTES].concat());
    assert_eq!(AgentMessage::decode(&out[..length]), Ok(up));
    let down = SupervisorMessage::Standing(standing());
    let length = down.encode(&mut out).unwrap();
    assert_eq!(&out[..length], [&[7], BYTES].concat());
    assert_eq!(SupervisorMessage::decode(&out[..length]), Ok(down));
}

#[test]
fn every_wish_has_its_number() {
    for (number, wish) in [Wish::Withdrawn, Wish::Drain, Wish::Park, Wish::Awake].into_iter().enumerate() {
        let mut out = [0; 64];
        let length =
            AgentMessage::Standing(Standing { wish, left: None, ..standing() }).encode(&mut out).unwrap();
        assert_eq!(usize::from(out[..length][8]), number, "{wish}");
    }
}
