//! What was measured, for people and for programs.

use peristyle_peers::spread_figures;
use serde_json::Value;

use crate::rounds::{Figure, Outcome};

/// A row for each server: its figures, and the first of them beside that of the first server.
pub(crate) fn rows(outcomes: &[Outcome]) -> Vec<String> {
    let mut measured = outcomes.iter().filter_map(|it| it.figures.as_ref().ok());
    let columns = measured.next().map_or(&[][..], Vec::as_slice);
    let heading = heading(columns);
    let rows = outcomes.iter().map(|outcome| row(outcome, columns));
    [heading].into_iter().chain(rows).collect()
}

fn heading(columns: &[Figure]) -> String {
    let mut titles = columns.iter().map(|figure| {
        let title = format!("{} {}", figure.what, figure.unit);
        format!("  {title:>16}")
    });
    let first = titles.next().unwrap_or_default();
    let others: String = titles.collect();
    let (server, to_first, range) = ("server", "to first", "min..max");
    format!("{server:<13}  {to_first:>8}{first}  {range:<16}{others}")
}

/// The first figure has its least and greatest beside it. One that the first server has and this one has not is left out.
fn row(outcome: &Outcome, columns: &[Figure]) -> String {
    let server = outcome.server;
    let figures = match &outcome.figures {
        Err(failure) => return format!("{server:<13}  FAILED: {failure}"),
        Ok(figures) => figures,
    };
    let own = |column: &Figure| figures.iter().find(|figure| figure.what == column.what);
    let first = columns.first().and_then(own);
    let ratio = first.and_then(|it| it.to_first);
    let ratio = ratio.map_or_else(String::new, |it| format!("{:.3}", it.median));
    let range = first.map_or_else(String::new, |it| it.spread.range(digits(it)));
    let mut cells = columns.iter().map(|it| cell(own(it)));
    let cell = cells.next().unwrap_or_default();
    let others: String = cells.collect();
    format!("{server:<13}  {ratio:>8}{cell}  {range:<16}{others}")
}

fn cell(figure: Option<&Figure>) -> String {
    let value = figure.map(value);
    format!("  {:>16}", value.as_deref().unwrap_or("-"))
}

/// The median. Of clients the least and the greatest: one round in which some are turned away is too many.
fn value(figure: &Figure) -> String {
    match figure.unit {
        "clients" => figure.spread.range(0),
        _ => format!("{:.*}", digits(figure), figure.spread.median),
    }
}

fn digits(figure: &Figure) -> usize {
    match figure.spread.median {
        ..100.0 => 2,
        _ => 0,
    }
}

/// The same for programs, under `SCENARIO/CASE/SERVER/WHAT`.
pub(crate) fn json(case: &str, outcomes: &[Outcome]) -> Vec<Value> {
    let measured = outcomes
        .iter()
        .filter_map(|it| Some((it.server, it.figures.as_ref().ok()?)));
    let each = |(server, figure): (&str, &Figure)| {
        let name = format!("{case}/{server}/{}", figure.what);
        let own = spread_figures(&name, figure.spread, figure.unit);
        let ratio = figure.to_first.into_iter();
        let ratio =
            ratio.flat_map(move |it| spread_figures(&format!("{name}/to_first"), it, "ratio"));
        own.into_iter().chain(ratio)
    };
    let figures = measured.flat_map(|(server, figures)| figures.iter().map(move |it| (server, it)));
    figures.flat_map(each).collect()
}

#[cfg(test)]
mod tests {
    use peristyle_peers::Spread;

    use super::*;

    fn outcomes() -> [Outcome; 2] {
        let figure = Figure {
            what: "cpu",
            unit: "µs",
            spread: Spread::of(vec![1.0, 2.0, 4.0]),
            to_first: Some(Spread::of(vec![1.0])),
        };
        [
            Outcome {
                server: "floor",
                figures: Ok(vec![figure]),
            },
            Outcome {
                server: "axum",
                figures: Err("it broke".to_owned()),
            },
        ]
    }

    #[test]
    fn a_row_has_the_figures_or_why_there_are_none() {
        let rows = rows(&outcomes());
        assert_eq!(rows.len(), 3);
        assert!(rows[0].contains("cpu µs"));
        assert!(rows[1].starts_with("floor") && rows[1].contains("2.00  1.00..4.00"));
        assert_eq!(rows[2], "axum           FAILED: it broke");
    }

    #[test]
    fn a_figure_stands_below_its_name_also_when_another_is_missing() {
        let figure = |what, value| Figure {
            what,
            unit: "B",
            spread: Spread::of(vec![value]),
            to_first: Some(Spread::of(vec![1.0])),
        };
        let outcome = |server, figures| Outcome {
            server,
            figures: Ok(figures),
        };
        let outcomes = [
            outcome("floor", vec![figure("heap", 1.0), figure("resident", 2.0)]),
            outcome("nchan", vec![figure("resident", 3.0)]),
        ];
        let rows = rows(&outcomes);
        assert_eq!(rows[1].find("2.00"), rows[2].find("3.00"));
        assert!(rows[2].contains(" - "));
    }

    #[test]
    fn one_round_in_which_clients_are_turned_away_is_seen() {
        let figure = |what, unit| Figure {
            what,
            unit,
            spread: Spread::of(vec![0.0, 0.0, 7.0]),
            to_first: None,
        };
        let outcome = Outcome {
            server: "floor",
            figures: Ok(vec![figure("served", "ms"), figure("drops", "clients")]),
        };
        assert!(rows(&[outcome])[1].ends_with(" 0..7"));
    }

    #[test]
    fn programs_get_what_was_measured() {
        let figures = json("one/1000", &outcomes());
        assert_eq!(figures.len(), 6);
        assert_eq!(figures[0]["name"], "one/1000/floor/cpu");
        assert_eq!(figures[0]["value"], 2.0);
        assert_eq!(figures[3]["name"], "one/1000/floor/cpu/to_first");
    }
}
