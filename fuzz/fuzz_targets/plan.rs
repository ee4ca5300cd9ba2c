//! See `dr_laws::plan`.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| dr_laws::plan::hold(input));
