//! What goes on on a connection: its exchanges, its streams, and what is still to be written.

use std::{
    collections::VecDeque,
    num::NonZeroUsize,
    sync::{
        Arc, Mutex, MutexGuard, OnceLock, PoisonError,
        atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering},
    },
    task::Waker,
};

use http::StatusCode;
use peristyle_core::{BoxFuture, Control, End, handover::SocketOffer};
use tokio::{sync::Notify, time::Instant};

use crate::{
    Body, Exit, frames,
    lease::Ends,
    lifeline::{Lifeline, Line},
    progress::Progress,
    streams::Streams,
    wire::Protocol,
};

/// Shared by the parts of a connection. Without a connection nothing waits to be written.
#[derive(Clone, Default)]
pub(crate) struct Activity(Option<Arc<State>>);

#[derive(Default)]
struct State {
    /// How often the task of a connection over HTTP/1.1 has had its turn.
    turns: AtomicUsize,
    /// Requests whose head has come.
    requests: AtomicUsize,
    /// Exchanges that are not over, and over HTTP/2 bodies of requests that are still being received.
    open: AtomicUsize,
    /// What the client of HTTP/2 got, in the [frames](crate::frames) that it may send for it.
    earned: AtomicU64,
    /// The last request was read, and nothing has looked at it.
    unstarted: AtomicBool,
    idle_since: Mutex<Option<Instant>>,
    /// Why this side gave the connection up.
    exit: OnceLock<Exit>,
    /// The last body of a request has not been read to its end.
    unread: AtomicBool,
    /// The body of the last request is still being received.
    receiving: AtomicBool,
    /// The connection is not fit for another request.
    ends: AtomicBool,
    /// The end of the connection is all that tells the end of the last response.
    by_close: AtomicBool,
    /// The task that flushes. It is woken because it may have written everything already, and would never flush again.
    connection: Mutex<Option<Waker>>,
    /// Made for the first who waits for a flush: hardly anybody does.
    flushed: OnceLock<Arc<Notify>>,
    /// Somebody waits for a flush.
    awaited: AtomicBool,
    /// Whether a flush always follows the last byte of a response. Over HTTP/2 another task may have flushed it already.
    flush_is_last: bool,
    /// Exchanges that are over once all is written.
    ending: Mutex<VecDeque<Lifeline>>,
    /// How many these are: most flushes end none.
    endings: AtomicUsize,
    /// And how many that nobody will be told of, over HTTP/1.1.
    silent_endings: AtomicUsize,
    streams: Streams,
    /// Whether a response's body can have the socket.
    hands_over: bool,
    /// There is one that waits for it.
    has_offer: AtomicBool,
    /// All before it was written.
    offer_is_due: AtomicBool,
    offer: Mutex<Option<Box<Offered>>>,
}

/// A response that goes on without the connection, and what it takes along.
pub(crate) struct Offered {
    pub(crate) offer: SocketOffer,
    pub(crate) body: Body,
    pub(crate) control: Option<Control>,
    pub(crate) ends: Ends,
    pub(crate) lifeline: Lifeline,
}

impl Activity {
    pub(crate) fn of_connection(protocol: Protocol) -> Self {
        Self::of(protocol, false)
    }

    /// Of a connection over HTTP/1.1 whose socket can be handed to the body of a response.
    pub(crate) fn of_plain_socket() -> Self {
        Self::of(Protocol::Http1, true)
    }

    fn of(protocol: Protocol, hands_over: bool) -> Self {
        Self(Some(Arc::new(State {
            idle_since: Mutex::new(Some(Instant::now())),
            flush_is_last: protocol == Protocol::Http1,
            hands_over,
            ..State::default()
        })))
    }

    /// The connection's task has its turn.
    pub(crate) fn begin_turn(&self) {
        if let Some(state) = &self.0 {
            // That task is the only one that counts.
            let turns = state.turns.load(Ordering::Relaxed);
            state.turns.store(turns.wrapping_add(1), Ordering::Relaxed);
        }
    }

    /// The number of the turn; `None` where turns are not counted.
    pub(crate) fn turn(&self) -> Option<NonZeroUsize> {
        let state = self.0.as_deref()?;
        NonZeroUsize::new(state.turns.load(Ordering::Relaxed))
    }

    /// Whether the response that comes can have the socket: nothing of the request is still to be read.
    pub(crate) fn hands_over(&self) -> bool {
        self.0.as_deref().is_some_and(|state| {
            let receiving = state.receiving.load(Ordering::Relaxed);
            state.hands_over && !receiving && !state.unread.load(Ordering::Relaxed)
        })
    }

    /// The rest of a response waits for the socket.
    pub(crate) fn offer(&self, offered: Offered) {
        if let Some(state) = &self.0 {
            *lock(&state.offer) = Some(Box::new(offered));
            state.has_offer.store(true, Ordering::Relaxed);
        }
    }

    /// What waits for the socket, once all before it is written.
    pub(crate) fn take_offer(&self) -> Option<Box<Offered>> {
        let state = self.0.as_deref()?;
        if !state.offer_is_due.load(Ordering::Relaxed) {
            return None;
        }
        lock(&state.offer).take()
    }

    /// An exchange begins. The line is for it to watch its client.
    pub(crate) fn begin(&self) -> (Ongoing, Line) {
        if let Some(state) = &self.0 {
            // The connection's task is the only one that begins any.
            let requests = state.requests.load(Ordering::Relaxed);
            state.requests.store(requests + 1, Ordering::Release);
            state.open();
            state.unstarted.store(true, Ordering::Relaxed);
        }
        let lifeline = Lifeline::new();
        let line = lifeline.line();
        let ongoing = Ongoing {
            lifeline: Some(lifeline),
            activity: self.clone(),
            progress: None,
            passed_on: false,
        };
        (ongoing, line)
    }

    /// Whether it goes on in several tasks, one for each stream.
    fn is_multiplexed(&self) -> bool {
        self.0.as_deref().is_some_and(|state| !state.flush_is_last)
    }

    /// The exchange that has begun last is looked at.
    pub(crate) fn start(&self) {
        if let Some(state) = &self.0 {
            state.unstarted.store(false, Ordering::Relaxed);
        }
    }

    pub(crate) fn is_unstarted(&self) -> bool {
        let state = self.0.as_deref();
        state.is_some_and(|state| state.unstarted.load(Ordering::Relaxed))
    }

    /// The body of a request is still to be received. Whoever has it may read it when the response has long been sent.
    pub(crate) fn receive(&self) -> Receiving {
        if let Some(state) = &self.0 {
            state.receiving.store(true, Ordering::Relaxed);
            if !state.flush_is_last {
                state.open();
            }
        }
        Receiving(self.clone())
    }

    /// How many requests have begun.
    pub(crate) fn requests(&self) -> usize {
        let state = self.0.as_deref();
        state.map_or(0, |state| state.requests.load(Ordering::Acquire))
    }

    /// Whether an exchange is not over, so many requests have come, and nothing of them is still to be read.
    pub(crate) fn is_answering(&self, requests: Option<usize>) -> bool {
        self.0.as_deref().is_some_and(|state| {
            state.open.load(Ordering::Relaxed) > 0
                && requests == Some(state.requests.load(Ordering::Relaxed))
                && !state.receiving.load(Ordering::Relaxed)
        })
    }

    /// Whether an exchange is not over, or the body of its request.
    pub(crate) fn is_busy(&self) -> bool {
        let state = self.0.as_deref();
        state.is_some_and(|state| {
            let receives = state.flush_is_last && state.receiving.load(Ordering::Acquire);
            receives || state.open.load(Ordering::Acquire) > 0
        })
    }

    pub(crate) fn earn(&self, frames: u64) {
        if let Some(state) = &self.0 {
            state.earned.fetch_add(frames, Ordering::Relaxed);
        }
    }

    pub(crate) fn earned(&self) -> u64 {
        let state = self.0.as_deref();
        state.map_or(0, |state| state.earned.load(Ordering::Relaxed))
    }

    /// Since when no exchange is open; `None` while one is.
    pub(crate) fn idle_since(&self) -> Option<Instant> {
        let state = self.0.as_deref()?;
        if self.is_busy() {
            return None;
        }
        *lock(&state.idle_since)
    }

    pub(crate) fn set_unread(&self, unread: bool) {
        if let Some(state) = &self.0 {
            state.unread.store(unread, Ordering::Relaxed);
        }
    }

    pub(crate) fn is_unread(&self) -> bool {
        let state = self.0.as_deref();
        state.is_some_and(|state| state.unread.load(Ordering::Relaxed))
    }

    /// The response that comes is the last over HTTP/1.1.
    pub(crate) fn end_keep_alive(&self) {
        if let Some(state) = &self.0 {
            state.ends.store(true, Ordering::Relaxed);
        }
    }

    /// Whether the response that comes is the last over HTTP/1.1. One that may be over before the body of its request is: hyper
    /// tells the end of such a body with that of the connection, or with the next request.
    pub(crate) fn ends_keep_alive(&self) -> bool {
        self.0.as_deref().is_some_and(|state| {
            state.ends.load(Ordering::Relaxed) || state.receiving.load(Ordering::Relaxed)
        })
    }

    /// The end of the connection is all that will tell the end of the response that comes.
    pub(crate) fn set_delimited_by_close(&self) {
        if let Some(state) = &self.0 {
            state.by_close.store(true, Ordering::Relaxed);
        }
    }

    pub(crate) fn is_delimited_by_close(&self) -> bool {
        let state = self.0.as_deref();
        state.is_some_and(|state| state.by_close.load(Ordering::Relaxed))
    }

    /// Whether a response has failed, and waits until all before it is written.
    pub(crate) fn is_awaited(&self) -> bool {
        let state = self.0.as_deref();
        state.is_some_and(|state| state.awaited.load(Ordering::Acquire))
    }

    /// This side gives the connection up; what is open ends for this reason.
    pub(crate) fn give_up(&self, exit: Exit, why: End) {
        let Some(state) = &self.0 else { return };
        // The first reason counts.
        let _later = state.exit.set(exit);
        state.streams.cut(why);
    }

    /// A stream is open from here on; it is told to drain when the connection is, or was.
    pub(crate) fn stream(&self, control: &Control) {
        if let Some(state) = &self.0 {
            state.streams.add(control);
        }
    }

    pub(crate) fn drain(&self) {
        if let Some(state) = &self.0 {
            state.streams.drain();
        }
    }

    /// The next flush to end, after which a response fails.
    pub(crate) fn next_flush(&self) -> BoxFuture<'static, ()> {
        let Some(state) = &self.0 else {
            return Box::pin(std::future::ready(()));
        };
        let flushed = Arc::clone(state.flushed.get_or_init(Arc::default)).notified_owned();
        state.awaited.store(true, Ordering::Release);
        let connection = lock(&state.connection).clone();
        connection.iter().for_each(Waker::wake_by_ref);
        Box::pin(flushed)
    }

    /// Flushes are done by this task from here on.
    pub(crate) fn flushes(&self, waker: &Waker) {
        if let Some(state) = &self.0 {
            *lock(&state.connection) = Some(waker.clone());
        }
    }

    /// A flush has ended: all that the connection had is written.
    pub(crate) fn flushed(&self) {
        let Some(state) = &self.0 else { return };
        if state.has_offer.load(Ordering::Relaxed) {
            state.offer_is_due.store(true, Ordering::Relaxed);
        }
        let silent = state.silent_endings.load(Ordering::Relaxed);
        if silent > 0 {
            state.silent_endings.store(0, Ordering::Relaxed);
            (0..silent).for_each(|_| state.close());
        }
        while let Some(mut lifeline) = state.next_ending() {
            state.close();
            lifeline.end(Exit::Served);
        }
        if self.is_awaited() {
            // Before those who wait are told: who comes in between is told now, or asks again.
            state.awaited.store(false, Ordering::Release);
            if let Some(flushed) = state.flushed.get() {
                flushed.notify_waiters();
            }
        }
    }

    /// Nothing more is written.
    pub(crate) fn closed(&self) {
        let Some(state) = &self.0 else { return };
        let exit = self.exit();
        while let Some(mut lifeline) = state.next_ending() {
            lifeline.end(exit);
        }
    }

    /// How an exchange ends that is dropped now.
    fn exit(&self) -> Exit {
        let exit = self.0.as_ref().and_then(|state| state.exit.get());
        exit.copied().unwrap_or(Exit::Left)
    }

    /// The response of an exchange was handed over whole. Returns whether it is still to be written.
    fn complete(&self, mut lifeline: Lifeline) -> bool {
        match &self.0 {
            Some(state) if state.flush_is_last && lifeline.is_unwatched() => {
                let silent = state.silent_endings.load(Ordering::Relaxed);
                state.silent_endings.store(silent + 1, Ordering::Relaxed);
            }
            Some(state) if state.flush_is_last => state.end_with_flush(lifeline),
            _ => {
                lifeline.end(Exit::Served);
                return false;
            }
        }
        true
    }

    fn end(&self) {
        let Some(state) = &self.0 else { return };
        // Set before: idle since an earlier time would be too long.
        if !state.flush_is_last {
            *lock(&state.idle_since) = Some(Instant::now());
        }
        state.close();
    }
}

impl State {
    /// Over HTTP/1.1 the connection's task alone begins and ends exchanges.
    fn open(&self) {
        if self.flush_is_last {
            let open = self.open.load(Ordering::Relaxed);
            self.open.store(open + 1, Ordering::Relaxed);
        } else {
            self.open.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn close(&self) {
        if self.flush_is_last {
            let open = self.open.load(Ordering::Relaxed);
            self.open.store(open.saturating_sub(1), Ordering::Release);
        } else {
            self.open.fetch_sub(1, Ordering::Release);
        }
    }

    fn end_with_flush(&self, lifeline: Lifeline) {
        let mut ending = lock(&self.ending);
        ending.push_back(lifeline);
        self.endings.store(ending.len(), Ordering::Release);
    }

    fn next_ending(&self) -> Option<Lifeline> {
        if self.endings.load(Ordering::Acquire) == 0 {
            return None;
        }
        let mut ending = lock(&self.ending);
        let next = ending.pop_front();
        self.endings.store(ending.len(), Ordering::Release);
        next
    }
}

/// The body of a request that has not come to its end.
pub(crate) struct Receiving(Activity);

impl Drop for Receiving {
    /// Over HTTP/1.1 nobody has to be woken to wait for the next request: if the response is over, it was the last.
    fn drop(&mut self) {
        if let Some(state) = &self.0.0 {
            state.receiving.store(false, Ordering::Release);
            if !state.flush_is_last {
                self.0.end();
            }
        }
    }
}

/// An exchange that is not over. Dropped before it is [complete](Self::complete), it ends as its connection does.
pub(crate) struct Ongoing {
    /// None when it is over.
    lifeline: Option<Lifeline>,
    activity: Activity,
    progress: Option<Progress>,
    /// The connection ends it, when all is written.
    passed_on: bool,
}

impl Ongoing {
    /// What else goes on on its connection.
    pub(crate) fn activity(&self) -> &Activity {
        &self.activity
    }

    /// Whether a connection sends the response.
    pub(crate) fn is_connected(&self) -> bool {
        self.activity.0.is_some()
    }

    /// Whether that is over a stream of HTTP/2, in whose frames a piece does not fit anyway.
    pub(crate) fn is_multiplexed(&self) -> bool {
        self.progress.is_some()
    }

    /// The response's head is known; its body may be a stream that the connection tells of its end. What a stage asks of another
    /// router is not what the client of its own stream takes.
    pub(crate) fn answered(&mut self, status: StatusCode, control: Option<Control>) {
        if let Some(lifeline) = &mut self.lifeline {
            lifeline.answered(status);
            lifeline.settle();
        }
        if let Some(control) = &control {
            self.activity.stream(control);
        }
        if self.activity.is_multiplexed() {
            self.progress = Progress::of_task(control);
        }
    }

    /// The connection asks for the next piece of the body, and has passed on all before.
    pub(crate) fn asked(&self) {
        if let Some(progress) = &self.progress {
            progress.asked();
        }
    }

    /// A piece of the body goes to the connection.
    pub(crate) fn sent(&mut self, bytes: u64) {
        if let Some(lifeline) = &mut self.lifeline {
            lifeline.sent(bytes);
        }
        if let Some(progress) = &self.progress {
            progress.sent();
            self.activity.earn(frames::worth_of_piece(bytes));
        }
    }

    /// The response goes on without the connection.
    pub(crate) fn leave(&mut self) -> Option<Lifeline> {
        self.passed_on = true;
        self.lifeline.take()
    }

    /// How much of the body went to the connection.
    pub(crate) fn bytes(&self) -> u64 {
        self.lifeline.as_ref().map_or(0, Lifeline::bytes)
    }

    /// The next flush of the connection to end.
    pub(crate) fn next_flush(&self) -> BoxFuture<'static, ()> {
        self.activity.next_flush()
    }

    /// The whole response was handed over.
    pub(crate) fn complete(&mut self) {
        if let Some(lifeline) = self.lifeline.take() {
            if self.progress.is_some() {
                self.activity.earn(frames::EACH_ANSWER);
            }
            self.passed_on = self.activity.complete(lifeline);
        }
    }

    /// The response is cut off on this side.
    pub(crate) fn abort(&mut self) {
        if let Some(mut lifeline) = self.lifeline.take() {
            lifeline.end(Exit::Aborted);
        }
    }
}

impl Drop for Ongoing {
    fn drop(&mut self) {
        let stalled = self.progress.as_ref().is_some_and(Progress::has_stalled);
        if stalled || std::thread::panicking() {
            self.abort();
        } else if let Some(mut lifeline) = self.lifeline.take() {
            lifeline.end(self.activity.exit());
        }
        if !self.passed_on {
            self.activity.end();
        }
    }
}

/// Nothing foreign runs with one of these locked.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use tokio_test::{assert_pending, assert_ready_eq, task};

    use super::*;

    #[test]
    fn what_was_handed_over_is_served_once_it_is_written_and_left_if_it_never_is() {
        let written: fn(&Activity) = Activity::flushed;
        for (end, exit) in [(written, Exit::Served), (Activity::closed, Exit::Left)] {
            let activity = Activity::of_connection(Protocol::Http1);
            let (mut ongoing, line) = activity.begin();
            let mut ended = task::spawn(line.watch());
            ongoing.complete();
            drop(ongoing);
            assert_pending!(ended.poll());
            assert!(activity.is_busy());
            end(&activity);
            assert_ready_eq!(ended.poll(), exit);
        }
    }

    #[test]
    fn an_exchange_that_nobody_watches_is_over_once_it_is_written_too() {
        let activity = Activity::of_connection(Protocol::Http1);
        for _ in 0..2 {
            for _ in 0..2 {
                let (mut ongoing, line) = activity.begin();
                drop(line);
                ongoing.complete();
            }
            assert!(activity.is_busy());
            activity.flushed();
            assert!(!activity.is_busy());
        }
    }

    #[test]
    fn a_connection_is_busy_until_the_body_of_its_request_has_come_too() {
        let activity = Activity::of_connection(Protocol::Http1);
        let (mut ongoing, _line) = activity.begin();
        let receiving = activity.receive();
        assert!(activity.ends_keep_alive());
        ongoing.complete();
        activity.flushed();
        drop(ongoing);
        assert!(activity.is_busy());
        drop(receiving);
        assert!(!activity.is_busy());
        assert!(!activity.ends_keep_alive());
    }
}
