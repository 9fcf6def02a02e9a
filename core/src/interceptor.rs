//! Interceptors: the columns that an execution walks past.

use std::{fmt, ops::BitOr, sync::Arc};

use crate::{Context, Error, InvalidName, Name, Step, execution::Run, walk::Heading};

/// A stage of an interceptor; see [`Stages`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[expect(clippy::exhaustive_enums, reason = "the idea has these three")]
pub enum Stage {
    /// On the way in.
    Enter,
    /// On the way back, when nothing has failed.
    Leave,
    /// On the way back, while an error is pending.
    Error,
}

impl Stage {
    /// The stage in lower case.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Enter => "enter",
            Self::Leave => "leave",
            Self::Error => "error",
        }
    }
}

impl fmt::Display for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Which stages an interceptor has.
///
/// ```
/// use peristyle_core::{Stage, Stages};
///
/// let stages = Stages::ENTER | Stages::LEAVE;
/// assert!(stages.contains(Stage::Leave));
/// assert!(!stages.contains(Stage::Error));
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Stages(u8);

impl Stages {
    /// `enter` alone.
    pub const ENTER: Self = Self(1 << Stage::Enter as u8);
    /// `leave` alone.
    pub const LEAVE: Self = Self(1 << Stage::Leave as u8);
    /// `error` alone.
    pub const ERROR: Self = Self(1 << Stage::Error as u8);

    /// Whether `stage` is among them.
    pub const fn contains(self, stage: Stage) -> bool {
        self.0 & (1 << stage as u8) != 0
    }

    /// Those there are, in the order enter, leave, error.
    pub fn iter(self) -> impl Iterator<Item = Stage> {
        let all = [Stage::Enter, Stage::Leave, Stage::Error];
        all.into_iter().filter(move |stage| self.contains(*stage))
    }
}

impl BitOr for Stages {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

impl fmt::Debug for Stages {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.iter()).finish()
    }
}

/// A stop on the walk: what to do on the way in, on the way back, and when something has failed.
///
/// Write the stages that the interceptor has and name them in [`stages`](Self::stages); one that is not named there is
/// never called. A function becomes an interceptor through [`before`](crate::before) and its siblings with less writing.
///
/// ```
/// use peristyle_core::{Chain, Context, Interceptor, Link, Stages, Step};
///
/// struct Indent;
///
/// impl Interceptor<String> for Indent {
///     fn stages(&self) -> Stages {
///         Stages::ENTER | Stages::LEAVE
///     }
///
///     fn enter<'a>(&'a self, cx: &'a mut Context<String>) -> Step<'a, String> {
///         cx.push_str("> ");
///         Step::next()
///     }
///
///     fn leave<'a>(&'a self, cx: &'a mut Context<String>) -> Step<'a, String> {
///         Step::later(async move {
///             cx.push_str(" <");
///             Ok(())
///         })
///     }
/// }
///
/// let chain = Chain::new([Link::new(Indent)]);
/// let mut cx = Context::new(String::new());
/// chain.run_now(&mut cx)?;
/// assert_eq!(*cx, ">  <");
/// # Ok::<(), peristyle_core::Error>(())
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not an interceptor",
    label = "not an interceptor",
    note = "a function is made one by `before`, `after`, `around`, `on_error`, `catch`, `always` or `handler`; what these return goes into a chain as it is",
    note = "a type is one when it implements `Interceptor<T>`, where `T` is what the context carries, and names its stages"
)]
pub trait Interceptor<T>: Send + Sync + 'static {
    /// The stages that this interceptor has. Asked once, when it is put into a chain.
    fn stages(&self) -> Stages;

    /// The execution was dropped after this interceptor was entered and before it was asked to leave: to give back what
    /// `enter` took. Default is nothing.
    ///
    /// It stands in the place of leave and error, of which none will run. It cannot wait, and a panic of it is reported
    /// through `tracing`.
    ///
    /// ```
    /// use std::{sync::atomic::{AtomicUsize, Ordering}, time::Duration};
    ///
    /// use peristyle_core::{Chain, Context, Error, Interceptor, Link, Stages, Step, before};
    /// use tokio::time::{sleep, timeout};
    ///
    /// /// How many are inside.
    /// static INSIDE: AtomicUsize = AtomicUsize::new(0);
    ///
    /// struct Count;
    ///
    /// impl Count {
    ///     fn goes(&self) {
    ///         INSIDE.fetch_sub(1, Ordering::Relaxed);
    ///     }
    /// }
    ///
    /// impl Interceptor<()> for Count {
    ///     fn stages(&self) -> Stages {
    ///         Stages::ENTER | Stages::LEAVE | Stages::ERROR
    ///     }
    ///
    ///     fn enter<'a>(&'a self, _: &'a mut Context<()>) -> Step<'a, ()> {
    ///         INSIDE.fetch_add(1, Ordering::Relaxed);
    ///         Step::next()
    ///     }
    ///
    ///     fn leave<'a>(&'a self, _: &'a mut Context<()>) -> Step<'a, ()> {
    ///         self.goes();
    ///         Step::next()
    ///     }
    ///
    ///     fn error<'a>(&'a self, _: &'a mut Context<()>, error: Error) -> Step<'a, ()> {
    ///         self.goes();
    ///         Step::raise(error)
    ///     }
    ///
    ///     fn cancel(&self, _: &mut Context<()>) {
    ///         self.goes();
    ///     }
    /// }
    ///
    /// async fn wait(_: &mut Context<()>) {
    ///     sleep(Duration::from_secs(3600)).await;
    /// }
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// let mut cx = Context::new(());
    /// let chain = Chain::new([Link::new(Count), before(wait)]);
    /// assert!(timeout(Duration::from_millis(1), chain.run(&mut cx)).await.is_err());
    /// assert_eq!(INSIDE.load(Ordering::Relaxed), 0);
    /// # }
    /// ```
    fn cancel(&self, _cx: &mut Context<T>) {}

    /// Its name. Asked once, when it is put into a chain. Default is the path of the type.
    fn name(&self) -> Name {
        Name::of::<Self>()
    }

    /// Called on the way in.
    fn enter<'a>(&'a self, _cx: &'a mut Context<T>) -> Step<'a, T> {
        Step::Absent
    }

    /// Called on the way back when no error is pending.
    fn leave<'a>(&'a self, _cx: &'a mut Context<T>) -> Step<'a, T> {
        Step::Absent
    }

    /// Called on the way back while `error` is pending: handled when it ends with `Ok`, declined when it raises `error`
    /// itself, failed when it raises another (then `error` is kept as suppressed).
    fn error<'a>(&'a self, _cx: &'a mut Context<T>, error: Error) -> Step<'a, T> {
        Step::Now(Err(error.into()))
    }
}

/// An interceptor in its place in a chain, with its name. Clones share the interceptor.
///
/// Its stages can be called one at a time, without a chain:
///
/// ```
/// use peristyle_core::{Caught, Context, Error, Link, Stages, around, catch};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Error> {
/// let brackets: Link<String> = around(
///     |cx: &mut Context<String>| cx.push('['),
///     |cx: &mut Context<String>| cx.push(']'),
/// ).named("brackets");
/// assert_eq!(brackets.name().as_str(), "brackets");
/// assert_eq!(brackets.stages(), Stages::ENTER | Stages::LEAVE);
///
/// let mut cx = Context::new(String::new());
/// brackets.enter(&mut cx).await?;
/// assert_eq!(*cx, "[");
/// brackets.leave(&mut cx).await?;
/// assert_eq!(*cx, "[]");
///
/// let quiet = catch(|_: &mut Context<String>, _: Caught<std::fmt::Error>| ());
/// assert!(quiet.error(&mut cx, Error::new(std::fmt::Error)).await.is_ok());
/// assert!(quiet.error(&mut cx, Error::new("another")).await.is_err());
/// # Ok(())
/// # }
/// ```
pub struct Link<T> {
    pub(crate) interceptor: Arc<dyn Interceptor<T>>,
    name: Name,
    stages: Stages,
}

impl<T> Link<T> {
    /// Puts an interceptor into a link, under its own name.
    pub fn new(interceptor: impl Interceptor<T>) -> Self {
        Self {
            name: interceptor.name(),
            stages: interceptor.stages(),
            interceptor: Arc::new(interceptor),
        }
    }

    /// The same interceptor under another name.
    ///
    /// # Panics
    ///
    /// When [`Name::new`] refuses the name.
    #[track_caller]
    #[must_use]
    pub fn named(self, name: &'static str) -> Self {
        match self.try_named(name) {
            Ok(link) => link,
            Err(invalid) => panic!("{invalid}: {name:?}"),
        }
    }

    /// The same interceptor under another name, which may come from a configuration.
    ///
    /// # Errors
    ///
    /// When [`Name::new`] refuses the name.
    pub fn try_named(
        self,
        name: impl Into<std::borrow::Cow<'static, str>>,
    ) -> Result<Self, InvalidName> {
        let name = Name::new(name)?;
        Ok(Self { name, ..self })
    }

    /// Its name.
    pub fn name(&self) -> &Name {
        &self.name
    }

    /// The stages that it has.
    pub fn stages(&self) -> Stages {
        self.stages
    }
}

impl<T: Send + 'static> Link<T> {
    /// Runs the enter stage alone, as a unit test would.
    ///
    /// # Errors
    ///
    /// What the stage raised.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future drops the stage where it waits; the context keeps what the stage had left in it. Then the
    /// interceptor is cancelled ([`Interceptor::cancel`]).
    pub async fn enter(&self, cx: &mut Context<T>) -> Result<(), Error> {
        Run::new(cx, self.clone().into(), Heading::In, None)
            .inward()
            .await
    }

    /// Runs the leave stage alone, as a unit test would.
    ///
    /// # Errors
    ///
    /// What the stage raised.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future drops the stage where it waits; the context keeps what the stage had left in it.
    pub async fn leave(&self, cx: &mut Context<T>) -> Result<(), Error> {
        Run::new(cx, self.clone().into(), Heading::Back, None)
            .whole()
            .await
    }

    /// Runs the error stage alone, as a unit test would.
    ///
    /// # Errors
    ///
    /// `error` itself when the stage declined it or does not exist, or what it raised instead.
    ///
    /// # Cancel safety
    ///
    /// As [`leave`](Self::leave).
    pub async fn error(&self, cx: &mut Context<T>, error: Error) -> Result<(), Error> {
        Run::new(cx, self.clone().into(), Heading::Back, Some(error))
            .whole()
            .await
    }
}

impl<T> Clone for Link<T> {
    fn clone(&self) -> Self {
        Self {
            interceptor: Arc::clone(&self.interceptor),
            name: self.name.clone(),
            stages: self.stages,
        }
    }
}

impl<T> fmt::Debug for Link<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {:?}", self.name, self.stages)
    }
}
