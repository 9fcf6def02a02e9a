//! An example as a program of its own.

use std::{
    env,
    path::{Path, PathBuf},
    process::Command,
};

/// `target/PROFILE/examples/NAME`, as this test is `target/PROFILE/deps/it-…`, built anew.
pub(crate) fn build(name: &str) -> PathBuf {
    let test = env::current_exe().expect("a test is a file");
    let profile = test.ancestors().nth(2).expect("a folder for the profile");
    build_in(profile, name);
    profile.join("examples").join(name)
}

/// `cargo test --test it` does not build the examples: a binary that is there may be of yesterday.
fn build_in(profile: &Path, name: &str) {
    let target = profile.parent().expect("a folder for all profiles");
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args(["build", "--quiet", "--package", env!("CARGO_PKG_NAME")]);
    cargo.args(["--example", name, "--target-dir"]).arg(target);
    cargo.args(profile.ends_with("release").then_some("--release"));
    let built = cargo.status().expect("cargo starts");
    assert!(built.success(), "the example builds");
}
