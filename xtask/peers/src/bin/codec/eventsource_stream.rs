//! The crate `eventsource-stream`, which decodes only.

use bytes::Bytes;
use eventsource_stream::EventStream;

use crate::{
    case::{Decode, Received},
    ready::{Ready, drain},
};

pub(crate) struct EventsourceStream;

impl Decode for EventsourceStream {
    fn decode(chunks: &[Bytes], mut each: impl FnMut(Received<'_>)) {
        let stream = EventStream::new(Ready(chunks.iter().cloned()));
        drain(stream, |event| {
            let event = event.expect("the stream is valid");
            each((&event.event, &event.id, &event.data));
        });
    }
}
