//! libFuzzer target: what a supervisor sends. What is asserted stands in the library.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| fuzz::supervisor_message(data));
