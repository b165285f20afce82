//! libFuzzer target: messages of agents. What is asserted stands in `invariants`.

#![no_main]

mod invariants;

libfuzzer_sys::fuzz_target!(|data: &[u8]| invariants::agent_message(data));
