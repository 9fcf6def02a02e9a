//! A fleet of clients that lives through deployments of its service, in figures and pictures.

use std::{ffi::OsString, fs, path::Path, process::Command};

use super::number;
use crate::{
    Error,
    cargo::{Metadata, cargo},
    peers, step,
};

pub(super) fn run(words: &[OsString]) -> Result<(), Error> {
    let fleet = Fleet::parse(words)?;
    let folder = Metadata::read()?.target_directory.join("sim");
    fs::create_dir_all(&folder).map_err(|source| Error::file(&folder, source))?;
    step::run(&mut fleet.simulation(&folder.join("fleet.json")))?;
    step::run(&mut pictures(&folder)?)
}

#[derive(Debug, PartialEq, Eq)]
struct Fleet {
    clients: u64,
    seed: u64,
}

impl Fleet {
    fn parse(mut words: &[OsString]) -> Result<Self, Error> {
        let mut fleet = Self {
            clients: 50_000,
            seed: 1,
        };
        while let Some((name, rest)) = words.split_first() {
            let value = match name.to_str() {
                Some("--clients") => &mut fleet.clients,
                Some("--seed") => &mut fleet.seed,
                _ => return Err(Error::unknown("argument", name)),
            };
            let (word, rest) = rest
                .split_first()
                .ok_or_else(|| Error::unknown("number after", name))?;
            *value = number(word)?;
            words = rest;
        }
        Ok(fleet)
    }

    /// Optimised: so many clients take a minute then.
    fn simulation(&self, figures: &Path) -> Command {
        let mut command = cargo();
        command
            .args(["test", "--release", "--package", "peristyle-sse"])
            .args(["--features", "client", "--lib", "--"])
            .args([
                "client::fleet::a_fleet_of_any_size_keeps_the_laws",
                "--exact",
            ])
            .env("PERISTYLE_FLEET_CLIENTS", self.clients.to_string())
            .env("PERISTYLE_FLEET_SEED", self.seed.to_string())
            .env("PERISTYLE_FLEET_FIGURES", figures);
        command
    }
}

/// The table as well.
fn pictures(folder: &Path) -> Result<Command, Error> {
    let mut command = peers::cargo("run")?;
    command
        .args(["--quiet", "--bin", "fleet", "--"])
        .arg(folder);
    Ok(command)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(words: &[&str]) -> Result<Fleet, String> {
        let words: Vec<_> = words.iter().map(OsString::from).collect();
        Fleet::parse(&words).map_err(|error| error.to_string())
    }

    #[test]
    fn a_fleet_has_so_many_clients_and_a_seed() {
        let fleet = |clients, seed| Ok(Fleet { clients, seed });
        assert_eq!(parse(&[]), fleet(50_000, 1));
        assert_eq!(parse(&["--clients", "7000"]), fleet(7_000, 1));
        assert_eq!(parse(&["--seed", "9", "--clients", "800"]), fleet(800, 9));
    }

    #[test]
    fn what_is_no_number_and_what_is_unknown_is_named() {
        for (words, message) in [
            (&["--clients"][..], "there is no number after `--clients`"),
            (&["--seed", "x"], "there is no number `x`"),
            (&["--seeds", "3"], "there is no argument `--seeds`"),
        ] {
            assert_eq!(parse(words), Err(message.to_owned()));
        }
    }
}
