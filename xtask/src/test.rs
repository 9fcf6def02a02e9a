//! Everything that must be run to be known. The tidy tests belong to `check`.

use std::{ffi::OsString, process::Command};

use crate::{
    Error,
    cargo::{Metadata, cargo},
    step::Steps,
};

pub(crate) fn run(arguments: &[OsString]) -> Result<(), Error> {
    let metadata = Metadata::read()?;
    let mut steps = Steps::new();
    // Naming the kinds of target leaves the benchmarks out.
    steps.run(
        workspace_tests()
            .args(["--exclude", "xtask"])
            .args(["--lib", "--bins", "--tests", "--examples"])
            .args(arguments),
    )?;
    steps.run(&mut doctests(&metadata))?;
    steps.run(&mut schedules(&metadata))?;
    steps.finish()
}

/// The orders in which threads can meet at a channel or a feed: loom's types are in the place of the real ones, all the way down.
///
/// Optimised a little: more takes longer to build than it saves.
fn schedules(metadata: &Metadata) -> Command {
    let mut command = cargo();
    command
        .env("RUSTFLAGS", "--cfg loom")
        .env("CARGO_PROFILE_DEV_OPT_LEVEL", "1")
        .env("CARGO_PROFILE_DEV_DEBUG", "0")
        .env("CARGO_TARGET_DIR", metadata.target_directory.join("loom"))
        .args([
            "test",
            "--package",
            "peristyle-core",
            "--package",
            "peristyle-sse",
            "--lib",
        ])
        .arg("::schedules::");
    command
}

fn doctests(metadata: &Metadata) -> Command {
    let mut command = workspace_tests();
    command.arg("--doc");
    for package in metadata.packages.iter().filter(|it| !it.has_doctests) {
        command.args(["--exclude", &package.name]);
    }
    command
}

fn workspace_tests() -> Command {
    let mut command = cargo();
    command.args(["test", "--workspace", "--all-features"]);
    command
}
