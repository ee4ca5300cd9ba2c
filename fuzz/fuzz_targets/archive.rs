//! See `dr_laws::archive`.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| dr_laws::archive::hold(input));
