//! A page that lives: the machine's figures, the lines of standard input, what browsers publish, and the walk of each
//! request through its interceptors, pushed to every browser that looks.
//!
//! ```text
//! ping localhost | cargo run --example live_feed
//! ```
//!
//! Everything is encoded once, as an event, and kept for a while in one log that all browsers follow. A tab that lost its
//! connection, or was loaded again, goes on exactly where it was. One that fell too far behind, or finds the server restarted,
//! shows what it has missed.

#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a program for the terminal"
)]

pub(crate) mod feed;
mod lines;
mod machine;
mod walks;

use std::{env, mem, net::SocketAddr, process::ExitCode, str, time::Duration};

use peristyle::{
    BoxError, Chain, Link, after, before, handler,
    server::{
        Context, Html, Problem, RequestBody, RouteErrors, Router, Routes, Server,
        http::{HeaderValue, StatusCode, header::CONTENT_SECURITY_POLICY},
    },
    sse::feed::Feed,
};
use tokio::task::JoinSet;

use self::walks::Walks;

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
    let feed = feed::feed();
    let router = router(&feed)?;
    let server = Server::bind(listen).await;
    let server = server.map_err(|error| format!("cannot listen on {listen}: {error}"))?;
    println!("listening on http://{}", server.local_addr()?);

    let mut background = JoinSet::new();
    background.spawn(machine::watch(feed.clone()));
    lines::read_stdin(feed)?;
    server.grace(GRACE).serve(router).await?;
    background.shutdown().await;
    Ok(())
}

/// Streams end at once, so that only a request that is being answered is waited for.
const GRACE: Duration = Duration::from_millis(500);

pub(crate) fn router(feed: &Feed) -> Result<Router, RouteErrors> {
    let (events, published) = (feed.clone(), feed.clone());
    let events = move |cx: &mut Context| feed::follow(&events, cx);
    let publish = move |cx: &mut Context| publish(mem::take(cx.body()), published.clone());
    let walks = Link::new(Walks::published_to(feed.clone()));
    Routes::new()
        .interceptors(Chain::new([walks, after(restrict).named("restrict")]))
        .get("/", handler(|_: &mut Context| Html(PAGE)).named("page"))
        .get("/events", before(events).named("events"))
        .post("/publish", handler(publish).named("publish"))
        .build()
}

/// The browser itself holds the page to what is said of it: it is one file, and speaks to this server alone.
fn restrict(cx: &mut Context) {
    let policy = "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; \
        img-src data:; connect-src 'self'";
    if let Some(response) = cx.response_mut() {
        let policy = HeaderValue::from_static(policy);
        response
            .headers_mut()
            .insert(CONTENT_SECURITY_POLICY, policy);
    }
}

/// Bytes. The feed keeps many messages, so that a large one costs memory many times.
const LONGEST_MESSAGE: u64 = 16 * 1024;

async fn publish(mut body: RequestBody, feed: Feed) -> Result<StatusCode, BoxError> {
    let refuse = |detail: &'static str| Problem::new(StatusCode::BAD_REQUEST).detail(detail);
    body.set_limit(LONGEST_MESSAGE);
    let message = body.bytes().await?;
    if message.is_empty() {
        return Err(refuse("the message is empty").into());
    }
    let text = str::from_utf8(&message).map_err(|_| refuse("the message is not UTF-8"))?;
    feed::publish(&feed, "published", text);
    Ok(StatusCode::ACCEPTED)
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
