//! See `dr_laws::pattern`.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| dr_laws::pattern::hold(input));
