//! See `dr_laws::toc`.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| dr_laws::toc::hold(input));
