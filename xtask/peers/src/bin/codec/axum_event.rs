//! Events of axum, which come out as the body of a response only.

use std::sync::Arc;

use axum::response::{
    IntoResponse,
    sse::{Event, Sse},
};
use bytes::Bytes;

use crate::{
    case::Encode,
    ready::{Ready, drain_body},
    shape::{Events, Fields},
};

pub(crate) struct AxumBody;

impl Encode for AxumBody {
    fn encode(events: &Events, each: impl FnMut(Bytes)) {
        let events = Arc::clone(events);
        let events = (0..events.len()).map(move |number| event(&events[number]));
        drain_body(Sse::new(Ready(events)).into_response().into_body(), each);
    }
}

fn event(Fields { event, id, data }: &Fields) -> Event {
    let mut axum = Event::default();
    if !event.is_empty() {
        axum = axum.event(event);
    }
    if !id.is_empty() {
        axum = axum.id(id);
    }
    axum.data(data)
}
