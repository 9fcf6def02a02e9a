//! valgrind's callgrind: how many instructions a program takes, the same on every run and whatever else the machine does.

use std::{
    ffi::OsString,
    fs, io,
    path::Path,
    process::{Command, Stdio},
};

use crate::{Error, step};

/// # Errors
///
/// valgrind is not there; the text says how to get it.
pub(super) fn look_for() -> Result<(), Error> {
    let mut command = Command::new("valgrind");
    command.arg("--version").stdout(Stdio::null());
    command.status().map(drop).map_err(Error::valgrind)
}

/// Runs the program and returns its instructions, start and end included. The profile stays for `callgrind_annotate`.
pub(super) fn count(program: &Command, profile: &Path) -> Result<f64, Error> {
    let mut out = OsString::from("--callgrind-out-file=");
    out.push(profile);
    let mut command = Command::new("valgrind");
    command
        .args(["--quiet", "--tool=callgrind"])
        .arg(out)
        .arg(program.get_program())
        .args(program.get_args());
    step::output(&mut command)?;
    let text = fs::read_to_string(profile).map_err(|source| Error::file(profile, source))?;
    total(&text).ok_or_else(|| Error::file(profile, io::Error::other("there is no total in it")))
}

/// Callgrind's format, <https://valgrind.org/docs/manual/cl-format.html>: `totals: COUNT` at the end.
fn total(profile: &str) -> Option<f64> {
    let total = profile
        .lines()
        .find_map(|line| line.strip_prefix("totals: "));
    total?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_total_is_read_from_its_line() {
        let profile = "events: Ir\nsummary: 7\n\nfn=(1) main\n3 7\n\ntotals: 42\n";

        assert_eq!(total(profile), Some(42.0));
        assert_eq!(total("events: Ir\n"), None);
    }
}
