//! Serves as `feed` does, and counts the live heap: a program of its own, so that counting slows down no other measurement.

#[path = "../feed/servers/mod.rs"]
mod servers;

use std::env;

use peak_alloc::PeakAlloc;
use peristyle_peers::Failure;

#[global_allocator]
static HEAP: PeakAlloc = PeakAlloc;

fn main() -> Result<(), Failure> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["--serve", name, routes] => servers::run(name, routes.parse()?, || HEAP.current_usage()),
        _ => Err("`feed_heap --serve NAME ROUTES`".into()),
    }
}
