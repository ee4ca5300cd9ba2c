//! See `dr_laws::cluster`.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| dr_laws::cluster::hold(input));
