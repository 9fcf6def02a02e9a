//! One life of an instance.

use std::{
    pin::Pin,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
    },
};

use http::{Request, Response};
use peristyle_core::{BoxError, Control};
use tokio::{
    sync::Semaphore,
    time::{Instant, sleep_until},
};

use crate::{
    Admission, Drain, Event, EventBody, Jitter, KeepAlive, LastEventId,
    feed::{Feed, Follow, Following},
};

use super::{plan::Plan, progress::Choice, record::Record};

pub(super) struct Instance {
    number: usize,
    plan: Plan,
    record: Arc<Record>,
    feed: Feed,
    admission: Option<Admission>,
    retry: Jitter,
    drain: Drain,
    /// Of the next stream's comments.
    seed: AtomicU64,
    door: Mutex<Door>,
    streams: Mutex<Vec<Control>>,
    draining: AtomicBool,
    /// Closed when the process has ended. Who waits for it learns it in order.
    gone: Semaphore,
}

struct Door {
    waiting: usize,
    /// When those who wait have been taken in.
    free: Instant,
}

/// What a client gets for its request, and who sends it.
pub(super) struct Answer {
    pub(super) head: Response<()>,
    pub(super) body: Body,
    pub(super) sender: Arc<Instance>,
}

pub(super) enum Body {
    Events(Pin<Box<EventBody<Following>>>),
    Text(String),
}

impl Instance {
    /// `seed` is another one for each life.
    pub(super) fn start(
        number: usize,
        plan: Plan,
        record: Arc<Record>,
        feed: Feed,
        seed: u64,
    ) -> Self {
        Self {
            number,
            plan,
            record,
            feed,
            admission: plan.admission(seed ^ 1),
            retry: plan.retry(seed ^ 2),
            drain: plan.drain(seed ^ 3),
            seed: AtomicU64::new(seed),
            door: Mutex::new(Door {
                waiting: 0,
                free: Instant::now(),
            }),
            streams: Mutex::default(),
            draining: AtomicBool::new(false),
            gone: Semaphore::new(0),
        }
    }

    pub(super) fn feed(&self) -> &Feed {
        &self.feed
    }

    pub(super) fn is_draining(&self) -> bool {
        self.draining.load(Relaxed)
    }

    /// Takes the connection in, when it is its turn.
    ///
    /// # Errors
    ///
    /// When too many wait, and when the process ends first.
    pub(super) async fn accept(&self) -> Result<(), BoxError> {
        let at = self.queue().ok_or("too many wait")?;
        sleep_until(at).await;
        self.door.lock().expect("nobody panics with it").waiting -= 1;
        if self.gone.is_closed() {
            return Err("the process has ended".into());
        }
        Ok(())
    }

    fn queue(&self) -> Option<Instant> {
        let mut door = self.door.lock().expect("nobody panics with it");
        if door.waiting == self.plan.backlog() {
            return None;
        }
        door.waiting += 1;
        door.free = door.free.max(Instant::now()) + self.plan.handshake();
        Some(door.free)
    }

    pub(super) fn answer(self: Arc<Self>, request: &Request<Choice>) -> Answer {
        let admitted = self.admission.as_ref().map_or(Ok(()), Admission::admit);
        let (head, body) = match admitted {
            Ok(()) => self.follow(request),
            Err(refusal) => {
                self.record.refused(self.number);
                split(refusal.answer(request.headers()).map(Body::Text))
            }
        };
        Answer {
            head,
            body,
            sender: self,
        }
    }

    fn follow(&self, request: &Request<Choice>) -> (Response<()>, Body) {
        self.record.begun(self.number);
        let id = LastEventId::of(request.headers(), request.uri());
        let follow = Follow::live()
            .first(hello())
            .resume(id.as_ref().and_then(LastEventId::as_str))
            .topics(request.body().topics());
        let comments = KeepAlive::default().seeded(self.seed.fetch_add(4, Relaxed));
        let stream = self.feed.follow(follow).expect("the feed goes on");
        let response = stream
            .retry(self.retry.clone())
            .on_drain(self.drain.clone())
            .keep_alive(comments)
            .into_response();
        self.keep(response.extensions().get().expect("every stream has one"));
        split(response.map(|body| Body::Events(Box::pin(body))))
    }

    fn keep(&self, control: &Control) {
        if self.is_draining() {
            control.drain();
        }
        let mut streams = self.streams.lock().expect("nobody panics with it");
        streams.push(control.clone());
    }

    /// Asks all streams to end, and returns how many there were.
    pub(super) fn drain(&self) -> usize {
        self.draining.store(true, Relaxed);
        let streams = self.open();
        for control in &streams {
            control.drain();
        }
        streams.len()
    }

    /// Those that have not ended.
    pub(super) fn open(&self) -> Vec<Control> {
        let streams = self.streams.lock().expect("nobody panics with it");
        let open = streams.iter().filter(|control| control.end().is_none());
        open.cloned().collect()
    }

    /// The process ends, and its connections with it.
    pub(super) fn end(&self) {
        self.gone.close();
    }

    /// Until the process has ended.
    pub(super) async fn gone(&self) {
        // Nobody adds a permit, so that it can only be closed.
        drop(self.gone.acquire().await);
    }
}

/// The name of what a client gets first when it comes for the first time.
pub(super) const HELLO: &str = "hello";

fn hello() -> Event {
    let hello = Event::builder().event(HELLO).data("").build();
    hello.expect("it has nothing that is refused")
}

fn split(response: Response<Body>) -> (Response<()>, Body) {
    let (head, body) = response.into_parts();
    (Response::from_parts(head, ()), body)
}
