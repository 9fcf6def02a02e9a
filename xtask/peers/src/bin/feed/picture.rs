//! What was measured, as bars.

use peristyle_peers::{
    Failure,
    chart::{self, Bars, Chart},
};

use crate::rounds::{Figure, Outcome};

/// The figures of a case that are shown: the first, by which servers are compared, and this one.
const SHOWN: &str = "p99";

/// The bars of a case under this title.
pub(crate) fn bars(title: &str, outcomes: &[Outcome]) -> Vec<Chart> {
    let measured = outcomes.iter().find_map(|it| it.figures.as_ref().ok());
    let columns = measured.map_or(&[][..], Vec::as_slice);
    let is_shown = |(number, figure): &(usize, &Figure)| *number == 0 || figure.what == SHOWN;
    let shown = columns.iter().enumerate().filter(is_shown);
    shown
        .map(|(_, column)| bars_of(title, column, outcomes).into())
        .collect()
}

fn bars_of(title: &str, column: &Figure, outcomes: &[Outcome]) -> Bars {
    let bars = Bars::new(&format!("{title}: {}", column.what), column.unit);
    let measured = outcomes
        .iter()
        .filter_map(|it| Some((it.server, it.figures.as_ref().ok()?)));
    measured.fold(bars, |bars, (server, figures)| {
        match figures.iter().find(|figure| figure.what == column.what) {
            Some(figure) => bars.bar(server, figure.spread),
            None => bars,
        }
    })
}

/// One below the other, in `target/bench/TITLE.svg`.
pub(crate) fn write(title: &str, charts: &[Chart]) -> Result<(), Failure> {
    if charts.is_empty() {
        return Ok(());
    }
    Ok(peristyle_peers::write_picture(title, &chart::svg(charts)?)?)
}

#[cfg(test)]
mod tests {
    use peristyle_peers::Spread;

    use super::*;

    #[test]
    fn a_picture_has_a_bar_for_each_server_that_was_measured() {
        let figure = |what| Figure {
            what,
            unit: "µs",
            spread: Spread::of(vec![5.0]),
            to_first: None,
        };
        let outcome = |server, figures| Outcome { server, figures };
        let outcomes = [
            outcome(
                "floor",
                Ok(vec![figure("cpu"), figure("user"), figure("p99")]),
            ),
            outcome("axum", Ok(vec![figure("cpu")])),
            outcome("actix", Err("it broke".to_owned())),
        ];
        let charts = bars("one/1000", &outcomes);
        assert_eq!(charts.len(), 2);
        let svg = chart::svg(&charts).unwrap();
        let count = |name: &str| svg.matches(&format!(">\n{name}\n<")).count();
        assert_eq!([count("floor"), count("axum"), count("actix")], [2, 1, 0]);
        assert_eq!([count("one/1000: cpu"), count("one/1000: p99")], [1, 1]);
    }
}
