//! What the compiler says about wrong shapes. The texts are those of one compiler; others word the rest differently.

use std::{
    env,
    io::{self, Write},
    process::Command,
};

/// The compiler that the texts in `tests/ui` were recorded with.
const RECORDED_WITH: &str = "rustc 1.95.";

#[test]
fn a_wrong_shape_is_told_what_to_write_instead() {
    let rustc = env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let version = Command::new(rustc).arg("-V").output().unwrap().stdout;
    let version = String::from_utf8(version).unwrap();
    if version.starts_with(RECORDED_WITH) {
        trybuild::TestCases::new().compile_fail("tests/ui/*.rs");
    } else {
        // Straight to the terminal: the test harness would keep a printed line to itself.
        let skipped = format!("SKIPPED: core/tests/ui wants {RECORDED_WITH}x, this is {version}");
        io::stderr().write_all(skipped.as_bytes()).unwrap();
    }
}
