//! Every row of `tests/hostile/frames.txt`, over a real socket.

use std::{io, pin::pin, time::Duration};

use bytes::{Buf, BytesMut};
use peristyle_core::{BoxError, handler};
use peristyle_server::{Context, Router, Routes, Server};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};

use crate::{
    frames::{self, PREFACE, frame},
    support::{Running, get},
};

/// Much more than the server needs, less than its time-outs.
const LONGEST: Duration = Duration::from_secs(9);

struct Row {
    name: &'static str,
    /// What comes back, in order, without acknowledgements and windows.
    answers: &'static str,
    goes_on: GoesOn,
    bytes: Vec<u8>,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum GoesOn {
    /// The server closes the connection, though the client does not.
    Close,
    /// The server answers the next ping.
    Open,
    /// The client says that it sends no more, then the server closes the connection.
    Eof,
}

fn rows() -> impl Iterator<Item = Row> {
    frames::rows().map(|[name, _rfc, expected, frames]| row(name, expected, frames))
}

fn row(name: &'static str, expected: &'static str, frames: &'static str) -> Row {
    let (answers, goes_on) = expected.rsplit_once(' ').expect("two words");
    let goes_on = match goes_on {
        "close" => GoesOn::Close,
        "open" => GoesOn::Open,
        "eof" => GoesOn::Eof,
        other => panic!("{other}: {name}"),
    };
    Row {
        name,
        answers,
        goes_on,
        bytes: frames::encoded(frames),
    }
}

/// A ping that no row sends.
const LAST: [u8; 8] = *b"the last";

/// What a server sent, in the words of a row.
#[derive(Debug, Default)]
pub(crate) struct Answers {
    pub(crate) words: Vec<String>,
    /// Whether the last ping was answered.
    ponged: bool,
}

impl Answers {
    /// Takes the frames that are whole.
    pub(crate) fn take(&mut self, bytes: &mut BytesMut) {
        while let Some((head, rest)) = bytes.split_at_checked(9) {
            let length = number(&[0, head[0], head[1], head[2]]);
            let length = usize::try_from(length).unwrap();
            let Some(payload) = rest.get(..length) else {
                return;
            };
            self.frame(head[3], number(&head[5..]), payload);
            bytes.advance(9 + length);
        }
    }

    fn frame(&mut self, kind: u8, stream: u32, payload: &[u8]) {
        let word = match kind {
            1 => format!("{}@{stream}", status(payload)),
            3 => format!("reset{}@{stream}", number(payload)),
            7 => format!("goaway{}", number(&payload[4..8])),
            6 => return self.ponged |= payload == LAST,
            // Content, settings and windows.
            0 | 4 | 8 => return,
            _ => panic!("a frame of type {kind}"),
        };
        self.words.push(word);
    }
}

fn number(bytes: &[u8]) -> u32 {
    u32::from_be_bytes(bytes.try_into().unwrap())
}

/// The status at the start of a header block (RFC 7541, section 6, appendices A and B).
fn status(block: &[u8]) -> u16 {
    const STATIC: [u16; 7] = [200, 204, 206, 304, 400, 404, 500];
    match *block {
        [index @ 0x88..=0x8e, ..] => STATIC[usize::from(index - 0x88)],
        [0x48 | 0x08, 0x82 | 0x83, first, second, third, ..] => huffman(first, second, third),
        _ => panic!("{block:x?}"),
    }
}

/// Three digits.
fn huffman(first: u8, second: u8, third: u8) -> u16 {
    let bits = u32::from(first) << 16 | u32::from(second) << 8 | u32::from(third);
    let mut at = 24;
    let mut number = 0;
    for _ in 0..3 {
        let next = bits >> (at - 6) & 63;
        let (digit, length) = if next < 6 {
            (next >> 1, 5)
        } else {
            (next - 22, 6)
        };
        number = number * 10 + digit;
        at -= length;
    }
    u16::try_from(number).unwrap()
}

fn router() -> Router {
    async fn measure(cx: &mut Context) -> Result<String, BoxError> {
        Ok(cx.body().bytes().await?.len().to_string())
    }
    let routes = Routes::new()
        .get("/", handler(|_: &mut Context| "hello"))
        .post("/", handler(measure));
    routes.build().unwrap()
}

struct Connection {
    socket: TcpStream,
    unread: BytesMut,
    answers: Answers,
}

impl Connection {
    async fn open(server: &Running) -> Self {
        Self {
            socket: server.connect().await.0,
            unread: BytesMut::new(),
            answers: Answers::default(),
        }
    }

    /// Sends a row, and reads up to the end of the connection, or to the answer to the last ping.
    async fn exchange(&mut self, row: &Row) -> io::Result<()> {
        self.write(&row.bytes).await?;
        match row.goes_on {
            GoesOn::Close => {}
            GoesOn::Open => {
                let count = row.answers.matches('@').count();
                self.read_until(|answers| answers.words.len() >= count)
                    .await?;
                self.write(&frame(6, &LAST)).await?;
                return self.read_until(|answers| answers.ponged).await;
            }
            GoesOn::Eof => self.socket.shutdown().await?,
        }
        self.read_until(|_| false).await
    }

    /// Reads while it writes: a server that cannot write does not read.
    async fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        let (mut reader, mut writer) = self.socket.split();
        let mut write = pin!(writer.write_all(bytes));
        loop {
            tokio::select! {
                // A server that has answered may have closed the connection by now.
                _written = &mut write => return Ok(()),
                more = reader.read_buf(&mut self.unread) => {
                    if more? == 0 {
                        return Ok(());
                    }
                    self.answers.take(&mut self.unread);
                }
            }
        }
    }

    async fn read_until(&mut self, enough: impl Fn(&Answers) -> bool) -> io::Result<()> {
        while !enough(&self.answers) && self.socket.read_buf(&mut self.unread).await? > 0 {
            self.answers.take(&mut self.unread);
        }
        Ok(())
    }
}

async fn check(server: &Running, row: &Row) -> Result<(), String> {
    let mut connection = Connection::open(server).await;
    let ended = timeout(LONGEST, connection.exchange(row)).await;
    let Answers { words, ponged } = connection.answers;
    let words = match row.answers.strip_prefix("…") {
        Some(_) => format!("…{}", words.last().map_or("", String::as_str)),
        None if words.is_empty() => "-".to_owned(),
        None => words.join("+"),
    };
    let ended_well = matches!(ended, Ok(Ok(()))) && ponged == (row.goes_on == GoesOn::Open);
    if words != row.answers || !ended_well {
        return Err(format!("{}: {words}, pong {ponged}, {ended:?}", row.name));
    }
    let after = server.answer(get("/")).await;
    assert!(after.ends_with("\r\n\r\nhello"), "{}: {after}", row.name);
    Ok(())
}

#[tokio::test]
async fn every_hostile_frame_gets_its_answer_and_the_server_goes_on() {
    let server = Running::start(router()).await;
    let mut wrong = Vec::new();
    for row in rows() {
        wrong.extend(check(&server, &row).await.err());
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    server.ended().await;
}

#[tokio::test]
async fn a_server_that_trusts_the_framing_leaves_hosts_to_the_routes() {
    let server = Running::start_with(router(), Server::trust_framing).await;
    for name in [
        "no authority and no host",
        "two hosts",
        "a host that differs from the authority",
        "an authority with a user",
    ] {
        let mut row = rows().find(|row| row.name == name).unwrap();
        assert_eq!(row.answers, "400@1");
        row.answers = "200@1";
        assert_eq!(check(&server, &row).await, Ok(()));
    }
    server.ended().await;
}

/// Requests of one frame and of several, in a row.
const WHOLE: [&str; 3] = [
    "preface settings [HEADERS 05 1: get]",
    "[HEADERS 0c 3: 01 post 00] [DATA 08 3: 01 'abc' 00] [DATA 01 3:]",
    "[HEADERS 00 5: post] [CONTINUATION 04 5: 00 01 'x' 01 'y'] [PING 00 0: {8 00}] [HEADERS 05 5: 00 01 'x' 01 'y']",
];

#[tokio::test]
async fn frames_that_stop_at_any_byte_are_no_request_until_its_last() {
    let sent = WHOLE.map(frames::encoded);
    let mut end = 0;
    let ends = sent.each_ref().map(|request| {
        end += request.len();
        end
    });
    let sent = sent.concat();
    for at in 0..=sent.len() {
        let server = Running::start(router()).await;
        let mut client = server.connect().await;
        client.send(&sent[..at]).await;
        client.0.shutdown().await.unwrap();
        let mut bytes = BytesMut::from(&*client.rest_bytes().await);
        let mut answers = Answers::default();
        if at < PREFACE.len() {
            assert!(
                bytes.is_empty() || bytes.starts_with(b"HTTP/1.1 400 "),
                "{at}"
            );
        } else {
            answers.take(&mut bytes);
        }
        let whole = ends.iter().filter(|end| **end <= at).count();
        let expected = ["200@1", "200@3", "200@5"];
        assert_eq!(answers.words, expected[..whole], "{at}");
        let after = server.answer(get("/")).await;
        assert!(after.ends_with("\r\n\r\nhello"), "{at}: {after}");
        server.ended().await;
    }
}

#[test]
fn the_table_is_large_and_each_row_has_its_own_name() {
    let mut names: Vec<_> = rows().map(|row| row.name).collect();
    let all = names.len();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), all);
    assert!(all >= 140, "{all}");
}
