//! What a crowd does to a server: known load generators against an example, and scenarios of many sockets.

mod report;
mod smoke;

use std::{
    ffi::{OsStr, OsString},
    process::Command,
};

use crate::{Error, cargo::cargo, peers, step};

const USAGE: &str = "\
Usage: cargo xtask load [NAME…]

Runs these, or all of them:
  smoke      wrk and h2load against the example `hello`: no request may fail
  slowloris  10,000 clients that never end a request's head, beside an honest one
  unread     100 clients that ask for 50 MB and do not read them
  drain      SIGTERM with 10,000 event streams open
  leave      100,000 clients that leave at any point, in memory: the heap stays as it is

The scenarios need more than 10,000 descriptors for each process (`ulimit -n`).";

const SMOKE: &str = "smoke";
const LEAVE: &str = "leave";
/// A test that runs with fewer when it runs with all others.
const LEAVE_TEST: &str = "leaves::the_heap_is_as_it_was_after_each_thousand_clients_that_left";
const LEAVING_CLIENTS: &str = "100000";
const SCENARIOS: [&str; 3] = ["slowloris", "unread", "drain"];

pub(crate) fn run(arguments: &[OsString]) -> Result<(), Error> {
    if arguments.iter().any(|it| it == "--help" || it == "-h") {
        println!("{USAGE}");
        return Ok(());
    }
    let chosen = Chosen::parse(arguments)?;
    if chosen.smoke {
        smoke::run()?;
    }
    if chosen.leave {
        step::run(&mut leave())?;
    }
    if chosen.scenarios.is_empty() {
        return Ok(());
    }
    let mut command = peers::release("run", "load")?;
    step::run(command.arg("--").args(&chosen.scenarios))
}

fn leave() -> Command {
    let mut command = cargo();
    command
        .env("PERISTYLE_LEAVE_CLIENTS", LEAVING_CLIENTS)
        .args(["test", "--release", "--package", "peristyle"])
        .args(["--all-features", "--test", "streams"])
        .args(["--", "--exact", LEAVE_TEST]);
    command
}

#[derive(Debug, PartialEq)]
struct Chosen<'a> {
    smoke: bool,
    leave: bool,
    scenarios: Vec<&'a OsStr>,
}

impl<'a> Chosen<'a> {
    fn parse(names: &'a [OsString]) -> Result<Self, Error> {
        if names.is_empty() {
            return Ok(Self {
                smoke: true,
                leave: true,
                scenarios: SCENARIOS.map(OsStr::new).to_vec(),
            });
        }
        let is_task = |name: &&OsString| *name == SMOKE || *name == LEAVE;
        let is_known = |name: &&OsString| is_task(name) || SCENARIOS.iter().any(|it| *name == it);
        if let Some(unknown) = names.iter().find(|name| !is_known(name)) {
            return Err(Error::unknown("load", unknown));
        }
        let scenarios = names.iter().filter(|name| !is_task(name));
        Ok(Self {
            smoke: names.iter().any(|name| name == SMOKE),
            leave: names.iter().any(|name| name == LEAVE),
            scenarios: scenarios.map(OsString::as_os_str).collect(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_a_name_all_are_run() {
        let chosen = Chosen::parse(&[]).unwrap();

        assert!(chosen.smoke && chosen.leave);
        assert_eq!(chosen.scenarios, SCENARIOS);
    }

    #[test]
    fn named_ones_are_run_and_no_other() {
        let names = ["drain", "unread"].map(OsString::from);
        let chosen = Chosen::parse(&names).unwrap();

        assert!(!chosen.smoke && !chosen.leave);
        assert_eq!(chosen.scenarios, ["drain", "unread"]);
        let names = ["smoke", "leave"].map(OsString::from);
        let chosen = Chosen::parse(&names).unwrap();
        assert!(chosen.smoke && chosen.leave && chosen.scenarios.is_empty());
    }

    #[test]
    fn an_unknown_one_is_named() {
        let error = Chosen::parse(&["drain", "flood"].map(OsString::from)).unwrap_err();

        assert_eq!(error.to_string(), "there is no load `flood`");
        assert!(error.is_usage());
    }
}
