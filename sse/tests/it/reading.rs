//! The decoder over bytes in chunks, and what it came to.

use fastrand::Rng;
use peristyle_sse::{DecodeError, Decoder};

use super::twin::{Bounds, Decoded, Excess, decode, excess, message};

pub(crate) type Read = (Decoded, Option<Excess>);

/// What the decoder makes of these chunks.
pub(crate) fn read<'a>(mut decoder: Decoder, chunks: impl IntoIterator<Item = &'a [u8]>) -> Read {
    let mut events = Vec::new();
    let mut excess = None;
    for mut chunk in chunks {
        if excess.is_some() {
            break;
        }
        loop {
            match decoder.decode(&mut chunk) {
                Ok(Some(event)) => events.push(message(event.event(), event.data(), event.id())),
                Ok(None) => break,
                Err(error) => {
                    assert_eq!(decoder.decode(&mut &b"data: a\n\n"[..]), Err(error));
                    excess = Some(kind(error));
                    break;
                }
            }
        }
        assert!(excess.is_some() || chunk.is_empty(), "all of it is taken");
    }
    let retry = decoder.retry().map(|delay| delay.as_millis());
    let read = Decoded {
        events,
        retry: retry.map(|millis| millis.try_into().expect("it is bounded")),
        last_event_id: decoder.last_event_id().to_owned(),
    };
    (read, excess)
}

/// What the naive reader makes of them all.
pub(crate) fn expected(bytes: &[u8], bounds: Option<Bounds>) -> Read {
    match bounds.and_then(|bounds| excess(bytes, bounds)) {
        Some((excess, before)) => (decode(before), Some(excess)),
        None => (decode(bytes), None),
    }
}

pub(crate) fn decoder(bounds: Option<Bounds>) -> Decoder {
    match bounds {
        Some(Bounds { line, event }) => Decoder::new().max_line(line).max_event(event),
        None => Decoder::new(),
    }
}

/// Pieces of 0 to 15 bytes, or of up to half of all.
pub(crate) fn pieces(bytes: &[u8], seed: u64) -> Vec<&[u8]> {
    let mut rng = Rng::with_seed(seed);
    let most = if rng.bool() { 16 } else { bytes.len() / 2 + 1 };
    let mut rest = bytes;
    let mut pieces = Vec::new();
    while !rest.is_empty() {
        let (piece, after) = rest.split_at(rng.usize(..most.max(2)).min(rest.len()));
        pieces.push(piece);
        rest = after;
    }
    pieces
}

fn kind(error: DecodeError) -> Excess {
    assert_ne!(error.is_line_too_long(), error.is_event_too_long());
    if error.is_line_too_long() {
        Excess::Line
    } else {
        Excess::Event
    }
}
