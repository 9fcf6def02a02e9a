//! A program that libFuzzer runs: no part of the workspace, so that the workspace depends on no fuzzer.

use std::{
    collections::BTreeSet,
    fs, io,
    path::{Path, PathBuf},
    process::Command,
};

use crate::{
    Error,
    cargo::{Metadata, cargo},
    fuzz::Options,
    step::{self, Steps},
};

const MANIFEST: &str = "fuzz/Cargo.toml";

/// What libFuzzer needs to see which code was reached, and with what it was compared. A sanitizer would need more than a
/// stable compiler; without `unsafe`, a broken law or a panic is what there is to find.
const FLAGS: &str = "--cfg fuzzing -Ccodegen-units=1 -Cpasses=sancov-module \
    -Cllvm-args=-sanitizer-coverage-level=4 \
    -Cllvm-args=-sanitizer-coverage-inline-8bit-counters \
    -Cllvm-args=-sanitizer-coverage-pc-table \
    -Cllvm-args=-sanitizer-coverage-trace-compares \
    -Cllvm-args=-sanitizer-coverage-trace-divs";

/// A law is given up on an input that takes longer, in seconds.
const LONGEST: u32 = 10;

pub(crate) fn formatting() -> Command {
    let mut command = cargo();
    command.args(["fmt", "--manifest-path", MANIFEST, "--check"]);
    command
}

/// Lints the targets over the laws as a fuzzer sees them. Nothing is linked, so that it takes no C++ compiler.
pub(crate) fn lints() -> Result<Command, Error> {
    let mut command = cargo();
    command
        .env("RUSTFLAGS", "--cfg fuzzing")
        .args(["clippy", "--manifest-path", MANIFEST])
        .args(["--all-targets", "--no-default-features", "--target-dir"])
        .arg(folder()?)
        .args(["--", "-D", "warnings"]);
    Ok(command)
}

fn folder() -> Result<PathBuf, Error> {
    Ok(Metadata::read()?.target_directory.join("fuzz"))
}

pub(super) struct Runner {
    folder: PathBuf,
    host: String,
}

impl Runner {
    pub(super) fn new() -> Result<Self, Error> {
        let version = step::output(cargo().arg("-vV"))?;
        let host = version.lines().find_map(|line| line.strip_prefix("host: "));
        let host = host.ok_or_else(|| Error::unexpected("cargo -vV", "no line of its host"))?;
        Ok(Self {
            folder: folder()?,
            host: host.to_owned(),
        })
    }

    /// Says what was found, and how to see it again.
    pub(super) fn run(
        &self,
        name: &str,
        options: &Options,
        steps: &mut Steps,
    ) -> Result<(), Error> {
        let found = self.made(&["found", name])?;
        let before = files(&found)?;
        steps.run(&mut self.command(name, options, &found)?)?;
        for file in files(&found)?.difference(&before) {
            let bytes = fs::read(file).map_err(|source| Error::file(file, source))?;
            println!("found: b\"{}\"", bytes.escape_ascii());
            println!(
                "again: cargo xtask fuzz {name} --input {}\n",
                file.display()
            );
        }
        Ok(())
    }

    fn command(&self, name: &str, options: &Options, found: &Path) -> Result<Command, Error> {
        let corpus = self.made(&["corpus", name])?;
        let words = self.made(&["words"])?.join(name);
        let mut command = cargo();
        // With a target given, the flags are not those of build scripts.
        command
            .env("RUSTFLAGS", FLAGS)
            .env("FUZZ_SEEDS", &corpus)
            .env("FUZZ_WORDS", &words)
            .args(["run", "--release", "--manifest-path", MANIFEST])
            .args(["--target", &self.host, "--bin", name, "--target-dir"])
            .arg(&self.folder)
            .arg("--")
            .arg(format!("-artifact_prefix={}/", found.display()))
            .arg(format!("-timeout={LONGEST}"));
        match options {
            Options::Input(file) => command.arg(file),
            Options::Seconds(seconds) => command
                .arg(format!("-dict={}", words.display()))
                .arg(format!("-max_total_time={seconds}"))
                .args(["-print_final_stats=1", "-verbosity=1"])
                .arg(&corpus),
        };
        Ok(command)
    }

    fn made(&self, path: &[&str]) -> Result<PathBuf, Error> {
        let folder = path
            .iter()
            .fold(self.folder.clone(), |folder, name| folder.join(name));
        fs::create_dir_all(&folder).map_err(|source| Error::file(&folder, source))?;
        Ok(folder)
    }
}

fn files(folder: &Path) -> Result<BTreeSet<PathBuf>, Error> {
    let entries = || {
        fs::read_dir(folder)?
            .map(|entry| Ok(entry?.path()))
            .collect::<io::Result<_>>()
    };
    entries().map_err(|source| Error::file(folder, source))
}
