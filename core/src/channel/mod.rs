//! The bounded channel of many values: from one or more producers to the body of a response.
//!
//! - *Full*: [`send`](Sender::send) waits for room, first come first served; [`try_send`](Sender::try_send) gives the value
//!   back. Other [`Overflow`] policies never wait.
//! - *Producer gone*: each sender says how it ends. [`finish`](Sender::finish) is a clean end, [`abort`](Sender::abort) an
//!   error. A sender dropped without either aborts too, at once when a panic drops it, else when the last sender is gone:
//!   a stream that fails never looks complete. The receiver first gets every value sent before; other senders can send
//!   nothing more, and learn [`End::Failed`].
//! - *Receiver gone or closed*: senders learn it at once, blocked ones included, and why: see [`End`].
//!   [`closed`](Sender::closed) resolves with that reason. A receiver that closed gets what is in the channel, then the end,
//!   and waits for no sender.
//! - *Cancelled*: dropping the future of `send`, `reserve`, `closed` or `recv` loses nothing that was in the channel; the
//!   value of a dropped `send` is dropped with it, and was not sent.

mod produced;
mod receiver;
#[cfg(all(test, loom))]
#[path = "../../tests/schedules/mod.rs"]
mod schedules;
mod sender;
pub(crate) mod sync;

use std::{
    collections::VecDeque,
    error, fmt,
    sync::PoisonError,
    task::{Poll, Waker},
};

use self::sync::{Arc, Mutex, MutexGuard, Notify, Semaphore};
pub use self::{
    produced::{Produced, produce},
    receiver::Receiver,
    sender::{Permit, SendError, Sender},
};
use crate::{BoxError, End};

/// A channel that holds up to `capacity` values; senders wait when it is full.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let (sender, mut receiver) = peristyle_core::channel(2);
/// sender.send("one").await?;
/// sender.finish();
/// assert_eq!(receiver.recv().await.transpose()?, Some("one"));
/// assert!(receiver.recv().await.is_none());
/// # Ok(())
/// # }
/// ```
///
/// # Panics
///
/// When `capacity` is 0.
#[track_caller]
pub fn channel<V>(capacity: usize) -> (Sender<V>, Receiver<V>) {
    Builder::new(capacity).build()
}

/// What happens to a value for which there is no room; see [`Builder`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Overflow {
    /// The sender waits. The default: nothing is lost, and the slowest client sets the pace.
    #[default]
    Wait,
    /// The oldest values make room; they are counted.
    DropOldest,
    /// The new value is dropped; it is counted.
    DropNewest,
    /// The new value is given back with an error.
    Fail,
}

/// Settings of a channel.
///
/// ```
/// use peristyle_core::channel::{Builder, Overflow};
///
/// let (sender, receiver) = Builder::new(100)
///     .bytes(64 * 1024, |line: &String| line.len())
///     .overflow(Overflow::DropOldest)
///     .build();
/// # sender.finish();
/// ```
pub struct Builder<V> {
    limits: Limits<V>,
}

struct Limits<V> {
    capacity: usize,
    bytes: Option<(u32, fn(&V) -> usize)>,
    overflow: Overflow,
}

impl<V> Builder<V> {
    /// A channel that holds up to `capacity` values.
    ///
    /// # Panics
    ///
    /// When `capacity` is 0 or above `usize::MAX >> 3`.
    #[track_caller]
    pub fn new(capacity: usize) -> Self {
        assert!(capacity > 0, "a channel holds at least one value");
        assert!(
            capacity <= Semaphore::MAX_PERMITS,
            "the capacity is too large"
        );
        Self {
            limits: Limits {
                capacity,
                bytes: None,
                overflow: Overflow::Wait,
            },
        }
    }

    /// Bounds the values held to `limit` bytes in all as well, by what `size` says of each. A value larger than the limit
    /// counts as the limit: it is held alone. Default is no such bound.
    ///
    /// # Panics
    ///
    /// When `limit` is 0.
    #[must_use]
    #[track_caller]
    pub fn bytes(mut self, limit: u32, size: fn(&V) -> usize) -> Self {
        assert!(limit > 0, "a channel holds at least one byte");
        self.limits.bytes = Some((limit, size));
        self
    }

    /// What happens when there is no room. Default is [`Overflow::Wait`].
    #[must_use]
    pub fn overflow(mut self, overflow: Overflow) -> Self {
        self.limits.overflow = overflow;
        self
    }

    /// The channel.
    pub fn build(self) -> (Sender<V>, Receiver<V>) {
        let limits = self.limits;
        let shared = Arc::new(Shared {
            room: Semaphore::new(limits.capacity),
            bytes: Semaphore::new(limits.bytes.map_or(0, |(limit, _)| limit as usize)),
            closed: Notify::new(),
            state: Mutex::new(State::default()),
            limits,
        });
        (Sender::first(Arc::clone(&shared)), Receiver::new(shared))
    }
}

impl<V> fmt::Debug for Builder<V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Builder")
            .field("capacity", &self.limits.capacity)
            .field("bytes", &self.limits.bytes.map(|(limit, _)| limit))
            .field("overflow", &self.limits.overflow)
            .finish()
    }
}

struct Shared<V> {
    limits: Limits<V>,
    /// Room for values, under [`Overflow::Wait`] only.
    room: Semaphore,
    /// Room for bytes, where they are bounded, under [`Overflow::Wait`] only.
    bytes: Semaphore,
    closed: Notify,
    state: Mutex<State<V>>,
}

struct State<V> {
    /// The values with the bytes that each takes of the bound.
    queue: VecDeque<(V, u32)>,
    /// The bytes that all take.
    weight: u32,
    senders: usize,
    /// A sender has aborted, or was dropped by a panic.
    failure: Option<Aborted>,
    /// A sender was dropped before it finished, and before the channel was closed.
    unfinished: bool,
    /// The receiver is closed or gone.
    closed: Option<End>,
    receiver: Option<Waker>,
    dropped: u64,
}

impl<V> Default for State<V> {
    fn default() -> Self {
        Self {
            queue: VecDeque::new(),
            weight: 0,
            senders: 0,
            failure: None,
            unfinished: false,
            closed: None,
            receiver: None,
            dropped: 0,
        }
    }
}

impl<V> State<V> {
    fn pop(&mut self) -> Option<(V, u32)> {
        let (value, weight) = self.queue.pop_front()?;
        self.weight -= weight;
        Some((value, weight))
    }

    /// How the stream ends once the queue is empty; pending while something can still come.
    fn end(&mut self) -> Poll<Option<Aborted>> {
        if let Some(aborted) = self.failure.take() {
            return Poll::Ready(Some(aborted));
        }
        if self.senders > 0 && self.closed.is_none() {
            return Poll::Pending;
        }
        Poll::Ready(self.unfinished.then_some(Aborted(None)))
    }
}

impl<V> Shared<V> {
    /// Values, errors and wakers are made, used and dropped outside this lock: it is never held by foreign code, and a panic
    /// there cannot leave a half-made change behind.
    fn lock(&self) -> MutexGuard<'_, State<V>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What a value takes of the byte bound; 0 where there is none.
    fn weigh(&self, value: &V) -> u32 {
        match self.limits.bytes {
            Some((limit, size)) => u32::try_from(size(value)).unwrap_or(limit).min(limit),
            None => 0,
        }
    }

    /// The most that a value can take of the byte bound.
    fn most(&self) -> u32 {
        self.limits.bytes.map_or(0, |(limit, _)| limit)
    }

    fn has_room(&self, state: &State<V>, weight: u32) -> bool {
        let bytes = self
            .limits
            .bytes
            .is_none_or(|(limit, _)| limit - state.weight >= weight);
        bytes && state.queue.len() < self.limits.capacity
    }

    /// Why nothing can be sent any more.
    fn end(&self) -> End {
        self.lock().closed.unwrap_or(End::PeerLeft)
    }

    fn close(&self, why: End) {
        let mut state = self.lock();
        state.closed.get_or_insert(why);
        let receiver = state.receiver.take();
        drop(state);
        self.room.close();
        self.bytes.close();
        self.closed.notify_waiters();
        if let Some(receiver) = receiver {
            receiver.wake();
        }
    }
}

/// A producer ended without finishing: what came before is not the whole; see [`Sender::abort`].
#[derive(Debug)]
pub struct Aborted(Option<BoxError>);

impl Aborted {
    pub(crate) fn because(error: BoxError) -> Self {
        Self(Some(error))
    }

    /// Whether a sender was merely dropped, rather than aborted with an error.
    pub fn is_dropped(&self) -> bool {
        self.0.is_none()
    }
}

impl fmt::Display for Aborted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.0 {
            Some(_) => "the producer failed",
            None => "the producer went away before it finished",
        })
    }
}

impl error::Error for Aborted {
    fn source(&self) -> Option<&(dyn error::Error + 'static)> {
        match &self.0 {
            Some(error) => Some(&**error),
            None => None,
        }
    }
}
