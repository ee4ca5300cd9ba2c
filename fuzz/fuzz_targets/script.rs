//! See `dr_laws::script`.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| dr_laws::script::hold(input));
