//! Reads responses of HTTP/1.1 as strictly as a client can.

/// What a connection has said so far.
#[derive(Debug, Default)]
pub(crate) struct Reader {
    bytes: Vec<u8>,
    /// How far they are read.
    at: usize,
    state: Reading,
    /// Whether the next responses are to HEAD, the next one first.
    to_head: Vec<bool>,
    read: usize,
    pub(crate) continues: usize,
    pub(crate) current: Option<Head>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Reading {
    #[default]
    Head,
    Length(u64),
    ChunkSize,
    Chunk(u64),
    ChunkEnd,
    LastEnd,
}

/// A response whose head has come, with as much of its body.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Head {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Head {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let mut values = self.headers.iter().filter(|(other, _)| other == name);
        values.next().map(|(_, value)| &**value)
    }

    fn count(&self, name: &str) -> usize {
        self.headers
            .iter()
            .filter(|(other, _)| other == name)
            .count()
    }
}

impl Reader {
    /// Of responses to requests that are HEAD or not, in their order; what else comes is none.
    pub(crate) fn new(to_head: Vec<bool>) -> Self {
        Self {
            to_head,
            ..Self::default()
        }
    }

    pub(crate) fn push(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    /// The next response that is complete.
    pub(crate) fn next(&mut self) -> Result<Option<Head>, String> {
        loop {
            match self.step()? {
                Some(true) => {
                    self.state = Reading::Head;
                    self.read += 1;
                    return Ok(self.current.take());
                }
                Some(false) => {}
                None => return Ok(None),
            }
        }
    }

    /// Whether what has come ends with a response.
    pub(crate) fn is_between(&self) -> bool {
        self.state == Reading::Head && self.at == self.bytes.len()
    }

    /// One step on: `None` when there is too little, `true` when a response is complete.
    fn step(&mut self) -> Result<Option<bool>, String> {
        let rest = &self.bytes[self.at..];
        match self.state {
            Reading::Head => {
                let Some(length) = find(rest, b"\r\n\r\n") else {
                    return Ok(None);
                };
                let head = head(&rest[..length])?;
                self.at += length + 4;
                return self.begin(head).map(Some);
            }
            Reading::Length(0) => return Ok(Some(true)),
            Reading::Length(left) | Reading::Chunk(left) if left > 0 => {
                let length = usize::try_from(left).unwrap_or(usize::MAX).min(rest.len());
                if length == 0 {
                    return Ok(None);
                }
                let body = rest[..length].to_vec();
                self.at += length;
                let left = left - length as u64;
                self.state = match self.state {
                    Reading::Length(_) => Reading::Length(left),
                    _ if left == 0 => Reading::ChunkEnd,
                    _ => Reading::Chunk(left),
                };
                self.current.get_or_insert_default().body.extend(body);
            }
            Reading::ChunkSize => {
                let Some(length) = find(rest, b"\r\n") else {
                    return Ok(None);
                };
                let size = text(&rest[..length])?;
                let digits = (1..=15).contains(&size.len());
                let size = u64::from_str_radix(size, 16).ok().filter(|_| digits);
                let size = size.ok_or_else(|| format!("a chunk of {:?}", &rest[..length]))?;
                self.at += length + 2;
                self.state = match size {
                    0 => Reading::LastEnd,
                    size => Reading::Chunk(size),
                };
            }
            Reading::Length(_) | Reading::Chunk(_) | Reading::ChunkEnd | Reading::LastEnd => {
                let Some(end) = rest.get(..2) else {
                    return Ok(None);
                };
                if end != b"\r\n" {
                    return Err(format!("a chunk ends with {end:?}"));
                }
                self.at += 2;
                if self.state == Reading::LastEnd {
                    return Ok(Some(true));
                }
                self.state = Reading::ChunkSize;
            }
        }
        Ok(Some(false))
    }

    fn begin(&mut self, head: Head) -> Result<bool, String> {
        if head.status == 100 {
            self.continues += 1;
            return Ok(false);
        }
        let to_head = self.to_head.get(self.read).copied().unwrap_or(false);
        let length = head.header("content-length").map(str::to_owned);
        let chunked = head.header("transfer-encoding") == Some("chunked");
        if head.count("content-length") + head.count("transfer-encoding") > 1 {
            return Err(format!("two framings: {head:?}"));
        }
        let bodiless = to_head || matches!(head.status, 204 | 304);
        self.current = Some(head);
        if bodiless {
            return Ok(true);
        }
        self.state = match (length, chunked) {
            (Some(length), false) => Reading::Length(
                length
                    .parse()
                    .map_err(|_| format!("a length of {length:?}"))?,
            ),
            (None, true) => Reading::ChunkSize,
            _ => return Err("a body that the connection's end ends".to_owned()),
        };
        Ok(false)
    }
}

fn find(bytes: &[u8], what: &[u8]) -> Option<usize> {
    bytes.windows(what.len()).position(|window| window == what)
}

fn text(bytes: &[u8]) -> Result<&str, String> {
    std::str::from_utf8(bytes).map_err(|error| error.to_string())
}

fn head(bytes: &[u8]) -> Result<Head, String> {
    let mut lines = text(bytes)?.split("\r\n");
    let line = lines.next().unwrap_or_default();
    let status = line
        .strip_prefix("HTTP/1.1 ")
        .and_then(|rest| rest.split_once(' '))
        .and_then(|(status, _)| status.parse().ok());
    let status = status.ok_or_else(|| format!("a status line of {line:?}"))?;
    let headers = lines.map(|line| {
        let (name, value) = line
            .split_once(": ")
            .ok_or_else(|| format!("a header of {line:?}"))?;
        Ok((name.to_ascii_lowercase(), value.to_owned()))
    });
    Ok(Head {
        status,
        headers: headers.collect::<Result<_, String>>()?,
        body: Vec::new(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const ANSWERS: &str = "HTTP/1.1 100 Continue\r\n\r\n\
         HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello\
         HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n\
         HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\nA\r\n0123456789\r\n0\r\n\r\n\
         HTTP/1.1 204 No Content\r\n\r\n\
         HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";

    fn read(text: &str, piece: usize) -> Result<(Vec<(u16, Vec<u8>)>, bool), String> {
        let mut reader = Reader::new(vec![false, true]);
        let mut answers = Vec::new();
        for piece in text.as_bytes().chunks(piece) {
            reader.push(piece);
            while let Some(answer) = reader.next()? {
                answers.push((answer.status, answer.body));
            }
        }
        Ok((answers, reader.is_between()))
    }

    #[test]
    fn responses_are_read_however_they_are_split() {
        let expected = [
            (200, b"hello".to_vec()),
            (200, Vec::new()),
            (200, b"abc0123456789".to_vec()),
            (204, Vec::new()),
            (404, Vec::new()),
        ];
        for piece in 1..ANSWERS.len() {
            let (answers, between) = read(ANSWERS, piece).unwrap();
            assert_eq!((&*answers, between), (&expected[..], true), "{piece}");
        }
    }

    #[test]
    fn what_is_cut_off_is_not_complete() {
        let count = read(ANSWERS, 1).unwrap().0.len();
        for length in 0..ANSWERS.len() {
            let (answers, _) = read(&ANSWERS[..length], 7).unwrap();
            assert!(answers.len() < count, "{length}");
        }
    }

    #[test]
    fn what_is_malformed_is_told() {
        for bad in [
            "HTTP/1.0 200 OK\r\n\r\n",
            "HTTP/1.1 200 OK\r\n\r\n",
            "HTTP/1.1 200 OK\r\na\r\n\r\n",
            "HTTP/1.1 200 OK\r\ncontent-length: 1\r\ncontent-length: 1\r\n\r\n",
            "HTTP/1.1 200 OK\r\ncontent-length: x\r\n\r\n",
            "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n\r\n",
            "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n1\r\nab\r\n",
            "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n0\r\na: b\r\n\r\n",
        ] {
            assert!(read(bad, 3).is_err(), "{bad:?}");
        }
    }
}
