//! What an execution carries from stage to stage.

use std::{
    error, fmt,
    future::Future,
    mem,
    ops::{Deref, DerefMut},
    ptr,
    sync::{Arc, Mutex, PoisonError},
};

use tokio::time::Instant;

use crate::{
    Binding, BoxError, Chain, Error, ExecutionId, IntoOutcome, Link, Missing, Name, NotDetachable,
    Observer, OnDetach, Stage,
    binding::Bindings,
    surroundings::{self, Parts, Surroundings},
    terminator::Terminators,
    values::Values,
    walk::{Heading, Walk},
};

/// A value on its walk through a chain, and the walk itself.
///
/// It derefs to the value. The walk (what is queued, what was entered, the pending error) can be read, and steered on the
/// way in; no stage can forge or lose it.
///
/// ```
/// use peristyle_core::{Chain, Context, ExecutionId, before};
///
/// let add = before(|cx: &mut Context<u32>| **cx += 1).named("add");
/// let list = before(|cx: &mut Context<u32>| {
///     let entered: Vec<_> = cx.entered().map(ToString::to_string).collect();
///     let queue: Vec<_> = cx.queue().map(ToString::to_string).collect();
///     assert_eq!((entered, queue), (vec!["list".to_owned()], vec!["add".to_owned()]));
/// });
///
/// let mut cx = Context::with_id(41, ExecutionId::given("req-7"));
/// Chain::new([list.named("list"), add]).run_now(&mut cx)?;
/// assert_eq!(*cx, 42);
/// assert_eq!(cx.id().to_string(), "req-7");
/// assert_eq!(cx.into_inner(), 42);
/// # Ok::<(), peristyle_core::Error>(())
/// ```
pub struct Context<T> {
    value: T,
    id: ExecutionId,
    walk: Walk<T>,
    terminators: Terminators<T>,
    observers: Vec<Arc<dyn Observer<T>>>,
    pending: Option<Error>,
    recovered: Option<Error>,
    values: Values,
    bindings: Bindings,
    /// What was set before the run for the run.
    ahead: Mutex<Surroundings>,
    detach: Option<Arc<dyn OnDetach>>,
    /// How many runs are under way, each in a stage of the one before.
    depth: usize,
    /// When the stage that is running began, if it is observed.
    began: Option<Instant>,
}

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
            terminators: Terminators::new(),
            observers: Vec::new(),
            pending: None,
            recovered: None,
            values: Values::default(),
            bindings: Bindings::default(),
            ahead: Mutex::default(),
            detach: None,
            depth: 0,
            began: None,
        }
    }

    /// Ends the way in as soon as `condition` holds after an enter stage, as if that stage had called
    /// [`terminate`](Self::terminate).
    ///
    /// Conditions are asked after each enter stage that ran, the newest first, until one says yes. Those added before the
    /// run hold for each run of this context; those that a stage adds, until its run ends. A function that captures
    /// nothing costs no allocation.
    ///
    /// ```
    /// use peristyle_core::{Chain, Context, before};
    ///
    /// let add = before(|cx: &mut Context<u32>| **cx += 1);
    /// let mut cx = Context::new(0);
    /// cx.terminate_when(|cx| **cx == 2);
    /// Chain::new([add.clone(), add.clone(), add]).run_now(&mut cx)?;
    /// assert_eq!(*cx, 2);
    /// # Ok::<(), peristyle_core::Error>(())
    /// ```
    pub fn terminate_when(&mut self, condition: impl Fn(&Self) -> bool + Send + Sync + 'static) {
        self.terminators.push(Box::new(condition));
    }

    /// Tells `observer` of each stage from here on. Observers are told in the order in which they were added.
    pub fn observe(&mut self, observer: Arc<dyn Observer<T>>) {
        self.observers.push(observer);
    }

    /// Queues `chain` after all that is queued already.
    ///
    /// ```
    /// use peristyle_core::{Chain, Context, NotEntering, before};
    ///
    /// fn say(word: &'static str) -> peristyle_core::Link<String> {
    ///     before(move |cx: &mut Context<String>| cx.push_str(word)).named(word)
    /// }
    ///
    /// fn plan(cx: &mut Context<String>) -> Result<(), NotEntering> {
    ///     cx.enqueue([say("c"), say("d")])?;
    ///     cx.enqueue_next(say("a"))
    /// }
    ///
    /// let mut cx = Context::new(String::new());
    /// Chain::new([before(plan), say("b")]).run_now(&mut cx)?;
    /// assert_eq!(*cx, "abcd");
    /// # Ok::<(), peristyle_core::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// On the way back, and outside a run: the queue can be changed only on the way in. The walk goes on undisturbed.
    pub fn enqueue(&mut self, chain: impl Into<Chain<T>>) -> Result<(), NotEntering> {
        self.on_the_way_in()?.append(chain.into());
        Ok(())
    }

    /// Queues `chain` right after the interceptor that calls this, in front of what that has queued there before.
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
    ///
    /// ```
    /// use peristyle_core::{Chain, Context, around, before};
    ///
    /// let outer = around(|_: &mut Context<String>| (), |cx: &mut Context<String>| cx.push('!'));
    /// let cached = before(|cx: &mut Context<String>| {
    ///     cx.push_str("cached");
    ///     cx.terminate();
    /// });
    /// let compute = before(|cx: &mut Context<String>| cx.push_str("computed"));
    /// let mut cx = Context::new(String::new());
    /// Chain::new([outer, cached, compute]).run_now(&mut cx)?;
    /// assert_eq!(*cx, "cached!");
    /// # Ok::<(), peristyle_core::Error>(())
    /// ```
    pub fn terminate(&mut self) {
        if self.walk.is_going_in() {
            self.walk.drop_queue();
        }
    }

    /// Ends a stage that waits as soon as `interrupt` yields an error: the stage's future is dropped and the error is raised in
    /// its place.
    ///
    /// Holds from here on, for the stage that calls this too, until the run ends, `interrupt` has yielded, another takes its
    /// place, or [`clear_interrupt`](Self::clear_interrupt) removes it. A stage that answers at once is never interrupted, nor is an
    /// error stage: it may have the interruption to tell of. Called before a run, or on another thread than the one that polls it, it holds for the next
    /// run. Without the feature `rt` a tokio timer does not fire for a stage that uses up its task's budget at every poll.
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// use peristyle_core::{Chain, Context, before};
    /// use tokio::time::sleep;
    ///
    /// async fn wait_for_ever(_: &mut Context<u32>) {
    ///     std::future::pending().await
    /// }
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// let mut cx = Context::new(7);
    /// cx.interrupt_with(async {
    ///     sleep(Duration::from_millis(5)).await;
    ///     "took too long"
    /// });
    /// let chain = Chain::from(before(wait_for_ever).named("wait"));
    /// let error = chain.run(&mut cx).await.unwrap_err();
    /// assert_eq!(error.interceptor(), Some("wait"));
    /// # }
    /// ```
    pub fn interrupt_with<E: Into<BoxError>>(
        &mut self,
        interrupt: impl Future<Output = E> + Send + 'static,
    ) {
        let interrupt = async move { interrupt.await.into() };
        // A busy stage uses up what tokio lets a task do in one poll; a deadline that depended on the rest would never end it.
        #[cfg(feature = "rt")]
        let interrupt = tokio::task::unconstrained(interrupt);
        let interrupt = Box::pin(interrupt);
        let handling = self.pending.is_some();
        let _former = self.surround(|parts| {
            parts.handling = handling;
            parts.interrupt.replace(interrupt)
        });
    }

    /// Removes what [`interrupt_with`](Self::interrupt_with) set.
    ///
    /// ```
    /// use peristyle_core::{Chain, Context, before};
    /// use tokio::task::yield_now;
    ///
    /// async fn pay(cx: &mut Context<u32>) {
    ///     cx.clear_interrupt();
    ///     yield_now().await;
    ///     **cx -= 1;
    /// }
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), peristyle_core::Error> {
    /// let mut cx = Context::new(8);
    /// cx.interrupt_with(async { "late" });
    /// Chain::from(before(pay)).run(&mut cx).await?;
    /// assert_eq!(*cx, 7);
    /// # Ok(())
    /// # }
    /// ```
    pub fn clear_interrupt(&mut self) {
        let _former = self.surround(|parts| parts.interrupt.take());
    }

    /// Calls `callback` at the next stage that returns something to wait for, before it is waited for. Once at most.
    ///
    /// Several are called in the order in which they were given. The stage fails when one does, without having waited, and those
    /// after it are not called. Called before a run it holds for the next run.
    ///
    /// ```
    /// use std::sync::{Arc, atomic::{AtomicU32, Ordering}};
    ///
    /// use peristyle_core::{Chain, Context, before};
    ///
    /// async fn wait(_: &mut Context<()>) {
    ///     tokio::task::yield_now().await;
    /// }
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), peristyle_core::Error> {
    /// let waited = Arc::new(AtomicU32::new(0));
    /// let mut cx = Context::new(());
    /// let count = waited.clone();
    /// cx.on_first_wait(move || {
    ///     count.fetch_add(1, Ordering::Relaxed);
    /// });
    /// Chain::new([before(wait), before(wait)]).run(&mut cx).await?;
    /// assert_eq!(waited.load(Ordering::Relaxed), 1);
    /// # Ok(())
    /// # }
    /// ```
    pub fn on_first_wait<R: IntoOutcome>(&mut self, callback: impl FnOnce() -> R + Send + 'static) {
        let callback = Box::new(|| callback().into_outcome());
        self.surround(|parts| parts.first_wait.push(callback));
    }

    /// Binds `binding` to `value` for the rest of this execution: every later stage sees it, on the way in and back, and
    /// every function that they call, without being given it.
    ///
    /// What a stage binds is unbound when its run ends; what is bound before a run stays bound in each run of this context.
    /// Tasks that a stage spawns do not see it; [`blocking`](crate::blocking) does. Nobody sees what is bound on another thread than
    /// the one that polls the run, where a stage has handed its context to it for a moment.
    pub fn bind<V: Send + Sync + 'static>(&mut self, binding: &'static Binding<V>, value: V) {
        self.bindings.bind(binding.key(), Arc::new(value));
        self.show_bindings();
    }

    /// Ends what [`bind`](Self::bind) began.
    ///
    /// ```
    /// use peristyle_core::{Chain, Context, before, binding};
    ///
    /// binding!(static TENANT: u32);
    ///
    /// let unbind = before(|cx: &mut Context<()>| {
    ///     assert_eq!(cx.bindings().collect::<Vec<_>>(), ["TENANT"]);
    ///     cx.unbind(&TENANT);
    ///     assert_eq!(TENANT.get(), None);
    /// });
    /// let mut cx = Context::new(());
    /// cx.bind(&TENANT, 7);
    /// Chain::from(unbind).run_now(&mut cx)?;
    /// # Ok::<(), peristyle_core::Error>(())
    /// ```
    pub fn unbind<V: Send + Sync + 'static>(&mut self, binding: &'static Binding<V>) {
        self.bindings.unbind(binding.key());
        self.show_bindings();
    }

    /// The names of the bindings in force.
    pub fn bindings(&self) -> impl Iterator<Item = &'static str> {
        self.bindings.names()
    }

    /// Leaves a value for later stages. Gives back the one of the same type that was there.
    ///
    /// ```
    /// use peristyle_core::Context;
    ///
    /// #[derive(Debug, PartialEq)]
    /// struct User(String);
    ///
    /// let mut cx = Context::new("a request");
    /// assert_eq!(cx.insert(User("Ada".to_owned())), None);
    /// assert_eq!(cx.get(), Some(&User("Ada".to_owned())));
    /// if let Some(User(name)) = cx.get_mut() {
    ///     name.push_str(" L");
    /// }
    /// assert_eq!(cx.remove(), Some(User("Ada L".to_owned())));
    /// assert_eq!(cx.get::<User>(), None);
    /// ```
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
    /// ```
    /// use peristyle_core::{Chain, Context, Missing, before};
    ///
    /// struct User(String);
    ///
    /// let greet = before(|cx: &mut Context<String>| {
    ///     let hello = format!("hello, {}", cx.require::<User>()?.0);
    ///     **cx = hello;
    ///     Ok::<(), Missing>(())
    /// });
    /// let error = Chain::from(greet.named("greet")).run_now(&mut Context::new(String::new()));
    /// let error = error.unwrap_err();
    /// let missing = error.downcast_ref::<Missing>().expect("no stage has left a user");
    /// assert_eq!(missing.interceptor().map(|name| name.as_str()), Some("greet"));
    /// assert!(missing.type_name().ends_with("User"));
    /// ```
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
    /// ```
    /// use std::time::Duration;
    ///
    /// use peristyle_core::{Chain, Context, NotDetachable, before};
    /// use tokio::time::{sleep, timeout};
    ///
    /// /// From here on the money moves, whether or not the client waits for it.
    /// fn commit(cx: &mut Context<u32>) -> Result<(), NotDetachable> {
    ///     cx.detach()
    /// }
    ///
    /// async fn transfer(cx: &mut Context<u32>) {
    ///     sleep(Duration::from_millis(20)).await;
    ///     **cx += 1;
    /// }
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), peristyle_core::Error> {
    /// let mut rest = None;
    /// let chain = Chain::new([before(commit), before(transfer)]);
    /// let run = chain.run_detachable(Context::new(41), |left| rest = Some(left));
    /// assert!(timeout(Duration::from_millis(1), run).await.is_err());
    ///
    /// let (cx, result) = rest.expect("it was detached").await;
    /// assert_eq!(**cx, 42);
    /// # result
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// When the host does not run this by [`Chain::run_detachable`], nor has said that it [can be detached](Self::on_detach).
    pub fn detach(&mut self) -> Result<(), NotDetachable> {
        let detach = self.detach.as_ref().ok_or(NotDetachable(()))?;
        detach.detached();
        Ok(())
    }

    /// Lets stages [detach](Self::detach) this execution, of which `host` is told. For hosts that go on with a future of their own
    /// in which they run a chain; [`Chain::run_detachable`] does this for all others. Within a run this does nothing: no stage can
    /// take an execution away from its host.
    ///
    /// ```
    /// use std::sync::{Arc, atomic::{AtomicBool, Ordering}};
    ///
    /// use peristyle_core::{Chain, Context, before};
    ///
    /// let detached = Arc::new(AtomicBool::new(false));
    /// let mut cx = Context::new(0);
    /// cx.on_detach(detached.clone());
    /// Chain::from(before(|cx: &mut Context<u32>| cx.detach())).run_now(&mut cx)?;
    /// assert!(detached.load(Ordering::Relaxed));
    /// # Ok::<(), peristyle_core::Error>(())
    /// ```
    pub fn on_detach(&mut self, host: Arc<dyn OnDetach>) {
        if !self.walk.is_under_way() {
            self.detach = Some(host);
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

    /// Runs a chain inside a stage, on this context; see [`Chain::run`].
    ///
    /// ```
    /// use peristyle_core::{BoxError, Chain, Context, before};
    ///
    /// async fn try_both(cx: &mut Context<u32>) -> Result<(), BoxError> {
    ///     let refuse = before(|_: &mut Context<u32>| Err::<(), _>("no"));
    ///     let accept = before(|cx: &mut Context<u32>| **cx += 1);
    ///     if cx.run(&refuse.into()).await.is_err() {
    ///         cx.run(&accept.into()).await?;
    ///     }
    ///     Ok(())
    /// }
    ///
    /// let mut cx = Context::new(41);
    /// Chain::from(before(try_both)).run_now(&mut cx)?;
    /// assert_eq!(*cx, 42);
    /// # Ok::<(), peristyle_core::Error>(())
    /// ```
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
    ///
    /// ```
    /// use peristyle_core::{Chain, Context, Error, after, before, on_error};
    ///
    /// let log = after(|cx: &mut Context<String>| {
    ///     let text = cx.recovered().map_or("all is well".to_owned(), Error::to_string);
    ///     **cx = text;
    /// });
    /// let excuse = on_error(|_: &mut Context<String>, _: Error| ());
    /// let fail = before(|_: &mut Context<String>| Err::<(), _>("boom")).named("fail");
    /// let mut cx = Context::new(String::new());
    /// Chain::new([log, excuse, fail]).run_now(&mut cx)?;
    /// assert_eq!(*cx, "enter of `fail` failed");
    /// # Ok::<(), Error>(())
    /// ```
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

    /// Changes what surrounds the run that is under way, or else the next. A stage may have handed its context to another thread,
    /// which then is not the one that polls the run.
    fn surround<R>(&mut self, change: impl FnOnce(&mut Parts) -> R) -> R {
        if self.is_polled_here() {
            surroundings::change_here(change)
        } else {
            self.ahead_mut().change(change)
        }
    }

    fn show_bindings(&self) {
        if self.is_polled_here() {
            let bindings = self.bindings.clone();
            let _former =
                surroundings::change_here(|parts| mem::replace(&mut parts.bindings, bindings));
        }
    }

    fn is_polled_here(&self) -> bool {
        self.walk.is_under_way() && surroundings::is_held_by(self.address())
    }

    fn address(&self) -> usize {
        ptr::from_ref(self).addr()
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
    pub(crate) fn set_out(
        &mut self,
        chain: Chain<T>,
        heading: Heading,
        pending: Option<Error>,
    ) -> Course<T> {
        let outer = self.walk.is_under_way().then(|| {
            Box::new(Outer {
                walk: mem::replace(&mut self.walk, Walk::still()),
                terminators: mem::replace(&mut self.terminators, Terminators::new()),
                pending: self.pending.take(),
                recovered: self.recovered.take(),
                began: self.began.take(),
            })
        });
        self.walk.set_out(chain, heading);
        self.pending = pending;
        self.depth += 1;
        Course {
            depth: self.depth,
            terminators: self.terminators.len(),
            observers: self.observers.len(),
            bindings: self.bindings.clone(),
            outer,
        }
    }

    /// What surrounds a run that begins.
    pub(crate) fn take_surroundings(&mut self) -> Surroundings {
        let mut surroundings = mem::take(self.ahead_mut());
        surroundings.belong_to(self.address());
        if !self.bindings.is_empty() {
            let bindings = self.bindings.clone();
            surroundings.change(|parts| parts.bindings = bindings);
        }
        surroundings
    }

    /// Drops what belongs to the run that set out on `course`. It is foreign and may panic: each call drops some.
    pub(crate) fn forget_run(&mut self, course: &Course<T>) {
        self.walk.stand_still();
        self.terminators.truncate(course.terminators);
        self.observers.truncate(course.observers);
        self.pending = None;
        self.recovered = None;
        self.bindings.clone_from(&course.bindings);
    }

    /// Takes up the walk that was under way.
    pub(crate) fn resume(&mut self, course: Course<T>) {
        self.depth = course.depth - 1;
        self.began = None;
        if let Some(outer) = course.outer {
            self.walk = outer.walk;
            self.terminators = outer.terminators;
            self.pending = outer.pending;
            self.recovered = outer.recovered;
            self.began = outer.began;
        }
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
        self.terminators.any(self)
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
        if self.pending.is_some() {
            // Its drop is foreign: where it panics the error stage has failed, and the error is still pending.
            drop(self.recovered.take());
            self.recovered = self.pending.take();
        }
    }

    pub(crate) fn begin(&mut self, at: Option<Instant>) {
        self.began = at;
    }

    pub(crate) fn began(&self) -> Option<Instant> {
        self.began
    }

    /// Whether the run that set out on `course` is the innermost that is under way.
    pub(crate) fn is_on(&self, course: &Course<T>) -> bool {
        self.depth == course.depth
    }

    pub(crate) fn forbid_detaching(&mut self) {
        self.detach = None;
    }
}

/// What a context had before a run.
pub(crate) struct Course<T> {
    depth: usize,
    terminators: usize,
    observers: usize,
    bindings: Bindings,
    /// `None` for a run that is in no other.
    outer: Option<Box<Outer<T>>>,
}

/// The run in a stage of which another has begun.
struct Outer<T> {
    walk: Walk<T>,
    /// They are not asked in a nested run.
    terminators: Terminators<T>,
    pending: Option<Error>,
    recovered: Option<Error>,
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

/// The queue was to be changed while no chain was on its way in; see [`Context::enqueue`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NotEntering(());

impl fmt::Display for NotEntering {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the queue can be changed only on the way in")
    }
}

impl error::Error for NotEntering {}
