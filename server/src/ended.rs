//! The end of an exchange, told once to who asked for it.

use std::{fmt, time::Duration};

use http::StatusCode;
use peristyle_core::Panicked;

/// How an exchange came to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Exit {
    /// The client left before the response was complete.
    Left,
    /// The whole response was sent: over HTTP/1.1 written to the socket, over HTTP/2 handed to the connection, which the
    /// client's flow control may still hold back.
    Served,
    /// The response was cut off on this side: its body failed, or the client read nothing for too long
    /// or [sent too much](crate::Server) that brings nothing.
    Aborted,
    /// The response was cut off because the server's grace had passed.
    Shutdown,
}

impl Exit {
    /// The end in one lower-case word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Left => "left",
            Self::Served => "served",
            Self::Aborted => "aborted",
            Self::Shutdown => "shutdown",
        }
    }
}

impl fmt::Display for Exit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What became of an exchange; see [`Exchange::on_ended`](crate::Exchange::on_ended).
#[derive(Debug, Clone)]
pub struct Ended {
    pub(crate) status: Option<StatusCode>,
    pub(crate) bytes: u64,
    pub(crate) elapsed: Duration,
    pub(crate) exit: Exit,
}

impl Ended {
    /// The status of the response; `None` when there was none before the client left.
    pub fn status(&self) -> Option<StatusCode> {
        self.status
    }

    /// The bytes of the response's body, without framing, that were handed to the connection. When the exchange was not
    /// [served](Exit::Served) the last of them, at most 192 KiB and what the system holds, may not have reached the client.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// From the end of the request's head to the end of the exchange.
    pub fn elapsed(&self) -> Duration {
        self.elapsed
    }

    /// How it ended.
    pub fn exit(&self) -> Exit {
        self.exit
    }
}

/// What is called when an exchange has ended.
pub(crate) type Hook = Box<dyn FnOnce(&Ended) + Send>;

/// A panic of one is no reason not to call the others, nor may it end the connection.
pub(crate) fn tell(ended: &Ended, hooks: Vec<Hook>) {
    for hook in hooks {
        if let Err(panicked) = Panicked::catch(|| hook(ended)) {
            tracing::error!(error = %panicked, "what was to be called at the end of an exchange panicked");
        }
    }
}
