//! The same claims about a server that has threads of its own.

mod support {
    pub(crate) use crate::support::*;

    pub(crate) type Running = RunningOn<2>;
}

#[path = "framing.rs"]
mod framing;
#[path = "handover.rs"]
mod handover;
#[path = "http2.rs"]
mod http2;
#[path = "interrupts.rs"]
mod interrupts;
#[path = "leaving.rs"]
mod leaving;
#[path = "shutdown.rs"]
mod shutdown;
#[path = "streams.rs"]
mod streams;
