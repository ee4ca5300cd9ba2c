//! See `dr_laws::conninfo`.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| dr_laws::conninfo::hold(input));
