//! The programs that measure: a package's bench target, or the peers' program of the same name.

use std::{ffi::OsStr, path::PathBuf, process::Command};

use serde_json::Value;

use crate::{Error, cargo::cargo, peers, step};

pub(super) struct Binary {
    /// Of the figures that it measures.
    pub(super) title: String,
    name: &'static str,
    built_by: Builder,
}

enum Builder {
    Package(&'static str),
    Peers,
}

enum Goal {
    Run,
    Build,
}

impl Binary {
    pub(super) fn of_package(package: &'static str, name: &'static str) -> Self {
        Self {
            title: name.to_owned(),
            name,
            built_by: Builder::Package(package),
        }
    }

    pub(super) fn of_peers(name: &'static str) -> Self {
        Self {
            title: format!("{name}-peers"),
            name,
            built_by: Builder::Peers,
        }
    }

    pub(super) fn run(&self, arguments: &[&OsStr]) -> Result<(), Error> {
        let mut command = self.cargo(Goal::Run)?;
        if !arguments.is_empty() {
            command.arg("--").args(arguments);
        }
        step::run(&mut command)
    }

    /// Builds it and returns where the executable is.
    pub(super) fn build(&self) -> Result<PathBuf, Error> {
        let mut command = self.cargo(Goal::Build)?;
        command.arg("--message-format=json-render-diagnostics");
        executable(&step::output(&mut command)?, self.name)
            .ok_or_else(|| Error::unexpected("cargo", "no name of an executable"))
    }

    fn cargo(&self, goal: Goal) -> Result<Command, Error> {
        match (&self.built_by, goal) {
            (Builder::Package(package), Goal::Run) => Ok(bench(package, self.name)),
            (Builder::Package(package), Goal::Build) => {
                let mut command = bench(package, self.name);
                command.arg("--no-run");
                Ok(command)
            }
            (Builder::Peers, Goal::Run) => peers::release("run", self.name),
            (Builder::Peers, Goal::Build) => peers::release("build", self.name),
        }
    }
}

fn bench(package: &str, name: &str) -> Command {
    let mut command = cargo();
    command.args(["bench", "--package", package, "--bench", name]);
    command
}

/// What cargo says about each artifact is a line of JSON.
fn executable(messages: &str, name: &str) -> Option<PathBuf> {
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
    use super::*;

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
