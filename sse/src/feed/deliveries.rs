//! What one client gets, whatever the format in which it is sent.

use std::{
    fmt, mem,
    pin::Pin,
    task::{Context, Poll, ready},
};

use futures_core::Stream;
use peristyle_core::{BoxError, BoxFuture, Chain, End};

use super::{
    Cursor, Delivering, Delivery, Follow, Gap, Published, Subscription, chain::deliver,
    follow::OnGap, subscription::stamped,
};

/// After how many events in a row that were withheld the client's cursor is moved: so many it gets
/// through its chain again at most, and so many are looked at in one poll.
const MAX_WITHHELD: usize = 256;

/// A `Stream` of all that one client is to get: what a [`Subscription`] gives, with the application's
/// [state](Follow::on_gap) in place of gaps, through its [chain](Follow::on_deliver).
///
/// It is what any format of a feed is made from; see [`Feed::deliveries`](super::Feed::deliveries).
///
/// An error is the last that it gives. Without one, it ends as the subscription does; see
/// [`end`](Self::end).
#[must_use = "it does nothing unless it is polled"]
pub struct Deliveries {
    subscription: Subscription,
    on_gap: Option<OnGap>,
    chain: Option<Chain<Delivering>>,
    /// The next event of the subscription is `Follow::first`.
    first: bool,
    /// What comes next: an event in its chain, or the state in place of a gap. `None` is withheld.
    next: Option<BoxFuture<'static, Result<Option<Delivery>, BoxError>>>,
    /// Events in a row.
    withheld: usize,
    failed: bool,
}

impl Deliveries {
    pub(super) fn new(mut follow: Follow, enter: impl FnOnce(Follow) -> Subscription) -> Self {
        Self {
            on_gap: follow.on_gap.take(),
            chain: follow.on_deliver.take(),
            first: follow.first.is_some(),
            subscription: enter(follow),
            next: None,
            withheld: 0,
            failed: false,
        }
    }

    /// Why it ended: as the subscription does, or [`End::Failed`] after an error. `None` while it has
    /// not.
    pub fn end(&self) -> Option<End> {
        let failed = self.failed.then_some(End::Failed);
        failed.or_else(|| self.subscription.end())
    }

    /// The position up to which nothing is left to say; `None` while something is being said.
    pub(super) fn settled(&self) -> Option<Cursor> {
        let settled = self.next.is_none();
        settled.then(|| self.subscription.cursor())
    }

    /// See [`Following`](super::Following).
    pub(super) fn plain(&self) -> Option<&Subscription> {
        let plain = self.chain.is_none() && self.next.is_none() && !self.failed;
        (plain && self.subscription.is_plain()).then_some(&self.subscription)
    }

    pub(super) fn subscription(&mut self) -> &mut Subscription {
        &mut self.subscription
    }

    pub(super) fn is_finished(&self) -> bool {
        self.subscription.is_finished()
    }

    /// See [`Subscription::join`].
    pub(super) fn join(&self) {
        self.subscription.join();
    }

    /// It is over, for this reason.
    pub(super) fn close(&mut self, why: End) {
        self.subscription.leave(why);
    }

    fn poll_delivery(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Delivery, BoxError>>> {
        loop {
            // Neither a chain nor whoever makes the state knows who may still have it.
            if self.next.is_some() && self.subscription.poll_closed(cx).is_ready() {
                self.next = None;
                return Poll::Ready(None);
            }
            let delivery = match &mut self.next {
                Some(next) => {
                    let delivery = ready!(next.as_mut().poll(cx));
                    self.next = None;
                    delivery?
                }
                None => match ready!(self.subscription.poll(cx)) {
                    Some(delivery) => match self.start(delivery) {
                        Some(delivery) => Some(delivery),
                        None => continue,
                    },
                    None => return Poll::Ready(self.last_cursor().map(Ok)),
                },
            };
            if let Some(delivery) = self.count(delivery) {
                return Poll::Ready(Some(Ok(delivery)));
            }
        }
    }

    /// `None` when it takes time.
    fn start(&mut self, delivery: Delivery) -> Option<Delivery> {
        match delivery {
            Delivery::Event(event) => self.start_event(event),
            Delivery::Gap(gap) => self.start_gap(gap),
            other @ Delivery::Withheld(_) => Some(other),
        }
    }

    fn start_event(&mut self, event: Published) -> Option<Delivery> {
        let first = mem::take(&mut self.first);
        let Some(chain) = self.chain.as_ref().filter(|_| !first) else {
            return Some(Delivery::Event(event));
        };
        let delivered = deliver(chain.clone(), event);
        self.next = Some(Box::pin(async {
            Ok(delivered.await?.map(Delivery::Event))
        }));
        None
    }

    fn start_gap(&mut self, mut gap: Gap) -> Option<Delivery> {
        let Some(on_gap) = &self.on_gap else {
            return Some(Delivery::Gap(gap));
        };
        // Before the state is looked at: what is published meanwhile follows.
        gap.to = self.subscription.skip();
        let state = on_gap(gap);
        self.next = Some(Box::pin(async move {
            let event = stamped(&state.await?, gap.to);
            Ok(Some(Delivery::Event(Published {
                event,
                cursor: gap.to,
                topic: None,
                keys: None,
            })))
        }));
        None
    }

    fn count(&mut self, delivery: Option<Delivery>) -> Option<Delivery> {
        if delivery.is_some() {
            self.withheld = 0;
            return delivery;
        }
        self.withheld += 1;
        self.move_cursor(MAX_WITHHELD)
    }

    /// Who was told to leave gets nothing more, not even a cursor.
    fn last_cursor(&mut self) -> Option<Delivery> {
        let end = self.subscription.end();
        let well = matches!(end, Some(End::Finished | End::Lagged));
        if well { self.move_cursor(1) } else { None }
    }

    /// If that many were withheld.
    fn move_cursor(&mut self, withheld: usize) -> Option<Delivery> {
        if self.withheld < withheld {
            return None;
        }
        self.withheld = 0;
        Some(Delivery::Withheld(self.subscription.cursor()))
    }
}

impl Stream for Deliveries {
    type Item = Result<Delivery, BoxError>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if self.failed {
            return Poll::Ready(None);
        }
        let delivery = ready!(self.poll_delivery(cx));
        if let Some(Err(_)) = &delivery {
            self.failed = true;
            self.close(End::Failed);
        }
        Poll::Ready(delivery)
    }
}

impl fmt::Debug for Deliveries {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Deliveries")
            .field("subscription", &self.subscription)
            .field("withheld", &self.withheld)
            .field("failed", &self.failed)
            .finish_non_exhaustive()
    }
}
