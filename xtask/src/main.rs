//! `cargo xtask TASK`: every task that a person or CI runs on this workspace.

#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a task runner talks to the person at the terminal"
)]

mod bench;
mod cargo;
mod check;
mod demo;
mod docs;
mod error;
mod fuzz;
mod help;
mod load;
mod peers;
mod sim;
mod soak;
mod step;
mod test;

use std::{env, error::Error as _, ffi::OsString, process::ExitCode};

use crate::error::Error;

struct Task {
    name: &'static str,
    arguments: &'static str,
    about: &'static str,
    run: fn(&[OsString]) -> Result<(), Error>,
}

/// Help and dispatch both read this table.
const TASKS: [Task; 10] = [
    Task {
        name: "help",
        arguments: "",
        about: "list the tasks",
        run: help::run,
    },
    Task {
        name: "check",
        arguments: "[--peers]",
        about: "formatting, lints for each crate and feature alone, documentation, tidiness",
        run: check::run,
    },
    Task {
        name: "test",
        arguments: "[ARGS…]",
        about: "unit tests, integration tests, examples (ARGS go to `cargo test`), doctests, schedules",
        run: test::run,
    },
    Task {
        name: "sim",
        arguments: "[--seeds N | --seed S | fleet [--clients N] [--seed S]]",
        about: "simulate the server with broken networks and hostile clients, from many seeds or one; or deployments, with a fleet",
        run: sim::run,
    },
    Task {
        name: "bench",
        arguments: "[NAME [--peers] [--instructions] [ARGS…]]",
        about: "run a benchmark, beside others, or counting instructions; without a name, list them",
        run: bench::run,
    },
    Task {
        name: "fuzz",
        arguments: "[TARGET|all [--seconds N | --input FILE]]",
        about: "look for bytes of which a law does not hold; without a target, list them",
        run: fuzz::run,
    },
    Task {
        name: "load",
        arguments: "[NAME…]",
        about: "put a crowd before a server: load generators, and clients that mean no good",
        run: load::run,
    },
    Task {
        name: "soak",
        arguments: "[feed [ARGS…]]",
        about: "clients of a feed that lose their server and come back, millions of events, nothing lost",
        run: soak::run,
    },
    Task {
        name: "demo",
        arguments: "[ARGS…]",
        about: "run the live feed (ARGS go to the example)",
        run: demo::run,
    },
    Task {
        name: "docs",
        arguments: "",
        about: "build the documentation and say where it is",
        run: docs::run,
    },
];

fn main() -> ExitCode {
    let arguments: Vec<OsString> = env::args_os().skip(1).collect();
    match dispatch(&arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            report(&error);
            error.exit_code()
        }
    }
}

fn dispatch(arguments: &[OsString]) -> Result<(), Error> {
    let Some((name, rest)) = arguments.split_first() else {
        return help::run(&[]);
    };
    if name == "-h" || name == "--help" {
        return help::run(rest);
    }
    let task = TASKS
        .iter()
        .find(|task| name == task.name)
        .ok_or_else(|| Error::unknown("task", name))?;
    (task.run)(rest)
}

fn report(error: &Error) {
    eprintln!("error: {error}");
    let mut cause = error.source();
    while let Some(error) = cause {
        eprintln!("  caused by: {error}");
        cause = error.source();
    }
    if error.is_usage() {
        eprintln!("\n{}", help::text());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_task_is_named_and_ends_with_status_2() {
        let error = dispatch(&["frobnicate".into()]).unwrap_err();

        assert_eq!(error.to_string(), "there is no task `frobnicate`");
        assert!(error.is_usage());
    }

    #[test]
    fn a_task_without_arguments_refuses_them() {
        let error = dispatch(&["docs".into(), "--fix".into()]).unwrap_err();

        assert_eq!(
            error.to_string(),
            "`docs` takes no arguments, but got `--fix`"
        );
        assert!(error.is_usage());
    }

    #[test]
    fn an_unknown_argument_is_named() {
        for arguments in [&["check", "--fix"][..], &["check", "--fix", "--peers"]] {
            let arguments: Vec<_> = arguments.iter().map(OsString::from).collect();
            let error = dispatch(&arguments).unwrap_err();

            assert_eq!(error.to_string(), "there is no argument `--fix`");
            assert!(error.is_usage());
        }
    }

    #[test]
    fn every_task_has_one_line_in_the_help() {
        let help = help::text();
        for task in &TASKS {
            let lines = help
                .lines()
                .filter(|line| line.split_whitespace().next() == Some(task.name));
            assert_eq!(lines.count(), 1, "{}", task.name);
        }
    }
}
