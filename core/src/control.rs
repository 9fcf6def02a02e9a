//! What a host and a stream tell each other: the host when to drain, the stream why it ended.

use std::{
    fmt,
    num::NonZeroUsize,
    ptr,
    sync::PoisonError,
    task::{Context, Poll, Waker},
};

use crate::{
    Panicked,
    channel::sync::{Arc, AtomicBool, Mutex, MutexGuard, Ordering},
};

/// Why a stream of values ended; see [`Control`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum End {
    /// The producer finished: the client has the whole.
    Finished,
    /// The producer failed, panicked, or was dropped before it finished.
    Failed,
    /// The client left, or the host dropped the stream without a reason.
    PeerLeft,
    /// The host is shutting down and the stream ended as its policy says.
    Drained,
    /// The host is shutting down and its deadline passed.
    Deadline,
    /// The client read nothing for too long.
    Stalled,
    /// The stream reached its maximum age.
    TooOld,
    /// The client was so slow that what it has yet to get is kept no longer.
    Lagged,
    /// The program no longer lets the client have the values.
    Revoked,
    /// The time for which the client may have the values is over.
    Expired,
}

impl End {
    /// The end in a few lower-case words.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Finished => "finished",
            Self::Failed => "failed",
            Self::PeerLeft => "the peer has left",
            Self::Drained => "the server is draining",
            Self::Deadline => "the deadline has passed",
            Self::Stalled => "the peer has stalled",
            Self::TooOld => "the stream is too old",
            Self::Lagged => "the peer has fallen behind",
            Self::Revoked => "access was revoked",
            Self::Expired => "access has expired",
        }
    }
}

impl fmt::Display for End {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The host's handle on a stream, carried in the extensions of the response whose body the stream is.
///
/// A host that does not know it loses nothing but the orderly drain.
///
/// ```
/// use peristyle_core::{Control, End};
///
/// let (control, mut controlled) = Control::new();
/// controlled.on_end(|end| assert_eq!(end, End::Drained));
/// control.drain();
/// controlled.end(End::Drained);
/// assert_eq!(control.end(), Some(End::Drained));
/// ```
#[derive(Clone)]
pub struct Control(Arc<Shared>);

struct Shared {
    /// Set under the lock.
    draining: AtomicBool,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    cut: Option<End>,
    end: Option<End>,
    waker: Option<Waker>,
}

impl State {
    fn dropped_now(&self) -> End {
        self.cut.unwrap_or(End::PeerLeft)
    }
}

impl Control {
    /// A handle for the host and one for the stream.
    pub fn new() -> (Self, Controlled) {
        let shared = Arc::new(Shared {
            draining: AtomicBool::new(false),
            state: Mutex::new(State::default()),
        });
        let controlled = Controlled {
            shared: Arc::clone(&shared),
            on_end: None,
            waits: None,
        };
        (Self(shared), controlled)
    }

    /// Asks the stream to end, as its own policy says. Asking again changes nothing.
    pub fn drain(&self) {
        let mut state = lock(&self.0);
        self.0.draining.store(true, Ordering::Release);
        let waker = state.waker.take();
        drop(state);
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    /// Says why the stream is about to be dropped. Without this a dropped stream ends with [`End::PeerLeft`].
    pub fn cut(&self, why: End) {
        lock(&self.0).cut.get_or_insert(why);
    }

    /// Why the stream ended; `None` while it has not.
    pub fn end(&self) -> Option<End> {
        lock(&self.0).end
    }
}

impl fmt::Debug for Control {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = lock(&self.0);
        f.debug_struct("Control")
            .field("draining", &self.0.draining.load(Ordering::Acquire))
            .field("end", &state.end)
            .finish_non_exhaustive()
    }
}

/// The stream's side of a [`Control`]. Dropping it ends the stream.
#[must_use = "dropping it ends the stream"]
pub struct Controlled {
    shared: Arc<Shared>,
    on_end: Option<Box<dyn FnOnce(End) + Send + Sync>>,
    /// Which waker the host has, as long as it has not asked: nobody else takes it.
    waits: Option<Identity>,
}

/// What tells one waker from another for as long as it is kept; see [`Waker::will_wake`].
type Identity = (usize, NonZeroUsize);

fn identity(waker: &Waker) -> Identity {
    let vtable = ptr::from_ref(waker.vtable()).addr();
    let vtable = NonZeroUsize::new(vtable).expect("no reference is null");
    (waker.data().addr(), vtable)
}

impl Controlled {
    /// Ready once the host has asked the stream to end.
    pub fn poll_drain(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if self.shared.draining.load(Ordering::Acquire) {
            return Poll::Ready(());
        }
        let waits = Some(identity(cx.waker()));
        if self.waits == waits {
            return Poll::Pending;
        }
        self.waits = waits;
        self.wait_for_drain(cx.waker().clone())
    }

    fn wait_for_drain(&self, waker: Waker) -> Poll<()> {
        let mut state = lock(&self.shared);
        if self.shared.draining.load(Ordering::Acquire) {
            return Poll::Ready(());
        }
        let replaced = state.waker.replace(waker);
        drop(state);
        drop(replaced);
        Poll::Pending
    }

    /// Calls `f` with the reason when the stream ends, once. It takes the place of a function given before, and is not called
    /// if the stream has ended already. A panic of it is reported through `tracing`.
    pub fn on_end(&mut self, f: impl FnOnce(End) + Send + Sync + 'static) {
        self.on_end = Some(Box::new(f));
    }

    /// The stream has ended. Only the first reason counts.
    pub fn end(&mut self, why: End) {
        self.end_as(|_| why);
    }

    /// Why the stream would end if it were dropped now: what the host said, else [`End::PeerLeft`].
    pub fn dropped_now(&self) -> End {
        lock(&self.shared).dropped_now()
    }

    /// The reason is chosen under the lock: a host that has cut the stream, and sees no end yet, knows how it will end.
    fn end_as(&mut self, why: impl FnOnce(&State) -> End) {
        let mut state = lock(&self.shared);
        if state.end.is_some() {
            return;
        }
        let why = why(&state);
        state.end = Some(why);
        drop(state);
        if let Some(on_end) = self.on_end.take() {
            if let Err(panicked) = Panicked::catch(|| on_end(why)) {
                tracing::error!(%panicked, "a function that was to be told of the end of a stream failed");
            }
        }
    }
}

impl Drop for Controlled {
    fn drop(&mut self) {
        self.end_as(State::dropped_now);
    }
}

impl fmt::Debug for Controlled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Controlled").finish_non_exhaustive()
    }
}

/// No code of others runs under this lock, wakers included, so it is never poisoned in a half-changed state.
fn lock(shared: &Shared) -> MutexGuard<'_, State> {
    shared.state.lock().unwrap_or_else(PoisonError::into_inner)
}
