//! A hundred clients that ask for 50 MB and do not read them.

use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpStream},
    thread,
    time::Duration,
};

use peristyle_peers::Failure;

use crate::{
    honest,
    scenario::{Row, Run, say},
    target::LARGE,
};

const CLIENTS: u32 = 100;
/// Enough for the server to fill whatever it fills.
const TIME: Duration = Duration::from_secs(3);
const MIB: f64 = 1024.0 * 1024.0;
/// Of the server's live heap.
const MOST: u64 = 32 * 1024 * 1024;

pub(crate) fn clients(address: SocketAddr) -> Result<(), Failure> {
    for path in ["/whole", "/streamed"] {
        let connections = (0..CLIENTS).map(|_| ask(address, path));
        let connections = connections.collect::<Result<Vec<_>, Failure>>()?;
        thread::sleep(TIME);
        say("held", connections.len());
        say("heap", String::from_utf8(honest::get(address, "/heap")?)?);
    }
    say("read", read_through(address, "/whole")?);
    Ok(())
}

/// Asks, and reads no more than shows that the answer has begun.
fn ask(address: SocketAddr, path: &str) -> Result<TcpStream, Failure> {
    let mut stream = TcpStream::connect(address)?;
    write!(stream, "GET {path} HTTP/1.1\r\nhost: a\r\n\r\n")?;
    let mut start = [0; 12];
    stream.read_exact(&mut start)?;
    match &start {
        b"HTTP/1.1 200" => Ok(stream),
        _ => Err(format!("no 200 for {path}").into()),
    }
}

/// How long the answer is for who reads it.
fn read_through(address: SocketAddr, path: &str) -> Result<usize, Failure> {
    Ok(honest::get(address, path)?.len())
}

pub(crate) fn judge(run: &mut Run) -> Result<Vec<Row>, Failure> {
    let mut rows = Vec::new();
    for kind in ["whole bodies", "in pieces"] {
        let (held, heap) = (run.value("held")?, run.value("heap")?);
        rows.push(Row {
            what: format!("unread: live heap, {held} x 50 MB, {kind}"),
            measured: format!("{:.1} MiB", mib(heap)),
            bound: format!("< {:.0} MiB", mib(MOST)),
            holds: heap < MOST && held == u64::from(CLIENTS),
        });
    }
    let read = run.value("read")?;
    rows.push(Row {
        what: "unread: bytes for a client that reads them meanwhile".to_owned(),
        measured: read.to_string(),
        bound: format!("= {LARGE}"),
        holds: read == LARGE as u64,
    });
    Ok(rows)
}

#[expect(clippy::cast_precision_loss, reason = "a figure to be read")]
fn mib(bytes: u64) -> f64 {
    bytes as f64 / MIB
}
