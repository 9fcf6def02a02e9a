#![no_main]

libfuzzer_sys::fuzz_target!(init: peristyle_fuzz::start("parts"), |bytes: &[u8]| peristyle_fuzz::check(bytes));
