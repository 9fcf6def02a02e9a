//! The walk of each request through its chain, seen by an observer.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use peristyle::{
    Ending, Error, Interceptor, Invocation, Observer, Stages, Step,
    server::{Context, Exchange},
    sse::feed::Feed,
};
use serde_json::{Value, json};
use tokio::time::Instant;

use super::feed::publish;

/// Lets a [`Walk`] watch what lies further in, and publishes it when the request is back.
pub(crate) struct Walks(Feed);

impl Walks {
    pub(crate) fn published_to(feed: Feed) -> Self {
        Self(feed)
    }

    fn publish(&self, exchange: &Exchange) {
        if let Some(walk) = exchange.request().extensions.get::<Arc<Walk>>() {
            publish(&self.0, "walk", &walk.report(exchange).to_string());
        }
    }
}

impl Interceptor<Exchange> for Walks {
    fn stages(&self) -> Stages {
        Stages::ENTER | Stages::LEAVE | Stages::ERROR
    }

    fn enter<'a>(&'a self, cx: &'a mut Context) -> Step<'a, Exchange> {
        let walk = Arc::new(Walk::default());
        cx.request_mut().extensions.insert(Arc::clone(&walk));
        cx.observe(walk);
        Step::next()
    }

    fn leave<'a>(&'a self, cx: &'a mut Context) -> Step<'a, Exchange> {
        self.publish(cx);
        Step::next()
    }

    fn error<'a>(&'a self, cx: &'a mut Context, _error: Error) -> Step<'a, Exchange> {
        self.publish(cx);
        Step::Absent
    }
}

/// What was seen of one walk.
#[derive(Default)]
struct Walk(Mutex<Seen>);

#[derive(Default)]
struct Seen {
    /// When each stage that runs began: several when one runs a chain of its own.
    begun: Vec<Instant>,
    ended: Vec<Value>,
}

impl Walk {
    fn report(&self, exchange: &Exchange) -> Value {
        json!({
            "method": exchange.method().as_str(),
            "path": exchange.uri().path(),
            "status": exchange.response().map(|response| response.status().as_u16()),
            "stages": self.seen().ended,
        })
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Observer<Exchange> for Walk {
    fn before(&self, _cx: &Context, _invocation: &Invocation<'_>) {
        self.seen().begun.push(Instant::now());
    }

    fn after(&self, _cx: &Context, invocation: &Invocation<'_>, _ending: &Ending<'_>) {
        let mut seen = self.seen();
        // The end of the stage that let this watch is the first thing that it is told.
        let Some(begun) = seen.begun.pop() else {
            return;
        };
        let micros = u64::try_from(begun.elapsed().as_micros()).unwrap_or(u64::MAX);
        seen.ended.push(json!({
            "stage": invocation.stage.as_str(),
            "name": invocation.interceptor.as_str(),
            "micros": micros,
        }));
    }
}
