//! What an execution carries from stage to stage.

use std::{
    error, fmt, mem,
    ops::{Deref, DerefMut},
    sync::Arc,
};

use smallvec::SmallVec;

use crate::{Chain, Error, ExecutionId, Link, Name, Observer, Stage, walk::Walk};

/// A value on its walk through a chain, and the walk itself.
///
/// It derefs to the value. The walk (what is queued, what was entered, the pending error) can be read, and steered on the
/// way in; no stage can forge or lose it.
pub struct Context<T> {
    value: T,
    id: ExecutionId,
    walk: Walk<T>,
    terminators: SmallVec<[Terminator<T>; 2]>,
    /// The terminators before this one are an outer run's, and are not asked.
    first_terminator: usize,
    observers: Vec<Arc<dyn Observer<T>>>,
    pending: Option<Error>,
    recovered: Option<Error>,
}

type Terminator<T> = Box<dyn Fn(&Context<T>) -> bool + Send + Sync>;

impl<T> Context<T> {
    /// A context that carries `value`, with an identity of its own.
    pub fn new(value: T) -> Self {
        Self::with_id(value, ExecutionId::next())
    }

    /// A context that carries `value`, with the identity that the host has for it.
    pub fn with_id(value: T, id: ExecutionId) -> Self {
        Self {
            value,
            id,
            walk: Walk::still(),
            terminators: SmallVec::new(),
            first_terminator: 0,
            observers: Vec::new(),
            pending: None,
            recovered: None,
        }
    }

    /// Ends the way in as soon as `condition` holds after an enter stage, as if that stage had called
    /// [`terminate`](Self::terminate).
    ///
    /// Conditions are asked after each enter stage that ran, the newest first, until one says yes. Those added before the
    /// run hold for each run of this context; those that a stage adds, until its run ends. A function that captures
    /// nothing costs no allocation.
    pub fn terminate_when(&mut self, condition: impl Fn(&Self) -> bool + Send + Sync + 'static) {
        self.terminators.push(Box::new(condition));
    }

    /// Tells `observer` of each stage from here on. Observers are told in the order in which they were added.
    pub fn observe(&mut self, observer: Arc<dyn Observer<T>>) {
        self.observers.push(observer);
    }

    /// Queues `chain` after all that is queued already.
    ///
    /// # Errors
    ///
    /// On the way back, and outside a run: the queue can be changed only on the way in. The walk goes on undisturbed.
    pub fn enqueue(&mut self, chain: impl Into<Chain<T>>) -> Result<(), NotEntering> {
        self.on_the_way_in()?.append(chain.into());
        Ok(())
    }

    /// Queues `chain` right after the interceptor that calls this.
    ///
    /// # Errors
    ///
    /// As [`enqueue`](Self::enqueue).
    pub fn enqueue_next(&mut self, chain: impl Into<Chain<T>>) -> Result<(), NotEntering> {
        self.on_the_way_in()?.insert(chain.into());
        Ok(())
    }

    /// Drops what is queued: the walk turns back after this stage, which may queue others still.
    ///
    /// On the way back nothing is queued and this does nothing.
    pub fn terminate(&mut self) {
        if self.walk.is_going_in() {
            self.walk.drop_queue();
        }
    }

    /// The names of the interceptors still to come, in order.
    pub fn queue(&self) -> impl Iterator<Item = &Name> {
        self.walk.queue().map(Link::name)
    }

    /// The names of the interceptors entered and not yet left, in the order of entering. On the way in this ends with
    /// the one whose stage is running; on the way back that one is no longer among them.
    pub fn entered(&self) -> impl Iterator<Item = &Name> {
        self.walk.entered().map(Link::name)
    }

    /// The identity of this execution.
    pub fn id(&self) -> &ExecutionId {
        &self.id
    }

    /// The last error that an error stage handled in this run.
    pub fn recovered(&self) -> Option<&Error> {
        self.recovered.as_ref()
    }

    /// The value, leaving its default: to hand it to a task that will convey a new one.
    pub fn take(&mut self) -> T
    where
        T: Default,
    {
        mem::take(&mut self.value)
    }

    /// The value, for good.
    pub fn into_inner(self) -> T {
        self.value
    }

    fn on_the_way_in(&mut self) -> Result<&mut Walk<T>, NotEntering> {
        if self.walk.is_going_in() {
            Ok(&mut self.walk)
        } else {
            Err(NotEntering(()))
        }
    }
}

/// What the engine sees.
impl<T> Context<T> {
    pub(crate) fn walk(&self) -> &Walk<T> {
        &self.walk
    }

    pub(crate) fn walk_mut(&mut self) -> &mut Walk<T> {
        &mut self.walk
    }

    /// Sets out on a walk. Returns what [`resume`](Self::resume) needs to take up the one that was under way.
    pub(crate) fn set_out(&mut self, walk: Walk<T>, pending: Option<Error>) -> Course<T> {
        let nested = self.walk.is_under_way();
        let first_terminator = if nested { self.terminators.len() } else { 0 };
        Course {
            first_terminator: mem::replace(&mut self.first_terminator, first_terminator),
            walk: mem::replace(&mut self.walk, walk),
            pending: mem::replace(&mut self.pending, pending),
            recovered: self.recovered.take(),
            terminators: self.terminators.len(),
            observers: self.observers.len(),
        }
    }

    /// Takes up the walk that was under way. What the stages of the run added ends with it.
    pub(crate) fn resume(&mut self, course: Course<T>) {
        self.walk = course.walk;
        self.pending = course.pending;
        self.recovered = course.recovered;
        self.first_terminator = course.first_terminator;
        self.terminators.truncate(course.terminators);
        self.observers.truncate(course.observers);
    }

    /// The stage that is running and whose it is. `None` when none has been reached.
    pub(crate) fn whereabouts(&self) -> Option<(Stage, &Link<T>)> {
        let stage = if self.walk.is_going_in() {
            Stage::Enter
        } else {
            self.stage_on_the_way_back()
        };
        Some((stage, self.walk.current()?))
    }

    pub(crate) fn stage_on_the_way_back(&self) -> Stage {
        match self.pending {
            None => Stage::Leave,
            Some(_) => Stage::Error,
        }
    }

    pub(crate) fn wants_to_end(&self) -> bool {
        let mut newest_first = self.terminators[self.first_terminator..].iter().rev();
        newest_first.any(|condition| condition(self))
    }

    pub(crate) fn observers(&self) -> &[Arc<dyn Observer<T>>] {
        &self.observers
    }

    pub(crate) fn is_observed(&self) -> bool {
        !self.observers.is_empty()
    }

    pub(crate) fn carry(&mut self, value: T) {
        self.value = value;
    }

    pub(crate) fn pending(&self) -> Option<&Error> {
        self.pending.as_ref()
    }

    pub(crate) fn pend(&mut self, error: Error) {
        self.pending = Some(error);
    }

    /// The pending error, if there is one, has been handled.
    pub(crate) fn recover(&mut self) {
        if let Some(handled) = self.pending.take() {
            self.recovered = Some(handled);
        }
    }
}

/// What of a context belongs to one run.
pub(crate) struct Course<T> {
    walk: Walk<T>,
    pending: Option<Error>,
    recovered: Option<Error>,
    first_terminator: usize,
    terminators: usize,
    observers: usize,
}

impl<T> Deref for Context<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.value
    }
}

impl<T> DerefMut for Context<T> {
    fn deref_mut(&mut self) -> &mut T {
        &mut self.value
    }
}

impl<T: fmt::Debug> fmt::Debug for Context<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Context")
            .field("id", &self.id)
            .field("value", &self.value)
            .field("queue", &self.queue().collect::<Vec<_>>())
            .finish_non_exhaustive()
    }
}

/// The queue was to be changed while no chain was on its way in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NotEntering(());

impl fmt::Display for NotEntering {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the queue can be changed only on the way in")
    }
}

impl error::Error for NotEntering {}
