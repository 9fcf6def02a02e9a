//! The producer's side.

use std::{error, fmt, pin::pin, thread};

use super::{
    Aborted, Overflow, Shared,
    sync::{Arc, SemaphorePermit},
};
use crate::{BoxError, End};

/// Sends values; see [`channel`](crate::channel()). Clones send to the same receiver, and each must [`finish`](Self::finish).
pub struct Sender<V> {
    shared: Arc<Shared<V>>,
    /// Its end has been said.
    ended: bool,
}

impl<V> Sender<V> {
    pub(super) fn first(shared: Arc<Shared<V>>) -> Self {
        shared.lock().senders = 1;
        Self {
            shared,
            ended: false,
        }
    }

    /// Sends a value, waiting for room when the channel is full.
    ///
    /// `Ok` means that the value is in the channel, not that anyone has received it.
    ///
    /// # Errors
    ///
    /// When the receiver is closed or gone, before or while this waits, or when the channel is full under
    /// [`Overflow::Fail`]. The value is given back.
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped before it completes, the value was not sent and is dropped.
    pub async fn send(&self, value: V) -> Result<(), SendError<V>> {
        let weight = self.shared.weigh(&value);
        match self.make_room(weight).await {
            Ok(permit) => permit.put(value, weight),
            Err(end) => Err(SendError::closed(value, end)),
        }
    }

    /// Sends a value if there is room now.
    ///
    /// ```
    /// let (sender, receiver) = peristyle_core::channel(1);
    /// assert!(sender.try_send("one").is_ok());
    /// let refused = sender.try_send("two").unwrap_err();
    /// assert!(refused.is_full());
    /// assert_eq!(refused.into_inner(), "two");
    /// # drop(receiver);
    /// ```
    ///
    /// # Errors
    ///
    /// When the channel is full and its policy is to wait or to fail, or when the receiver is closed or gone. The value is
    /// given back.
    pub fn try_send(&self, value: V) -> Result<(), SendError<V>> {
        let weight = self.shared.weigh(&value);
        match self.try_make_room(weight) {
            Some(permit) => permit.put(value, weight),
            None => match self.shared.lock().closed {
                Some(end) => Err(SendError::closed(value, end)),
                None => Err(SendError::full(value)),
            },
        }
    }

    /// Sends the values in order, each as [`send`](Self::send) does.
    ///
    /// # Errors
    ///
    /// As [`send`](Self::send), with the value that could not be sent; those before it were.
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped before it completes, a first part of the values was sent.
    pub async fn send_all(&self, values: impl IntoIterator<Item = V>) -> Result<(), SendError<V>> {
        for value in values {
            self.send(value).await?;
        }
        Ok(())
    }

    /// Waits for room for one value of any size, and keeps it until the permit is used or dropped.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let (sender, mut receiver) = peristyle_core::channel(1);
    /// let permit = sender.reserve().await.map_err(|end| end.to_string())?;
    /// assert!(sender.try_send(7).is_err());
    /// permit.send(42)?;
    /// assert_eq!(receiver.recv().await.transpose()?, Some(42));
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// When the receiver is closed or gone: the reason.
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped before it completes, nothing is kept.
    pub async fn reserve(&self) -> Result<Permit<'_, V>, End> {
        self.make_room(self.shared.most()).await
    }

    /// Waits until the receiver is closed or gone, and says why.
    ///
    /// ```
    /// use peristyle_core::{End, channel};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// let (sender, mut receiver) = channel(1);
    /// receiver.close(End::Drained);
    /// assert_eq!(sender.closed().await, End::Drained);
    /// assert_eq!(sender.send(7).await.unwrap_err().end(), Some(End::Drained));
    /// # }
    /// ```
    ///
    /// # Cancel safety
    ///
    /// Dropping the future has no effect.
    pub async fn closed(&self) -> End {
        let mut closed = pin!(self.shared.closed.notified());
        loop {
            closed.as_mut().enable();
            if let Some(end) = self.shared.lock().closed {
                return end;
            }
            closed.as_mut().await;
            closed.set(self.shared.closed.notified());
        }
    }

    /// Whether the receiver is closed or gone.
    pub fn is_closed(&self) -> bool {
        self.shared.lock().closed.is_some()
    }

    /// How many values were dropped for lack of room so far.
    pub fn dropped(&self) -> u64 {
        self.shared.lock().dropped
    }

    /// Ends cleanly. The stream is complete when every sender has finished.
    pub fn finish(mut self) {
        self.ended = true;
    }

    /// Ends with an error: the receiver gets what was sent before, then the error.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let (sender, mut receiver) = peristyle_core::channel(2);
    /// sender.send("a part").await?;
    /// sender.abort("the disk is full");
    /// assert_eq!(receiver.recv().await.transpose()?, Some("a part"));
    /// let aborted = receiver.recv().await.expect("an error").unwrap_err();
    /// assert_eq!(aborted.to_string(), "the producer failed");
    /// assert!(receiver.recv().await.is_none());
    /// # Ok(())
    /// # }
    /// ```
    pub fn abort(mut self, error: impl Into<BoxError>) {
        self.ended = true;
        self.fail(Aborted::because(error.into()));
    }

    /// What was sent before comes first. Nothing can follow it, else a busy sender could keep the failure waiting.
    fn fail(&self, aborted: Aborted) {
        let mut state = self.shared.lock();
        let surplus = match &state.failure {
            Some(_) => Some(aborted),
            None => state.failure.replace(aborted),
        };
        state.closed.get_or_insert(End::Failed);
        drop(state);
        drop(surplus);
        self.shared.close(End::Failed);
    }

    async fn make_room(&self, weight: u32) -> Result<Permit<'_, V>, End> {
        let shared = &*self.shared;
        if shared.limits.overflow != Overflow::Wait {
            let closed = shared.lock().closed;
            return closed.map_or_else(|| Ok(Permit::without_room(shared)), Err);
        }
        let Ok(room) = shared.room.acquire().await else {
            return Err(shared.end());
        };
        if weight == 0 {
            return Ok(Permit::with_room(shared, room, None));
        }
        match shared.bytes.acquire_many(weight).await {
            Ok(bytes) => Ok(Permit::with_room(shared, room, Some(bytes))),
            Err(_) => Err(shared.end()),
        }
    }

    fn try_make_room(&self, weight: u32) -> Option<Permit<'_, V>> {
        let shared = &*self.shared;
        if shared.limits.overflow != Overflow::Wait {
            return Some(Permit::without_room(shared));
        }
        let room = shared.room.try_acquire().ok()?;
        let bytes = match weight {
            0 => None,
            weight => Some(shared.bytes.try_acquire_many(weight).ok()?),
        };
        Some(Permit::with_room(shared, room, bytes))
    }
}

impl<V> Clone for Sender<V> {
    fn clone(&self) -> Self {
        self.shared.lock().senders += 1;
        Self {
            shared: Arc::clone(&self.shared),
            ended: false,
        }
    }
}

impl<V> Drop for Sender<V> {
    fn drop(&mut self) {
        if !self.ended && thread::panicking() {
            self.fail(Aborted::because("the producer panicked".into()));
        }
        let mut state = self.shared.lock();
        state.senders -= 1;
        state.unfinished |= !self.ended && state.closed.is_none();
        let receiver = state.receiver.take();
        drop(state);
        if let Some(receiver) = receiver {
            receiver.wake();
        }
    }
}

impl<V> fmt::Debug for Sender<V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = self.shared.lock();
        f.debug_struct("Sender")
            .field("queued", &state.queue.len())
            .field("closed", &state.closed)
            .finish_non_exhaustive()
    }
}

/// Room for one value; see [`Sender::reserve`]. Dropping it gives the room back.
pub struct Permit<'a, V> {
    shared: &'a Shared<V>,
    /// Taken under [`Overflow::Wait`]; the other policies make room when the value comes.
    room: Option<(SemaphorePermit<'a>, Option<SemaphorePermit<'a>>)>,
}

impl<'a, V> Permit<'a, V> {
    fn with_room(
        shared: &'a Shared<V>,
        room: SemaphorePermit<'a>,
        bytes: Option<SemaphorePermit<'a>>,
    ) -> Self {
        let room = Some((room, bytes));
        Self { shared, room }
    }

    fn without_room(shared: &'a Shared<V>) -> Self {
        Self { shared, room: None }
    }

    /// Sends the value without waiting.
    ///
    /// # Errors
    ///
    /// When the receiver was closed since, or when the channel is full under [`Overflow::Fail`]. The value is given back.
    pub fn send(self, value: V) -> Result<(), SendError<V>> {
        let weight = self.shared.weigh(&value);
        self.put(value, weight)
    }

    fn put(self, value: V, weight: u32) -> Result<(), SendError<V>> {
        loop {
            let mut state = self.shared.lock();
            if let Some(end) = state.closed {
                return Err(SendError::closed(value, end));
            }
            if self.room.is_some() || self.shared.has_room(&state, weight) {
                state.queue.push_back((value, weight));
                state.weight += weight;
                let receiver = state.receiver.take();
                drop(state);
                self.use_up(weight);
                if let Some(receiver) = receiver {
                    receiver.wake();
                }
                return Ok(());
            }
            match self.shared.limits.overflow {
                Overflow::DropOldest => {
                    let evicted = state.pop();
                    state.dropped += 1;
                    drop(state);
                    drop(evicted);
                }
                Overflow::DropNewest => {
                    state.dropped += 1;
                    return Ok(());
                }
                Overflow::Wait | Overflow::Fail => return Err(SendError::full(value)),
            }
        }
    }

    /// The room is the value's now; the receiver gives it back.
    fn use_up(self, weight: u32) {
        let Some((room, bytes)) = self.room else {
            return;
        };
        room.forget();
        if let Some(mut bytes) = bytes {
            let used = bytes.split(weight as usize);
            used.into_iter().for_each(SemaphorePermit::forget);
        }
    }
}

impl<V> fmt::Debug for Permit<'_, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Permit").finish_non_exhaustive()
    }
}

/// A value that was not sent, and why; see [`Sender::try_send`].
pub struct SendError<V> {
    value: V,
    /// `None` when the channel was full.
    end: Option<End>,
}

impl<V> SendError<V> {
    fn closed(value: V, end: End) -> Self {
        let end = Some(end);
        Self { value, end }
    }

    fn full(value: V) -> Self {
        Self { value, end: None }
    }

    /// Why the receiver is closed or gone; `None` when the channel was merely full.
    pub fn end(&self) -> Option<End> {
        self.end
    }

    /// Whether the channel was full, and not closed.
    pub fn is_full(&self) -> bool {
        self.end.is_none()
    }

    /// The value.
    pub fn into_inner(self) -> V {
        self.value
    }
}

impl<V> fmt::Debug for SendError<V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SendError")
            .field("end", &self.end)
            .finish_non_exhaustive()
    }
}

impl<V> fmt::Display for SendError<V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.end {
            Some(end) => write!(f, "not sent: {end}"),
            None => f.write_str("not sent: the channel is full"),
        }
    }
}

impl<V> error::Error for SendError<V> {}
