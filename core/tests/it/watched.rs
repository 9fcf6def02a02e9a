//! Probes whose futures are seen to be dropped, that tell of being cancelled, and that can be held where they wait.

use std::{
    future::pending,
    sync::{Arc, Mutex},
};

use peristyle_core::{
    BoxError, Chain, Context, Error, Interceptor, Later, Link, Name, Stage, Stages, Step,
};

use crate::probe::{Kind, Log, Probe};

/// The kinds that a held stage can be of.
pub(crate) const WAITING: [Kind; 2] = [Kind::Pending, Kind::Conveying];

/// What happened, to be read while a run has the context and after it has been dropped.
#[derive(Debug, Clone, Default)]
pub(crate) struct Journal(Arc<Mutex<Vec<String>>>);

impl Journal {
    pub(crate) fn note(&self, event: impl Into<String>) {
        self.0.lock().unwrap().push(event.into());
    }

    /// What was noted since this was last called.
    pub(crate) fn read(&self) -> Vec<String> {
        std::mem::take(&mut self.0.lock().unwrap())
    }

    /// A chain of probes that note their stages here.
    pub(crate) fn chain<const N: usize>(&self, watched: [Watched; N]) -> Chain<Log> {
        let links = watched.into_iter().map(|watched| {
            let journal = self.clone();
            Link::new(Noting { journal, watched })
        });
        links.collect()
    }
}

/// A probe, and what more is done with it.
pub(crate) struct Watched {
    probe: Probe,
    held: Option<Stage>,
    cancel: Box<dyn Fn(&mut Context<Log>) + Send + Sync>,
}

impl From<Probe> for Watched {
    fn from(probe: Probe) -> Self {
        Self {
            probe,
            held: None,
            cancel: Box::new(|_| ()),
        }
    }
}

impl Watched {
    /// Never gets any further than where it waits in `stage`.
    pub(crate) fn held(mut self, stage: Stage) -> Self {
        self.held = Some(stage);
        self
    }

    pub(crate) fn cancel(
        mut self,
        deed: impl Fn(&mut Context<Log>) + Send + Sync + 'static,
    ) -> Self {
        self.cancel = Box::new(deed);
        self
    }
}

/// Notes `"enter a"` when a stage begins, `"dropped enter a"` when it is dropped before it was done, and `"cancel a"`.
struct Noting {
    journal: Journal,
    watched: Watched,
}

impl Noting {
    fn begin(&self, stage: Stage) -> Unfinished {
        let event = format!("{stage} {}", self.name());
        self.journal.note(&event);
        Unfinished(Some((self.journal.clone(), event)))
    }

    fn watch<'a>(
        &self,
        stage: Stage,
        unfinished: Unfinished,
        step: Step<'a, Log>,
    ) -> Step<'a, Log> {
        let is_held = self.watched.held == Some(stage);
        let until_let_go = async move {
            if is_held {
                pending::<()>().await;
            }
        };
        match step {
            Step::Later(later) => Step::Later(Later::new(async move {
                until_let_go.await;
                let answer = later.answer().await;
                unfinished.done();
                answer
            })),
            at_once => {
                unfinished.done();
                at_once
            }
        }
    }
}

impl Interceptor<Log> for Noting {
    fn stages(&self) -> Stages {
        self.watched.probe.stages()
    }

    fn name(&self) -> Name {
        self.watched.probe.name()
    }

    fn enter<'a>(&'a self, cx: &'a mut Context<Log>) -> Step<'a, Log> {
        let begun = self.begin(Stage::Enter);
        self.watch(
            Stage::Enter,
            begun,
            Interceptor::enter(&self.watched.probe, cx),
        )
    }

    fn leave<'a>(&'a self, cx: &'a mut Context<Log>) -> Step<'a, Log> {
        let begun = self.begin(Stage::Leave);
        self.watch(
            Stage::Leave,
            begun,
            Interceptor::leave(&self.watched.probe, cx),
        )
    }

    fn error<'a>(&'a self, cx: &'a mut Context<Log>, error: Error) -> Step<'a, Log> {
        let begun = self.begin(Stage::Error);
        let step = Interceptor::error(&self.watched.probe, cx, error);
        self.watch(Stage::Error, begun, step)
    }

    fn cancel(&self, cx: &mut Context<Log>) {
        self.journal.note(format!("cancel {}", self.name()));
        (self.watched.cancel)(cx);
    }
}

struct Unfinished(Option<(Journal, String)>);

impl Unfinished {
    fn done(mut self) {
        self.0 = None;
    }
}

impl Drop for Unfinished {
    fn drop(&mut self) {
        if let Some((journal, event)) = self.0.take() {
            journal.note(format!("dropped {event}"));
        }
    }
}

/// An interrupt that is there as soon as it is asked for.
pub(crate) fn late() -> impl Future<Output = BoxError> + Send + 'static {
    std::future::ready("late".into())
}

/// A context with that interrupt.
pub(crate) fn interrupted() -> Context<Log> {
    let mut cx = Context::new(Log::default());
    cx.interrupt_with(late());
    cx
}
