//! libFuzzer target: messages of supervisors. What is asserted stands in `invariants`.

#![no_main]

mod invariants;

libfuzzer_sys::fuzz_target!(|data: &[u8]| invariants::supervisor_message(data));
