//! Variations of a law's seeds, the same every time.

use proptest::{
    collection::vec,
    prelude::*,
    sample::{Index, select},
    test_runner::{Config, RngSeed, TestError, TestRunner},
};

use super::Law;

const VARIATIONS: u32 = 2000;
const LONGEST_CUT: usize = 8;

pub(super) fn check(law: &Law) {
    law.seeds.iter().for_each(|seed| (law.holds)(seed));
    let config = Config {
        cases: VARIATIONS,
        rng_seed: RngSeed::Fixed(0),
        failure_persistence: None,
        ..Config::default()
    };
    let tried = TestRunner::new(config).run(&variation(law), |bytes| {
        (law.holds)(&bytes);
        Ok(())
    });
    match tried {
        Ok(()) => {}
        Err(TestError::Fail(why, bytes)) => {
            panic!("{why}\nmake it a seed: b\"{}\"", bytes.escape_ascii())
        }
        Err(error) => panic!("{error}"),
    }
}

/// A seed in which some places are replaced.
fn variation(law: &Law) -> impl Strategy<Value = Vec<u8>> + use<> {
    let seed = select(law.seeds.clone());
    let words: Vec<&[u8]> = law.words.iter().map(|word| word.as_bytes()).collect();
    let piece = prop_oneof![
        4 => select(words).prop_map(<[u8]>::to_vec),
        2 => vec(any::<u8>(), 0..3),
        1 => seed.clone(),
    ];
    let edit = (any::<Index>(), 0..LONGEST_CUT, piece);
    (seed, vec(edit, 0..5)).prop_map(|(mut bytes, edits)| {
        for (start, cut, piece) in edits {
            let start = start.index(bytes.len() + 1);
            let end = bytes.len().min(start + cut);
            bytes.splice(start..end, piece);
        }
        bytes
    })
}
