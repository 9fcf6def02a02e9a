//! What a stage raises.

use std::{
    any::Any,
    error, fmt, iter,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
};

use crate::{ExecutionId, Name, Stage};

/// The original of an [`Error`]: an error of any library, or a text. An `async fn` that raises errors of several types
/// returns a `Result<(), BoxError>`.
pub type BoxError = Box<dyn error::Error + Send + Sync>;

/// An error that a stage raised: where, by whom, why, and what it displaced.
///
/// `Display` says this level only; the original is the [`source`](error::Error::source). One word wide, cheap to clone.
///
/// ```
/// use peristyle_core::{Chain, Context, before};
///
/// #[derive(Debug, PartialEq)]
/// struct OutOfStock;
/// # impl std::fmt::Display for OutOfStock {
/// #     fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result { f.write_str("out of stock") }
/// # }
/// impl std::error::Error for OutOfStock {}
///
/// let reserve = before(|_: &mut Context<u32>| Err::<(), _>(OutOfStock)).named("reserve");
/// let error = Chain::new([reserve]).run_now(&mut Context::new(7)).unwrap_err();
///
/// assert_eq!(error.to_string(), "enter of `reserve` failed");
/// assert_eq!(error.downcast_ref(), Some(&OutOfStock));
/// ```
#[derive(Clone)]
pub struct Error(Arc<Repr>);

struct Repr {
    origin: Option<Origin>,
    source: Arc<dyn error::Error + Send + Sync>,
    /// Dropped after `source`, which may hold some of the same errors.
    displaced: Displaced,
}

#[derive(Debug)]
struct Origin {
    stage: Stage,
    interceptor: Name,
    execution: ExecutionId,
}

impl Error {
    /// An error that no stage has raised yet. The stage that returns it becomes its origin.
    ///
    /// ```
    /// use peristyle_core::Error;
    ///
    /// let error = Error::new("out of stock");
    /// assert_eq!((error.stage(), error.interceptor()), (None, None));
    /// ```
    pub fn new(source: impl Into<BoxError>) -> Self {
        Self(Arc::new(Repr {
            origin: None,
            source: Arc::from(source.into()),
            displaced: Displaced(None),
        }))
    }

    /// `source` as raised by a stage while `displaced` was pending.
    pub(crate) fn raised(
        stage: Stage,
        interceptor: &Name,
        execution: &ExecutionId,
        source: BoxError,
        displaced: Option<Self>,
    ) -> Self {
        Self(Arc::new(Repr {
            origin: Some(Origin {
                stage,
                interceptor: interceptor.clone(),
                execution: execution.clone(),
            }),
            source: original(source),
            displaced: Displaced(displaced),
        }))
    }

    /// The stage that raised it; `None` before it was raised.
    pub fn stage(&self) -> Option<Stage> {
        self.0.origin.as_ref().map(|origin| origin.stage)
    }

    /// The interceptor whose stage raised it; `None` before it was raised.
    pub fn interceptor(&self) -> Option<&str> {
        let origin = self.0.origin.as_ref()?;
        Some(origin.interceptor.as_str())
    }

    /// The execution in which it was raised; `None` before it was raised.
    pub fn execution(&self) -> Option<&ExecutionId> {
        self.0.origin.as_ref().map(|origin| &origin.execution)
    }

    /// The errors that were pending when an error stage failed, newest first.
    ///
    /// ```
    /// use peristyle_core::{Chain, Context, Error, before, on_error};
    ///
    /// let charge = before(|_: &mut Context<u32>| Err::<(), _>("card refused")).named("charge");
    /// let refund = on_error(|_: &mut Context<u32>, _: Error| Err::<(), _>("the bank is closed")).named("refund");
    /// let error = Chain::new([refund, charge]).run_now(&mut Context::new(7)).unwrap_err();
    ///
    /// assert_eq!(error.to_string(), "error of `refund` failed");
    /// let suppressed: Vec<_> = error.suppressed().map(Error::to_string).collect();
    /// assert_eq!(suppressed, ["enter of `charge` failed"]);
    /// ```
    pub fn suppressed(&self) -> impl Iterator<Item = &Self> {
        iter::successors(self.0.displaced.0.as_ref(), |error| {
            error.0.displaced.0.as_ref()
        })
    }

    /// The original, when it is an `E`. Errors of inner chains are looked through.
    pub fn downcast_ref<E: error::Error + 'static>(&self) -> Option<&E> {
        let mut error = self;
        while let Some(inner) = error.0.source.downcast_ref::<Self>() {
            error = inner;
        }
        error.0.source.downcast_ref()
    }

    /// Whether the original is an `E`.
    pub fn is<E: error::Error + 'static>(&self) -> bool {
        self.downcast_ref::<E>().is_some()
    }

    /// Whether a stage or a callback of it panicked.
    ///
    /// ```
    /// use peristyle_core::{Chain, Context, Panicked, before};
    ///
    /// fn print(_: &mut Context<u32>) {
    ///     panic!("no more paper")
    /// }
    ///
    /// let error = Chain::from(before(print)).run_now(&mut Context::new(7)).unwrap_err();
    /// assert!(error.is_panic());
    /// assert_eq!(error.downcast_ref::<Panicked>().map(Panicked::message), Some("no more paper"));
    /// ```
    pub fn is_panic(&self) -> bool {
        self.is::<Panicked>()
    }

    /// Whether a single-value channel closed before conveying a value.
    ///
    /// ```
    /// use peristyle_core::{Chain, Context, before};
    /// use tokio::sync::oneshot;
    ///
    /// fn forget(_: &mut Context<u32>) -> oneshot::Receiver<u32> {
    ///     oneshot::channel().1
    /// }
    ///
    /// let error = Chain::from(before(forget)).run_now(&mut Context::new(7)).unwrap_err();
    /// assert!(error.is_closed());
    /// ```
    pub fn is_closed(&self) -> bool {
        self.is::<Closed>()
    }

    /// Whether [`run_now`](crate::Chain::run_now) met a stage that waits.
    pub fn would_wait(&self) -> bool {
        self.is::<WouldWait>()
    }

    /// Whether both are the very same error, not merely equal ones.
    pub(crate) fn same(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

/// An [`Error::new`] that a stage returns stands for its source: wrapping it would add a level that says nothing.
fn original(source: BoxError) -> Arc<dyn error::Error + Send + Sync> {
    match source.downcast::<Error>() {
        Ok(error) if error.0.origin.is_none() => Arc::clone(&error.0.source),
        Ok(error) => Arc::new(*error),
        Err(source) => Arc::from(source),
    }
}

/// The error that was pending before.
struct Displaced(Option<Error>);

impl Drop for Displaced {
    /// Unlinks the displaced errors one by one: thousands of failing handlers must not deepen the stack, nor when each has
    /// wrapped the error that it was given.
    fn drop(&mut self) {
        let mut next = self.0.take();
        while let Some(error) = next {
            next = Arc::into_inner(error.0).and_then(|mut repr| repr.displaced.0.take());
        }
    }
}

impl error::Error for Error {
    fn source(&self) -> Option<&(dyn error::Error + 'static)> {
        Some(&*self.0.source)
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0.origin {
            Some(Origin {
                stage, interceptor, ..
            }) => write!(f, "{stage} of `{interceptor}` failed"),
            None => f.write_str("not yet raised by a stage"),
        }
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // By `Display`, because a source may hold a suppressed error, which would be written out again with all of its own.
        let line = |error: &Self| format!("{error}: {}", error.0.source);
        let suppressed: Vec<_> = self.suppressed().map(line).collect();
        f.debug_struct("Error")
            .field("origin", &self.0.origin)
            .field("source", &self.0.source)
            .field("suppressed", &suppressed)
            .finish()
    }
}

/// A panic that was caught, with its text: the source of the error of a stage that panicked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Panicked {
    message: String,
}

impl Panicked {
    /// Runs `f`, which calls code of somebody else.
    ///
    /// ```
    /// use peristyle_core::Panicked;
    ///
    /// assert_eq!(Panicked::catch(|| 7), Ok(7));
    /// let panicked = Panicked::catch(|| panic!("no more paper")).unwrap_err();
    /// assert_eq!(panicked.message(), "no more paper");
    /// ```
    ///
    /// # Errors
    ///
    /// When `f` panics. What it borrowed may be half-done; whoever catches drops it or can tell its state otherwise.
    pub fn catch<R>(f: impl FnOnce() -> R) -> Result<R, Self> {
        catch_unwind(AssertUnwindSafe(f)).map_err(Self::new)
    }

    /// The panic that a thread or a task ended with.
    pub fn new(payload: Box<dyn Any + Send>) -> Self {
        let text = payload.downcast_ref::<&'static str>().copied();
        let text = text.or_else(|| payload.downcast_ref::<String>().map(String::as_str));
        let message = text.unwrap_or("a value that is not text").to_owned();
        // A payload is foreign code too: its drop may panic in turn, and there is nobody left to tell.
        let _ = catch_unwind(AssertUnwindSafe(|| drop(payload)));
        Self { message }
    }

    /// What the panic said.
    pub fn message(&self) -> &str {
        &self.message
    }
}

impl fmt::Display for Panicked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "panicked: {}", self.message)
    }
}

impl error::Error for Panicked {}

/// The source of an error whose stage handed out a single-value channel that was dropped without a value; see
/// [`Error::is_closed`].
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Closed;

impl fmt::Display for Closed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("closed before conveying a value")
    }
}

impl error::Error for Closed {}

/// The source of an error of [`run_now`](crate::Chain::run_now): the stage would have to wait.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct WouldWait;

impl fmt::Display for WouldWait {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("would wait")
    }
}

impl error::Error for WouldWait {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_is_one_word_wide() {
        assert_eq!(size_of::<Error>(), size_of::<usize>());
        assert_eq!(size_of::<Result<(), Error>>(), size_of::<usize>());
    }

    #[test]
    fn dropping_a_hundred_thousand_suppressed_errors_needs_no_stack() {
        let (name, id) = (Name::of::<Error>(), ExecutionId::next());
        let error = (0..100_000).fold(Error::new("first"), |displaced, _| {
            Error::raised(Stage::Error, &name, &id, "next".into(), Some(displaced))
        });
        assert_eq!(error.suppressed().count(), 100_000);
        drop(error);
    }
}
