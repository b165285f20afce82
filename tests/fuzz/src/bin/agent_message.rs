//! libFuzzer target: what an agent sends. What is asserted stands in the library.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| fuzz::agent_message(data));
