//! Reasons to end a stage that waits.

use std::{error, fmt, time::Duration};

use http::{HeaderValue, StatusCode, header::RETRY_AFTER};
use peristyle_core::{Error, Interceptor, Name, Stages, Step};
use tokio::time::sleep;

use crate::{Context, Disconnected, Exchange, Exit, Problem, Shutdown, shutdown::Phase};

/// An interceptor that ends an inner stage that waits, for any of the reasons given to it: the stage's future is dropped and an
/// [`Interrupted`] is raised in its place. Without a reason it does nothing.
///
/// It holds for the interceptors inside of it, until it is left. A stage that answers at once is not ended, nor one that
/// handles an error, nor the body of a response. An inner one takes the place of an outer one.
///
/// ```
/// use std::time::Duration;
///
/// use peristyle_core::{Link, handler};
/// use peristyle_server::{Context, Interrupts, Routes, TestClient};
///
/// # #[tokio::main(flavor = "current_thread", start_paused = true)]
/// # async fn main() -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
/// let patience = Interrupts::new().after(Duration::from_secs(5)).on_shutdown();
/// let slow = handler(async |_: &mut Context| tokio::time::sleep(Duration::from_secs(60)).await);
/// let router = Routes::new()
///     .interceptors(Link::new(patience))
///     .get("/", slow)
///     .build()?;
/// assert_eq!(TestClient::new(router).get("/").send().await.status(), 503);
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone, Default)]
pub struct Interrupts {
    limit: Option<Duration>,
    shutdown: bool,
    leaving: bool,
}

impl Interrupts {
    /// Without a reason.
    pub fn new() -> Self {
        Self::default()
    }

    /// When the inner interceptors have taken this long, all together: the time-out of handlers. Default is never. It never ends the
    /// body of a response, so that streams stay open as long as they like.
    ///
    /// The response is a 503, and the error is logged at error level with its limit: the server was too slow, and trying again may
    /// help. A 504 would blame a server behind this one (RFC 9110, section 15.6.5); answer that from an error stage where one is to
    /// blame. A 408 would blame the client, which may then repeat the request at once (section 15.5.9).
    #[must_use]
    pub fn after(mut self, limit: Duration) -> Self {
        self.limit = Some(limit);
        self
    }

    /// When the server shuts down and little is left of its [grace](crate::Server::grace): a tenth, at most a second. Default is
    /// to be cut off when the grace has passed. The response is a 503 with a `Retry-After` of 1 second, which is not logged as an
    /// error; a browser's `EventSource` needs [another](crate::interceptors::WhenUnavailable).
    #[must_use]
    pub fn on_shutdown(mut self) -> Self {
        self.shutdown = true;
        self
    }

    /// When the client has left. Only an execution that was detached goes on then, and can clean up in its error stages. Default
    /// is that it goes on to its end.
    #[must_use]
    pub fn on_leaving(mut self) -> Self {
        self.leaving = true;
        self
    }

    fn reason(&self, cx: &Context) -> impl Future<Output = Interrupted> + Send + use<> {
        let limit = self.limit;
        let shutdown = self.shutdown.then(|| cx.shutdown().clone());
        let client = self.leaving.then(|| cx.disconnected());
        async move {
            tokio::select! {
                biased;
                () = left(client) => Interrupted::Left,
                () = ending(shutdown) => Interrupted::Shutdown,
                after = passed(limit) => Interrupted::TimedOut { after },
            }
        }
    }
}

async fn passed(limit: Option<Duration>) -> Duration {
    match limit {
        Some(limit) => sleep(limit).await,
        None => std::future::pending().await,
    }
    limit.unwrap_or_default()
}

async fn ending(shutdown: Option<Shutdown>) {
    match shutdown {
        Some(shutdown) => shutdown.reached(Phase::Ending).await,
        None => std::future::pending().await,
    }
}

async fn left(client: Option<Disconnected>) {
    let exit = match client {
        Some(client) => client.await,
        None => std::future::pending().await,
    };
    if exit != Exit::Left {
        std::future::pending::<()>().await;
    }
}

impl Interceptor<Exchange> for Interrupts {
    fn stages(&self) -> Stages {
        Stages::ENTER | Stages::LEAVE | Stages::ERROR
    }

    fn name(&self) -> Name {
        Name::new("interrupts").expect("a valid name")
    }

    fn enter<'a>(&'a self, cx: &'a mut Context) -> Step<'a, Exchange> {
        let reason = self.reason(cx);
        cx.interrupt_with(reason);
        Step::next()
    }

    fn leave<'a>(&'a self, cx: &'a mut Context) -> Step<'a, Exchange> {
        cx.clear_interrupt();
        Step::next()
    }

    fn error<'a>(&'a self, cx: &'a mut Context, _: Error) -> Step<'a, Exchange> {
        cx.clear_interrupt();
        Step::Absent
    }
}

/// Why [`Interrupts`] ended a stage.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Interrupted {
    /// It took too long.
    TimedOut {
        /// The limit.
        after: Duration,
    },
    /// The server shuts down.
    Shutdown,
    /// The client has left.
    Left,
}

impl Interrupted {
    pub(crate) fn problem(self) -> Problem {
        let unavailable = Problem::new(StatusCode::SERVICE_UNAVAILABLE);
        match self {
            Self::TimedOut { .. } => unavailable,
            // Another server, or the next one, can be asked at once.
            Self::Shutdown => unavailable.header(RETRY_AFTER, HeaderValue::from_static("1")),
            // Nobody reads it; and a client that leaves is no error of the server.
            Self::Left => Problem::new(StatusCode::BAD_REQUEST),
        }
    }
}

impl fmt::Display for Interrupted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TimedOut { after } => write!(f, "not done within {after:?}"),
            Self::Shutdown => f.write_str("the server shuts down"),
            Self::Left => f.write_str("the client has left"),
        }
    }
}

impl error::Error for Interrupted {}
