//! A page that lives: the machine's figures, the lines of standard input, what browsers publish, and the walk of each
//! request through its interceptors, pushed to every browser that looks.
//!
//! ```text
//! ping localhost | cargo run --example live_feed
//! ```
//!
//! Everything is encoded once, as an event, and broadcast: ten browsers cost ten pointers. A browser that falls behind
//! loses the oldest events, is told so by a comment, and goes on.

#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a program for the terminal"
)]

mod feed;
mod lines;
mod machine;
mod walks;

use std::{convert::Infallible, env, net::SocketAddr, process::ExitCode, time::Duration};

use peristyle::{
    BoxError, Chain, before, handler,
    server::{Context, Html, IntoResponse, Problem, Router, Routes, Server, http::StatusCode},
    sse::{Drain, EventStream},
};
use tokio::task::JoinSet;

use crate::feed::Feed;

const PAGE: &str = include_str!("page.html");

#[tokio::main]
async fn main() -> ExitCode {
    let listen = match listen_address(env::args().skip(1)) {
        Ok(listen) => listen,
        Err(message) => {
            eprintln!("live_feed: {message}\nusage: live_feed [--listen ADDRESS:PORT]");
            return ExitCode::from(2);
        }
    };
    match run(listen).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("live_feed: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run(listen: SocketAddr) -> Result<(), BoxError> {
    let feed = Feed::new();
    let router = router(&feed)?;
    let server = Server::bind(listen).await?.grace(Duration::from_secs(1));
    println!("listening on http://{}", server.local_addr()?);

    let mut background = JoinSet::new();
    background.spawn(machine::watch(feed.clone()));
    lines::read_stdin(feed)?;
    server.serve(router).await?;
    background.shutdown().await;
    Ok(())
}

fn router(feed: &Feed) -> Result<Router, BoxError> {
    let (events, published) = (feed.clone(), feed.clone());
    let events = move |_: &mut Context| follow(&events);
    let publish = move |cx: &mut Context| publish(cx, &published);
    let publish = [before(read_message), handler(publish).named("publish")];
    let router = Routes::new()
        .interceptors(walks::published_to(feed))
        .get("/", handler(|_: &mut Context| Html(PAGE)).named("page"))
        .get("/events", handler(events).named("events"))
        .post("/publish", Chain::new(publish))
        .build()?;
    Ok(router)
}

fn follow(feed: &Feed) -> impl IntoResponse + use<> {
    EventStream::new::<Infallible>(feed.subscribe())
        .retry(Duration::from_secs(1))
        .on_drain(Drain::EndNow)
        .into_response()
}

/// The body of a request to publish.
#[derive(Clone)]
struct Message(String);

async fn read_message(cx: &mut Context) -> Result<(), BoxError> {
    let refuse = |detail: &'static str| Problem::new(StatusCode::BAD_REQUEST).detail(detail);
    let body = cx.body().bytes().await?;
    if body.is_empty() {
        return Err(refuse("the message is empty").into());
    }
    let text = String::from_utf8(body.into()).map_err(|_| refuse("the message is not UTF-8"))?;
    cx.request_mut().extensions.insert(Message(text));
    Ok(())
}

fn publish(cx: &mut Context, feed: &Feed) -> StatusCode {
    if let Some(Message(text)) = cx.request_mut().extensions.remove() {
        feed.publish("published", &text);
    }
    StatusCode::ACCEPTED
}

fn listen_address(mut arguments: impl Iterator<Item = String>) -> Result<SocketAddr, String> {
    let mut listen = SocketAddr::from(([127, 0, 0, 1], 8080));
    while let Some(argument) = arguments.next() {
        if argument != "--listen" {
            return Err(format!("unknown argument `{argument}`"));
        }
        let address = arguments.next().ok_or("`--listen` needs an address")?;
        listen = address
            .parse()
            .map_err(|_| format!("`{address}` is not an address with a port"))?;
    }
    Ok(listen)
}
