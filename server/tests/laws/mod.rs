//! Laws that hold for any bytes.
//!
//! `cargo test` tries each with its seeds and with some thousand variations of them, the same every time. `cargo xtask fuzz`
//! has libFuzzer look for bytes that reach more of the code. What it finds becomes a seed of the law.

#![expect(clippy::unwrap_used, reason = "a law that cannot be tried is broken")]

mod connection;
mod cookies;
mod forms;
#[path = "../hostile/frames.rs"]
mod frames;
mod guard;
mod h2;
mod law;
mod multipart;
#[path = "../hostile/requests.rs"]
mod requests;
mod routes;
#[cfg(test)]
mod variations;

use std::{cell::RefCell, future::Future};

use tokio::runtime::{Builder, Runtime};

pub use self::law::Law;
use crate::{Context, Exchange};

impl Law {
    /// The law of this name.
    pub fn named(name: &str) -> Option<Self> {
        Some(match name {
            "cookies" => cookies::law(),
            "forms" => forms::law(),
            "guard" => guard::law(),
            "h2" => h2::law(),
            "multipart" => multipart::law(),
            "routes" => routes::law(),
            _ => return None,
        })
    }
}

fn seeds(seeds: &[&[u8]]) -> Vec<Vec<u8>> {
    seeds.iter().map(|seed| seed.to_vec()).collect()
}

/// A context with a request that has no body.
fn context(request: http::request::Builder) -> Context {
    let request = request.body(()).expect("it is well-formed");
    let mut cx = Context::new(Exchange::default());
    (*cx.request_mut(), ()) = request.into_parts();
    cx
}

/// Runs a future to its end. Time passes only when nothing else can happen.
fn block_on<F: Future>(future: F) -> F::Output {
    thread_local! {
        static RUNTIME: RefCell<Runtime> = RefCell::new(
            Builder::new_current_thread()
                .enable_time()
                .start_paused(true)
                .build()
                .expect("it needs nothing of the system"),
        );
    }
    RUNTIME.with_borrow(|runtime| runtime.block_on(future))
}
