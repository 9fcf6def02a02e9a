//! The instances, and the balancer before them.

use std::sync::{
    Arc, Mutex,
    atomic::{AtomicUsize, Ordering::Relaxed},
};

use http::Request;
use peristyle_core::BoxError;

use crate::feed::Feed;

use super::{
    instance::{Answer, Instance},
    plan::{Manner, Plan},
    progress::Choice,
    record::Record,
};

pub(super) struct Service {
    plan: Plan,
    record: Arc<Record>,
    /// The log that outlives the instances.
    shared: Option<Feed>,
    instances: Vec<Mutex<Option<Arc<Instance>>>>,
    turn: AtomicUsize,
    lives: AtomicUsize,
}

impl Service {
    /// All instances run.
    pub(super) fn start(plan: Plan, record: Arc<Record>) -> Self {
        let lasts = plan.manner != Manner::Whole;
        let service = Self {
            plan,
            shared: lasts.then(|| log(&record)),
            record,
            instances: (0..plan.instances()).map(|_| Mutex::default()).collect(),
            turn: AtomicUsize::new(0),
            lives: AtomicUsize::new(0),
        };
        for number in 0..plan.instances() {
            service.boot(number);
        }
        service
    }

    pub(super) fn boot(&self, number: usize) {
        let feed = self.shared.clone().unwrap_or_else(|| log(&self.record));
        let life = self.lives.fetch_add(1, Relaxed) as u64;
        let seed = self
            .plan
            .seed
            .wrapping_mul(1_000_003)
            .wrapping_add(life << 32);
        let record = self.record.clone();
        let instance = Instance::start(number, self.plan, record, feed, seed);
        *self.place(number) = Some(Arc::new(instance));
    }

    /// The instance with this number, if it runs.
    pub(super) fn instance(&self, number: usize) -> Option<Arc<Instance>> {
        self.place(number).clone()
    }

    /// The process ends, and its connections with it.
    pub(super) fn end(&self, number: usize) {
        let instance = self.place(number).take();
        instance.expect("it runs").end();
    }

    /// Where events are published; nowhere while no instance runs.
    pub(super) fn feed(&self) -> Option<Feed> {
        let running = (0..self.instances.len()).find_map(|number| self.instance(number));
        running.map(|instance| instance.feed().clone())
    }

    /// A connection by way of the balancer, and a request on it.
    ///
    /// # Errors
    ///
    /// When there is no connection.
    pub(super) async fn connect(&self, request: &Request<Choice>) -> Result<Answer, BoxError> {
        let instance = self.next().ok_or("no instance runs")?;
        instance.accept().await?;
        Ok(instance.answer(request))
    }

    /// Whose turn it is of those that run and do not drain.
    fn next(&self) -> Option<Arc<Instance>> {
        let running = (0..self.instances.len()).filter_map(|number| self.instance(number));
        let ready: Vec<_> = running.filter(|it| !it.is_draining()).collect();
        let turn = self.turn.fetch_add(1, Relaxed).checked_rem(ready.len())?;
        ready.into_iter().nth(turn)
    }

    fn place(&self, number: usize) -> std::sync::MutexGuard<'_, Option<Arc<Instance>>> {
        self.instances[number]
            .lock()
            .expect("nobody panics with it")
    }
}

fn log(record: &Record) -> Feed {
    Feed::builder().epoch(record.epoch()).build()
}
