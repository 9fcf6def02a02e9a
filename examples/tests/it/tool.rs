//! Programs that a test drives, and that a machine may lack.

use std::{
    env,
    io::{self, Write},
    path::{Path, PathBuf},
    process::Stdio,
};

use tokio::process::Command;

/// Where `program` is; `None` where it is not, after saying loudly that its test is skipped.
///
/// # Panics
///
/// When it is not there and the environment has `CI=true`.
pub(crate) fn require(program: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    // Debian's nginx is where users' paths do not lead.
    let folders = env::split_paths(&path).chain([PathBuf::from("/usr/sbin")]);
    required(program, find(program, folders))
}

/// What was found, or `None` as [`require`] says it.
pub(crate) fn required<T>(what: &str, found: Option<T>) -> Option<T> {
    let ci = env::var("CI").as_deref() == Ok("true");
    match verdict(what, found.is_some(), ci) {
        Verdict::Run => {}
        // The harness captures what the print macros write.
        Verdict::Skip(notice) => io::stderr()
            .write_all(notice.as_bytes())
            .expect("standard error is open"),
        Verdict::Fail(message) => panic!("{message}"),
    }
    found
}

/// A program whose standard streams are pipes. It is killed when it is dropped.
pub(crate) fn command(program: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(program);
    command.args(arguments).kill_on_drop(true);
    command.stdin(Stdio::piped()).stdout(Stdio::piped());
    command.stderr(Stdio::piped());
    command
}

/// What becomes of a test that needs a program.
#[derive(Debug, PartialEq, Eq)]
enum Verdict {
    Run,
    /// With what to say on standard error.
    Skip(String),
    /// With what to panic.
    Fail(String),
}

fn verdict(program: &str, found: bool, ci: bool) -> Verdict {
    match (found, ci) {
        (true, _) => Verdict::Run,
        (false, false) => Verdict::Skip(format!("\n*** SKIPPED: there is no {program} ***\n\n")),
        (false, true) => Verdict::Fail(format!("there is no {program}, and CI must have it")),
    }
}

fn find(program: &str, folders: impl Iterator<Item = PathBuf>) -> Option<PathBuf> {
    folders
        .map(|folder| folder.join(program))
        .find(|path| path.is_file())
}

#[test]
fn a_missing_program_skips_its_test_loudly_but_fails_it_in_ci() {
    let skip = Verdict::Skip("\n*** SKIPPED: there is no lynx ***\n\n".to_owned());
    let fail = Verdict::Fail("there is no lynx, and CI must have it".to_owned());
    for (found, ci, expected) in [
        (true, false, Verdict::Run),
        (true, true, Verdict::Run),
        (false, false, skip),
        (false, true, fail),
    ] {
        let verdict = verdict("lynx", found, ci);
        assert_eq!(verdict, expected, "found: {found}, CI: {ci}");
    }
}

#[test]
fn a_program_is_found_in_the_first_folder_that_has_it() {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let folders = || ["/nowhere".into(), here.join("tests/it"), here.into()].into_iter();
    assert_eq!(
        find("hello.rs", folders()),
        Some(here.join("tests/it/hello.rs"))
    );
    assert_eq!(find("Cargo.toml", folders()), Some(here.join("Cargo.toml")));
    assert_eq!(find("tests", folders()), None, "a folder");
}
