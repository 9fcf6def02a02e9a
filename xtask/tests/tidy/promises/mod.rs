//! The promises of each crate and the tests that keep them: `PROMISES.md`.

mod numbers;
mod source;
mod table;

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use crate::{
    problems::Problems,
    workspace::{read, relative, root},
};

use self::{
    numbers::numbers,
    source::{Claim, claim},
    table::{Evidence, Row, parse},
};

struct Promises {
    folder: &'static str,
    /// Every number has exactly one row.
    made: &'static str,
    /// These have tests, and may not lose them.
    closed: &'static str,
}

const PROMISES: [Promises; 4] = [
    Promises {
        folder: "core",
        made: "C1-C48 T1-T5",
        closed: "C1-C48 T1-T5",
    },
    Promises {
        folder: "server",
        made: "S1-S35",
        closed: "S1-S35",
    },
    Promises {
        folder: "sse",
        made: "P1-P7 F1-F5 D1-D3 E1-E7 R1-R6 X1-X4 L1 H1-H24",
        closed: "P1-P7 F1-F5 D1-D3 E1-E7 R1-R6 X1-X4 L1 H1-H23",
    },
    Promises {
        folder: "streaming",
        made: "T6-T20",
        closed: "T6-T20",
    },
];

#[test]
fn every_promise_has_one_row_and_every_closed_one_a_test() {
    let mut problems = Problems::default();
    for promises in &PROMISES {
        match rows(promises) {
            Ok(rows) => problems.extend(in_table(promises, &rows)),
            Err(found) => problems.extend(found),
        }
    }
    problems.assert_none();
}

#[test]
fn every_test_named_by_a_promise_exists() {
    let mut problems = Problems::default();
    for promises in &PROMISES {
        // A table that cannot be read is the other test's finding.
        for row in rows(promises).unwrap_or_default() {
            problems.extend(in_sources(promises.folder, &row));
        }
    }
    problems.assert_none();
}

fn rows(promises: &Promises) -> Result<Vec<Row>, Vec<String>> {
    let path = root().join(promises.folder).join("PROMISES.md");
    let text = read(&path).map_err(|problem| vec![problem])?;
    let path = relative(&path);
    parse(&text).map_err(|problems| {
        let located = problems.iter().map(|problem| format!("{path}:{problem}"));
        located.collect()
    })
}

fn in_table(promises: &Promises, rows: &[Row]) -> Vec<String> {
    let mut by_number: BTreeMap<&str, Vec<&Row>> = BTreeMap::new();
    for row in rows {
        by_number.entry(&row.number).or_default().push(row);
    }
    let made = numbers(promises.made);
    let closed = numbers(promises.closed);
    let mut problems = Vec::new();
    for number in &made {
        let problem = match by_number.get(number.as_str()).map(Vec::as_slice) {
            None => "has no row",
            Some([row]) if row.evidence == Evidence::NotYet && closed.contains(number) => {
                "is closed, but its row says `not yet`"
            }
            Some([_]) => continue,
            Some(_) => "has more than one row",
        };
        problems.push(format!(
            "{}/PROMISES.md: {number} {problem}",
            promises.folder
        ));
    }
    for number in by_number
        .keys()
        .filter(|it| !made.iter().any(|made| made == *it))
    {
        problems.push(format!(
            "{}/PROMISES.md: {number} is no promise of this crate",
            promises.folder
        ));
    }
    problems
}

fn in_sources(folder: &str, row: &Row) -> Vec<String> {
    let Evidence::Tests(tests) = &row.evidence else {
        return Vec::new();
    };
    let problem = |test: &table::Test| {
        let path = path(folder, &test.file);
        let problem = match fs::read_to_string(&path).map(|text| claim(&text, &test.name)) {
            Ok(Claim::Test) => return None,
            Ok(Claim::Function) => format!("`{}` is no test: it has no attribute", test.name),
            Ok(Claim::Absent) => format!("there is no `fn {}(`", test.name),
            Err(error) => error.to_string(),
        };
        let (number, file) = (&row.number, relative(&path));
        Some(format!("{folder}/PROMISES.md: {number}: {file}: {problem}"))
    };
    tests.iter().filter_map(problem).collect()
}

/// A path is relative to the crate, also where it leads out of it; the examples are named from the root.
fn path(folder: &str, file: &str) -> PathBuf {
    let base = if file.starts_with("examples/") {
        root().to_owned()
    } else {
        root().join(folder)
    };
    base.join(Path::new(file))
}

#[cfg(test)]
mod tests {
    use super::*;

    const TWO: Promises = Promises {
        folder: "two",
        made: "A1-A2",
        closed: "A1",
    };

    fn check(table: &str) -> Vec<String> {
        in_table(&TWO, &parse(table).unwrap())
    }

    #[test]
    fn an_open_promise_may_wait_for_its_test() {
        assert_eq!(check("| A1 | a | `f::t` |\n| A2 | b | not yet |"), [""; 0]);
    }

    #[test]
    fn a_closed_promise_needs_a_test() {
        assert_eq!(
            check("| A1 | a | not yet |\n| A2 | b | not yet |"),
            ["two/PROMISES.md: A1 is closed, but its row says `not yet`"]
        );
    }

    #[test]
    fn missing_repeated_and_foreign_rows_are_all_said() {
        assert_eq!(
            check("| A2 | b | not yet |\n| A2 | b | not yet |\n| B1 | c | not yet |"),
            [
                "two/PROMISES.md: A1 has no row",
                "two/PROMISES.md: A2 has more than one row",
                "two/PROMISES.md: B1 is no promise of this crate",
            ]
        );
    }

    #[test]
    fn every_closed_promise_is_a_made_one() {
        for promises in &PROMISES {
            let made = numbers(promises.made);
            for number in numbers(promises.closed) {
                assert!(made.contains(&number), "{number}");
            }
        }
    }
}
