//! One feed, many clients, over real sockets, with whatever goes wrong: and a ledger of every event that each client asked for.
//!
//! The server is a process of its own, a child of this one, which has the clients and the publishers. While they run, servers are
//! drained and replaced in front of the same feed, the process of the server is killed and a new one takes its place, clients
//! are cut off in the middle of an event, read slowly, or not at all. What came is judged by the [`ledger`], which the tests in
//! memory use too.
//!
//! ```text
//! soak feed [--deliveries N] [--clients N] [--seed S] [--minutes M]   run, and fail if anything was lost, or nothing went wrong
//! soak --serve SEED                                                   be the server
//! ```

#![expect(
    clippy::print_stdout,
    reason = "a task prints its progress, and processes say lines"
)]

mod asked;
mod client;
mod connection;
#[path = "../../../../../tests/streams/ledger/mod.rs"]
mod ledger;
mod load;
mod options;
mod publisher;
mod report;
mod response;
mod server;
mod soak;
mod wire;

use std::env;

use peristyle_peers::Failure;

use crate::options::Options;

fn main() -> Result<(), Failure> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments[..] {
        ["--serve", seed] => server::run(seed.parse()?),
        ["feed", ref options @ ..] => soak::run(&Options::parse(options)?),
        _ => Err("there is one soak: `feed`".into()),
    }
}
