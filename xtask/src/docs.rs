//! The documentation of what is published.

use std::ffi::OsString;

use crate::{
    Error,
    cargo::{Metadata, cargo},
    error::no_arguments,
    step,
};

pub(crate) fn run(arguments: &[OsString]) -> Result<(), Error> {
    no_arguments("docs", arguments)?;
    let metadata = Metadata::read()?;
    let mut command = cargo();
    command.args(["doc", "--workspace", "--no-deps", "--all-features"]);
    for package in metadata.packages.iter().filter(|it| !it.publishable) {
        command.args(["--exclude", &package.name]);
    }
    step::run(&mut command)?;
    let index = metadata.target_directory.join("doc/peristyle/index.html");
    println!("documentation: {}", index.display());
    Ok(())
}
