//! What is compared: what happened, as each side tells it.

use std::{error, fmt};

use peristyle_core::Stage;

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Event {
    Stage(Stage, u32, Saw),
    /// A stage that returned a future has waited.
    GoesOn(u32, Saw),
    /// The future that a stage returned was dropped, having ended or not.
    Dropped(u32, Bound),
    Cancel(u32, Saw),
    Asked {
        terminator: u32,
        value: u32,
        bound: Bound,
    },
    Called {
        callback: u32,
        bound: Bound,
    },
    Enqueued(bool),
    EnqueuedNext(bool),
    InnerEnded(Option<Told>, Saw),
    Before {
        observer: u32,
        stage: Stage,
        name: u32,
    },
    After {
        observer: u32,
        stage: Stage,
        name: u32,
        ended: Ended,
        /// Whether the observer was told how long it took.
        timed: bool,
        value: u32,
        bound: Bound,
    },
    Handled {
        observer: u32,
        name: u32,
        error: Told,
    },
    /// The host's run has ended; nothing is told when it was dropped.
    Ended(Option<Result<(), Told>>, Saw),
}

/// What can be seen in a context, and in the bindings.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Saw {
    pub(super) value: u32,
    pub(super) entered: Vec<u32>,
    pub(super) queue: Vec<u32>,
    pub(super) given: Option<Told>,
    pub(super) recovered: Option<Told>,
    pub(super) bound: Bound,
    /// The bindings that the context names.
    pub(super) named: [bool; 2],
}

pub(super) type Bound = [Option<u32>; 2];

/// How a stage ended.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Ended {
    Done,
    Waited,
    Failed(Told),
    Interrupted(Told),
    Cancelled,
}

/// An error and those that it suppresses, newest first.
pub(super) type Told = Vec<Raised>;

#[derive(Debug, Clone, PartialEq)]
pub(super) struct Raised {
    pub(super) stage: Stage,
    pub(super) name: u32,
    pub(super) source: Source,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Source {
    Own(Refusal),
    Panicked(String),
    Closed,
    WouldWait,
    Error(Box<Raised>),
}

/// What fails by itself.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Refusal {
    Stage(Stage, u32),
    Drop(u32),
    Terminator(u32),
    Interrupt(u32),
    Callback(u32),
}

impl Refusal {
    pub(super) fn panicked(self) -> Source {
        Source::Panicked(self.to_string())
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self:?}")
    }
}

impl error::Error for Refusal {}
