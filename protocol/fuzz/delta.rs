//! libFuzzer target: the changes of a report. What is asserted stands in `invariants`.

#![no_main]

mod invariants;

libfuzzer_sys::fuzz_target!(|data: &[u8]| invariants::delta(data));
