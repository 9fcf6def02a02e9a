//! What a load test aims at: one feed, those who follow it, and those who publish to it.
//!
//! ```text
//! ulimit -n 20000
//! cargo run --release --example feed_server -- --listen 127.0.0.1:8080
//! curl -N http://127.0.0.1:8080/events
//! curl -d hello http://127.0.0.1:8080/publish
//! ```
//!
//! A follower takes a connection. All limits are the server's defaults: it takes as many connections as the process may have
//! descriptors, less an eighth, which is 17,500 of 20,000. Beyond, who connects waits until another leaves.

#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a program for the terminal"
)]

use std::{env, net::SocketAddr, process::ExitCode};

use peristyle::{
    BoxError, Outcome, before,
    server::{Context, RouteErrors, Router, Routes, Server, State, handler},
    sse::{
        self, Event,
        feed::{Feed, Follow},
    },
};

pub(crate) fn router(feed: Feed) -> Result<Router, RouteErrors> {
    Routes::new()
        .state(feed)
        .get("/events", before(follow))
        .post("/publish", handler(publish))
        .build()
}

/// From now on, or from where the client was.
fn follow(cx: &mut Context) -> Outcome {
    let follow = Follow::live().resume_request(cx.headers(), cx.uri());
    match cx.state::<Feed>()?.follow(follow) {
        Ok(events) => cx.respond(events.into_response()),
        Err(_finished) => cx.respond(sse::finished()),
    }
}

/// The id of the event, which is in the log by then.
async fn publish(feed: State<Feed>, data: String) -> Result<String, BoxError> {
    let event = Event::builder().event("tick").data(&data).build()?;
    Ok(feed.publish(event).to_string())
}

#[tokio::main]
async fn main() -> ExitCode {
    let listen = match listen_address(env::args().skip(1)) {
        Ok(listen) => listen,
        Err(message) => {
            eprintln!("feed_server: {message}\nusage: feed_server [--listen ADDRESS:PORT]");
            return ExitCode::from(2);
        }
    };
    match run(listen).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("feed_server: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run(listen: SocketAddr) -> Result<(), BoxError> {
    let server = Server::bind(listen).await;
    let server = server.map_err(|error| format!("cannot listen on {listen}: {error}"))?;
    println!("listening on http://{}", server.local_addr()?);
    server.serve(router(Feed::new())?).await?;
    Ok(())
}

pub(crate) fn listen_address(
    mut arguments: impl Iterator<Item = String>,
) -> Result<SocketAddr, String> {
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
