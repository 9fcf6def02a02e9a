//! Who publishes to followers: `GET /events` follows, `POST /publish` publishes its body as one event named `tick`.

mod actix_app;
mod axum_sse;
pub(crate) mod floor;
mod peristyle;
mod raw_hyper;

use std::{
    io,
    net::{Ipv4Addr, SocketAddr, TcpListener},
    process, thread,
};

use peristyle_peers::Failure;
use socket2::{Domain, Socket, Type};

/// How many clients may wait to be accepted: as many for each server.
const BACKLOG: i32 = 4096;
/// What those that keep events in a ring for slow followers keep.
const KEPT: usize = 1024;
const NAME: &str = "tick";

type Serve = fn(TcpListener, usize) -> Result<(), Failure>;

/// What serves on a socket, with so many routes, for a name.
fn named(name: &str) -> Option<Serve> {
    Some(match name {
        "floor" => |listener, _| floor::serve(&listener),
        "hyper" => |listener, _| raw_hyper::serve(listener),
        "peristyle" => peristyle::serve,
        "through_hyper" => peristyle::serve_through_hyper,
        "axum" => axum_sse::serve,
        "axum_make" => axum_sse::serve_made,
        "actix" => |listener, _| actix_app::serve(listener),
        _ => return None,
    })
}

/// Says its address, serves until it is told to end or the standard input is over, and answers each line of it with the size of
/// the live heap in bytes.
pub(crate) fn run(name: &str, routes: usize, heap: fn() -> usize) -> Result<(), Failure> {
    let serve = named(name).ok_or_else(|| format!("there is no server `{name}`"))?;
    let listener = listen()?;
    say(listener.local_addr()?);
    thread::spawn(move || answer(heap));
    serve(listener, routes)
}

fn listen() -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
    socket.bind(&SocketAddr::from((Ipv4Addr::LOCALHOST, 0)).into())?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}

#[expect(
    clippy::exit,
    reason = "nobody is there any longer, and the servers end in ways of their own"
)]
fn answer(heap: fn() -> usize) {
    for _ in io::stdin().lines().map_while(Result::ok) {
        say(heap());
    }
    process::exit(0);
}

#[expect(clippy::print_stdout, reason = "processes say lines")]
fn say(line: impl std::fmt::Display) {
    println!("{line}");
}

/// The event as it is sent.
fn encoded(data: &str) -> String {
    format!("event: {NAME}\ndata: {data}\n\n")
}
