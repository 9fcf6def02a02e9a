//! An observer for those who debug: it writes what each stage changed.
//!
//! ```
//! use std::sync::Arc;
//!
//! use peristyle_core::{
//!     Chain, Context, Error, ExecutionId, before,
//!     debug::{Changes, Fields, Snapshot, debug_observer},
//! };
//!
//! #[derive(Default)]
//! struct Order { items: u32, price: u32, card: String }
//!
//! impl Snapshot for Order {
//!     fn snapshot(&self, fields: &mut Fields<'_>) {
//!         fields.display("items", &self.items).display("price", &self.price).debug("card", &self.card);
//!     }
//! }
//!
//! let fill = before(|cx: &mut Context<Order>| {
//!     cx.items = 2;
//!     cx.card = "4929 1234".to_owned();
//! });
//! let price = before(|cx: &mut Context<Order>| cx.price = cx.items * 3);
//! let chain = Chain::new([fill.named("fill"), price.named("price")]);
//!
//! let observer = debug_observer(|changes: &Changes<'_>| eprintln!("{changes}"));
//! let mut cx = Context::with_id(Order::default(), ExecutionId::given("req-7"));
//! cx.observe(Arc::new(observer.leaving_out(["card"]).only_changes()));
//! chain.run_now(&mut cx)?;
//! # Ok::<(), Error>(())
//! ```
//!
//! This writes, but for the times:
//!
//! ```text
//! req-7 enter fill done after 1.2µs: items 0 -> 2
//! req-7 enter price done after 417ns: price 0 -> 6
//! ```

mod changes;
mod difference;
mod field_change;
mod running;
mod snapshot;
mod state;

use std::fmt;

use tracing::Level;

pub use self::{
    changes::Changes,
    difference::Difference,
    field_change::FieldChange,
    snapshot::{Fields, Snapshot},
};
use self::{running::Running, state::State};
use crate::{Context, Ending, Invocation, Observer};

/// An observer that gives `sink` what each stage changed, when the stage has ended. [`DebugObserver::tracing`] is one that
/// writes through `tracing`.
///
/// The sink is called by the thread that runs the stage. It may write the line that the changes display as, or read them:
///
/// ```
/// use peristyle_core::debug::{Changes, debug_observer};
///
/// let who_touches_price = debug_observer(|changes: &Changes<'_>| {
///     for change in changes.fields.iter().filter(|change| change.name == "price") {
///         eprintln!("{}: {change}", changes.invocation.interceptor);
///     }
/// });
/// ```
pub fn debug_observer(sink: impl Fn(&Changes<'_>) + Send + Sync + 'static) -> DebugObserver {
    DebugObserver::writing_to(Sink::Given(Box::new(sink)))
}

/// Writes what each stage changed: the queue, the bindings, the types of the values in the context, the pending error, and
/// what the carried value reports as a [`Snapshot`].
///
/// One observer may watch any number of executions at once. It takes a snapshot before and after each stage, so it costs
/// as much as the queue and the fields are long: use it to debug.
///
/// Of the stage that added it, it writes nothing: it has not seen how that began.
///
/// ```
/// use std::sync::Arc;
///
/// use peristyle_core::{Context, debug::DebugObserver};
///
/// let mut cx = Context::new(());
/// cx.observe(Arc::new(DebugObserver::tracing().only_changes()));
/// ```
pub struct DebugObserver {
    sink: Sink,
    left_out: Vec<String>,
    only_changes: bool,
    running: Running,
}

impl DebugObserver {
    /// An observer that writes each stage as a line through `tracing`, as an event of level DEBUG inside the span of the
    /// execution. While that level is disabled it takes no snapshots.
    pub fn tracing() -> Self {
        Self::writing_to(Sink::Tracing)
    }

    /// Leaves out the fields of these names, in whatever case: their values are neither rendered nor kept. For secrets.
    ///
    /// The texts of errors are written whatever the field that they came from.
    #[must_use]
    pub fn leaving_out<N: Into<String>>(mut self, names: impl IntoIterator<Item = N>) -> Self {
        self.left_out.extend(names.into_iter().map(Into::into));
        self
    }

    /// Writes only the stages that changed something; see [`Changes::is_empty`]. Default is to write all.
    #[must_use]
    pub fn only_changes(mut self) -> Self {
        self.only_changes = true;
        self
    }

    fn writing_to(sink: Sink) -> Self {
        Self {
            sink,
            left_out: Vec::new(),
            only_changes: false,
            running: Running::default(),
        }
    }
}

impl<T: Snapshot + 'static> Observer<T> for DebugObserver {
    fn before(&self, cx: &Context<T>, _: &Invocation<'_>) {
        self.running.begin(cx);
        if self.sink.is_enabled() {
            self.running.found(cx, State::of(cx, &self.left_out));
        }
    }

    fn after(&self, cx: &Context<T>, invocation: &Invocation<'_>, ending: &Ending<'_>) {
        let Some(found) = self.running.end(cx) else {
            return;
        };
        let left = State::of(cx, &self.left_out);
        let changes = Changes::between(found, left, *invocation, *ending);
        if !(self.only_changes && changes.is_empty()) {
            self.sink.write(&changes);
        }
    }
}

impl fmt::Debug for DebugObserver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DebugObserver")
            .field("left_out", &self.left_out)
            .field("only_changes", &self.only_changes)
            .field("running", &self.running)
            .finish_non_exhaustive()
    }
}

enum Sink {
    Tracing,
    Given(Box<dyn Fn(&Changes<'_>) + Send + Sync>),
}

impl Sink {
    fn is_enabled(&self) -> bool {
        match self {
            Self::Tracing => tracing::event_enabled!(Level::DEBUG),
            Self::Given(_) => true,
        }
    }

    fn write(&self, changes: &Changes<'_>) {
        match self {
            Self::Tracing => tracing::debug!("{changes}"),
            Self::Given(sink) => sink(changes),
        }
    }
}
