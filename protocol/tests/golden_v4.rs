//! The bytes of what version 4 added. Do not change this test: old builds speak these.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on says so by panicking")]

use protocol::leader::Leading;
use protocol::{AgentMessage, SupervisorMessage, Term};

#[test]
fn that_a_supervisor_leads_has_these_bytes_on_its_way_down_and_up() {
    let leading = Leading { node: "pi4".parse().unwrap(), term: Term(300) };
    let mut out = [0; 64];
    let down = SupervisorMessage::Leading(leading.clone());
    let length = down.encode(&mut out).unwrap();
    assert_eq!(&out[..length], b"\x09\x03pi4\xac\x02");
    assert_eq!(SupervisorMessage::decode(&out[..length]), Ok(down));
    let up = AgentMessage::Leading(leading);
    let length = up.encode(&mut out).unwrap();
    assert_eq!(&out[..length], b"\x08\x03pi4\xac\x02");
    assert_eq!(AgentMessage::decode(&out[..length]), Ok(up));
}
