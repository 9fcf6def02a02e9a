//! Deliveries for a client that asks again and again.

use std::{
    future::{Future, poll_fn},
    pin::{Pin, pin},
    task::Poll,
    time::Duration,
};

use futures_core::Stream;
use peristyle_core::{BoxError, End};
use tokio::time::sleep;

use super::Lagged;
use crate::feed::{Deliveries, Delivery};

impl Deliveries {
    /// What there is now, at most `max` deliveries; where there is nothing, what comes first within
    /// `wait`, which does not count the time of a chain or of the state in place of a gap. For long polling: the client asks again with the [`id`](Delivery::to_json) of the last
    /// of them, from which it resumes as in any other format.
    ///
    /// It is empty only at the end. When nothing came, it is the position that was waited at, as
    /// [`Delivery::Withheld`]: a newcomer who asks again with it misses nothing.
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// use http::StatusCode;
    /// use peristyle_core::BoxError;
    /// use peristyle_sse::feed::{Delivery, Feed, Follow};
    ///
    /// async fn page(feed: &Feed, after: Option<&str>) -> Result<(StatusCode, String), BoxError> {
    ///     let Ok(deliveries) = feed.deliveries(Follow::live().resume(after)) else {
    ///         return Ok((StatusCode::NO_CONTENT, String::new()));
    ///     };
    ///     let page = deliveries.page(100, Duration::from_secs(25)).await?;
    ///     let records: Vec<_> = page.iter().map(Delivery::to_json).collect();
    ///     Ok((StatusCode::OK, format!("[{}]", records.join(","))))
    /// }
    /// ```
    ///
    /// # Errors
    ///
    /// That of a [chain](crate::feed::Follow::on_deliver) or of
    /// [`on_gap`](crate::feed::Follow::on_gap), where nothing comes before it; otherwise the page ends
    /// before it. [`Lagged`], likewise.
    ///
    /// # Panics
    ///
    /// When `max` is 0, and outside of a tokio runtime with time enabled.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future is leaving. The client has its cursor and has missed nothing.
    pub async fn page(mut self, max: usize, wait: Duration) -> Result<Vec<Delivery>, BoxError> {
        assert!(max > 0, "a page has at least one delivery");
        let mut page = Vec::new();
        match self.first(wait).await {
            Some(first) => page.push(first?),
            None if self.end() == Some(End::Lagged) => return Err(Lagged(()).into()),
            None => return Ok(page),
        }
        while page.len() < max {
            match self.ready().await {
                Some(Ok(delivery)) => page.push(delivery),
                _ => break,
            }
        }
        Ok(page)
    }

    async fn first(&mut self, wait: Duration) -> Option<Result<Delivery, BoxError>> {
        let mut late = pin!(sleep(wait));
        poll_fn(|cx| match Pin::new(&mut *self).poll_next(cx) {
            Poll::Ready(delivery) => Poll::Ready(delivery),
            Poll::Pending => match self.settled() {
                None => Poll::Pending,
                Some(cursor) => {
                    let late = late.as_mut().poll(cx);
                    late.map(|()| Some(Ok(Delivery::Withheld(cursor))))
                }
            },
        })
        .await
    }

    /// `None` at the end, and when it would have to wait.
    async fn ready(&mut self) -> Option<Result<Delivery, BoxError>> {
        poll_fn(|cx| match Pin::new(&mut *self).poll_next(cx) {
            Poll::Ready(delivery) => Poll::Ready(delivery),
            Poll::Pending => Poll::Ready(None),
        })
        .await
    }
}
