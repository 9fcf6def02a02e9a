//! The benchmarks by name. Each prints its own table and writes its own JSON into `target/bench`.

mod binary;
mod callgrind;
mod counter;
mod instructions;
mod servers;

use std::ffi::{OsStr, OsString};

use crate::{Error, bench::binary::Binary};

struct Bench {
    name: &'static str,
    about: &'static str,
    alone: fn() -> Binary,
    with_peers: fn() -> Binary,
    /// Counts the instructions of its cases.
    count: fn(&Binary) -> Result<(), Error>,
}

const BENCHES: [Bench; 5] = [
    Bench {
        name: "chain",
        about: "what an interceptor costs: time and allocations by depth",
        alone: || Binary::of_package("peristyle-core", "chain"),
        with_peers: || Binary::of_peers("chain"),
        count: instructions::run,
    },
    Bench {
        name: "codec",
        about: "what it costs to decode and encode events, by their size and that of the chunks",
        alone: || Binary::of_floor("codec"),
        with_peers: || Binary::of_peers("codec").with("--peers"),
        count: |binary| servers::run(binary, "pass", [2, 10]),
    },
    Bench {
        name: "feed",
        about: "what it costs to publish to many followers: CPU time, latency and memory, at rest and when things go wrong",
        alone: || Binary::of_floor("feed").beside("feed_heap"),
        with_peers: || Binary::of_peers("feed").beside("feed_heap").with("--peers"),
        count: |_| Err(Error::unknown("argument", "--instructions".as_ref())),
    },
    Bench {
        name: "http",
        about: "what a request costs the server over HTTP/1.1, beside the engine that it stands on",
        alone: || Binary::of_floor("http"),
        with_peers: || Binary::of_peers("http").with("--peers"),
        // Many, since every so many requests the server does something besides.
        count: |binary| servers::run(binary, "request", [500, 2500]),
    },
    Bench {
        name: "stream",
        about: "what a value of a stream costs the server over HTTP/1.1, beside the engine that it stands on",
        alone: || Binary::of_floor("stream"),
        with_peers: || Binary::of_peers("stream").with("--peers"),
        // Many, since the server writes several values at once, and as many as the client has room for.
        count: |binary| servers::run(binary, "value", [2_000, 12_000]),
    },
];

const USAGE: &str = "\
Usage: cargo xtask bench NAME [--peers] [--instructions] [ARGS…]

  --peers         measure others as well, side by side
  --instructions  count instructions with valgrind's callgrind instead of time
  ARGS…           go to the benchmark

Benchmarks:";

pub(crate) fn run(arguments: &[OsString]) -> Result<(), Error> {
    let Some((name, rest)) = arguments.split_first() else {
        list();
        return Ok(());
    };
    let bench = BENCHES
        .iter()
        .find(|bench| name == bench.name)
        .ok_or_else(|| Error::unknown("benchmark", name))?;
    let options = Options::parse(rest);
    let binary = if options.peers {
        (bench.with_peers)()
    } else {
        (bench.alone)()
    };
    if options.instructions {
        options.refuse_arguments()?;
        (bench.count)(&binary)
    } else {
        binary.run(&options.arguments)
    }
}

#[derive(Debug, Default, PartialEq)]
struct Options<'a> {
    peers: bool,
    instructions: bool,
    arguments: Vec<&'a OsStr>,
}

impl<'a> Options<'a> {
    fn parse(words: &'a [OsString]) -> Self {
        let mut options = Self::default();
        for word in words {
            match word.to_str() {
                Some("--peers") => options.peers = true,
                Some("--instructions") => options.instructions = true,
                _ => options.arguments.push(word),
            }
        }
        options
    }

    fn refuse_arguments(&self) -> Result<(), Error> {
        match self.arguments.first() {
            None => Ok(()),
            Some(word) => Err(Error::unknown("argument", word)),
        }
    }
}

fn list() {
    println!("{USAGE}");
    for bench in &BENCHES {
        println!("  {}  {}", bench.name, bench.about);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_flag_of_the_task_goes_to_the_benchmark() {
        let words = ["--case", "--peers", "a", "--instructions"].map(OsString::from);

        let expected = Options {
            peers: true,
            instructions: true,
            arguments: vec!["--case".as_ref(), "a".as_ref()],
        };
        assert_eq!(Options::parse(&words), expected);
    }

    #[test]
    fn counting_instructions_takes_no_arguments() {
        let error = run(&["chain", "--instructions", "x"].map(OsString::from)).unwrap_err();

        assert_eq!(error.to_string(), "there is no argument `x`");
        assert!(error.is_usage());
    }
}
