//! libFuzzer target: the stream decoder. What is asserted stands in `invariants`.

#![no_main]

mod invariants;

libfuzzer_sys::fuzz_target!(|data: &[u8]| invariants::stream(data));
