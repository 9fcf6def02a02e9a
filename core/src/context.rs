//! What an execution carries from stage to stage.

use std::{
    error, fmt,
    future::Future,
    mem,
    ops::{Deref, DerefMut},
    sync::{Arc, Mutex, PoisonError},
};

use smallvec::SmallVec;
use tokio::time::Instant;

use crate::{
    Binding, BoxError, Chain, Error, ExecutionId, IntoOutcome, Link, Missing, Name, NotDetachable,
    Observer, Stage,
    binding::Bindings,
    detachable::Detach,
    surroundings::{self, Parts, Surroundings},
    values::Values,
    walk::Walk,
};

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
    values: Values,
    bindings: Bindings,
    /// What was set before the run for the run.
    ahead: Mutex<Surroundings>,
    detach: Option<Detach>,
    /// When the stage that is running began, if it is observed.
    began: Option<Instant>,
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
            values: Values::default(),
            bindings: Bindings::default(),
            ahead: Mutex::default(),
            detach: None,
            began: None,
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

    /// Ends a stage that waits as soon as `interrupt` yields an error: the stage's future is dropped and the error is raised in
    /// its place.
    ///
    /// Holds from here on, for the stage that calls this too, until the run ends, `interrupt` has yielded, another takes its
    /// place, or [`uninterrupted`](Self::uninterrupted) removes it. A stage that answers at once is never interrupted, nor is an
    /// error stage: it may have the interruption to tell of. Called before a run it holds for the next run.
    pub fn interrupt_with<E: Into<BoxError>>(
        &mut self,
        interrupt: impl Future<Output = E> + Send + 'static,
    ) {
        let interrupt = Box::pin(async move { interrupt.await.into() });
        let handling = self.pending.is_some();
        let _former = self.surround(|parts| {
            parts.handling = handling;
            parts.interrupt.replace(interrupt)
        });
    }

    /// Removes what [`interrupt_with`](Self::interrupt_with) set.
    pub fn uninterrupted(&mut self) {
        let _former = self.surround(|parts| parts.interrupt.take());
    }

    /// Calls `callback` at the next stage that returns something to wait for, before it is waited for. Once at most.
    ///
    /// The stage fails when `callback` does, without having waited. Called before a run it holds for the next run.
    pub fn on_first_wait<R: IntoOutcome>(&mut self, callback: impl FnOnce() -> R + Send + 'static) {
        let callback = Box::new(|| callback().into_outcome());
        self.surround(|parts| parts.first_wait.push(callback));
    }

    /// Binds `binding` to `value` for the rest of this execution: every later stage sees it, on the way in and back, and
    /// every function that they call, without being given it.
    ///
    /// What a stage binds is unbound when its run ends; what is bound before a run stays bound in each run of this context.
    /// Tasks that a stage spawns do not see it; [`blocking`](crate::blocking) does.
    pub fn bind<V: Send + Sync + 'static>(&mut self, binding: &'static Binding<V>, value: V) {
        self.bindings.bind(binding.key(), Arc::new(value));
        self.show_bindings();
    }

    /// Ends what [`bind`](Self::bind) began.
    pub fn unbind<V: Send + Sync + 'static>(&mut self, binding: &'static Binding<V>) {
        self.bindings.unbind(binding.key());
        self.show_bindings();
    }

    /// The names of the bindings in force.
    pub fn bindings(&self) -> impl Iterator<Item = &'static str> {
        self.bindings.names()
    }

    /// Leaves a value for later stages. Gives back the one of the same type that was there.
    pub fn insert<V: Send + Sync + 'static>(&mut self, value: V) -> Option<V> {
        self.values.insert(value)
    }

    /// The value of this type that was left by an earlier stage.
    pub fn get<V: Send + Sync + 'static>(&self) -> Option<&V> {
        self.values.get()
    }

    /// The value of this type that was left by an earlier stage, to be changed.
    pub fn get_mut<V: Send + Sync + 'static>(&mut self) -> Option<&mut V> {
        self.values.get_mut()
    }

    /// Takes the value of this type that was left by an earlier stage.
    pub fn remove<V: Send + Sync + 'static>(&mut self) -> Option<V> {
        self.values.remove()
    }

    /// The value of this type that an earlier stage must have left.
    ///
    /// # Errors
    ///
    /// When none has. The error names the type, and the interceptor that requires it.
    pub fn require<V: Send + Sync + 'static>(&self) -> Result<&V, Missing> {
        let missing = || Missing::new::<V>(self.whereabouts().map(|(_, link)| link.name().clone()));
        self.values.get().ok_or_else(missing)
    }

    /// The paths of the types of the values that were left, in no particular order.
    pub fn value_types(&self) -> impl Iterator<Item = &'static str> {
        self.values.type_names()
    }

    /// Lets what follows run to its end although nobody waits for it any more: the host goes on with it.
    ///
    /// # Errors
    ///
    /// When the host does not run this by [`Chain::run_detachable`].
    pub fn detach(&mut self) -> Result<(), NotDetachable> {
        let detach = self.detach.as_ref().ok_or(NotDetachable(()))?;
        detach.call();
        Ok(())
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

    /// Runs a chain inside a stage, on this context; see [`Chain::run`].
    ///
    /// # Errors
    ///
    /// The error that no error stage of `chain` handled.
    ///
    /// # Cancel safety
    ///
    /// As [`Chain::run`].
    pub async fn run(&mut self, chain: &Chain<T>) -> Result<(), Error>
    where
        T: Send + 'static,
    {
        chain.run(self).await
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

    /// Changes what surrounds the run that is under way, or else the next.
    fn surround<R>(&mut self, change: impl FnOnce(&mut Parts) -> R) -> R {
        if self.walk.is_under_way() {
            surroundings::change_here(change)
        } else {
            self.ahead_mut().change(change)
        }
    }

    fn show_bindings(&self) {
        if self.walk.is_under_way() {
            let bindings = self.bindings.clone();
            let _former =
                surroundings::change_here(|parts| mem::replace(&mut parts.bindings, bindings));
        }
    }

    fn ahead_mut(&mut self) -> &mut Surroundings {
        let ahead = self.ahead.get_mut();
        ahead.unwrap_or_else(PoisonError::into_inner)
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
            bindings: self.bindings.clone(),
            began: self.began.take(),
        }
    }

    /// What surrounds a run that begins.
    pub(crate) fn take_surroundings(&mut self) -> Surroundings {
        let mut surroundings = mem::take(self.ahead_mut());
        if !self.bindings.is_empty() {
            let bindings = self.bindings.clone();
            surroundings.change(|parts| parts.bindings = bindings);
        }
        surroundings
    }

    /// Takes up the walk that was under way. What the stages of the run added ends with it.
    pub(crate) fn resume(&mut self, course: Course<T>) {
        self.walk = course.walk;
        self.pending = course.pending;
        self.recovered = course.recovered;
        self.first_terminator = course.first_terminator;
        self.terminators.truncate(course.terminators);
        self.observers.truncate(course.observers);
        self.bindings = course.bindings;
        self.began = course.began;
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

    pub(crate) fn begin(&mut self, at: Option<Instant>) {
        self.began = at;
    }

    pub(crate) fn began(&self) -> Option<Instant> {
        self.began
    }

    pub(crate) fn set_detach(&mut self, detach: Detach) {
        self.detach = Some(detach);
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
    bindings: Bindings,
    began: Option<Instant>,
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
