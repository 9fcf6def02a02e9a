//! Event streams as they come (WHATWG HTML, section 9.2.6), as far as a crowd needs them.

use peristyle_peers::Failure;

/// One event.
#[derive(Debug, PartialEq)]
pub(crate) struct Event<'a> {
    pub(crate) name: &'a [u8],
    pub(crate) data: &'a [u8],
    /// The last one that was given, by this event or an earlier one.
    pub(crate) id: &'a [u8],
}

/// What came of an event stream and is no whole event yet.
#[derive(Debug, Default)]
pub(crate) struct Events {
    /// Of a line.
    partial: Vec<u8>,
    block: Block,
}

#[derive(Debug, Default)]
struct Block {
    name: Vec<u8>,
    data: Vec<u8>,
    has_data: bool,
    id: Vec<u8>,
}

impl Events {
    /// Hands on each event that is whole.
    pub(crate) fn read(
        &mut self,
        bytes: &[u8],
        mut each: impl FnMut(Event<'_>) -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        let mut rest = bytes;
        while let Some(end) = rest.iter().position(|byte| *byte == b'\n') {
            let (line, after) = (&rest[..end], &rest[end + 1..]);
            rest = after;
            if self.partial.is_empty() {
                self.block.line(line, &mut each)?;
            } else {
                self.partial.extend_from_slice(line);
                self.block.line(&self.partial, &mut each)?;
                self.partial.clear();
            }
        }
        self.partial.extend_from_slice(rest);
        Ok(())
    }
}

impl Block {
    fn line(
        &mut self,
        line: &[u8],
        each: &mut impl FnMut(Event<'_>) -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        if line.is_empty() {
            return self.end(each);
        }
        let (name, value) = match line.iter().position(|byte| *byte == b':') {
            Some(colon) => (&line[..colon], &line[colon + 1..]),
            None => (line, &[][..]),
        };
        self.field(name, value.strip_prefix(b" ").unwrap_or(value));
        Ok(())
    }

    fn field(&mut self, name: &[u8], value: &[u8]) {
        match name {
            b"data" => {
                if self.has_data {
                    self.data.push(b'\n');
                }
                self.data.extend_from_slice(value);
                self.has_data = true;
            }
            b"event" => replace(&mut self.name, value),
            b"id" => replace(&mut self.id, value),
            _ => {}
        }
    }

    fn end(
        &mut self,
        each: &mut impl FnMut(Event<'_>) -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        let event = Event {
            name: &self.name,
            data: &self.data,
            id: &self.id,
        };
        let given = if self.has_data { each(event) } else { Ok(()) };
        self.name.clear();
        self.data.clear();
        self.has_data = false;
        given
    }
}

fn replace(buffer: &mut Vec<u8>, value: &[u8]) {
    buffer.clear();
    buffer.extend_from_slice(value);
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `name|data|id` of each event of a stream that comes in pieces of this size.
    fn read(stream: &str, size: usize) -> Vec<String> {
        let (mut events, mut read) = (Events::default(), Vec::new());
        for piece in stream.as_bytes().chunks(size) {
            let each = |event: Event<'_>| {
                let parts = [event.name, event.data, event.id];
                read.push(parts.map(String::from_utf8_lossy).join("|"));
                Ok(())
            };
            events.read(piece, each).unwrap();
        }
        read
    }

    #[test]
    fn events_are_read_however_they_come() {
        let stream = ": hi\n\nevent: tick\nid: 1\ndata: a b\n\ndata:x\r\ndata:  y\r\n\r\nid: 2\n\ndata\n\nretry: 3\ndata: open";
        for size in 1..=stream.len() {
            assert_eq!(read(stream, size), ["tick|a b|1", "|x\n y|1", "||2"]);
        }
    }

    #[test]
    fn what_the_reader_refuses_ends_the_reading() {
        let refuse = |_: Event<'_>| Err("no".into());
        let error = Events::default().read(b"data: a\n\n", refuse).unwrap_err();
        assert_eq!(error.to_string(), "no");
    }
}
