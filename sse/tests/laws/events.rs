//! Streams: the decoder reads in any bytes, cut anywhere, what the naive reader does, up to the same excess.

#[cfg(test)]
use super::variations;
use super::{
    Law,
    cases::cases,
    reading::{decoder, expected, pieces, read},
    sum,
    twin::Bounds,
};

/// Longer ones are of the same kinds.
const LONGEST: usize = 512;

pub(super) fn law() -> Law {
    let seeds = cases().into_iter().map(|case| case.bytes);
    Law {
        holds,
        seeds: seeds.filter(|seed| seed.len() <= LONGEST).collect(),
        words: &[
            "data",
            "data:",
            "data: ",
            "event: ",
            "event",
            "id: ",
            "id",
            "retry: ",
            "retry: 7",
            ":",
            " ",
            "\n",
            "\r",
            "\r\n",
            "\n\n",
            "\r\r",
            "\0",
            "\u{feff}",
            "\u{fffd}",
            "\u{2028}",
            "\u{e9}",
            "\u{10ffff}",
            "18446744073709551615",
        ],
    }
}

#[test]
fn the_decoder_and_the_naive_reader_read_the_same() {
    variations::check(&law());
}

fn holds(bytes: &[u8]) {
    for bounds in [None, Some(tight(bytes))] {
        let expected = expected(bytes, bounds);
        let cuts = [
            vec![bytes],
            bytes.chunks(1).collect(),
            pieces(bytes, sum(bytes)),
        ];
        for chunks in cuts {
            let lengths: Vec<_> = chunks.iter().map(|chunk| chunk.len()).collect();
            let read = read(decoder(bounds), chunks);
            assert_eq!(
                read,
                expected,
                "{bounds:?}, {lengths:?}: {}",
                bytes.escape_ascii()
            );
        }
    }
}

/// Bounds that some lines and events are within and some beyond.
fn tight(bytes: &[u8]) -> Bounds {
    let sum = usize::try_from(sum(bytes) % 1024).expect("it is small");
    Bounds {
        line: sum % 32,
        event: sum / 32,
    }
}
