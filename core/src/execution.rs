//! The engine: one walk to the right, one walk back, one outcome.
//!
//! The interceptors stand in a line ([`Walk`](crate::walk::Walk)) and a cursor moves along it. To the right each link is
//! entered, until the line ends, a terminator ends it, or a stage fails. Then the cursor moves back to the left over the
//! links entered, and each is asked once: its leave stage, or its error stage while an error is pending. A stage that
//! answers at once is a call in a loop; one that waits is awaited in its place, so that nothing else can differ.
//!
//! One guard around the whole walk catches panics. The cursor says whose stage it was, and the walk goes on from there.

use std::{
    future::{Future, poll_fn},
    pin::pin,
    task::Poll,
};

use crate::{
    BoxError, Context, Conveyance, Error, Link, Outcome, Stage, Step, WouldWait,
    context::Course,
    error::Panicked,
    observer::{Ending, Invocation, tell},
    walk::Walk,
};

/// Awaits a step where it waits. A macro, because an `async fn` would put each step of a stage that does not wait into a
/// future of its own.
macro_rules! see_through {
    ($step:expr, $link:expr, $cx:expr, $stage:expr) => {
        match $step {
            Step::Now(Ok(())) => Ended::Done,
            step => {
                let answer = {
                    let step = step;
                    match step {
                        Step::Absent => Answer::Absent,
                        Step::Now(outcome) => Answer::Now(outcome),
                        Step::Later(future) => Answer::Later(future.await),
                        Step::Convey(conveyance) => Answer::Conveying(conveyance),
                    }
                };
                match answer {
                    Answer::Later(Ok(())) => Ended::Waited,
                    Answer::Conveying(conveyance) => {
                        let answer = receive($cx, conveyance).await;
                        settle($link, $cx, $stage, answer)
                    }
                    answer => settle($link, $cx, $stage, answer),
                }
            }
        }
    };
}

/// One run of a chain on a context. The walk that was under way before, if any, is resumed when this is dropped.
pub(crate) struct Run<'cx, T> {
    cx: &'cx mut Context<T>,
    outer: Option<Course<T>>,
}

impl<'cx, T: Send + 'static> Run<'cx, T> {
    pub(crate) fn new(cx: &'cx mut Context<T>, walk: Walk<T>, pending: Option<Error>) -> Self {
        let outer = Some(cx.set_out(walk, pending));
        Self { cx, outer }
    }

    /// Walks in, then back.
    pub(crate) async fn whole(&mut self) -> Result<(), Error> {
        while let Err(panicked) = shielded(walk(self.cx)).await {
            fail_here(self.cx, panicked);
        }
        self.outcome()
    }

    /// Walks in only, and no further than the first stage: what it queues is not run.
    pub(crate) async fn inward(&mut self) -> Result<(), Error> {
        self.cx.terminate_when(|_| true);
        if let Err(panicked) = shielded(walk_in(self.cx)).await {
            fail_here(self.cx, panicked);
        }
        self.outcome()
    }

    /// A stage can put another context in the place of its own, and the walk is gone with it: that is an error too.
    fn outcome(&self) -> Result<(), Error> {
        if !self.cx.walk().is_under_way() {
            return Err(Error::new("a stage replaced the context"));
        }
        self.cx.pending().cloned().map_or(Ok(()), Err)
    }

    /// The error of a run that was not to wait, at the stage where it would have.
    pub(crate) fn would_wait(&self) -> Error {
        let Some((stage, link)) = self.cx.whereabouts() else {
            return Error::new(WouldWait);
        };
        let displaced = self.cx.pending().cloned();
        let (name, id) = (link.name(), self.cx.id());
        Error::raised(stage, name, id, WouldWait.into(), displaced)
    }
}

impl<T> Drop for Run<'_, T> {
    fn drop(&mut self) {
        if let Some(outer) = self.outer.take() {
            self.cx.resume(outer);
        }
    }
}

/// Walks on from wherever the cursor is, to the end.
async fn walk<T: Send + 'static>(cx: &mut Context<T>) {
    if cx.walk().is_going_in() {
        walk_in(cx).await;
        cx.walk_mut().turn_back();
    }
    walk_back(cx).await;
}

/// Enters the links right of the cursor, until there is none or one has failed.
async fn walk_in<T: Send + 'static>(cx: &mut Context<T>) {
    while let Some(chain) = cx.walk_mut().next_chain() {
        while let Some(link) = cx.walk_mut().step_right(&chain) {
            if !begins(link, cx, Stage::Enter) {
                continue;
            }
            let ended = see_through!(link.interceptor.enter(cx), link, cx, Stage::Enter);
            if ended.well() && cx.wants_to_end() {
                cx.terminate();
            }
            ends(link, cx, Stage::Enter, ended);
            if ended == Ended::Failed {
                return;
            }
        }
    }
}

/// Asks the links left of the cursor, each once: to leave, or about the error that is pending.
async fn walk_back<T: Send + 'static>(cx: &mut Context<T>) {
    while let Some(chain) = cx.walk_mut().previous_chain() {
        while let Some(link) = cx.walk_mut().step_left(&chain) {
            let stage = cx.stage_on_the_way_back();
            if !begins(link, cx, stage) {
                continue;
            }
            let ended = see_through!(leave_or_error(link, cx), link, cx, stage);
            if ended.well() {
                cx.recover();
            }
            ends(link, cx, stage, ended);
        }
    }
}

fn leave_or_error<'a, T: 'static>(link: &'a Link<T>, cx: &'a mut Context<T>) -> Step<'a, T> {
    match cx.pending().cloned() {
        None => link.interceptor.leave(cx),
        Some(error) => link.interceptor.error(cx, error),
    }
}

/// How a stage ended.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Ended {
    Absent,
    Done,
    Waited,
    Failed,
}

impl Ended {
    fn well(self) -> bool {
        matches!(self, Self::Done | Self::Waited)
    }
}

/// What a stage answered, once it no longer borrows the context.
enum Answer<T> {
    Absent,
    Now(Outcome),
    Later(Outcome),
    Conveying(Conveyance<T>),
}

/// Puts a conveyed value into the context when it arrives.
async fn receive<T: Send>(cx: &mut Context<T>, conveyance: Conveyance<T>) -> Answer<T> {
    let (value, outcome) = conveyance.await;
    if let Some(value) = value {
        cx.carry(value);
    }
    Answer::Later(outcome)
}

/// Makes a raised error the pending one.
fn settle<T>(link: &Link<T>, cx: &mut Context<T>, stage: Stage, answer: Answer<T>) -> Ended {
    match answer {
        Answer::Absent | Answer::Conveying(_) => Ended::Absent,
        Answer::Now(Ok(())) => Ended::Done,
        Answer::Later(Ok(())) => Ended::Waited,
        Answer::Now(Err(source)) | Answer::Later(Err(source)) => {
            raise(link, cx, stage, source);
            Ended::Failed
        }
    }
}

/// Makes an error of this stage the pending one. An error stage that raises the error that it was given declines it.
fn raise<T>(link: &Link<T>, cx: &mut Context<T>, stage: Stage, source: BoxError) {
    let displaced = cx.pending().cloned();
    if let (Some(pending), Some(given)) = (&displaced, source.downcast_ref::<Error>()) {
        if given.same(pending) {
            return;
        }
    }
    let error = Error::raised(stage, link.name(), cx.id(), source, displaced);
    cx.pend(error);
}

/// A panic is an error of the stage that was running.
fn fail_here<T: 'static>(cx: &mut Context<T>, panicked: Panicked) {
    let Some((stage, link)) = cx.whereabouts() else {
        return;
    };
    let link = link.clone();
    raise(&link, cx, stage, panicked.into());
    ends(&link, cx, stage, Ended::Failed);
    cx.walk_mut().turn_back();
}

/// Whether the link has the stage; then the observers know that it begins.
fn begins<T: 'static>(link: &Link<T>, cx: &Context<T>, stage: Stage) -> bool {
    let has = link.stages().contains(stage);
    if has && cx.is_observed() {
        tell_before(link, cx, stage);
    }
    has
}

fn ends<T: 'static>(link: &Link<T>, cx: &Context<T>, stage: Stage, ended: Ended) {
    if cx.is_observed() {
        tell_after(link, cx, stage, ended);
    }
}

#[cold]
fn tell_before<T: 'static>(link: &Link<T>, cx: &Context<T>, stage: Stage) {
    let invocation = Invocation::new(link, cx, stage);
    tell(cx, |observer| observer.before(cx, &invocation));
}

#[cold]
fn tell_after<T: 'static>(link: &Link<T>, cx: &Context<T>, stage: Stage, ended: Ended) {
    let invocation = Invocation::new(link, cx, stage);
    let ending = match (cx.pending(), ended) {
        (Some(error), _) => Ending::Failed(error),
        (None, Ended::Waited) => Ending::Waited,
        (None, _) => Ending::Done,
    };
    tell(cx, |observer| observer.after(cx, &invocation, &ending));
}

/// Polls and drops a future that runs foreign code. `Err` is its panic.
async fn shielded<R>(future: impl Future<Output = R>) -> Result<R, Panicked> {
    let mut future = pin!(Some(future));
    let result = poll_fn(|task| {
        let running = future.as_mut().as_pin_mut().expect("taken only below");
        match Panicked::catch(|| running.poll(task)) {
            Ok(poll) => poll.map(Ok),
            Err(panicked) => Poll::Ready(Err(panicked)),
        }
    })
    .await;
    Panicked::catch(|| future.set(None)).and(result)
}
