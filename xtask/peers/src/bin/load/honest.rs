//! A client as it should be, which opens a connection for each request.

#![expect(
    clippy::disallowed_types,
    reason = "what passes is measured, and no runtime is here whose time can be paused"
)]

use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpStream},
    thread,
    time::{Duration, Instant},
};

use peristyle_peers::Failure;

use crate::target::HELLO;

const PAUSE: Duration = Duration::from_millis(2);
const LONGEST: Duration = Duration::from_secs(30);

/// The latency that 99 of 100 requests do not exceed, from the first packet to the whole answer, over so long a time.
pub(crate) fn p99(address: SocketAddr, time: Duration) -> Result<Duration, Failure> {
    let end = Instant::now() + time;
    let mut latencies = Vec::new();
    while Instant::now() < end {
        let start = Instant::now();
        let answer = get(address, "/")?;
        latencies.push(start.elapsed());
        if answer != HELLO.as_bytes() {
            return Err("an honest client got a wrong answer".into());
        }
        thread::sleep(PAUSE);
    }
    Ok(percentile(latencies, 99))
}

/// The body of the answer, which must be a 200.
pub(crate) fn get(address: SocketAddr, path: &str) -> Result<Vec<u8>, Failure> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(LONGEST))?;
    let request = format!("GET {path} HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n");
    stream.write_all(request.as_bytes())?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer)?;
    let end = answer.windows(4).position(|it| it == b"\r\n\r\n");
    match end {
        Some(end) if answer.starts_with(b"HTTP/1.1 200 ") => Ok(answer.split_off(end + 4)),
        _ => Err(format!("an honest client got no 200 for {path}").into()),
    }
}

/// The least of them that so many of a hundred do not exceed.
fn percentile(mut latencies: Vec<Duration>, percent: usize) -> Duration {
    latencies.sort();
    latencies[(latencies.len() * percent).div_ceil(100) - 1]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_of_a_hundred_is_left_out() {
        let latencies = |to| (1..=to).rev().map(Duration::from_millis).collect();

        assert_eq!(percentile(latencies(100), 99).as_millis(), 99);
        assert_eq!(percentile(latencies(200), 99).as_millis(), 198);
        assert_eq!(percentile(latencies(3), 99).as_millis(), 3);
    }
}
