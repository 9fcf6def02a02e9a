//! Readers of event streams that others wrote, and what they see of ours.
//!
//! What we write is read by a browser and by parsers of two other ecosystems. So are the cases by which our own decoder is
//! tested: they would prove little if we had made up both.

mod cases;
mod event_source;
mod packages;
mod parsers;
mod reconnect;

#[path = "../../../../sse/tests/conformance/cases.rs"]
#[expect(dead_code, reason = "no reader of others has our bounds")]
mod conformance;
#[path = "../../../../sse/tests/it/twin.rs"]
#[expect(dead_code, reason = "only what its cases are made of")]
mod twin;

use std::{collections::BTreeSet, sync::Arc};

use peristyle::{
    BoxError, handler,
    server::{Context, Html, IntoResponse, Response, Routes},
    sse::EventStream,
    streaming,
};

use serde_json::json;

use self::cases::{Case, Seen, Sent};
use crate::serving::Serving;

/// A server of all cases, each of them as several streams.
struct Streams {
    cases: Arc<[Case]>,
    /// Of each stream which case it is, and the path.
    paths: Vec<(usize, String)>,
    serving: Serving,
}

/// Longer streams are cut into pieces of many bytes, shorter ones into single bytes.
const SHORT: usize = 1024;
const MANY: usize = 4093;

impl Streams {
    async fn start() -> Result<Self, BoxError> {
        let cases: Arc<[Case]> = cases::all()?.into();
        let paths = (0..).zip(&*cases).flat_map(|(number, case)| {
            let cut = if case.sent.len() <= SHORT { 1 } else { MANY };
            [0, cut].map(|length| (number, format!("/{number}/{length}")))
        });
        let paths = paths.collect();
        let served = Arc::clone(&cases);
        let stream = move |cx: &mut Context| stream(&served, cx);
        let routes = Routes::new()
            .get("/", handler(|_: &mut Context| Html("")))
            .get("/{case}/{length}", handler(stream));
        Ok(Self {
            cases,
            paths,
            serving: Serving::start(routes).await?,
        })
    }

    /// All types of events: readers want to be asked for each.
    fn types(&self) -> BTreeSet<&str> {
        let seen = self.cases.iter().flat_map(|case| &case.seen);
        seen.map(|[name, _, _]| name.as_str()).collect()
    }

    /// Each case that a reader reads otherwise than the standard says is known, and each that is known is there.
    fn assert_known(&self, reader: &str, seen: &[Vec<Seen>], known: &Differences) {
        assert_eq!(seen.len(), self.paths.len());
        let mut unknown = Vec::new();
        let mut missed: BTreeSet<_> = known.iter().flat_map(|(_, cases)| *cases).collect();
        for ((case, path), seen) in self.paths.iter().zip(seen) {
            let Case {
                name,
                seen: expected,
                ..
            } = &self.cases[*case];
            if seen != expected {
                let is_known = known
                    .iter()
                    .any(|(_, cases)| cases.contains(&name.as_str()));
                unknown.extend((!is_known).then(|| format!("{name} ({path}): {}", json!(seen))));
                missed.remove(&name.as_str());
            }
        }
        let unknown = unknown.join("\n");
        assert!(unknown.is_empty(), "{reader} differs:\n{unknown}");
        assert!(missed.is_empty(), "{reader} reads these well: {missed:?}");
    }
}

/// Why a reader differs from the standard, and the cases that show it.
type Differences = [(&'static str, &'static [&'static str])];

/// The stream of a case, cut into pieces of this length; a length of 0 leaves it as it is.
fn stream(cases: &[Case], cx: &Context) -> Result<Response, BoxError> {
    let number = |name| Ok::<_, BoxError>(cx.param(name).ok_or("not there")?.parse::<usize>()?);
    let case = cases.get(number("case")?).ok_or("no such case")?;
    let length = number("length")?;
    if let (Sent::Events(events), 0) = (&case.sent, length) {
        let events: Vec<Result<_, BoxError>> = events.iter().cloned().map(Ok).collect();
        let stream = EventStream::new(tokio_stream::iter(events));
        return stream.into_response().into_response();
    }
    let bytes = case.sent.bytes();
    let length = if length == 0 {
        bytes.len().max(1)
    } else {
        length
    };
    let pieces: Vec<_> = bytes.chunks(length).map(<[u8]>::to_vec).collect();
    let pieces = streaming::from_iter(pieces).content_type("text/event-stream")?;
    pieces.into_response().into_response()
}
