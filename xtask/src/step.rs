//! The steps of a task: all are run, each is reported, and failures are listed at the end.

#![expect(
    clippy::disallowed_types,
    reason = "a person waits here, and no runtime whose time can be paused"
)]

use std::{
    ffi::OsStr,
    path::Path,
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use crate::Error;

pub(crate) struct Steps {
    started: Instant,
    count: usize,
    failed: Vec<String>,
}

impl Steps {
    pub(crate) fn new() -> Self {
        Self {
            started: Instant::now(),
            count: 0,
            failed: Vec::new(),
        }
    }

    /// Runs the command to its end, whether or not an earlier one failed.
    ///
    /// # Errors
    ///
    /// The command cannot be started at all.
    pub(crate) fn run(&mut self, command: &mut Command) -> Result<(), Error> {
        let line = shell_line(command);
        println!("$ {line}");
        let started = Instant::now();
        let status = command.status().map_err(Error::cargo)?;
        let seconds = seconds(started.elapsed());
        if status.success() {
            println!("ok, {seconds}\n");
        } else {
            println!("FAILED, {seconds} ({status})\n");
            self.failed.push(line);
        }
        self.count += 1;
        Ok(())
    }

    /// Counts a step that could not be run.
    pub(crate) fn missing(&mut self, what: &str) {
        println!("FAILED: {what}\n");
        self.count += 1;
        self.failed.push(what.to_owned());
    }

    pub(crate) fn finish(self) -> Result<(), Error> {
        if !self.failed.is_empty() {
            return Err(Error::failed(self.count, self.failed));
        }
        let seconds = seconds(self.started.elapsed());
        println!("all {} steps ok, {seconds}", self.count);
        Ok(())
    }
}

/// Runs one command that is a task by itself.
pub(crate) fn run(command: &mut Command) -> Result<(), Error> {
    let line = shell_line(command);
    println!("$ {line}");
    let status = command.status().map_err(Error::cargo)?;
    if status.success() {
        Ok(())
    } else {
        Err(Error::command(line, status))
    }
}

/// Runs one command quietly and returns what it wrote to its standard output. Its errors go to the terminal.
pub(crate) fn output(command: &mut Command) -> Result<String, Error> {
    let started = command.stderr(Stdio::inherit()).output();
    let output = started.map_err(|source| Error::program(command.get_program(), source))?;
    if !output.status.success() {
        return Err(Error::command(shell_line(command), output.status));
    }
    String::from_utf8(output.stdout)
        .map_err(|_| Error::unexpected(&shell_line(command), "what is no UTF-8"))
}

fn seconds(elapsed: Duration) -> String {
    format!("{:.1} s", elapsed.as_secs_f64())
}

/// The command as a person would type it at the root of the workspace.
fn shell_line(command: &Command) -> String {
    let variables = command
        .get_envs()
        .filter_map(|(name, value)| Some(format!("{}={}", name.to_string_lossy(), quoted(value?))));
    let program = Path::new(command.get_program());
    let program = program.file_name().map(quoted);
    let arguments = command.get_args().map(quoted);
    variables
        .chain(program)
        .chain(arguments)
        .collect::<Vec<_>>()
        .join(" ")
}

fn quoted(word: &OsStr) -> String {
    let word = word.to_string_lossy();
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_=./:,+@".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        word.into_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str) -> Command {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        command
    }

    #[test]
    fn a_line_can_be_pasted_into_a_shell() {
        let mut command = Command::new("/usr/bin/cargo");
        command
            .env("RUSTDOCFLAGS", "-D warnings")
            .args(["doc", "--package=a", "", "it's"]);

        assert_eq!(
            shell_line(&command),
            r"RUSTDOCFLAGS='-D warnings' cargo doc --package=a '' 'it'\''s'"
        );
    }

    #[test]
    fn steps_go_on_after_a_failure_and_list_every_one() {
        let mut steps = Steps::new();
        steps.run(&mut shell("exit 1")).unwrap();
        steps.run(&mut shell("exit 0")).unwrap();
        steps.missing("a tool is missing");

        assert_eq!(
            steps.finish().unwrap_err().to_string(),
            "2 of 3 steps failed:\n  sh -c 'exit 1'\n  a tool is missing"
        );
    }

    #[test]
    fn steps_without_a_failure_succeed() {
        let mut steps = Steps::new();
        steps.run(&mut shell("exit 0")).unwrap();

        assert!(steps.finish().is_ok());
    }
}
