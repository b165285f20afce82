//! libFuzzer target: the stream decoder. What is asserted stands in the library.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| fuzz::stream(data));
