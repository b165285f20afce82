//! What the fuzz targets assert, on the golden bytes: whole, cut at every place, damaged at every byte.

#[path = "../fuzz/invariants.rs"]
mod invariants;

/// Every seed as it is, cut at every place, with every byte damaged, with something behind.
fn walk(kind: &str, head: &[u8], check: fn(&[u8])) {
    let seeds = invariants::golden(kind);
    assert!(!seeds.is_empty(), "no golden bytes of {kind}");
    for seed in seeds {
        let seed = [head, &seed].concat();
        check(&seed);
        check(&[&seed[..], &[0]].concat());
        for at in 0..seed.len() {
            check(&seed[..at]);
            for flip in [0x01, 0x80, 0xff] {
                let mut damaged = seed.clone();
                damaged[at] ^= flip;
                check(&damaged);
            }
        }
    }
}

#[test]
fn known_streams_cut_and_damaged() {
    walk("stream", &[3], invariants::stream);
}

#[test]
fn known_serial_lines_cut_and_damaged() {
    walk("serial", &[5], invariants::serial);
}

#[test]
fn known_messages_of_agents_cut_and_damaged() {
    walk("agent", &[], invariants::agent_message);
}

#[test]
fn known_messages_of_supervisors_cut_and_damaged() {
    walk("supervisor", &[], invariants::supervisor_message);
}

#[test]
fn known_changes_cut_and_damaged_on_every_base() {
    for base in 0..u8::try_from(invariants::known_reports().len()).unwrap() {
        walk("delta", &[base], invariants::delta);
        walk("delta-to-bare", &[base], invariants::delta);
    }
}
