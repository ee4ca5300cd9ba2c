//! See `dr_laws::verify`.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| dr_laws::verify::hold(input));
