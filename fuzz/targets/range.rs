#![no_main]

libfuzzer_sys::fuzz_target!(init: peristyle_fuzz::start("range"), |bytes: &[u8]| peristyle_fuzz::check(bytes));
