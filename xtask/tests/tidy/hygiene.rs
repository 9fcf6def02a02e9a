//! What no source file may contain.

use std::{
    ffi::OsStr,
    fs, io,
    path::{Path, PathBuf},
};

use crate::{
    problems::Problems,
    workspace::{read, relative, root},
};

struct Rule {
    needle: &'static str,
    place: Place,
    reason: &'static str,
}

#[derive(PartialEq)]
enum Place {
    Everywhere,
    Tests,
}

const RULES: [Rule; 7] = [
    Rule {
        needle: "&& let ",
        place: Place::Everywhere,
        reason: "the oldest supported compiler has no `let` chains",
    },
    Rule {
        needle: "dbg!",
        place: Place::Everywhere,
        reason: "a trace of debugging",
    },
    Rule {
        needle: "todo!",
        place: Place::Everywhere,
        reason: "a reader cannot tell what is done",
    },
    Rule {
        needle: "unimplemented!",
        place: Place::Everywhere,
        reason: "a reader cannot tell what is done",
    },
    Rule {
        needle: "#[ignore",
        place: Place::Everywhere,
        reason: "a test that is not run proves nothing",
    },
    Rule {
        needle: "thread::sleep",
        place: Place::Tests,
        reason: "wait for what happens, or pause the time",
    },
    Rule {
        needle: "std::time::Instant",
        place: Place::Tests,
        reason: "no timed test; tokio's clock can be paused",
    },
];

#[test]
fn sources_keep_the_rules() {
    let mut problems = Problems::default();
    let files = rust_files(root()).expect("the workspace can be read");
    for path in files.iter().filter(|path| !path.starts_with(this_folder())) {
        match read(path) {
            Ok(text) => {
                let path = relative(path);
                let found = violations(&text, is_test_file(Path::new(&path)));
                problems.extend(found.map(|(line, rule)| {
                    format!("{path}:{line}: `{}`: {}", rule.needle, rule.reason)
                }));
            }
            Err(problem) => problems.add(problem),
        }
    }
    problems.assert_none();
}

/// These files spell the needles out.
fn this_folder() -> PathBuf {
    root().join("xtask/tests/tidy")
}

fn rust_files(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let path = entry.path();
        if entry.file_type()?.is_dir() {
            if !is_skipped(&entry.file_name()) {
                files.extend(rust_files(&path)?);
            }
        } else if path.extension() == Some(OsStr::new("rs")) {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

fn is_skipped(folder: &OsStr) -> bool {
    folder == "target" || folder.to_string_lossy().starts_with('.')
}

fn is_test_file(path: &Path) -> bool {
    path.ends_with("tests.rs") || path.iter().any(|part| part == "tests")
}

fn violations(text: &str, is_test_file: bool) -> impl Iterator<Item = (usize, &'static Rule)> {
    let mut in_tests = is_test_file;
    text.lines().enumerate().flat_map(move |(index, line)| {
        // By convention `mod tests` is the end of its file.
        in_tests |= line.trim_start().starts_with("mod tests");
        let code = code(line);
        RULES
            .iter()
            .filter(move |rule| rule.place == Place::Everywhere || in_tests)
            .filter(move |rule| contains_word(code, rule.needle))
            .map(move |rule| (index + 1, rule))
    })
}

/// The line without its comment. A `//` in a string ends it as well: an address is no code either.
fn code(line: &str) -> &str {
    line.split_once("//").map_or(line, |(code, _)| code)
}

fn contains_word(code: &str, needle: &str) -> bool {
    code.match_indices(needle).any(|(start, _)| {
        let before = code[..start].chars().next_back();
        let after = code[start + needle.len()..].chars().next();
        let joined = |outer: Option<char>, inner: Option<char>| {
            outer.is_some_and(is_word) && inner.is_some_and(is_word)
        };
        !joined(before, needle.chars().next()) && !joined(after, needle.chars().next_back())
    })
}

fn is_word(c: char) -> bool {
    c == '_' || c.is_alphanumeric()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn needles(text: &str, is_test_file: bool) -> Vec<(usize, &'static str)> {
        violations(text, is_test_file)
            .map(|(line, rule)| (line, rule.needle))
            .collect()
    }

    #[test]
    fn a_violation_is_found_with_its_line() {
        let text = "fn f() {\n    if a && let Some(b) = c {}\n}\n";

        assert_eq!(needles(text, false), [(2, "&& let ")]);
    }

    #[test]
    fn comments_and_longer_words_are_no_violation() {
        let text = "// dbg!\nfn not_todo!() {} // todo!\n";

        assert_eq!(needles(text, false), []);
    }

    #[test]
    fn rules_for_tests_hold_in_test_files_and_in_the_tests_of_a_source_file() {
        let sleep = "std::thread::sleep(a);\n";

        assert_eq!(needles(sleep, false), []);
        assert_eq!(needles(sleep, true), [(1, "thread::sleep")]);
        assert_eq!(
            needles(&format!("mod tests {{\n{sleep}}}\n"), false),
            [(2, "thread::sleep")]
        );
    }

    #[test]
    fn a_test_file_is_known_by_its_path() {
        for (path, expected) in [
            ("core/tests/it/order.rs", true),
            ("core/src/chain/tests.rs", true),
            ("core/src/chain.rs", false),
        ] {
            assert_eq!(is_test_file(Path::new(path)), expected, "{path}");
        }
    }
}
