//! How many frames of HTTP/2 a client may send that bring nothing.
//!
//! PING, SETTINGS, PRIORITY, `WINDOW_UPDATE`, `RST_STREAM` and unknown frames are cheap to send. h2 takes as many as come. It keeps
//! none, and reads no more while its answers are not taken, so they cost no memory; but they cost the processor. Here they are
//! counted against what a client has a reason to send. Frames of data, headers and continuations h2 limits by itself.

use tokio::time::Instant;

use crate::{
    activity::Activity,
    guard::{Place, Refused},
    wire::PREFACE,
};

/// What each connection may send in any case.
const AT_FIRST: u64 = 10_000;
/// A client makes sure that its connection is alive, and it may try the network's delay.
const EACH_SECOND: u64 = 10;
/// A client orders its requests by priority, and cancels some. Only those that were answered count, so that requests which are
/// opened to be reset bring in nothing (CVE-2023-44487).
pub(crate) const EACH_ANSWER: u64 = 32;
/// Of the two windows, and a ping, for each piece of a response that comes.
const EACH_PIECE: u64 = 4;
/// A client with a small window opens it often.
const BYTES_FOR_ONE: u64 = 64;

/// The length, type, flags and stream of a frame (RFC 9113, section 4.1).
pub(crate) const HEAD: usize = 9;
const DATA: u8 = 0;
const HEADERS: u8 = 1;
const SETTINGS: u8 = 4;
const CONTINUATION: u8 = 9;
/// The flag of an acknowledgement (RFC 9113, section 6.5).
const ACK: u8 = 1;

/// Whether a frame's head, as far as it was read, is one of settings that are no acknowledgement (RFC 9113, section 3.4).
pub(crate) fn is_settings(head: &[u8]) -> bool {
    match head {
        [_, _, _, kind, flags, ..] => *kind == SETTINGS && flags & ACK == 0,
        [_, _, _, kind] => *kind == SETTINGS,
        _ => true,
    }
}

/// The worth of a piece of a response, in frames that it may send for it.
pub(crate) fn worth_of_piece(bytes: u64) -> u64 {
    EACH_PIECE + bytes / BYTES_FOR_ONE
}

/// Reads the frames that a client sends, in pieces of any size.
#[derive(Debug)]
pub(crate) struct Frames {
    /// How many bytes of a head were read; none between frames.
    head: usize,
    /// How many bytes of the payload are to come, as far as they are known.
    payload: usize,
    counted: u64,
    allowed: u64,
    began: Instant,
}

impl Frames {
    pub(crate) fn new() -> Self {
        Self {
            // The preface is passed over like a payload.
            head: HEAD,
            payload: PREFACE.len(),
            counted: 0,
            allowed: AT_FIRST,
            began: Instant::now(),
        }
    }

    /// Reads on. When there have been too many, what is refused begins with the next frame.
    pub(crate) fn read(&mut self, bytes: &[u8], activity: &Activity) -> Result<(), Refused> {
        let mut rest = bytes;
        while let Some((&byte, after)) = rest.split_first() {
            if self.head == HEAD {
                let length = self.payload.min(rest.len());
                rest = &rest[length..];
                self.payload -= length;
            } else if self.head == 0 && self.are_too_many(activity) {
                return Err(Refused {
                    good: bytes.len() - rest.len(),
                    place: Place::Frame,
                    why: "too many frames that bring nothing",
                });
            } else {
                rest = after;
                self.head(byte);
            }
            if self.head == HEAD && self.payload == 0 {
                self.head = 0;
            }
        }
        Ok(())
    }

    fn head(&mut self, byte: u8) {
        match self.head {
            0..3 => self.payload = self.payload << 8 | usize::from(byte),
            3 if !matches!(byte, DATA | HEADERS | CONTINUATION) => self.counted += 1,
            _ => {}
        }
        self.head += 1;
    }

    /// What a client may send grows with what it gets, and is looked up when it is used up.
    fn are_too_many(&mut self, activity: &Activity) -> bool {
        if self.counted > self.allowed {
            let for_time = EACH_SECOND.saturating_mul(self.began.elapsed().as_secs());
            self.allowed = AT_FIRST + for_time + activity.earned();
        }
        self.counted > self.allowed
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::time::advance;

    use super::*;
    use crate::wire::Protocol;

    const PING: &[u8] = b"\0\0\x08\x06\0\0\0\0\0pingping";
    const GET: &[u8] = b"\0\0\x06\x01\x05\0\0\0\x01\x82\x86\x84\x41\x01a";
    const DATA: &[u8] = b"\0\x01\x03\0\0\0\0\0\x01";

    fn activity() -> Activity {
        Activity::of_connection(Protocol::Http2)
    }

    fn times(frame: &[u8], count: u64) -> Vec<u8> {
        frame.repeat(usize::try_from(count).unwrap())
    }

    #[tokio::test(start_paused = true)]
    async fn one_frame_more_than_allowed_is_refused_where_it_begins_however_it_is_split() {
        let data = [DATA, &[6; 259]].concat();
        let bytes = [
            PREFACE,
            &times(PING, 5),
            GET,
            &data,
            &times(PING, AT_FIRST - 4),
        ]
        .concat();
        let good = bytes.len();
        let bytes = [&bytes, GET].concat();
        for size in [1, 2, 7, 1000, bytes.len()] {
            let mut frames = Frames::new();
            let mut read = 0;
            let refused = bytes.chunks(size).find_map(|piece| {
                let refused = frames.read(piece, &activity()).err();
                read += piece.len();
                refused.map(|refused| read - piece.len() + refused.good)
            });
            assert_eq!(refused, Some(good), "{size}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn what_a_client_gets_and_the_time_that_passes_are_worth_frames() {
        let activity = activity();
        let mut frames = Frames::new();
        frames.read(PREFACE, &activity).unwrap();
        let mut send = |count| {
            let refused = frames.read(&times(PING, count), &activity);
            refused.map_err(|refused| refused.good)
        };
        assert_eq!(send(AT_FIRST + 1), Ok(()));
        assert_eq!(send(1), Err(0));
        activity.earn(EACH_ANSWER + worth_of_piece(6400));
        assert_eq!(send(32 + 4 + 100), Ok(()));
        assert_eq!(send(1), Err(0));
        advance(Duration::from_secs(60)).await;
        assert_eq!(send(600), Ok(()));
        assert_eq!(send(1), Err(0));
    }
}
