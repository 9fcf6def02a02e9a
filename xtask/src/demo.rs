//! The first thing to look at.

use std::ffi::OsString;

use crate::{Error, cargo::cargo, step};

pub(crate) fn run(arguments: &[OsString]) -> Result<(), Error> {
    step::run(
        cargo()
            .args(["run", "--release", "--example", "live_feed", "--"])
            .args(arguments),
    )
}
