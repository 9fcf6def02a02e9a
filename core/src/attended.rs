//! A walk under guard: what may cut it off, and how it is dropped then.

use std::{
    future::{Future, poll_fn},
    pin::{Pin, pin},
    task::{self, Poll},
};

use crate::{
    BoxError, Panicked,
    surroundings::{Surroundings, poll_interrupt},
};

/// Polls a walk, and drops it, in its surroundings.
pub(crate) async fn attended<W: Future>(
    surroundings: &mut Surroundings,
    walk: W,
) -> Result<W::Output, Cut> {
    let walk = pin!(Some(walk));
    let mut attended = Attended { surroundings, walk };
    poll_fn(|task| attended.poll(task)).await
}

/// What ended a stage from outside, and the walk with it.
pub(crate) struct Cut {
    pub(crate) why: Why,
    pub(crate) error: BoxError,
    /// What the stage's future did when it was dropped.
    pub(crate) dropped: Option<Panicked>,
}

pub(crate) enum Why {
    Panicked,
    Interrupted,
}

impl Cut {
    fn new(why: Why, error: impl Into<BoxError>) -> Self {
        Self {
            why,
            error: error.into(),
            dropped: None,
        }
    }
}

struct Attended<'run, W> {
    surroundings: &'run mut Surroundings,
    /// `None` once it has ended.
    walk: Pin<&'run mut Option<W>>,
}

impl<W: Future> Attended<'_, W> {
    fn poll(&mut self, task: &mut task::Context<'_>) -> Poll<Result<W::Output, Cut>> {
        let walk = self.walk.as_mut().as_pin_mut().expect("not ended");
        let polled = self.surroundings.hold(|| {
            Panicked::catch(|| match walk.poll(task) {
                Poll::Ready(output) => Poll::Ready(Ok(output)),
                Poll::Pending => poll_interrupt(task).map(Err),
            })
        });
        let cut = match polled {
            Ok(Poll::Pending) => return Poll::Pending,
            Ok(Poll::Ready(Ok(output))) => {
                // It has nothing left to drop.
                self.walk.set(None);
                return Poll::Ready(Ok(output));
            }
            Ok(Poll::Ready(Err(error))) => Cut::new(Why::Interrupted, error),
            Err(panicked) => Cut::new(Why::Panicked, panicked),
        };
        let dropped = self.end().err();
        Poll::Ready(Err(Cut { dropped, ..cut }))
    }
}

impl<W> Attended<'_, W> {
    /// Drops the walk, and with it the stage that was running.
    fn end(&mut self) -> Result<(), Panicked> {
        let Self { surroundings, walk } = self;
        surroundings.hold(|| Panicked::catch(|| walk.set(None)))
    }
}

impl<W> Drop for Attended<'_, W> {
    fn drop(&mut self) {
        if self.walk.is_none() {
            return;
        }
        if let Err(panicked) = self.end() {
            tracing::error!(%panicked, "a stage that was dropped failed");
        }
    }
}
