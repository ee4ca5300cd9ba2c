//! See `dr_laws::marks`.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| dr_laws::marks::hold(input));
