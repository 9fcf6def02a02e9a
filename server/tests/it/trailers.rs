//! Header fields after a body.

use std::{
    collections::VecDeque,
    pin::Pin,
    task::{Context as TaskContext, Poll},
};

use bytes::Bytes;
use http::{
    HeaderMap, HeaderName, HeaderValue,
    header::{CONTENT_LENGTH, TRAILER},
};
use http_body::Frame;
use http_body_util::BodyExt;
use peristyle_core::{BoxError, handler};
use peristyle_server::{Body, Context, Response, Router, Routes};

use super::{
    http2,
    support::{Running, get, soon},
};

const ROWS: HeaderName = HeaderName::from_static("x-rows");

type Item = Result<Frame<Bytes>, &'static str>;

/// Gives its frames, one at a poll.
struct Frames(VecDeque<Item>);

impl http_body::Body for Frames {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut TaskContext<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let frame = self.0.pop_front();
        Poll::Ready(frame.map(|frame| frame.map_err(Into::into)))
    }

    fn is_end_stream(&self) -> bool {
        self.0.is_empty()
    }
}

fn rows() -> HeaderMap {
    let secret = HeaderName::from_static("x-undeclared");
    HeaderMap::from_iter([(ROWS, 1.into()), (secret, 2.into())])
}

/// At `/`, and at the other paths one that fails, one of declared length, and one whose trailers are not declared.
fn router() -> Router {
    let whole = || [Ok(Frame::data("one".into())), Ok(Frame::trailers(rows()))];
    let torn = || [Ok(Frame::data("one".into())), Err("torn")];
    let answer = |frames: [Item; 2]| Response::new(Body::new(Frames(frames.into())));
    let declared = move |frames| {
        let mut response = answer(frames);
        let names = HeaderValue::from_static("x-rows");
        response.headers_mut().insert(TRAILER, names);
        response
    };
    let sized = move |_: &mut Context| {
        let mut response = declared(whole());
        response.headers_mut().insert(CONTENT_LENGTH, 3.into());
        response
    };
    let routes = Routes::new()
        .get("/", handler(move |_: &mut Context| declared(whole())))
        .get("/torn", handler(move |_: &mut Context| declared(torn())))
        .get("/sized", handler(sized))
        .get("/silent", handler(move |_: &mut Context| answer(whole())));
    routes.build().unwrap()
}

/// A request that says this in `TE`.
fn asking(path: &str, te: &str) -> String {
    get(path).replacen("\r\n", &format!("\r\nte: {te}\r\n"), 1)
}

const HEAD: &str =
    "HTTP/1.1 200 OK\r\ntrailer: x-rows\r\nconnection: close\r\ntransfer-encoding: chunked\r\n\r\n";

#[tokio::test]
async fn over_http_1_1_declared_trailers_are_sent_to_clients_that_say_so() {
    let server = Running::start(router()).await;
    for te in ["trailers", "gzip;q=0.5, Trailers"] {
        let answer = server.answer(asking("/", te)).await;
        assert_eq!(answer, format!("{HEAD}3\r\none\r\n0\r\nx-rows: 1\r\n\r\n"));
    }
    server.ended().await;
}

#[tokio::test]
async fn over_http_1_1_clients_that_do_not_ask_for_trailers_get_none() {
    let server = Running::start(router()).await;
    for request in [get("/"), asking("/", "gzip"), asking("/", "notrailers")] {
        let answer = server.answer(request).await;
        assert_eq!(answer, format!("{HEAD}3\r\none\r\n0\r\n\r\n"));
    }
    server.ended().await;
}

#[tokio::test]
async fn over_http_1_1_undeclared_trailers_are_not_sent() {
    let server = Running::start(router()).await;
    let answer = server.answer(asking("/silent", "trailers")).await;
    let head = HEAD.replace("trailer: x-rows\r\n", "");
    assert_eq!(answer, format!("{head}3\r\none\r\n0\r\n\r\n"));
    server.ended().await;
}

#[tokio::test]
async fn over_http_1_1_a_body_of_declared_length_has_no_trailers() {
    let server = Running::start(router()).await;
    let keeping = asking("/sized", "trailers").replace("connection: close\r\n", "");
    let both = format!("{keeping}{}", asking("/", "trailers"));
    let first = "HTTP/1.1 200 OK\r\ntrailer: x-rows\r\ncontent-length: 3\r\n\r\none";
    let second = format!("{HEAD}3\r\none\r\n0\r\nx-rows: 1\r\n\r\n");
    assert_eq!(server.answer(both).await, format!("{first}{second}"));
    server.ended().await;
}

#[tokio::test]
async fn over_http_1_1_the_connection_goes_on_behind_trailers() {
    let server = Running::start(router()).await;
    for te in ["trailers", "gzip"] {
        let keeping = asking("/", te).replace("connection: close\r\n", "");
        let answer = server.answer(format!("{keeping}{}", get("/"))).await;
        let trailers = if te == "trailers" {
            "x-rows: 1\r\n"
        } else {
            ""
        };
        let head = HEAD.replace("connection: close\r\n", "");
        let first = format!("{head}3\r\none\r\n0\r\n{trailers}\r\n");
        assert_eq!(answer, format!("{first}{HEAD}3\r\none\r\n0\r\n\r\n"));
    }
    server.ended().await;
}

#[tokio::test]
async fn over_http_1_1_no_trailers_follow_a_failure() {
    let server = Running::start(router()).await;
    let answer = server.answer(asking("/torn", "trailers")).await;
    assert_eq!(answer, format!("{HEAD}3\r\none\r\n"));
    server.ended().await;
}

#[tokio::test]
async fn over_http_2_trailers_are_always_sent_and_none_follow_a_failure() {
    let server = Running::start(router()).await;
    let mut client = http2::Client::connect(&server).await;
    for path in ["/", "/sized", "/silent"] {
        let response = client.get(path).await;
        let body = soon(response.into_body().collect()).await.unwrap();
        assert_eq!(body.trailers(), Some(&rows()), "{path}");
        assert_eq!(body.to_bytes(), "one");
    }
    let response = client.get("/torn").await;
    soon(response.into_body().collect()).await.unwrap_err();
    assert_eq!(client.get("/").await.status(), 200, "only a stream ended");
    server.ended().await;
}
