use std::{future::Future, net::SocketAddr, pin::Pin, process::Stdio, time::Duration};

use async_stream::try_stream;
use peristyle::{
    BoxError, handler,
    server::{Context, RouteErrors, Router, Routes, Server},
    sse::{
        Event, EventStream,
        client::{Error, EventSource},
    },
};
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    process::Command,
    sync::{mpsc, oneshot, watch},
    task::JoinSet,
    time::timeout,
};
use tokio_stream::Stream;

use crate::binary;

#[path = "../../follow.rs"]
#[expect(dead_code, reason = "its `main` is not run")]
mod example;

const ONLY_A_HANG: Duration = Duration::from_secs(60);

/// The events after the one with the id `last`, whose ids are 1, 2 and so on.
fn events(
    last: u64,
    mut newest: watch::Receiver<u64>,
) -> impl Stream<Item = Result<Event, BoxError>> {
    try_stream! {
        for id in last + 1.. {
            newest.wait_for(|newest| *newest >= id).await.map(drop)?;
            let data = format!("event {id}");
            yield Event::builder().event("tick").id(&id.to_string()).data(&data).build()?;
        }
    }
}

fn router(newest: &watch::Sender<u64>) -> Result<Router, RouteErrors> {
    let newest = newest.subscribe();
    let feed = move |cx: &mut Context| {
        let last = cx.request().headers.get("last-event-id");
        let last = last.and_then(|id| id.to_str().ok()?.parse().ok());
        EventStream::new(events(last.unwrap_or(0), newest.clone()))
            .retry(Duration::ZERO)
            .into_response()
    };
    Routes::new().get("/feed", handler(feed)).build()
}

/// A server of the feed, until it is dropped.
struct Running {
    address: SocketAddr,
    end: oneshot::Sender<()>,
    serving: JoinSet<std::io::Result<()>>,
}

impl Running {
    async fn start(address: SocketAddr, newest: &watch::Sender<u64>) -> Result<Self, BoxError> {
        let server = Server::bind(address).await?;
        let address = server.local_addr()?;
        let (end, ended) = oneshot::channel();
        let mut serving = JoinSet::new();
        serving.spawn(server.serve_until(router(newest)?, async {
            ended.await.expect("a server that is stopped is told so");
        }));
        Ok(Self {
            address,
            end,
            serving,
        })
    }

    async fn stop(mut self) -> Result<(), BoxError> {
        self.end.send(()).expect("it is still serving");
        self.serving.join_next().await.expect("one server")??;
        Ok(())
    }

    /// Without a word to its clients.
    async fn kill(mut self) {
        self.serving.shutdown().await;
    }
}

/// The example, run only while a line is waited for.
struct Follower {
    following: Pin<Box<dyn Future<Output = Result<(), Error>>>>,
    lines: mpsc::Receiver<String>,
}

impl Follower {
    fn start(address: SocketAddr) -> Result<Self, BoxError> {
        let source = EventSource::new(&format!("http://{address}/feed"))?;
        let (tx, lines) = mpsc::channel(16);
        let print = move |line| tx.try_send(line).expect("few lines at once");
        let following = Box::pin(example::follow(source, print));
        Ok(Self { following, lines })
    }

    async fn gets(&mut self, ids: std::ops::RangeInclusive<u64>) -> Result<(), BoxError> {
        for id in ids {
            let line = timeout(ONLY_A_HANG, self.line()).await?;
            assert_eq!(line, format!("{id} tick: event {id}"));
        }
        Ok(())
    }

    async fn line(&mut self) -> String {
        tokio::select! {
            biased;
            line = self.lines.recv() => line.expect("the example goes on"),
            ended = &mut self.following => panic!("{ended:?}"),
        }
    }
}

#[tokio::test]
async fn nothing_is_missed_while_the_server_is_restarted_or_killed() -> Result<(), BoxError> {
    let newest = watch::Sender::new(2);
    let first = Running::start(([127, 0, 0, 1], 0).into(), &newest).await?;
    let address = first.address;
    let mut follower = Follower::start(address)?;
    follower.gets(1..=2).await?;
    newest.send_replace(3);
    follower.gets(3..=3).await?;

    timeout(ONLY_A_HANG, first.stop()).await??;
    newest.send_replace(6);
    let second = Running::start(address, &newest).await?;
    follower.gets(4..=6).await?;

    second.kill().await;
    newest.send_replace(8);
    let third = Running::start(address, &newest).await?;
    follower.gets(7..=8).await?;
    newest.send_replace(9);
    follower.gets(9..=9).await?;

    drop(follower);
    timeout(ONLY_A_HANG, third.stop()).await?
}

#[tokio::test]
async fn it_prints_the_feed_until_it_is_interrupted() -> Result<(), BoxError> {
    let newest = watch::Sender::new(2);
    let server = Running::start(([127, 0, 0, 1], 0).into(), &newest).await?;
    let mut program = Command::new(binary::build("follow"))
        .arg(format!("http://{}/feed", server.address))
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()?;
    let stdout = program.stdout.take().ok_or("it is a pipe")?;
    let mut lines = BufReader::new(stdout).lines();
    for line in ["1 tick: event 1", "2 tick: event 2"] {
        let printed = timeout(ONLY_A_HANG, lines.next_line()).await??;
        assert_eq!(printed.as_deref(), Some(line));
    }

    let id = program.id().ok_or("it is running")?.to_string();
    // Every shell has a `kill` of its own; not every machine has the program.
    let sent = Command::new("sh")
        .args(["-c", "kill -INT $0", &id])
        .status();
    assert!(sent.await?.success());
    let status = timeout(ONLY_A_HANG, program.wait()).await??;
    assert!(status.success(), "{status}");
    server.stop().await
}
