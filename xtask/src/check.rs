//! Everything that can be said about the code without running it.

use std::{ffi::OsString, process::Command};

use crate::{
    Error,
    cargo::{Metadata, Package, cargo, has_subcommand},
    fuzz, peers,
    step::Steps,
};

pub(crate) fn run(arguments: &[OsString]) -> Result<(), Error> {
    let with_peers = with_peers(arguments)?;
    let metadata = Metadata::read()?;
    let mut steps = Steps::new();
    formatting(&mut steps)?;
    lints(&mut steps, &metadata)?;
    documentation(&mut steps)?;
    steps.run(cargo().args(["test", "--package", "xtask"]))?;
    if with_peers {
        of_peers(&mut steps)?;
    }
    steps.finish()
}

/// The peers take minutes to build, and nothing else depends on them: they are checked when asked for.
fn with_peers(arguments: &[OsString]) -> Result<bool, Error> {
    match arguments.iter().find(|it| *it != "--peers") {
        None => Ok(!arguments.is_empty()),
        Some(unknown) => Err(Error::unknown("argument", unknown)),
    }
}

fn formatting(steps: &mut Steps) -> Result<(), Error> {
    if !has_subcommand("fmt")? {
        steps.missing("rustfmt is missing; get it with `rustup component add rustfmt`");
        return Ok(());
    }
    steps.run(cargo().args(["fmt", "--all", "--check"]))?;
    steps.run(&mut fuzz::formatting())
}

fn lints(steps: &mut Steps, metadata: &Metadata) -> Result<(), Error> {
    if !has_subcommand("clippy")? {
        steps.missing("clippy is missing; get it with `rustup component add clippy`");
        return Ok(());
    }
    steps.run(&mut clippy(&[
        "--workspace",
        "--all-targets",
        "--all-features",
    ]))?;
    for package in metadata.packages.iter().filter(|it| it.publishable) {
        alone(steps, package)?;
    }
    steps.run(&mut fuzz::lints()?)
}

/// A feature that is on elsewhere in the workspace can hide what a crate by itself lacks.
///
/// Only the library is built: dev-dependencies would turn features on again.
fn alone(steps: &mut Steps, package: &Package) -> Result<(), Error> {
    let bare = ["--package", &package.name, "--lib", "--no-default-features"];
    steps.run(&mut clippy(&bare))?;
    for feature in &package.features {
        let with_feature = [&bare[..], &["--features", feature]].concat();
        steps.run(&mut clippy(&with_feature))?;
    }
    if package.features.len() > 1 {
        steps.run(&mut clippy(&[
            "--package",
            &package.name,
            "--lib",
            "--all-features",
        ]))?;
    }
    Ok(())
}

fn clippy(arguments: &[&str]) -> Command {
    let mut command = cargo();
    command
        .arg("clippy")
        .args(arguments)
        .args(["--", "-D", "warnings"]);
    command
}

fn of_peers(steps: &mut Steps) -> Result<(), Error> {
    steps.run(&mut peers::formatting())?;
    steps.run(peers::cargo("clippy")?.args(["--all-targets", "--", "-D", "warnings"]))?;
    steps.run(&mut peers::cargo("test")?)
}

fn documentation(steps: &mut Steps) -> Result<(), Error> {
    steps.run(
        cargo()
            .env("RUSTDOCFLAGS", "-D warnings -D rustdoc::all")
            .args(["doc", "--workspace", "--no-deps", "--all-features"]),
    )
}
