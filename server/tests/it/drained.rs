//! A server that is told to end while thousands of streams are open.

use std::{fs, sync::Mutex, time::Duration};

use bytes::BytesMut;
use peristyle_core::handler;
use peristyle_server::{Context, Response, Router, Routes, Server};
use rlimit::{Resource, increase_nofile_limit};
use tokio::{io::AsyncReadExt, process::Command, task::yield_now, time::Instant};

use crate::{
    apart::{self, Apart},
    support::{Client, Fed, GET, Values, soon},
};

const MOST: usize = 10_000;
/// Less than the grace: nothing was cut off.
const LONGEST: Duration = Duration::from_secs(25);
/// Descriptors of other tests that run at the same time.
const OTHERS: u64 = 512;
/// What the server may need of the processors for ten thousand streams, and several times that when it is not optimised. How long
/// that takes depends on what else the machine does, the clients here for instance.
const PROCESSOR_TIME: Duration = Duration::from_secs(if cfg!(debug_assertions) { 6 } else { 1 });
const EVENT: &str = "data: hello\n\n";

/// Streams that have sent one event, and end when they are told to drain.
fn streams() -> Router {
    let open: Mutex<Vec<Values>> = Mutex::default();
    let answer = handler(move |_: &mut Context| -> Response {
        let (values, _control, response) = Fed::controlled();
        values.try_send(Ok(EVENT.into())).unwrap();
        open.lock().unwrap().push(values);
        response
    });
    Routes::new().get("/", answer).build().unwrap()
}

/// As many clients as both processes have descriptors for.
fn count() -> usize {
    let (_soft, hard) = Resource::NOFILE.get().unwrap();
    let soft = increase_nofile_limit(hard.min(2 * MOST as u64)).unwrap();
    usize::try_from(soft - soft / 8 - OTHERS).unwrap().min(MOST)
}

async fn opened(server: &Apart) -> Client {
    let mut client = server.connect().await;
    client.send(GET).await;
    client
}

async fn has_its_event(client: &mut Client) {
    let mut read = BytesMut::new();
    let end = format!("{EVENT}\r\n");
    while !read.ends_with(end.as_bytes()) {
        assert_ne!(soon(client.0.read_buf(&mut read)).await.unwrap(), 0);
    }
}

/// What the kernel says of a process, beginning with its state.
fn stat(process: u32) -> Vec<String> {
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).unwrap();
    let (_name, rest) = stat.rsplit_once(") ").unwrap();
    rest.split(' ').map(str::to_owned).collect()
}

/// The time that a process has had of all processors, in user and kernel mode.
fn processor_time(process: u32) -> Duration {
    let stat = stat(process);
    let hundredths: [u64; 2] = [11, 12].map(|at: usize| stat[at].parse().unwrap());
    Duration::from_millis(10 * hundredths.iter().sum::<u64>())
}

/// Its figures stay until it is waited for.
async fn has_exited(process: u32) {
    while stat(process)[0] != "Z" {
        yield_now().await;
    }
}

#[tokio::test]
async fn thousands_of_streams_end_cleanly_and_the_process_with_them() {
    if apart::is_here() {
        let server = Server::bind("127.0.0.1:0").await.unwrap();
        return apart::serve_until_signal(server, streams()).await;
    }
    let count = count();
    let name = "drained::thousands_of_streams_end_cleanly_and_the_process_with_them";
    let server = Apart::start(name, "ulimit -n $(ulimit -Hn);").await;
    let mut clients = Vec::new();
    for _ in 0..count {
        clients.push(opened(&server).await);
    }
    for client in &mut clients {
        has_its_event(client).await;
    }
    let process = server.id();
    let (started, before) = (Instant::now(), processor_time(process));
    let script = format!("kill -TERM {process}");
    let sent = Command::new("sh").args(["-c", &script]).status().await;
    assert!(sent.unwrap().success());
    for client in clients {
        assert_eq!(client.rest().await, "0\r\n\r\n");
    }
    soon(has_exited(process)).await;
    let used = processor_time(process).saturating_sub(before);
    let taken = started.elapsed();
    server.ended().await;
    assert!(
        used < PROCESSOR_TIME,
        "{count} streams: {used:?} of {taken:?}"
    );
    assert!(taken < LONGEST, "{count} streams: {taken:?}");
}
