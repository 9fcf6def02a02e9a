//! The documents that a newcomer looks for at the root.

use crate::{
    problems::Problems,
    workspace::{read, root},
};

const DOCUMENTS: [&str; 7] = [
    "README.md",
    "ARCHITECTURE.md",
    "CHANGELOG.md",
    "CONTRIBUTING.md",
    "DECISIONS.md",
    "LICENSE-APACHE",
    "LICENSE-MIT",
];

/// Below this a document is a heading and a good intention.
const LEAST_BYTES: usize = 300;

/// What a newcomer can paste, in the order in which it is useful.
const FIRST_COMMANDS: [&str; 2] = [
    "cargo run --release --example live_feed",
    "cargo xtask test",
];

#[test]
fn the_documents_are_there() {
    let mut problems = Problems::default();
    for name in DOCUMENTS {
        match read(&root().join(name)) {
            Ok(text) if text.len() < LEAST_BYTES => {
                problems.add(format!("{name}: fewer than {LEAST_BYTES} bytes"));
            }
            Ok(_) => {}
            Err(problem) => problems.add(problem),
        }
    }
    problems.assert_none();
}

#[test]
fn the_readme_starts_with_the_demo_and_the_tests() {
    let readme = read(&root().join("README.md")).expect("the README can be read");
    let blocks = shell_blocks(&readme);
    let first: Vec<_> = blocks.iter().take(FIRST_COMMANDS.len()).collect();

    assert_eq!(
        first, FIRST_COMMANDS,
        "the first two ```sh blocks of README.md"
    );
}

/// The commands of each fenced `sh` block, without comments and empty lines.
fn shell_blocks(markdown: &str) -> Vec<String> {
    let mut lines = markdown.lines().map(str::trim);
    let mut blocks = Vec::new();
    while lines.any(|line| line == "```sh") {
        let commands: Vec<_> = lines
            .by_ref()
            .take_while(|line| *line != "```")
            .filter(|line| !line.is_empty() && !line.starts_with('#'))
            .collect();
        blocks.push(commands.join("\n"));
    }
    blocks
}

#[test]
fn shell_blocks_are_told_from_others() {
    let markdown =
        "# A\n```rust\nlet a = 1;\n```\n```sh\n# why\none\n```\n\n```sh\ntwo\nthree\n```\n";

    assert_eq!(shell_blocks(markdown), ["one", "two\nthree"]);
}
