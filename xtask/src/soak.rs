//! One feed and a crowd of clients over real sockets for as long as it takes, while everything goes wrong, and a ledger of it.

use std::{
    ffi::{OsStr, OsString},
    process::Command,
};

use crate::{Error, peers, step};

const USAGE: &str = "\
Usage: cargo xtask soak feed [--deliveries N] [--clients N] [--seed S] [--minutes M]

Clients follow a feed over loopback and come back after every end, while servers are drained and replaced, the process
is killed, and clients are cut off in mid-event or do not read. Fails when an event was lost, repeated, reordered, or missing
without a word, and when there was too little of anything.

  --deliveries N  how many events clients must have got at least; default 10,000,000
  --clients N     how many there are; default 1,000, and at most what descriptors allow (`ulimit -n`)
  --seed S        of all that is drawn; default 1
  --minutes M     by when it must have come to its end; default 15

The ledger is also in `target/bench/soak_feed.json`.";

const FEED: &str = "feed";
const OPTIONS: [&str; 4] = ["--deliveries", "--clients", "--seed", "--minutes"];

pub(crate) fn run(arguments: &[OsString]) -> Result<(), Error> {
    let help = arguments.iter().any(|it| it == "--help" || it == "-h");
    if help || arguments.is_empty() {
        println!("{USAGE}");
        return Ok(());
    }
    check(arguments)?;
    step::run(&mut command(peers::release("run", "soak")?, arguments))
}

fn command(mut command: Command, arguments: &[OsString]) -> Command {
    command.arg("--").args(arguments);
    command
}

/// Before it is built, which takes minutes.
fn check(arguments: &[OsString]) -> Result<(), Error> {
    let Some((name, options)) = arguments.split_first() else {
        return Ok(());
    };
    if name != FEED {
        return Err(Error::unknown("soak", name));
    }
    for option in options.chunks(2) {
        if !OPTIONS.iter().any(|it| option[0] == *it) {
            return Err(Error::unknown("argument", &option[0]));
        }
        let number = option.get(1);
        let number = number.ok_or_else(|| Error::unknown("number after", &option[0]))?;
        if !is_number(number) {
            return Err(Error::unknown("number", number));
        }
    }
    Ok(())
}

fn is_number(word: &OsStr) -> bool {
    let number = word.to_str().map(str::parse::<u64>);
    number.is_some_and(|number| number.is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn checked(words: &[&str]) -> Result<(), String> {
        let words: Vec<_> = words.iter().map(OsString::from).collect();
        check(&words).map_err(|error| error.to_string())
    }

    #[test]
    fn what_the_soak_takes_is_handed_on() {
        let words = ["feed", "--deliveries", "500", "--seed", "7"];
        assert_eq!(checked(&words), Ok(()));
        let words = words.map(OsString::from);
        let command = command(Command::new("cargo"), &words);
        let arguments: Vec<_> = command.get_args().collect();
        assert_eq!(arguments[0], "--");
        assert_eq!(arguments[1..], words);
    }

    #[test]
    fn what_makes_no_sense_is_named_before_anything_is_built() {
        for (words, message) in [
            (&["fed"][..], "there is no soak `fed`"),
            (&["feed", "--sed", "1"], "there is no argument `--sed`"),
            (&["feed", "--seed"], "there is no number after `--seed`"),
            (&["feed", "--seed", "x"], "there is no number `x`"),
        ] {
            assert_eq!(checked(words), Err(message.to_owned()));
        }
    }
}
