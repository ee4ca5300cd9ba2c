//! See `dr_laws::lexer`.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| dr_laws::lexer::hold(input));
