//! Cargo, run from the root of the workspace, and what it knows about the packages.

use std::{
    env,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use serde_json::Value;

use crate::Error;

/// The cargo that runs this task, so that a toolchain chosen with `cargo +NAME` stays chosen.
pub(crate) fn cargo() -> Command {
    let program = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(program);
    command.current_dir(root());
    command
}

pub(crate) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("xtask is a folder of the workspace")
}

/// Whether `cargo NAME` is there: rustup installs `fmt` and `clippy` as components of their own.
pub(crate) fn has_subcommand(name: &str) -> Result<bool, Error> {
    let status = cargo()
        .args([name, "--version"])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .map_err(Error::cargo)?;
    Ok(status.success())
}

pub(crate) struct Metadata {
    pub(crate) packages: Vec<Package>,
    pub(crate) target_directory: PathBuf,
}

pub(crate) struct Package {
    pub(crate) name: String,
    pub(crate) publishable: bool,
    pub(crate) has_doctests: bool,
    /// In alphabetical order, without `default`.
    pub(crate) features: Vec<String>,
}

impl Metadata {
    pub(crate) fn read() -> Result<Self, Error> {
        let output = cargo()
            .args(["metadata", "--format-version", "1", "--no-deps"])
            .output()
            .map_err(Error::cargo)?;
        if !output.status.success() {
            return Err(Error::metadata(String::from_utf8_lossy(&output.stderr)));
        }
        let json = serde_json::from_slice(&output.stdout).map_err(Error::metadata)?;
        Self::parse(&json).ok_or_else(|| Error::metadata("a field is missing"))
    }

    fn parse(json: &Value) -> Option<Self> {
        let packages = json["packages"].as_array()?;
        Some(Self {
            packages: packages.iter().map(Package::parse).collect::<Option<_>>()?,
            target_directory: json["target_directory"].as_str()?.into(),
        })
    }
}

impl Package {
    fn parse(json: &Value) -> Option<Self> {
        let targets = json["targets"].as_array()?;
        let features = json["features"].as_object()?.keys();
        Some(Self {
            name: json["name"].as_str()?.to_owned(),
            // Without `publish = false` this is null.
            publishable: json["publish"].is_null(),
            has_doctests: targets.iter().any(|target| target["doctest"] == true),
            features: features
                .filter(|name| *name != "default")
                .cloned()
                .collect(),
        })
    }
}

/// The executable of the target of this name, in what `cargo build --message-format=json` writes: each artifact is a line.
pub(crate) fn executable(messages: &str, name: &str) -> Option<PathBuf> {
    let artifacts = messages
        .lines()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let mut executables = artifacts
        .filter(|artifact| artifact["target"]["name"] == name)
        .filter_map(|artifact| Some(artifact["executable"].as_str()?.into()));
    executables.next()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn metadata_tells_what_is_published_and_which_features_stand_alone() {
        let json = json!({
            "target_directory": "/t",
            "packages": [{
                "name": "a",
                "publish": [],
                "targets": [{ "doctest": false }, { "doctest": true }],
                "features": { "default": [], "x": [], "y": ["x"] },
            }],
        });

        let metadata = Metadata::parse(&json).unwrap();

        let package = &metadata.packages[0];
        assert_eq!(metadata.target_directory, Path::new("/t"));
        assert_eq!(package.name, "a");
        assert_eq!(package.features, ["x", "y"]);
        assert!(!package.publishable);
        assert!(package.has_doctests);
    }

    #[test]
    fn metadata_without_packages_is_refused() {
        assert!(Metadata::parse(&json!({ "target_directory": "/t" })).is_none());
    }

    #[test]
    fn the_executable_is_that_of_the_target() {
        let messages = concat!(
            r#"{"reason":"compiler-artifact","target":{"name":"chain"},"executable":null}"#,
            "\nnot JSON\n",
            r#"{"reason":"compiler-artifact","target":{"name":"other"},"executable":"/o"}"#,
            "\n",
            r#"{"reason":"compiler-artifact","target":{"name":"chain"},"executable":"/c"}"#,
        );

        assert_eq!(executable(messages, "chain"), Some("/c".into()));
        assert_eq!(executable(messages, "third"), None);
    }
}
