//! Whether the client of an exchange is still there.

use std::{
    fmt,
    future::Future,
    pin::Pin,
    task::{Context, Poll},
};

use tokio::sync::watch;

/// Owned by the exchange, then by the response's body. Dropped before [`served`](Self::served) it tells that the client left.
pub(crate) struct Lifeline {
    /// Made when somebody first asks.
    watched: Option<watch::Sender<Option<Exit>>>,
}

/// How an exchange came to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Exit {
    /// The client left, or the server gave up on it, before the response was complete.
    Left,
    /// The whole response was handed to the connection.
    Served,
}

impl Lifeline {
    pub(crate) fn new() -> Self {
        Self { watched: None }
    }

    pub(crate) fn watch(&mut self) -> Disconnected {
        let watched = self.watched.get_or_insert_with(|| watch::Sender::new(None));
        let mut watching = watched.subscribe();
        Disconnected(Box::pin(async move {
            let exit = watching.wait_for(Option::is_some).await;
            exit.map_or(Exit::Left, |exit| exit.unwrap_or(Exit::Left))
        }))
    }

    pub(crate) fn served(&mut self) {
        if let Some(watched) = self.watched.take() {
            watched.send_replace(Some(Exit::Served));
        }
    }
}

impl fmt::Debug for Lifeline {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lifeline").finish_non_exhaustive()
    }
}

/// Resolves when an exchange is over; see [`Exchange::disconnected`](crate::Exchange::disconnected).
pub struct Disconnected(Pin<Box<dyn Future<Output = Exit> + Send + Sync>>);

impl Future for Disconnected {
    type Output = Exit;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Exit> {
        self.0.as_mut().poll(cx)
    }
}

impl fmt::Debug for Disconnected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Disconnected").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stage_may_hold_a_reference_to_it_across_an_await() {
        fn shared<T: Send + Sync>() {}
        shared::<Disconnected>();
        shared::<crate::Exchange>();
    }
}
