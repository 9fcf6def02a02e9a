//! The table in a `PROMISES.md`: number, promise, and the tests that keep it.
//!
//! ```text
//! | C1 | stages run in order and back | `tests/it/order.rs::in_order`, `src/chain.rs::back` |
//! | C2 | a stage that is absent is skipped | not yet |
//! ```

#[derive(Debug, PartialEq)]
pub(super) struct Row {
    pub(super) number: String,
    pub(super) evidence: Evidence,
}

#[derive(Debug, PartialEq)]
pub(super) enum Evidence {
    NotYet,
    Tests(Vec<Test>),
}

#[derive(Debug, PartialEq)]
pub(super) struct Test {
    pub(super) file: String,
    pub(super) name: String,
}

/// Reads the rows that start with a number; text, headings and other tables are passed over.
///
/// # Errors
///
/// Every row that cannot be read, each as `LINE: what is wrong`.
pub(super) fn parse(markdown: &str) -> Result<Vec<Row>, Vec<String>> {
    let mut rows = Vec::new();
    let mut problems = Vec::new();
    for (index, line) in markdown.lines().enumerate() {
        match cells(line).as_deref().and_then(row) {
            None => {}
            Some(Ok(row)) => rows.push(row),
            Some(Err(problem)) => problems.push(format!("{}: {problem}", index + 1)),
        }
    }
    if problems.is_empty() {
        Ok(rows)
    } else {
        Err(problems)
    }
}

/// The cells of a line of a table. A bar within a cell is written `\|`.
fn cells(line: &str) -> Option<Vec<String>> {
    let inner = line.trim().strip_prefix('|')?.strip_suffix('|')?;
    let mut cells = vec![String::new()];
    let mut characters = inner.chars().peekable();
    while let Some(c) = characters.next() {
        match c {
            '\\' if characters.next_if_eq(&'|').is_some() => push(&mut cells, '|'),
            '|' => cells.push(String::new()),
            _ => push(&mut cells, c),
        }
    }
    Some(cells.iter().map(|cell| cell.trim().to_owned()).collect())
}

fn push(cells: &mut [String], c: char) {
    cells.last_mut().expect("there is a first cell").push(c);
}

fn row(cells: &[String]) -> Option<Result<Row, String>> {
    let number = cells.first().filter(|cell| is_number(cell))?;
    let [_, promise, tests] = cells else {
        let count = cells.len();
        return Some(Err(format!("{number} has {count} cells instead of 3")));
    };
    if promise.is_empty() {
        return Some(Err(format!("{number} promises nothing")));
    }
    let row = evidence(tests).map(|evidence| Row {
        number: number.clone(),
        evidence,
    });
    Some(row.map_err(|problem| format!("{number}: {problem}")))
}

fn is_number(cell: &str) -> bool {
    let mut characters = cell.chars();
    characters.next().is_some_and(|c| c.is_ascii_uppercase())
        && !characters.as_str().is_empty()
        && characters.all(|c| c.is_ascii_digit())
}

fn evidence(cell: &str) -> Result<Evidence, String> {
    if cell == "not yet" {
        return Ok(Evidence::NotYet);
    }
    let tests: Result<_, _> = cell.split(',').map(str::trim).map(test).collect();
    tests.map(Evidence::Tests)
}

fn test(text: &str) -> Result<Test, String> {
    let quoted = text.strip_prefix('`').and_then(|it| it.strip_suffix('`'));
    match quoted.and_then(|it| it.split_once("::")) {
        Some((file, name)) if !file.is_empty() && !name.is_empty() => Ok(Test {
            file: file.to_owned(),
            name: name.to_owned(),
        }),
        _ => Err(format!(
            "the tests are `not yet` or a list of \"`file::test_name`\", but got \"{text}\""
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kept(number: &str, tests: &[(&str, &str)]) -> Row {
        let test = |(file, name): &(&str, &str)| Test {
            file: (*file).to_owned(),
            name: (*name).to_owned(),
        };
        Row {
            number: number.to_owned(),
            evidence: Evidence::Tests(tests.iter().map(test).collect()),
        }
    }

    #[test]
    fn rows_are_read_and_everything_else_is_passed_over() {
        let markdown = "\
# Promises

| No. | Promise | Tests |
|-----|---------|-------|
| C1 | in order | `tests/it/order.rs::forth`, `src/a.rs::back` |
| C12 | later | not yet |
";
        let waiting = Row {
            number: "C12".to_owned(),
            evidence: Evidence::NotYet,
        };

        assert_eq!(
            parse(markdown).unwrap(),
            [
                kept(
                    "C1",
                    &[("tests/it/order.rs", "forth"), ("src/a.rs", "back")]
                ),
                waiting,
            ]
        );
    }

    #[test]
    fn an_escaped_bar_is_part_of_its_cell() {
        assert_eq!(
            parse(r"| C1 | a \| b | `f::t` |").unwrap(),
            [kept("C1", &[("f", "t")])]
        );
    }

    #[test]
    fn every_row_that_cannot_be_read_is_named_with_its_line() {
        let markdown = "| A1 | a |\n| A2 | | `f::t` |\n| A3 | a | soon |\n| A4 | a | `f` |\n";
        let expected = "the tests are `not yet` or a list of \"`file::test_name`\"";

        assert_eq!(
            parse(markdown).unwrap_err(),
            [
                "1: A1 has 2 cells instead of 3".to_owned(),
                "2: A2 promises nothing".to_owned(),
                format!("3: A3: {expected}, but got \"soon\""),
                format!("4: A4: {expected}, but got \"`f`\""),
            ]
        );
    }
}
