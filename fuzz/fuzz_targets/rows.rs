//! See `dr_laws::rows`.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| dr_laws::rows::hold(input));
