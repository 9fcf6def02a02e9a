//! The laws of the crates by name. libFuzzer looks for bytes of which one does not hold.

mod target;

use std::{
    ffi::{OsStr, OsString},
    path::{Path, PathBuf},
};

pub(crate) use self::target::{formatting, lints};
use crate::{Error, fuzz::target::Runner, step::Steps};

struct Target {
    name: &'static str,
    about: &'static str,
}

const TARGETS: [Target; 11] = [
    Target {
        name: "cookies",
        about: "what a browser sends comes back",
    },
    Target {
        name: "event_law",
        about: "what is encoded as an event is decoded to the same",
    },
    Target {
        name: "events",
        about: "the decoder reads event streams as a plain reading does, however they are cut",
    },
    Target {
        name: "forms",
        about: "queries and forms are what the URL standard reads in them",
    },
    Target {
        name: "guard",
        about: "the guard, hyper and a plain reading find the same requests over HTTP/1.1",
    },
    Target {
        name: "h2",
        about: "frames of HTTP/2 are no more requests than they have heads",
    },
    Target {
        name: "multipart",
        about: "forms of parts are what a plain reading finds, however they come",
    },
    Target {
        name: "parts",
        about: "streamed parts are what a plain reading finds, each as soon as it is out",
    },
    Target {
        name: "range",
        about: "what is sent in ranges is what was asked for, byte by byte",
    },
    Target {
        name: "reading",
        about: "bodies read as lines or JSON are what a plain reading finds, however they come",
    },
    Target {
        name: "routes",
        about: "the address made of what a path matched matches the same",
    },
];

const USAGE: &str = "\
Usage: cargo xtask fuzz TARGET|all [--seconds N | --input FILE]

  --seconds N   how long each target looks. Default is 10
  --input FILE  try the bytes of one file, to see a failure again

It needs a C++ compiler, and no nightly one of Rust. What is found is kept in `target/fuzz/found`; make it a seed of its law in
`tests/laws` of its crate, where `cargo xtask test` tries it for ever. What reached more of the code is in `target/fuzz/corpus`, where the
next run goes on.

Targets:";

pub(crate) fn run(arguments: &[OsString]) -> Result<(), Error> {
    let Some((name, rest)) = arguments.split_first() else {
        list();
        return Ok(());
    };
    let targets = chosen(name)?;
    let options = Options::parse(rest)?;
    let runner = Runner::new()?;
    let mut steps = Steps::new();
    for target in targets {
        runner.run(target.name, &options, &mut steps)?;
    }
    steps.finish()
}

fn chosen(name: &OsStr) -> Result<&'static [Target], Error> {
    if name == "all" {
        return Ok(&TARGETS);
    }
    let target = TARGETS.iter().find(|target| name == target.name);
    let target = target.ok_or_else(|| Error::unknown("target", name))?;
    Ok(std::slice::from_ref(target))
}

fn list() {
    println!("{USAGE}");
    let width = TARGETS.iter().map(|target| target.name.len()).max();
    let width = width.unwrap_or_default();
    for target in &TARGETS {
        println!("  {:width$}  {}", target.name, target.about);
    }
}

#[derive(Debug, PartialEq)]
enum Options {
    Seconds(u32),
    Input(PathBuf),
}

impl Options {
    fn parse(words: &[OsString]) -> Result<Self, Error> {
        match words {
            [] => Ok(Self::Seconds(10)),
            [flag, input] if flag == "--input" => Ok(Self::Input(Path::new(input).into())),
            [flag, seconds] if flag == "--seconds" => {
                let number = seconds.to_str().and_then(|text| text.parse().ok());
                let number = number.ok_or_else(|| Error::unknown("number of seconds", seconds))?;
                Ok(Self::Seconds(number))
            }
            [word, ..] => Err(Error::unknown("argument", word)),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::cargo::root;

    fn parse(words: &[&str]) -> Result<Options, String> {
        let words: Vec<_> = words.iter().map(OsString::from).collect();
        Options::parse(&words).map_err(|error| error.to_string())
    }

    #[test]
    fn a_target_looks_for_a_time_or_tries_one_input() {
        assert_eq!(parse(&[]), Ok(Options::Seconds(10)));
        assert_eq!(parse(&["--seconds", "3"]), Ok(Options::Seconds(3)));
        assert_eq!(parse(&["--input", "a"]), Ok(Options::Input("a".into())));
        for (words, expected) in [
            (&["--seconds", "x"][..], "there is no number of seconds `x`"),
            (&["--seconds"], "there is no argument `--seconds`"),
            (&["--fast", "3"], "there is no argument `--fast`"),
        ] {
            assert_eq!(parse(words), Err(expected.to_owned()));
        }
    }

    #[test]
    fn an_unknown_target_is_named() {
        let error = run(&["frobnicate".into()]).unwrap_err();

        assert_eq!(error.to_string(), "there is no target `frobnicate`");
        assert!(error.is_usage());
    }

    #[test]
    fn every_program_of_the_fuzzer_is_a_target() {
        let programs = fs::read_dir(root().join("fuzz/targets")).unwrap();
        let mut names: Vec<_> = programs
            .map(|program| program.unwrap().path().with_extension(""))
            .map(|path| path.file_name().unwrap().to_owned())
            .collect();
        names.sort();
        assert_eq!(names, TARGETS.map(|target| OsString::from(target.name)));
    }
}
