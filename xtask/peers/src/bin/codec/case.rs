//! What is decoded or encoded, and by whom.

use std::hint::black_box;

use bytes::Bytes;

use crate::{
    axum_event::AxumBody,
    eventsource_stream::EventsourceStream,
    peristyle::{Peristyle, PeristyleBody},
    shape::{self, Events, Fields, Shape},
    sse_stream::{SseStream, SseStreamBody},
};

/// What one read of a TLS record or a large buffer gives, what one packet does, and what a slow line does.
const CHUNKS: [usize; 3] = [65536, 1400, 64];

/// Type, id and data.
pub(crate) type Received<'a> = (&'a str, &'a str, &'a str);

pub(crate) trait Decode {
    fn decode(chunks: &[Bytes], each: impl FnMut(Received<'_>));
}

pub(crate) trait Encode {
    fn encode(events: &Events, each: impl FnMut(Bytes));
}

pub(crate) struct Case {
    pub(crate) name: String,
    events: Events,
    /// To decode; empty for a case that encodes.
    chunks: Vec<Bytes>,
    codecs: Vec<Codec>,
}

/// One who decodes or encodes a case.
#[derive(Clone, Copy)]
pub(crate) struct Turn<'a> {
    pub(crate) codec: &'static str,
    case: &'a Case,
    work: Work,
}

#[derive(Clone, Copy)]
struct Codec {
    name: &'static str,
    work: Work,
}

#[derive(Clone, Copy)]
struct Work {
    /// Returns how many bytes came out.
    run: fn(&Case) -> usize,
    read: fn(&Case) -> Vec<Fields>,
}

/// Peristyle's is the first of each.
pub(crate) fn all() -> Vec<Case> {
    let shapes = shape::all();
    let decode = shapes.iter().flat_map(|shape| {
        CHUNKS.map(|size| {
            let codecs = vec![
                decoder::<Peristyle>("peristyle"),
                decoder::<SseStream>("sse-stream"),
                decoder::<EventsourceStream>("eventsource-stream"),
            ];
            let name = format!("decode-{}-{size}", shape.name);
            Case::new(name, shape, chunks(&shape.wire(), size), codecs)
        })
    });
    let encode = shapes.iter().map(|shape| {
        let codecs = vec![
            encoder::<Peristyle>("peristyle"),
            encoder::<SseStream>("sse-stream"),
        ];
        Case::new(format!("encode-{}", shape.name), shape, Vec::new(), codecs)
    });
    let body = shapes.iter().map(|shape| {
        let codecs = vec![
            encoder::<PeristyleBody>("peristyle"),
            encoder::<SseStreamBody>("sse-stream"),
            encoder::<AxumBody>("axum"),
        ];
        Case::new(format!("body-{}", shape.name), shape, Vec::new(), codecs)
    });
    decode.chain(encode).chain(body).collect()
}

fn chunks(wire: &Bytes, size: usize) -> Vec<Bytes> {
    wire.chunks(size)
        .map(|chunk| wire.slice_ref(chunk))
        .collect()
}

fn decoder<D: Decode>(name: &'static str) -> Codec {
    let work = Work {
        run: |case| {
            let mut total = 0;
            D::decode(&case.chunks, |(event, id, data)| {
                total += black_box(event).len() + black_box(id).len() + black_box(data).len();
            });
            total
        },
        read: |case| read::<D>(&case.chunks),
    };
    Codec { name, work }
}

fn encoder<E: Encode>(name: &'static str) -> Codec {
    let work = Work {
        run: |case| {
            let mut total = 0;
            E::encode(&case.events, |bytes| total += black_box(bytes).len());
            total
        },
        read: |case| {
            let mut chunks = Vec::new();
            E::encode(&case.events, |bytes| chunks.push(bytes));
            read::<EventsourceStream>(&chunks)
        },
    };
    Codec { name, work }
}

fn read<D: Decode>(chunks: &[Bytes]) -> Vec<Fields> {
    let mut events = Vec::new();
    D::decode(chunks, |(event, id, data)| {
        events.push(Fields {
            event: if event == "message" { "" } else { event }.to_owned(),
            id: id.to_owned(),
            data: data.to_owned(),
        });
    });
    events
}

impl Case {
    fn new(name: String, shape: &Shape, chunks: Vec<Bytes>, codecs: Vec<Codec>) -> Self {
        Self {
            name,
            events: shape.events.clone(),
            chunks,
            codecs,
        }
    }

    /// Everyone's, or Peristyle's alone.
    pub(crate) fn turns(&self, peers: bool) -> impl Iterator<Item = Turn<'_>> {
        let codecs = self.codecs.iter().take(if peers { usize::MAX } else { 1 });
        codecs.map(|codec| Turn {
            codec: codec.name,
            case: self,
            work: codec.work,
        })
    }
}

impl Turn<'_> {
    pub(crate) fn case(&self) -> &str {
        &self.case.name
    }

    /// Asserts that each event comes out with all its fields.
    pub(crate) fn verify(&self) {
        let read = (self.work.read)(self.case);
        assert!(
            *read == *self.case.events,
            "{} {}",
            self.case.name,
            self.codec
        );
    }

    pub(crate) fn run(&self) -> usize {
        (self.work.run)(self.case)
    }

    pub(crate) fn events(&self) -> usize {
        self.case.events.len()
    }
}
