//! Peristyle.

use std::sync::Arc;

use bytes::Bytes;
use peristyle_sse::{Event, EventReader, EventStream};

use crate::{
    case::{Decode, Encode, Received},
    ready::{Ready, drain, drain_body},
    shape::{Events, Fields},
};

pub(crate) struct Peristyle;

impl Decode for Peristyle {
    fn decode(chunks: &[Bytes], mut each: impl FnMut(Received<'_>)) {
        let reader = EventReader::new(Ready(chunks.iter().cloned()));
        drain(reader, |event| {
            let event = event.expect("within the bounds");
            each((event.event(), event.id(), event.data()));
        });
    }
}

impl Encode for Peristyle {
    fn encode(events: &Events, each: impl FnMut(Bytes)) {
        events
            .iter()
            .map(|it| event(it).into_bytes())
            .for_each(each);
    }
}

/// As the body of a response.
pub(crate) struct PeristyleBody;

impl Encode for PeristyleBody {
    fn encode(events: &Events, each: impl FnMut(Bytes)) {
        let events = Arc::clone(events);
        let events = (0..events.len()).map(move |number| event(&events[number]));
        let response = EventStream::new(Ready(events)).into_response();
        drain_body(response.into_body(), each);
    }
}

fn event(Fields { event, id, data }: &Fields) -> Event {
    let mut builder = Event::builder().event(event).data(data);
    if !id.is_empty() {
        builder = builder.id(id);
    }
    builder.build().expect("the fields are valid")
}
