use super::*;

/// The bytes of version 1. They are not edited: what is new is appended.
#[test]
fn the_bytes_of_an_exchange_stay_as_they_are() {
    let request = Request {
        ticket: Some(Ticket { id: TokenId([1, 2, 3, 4]), secret: postcard::from_bytes(&[9; 16]).unwrap() }),
        role: Role::Agent,
        name: "pi1".parse().unwrap(),
        key: PublicKey([7; 32]),
        proof: vec![5, 6],
    };
    let bytes = postcard::to_stdvec(&request).unwrap();
    let mut golden = vec![1, 8];
    golden.extend(b"01020304");
    golden.extend([9; 16]);
    golden.extend([0, 3]);
    golden.extend(b"pi1");
    golden.extend([7; 32]);
    golden.extend([2, 5, 6]);
    assert_eq!(bytes, golden);
    assert_eq!(postcard::from_bytes::<Request>(&golden).unwrap(), request);
    let granted = Answer::Granted(Grant { chain: vec![vec![1, 2], vec![3]] });
    assert_eq!(postcard::to_stdvec(&granted).unwrap(), [0, 2, 2, 1, 2, 1, 3]);
    let refusals = [
        (JoinRefusal::TokenUnknown, &[0][..]),
        (JoinRefusal::TokenExpired { at: WallTime(300) }, &[1, 0xac, 2]),
        (JoinRefusal::TokenSpent { uses: 3 }, &[2, 3]),
        (JoinRefusal::TokenRevoked, &[3]),
        (JoinRefusal::TokenForOtherRole, &[4]),
        (JoinRefusal::TokenForOtherNode, &[5]),
        (JoinRefusal::NameTaken, &[6]),
        (JoinRefusal::Revoked, &[7]),
        (JoinRefusal::NothingShown, &[8]),
        (JoinRefusal::NotTheAuthority, &[9]),
        (JoinRefusal::TooManyTries, &[10]),
        (JoinRefusal::Malformed, &[11]),
        (JoinRefusal::NotKept, &[12]),
        (JoinRefusal::Full, &[13]),
    ];
    for (refusal, golden) in refusals {
        let bytes = postcard::to_stdvec(&Answer::Refused(refusal)).unwrap();
        assert_eq!(bytes, [&[1], golden].concat(), "{refusal:?}");
    }
}

#[tokio::test]
async fn a_message_that_is_too_long_or_has_a_tail_is_not_read() {
    let long = (MESSAGE_BYTES_MAX as u16 + 1).to_be_bytes();
    assert!(read::<Answer>(&mut &long[..]).await.is_err());
    assert!(read::<Answer>(&mut &[0, 3, 1, 0, 0][..]).await.is_err());
    assert!(read::<Answer>(&mut &[0, 2, 1][..]).await.is_err());
    let refused = read::<Answer>(&mut &[0, 2, 1, 0][..]).await.unwrap();
    assert_eq!(refused, Answer::Refused(JoinRefusal::TokenUnknown));
}
