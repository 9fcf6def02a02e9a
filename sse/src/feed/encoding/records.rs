//! Deliveries as records of JSON, one after the other.

use std::{
    error::Error,
    fmt, mem,
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use futures_core::Stream;
use peristyle_core::{BoxError, End};

use crate::feed::{Deliveries, Delivery};

/// A feed as records of JSON: a `Stream` of bytes, each item a record as in [`Delivery::to_json`].
///
/// The cursors are those of the event stream: a client of one format can go on with the other.
///
/// ```
/// use http::StatusCode;
/// use peristyle_sse::{
///     EventStream,
///     feed::{Feed, Follow, Following, JsonRecords},
/// };
///
/// enum Prices {
///     Events(EventStream<Following>),
///     /// The body of a response, by whatever makes one of a stream of bytes.
///     Lines(JsonRecords),
/// }
///
/// fn prices(feed: &Feed, accept: &str, after: Option<&str>) -> Result<Prices, StatusCode> {
///     let follow = Follow::live().resume(after);
///     let prices = match accept {
///         JsonRecords::NDJSON => feed.deliveries(follow).map(|it| Prices::Lines(it.ndjson())),
///         _ => feed.follow(follow).map(Prices::Events),
///     };
///     prices.map_err(|_finished| StatusCode::NO_CONTENT)
/// }
///
/// # let feed = Feed::new();
/// # assert!(matches!(prices(&feed, JsonRecords::NDJSON, None), Ok(Prices::Lines(_))));
/// # assert!(matches!(prices(&feed, "text/event-stream", None), Ok(Prices::Events(_))));
/// ```
///
/// It ends cleanly only when what it follows is finished, since a client of these formats takes a
/// clean end for the end of the data. A client that was too slow gets an error, [`Lagged`], and can
/// come back with the `id` of the last record.
///
/// Each is encoded for its client, unlike the events of an event stream. There are no keep-alives.
#[derive(Debug)]
#[must_use = "it does nothing unless it is polled"]
pub struct JsonRecords {
    deliveries: Deliveries,
    before: &'static str,
    ended: bool,
}

impl JsonRecords {
    /// The content type of [`Deliveries::ndjson`].
    pub const NDJSON: &str = "application/x-ndjson";

    /// The content type of [`Deliveries::json_seq`] (RFC 7464 §4).
    pub const JSON_SEQ: &str = "application/json-seq";

    fn record(&self, delivery: &Delivery) -> Bytes {
        let mut record = self.before.to_owned();
        delivery.write_json(&mut record);
        record.push('\n');
        record.into()
    }

    fn end(&mut self) -> Option<Lagged> {
        let ended = mem::replace(&mut self.ended, true);
        let lagged = self.deliveries.end() == Some(End::Lagged);
        (lagged && !ended).then_some(Lagged(()))
    }
}

impl Deliveries {
    /// As lines, each an object of JSON. Blank lines are never sent.
    pub fn ndjson(self) -> JsonRecords {
        self.records("")
    }

    /// As a JSON text sequence: before each object is a record separator, `U+001E` (RFC 7464 §2.2).
    pub fn json_seq(self) -> JsonRecords {
        self.records("\u{1e}")
    }

    fn records(self, before: &'static str) -> JsonRecords {
        JsonRecords {
            deliveries: self,
            before,
            ended: false,
        }
    }
}

impl Stream for JsonRecords {
    type Item = Result<Bytes, BoxError>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let delivery = ready!(Pin::new(&mut self.deliveries).poll_next(cx));
        Poll::Ready(match delivery {
            Some(delivery) => Some(delivery.map(|delivery| self.record(&delivery))),
            None => self.end().map(|lagged| Err(lagged.into())),
        })
    }
}

/// A client was so slow that the log does not keep what it has yet to get: see
/// [`Lag::Resume`](crate::feed::Lag::Resume).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lagged(pub(super) ());

impl fmt::Display for Lagged {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the client was slower than the log is long")
    }
}

impl Error for Lagged {}
