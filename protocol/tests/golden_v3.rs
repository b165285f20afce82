//! The bytes of what version 3 added. Do not change this test: old builds speak these.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on says so by panicking")]

use protocol::engine::{EngineOrder, EngineOutcome, EngineReason, EngineRefusal};
use protocol::standing::Words;
use protocol::{AgentMessage, Generation, OrderId, Seconds, Stage, SupervisorMessage, Term};

const ID: OrderId = OrderId { term: Term(7), generation: Generation(300) };

#[test]
fn an_order_to_restart_the_engine_has_these_bytes() {
    let order = EngineOrder { id: ID, reason: EngineReason::HeldDown { since: Seconds(200) } };
    let message = SupervisorMessage::RestartEngine(order);
    let mut out = [0; 64];
    let length = message.encode(&mut out).unwrap();
    assert_eq!(&out[..length], b"\x08\x07\xac\x02\x00\xc8\x01");
    assert_eq!(SupervisorMessage::decode(&out[..length]), Ok(message));
}

#[test]
fn every_outcome_of_it_has_these_bytes() {
    let newest = OrderId { term: Term(8), generation: Generation(1) };
    let results: [(Result<(), EngineRefusal>, &[u8]); 9] = [
        (Ok(()), b"\x00"),
        (Err(EngineRefusal::NotConfigured), b"\x01\x00"),
        (Err(EngineRefusal::Older { newest }), b"\x01\x01\x08\x01"),
        (Err(EngineRefusal::Saving { stage: Stage::Drain }), b"\x01\x02\x03"),
        (Err(EngineRefusal::Ending), b"\x01\x03"),
        (Err(EngineRefusal::UnderWay), b"\x01\x04"),
        (Err(EngineRefusal::Again { after: Seconds(61) }), b"\x01\x05\x3d"),
        (Err(EngineRefusal::TimedOut), b"\x01\x06"),
        (Err(EngineRefusal::Failed { why: Words::cut("no unit") }), b"\x01\x07\x07no unit"),
    ];
    for (result, bytes) in results {
        let message = AgentMessage::Engine(EngineOutcome { id: ID, result });
        let mut out = [0; 64];
        let length = message.encode(&mut out).unwrap();
        assert_eq!(&out[..length], [&b"\x07\x07\xac\x02"[..], bytes].concat(), "{message:?}");
        assert_eq!(AgentMessage::decode(&out[..length]), Ok(message));
    }
}
