//! HTTP/2: whatever frames come, no more requests are found than they have heads, and no more content than they have data.

#[cfg(test)]
use super::variations;
use super::{
    Law,
    connection::exchange,
    frames::{self, PREFACE},
    seeds,
};

/// Longer ones are of the same kinds.
const LONGEST: usize = 2048;

pub(super) fn law() -> Law {
    let rows = frames::rows().filter(|row| !row[3].contains("00 {"));
    let rows = rows.map(|[_, _, _, frames]| frames::encoded(frames));
    let found = seeds(&[]);
    Law {
        holds,
        seeds: rows
            .filter(|row| row.len() <= LONGEST)
            .chain(found)
            .collect(),
        words: &[
            "\0\0\0\x04\0\0\0\0\0",
            "\0\0\x06\x01\x05\0\0\0\x03\u{2}\u{4}\u{6}A\u{1}a",
            "\0\0\x03\0\x01\0\0\0\x01abc",
            "\0\0\x04\x08\0\0\0\0\x01\0\0\0\x01",
            "\0\0\x04\x03\0\0\0\0\x01\0\0\0\x08",
            "\0\0\x01\x09\x04\0\0\0\x01\x02",
            "\0\0\x08\x06\0\0\0\0\0\0\0\0\0\0\0\0\0",
            "\0\0\0",
            "\x01",
            "\x7f",
            "A\u{1}a",
        ],
    }
}

#[test]
fn frames_are_no_more_requests_than_they_have_heads() {
    variations::check(&law());
}

fn holds(bytes: &[u8]) {
    let mut input = PREFACE.to_vec();
    input.extend(bytes.strip_prefix(PREFACE).unwrap_or(bytes));
    let exchanged = exchange(&input, 1 << 16);
    let sent = walk(&input[PREFACE.len()..]);
    // HEADERS or CONTINUATION with the end of the headers.
    let heads = sent
        .iter()
        .filter(|frame| matches!(frame.kind, 1 | 9) && frame.flags & 4 != 0);
    assert!(
        exchanged.seen.len() <= heads.count(),
        "{:?}",
        exchanged.seen
    );
    let content = sent
        .iter()
        .filter(|frame| frame.kind == 0)
        .map(|frame| frame.length);
    let read = exchanged.seen.iter().filter_map(|seen| seen.body.as_ref());
    assert!(read.map(Vec::len).sum::<usize>() <= content.sum());
    // What comes back are whole frames, of the kinds that a server sends.
    let answers = walk(&exchanged.answers);
    let length: usize = answers.iter().map(|frame| 9 + frame.length).sum();
    assert_eq!(length, exchanged.answers.len());
    assert!(
        answers
            .iter()
            .all(|frame| [0, 1, 3, 4, 6, 7, 8].contains(&frame.kind))
    );
}

struct Frame {
    kind: u8,
    flags: u8,
    length: usize,
}

/// The frames that are whole (RFC 9113, section 4.1).
fn walk(mut bytes: &[u8]) -> Vec<Frame> {
    let mut frames = Vec::new();
    while let Some((head, rest)) = bytes.split_at_checked(9) {
        let length = head[..3]
            .iter()
            .fold(0, |length, byte| length << 8 | usize::from(*byte));
        let Some((_payload, rest)) = rest.split_at_checked(length) else {
            break;
        };
        frames.push(Frame {
            kind: head[3],
            flags: head[4],
            length,
        });
        bytes = rest;
    }
    frames
}
