//! What every package takes from the workspace instead of saying it again.

use crate::{
    problems::Problems,
    workspace::{packages, read, relative},
};

/// A section of a manifest, and a line that must be in it.
const INHERITED: [(&str, &str); 4] = [
    ("[package]", "edition.workspace = true"),
    ("[package]", "rust-version.workspace = true"),
    ("[package]", "license.workspace = true"),
    ("[lints]", "workspace = true"),
];

#[test]
fn every_package_inherits_from_the_workspace() {
    let mut problems = Problems::default();
    for package in packages() {
        let path = relative(&package.manifest);
        match read(&package.manifest) {
            Ok(manifest) => problems.extend(
                missing(&manifest)
                    .map(|(section, line)| format!("{path}: no `{line}` in {section}")),
            ),
            Err(problem) => problems.add(problem),
        }
    }
    problems.assert_none();
}

fn missing(manifest: &str) -> impl Iterator<Item = (&'static str, &'static str)> {
    INHERITED
        .into_iter()
        .filter(move |(heading, line)| !section(manifest, heading).any(|it| it == *line))
}

fn section<'a>(manifest: &'a str, heading: &'a str) -> impl Iterator<Item = &'a str> {
    manifest
        .lines()
        .map(str::trim)
        .skip_while(move |line| *line != heading)
        .skip(1)
        .take_while(|line| !line.starts_with('['))
}

#[test]
fn a_line_counts_only_in_its_own_section() {
    let manifest = "[package]\nedition.workspace = true\n\n[lints.rust]\nworkspace = true\n";

    assert_eq!(missing(manifest).collect::<Vec<_>>(), INHERITED[1..]);
}
