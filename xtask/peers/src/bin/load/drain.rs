//! Ten thousand open event streams, and SIGTERM.

#![expect(
    clippy::disallowed_types,
    reason = "what passes is measured, and no runtime is here whose time can be paused"
)]

use std::{
    io,
    net::SocketAddr,
    time::{Duration, Instant},
};

use peristyle_peers::Failure;
use rustix::process::{Pid, Signal, kill_process};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    runtime::Builder,
    task::JoinSet,
};

use crate::scenario::{Row, Run, say};

const CLIENTS: usize = 10_000;
const MOST: Duration = Duration::from_secs(1);
const FIRST: &[u8] = b"data: hello\n\n";
/// The last chunk and no trailers (RFC 9112, section 7.1); the end of the chunk before may not have been read yet.
const LAST: [&[u8]; 2] = [b"0\r\n\r\n", b"\r\n0\r\n\r\n"];

pub(crate) fn clients(address: SocketAddr) -> Result<(), Failure> {
    let runtime = Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let mut streams = JoinSet::new();
        for _ in 0..CLIENTS {
            streams.spawn(opened(address));
        }
        let streams = streams.join_all().await;
        let streams = streams.into_iter().collect::<io::Result<Vec<_>>>()?;
        say("open", streams.len());
        let mut ends = JoinSet::new();
        for stream in streams {
            ends.spawn(ends_clean(stream));
        }
        let ends = ends.join_all().await;
        say("clean", ends.iter().filter(|clean| **clean).count());
        Ok(())
    })
}

/// A connection whose stream has brought its first event.
async fn opened(address: SocketAddr) -> io::Result<TcpStream> {
    let mut stream = TcpStream::connect(address).await?;
    let request = b"GET /events HTTP/1.1\r\nhost: a\r\n\r\n";
    stream.write_all(request).await?;
    let mut received = Vec::new();
    while !received.windows(FIRST.len()).any(|it| it == FIRST) {
        if stream.read_buf(&mut received).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
    }
    Ok(stream)
}

/// Whether what comes next is the last chunk, and then the connection's end.
async fn ends_clean(mut stream: TcpStream) -> bool {
    let mut received = Vec::new();
    match stream.read_to_end(&mut received).await {
        Ok(_) => LAST.contains(&&*received),
        Err(_) => false,
    }
}

pub(crate) fn judge(run: &mut Run) -> Result<Vec<Row>, Failure> {
    let open = run.value("open")?;
    let mut server = run.server.take().ok_or("the server is judged once")?;
    let pid = i32::try_from(server.id()).ok().and_then(Pid::from_raw);
    let (start, used) = (Instant::now(), server.cpu()?);
    kill_process(pid.ok_or("the server has a number")?, Signal::TERM)?;
    // It says nothing more: the end of its output is its own.
    let _end = server.hear();
    let used = server.cpu()?.saturating_sub(used);
    server.ended()?;
    let taken = start.elapsed();
    let clean = run.value("clean")?;
    Ok(vec![
        Row {
            what: format!("drain: SIGTERM to exit with {open} open event streams"),
            measured: format!("{} ms", taken.as_millis()),
            bound: format!("< {} ms", MOST.as_millis()),
            holds: taken < MOST && open == CLIENTS as u64,
        },
        Row {
            what: "drain: CPU time of the server for it".to_owned(),
            measured: format!("{} ms", used.as_millis()),
            bound: String::new(),
            holds: true,
        },
        Row {
            what: "drain: clients that saw the last chunk and a clean end".to_owned(),
            measured: clean.to_string(),
            bound: format!("= {open}"),
            holds: clean == open,
        },
    ])
}
