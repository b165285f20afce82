//! libFuzzer target: the serial decoder. What is asserted stands in `invariants`.

#![no_main]

mod invariants;

libfuzzer_sys::fuzz_target!(|data: &[u8]| invariants::serial(data));
