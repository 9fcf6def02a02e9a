//! What the targets share. `cargo xtask fuzz` builds and runs them; `cargo fuzz` can as well.

use std::{
    env, fs,
    path::{Path, PathBuf},
    sync::OnceLock,
};

use peristyle_server::laws as server;
use peristyle_streaming::laws as streaming;

static LAW: OnceLock<Law> = OnceLock::new();

/// Chooses the law. Its seeds are written into the folder `FUZZ_SEEDS` and its words into the file `FUZZ_WORDS`, if these are
/// set, before libFuzzer reads them.
///
/// # Panics
///
/// When there is no such law, or nothing can be written.
pub fn start(name: &str) {
    let law = named(name).expect("each target has a law");
    let place = |name| env::var_os(name).map(PathBuf::from);
    if let Some(folder) = place("FUZZ_SEEDS") {
        sow(&law, &folder);
    }
    if let Some(file) = place("FUZZ_WORDS") {
        fs::write(file, words(&law)).expect("the words can be written");
    }
    assert!(LAW.set(law).is_ok(), "a target starts once");
}

/// A law of any crate.
struct Law {
    holds: fn(&[u8]),
    seeds: Vec<Vec<u8>>,
    words: &'static [&'static str],
}

fn named(name: &str) -> Option<Law> {
    let of_server = server::Law::named(name).map(|law| Law {
        holds: law.holds,
        seeds: law.seeds,
        words: law.words,
    });
    let of_streaming = || {
        streaming::Law::named(name).map(|law| Law {
            holds: law.holds,
            seeds: law.seeds,
            words: law.words,
        })
    };
    of_server.or_else(of_streaming)
}

/// Panics when the law does not hold of these bytes.
pub fn check(bytes: &[u8]) {
    let law = LAW.get().expect("the target has started");
    (law.holds)(bytes);
}

fn sow(law: &Law, folder: &Path) {
    for (number, seed) in law.seeds.iter().enumerate() {
        let file = folder.join(format!("seed-{number}"));
        fs::write(file, seed).expect("the seeds can be written");
    }
}

/// As libFuzzer reads a dictionary.
fn words(law: &Law) -> String {
    let quoted = |word: &&str| {
        let bytes = word.bytes().map(|byte| format!("\\x{byte:02x}"));
        format!("\"{}\"\n", bytes.collect::<String>())
    };
    law.words.iter().map(quoted).collect()
}
