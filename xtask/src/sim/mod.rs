//! Worlds of a server and its clients, each from a seed: more of them than the tests run, or one of them again. And a fleet of
//! clients that lives through deployments.

mod fleet;

use std::{
    ffi::{OsStr, OsString},
    process::Command,
};

use crate::{Error, cargo::cargo, step};

pub(crate) fn run(arguments: &[OsString]) -> Result<(), Error> {
    match arguments.split_first() {
        Some((name, rest)) if name == "fleet" => fleet::run(rest),
        _ => step::run(&mut command(&Which::parse(arguments)?)),
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Which {
    /// As many as the tests run.
    Usual,
    First(u64),
    One(u64),
}

impl Which {
    fn parse(words: &[OsString]) -> Result<Self, Error> {
        match words {
            [] => Ok(Self::Usual),
            [name, count] if name == "--seeds" => number(count).map(Self::First),
            [name, seed] if name == "--seed" => number(seed).map(Self::One),
            [name] if name == "--seeds" || name == "--seed" => {
                Err(Error::unknown("number after", name))
            }
            [name, _, unknown, ..] if name == "--seeds" || name == "--seed" => {
                Err(Error::unknown("argument", unknown))
            }
            [unknown, ..] => Err(Error::unknown("argument", unknown)),
        }
    }
}

fn number(word: &OsStr) -> Result<u64, Error> {
    let number = word.to_str().and_then(|word| word.parse().ok());
    number.ok_or_else(|| Error::unknown("number", word))
}

fn command(which: &Which) -> Command {
    let mut command = cargo();
    command
        .args(["test", "--package", "peristyle-server", "--test", "sim"])
        .args(["--", "every_seed_keeps_the_laws"]);
    match which {
        Which::Usual => {}
        Which::First(count) => {
            command.env("PERISTYLE_SIM_SEEDS", count.to_string());
        }
        Which::One(seed) => {
            command.env("PERISTYLE_SIM_SEED", seed.to_string());
        }
    }
    command
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(words: &[&str]) -> Result<Which, String> {
        let words: Vec<_> = words.iter().map(OsString::from).collect();
        Which::parse(&words).map_err(|error| error.to_string())
    }

    #[test]
    fn so_many_seeds_are_run_or_one() {
        assert_eq!(parse(&[]), Ok(Which::Usual));
        assert_eq!(parse(&["--seeds", "5000"]), Ok(Which::First(5000)));
        assert_eq!(parse(&["--seed", "17"]), Ok(Which::One(17)));
    }

    #[test]
    fn what_is_no_number_and_what_is_unknown_is_named() {
        for (words, message) in [
            (&["--seeds"][..], "there is no number after `--seeds`"),
            (&["--seed", "x"], "there is no number `x`"),
            (&["--seed", "1", "2"], "there is no argument `2`"),
            (&["--sed", "1"], "there is no argument `--sed`"),
        ] {
            assert_eq!(parse(words), Err(message.to_owned()));
        }
    }
}
