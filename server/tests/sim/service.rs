//! What the server serves, and what a right answer is.

use std::{
    pin::Pin,
    task::{Context as TaskContext, Poll, ready},
    time::Duration,
};

use bytes::Bytes;
use http::{HeaderValue, Method, header::DATE};
use http_body::Frame;
use peristyle_core::{BoxError, Control, Controlled, End, Link, before, handler};
use peristyle_server::{
    BodyError, Context, Ended, Response, Router, Routes,
    interceptors::{BodyLimit, ConcurrencyLimit, RequestId},
};
use tokio::time::{Sleep, sleep};

use crate::record::Record;

/// What a client asks for. Its address says all that the answer depends on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Ask {
    Whole(usize),
    Head(usize),
    Echo {
        length: usize,
        upload: Upload,
    },
    /// Answered without a look at its body.
    Unread {
        length: usize,
        upload: Upload,
    },
    Stream {
        pieces: usize,
        gap: u64,
    },
    /// A stream that fails after so many pieces.
    Fails {
        pieces: usize,
        gap: u64,
    },
    /// A stream that ends when it is told to drain.
    Drains {
        pieces: usize,
        gap: u64,
    },
    Slow(u64),
    /// One at a time; others are refused.
    Busy,
    Missing,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Upload {
    Length,
    /// In chunks of at most so many bytes.
    Chunks(usize),
    /// Sent when it was asked for: `Expect: 100-continue`.
    Expected,
}

impl Ask {
    pub(crate) fn path(&self) -> String {
        match self {
            Self::Whole(length) | Self::Head(length) => format!("/whole/{length}"),
            Self::Echo { .. } => "/echo".to_owned(),
            Self::Unread { .. } => "/unread".to_owned(),
            Self::Stream { pieces, gap } => format!("/stream/{pieces}/{gap}"),
            Self::Fails { pieces, gap } => format!("/fails/{pieces}/{gap}"),
            Self::Drains { pieces, gap } => format!("/drains/{pieces}/{gap}"),
            Self::Slow(time) => format!("/slow/{time}"),
            Self::Busy => "/busy".to_owned(),
            Self::Missing => "/missing".to_owned(),
        }
    }

    pub(crate) fn method(&self) -> Method {
        match self {
            Self::Head(_) => Method::HEAD,
            Self::Echo { .. } | Self::Unread { .. } => Method::POST,
            _ => Method::GET,
        }
    }

    pub(crate) fn upload(&self) -> Option<(Vec<u8>, Upload)> {
        match *self {
            Self::Echo { length, upload } | Self::Unread { length, upload } => {
                Some((pattern(length), upload))
            }
            _ => None,
        }
    }

    /// The statuses that a right answer may have.
    pub(crate) fn statuses(&self, body_limit: u64) -> &'static [u16] {
        match self {
            Self::Echo { length, .. } if *length as u64 > body_limit => &[413],
            Self::Busy => &[200, 503],
            Self::Missing => &[404],
            _ => &[200],
        }
    }

    /// Whether nothing follows the answer on a connection of HTTP/1.1.
    pub(crate) fn closes(&self, body_limit: u64) -> Closes {
        match self {
            Self::Echo { length, .. } if *length as u64 > body_limit => Closes::Always,
            Self::Fails { .. } => Closes::Always,
            Self::Unread { length, .. } if *length > 0 => Closes::Perhaps,
            _ => Closes::Never,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Closes {
    Never,
    /// What is unread is taken if it has come already.
    Perhaps,
    Always,
}

/// What the body of an answer with 200 must be.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Body {
    Is(Vec<u8>),
    /// That, or as many pieces of it as were sent before the shutdown.
    Drains(usize),
    /// The first bytes of this, and never looks complete.
    Breaks(Vec<u8>),
    /// That of the request, whatever it was.
    OfRequest,
}

/// The body of the answer to a request as the server saw it.
pub(crate) fn body(method: &str, path: &str) -> Option<Body> {
    let mut parts = path.split('/').skip(1);
    let route = parts.next()?;
    let number = parts.next().and_then(|number| number.parse().ok());
    Some(match (route, number) {
        ("whole", Some(_)) if method == "HEAD" => Body::Is(Vec::new()),
        ("whole", Some(length)) => Body::Is(pattern(length)),
        ("stream", Some(pieces)) => Body::Is(first_pieces(pieces)),
        ("drains", Some(pieces)) => Body::Drains(pieces),
        ("fails", Some(pieces)) => Body::Breaks(first_pieces(pieces)),
        ("slow", Some(_)) => Body::Is(b"slow".to_vec()),
        ("unread", _) => Body::Is(b"unread".to_vec()),
        ("busy", _) => Body::Is(b"busy".to_vec()),
        ("echo", _) => Body::OfRequest,
        _ => return None,
    })
}

/// Mostly letters; bytes that no head may have are among them, so that a body which is taken for a head is noticed.
pub(crate) fn pattern(length: usize) -> Vec<u8> {
    let letters: Vec<u8> = (b'a'..b'x').collect();
    let all: Vec<u8> = (0..=250).collect();
    let byte = |at| {
        let bytes = if at % 10 == 9 { &all } else { &letters };
        bytes[at * 7 % bytes.len()]
    };
    (0..length).map(byte).collect()
}

fn piece(index: usize) -> Vec<u8> {
    pattern(1 + index * 37 % 200)
}

pub(crate) fn first_pieces(count: usize) -> Vec<u8> {
    (0..count).flat_map(piece).collect()
}

pub(crate) fn router(record: &Record, body_limit: u64, seed: u64) -> Router {
    let record = record.clone();
    let watch = before(move |cx: &mut Context| {
        // A real one is as long over HTTP/2 as its digits make it.
        cx.late_headers().insert(
            DATE,
            HeaderValue::from_static("Thu, 01 Jan 1970 00:00:00 GMT"),
        );
        let id = cx.id().to_string();
        let header = |name| cx.headers().get(name).and_then(|value| value.to_str().ok());
        let number = header("x-n").unwrap_or("-").to_owned();
        record.began(&id, &number, cx.method().as_str(), cx.uri().path());
        let record = record.clone();
        cx.on_ended(move |ended: &Ended| record.ended(&id, ended));
    });
    let busy = Link::new(
        ConcurrencyLimit::new(1)
            .retry_after(SECOND * 9)
            .seeded(seed),
    );
    let routes = Routes::new()
        .interceptors([watch, Link::new(BodyLimit::bytes(body_limit))])
        .get(
            "/whole/{length}",
            handler(|cx: &mut Context| pattern(number(cx, "length"))),
        )
        .post("/echo", handler(echo))
        .post("/unread", handler(|_: &mut Context| "unread"))
        .get(
            "/stream/{pieces}/{gap}",
            handler(|cx: &mut Context| stream(cx, Last::End)),
        )
        .get(
            "/fails/{pieces}/{gap}",
            handler(|cx: &mut Context| stream(cx, Last::Failure)),
        )
        .get("/drains/{pieces}/{gap}", handler(draining))
        .get("/slow/{time}", handler(slow))
        .get("/busy", [busy, handler(worked)]);
    let built = routes.build().expect("the routes do not conflict");
    built.request_id(RequestId::new().seeded(seed))
}

const SECOND: Duration = Duration::from_secs(1);

fn number(cx: &Context, name: &str) -> usize {
    let number = cx.param(name).and_then(|number| number.parse().ok());
    number
        .filter(|number| *number < 1 << 20)
        .unwrap_or_default()
}

fn time(cx: &Context, name: &str) -> Duration {
    Duration::from_millis(number(cx, name) as u64)
}

async fn echo(cx: &mut Context) -> Result<Bytes, BodyError> {
    cx.body().bytes().await
}

async fn slow(cx: &mut Context) -> &'static str {
    sleep(time(cx, "time")).await;
    "slow"
}

async fn worked(_: &mut Context) -> &'static str {
    sleep(SECOND).await;
    "busy"
}

fn stream(cx: &Context, last: Last) -> Response {
    Response::new(peristyle_server::Body::new(Pieces::new(cx, last)))
}

fn draining(cx: &mut Context) -> Response {
    let (control, controlled) = Control::new();
    let mut pieces = Pieces::new(cx, Last::End);
    pieces.controlled = Some(controlled);
    let mut response = Response::new(peristyle_server::Body::new(pieces));
    response.extensions_mut().insert(control);
    response
}

/// What comes after the last piece.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Last {
    End,
    Failure,
}

/// A body of several pieces with a pause before each.
struct Pieces {
    next: usize,
    count: usize,
    gap: Duration,
    last: Last,
    pause: Pin<Box<Sleep>>,
    controlled: Option<Controlled>,
}

impl Pieces {
    fn new(cx: &Context, last: Last) -> Self {
        Self {
            next: 0,
            count: number(cx, "pieces"),
            gap: time(cx, "gap"),
            last,
            pause: Box::pin(sleep(Duration::ZERO)),
            controlled: None,
        }
    }
}

impl http_body::Body for Pieces {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut TaskContext<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let this = &mut *self;
        if let Some(controlled) = &mut this.controlled {
            if controlled.poll_drain(cx).is_ready() {
                controlled.end(End::Drained);
                return Poll::Ready(None);
            }
        }
        ready!(this.pause.as_mut().poll(cx));
        if this.next == this.count {
            return Poll::Ready(match this.last {
                Last::End => None,
                Last::Failure => Some(Err("it fails".into())),
            });
        }
        let piece = piece(this.next);
        this.next += 1;
        // Every third comes at once with the one before.
        if this.next % 3 != 0 {
            this.pause = Box::pin(sleep(this.gap));
        }
        Poll::Ready(Some(Ok(Frame::data(piece.into()))))
    }
}
