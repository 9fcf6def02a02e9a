//! Chains: interceptors in order, as data.

use std::{
    fmt,
    future::Future,
    pin::pin,
    slice,
    sync::Arc,
    task::{self, Poll, Waker},
};

use crate::{Context, Detachable, Error, Host, Link, Name, before, execution::Run, walk::Heading};

/// Interceptors in the order in which they are entered.
///
/// A chain is plain data: it can be listed, joined to others, shared between threads and run many times at once. Clones
/// share the interceptors.
///
/// ```
/// use peristyle_core::{Chain, Context, after, before};
///
/// let add = before(|cx: &mut Context<u32>| **cx += 1).named("add");
/// let double = after(|cx: &mut Context<u32>| **cx *= 2).named("double");
/// let chain = Chain::new([double, add]);
///
/// let mut cx = Context::new(20);
/// chain.run_now(&mut cx)?;
/// assert_eq!(cx.into_inner(), 42);
/// # Ok::<(), peristyle_core::Error>(())
/// ```
pub struct Chain<T>(Arc<[Link<T>]>);

impl<T> Chain<T> {
    /// A chain of these interceptors, in this order.
    pub fn new(links: impl IntoIterator<Item = Link<T>>) -> Self {
        Self(links.into_iter().collect())
    }

    /// A chain that has all of this one, then all of `other`.
    ///
    /// ```
    /// use peristyle_core::{Chain, Context, before};
    ///
    /// let add = before(|cx: &mut Context<u32>| **cx += 1).named("add");
    /// let double = before(|cx: &mut Context<u32>| **cx *= 2).named("double");
    /// let chain = Chain::from(add).then(&Chain::from(double));
    ///
    /// let names: Vec<_> = chain.names().map(|name| name.as_str()).collect();
    /// assert_eq!(names, ["add", "double"]);
    /// ```
    #[must_use]
    pub fn then(&self, other: &Self) -> Self {
        self.iter().chain(other.iter()).cloned().collect()
    }

    /// The links, in order.
    ///
    /// ```
    /// use peristyle_core::{Chain, Context, Stages, after, around, before};
    ///
    /// let nothing = |_: &mut Context<()>| ();
    /// let chain = Chain::from([before(nothing), after(nothing), around(nothing, nothing)]);
    /// let stages: Vec<_> = chain.iter().map(|link| link.stages()).collect();
    /// assert_eq!(stages, [Stages::ENTER, Stages::LEAVE, Stages::ENTER | Stages::LEAVE]);
    /// assert_eq!(chain.len(), 3);
    /// ```
    pub fn iter(&self) -> slice::Iter<'_, Link<T>> {
        self.0.iter()
    }

    /// The names of the interceptors, in order.
    pub fn names(&self) -> impl ExactSizeIterator<Item = &Name> {
        self.iter().map(Link::name)
    }

    /// How many interceptors there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn get(&self, at: usize) -> Option<&Link<T>> {
        self.0.get(at)
    }

    pub(crate) fn as_slice(&self) -> &[Link<T>] {
        &self.0
    }
}

impl<T: Send + 'static> Chain<T> {
    /// Runs the chain on a context: enters each interceptor in order, then leaves those entered in reverse.
    ///
    /// Needs no runtime; stages that wait need whatever they wait for. The context keeps what the stages left in it,
    /// whatever the outcome. A stage may run a chain on the context that it was given: that run has a queue, terminators
    /// and a pending error of its own, and the outer walk goes on undisturbed. A chain of any length needs the same stack;
    /// each run inside another, as of an `async fn` inside another, needs some more.
    ///
    /// ```
    /// use peristyle_core::{Chain, Context, Error, before};
    ///
    /// async fn wait(cx: &mut Context<u32>) {
    ///     tokio::task::yield_now().await;
    ///     **cx += 1;
    /// }
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Error> {
    /// let mut cx = Context::new(41);
    /// Chain::from(before(wait)).run(&mut cx).await?;
    /// assert_eq!(*cx, 42);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// The error that no error stage handled, with those suppressed on the way.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future drops the stage where it waits; then each interceptor entered and not yet asked to leave is
    /// cancelled, innermost first ([`Interceptor::cancel`](crate::Interceptor::cancel)). No other stage runs. The context can
    /// be used again.
    pub async fn run(&self, cx: &mut Context<T>) -> Result<(), Error> {
        Run::new(cx, self.clone(), Heading::In, None).whole().await
    }

    /// Runs the chain on a context that the run owns, so that a stage can detach it ([`Context::detach`]) from the one who
    /// waits for it: the host is given the rest of the run if the [`Detachable`] is dropped after that.
    ///
    /// ```
    /// use peristyle_core::{Chain, Context, before};
    ///
    /// async fn charge(cx: &mut Context<u32>) {
    ///     tokio::task::yield_now().await;
    ///     **cx += 1;
    /// }
    ///
    /// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
    /// let chain = Chain::from(before(charge)).detached();
    /// let host = |rest| drop(tokio::spawn(async { drop(rest.await) }));
    /// let (cx, result) = chain.run_detachable(Context::new(41), host).await;
    /// assert!(result.is_ok());
    /// assert_eq!(**cx, 42);
    /// # });
    /// ```
    pub fn run_detachable<H: Host<T>>(
        &self,
        cx: impl Into<Box<Context<T>>>,
        host: H,
    ) -> Detachable<T, H> {
        Detachable::new(self, cx.into(), host)
    }

    /// The same chain behind an interceptor that detaches the execution: what follows runs to its end although the client
    /// has left. Fails where the host cannot run it further.
    #[must_use]
    pub fn detached(&self) -> Self {
        let detach = before(|cx: &mut Context<T>| cx.detach()).named("detach");
        Self::from(detach).then(self)
    }

    /// Runs a chain whose stages all answer at once, without a runtime.
    ///
    /// ```
    /// use peristyle_core::{Chain, Context, before};
    ///
    /// let count = before(|cx: &mut Context<u32>| **cx += 1);
    /// let wait = before(async |_: &mut Context<u32>| std::future::pending::<()>().await).named("wait");
    ///
    /// let mut cx = Context::new(0);
    /// let error = Chain::new([count, wait]).run_now(&mut cx).unwrap_err();
    /// assert!(error.would_wait());
    /// assert_eq!(error.interceptor(), Some("wait"));
    /// assert_eq!(*cx, 1);
    /// ```
    ///
    /// # Errors
    ///
    /// As [`run`](Self::run). When a stage would have to wait it is dropped there and the error names it
    /// ([`Error::would_wait`]); no other stage runs.
    pub fn run_now(&self, cx: &mut Context<T>) -> Result<(), Error> {
        let mut run = Run::new(cx, self.clone(), Heading::In, None);
        let polled = pin!(run.whole()).poll(&mut task::Context::from_waker(Waker::noop()));
        match polled {
            Poll::Ready(result) => result,
            Poll::Pending => Err(run.would_wait()),
        }
    }
}

impl<T> FromIterator<Link<T>> for Chain<T> {
    fn from_iter<I: IntoIterator<Item = Link<T>>>(links: I) -> Self {
        Self::new(links)
    }
}

impl<T> From<Link<T>> for Chain<T> {
    fn from(link: Link<T>) -> Self {
        Self::new([link])
    }
}

impl<T, const N: usize> From<[Link<T>; N]> for Chain<T> {
    fn from(links: [Link<T>; N]) -> Self {
        Self::new(links)
    }
}

impl<T> From<Vec<Link<T>>> for Chain<T> {
    fn from(links: Vec<Link<T>>) -> Self {
        Self(links.into())
    }
}

impl<T> From<&Self> for Chain<T> {
    fn from(chain: &Self) -> Self {
        chain.clone()
    }
}

impl<'a, T> IntoIterator for &'a Chain<T> {
    type Item = &'a Link<T>;
    type IntoIter = slice::Iter<'a, Link<T>>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl<T> Clone for Chain<T> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<T> fmt::Debug for Chain<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self).finish()
    }
}
