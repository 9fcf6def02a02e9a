//! Interceptors that record what happens to them, in each of the ways in which a stage can answer.

use std::{
    array,
    error::Error as _,
    future::{Future, poll_fn},
    panic::resume_unwind,
    task::Poll,
};

use peristyle_core::{
    Chain, Context, Error, Interceptor, Link, Name, Outcome, Stage, Stages, Step,
};

/// The carried value: what happened so far.
#[derive(Debug, Default)]
pub(crate) struct Log {
    pub(crate) events: Vec<String>,
}

impl Log {
    pub(crate) fn note(&mut self, event: impl Into<String>) {
        self.events.push(event.into());
    }
}

/// How a stage answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    AtOnce,
    /// With a future that is ready when it is first polled.
    Ready,
    /// With a future that is pending when it is first polled.
    Pending,
    /// With a single value that arrives after a wait.
    Conveying,
}

pub(crate) const KINDS: [Kind; 4] = [Kind::AtOnce, Kind::Ready, Kind::Pending, Kind::Conveying];

/// Each way in which `N` interceptors can be of some kind.
pub(crate) fn mixes<const N: usize>() -> impl Iterator<Item = [Kind; N]> {
    let powers: [usize; N] = array::from_fn(|at| KINDS.len().pow(u32::try_from(at).unwrap()));
    let mixes = KINDS.len().pow(u32::try_from(N).unwrap());
    (0..mixes).map(move |mix| powers.map(|power| KINDS[mix / power % KINDS.len()]))
}

type Deed = Box<dyn Fn(&mut Context<Log>) -> Outcome + Send + Sync>;
type ErrorDeed = Box<dyn Fn(&mut Context<Log>, Error) -> Outcome + Send + Sync>;

/// Has all stages, notes each as `"enter a"`, and then does what it was given to do; by itself it declines errors.
pub(crate) struct Probe {
    name: &'static str,
    kind: Kind,
    stages: Stages,
    enter: Deed,
    leave: Deed,
    error: ErrorDeed,
}

pub(crate) fn probe(name: &'static str, kind: Kind) -> Probe {
    Probe {
        name,
        kind,
        stages: Stages::ENTER | Stages::LEAVE | Stages::ERROR,
        enter: Box::new(|_| Ok(())),
        leave: Box::new(|_| Ok(())),
        error: Box::new(|_, error| Err(error.into())),
    }
}

impl Probe {
    pub(crate) fn enter(
        mut self,
        deed: impl Fn(&mut Context<Log>) -> Outcome + Send + Sync + 'static,
    ) -> Self {
        self.enter = Box::new(deed);
        self
    }

    pub(crate) fn leave(
        mut self,
        deed: impl Fn(&mut Context<Log>) -> Outcome + Send + Sync + 'static,
    ) -> Self {
        self.leave = Box::new(deed);
        self
    }

    pub(crate) fn error(
        mut self,
        deed: impl Fn(&mut Context<Log>, Error) -> Outcome + Send + Sync + 'static,
    ) -> Self {
        self.error = Box::new(deed);
        self
    }

    pub(crate) fn handling(self) -> Self {
        self.error(|_, _| Ok(()))
    }

    pub(crate) fn only(mut self, stages: Stages) -> Self {
        self.stages = stages;
        self
    }

    fn answer<'a>(
        &'a self,
        stage: Stage,
        cx: &'a mut Context<Log>,
        deed: impl FnOnce(&mut Context<Log>) -> Outcome + Send + 'a,
    ) -> Step<'a, Log> {
        cx.note(format!("{stage} {}", self.name));
        match self.kind {
            Kind::AtOnce => Step::Now(deed(cx)),
            Kind::Ready => Step::later(async move { deed(cx) }),
            Kind::Pending => Step::later(async move {
                pending_once().await;
                deed(cx)
            }),
            Kind::Conveying => {
                let answer = deed(cx).map(|()| cx.take());
                Step::convey(async move {
                    pending_once().await;
                    answer
                })
            }
        }
    }
}

impl Interceptor<Log> for Probe {
    fn stages(&self) -> Stages {
        self.stages
    }

    fn name(&self) -> Name {
        Name::new(self.name).unwrap()
    }

    fn enter<'a>(&'a self, cx: &'a mut Context<Log>) -> Step<'a, Log> {
        self.answer(Stage::Enter, cx, &self.enter)
    }

    fn leave<'a>(&'a self, cx: &'a mut Context<Log>) -> Step<'a, Log> {
        self.answer(Stage::Leave, cx, &self.leave)
    }

    fn error<'a>(&'a self, cx: &'a mut Context<Log>, error: Error) -> Step<'a, Log> {
        self.answer(Stage::Error, cx, |cx| (self.error)(cx, error))
    }
}

pub(crate) fn chain(probes: impl IntoIterator<Item = Probe>) -> Chain<Log> {
    probes.into_iter().map(Link::new).collect()
}

/// Runs the probes. Returns what happened and how it ended.
pub(crate) fn run(probes: impl IntoIterator<Item = Probe>) -> (Vec<String>, Result<(), Error>) {
    run_on(Context::new(Log::default()), &chain(probes))
}

pub(crate) fn run_on(mut cx: Context<Log>, chain: &Chain<Log>) -> (Vec<String>, Result<(), Error>) {
    let result = drive(chain.run(&mut cx));
    (cx.into_inner().events, result)
}

/// Polls to the end, whenever it is woken and never else.
pub(crate) fn drive<F: Future>(future: F) -> F::Output {
    let mut task = tokio_test::task::spawn(future);
    loop {
        if let Poll::Ready(output) = task.poll() {
            return output;
        }
        assert!(task.is_woken(), "pending, and nothing will wake it");
    }
}

/// Pending when first polled, then ready.
pub(crate) fn pending_once() -> impl Future<Output = ()> + Send {
    let mut polled = false;
    poll_fn(move |task| {
        if polled {
            return Poll::Ready(());
        }
        polled = true;
        task.waker().wake_by_ref();
        Poll::Pending
    })
}

/// Panics without a message on the terminal.
pub(crate) fn panic_quietly<T>(text: &'static str) -> T {
    resume_unwind(Box::new(text))
}

/// An error and those that it suppresses, newest first, each as `"enter a: original"`.
pub(crate) fn story(error: &Error) -> Vec<String> {
    let line = |error: &Error| {
        let stage = error.stage().map_or("not raised", Stage::as_str);
        let name = error.interceptor().unwrap_or("nobody");
        format!("{stage} {name}: {}", error.source().unwrap())
    };
    let suppressed = error.suppressed().map(line);
    [line(error)].into_iter().chain(suppressed).collect()
}
