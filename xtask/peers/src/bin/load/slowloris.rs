//! Ten thousand clients that never come to the end of a request's head, beside an honest one.

use std::{
    io,
    net::SocketAddr,
    sync::atomic::{AtomicU64, Ordering},
    thread,
    time::Duration,
};

use peristyle_peers::Failure;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    runtime::Builder,
    task::JoinSet,
    time::{sleep, timeout},
};

use crate::{
    honest,
    scenario::{Row, Run, say},
};

const ATTACKERS: u32 = 10_000;
/// They come one after the other, so that those which the server closes come back one after the other too.
const ARRIVAL: Duration = Duration::from_secs(10);
/// Between two bytes.
const PAUSE: Duration = Duration::from_secs(2);
const CALM: Duration = Duration::from_secs(5);
const ATTACK: Duration = Duration::from_secs(15);
/// Between two attempts to connect.
const AGAIN: Duration = Duration::from_millis(100);

/// How often the honest client's p99 may have what it has in calm.
const TIMES: u64 = 3;
/// Of a hundred attackers, how many must have been connected throughout.
const LEAST_OPEN: u64 = 90;

static OPEN: AtomicU64 = AtomicU64::new(0);

pub(crate) fn clients(address: SocketAddr) -> Result<(), Failure> {
    say("calm", honest::p99(address, CALM)?.as_micros());
    thread::spawn(move || attack(address));
    thread::sleep(ARRIVAL + PAUSE);
    let watched = thread::spawn(least_open);
    say("attacked", honest::p99(address, ATTACK)?.as_micros());
    say("open", watched.join().map_err(|_| "the count panicked")?);
    Ok(())
}

/// How many were connected at the least.
fn least_open() -> u64 {
    let counts = (0..100).map(|_| {
        thread::sleep(ATTACK / 100);
        OPEN.load(Ordering::Relaxed)
    });
    counts.min().unwrap_or_default()
}

/// Goes on until the process ends.
fn attack(address: SocketAddr) -> io::Result<()> {
    let runtime = Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let mut attackers = JoinSet::new();
        for number in 0..ATTACKERS {
            attackers.spawn(attacker(address, ARRIVAL * number / ATTACKERS));
        }
        attackers.join_all().await;
    });
    Ok(())
}

/// Comes after a time, and comes back whenever it is closed.
async fn attacker(address: SocketAddr, after: Duration) {
    sleep(after).await;
    loop {
        if let Ok(mut stream) = TcpStream::connect(address).await {
            OPEN.fetch_add(1, Ordering::Relaxed);
            let _closed = dribble(&mut stream).await;
            OPEN.fetch_sub(1, Ordering::Relaxed);
        } else {
            sleep(AGAIN).await;
        }
    }
}

/// Sends a byte of a head now and then, until the server closes.
async fn dribble(stream: &mut TcpStream) -> io::Result<()> {
    stream
        .write_all(b"GET / HTTP/1.1\r\nhost: a\r\nx: ")
        .await?;
    loop {
        stream.write_all(b"x").await?;
        let mut answer = [0; 64];
        if let Ok(read) = timeout(PAUSE, stream.read(&mut answer)).await {
            if read? == 0 {
                return Ok(());
            }
        }
    }
}

pub(crate) fn judge(run: &mut Run) -> Result<Vec<Row>, Failure> {
    let (calm, attacked) = (run.value("calm")?, run.value("attacked")?);
    let open = run.value("open")?;
    let least = u64::from(ATTACKERS) * LEAST_OPEN / 100;
    Ok(vec![
        Row {
            what: "slowloris: an honest client's p99 in calm".to_owned(),
            measured: format!("{calm} µs"),
            bound: String::new(),
            holds: true,
        },
        Row {
            what: "slowloris: its p99 beside 10,000 half heads".to_owned(),
            measured: format!("{attacked} µs"),
            bound: format!("<= {} µs", TIMES * calm),
            holds: attacked <= TIMES * calm,
        },
        Row {
            what: "slowloris: attackers connected at the least".to_owned(),
            measured: open.to_string(),
            bound: format!(">= {least}"),
            holds: open >= least,
        },
    ])
}
