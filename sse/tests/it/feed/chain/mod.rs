//! Chains on the way in and on the way out, promise H20.

mod deliver;
mod model;
mod publish;

use std::sync::{
    Arc, Mutex,
    atomic::{AtomicUsize, Ordering},
};

use peristyle_core::{Context, Interceptor, Link, Stages, Step, before};
use peristyle_sse::feed::Delivering;
use tokio::sync::oneshot;

/// Withholds what has not this topic.
fn only(name: &'static str) -> Link<Delivering> {
    let only = move |cx: &mut Context<Delivering>| {
        if cx
            .published()
            .topic()
            .is_none_or(|topic| topic.as_str() != name)
        {
            cx.withhold();
        }
    };
    before(only).named("only")
}

/// A stage that waits until told, and counts how often it was cancelled.
#[derive(Clone, Default)]
pub(super) struct Gate {
    waiting: Arc<Mutex<Vec<oneshot::Sender<()>>>>,
    cancelled: Arc<AtomicUsize>,
}

impl Gate {
    /// Those who wait, to be told.
    pub(super) fn waiting(&self) -> Vec<oneshot::Sender<()>> {
        std::mem::take(&mut *self.waiting.lock().expect("no panic"))
    }

    #[track_caller]
    fn was_cancelled_once(&self) {
        assert_eq!(self.cancelled.load(Ordering::Relaxed), 1);
    }
}

impl<T: Send + 'static> Interceptor<T> for Gate {
    fn stages(&self) -> Stages {
        Stages::ENTER
    }

    fn enter<'a>(&'a self, _: &'a mut Context<T>) -> Step<'a, T> {
        let (open, opened) = oneshot::channel();
        self.waiting.lock().expect("no panic").push(open);
        Step::later(async move { opened.await.map_err(Into::into) })
    }

    fn cancel(&self, _: &mut Context<T>) {
        self.cancelled.fetch_add(1, Ordering::Relaxed);
    }
}
