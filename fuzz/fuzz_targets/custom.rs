//! See `dr_laws::custom`.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| dr_laws::custom::hold(input));
