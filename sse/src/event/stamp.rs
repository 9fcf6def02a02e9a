//! An event whose id is known only at the last moment.

use bytes::{Buf, Bytes};

use super::Event;

const NAME: &[u8] = b"id: ";

/// An event that is complete but for its id, which takes the place of one it had.
///
/// All that grows with the event is copied when this is made. [`stamp`](Self::stamp), which a log
/// does while nobody else can publish, moves only the lines before the id: comments and the name.
#[derive(Debug)]
pub(crate) struct Unstamped {
    /// The lines before the id, room for it, the lines after it.
    buffer: Vec<u8>,
    before: usize,
    room: usize,
}

impl Unstamped {
    /// With room for an id of up to `longest` bytes.
    pub(crate) fn new(event: &Event, longest: usize) -> Self {
        let bytes = event.as_bytes();
        let before = event.skip_lines(0, &[b":", b"event:"]);
        let after = event.skip_lines(before, &[b"id:"]);
        let room = NAME.len() + longest + 1;
        let mut buffer = Vec::with_capacity(before + room + bytes.len() - after);
        buffer.extend_from_slice(&bytes[..before]);
        buffer.resize(before + room, b'\n');
        buffer.extend_from_slice(&bytes[after..]);
        Self {
            buffer,
            before,
            room,
        }
    }

    /// The event with this id, which the caller knows to be valid.
    ///
    /// # Panics
    ///
    /// When the id is longer than there is room for.
    pub(crate) fn stamp(mut self, id: &[u8]) -> Event {
        let unused = self.room - (NAME.len() + id.len() + 1);
        self.buffer.copy_within(..self.before, unused);
        let line = &mut self.buffer[unused + self.before..];
        line[..NAME.len()].copy_from_slice(NAME);
        line[NAME.len()..][..id.len()].copy_from_slice(id);
        let mut bytes = Bytes::from(self.buffer);
        bytes.advance(unused);
        Event(bytes)
    }
}
