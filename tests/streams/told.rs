//! What is told of the end of a stream, and when.

use std::{
    future::Future,
    sync::{Arc, Mutex},
};

use peristyle::{
    BoxError, End, Link, handler,
    server::{Context, Exchange, Response},
};
use tokio::{
    sync::mpsc,
    task::JoinSet,
    time::{Instant, timeout},
};

use crate::client::LONGEST;

/// Makes a response that tells its end.
pub(crate) type Answer = fn(Tell) -> Result<Response, BoxError>;

/// Passes the end of a stream on.
#[derive(Clone)]
pub(crate) struct Tell {
    ends: mpsc::Sender<(End, Instant)>,
    /// Of producers that are tasks of their own.
    tasks: Arc<Mutex<JoinSet<()>>>,
}

/// The ends that were told.
pub(crate) struct Ends(mpsc::Receiver<(End, Instant)>);

/// Tells of its drop: what held it is no more.
pub(crate) struct Held(Tell);

pub(crate) fn told() -> (Tell, Ends) {
    let (ends, told) = mpsc::channel(64);
    let tasks = Arc::default();
    (Tell { ends, tasks }, Ends(told))
}

/// A handler of such responses.
pub(crate) fn answers(answer: Answer) -> (Link<Exchange>, Ends) {
    let (tell, ends) = told();
    let answer = handler(move |_: &mut Context| answer(tell.clone()));
    (answer, ends)
}

impl Tell {
    /// What a stream calls at its end.
    pub(crate) fn end(self) -> impl FnOnce(End) + Send + Sync + 'static {
        move |end| self.say(end)
    }

    pub(crate) fn say(&self, end: End) {
        self.ends.try_send((end, Instant::now())).unwrap();
    }

    pub(crate) fn held(&self) -> Held {
        Held(self.clone())
    }

    /// Runs a producer beside its stream, until the server and this are dropped.
    pub(crate) fn spawn(&self, producer: impl Future<Output = ()> + Send + 'static) {
        self.tasks.lock().unwrap().spawn(producer);
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.0.say(End::PeerLeft);
    }
}

impl Ends {
    /// The next end, and how many seconds after the start it came.
    pub(crate) async fn next(&mut self, start: Instant) -> (End, u64) {
        let told = timeout(LONGEST, self.0.recv()).await;
        let (end, at) = told.expect("an end is told").unwrap();
        (end, (at - start).as_secs())
    }

    pub(crate) fn assert_none(&mut self) {
        assert!(self.0.try_recv().is_err(), "an end was told");
    }
}
