//! Servers that take turns.

use std::io::{self, IsTerminal};

use peristyle_peers::{Failure, Process, Spread};

use crate::{
    reading::Reading,
    scenario::{Case, Scenario, Stand},
    server::Server,
    target::Target,
};

/// Who is measured, and how often.
pub(crate) struct Rounds {
    pub(crate) count: usize,
    pub(crate) servers: Vec<&'static Server>,
    pub(crate) elsewhere: Option<(Target, Option<Process>)>,
}

/// What one server was measured to take in one case.
pub(crate) struct Outcome {
    pub(crate) server: &'static str,
    /// Or why there is none.
    pub(crate) figures: Result<Vec<Figure>, String>,
}

/// One figure over all rounds.
pub(crate) struct Figure {
    pub(crate) what: &'static str,
    pub(crate) unit: &'static str,
    pub(crate) spread: Spread,
    /// To the same figure of the first server in the same round, if it has it.
    pub(crate) to_first: Option<Spread>,
}

/// The rounds of one server, up to the first that failed.
struct Line {
    server: &'static Server,
    rounds: Vec<Vec<Reading>>,
    failure: Option<String>,
}

impl Rounds {
    pub(crate) fn of(&self, scenario: &Scenario, case: &Case) -> Vec<Outcome> {
        let servers = self.servers.iter().copied();
        let able = servers.filter(|server| (scenario.has)(server, case));
        let mut lines: Vec<_> = able.map(Line::new).collect();
        for round in 1..=self.count {
            for line in lines.iter_mut().filter(|line| line.failure.is_none()) {
                let server = line.server.name;
                let (scenario_name, case_name, all) = (scenario.name, case.name, self.count);
                progress(&format!(
                    "{scenario_name}/{case_name} round {round} of {all}: {server}"
                ));
                let stand = Stand {
                    server: line.server,
                    elsewhere: self.elsewhere.as_ref(),
                };
                line.note(scenario.round(&stand, case));
            }
        }
        done();
        outcomes(&lines)
    }
}

impl Line {
    fn new(server: &'static Server) -> Self {
        Self {
            server,
            rounds: Vec::new(),
            failure: None,
        }
    }

    fn note(&mut self, round: Result<Vec<Reading>, Failure>) {
        match round {
            Ok(readings) => self.rounds.push(readings),
            Err(error) => self.failure = Some(error.to_string()),
        }
    }
}

fn outcomes(lines: &[Line]) -> Vec<Outcome> {
    let first = lines.first().map_or(&[][..], |line| &line.rounds);
    let outcome = |line: &Line| Outcome {
        server: line.server.name,
        figures: match &line.failure {
            Some(failure) => Err(failure.clone()),
            None => Ok(figures(&line.rounds, first)),
        },
    };
    lines.iter().map(outcome).collect()
}

fn figures(rounds: &[Vec<Reading>], first: &[Vec<Reading>]) -> Vec<Figure> {
    let readings = rounds.first().map_or(&[][..], Vec::as_slice);
    let figure = |reading: &Reading| {
        let own = values(rounds, reading.what);
        let pairs = own.iter().zip(values(first, reading.what));
        let ratios: Vec<_> = pairs.map(|(own, first)| own / first).collect();
        let are_there = !ratios.is_empty() && ratios.iter().all(|ratio| ratio.is_finite());
        Figure {
            what: reading.what,
            unit: reading.unit,
            spread: Spread::of(own),
            to_first: are_there.then(|| Spread::of(ratios)),
        }
    };
    readings.iter().map(figure).collect()
}

fn values(rounds: &[Vec<Reading>], what: &str) -> Vec<f64> {
    let of_rounds = rounds.iter().flatten();
    let named = of_rounds.filter(|reading| reading.what == what);
    named.map(|reading| reading.value).collect()
}

/// Where a person waits, what is being done, over what was done before.
#[expect(clippy::print_stderr, reason = "it is for who waits at the terminal")]
fn progress(what: &str) {
    if io::stderr().is_terminal() {
        eprint!("\r\x1b[2K{what}");
    } else {
        eprintln!("  {what}");
    }
}

#[expect(clippy::print_stderr, reason = "it is for who waits at the terminal")]
fn done() {
    if io::stderr().is_terminal() {
        eprint!("\r\x1b[2K");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rounds(values: &[f64]) -> Vec<Vec<Reading>> {
        let reading = |value: &f64| vec![Reading::new("cpu", "µs", *value)];
        values.iter().map(reading).collect()
    }

    #[test]
    fn a_ratio_is_to_the_first_server_in_the_same_round() {
        let figures = figures(&rounds(&[2.0, 9.0, 4.0]), &rounds(&[1.0, 3.0, 8.0]));
        assert_eq!(figures.len(), 1);
        assert_eq!(figures[0].spread, Spread::of(vec![2.0, 4.0, 9.0]));
        assert_eq!(figures[0].to_first, Some(Spread::of(vec![0.5, 2.0, 3.0])));
        assert_eq!(super::figures(&rounds(&[2.0]), &[])[0].to_first, None);
        assert_eq!(
            super::figures(&rounds(&[2.0]), &rounds(&[0.0]))[0].to_first,
            None
        );
    }

    #[test]
    fn a_server_that_failed_once_has_no_figures() {
        let mut line = Line::new(&crate::server::ELSEWHERE);
        line.note(Ok(vec![Reading::new("cpu", "µs", 1.0)]));
        line.note(Err("it broke".into()));
        let outcome = outcomes(&[line]).pop().unwrap();
        assert_eq!(outcome.figures.err().unwrap(), "it broke");
    }
}
