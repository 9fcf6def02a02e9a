//! How many requests are worked on at a time.

use std::{
    pin::Pin,
    sync::Arc,
    task::{self, Poll, ready},
    time::Duration,
};

use bytes::Bytes;
use http::{HeaderValue, StatusCode, header::RETRY_AFTER};
use http_body::{Frame, SizeHint};
use peristyle_core::{BoxError, Error, Interceptor, Name, Stages, Step};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::random::Numbers;
use crate::{Body, Context, Exchange, Problem};

/// An interceptor that lets so many requests inside at a time. Some more can wait for their turn; what comes beyond is refused at
/// once, with 503 and a `Retry-After`: it is better to serve some in time than all too late. For clients that a 503 would harm, such
/// as a browser's `EventSource`, see [`WhenUnavailable`](super::WhenUnavailable).
///
/// A request is inside from here until it is on its way back, whether it failed or not, or its client has left. Clones count
/// together, and so does one that is used on several routes. Who waits does so in the order of coming, for as long as the client
/// stays; [`Interrupts`](crate::Interrupts) outside of this interceptor bound the time.
///
/// ```
/// use peristyle_core::{Link, handler};
/// use peristyle_server::{Context, Routes, interceptors::ConcurrencyLimit};
///
/// let limit = ConcurrencyLimit::new(64).queue(16);
/// let router = Routes::new()
///     .interceptors(Link::new(limit))
///     .get("/", handler(async |_: &mut Context| "hello"))
///     .build()?;
/// # Ok::<(), peristyle_server::RouteErrors>(())
/// ```
#[derive(Debug, Clone)]
pub struct ConcurrencyLimit {
    permits: Arc<Semaphore>,
    /// One for each place in the queue.
    places: Arc<Semaphore>,
    retry_after: Duration,
    bodies: Bodies,
    numbers: Arc<Numbers>,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Bodies {
    Free,
    Counted,
}

impl ConcurrencyLimit {
    /// At most `requests` at a time.
    ///
    /// # Panics
    ///
    /// When `requests` is 0.
    #[track_caller]
    pub fn new(requests: usize) -> Self {
        assert!(requests > 0, "a limit of 0 would serve nobody");
        Self {
            permits: semaphore(requests),
            places: semaphore(0),
            retry_after: Duration::from_secs(1),
            bodies: Bodies::Free,
            numbers: Arc::new(Numbers::random()),
        }
    }

    /// How many more may wait for their turn. Default is none: a queue adds time to each request that goes through it, and helps
    /// only where requests come in bursts.
    #[must_use]
    pub fn queue(mut self, requests: usize) -> Self {
        self.places = semaphore(requests);
        self
    }

    /// After what time to tell a refused client to come back. Default is 1 second. Each is told another time, up to twice as long,
    /// so that they do not come back all at once; in whole seconds, one at least.
    #[must_use]
    pub fn retry_after(mut self, time: Duration) -> Self {
        self.retry_after = time;
        self
    }

    /// Counts a request whose response is streamed until its body has ended. Default is until its head is on the way back, so that
    /// streams that stay open for hours do not keep others out.
    #[must_use]
    pub fn count_bodies(mut self) -> Self {
        self.bodies = Bodies::Counted;
        self
    }

    /// Draws the times of [`retry_after`](Self::retry_after) from this seed, for tests. Default is that nobody can tell the next one.
    #[must_use]
    pub fn seeded(mut self, seed: u64) -> Self {
        self.numbers = Arc::new(Numbers::seeded(seed));
        self
    }

    async fn wait(&self, cx: &mut Context, place: OwnedSemaphorePermit) -> Result<(), BoxError> {
        let permit = Arc::clone(&self.permits).acquire_owned().await?;
        drop(place);
        hold(cx, permit);
        Ok(())
    }

    fn refusal(&self) -> Problem {
        let shortest = self.retry_after.as_millis().div_ceil(1000).max(1);
        let shortest = u64::try_from(shortest).unwrap_or(u64::MAX / 2);
        let seconds = shortest + self.numbers.next() % (shortest + 1);
        Problem::new(StatusCode::SERVICE_UNAVAILABLE)
            .detail("the server is busy")
            .header(RETRY_AFTER, HeaderValue::from(seconds))
    }

    fn release(&self, cx: &mut Context) -> Option<OwnedSemaphorePermit> {
        let Held(held) = cx.get_mut()?;
        let own = held
            .iter()
            .rposition(|permit| Arc::ptr_eq(permit.semaphore(), &self.permits))?;
        Some(held.remove(own))
    }
}

/// A semaphore has a largest number, which nobody reaches.
fn semaphore(permits: usize) -> Arc<Semaphore> {
    Arc::new(Semaphore::new(permits.min(Semaphore::MAX_PERMITS)))
}

/// The permits of a request, one for each limit that it is inside of.
struct Held(Vec<OwnedSemaphorePermit>);

fn hold(cx: &mut Context, permit: OwnedSemaphorePermit) {
    match cx.get_mut() {
        Some(Held(held)) => held.push(permit),
        None => drop(cx.insert(Held(vec![permit]))),
    }
}

impl Interceptor<Exchange> for ConcurrencyLimit {
    fn stages(&self) -> Stages {
        Stages::ENTER | Stages::LEAVE | Stages::ERROR
    }

    fn name(&self) -> Name {
        Name::new("concurrency_limit").expect("a valid name")
    }

    fn enter<'a>(&'a self, cx: &'a mut Context) -> Step<'a, Exchange> {
        // Fair: while others wait, this fails although a permit may have come back.
        if let Ok(permit) = Arc::clone(&self.permits).try_acquire_owned() {
            hold(cx, permit);
            return Step::next();
        }
        match Arc::clone(&self.places).try_acquire_owned() {
            Ok(place) => Step::later(self.wait(cx, place)),
            Err(_) => Step::raise(self.refusal()),
        }
    }

    fn leave<'a>(&'a self, cx: &'a mut Context) -> Step<'a, Exchange> {
        let permit = self.release(cx);
        if self.bodies == Bodies::Counted {
            if let (Some(permit), Some(response)) = (permit, cx.response_mut()) {
                let body = response.body_mut();
                if body.whole().is_none() {
                    *body = Body::new(Counted::new(std::mem::take(body), permit));
                }
            }
        }
        Step::next()
    }

    fn error<'a>(&'a self, cx: &'a mut Context, _: Error) -> Step<'a, Exchange> {
        drop(self.release(cx));
        Step::Absent
    }

    fn cancel(&self, cx: &mut Context) {
        drop(self.release(cx));
    }
}

/// A body that holds a permit until it has ended.
struct Counted {
    body: Body,
    permit: Option<OwnedSemaphorePermit>,
}

impl Counted {
    fn new(body: Body, permit: OwnedSemaphorePermit) -> Self {
        let permit = Some(permit);
        Self { body, permit }
    }
}

impl http_body::Body for Counted {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut task::Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let frame = ready!(Pin::new(&mut self.body).poll_frame(cx));
        if !matches!(frame, Some(Ok(_))) {
            self.permit = None;
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
