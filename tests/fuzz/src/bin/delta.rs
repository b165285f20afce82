//! libFuzzer target: the changes of a report. What is asserted stands in the library.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| fuzz::delta(data));
