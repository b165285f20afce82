//! Messages to bytes and back.

use proptest::collection::vec;
use proptest::prelude::*;
use protocol::frame::MESSAGE_BYTES_MAX;
use protocol::{AgentMessage, DecodeError, EncodeError, SupervisorMessage};

use crate::any;

proptest! {
    #[test]
    fn an_agents_message_comes_back_as_it_was(message in any::agent_message()) {
        let mut out = [0; MESSAGE_BYTES_MAX];
        let length = message.encode(&mut out).unwrap();
        prop_assert_eq!(AgentMessage::decode(&out[..length]), Ok(message));
    }

    #[test]
    fn a_supervisors_message_comes_back_as_it_was(message in any::supervisor_message()) {
        let mut out = [0; MESSAGE_BYTES_MAX];
        let length = message.encode(&mut out).unwrap();
        prop_assert_eq!(SupervisorMessage::decode(&out[..length]), Ok(message));
    }

    #[test]
    fn a_message_cut_short_or_with_something_behind_is_an_error(
        message in any::agent_message(), cut in any::<prop::sample::Index>(), behind in any::<u8>(),
    ) {
        let mut out = [0; MESSAGE_BYTES_MAX + 1];
        let length = message.encode(&mut out).unwrap();
        prop_assert!(AgentMessage::decode(&out[..cut.index(length)]).is_err());
        out[length] = behind;
        let error = if length == MESSAGE_BYTES_MAX { DecodeError::TooLong } else { DecodeError::Trailing };
        prop_assert_eq!(AgentMessage::decode(&out[..=length]), Err(error));
    }

    #[test]
    fn a_buffer_too_small_is_an_error_and_never_a_shorter_message(
        message in any::supervisor_message(), cut in any::<prop::sample::Index>(),
    ) {
        let mut out = [0; MESSAGE_BYTES_MAX];
        let length = message.encode(&mut out).unwrap();
        prop_assert_eq!(message.encode(&mut out[..cut.index(length)]), Err(EncodeError::NoRoom));
    }

    #[test]
    fn arbitrary_bytes_are_a_message_that_can_be_encoded_or_an_error(
        bytes in vec(any::<u8>(), 0..200), tag in 0..8_u8,
    ) {
        let bytes = [&[tag][..], &bytes].concat();
        let mut out = [0; MESSAGE_BYTES_MAX];
        if let Ok(message) = AgentMessage::decode(&bytes) {
            prop_assert!(message.encode(&mut out).unwrap() <= bytes.len());
        }
        if let Ok(message) = SupervisorMessage::decode(&bytes) {
            prop_assert!(message.encode(&mut out).unwrap() <= bytes.len());
        }
    }
}

#[test]
fn more_bytes_than_any_message_has_are_refused_unread() {
    let bytes = [0; MESSAGE_BYTES_MAX + 1];
    assert_eq!(AgentMessage::decode(&bytes), Err(DecodeError::TooLong));
    assert_eq!(SupervisorMessage::decode(&bytes), Err(DecodeError::TooLong));
}

#[test]
fn unknown_variants_are_malformed() {
    assert_eq!(AgentMessage::decode(&[9]), Err(DecodeError::Malformed));
    assert_eq!(SupervisorMessage::decode(&[10]), Err(DecodeError::Malformed));
    assert_eq!(SupervisorMessage::decode(&[1, 12]), Err(DecodeError::Malformed), "a refusal to come");
    assert_eq!(AgentMessage::decode(&[]), Err(DecodeError::Truncated));
}
