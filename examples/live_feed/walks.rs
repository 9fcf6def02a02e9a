//! The walk of each request through its chain, seen by an observer.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use peristyle::{
    Chain, Ending, Invocation, Observer, always, before,
    server::{Context, Exchange},
};
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::feed::Feed;

/// Two interceptors for every request: the inner one lets a [`Walk`] watch from here on, the outer one publishes it when
/// the walk is back. The feed itself is not watched: its walks would be news of the news.
pub(crate) fn published_to(feed: &Feed) -> Chain<Exchange> {
    let feed = feed.clone();
    let publish = move |cx: &mut Context| {
        if let Some(walk) = cx.request().extensions.get::<Arc<Walk>>() {
            feed.publish("walk", &walk.report(cx).to_string());
        }
    };
    let watch = |cx: &mut Context| {
        if cx.uri().path() != "/events" {
            let walk = Arc::new(Walk::begin());
            cx.request_mut().extensions.insert(Arc::clone(&walk));
            cx.observe(walk);
        }
    };
    Chain::new([
        always(publish).named("publish_walk"),
        before(watch).named("watch_walk"),
    ])
}

/// What was seen of one walk.
struct Walk(Mutex<Seen>);

struct Seen {
    /// When the stage that runs began.
    since: Instant,
    stages: Vec<Value>,
}

impl Walk {
    /// Begins to watch within a stage, whose end is then the first thing to be seen.
    fn begin() -> Self {
        Self(Mutex::new(Seen {
            since: Instant::now(),
            stages: Vec::new(),
        }))
    }

    fn report(&self, exchange: &Exchange) -> Value {
        json!({
            "method": exchange.method().as_str(),
            "path": exchange.uri().path(),
            "status": exchange.response().map(|response| response.status().as_u16()),
            "stages": self.seen().stages,
        })
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Observer<Exchange> for Walk {
    fn before(&self, _cx: &Context, _invocation: &Invocation<'_>) {
        self.seen().since = Instant::now();
    }

    fn after(&self, _cx: &Context, invocation: &Invocation<'_>, _ending: &Ending<'_>) {
        let mut seen = self.seen();
        let micros = u64::try_from(seen.since.elapsed().as_micros()).unwrap_or(u64::MAX);
        seen.stages.push(json!({
            "stage": invocation.stage.to_string(),
            "name": invocation.interceptor.as_str(),
            "micros": micros,
        }));
    }
}
