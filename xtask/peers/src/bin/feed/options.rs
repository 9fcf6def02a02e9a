//! What is to be measured.

use peristyle_peers::{Failure, Process};

use crate::{
    nginx::Nginx,
    rounds::Rounds,
    scenario::{Case, SCENARIOS, Scenario},
    server::{ELSEWHERE, Kind, SERVERS, Server},
    target::Target,
};

/// Fewer have no median to speak of.
const ROUNDS: usize = 5;

#[derive(Debug, PartialEq)]
pub(crate) struct Options<'a> {
    peers: bool,
    url: Option<&'a str>,
    publish: Option<&'a str>,
    pid: Option<u32>,
    rounds: usize,
    /// The most that are asked for in a case.
    followers: usize,
    /// Those that are measured; without a name, all.
    only: Vec<&'a str>,
    scenarios: Vec<&'a str>,
}

impl<'a> Options<'a> {
    pub(crate) fn parse(arguments: &[&'a str]) -> Result<Self, Failure> {
        let mut options = Self {
            peers: false,
            url: None,
            publish: None,
            pid: None,
            rounds: ROUNDS,
            followers: usize::MAX,
            only: Vec::new(),
            scenarios: Vec::new(),
        };
        let mut words = arguments.iter().copied();
        while let Some(word) = words.next() {
            let mut value = || {
                words
                    .next()
                    .ok_or_else(|| format!("`{word}` needs a value"))
            };
            match word {
                "--peers" => options.peers = true,
                "--url" => options.url = Some(value()?),
                "--publish" => options.publish = Some(value()?),
                "--pid" => options.pid = Some(value()?.parse()?),
                "--rounds" => options.rounds = value()?.parse()?,
                "--followers" => options.followers = value()?.parse()?,
                "--server" => options.only.push(value()?),
                _ if word.starts_with('-') => {
                    return Err(format!("there is no option `{word}`").into());
                }
                _ => options.scenarios.push(word),
            }
        }
        options.checked()
    }

    fn checked(self) -> Result<Self, Failure> {
        if self.rounds == 0 {
            return Err("there is at least one round".into());
        }
        if self.url.is_none() && (self.publish.is_some() || self.pid.is_some()) {
            return Err("`--publish` and `--pid` go with `--url`".into());
        }
        let known = |name: &&&str| SERVERS.iter().any(|server| server.name == **name);
        match self.only.iter().find(|name| !known(name)) {
            Some(unknown) => Err(format!("there is no server `{unknown}`").into()),
            None => Ok(self),
        }
    }

    /// Those that were named, or all.
    pub(crate) fn scenarios(&self) -> Result<Vec<&'static Scenario>, Failure> {
        if self.scenarios.is_empty() {
            return Ok(SCENARIOS.iter().collect());
        }
        self.scenarios
            .iter()
            .map(|name| Scenario::named(name))
            .collect()
    }

    /// Those of a scenario that are not too large.
    pub(crate) fn cases(&self, scenario: &'static Scenario) -> impl Iterator<Item = &'static Case> {
        let cases = scenario.cases.iter();
        cases.filter(|case| case.followers <= self.followers)
    }

    /// Of the figures.
    pub(crate) fn title(&self) -> &'static str {
        match (self.url, self.peers) {
            (Some(_), _) => "feed-url",
            (None, true) => "feed-peers",
            (None, false) => "feed",
        }
    }

    pub(crate) fn rounds(&self) -> Result<Rounds, Failure> {
        let target = self.url.map(|url| Target::of(url, self.publish));
        let elsewhere = target
            .transpose()?
            .map(|it| (it, self.pid.map(Process::of)));
        Ok(Rounds {
            count: self.rounds,
            servers: self.servers(),
            elsewhere,
        })
    }

    fn servers(&self) -> Vec<&'static Server> {
        if self.url.is_some() {
            return vec![&ELSEWHERE];
        }
        let chosen = |server: &&Server| {
            let by_default = self.only.is_empty() && (self.peers || !server.is_peer);
            by_default || self.only.contains(&server.name)
        };
        let is_there = |server: &&Server| server.kind != Kind::Nginx || Nginx::module().is_some();
        SERVERS.iter().filter(chosen).filter(is_there).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(arguments: &[&str]) -> Vec<&'static str> {
        let servers = Options::parse(arguments).unwrap().servers();
        servers.iter().map(|server| server.name).collect()
    }

    #[test]
    fn others_are_measured_when_they_are_asked_for() {
        assert_eq!(names(&[]), ["floor", "hyper", "peristyle", "through_hyper"]);
        assert!(names(&["--peers"]).contains(&"axum"));
        assert_eq!(
            names(&["--server", "axum", "--server", "floor"]),
            ["floor", "axum"]
        );
        assert_eq!(names(&["--peers", "--url", "http://a/"]), ["url"]);
    }

    #[test]
    fn what_is_no_option_is_a_scenario() {
        let options = Options::parse(&["--rounds", "2", "one"]).unwrap();
        assert_eq!(options.rounds, 2);
        let chosen = options.scenarios().unwrap();
        assert_eq!(chosen.len(), 1);
        assert_eq!(chosen[0].name, "one");
        let all = Options::parse(&[]).unwrap().scenarios().unwrap();
        assert_eq!(all.len(), SCENARIOS.len());
    }

    #[test]
    fn cases_with_too_many_followers_are_left_out() {
        let one = Scenario::named("one").unwrap();
        let cases = |arguments: &[&str]| Options::parse(arguments).unwrap().cases(one).count();
        assert_eq!(cases(&[]), 2);
        assert_eq!(cases(&["--followers", "1000"]), 1);
    }

    #[test]
    fn what_is_wrong_is_named() {
        for (arguments, said) in [
            (&["--fast"][..], "there is no option `--fast`"),
            (&["--rounds"], "`--rounds` needs a value"),
            (&["--rounds", "0"], "there is at least one round"),
            (&["--pid", "1"], "`--publish` and `--pid` go with `--url`"),
            (&["--server", "iis"], "there is no server `iis`"),
        ] {
            assert_eq!(Options::parse(arguments).unwrap_err().to_string(), said);
        }
        let two = Options::parse(&["two"]).unwrap();
        let error = two.scenarios().err().unwrap();
        assert_eq!(error.to_string(), "there is no scenario `two`");
    }
}
