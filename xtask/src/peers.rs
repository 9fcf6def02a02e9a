//! The package of peers: no part of the workspace, so that the workspace depends on none of them.

use std::process::Command;

use crate::{
    Error,
    cargo::{self, Metadata},
};

const MANIFEST: &str = "xtask/peers/Cargo.toml";

/// `cargo SUBCOMMAND` for it, built into a folder beside what the workspace builds.
pub(crate) fn cargo(subcommand: &str) -> Result<Command, Error> {
    let target = Metadata::read()?.target_directory.join("peers");
    let mut command = cargo::cargo();
    command.args([subcommand, "--manifest-path", MANIFEST, "--target-dir"]);
    command.arg(target);
    Ok(command)
}

/// `cargo SUBCOMMAND` for the program that is measured.
pub(crate) fn release(subcommand: &str, program: &str) -> Result<Command, Error> {
    let mut command = cargo(subcommand)?;
    command.args(["--release", "--bin", program]);
    Ok(command)
}

pub(crate) fn formatting() -> Command {
    let mut command = cargo::cargo();
    command.args(["fmt", "--manifest-path", MANIFEST, "--check"]);
    command
}
