//! The programs that measure: a package's bench target, or the peers' program of the same name.

use std::{ffi::OsStr, path::PathBuf, process::Command};

use crate::{
    Error,
    cargo::{cargo, executable},
    peers, step,
};

pub(super) struct Binary {
    /// Of the figures that it measures.
    pub(super) title: String,
    name: &'static str,
    built_by: Builder,
    /// Another program among the peers that it starts.
    beside: Option<&'static str>,
    /// What chooses the cases.
    choice: Option<&'static str>,
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
            beside: None,
            choice: None,
        }
    }

    pub(super) fn of_peers(name: &'static str) -> Self {
        Self {
            title: format!("{name}-peers"),
            ..Self::of_floor(name)
        }
    }

    /// A program among the peers that measures none of them unless it is told to.
    pub(super) fn of_floor(name: &'static str) -> Self {
        Self {
            title: name.to_owned(),
            name,
            built_by: Builder::Peers,
            beside: None,
            choice: None,
        }
    }

    /// It starts another program, which is built before it runs.
    pub(super) fn beside(self, other: &'static str) -> Self {
        let beside = Some(other);
        Self { beside, ..self }
    }

    pub(super) fn with(self, choice: &'static str) -> Self {
        let choice = Some(choice);
        Self { choice, ..self }
    }

    pub(super) fn run(&self, arguments: &[&OsStr]) -> Result<(), Error> {
        if let Some(other) = self.beside {
            step::run(&mut peers::release("build", other)?)?;
        }
        let mut command = self.cargo(Goal::Run)?;
        if self.choice.is_some() || !arguments.is_empty() {
            command.arg("--").args(self.choice).args(arguments);
        }
        step::run(&mut command)
    }

    /// What chooses the cases, for the program that was built.
    pub(super) fn choice(&self) -> Option<&'static str> {
        self.choice
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
