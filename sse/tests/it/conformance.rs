//! The decoder, promises P1 to D3: the cases of `tests/conformance`, in chunks of every kind, and
//! the naive reader over the same bytes.

use std::{collections::BTreeSet, iter};

use fastrand::Rng;

use super::{
    cases::{Case, cases},
    reading::{Read, decoder, expected, pieces, read},
};

/// Of longer ones some places to cut are tried.
const SHORT: usize = 2048;
const RANDOM: usize = 32;

#[track_caller]
fn check<'a>(case: &Case, how: &str, chunks: impl IntoIterator<Item = &'a [u8]>) {
    let decoded = read(decoder(case.bounds), chunks);
    assert_eq!(
        decoded,
        outcome(case),
        "{} {}, {how}",
        case.promise,
        case.name
    );
}

fn outcome(case: &Case) -> Read {
    (case.decoded.clone(), case.excess)
}

#[test]
fn the_naive_reader_reads_every_case_as_written() {
    for case in cases() {
        let expected = expected(&case.bytes, case.bounds);
        assert_eq!(expected, outcome(&case), "{} {}", case.promise, case.name);
    }
}

#[test]
fn every_case_is_read_as_written_when_it_comes_whole() {
    for case in cases() {
        check(&case, "whole", [&case.bytes[..]]);
    }
}

#[test]
fn every_case_is_read_as_written_byte_by_byte() {
    for case in cases() {
        check(&case, "byte by byte", case.bytes.chunks(1));
    }
}

#[test]
fn empty_chunks_change_nothing() {
    for case in cases() {
        let chunks = case.bytes.chunks(1).flat_map(|byte| [&[][..], byte, &[]]);
        check(&case, "with empty chunks", chunks);
    }
}

#[test]
fn every_case_is_read_as_written_when_it_is_cut_anywhere() {
    for case in cases() {
        let mut rng = Rng::with_seed(0);
        let length = case.bytes.len();
        let cuts: Vec<usize> = if length <= SHORT {
            (0..=length).collect()
        } else {
            iter::repeat_with(|| rng.usize(..=length))
                .take(RANDOM)
                .collect()
        };
        for cut in cuts {
            let (first, second) = case.bytes.split_at(cut);
            check(&case, &format!("cut at {cut}"), [first, second]);
        }
    }
}

#[test]
fn every_case_is_read_as_written_when_it_is_cut_at_random() {
    for case in cases() {
        for seed in 0..RANDOM as u64 {
            let chunks = pieces(&case.bytes, seed);
            check(&case, &format!("cut by seed {seed}"), chunks);
        }
    }
}

#[test]
fn every_promise_of_the_decoder_has_cases() {
    let cases = cases();
    let promises: BTreeSet<_> = cases.iter().map(|case| case.promise).collect();
    assert_eq!(
        promises.into_iter().collect::<Vec<_>>(),
        [
            "D1", "D2", "D3", "F1", "F2", "F3", "F4", "F5", "P1", "P2", "P3", "P4", "P5", "P6",
            "P7"
        ]
    );
    assert!(cases.len() >= 120);
}

#[test]
fn every_case_cites_a_section_and_has_a_name_of_its_own() {
    let mut names = BTreeSet::new();
    for case in cases() {
        assert!(["9.2.5", "9.2.6"].contains(&case.section), "{}", case.name);
        assert!(names.insert(case.name), "twice: {}", case.name);
    }
}
