//! The crate `sse-stream`.

use std::sync::Arc;

use bytes::Bytes;
use sse_stream::{NeverTimer, Sse, SseBody, SseByteStream};

use crate::{
    case::{Decode, Encode, Received},
    ready::{Ready, drain, drain_body},
    shape::{Events, Fields},
};

pub(crate) struct SseStream;

impl Decode for SseStream {
    fn decode(chunks: &[Bytes], mut each: impl FnMut(Received<'_>)) {
        let stream = SseByteStream::new(Ready(chunks.iter().cloned()));
        drain(stream, |event| {
            let event = event.expect("the stream is valid");
            each((
                event.event.as_deref().unwrap_or("message"),
                event.id.as_deref().unwrap_or_default(),
                event.data.as_deref().unwrap_or_default(),
            ));
        });
    }
}

impl Encode for SseStream {
    fn encode(events: &Events, each: impl FnMut(Bytes)) {
        let encoded = |it| event(it).encode().expect("the fields are valid");
        events.iter().map(encoded).for_each(each);
    }
}

/// As the body of a response.
pub(crate) struct SseStreamBody;

impl Encode for SseStreamBody {
    fn encode(events: &Events, each: impl FnMut(Bytes)) {
        let events = Arc::clone(events);
        let events = (0..events.len()).map(move |number| event(&events[number]));
        let body: SseBody<_, NeverTimer> = SseBody::new(Ready(events));
        drain_body(body, each);
    }
}

fn event(Fields { event, id, data }: &Fields) -> Sse {
    let mut sse = Sse::default().data(data);
    if !event.is_empty() {
        sse = sse.event(event);
    }
    if !id.is_empty() {
        sse = sse.id(id);
    }
    sse
}
