//! What surrounds the stages of a run and is no argument of theirs: bindings, the interrupt, the span.
//!
//! The thread that polls a run holds its surroundings for as long as the poll lasts. So a function deep inside a stage
//! can read a binding, and a stage can set an interrupt for itself, though the future of the stage has the context.

use std::{
    cell::Cell,
    fmt,
    task::{Context, Poll},
};

use tracing::Span;

use crate::{BoxError, BoxFuture, Outcome, Stage, binding::Bindings};

thread_local! {
    static HERE: Here = const { Here { owner: Cell::new(0), parts: Cell::new(None) } };
}

/// What a thread holds: the surroundings of the innermost run that it polls.
struct Here {
    owner: Cell<usize>,
    parts: Cell<Option<Box<Parts>>>,
}

/// Those of one run; empty, and then no allocation, for most.
#[derive(Default)]
pub(crate) struct Surroundings {
    /// The address of the context, which does not move while it runs; 0 where there is none.
    owner: usize,
    parts: Option<Box<Parts>>,
}

#[derive(Default)]
pub(crate) struct Parts {
    pub(crate) bindings: Bindings,
    pub(crate) interrupt: Option<BoxFuture<'static, BoxError>>,
    /// Whether the stage that waits is an error stage, which is not interrupted.
    pub(crate) handling: bool,
    pub(crate) first_wait: Vec<Box<dyn FnOnce() -> Outcome + Send>>,
    pub(crate) span: Option<Span>,
}

impl Surroundings {
    pub(crate) fn change<R>(&mut self, change: impl FnOnce(&mut Parts) -> R) -> R {
        change(self.parts.get_or_insert_default())
    }

    /// Whether there is nothing of them to drop.
    pub(crate) fn is_empty(&self) -> bool {
        self.parts.is_none()
    }

    pub(crate) fn belong_to(&mut self, owner: usize) {
        self.owner = owner;
    }

    /// Puts what runs in these into `span`, if it is enabled.
    pub(crate) fn enter_span(&mut self, span: Span) {
        if !span.is_disabled() {
            self.change(|parts| parts.span = Some(span));
        }
    }

    /// Holds these while `f` runs, which must not panic.
    pub(crate) fn hold<R>(&mut self, f: impl FnOnce() -> R) -> R {
        let own = self.parts.take();
        let span = own.as_ref().and_then(|own| own.span.clone());
        let outer_owner = swap_owner(self.owner);
        let outer = swap(own);
        let result = match &span {
            Some(span) => span.in_scope(f),
            None => f(),
        };
        self.parts = swap(outer);
        swap_owner(outer_owner);
        result
    }
}

/// Whether this thread holds the surroundings of that context's run.
pub(crate) fn is_held_by(owner: usize) -> bool {
    HERE.try_with(|here| here.owner.get()) == Ok(owner)
}

fn swap_owner(owner: usize) -> usize {
    HERE.try_with(|here| here.owner.replace(owner)).unwrap_or(0)
}

/// A thread that is ending has no surroundings any more.
fn swap(parts: Option<Box<Parts>>) -> Option<Box<Parts>> {
    let mut parts = Some(parts);
    let swapped = HERE.try_with(|here| here.parts.replace(parts.take().flatten()));
    swapped.unwrap_or_else(|_| parts.flatten())
}

/// Changes those that this thread holds.
pub(crate) fn change_here<R>(change: impl FnOnce(&mut Parts) -> R) -> R {
    let mut parts = swap(None).unwrap_or_default();
    let result = change(&mut parts);
    swap(Some(parts));
    result
}

/// Reads those that this thread holds, if they are not empty.
pub(crate) fn read_here<R>(read: impl FnOnce(&mut Parts) -> R) -> Option<R> {
    let mut parts = swap(None)?;
    let result = read(&mut parts);
    swap(Some(parts));
    Some(result)
}

/// A stage has returned something to wait for.
pub(crate) fn before_waiting(stage: Stage) -> Outcome {
    let Some(callbacks) = read_here(|parts| {
        parts.handling = stage == Stage::Error;
        std::mem::take(&mut parts.first_wait)
    }) else {
        return Ok(());
    };
    for callback in callbacks {
        callback()?;
    }
    Ok(())
}

/// Polls the interrupt that is in force for the stage that waits. Yields its error once.
pub(crate) fn poll_interrupt(task: &mut Context<'_>) -> Poll<BoxError> {
    let in_force = read_here(|parts| {
        let interrupt = &mut parts.interrupt;
        if parts.handling {
            None
        } else {
            interrupt.take()
        }
    });
    let Some(mut interrupt) = in_force.flatten() else {
        return Poll::Pending;
    };
    let polled = interrupt.as_mut().poll(task);
    if polled.is_pending() {
        change_here(|parts| parts.interrupt = Some(interrupt));
    }
    polled
}

impl fmt::Debug for Surroundings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Surroundings").finish_non_exhaustive()
    }
}
