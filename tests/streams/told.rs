//! What is told of the end of a stream, and when.

use peristyle::{
    BoxError, End, Link, handler,
    server::{Context, Exchange, Response},
};
use tokio::{sync::mpsc, time::Instant};

/// Makes a response that tells its end.
pub(crate) type Answer = fn(Tell) -> Result<Response, BoxError>;

/// Passes the end of a stream on.
#[derive(Clone)]
pub(crate) struct Tell(mpsc::Sender<(End, Instant)>);

/// The ends that were told.
pub(crate) struct Ends(mpsc::Receiver<(End, Instant)>);

pub(crate) fn told() -> (Tell, Ends) {
    let (tell, told) = mpsc::channel(64);
    (Tell(tell), Ends(told))
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
        move |end| self.0.try_send((end, Instant::now())).unwrap()
    }
}

impl Ends {
    /// The next end, and how many seconds after the start it came.
    pub(crate) async fn next(&mut self, start: Instant) -> (End, u64) {
        let (end, at) = self.0.recv().await.unwrap();
        (end, (at - start).as_secs())
    }

    pub(crate) fn assert_none(&mut self) {
        assert!(self.0.try_recv().is_err(), "an end was told");
    }
}
