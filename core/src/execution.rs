//! The engine: one walk to the right, one walk back, one outcome.
//!
//! The interceptors stand in a line ([`Walk`](crate::walk::Walk)) and a cursor moves along it. To the right each link is
//! entered, until the line ends, a terminator ends it, or a stage fails. Then the cursor moves back to the left over the
//! links entered, and each is asked once: its leave stage, or its error stage while an error is pending. A stage that
//! answers at once is a call in a loop; one that waits is awaited in its place, so that nothing else can differ.
//!
//! What cuts a stage off from outside, a panic or an interrupt, drops the walk. The cursor says whose stage it was: the
//! error is raised there, and the walk goes on from there.

use std::mem;

use tracing::{Instrument, Span, debug_span, level_filters::LevelFilter};

use crate::{
    BoxError, Chain, Context, Ending, Error, Link, Panicked, Stage, Step, WouldWait,
    attended::{Cut, Why, attended},
    context::Course,
    observer::{tell_after, tell_before},
    surroundings::{Surroundings, before_waiting},
    walk::Heading,
};

/// Awaits a step where it waits. A macro, because an `async fn` would put each step of a stage that does not wait into a
/// future of its own.
macro_rules! see_through {
    ($step:expr, $link:expr, $cx:expr, $stage:expr) => {{
        let (ended, value, outcome) = match $step {
            Step::Absent => (Ended::Absent, None, Ok(())),
            Step::Now(outcome) => (Ended::Done, None, outcome),
            Step::Later(mut later) => {
                let (value, outcome) = match before_wait($link, $stage) {
                    Ok(None) => {
                        let outcome = (&mut later).await;
                        (later.conveyed(), outcome)
                    }
                    Ok(Some(span)) => {
                        let mut inside = later.instrument(span);
                        let outcome = (&mut inside).await;
                        (inside.into_inner().conveyed(), outcome)
                    }
                    Err(error) => (None, Err(error)),
                };
                (Ended::Waited, value, outcome)
            }
        };
        if let Some(value) = value {
            $cx.carry(value);
        }
        match outcome {
            Ok(()) => ended,
            Err(source) => {
                raise($link, $cx, $stage, source);
                Ended::Failed
            }
        }
    }};
}

/// One run of a chain on a context. Dropping it before it has ended cancels what was entered. The walk that was under way
/// before, if any, is then resumed.
pub(crate) struct Run<'cx, T: 'static> {
    cx: &'cx mut Context<T>,
    surroundings: Surroundings,
    /// `None` once it has been resumed.
    course: Option<Course<T>>,
    has_ended: bool,
}

impl<'cx, T: Send + 'static> Run<'cx, T> {
    pub(crate) fn new(
        cx: &'cx mut Context<T>,
        chain: Chain<T>,
        heading: Heading,
        pending: Option<Error>,
    ) -> Self {
        let mut surroundings = cx.take_surroundings();
        if !cx.walk().is_under_way() {
            surroundings.enter_span(debug_span!("execution", id = %cx.id()));
        }
        Self {
            course: Some(cx.set_out(chain, heading, pending)),
            cx,
            surroundings,
            has_ended: false,
        }
    }

    /// Walks in, then back.
    pub(crate) async fn whole(&mut self) -> Result<(), Error> {
        while let Err(cut) = attended(&mut self.surroundings, walk(self.cx)).await {
            self.surroundings.hold(|| fail_here(self.cx, cut));
        }
        self.outcome()
    }

    /// Walks in only, and no further than the first stage: what it queues is not run.
    pub(crate) async fn inward(&mut self) -> Result<(), Error> {
        self.cx.terminate_when(|_| true);
        if let Err(cut) = attended(&mut self.surroundings, walk_in(self.cx)).await {
            self.surroundings.hold(|| fail_here(self.cx, cut));
        }
        self.outcome()
    }

    /// A stage can put another context in the place of its own, or forget a run that it began: the walk is gone then, and
    /// that is an error too.
    fn outcome(&mut self) -> Result<(), Error> {
        self.has_ended = true;
        if !self.cx.walk().is_under_way() {
            return Err(Error::new("a stage replaced the context"));
        }
        if !self
            .course
            .as_ref()
            .is_some_and(|course| self.cx.is_on(course))
        {
            return Err(Error::new("a stage forgot a run that it began"));
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
        if !self.has_ended {
            self.surroundings.hold(|| cancel(self.cx));
        }
        if let Some(course) = self.course.take() {
            while let Err(panicked) = Panicked::catch(|| self.cx.forget_run(&course)) {
                tell_left_behind(&panicked);
            }
            self.cx.resume(course);
        }
        if self.surroundings.is_empty() {
            return;
        }
        let surroundings = mem::take(&mut self.surroundings);
        if let Err(panicked) = Panicked::catch(|| drop(surroundings)) {
            tell_left_behind(&panicked);
        }
    }
}

#[cold]
fn tell_left_behind(panicked: &Panicked) {
    tracing::error!(%panicked, "what a run left behind failed when it was dropped");
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

/// The execution is dropped where it waits: each one entered and not yet asked to leave is told, innermost first.
fn cancel<T: 'static>(cx: &mut Context<T>) {
    if let Some((stage, link)) = cx.whereabouts() {
        ends(&link.clone(), cx, stage, Ended::Cancelled);
    }
    while let Err(panicked) = turn_back(cx) {
        tracing::error!(%panicked, "what was queued failed when it was dropped");
    }
    while let Some(chain) = cx.walk_mut().previous_chain() {
        while let Some(link) = cx.walk_mut().step_left(&chain) {
            if let Err(panicked) = Panicked::catch(|| link.interceptor.cancel(cx)) {
                let (name, id) = (link.name(), cx.id());
                tracing::error!(interceptor = %name, execution = %id, %panicked, "`cancel` failed");
            }
        }
    }
}

/// How a stage ended.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Ended {
    Absent,
    Done,
    Waited,
    Failed,
    Interrupted,
    Cancelled,
}

impl Ended {
    fn well(self) -> bool {
        matches!(self, Self::Done | Self::Waited)
    }
}

/// Calls what is to be called before the first wait. Returns the span of the wait, unless spans are disabled.
fn before_wait<T>(link: &Link<T>, stage: Stage) -> Result<Option<Span>, BoxError> {
    before_waiting(stage)?;
    if LevelFilter::current() < LevelFilter::DEBUG {
        return Ok(None);
    }
    let (stage, interceptor) = (stage.as_str(), link.name().as_str());
    Ok(Some(debug_span!("stage", stage, interceptor)))
}

/// Makes an error of this stage the pending one. An error stage that raises the error that it was given declines it.
#[cold]
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

/// The stage that was running was cut off: the error is its own.
fn fail_here<T: 'static>(cx: &mut Context<T>, cut: Cut) {
    let Some((stage, link)) = cx.whereabouts() else {
        return;
    };
    let link = link.clone();
    let ended = match (cut.why, &cut.dropped) {
        (Why::Interrupted, None) => Ended::Interrupted,
        _ => Ended::Failed,
    };
    raise(&link, cx, stage, cut.error);
    if let Some(panicked) = cut.dropped {
        raise(&link, cx, stage, panicked.into());
    }
    while let Err(panicked) = turn_back(cx) {
        raise(&link, cx, stage, panicked.into());
    }
    ends(&link, cx, stage, ended);
}

/// Turns around where nobody else would catch what was queued if it panics as it is dropped. Each call drops some of it.
fn turn_back<T>(cx: &mut Context<T>) -> Result<(), Panicked> {
    Panicked::catch(|| cx.walk_mut().turn_back())
}

/// Whether the link has the stage; then the observers know that it begins.
fn begins<T: 'static>(link: &Link<T>, cx: &mut Context<T>, stage: Stage) -> bool {
    let has = link.stages().contains(stage);
    if has && cx.is_observed() {
        tell_before(link, cx, stage);
    }
    has
}

fn ends<T: 'static>(link: &Link<T>, cx: &mut Context<T>, stage: Stage, ended: Ended) {
    if cx.is_observed() {
        let ending = match (cx.pending(), ended) {
            (_, Ended::Cancelled) => Ending::Cancelled,
            (Some(error), Ended::Interrupted) => Ending::Interrupted(error),
            (Some(error), _) => Ending::Failed(error),
            (None, Ended::Waited) => Ending::Waited,
            (None, _) => Ending::Done,
        };
        tell_after(link, cx, stage, &ending);
        cx.begin(None);
    }
}
