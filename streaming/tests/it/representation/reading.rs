//! What is read of a source, and when.

use std::{
    future::{Future, pending},
    io,
    pin::pin,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
};

use bytes::Bytes;
use http_body_util::BodyExt;
use peristyle_core::{BoxError, Panicked};
use peristyle_streaming::files::{Addressable, Representation};
use tokio_test::{assert_pending, task::spawn};

use super::{content, request};

type Read = fn(u64, usize) -> io::Result<Bytes>;

/// A source that notes what it was asked for.
#[derive(Clone)]
struct Noted {
    length: u64,
    reads: Arc<Mutex<Vec<(u64, usize)>>>,
    read: Read,
}

impl Noted {
    fn new(length: u64, read: Read) -> Self {
        let reads = Arc::default();
        Self {
            length,
            reads,
            read,
        }
    }

    fn reads(&self) -> Vec<(u64, usize)> {
        self.reads.lock().unwrap().clone()
    }
}

impl Addressable for Noted {
    fn length(&self) -> u64 {
        self.length
    }

    async fn read_at(self: Arc<Self>, offset: u64, length: usize) -> io::Result<Bytes> {
        self.reads.lock().unwrap().push((offset, length));
        (self.read)(offset, length)
    }
}

#[expect(clippy::unnecessary_wraps, reason = "it is one of several reads")]
fn zeros(_: u64, length: usize) -> io::Result<Bytes> {
    Ok(vec![0; length].into())
}

async fn fails(noted: &Noted, range: &str) -> (usize, BoxError) {
    let request = request("GET", &[("range", range)]);
    let mut body = Representation::new(noted.clone())
        .respond(&request)
        .into_body();
    let mut came = 0;
    loop {
        match body.frame().await.expect("it never looks complete") {
            Ok(frame) => came += frame.into_data().unwrap().len(),
            Err(error) => {
                assert!(body.frame().await.is_none());
                return (came, error);
            }
        }
    }
}

#[tokio::test]
async fn nothing_is_read_for_a_head_a_condition_or_a_range_beyond_the_end() {
    let noted = Noted::new(10, zeros);
    for (method, header, status) in [
        ("HEAD", ("range", "bytes=0-"), 200),
        ("GET", ("if-none-match", "*"), 304),
        ("GET", ("if-match", "\"a\""), 412),
        ("GET", ("range", "bytes=10-"), 416),
        ("POST", ("range", "bytes=0-"), 405),
    ] {
        let content_of = Representation::new(noted.clone());
        let response = content_of.respond(&request(method, &[header]));
        assert_eq!(response.status(), status);
        assert_eq!(content(response).await.unwrap(), "");
    }
    assert_eq!(noted.reads(), []);
}

#[tokio::test]
async fn only_the_range_is_read_in_chunks_of_256_kib() {
    let noted = Noted::new(1 << 40, zeros);
    let request = request("GET", &[("range", "bytes=1000-526287")]);
    let response = Representation::new(noted.clone()).respond(&request);
    assert_eq!(noted.reads(), [], "nobody has asked yet");
    assert_eq!(content(response).await.unwrap().len(), 525_288);
    assert_eq!(
        noted.reads(),
        [(1000, 262_144), (263_144, 262_144), (525_288, 1000)]
    );
}

#[tokio::test]
async fn one_chunk_is_read_when_it_is_asked_for() {
    let noted = Noted::new(1 << 40, zeros);
    let mut body = Representation::new(noted.clone())
        .respond(&request("GET", &[]))
        .into_body();
    for chunk in 1..=3 {
        body.frame().await.unwrap().unwrap();
        assert_eq!(noted.reads().len(), chunk);
    }
}

#[tokio::test]
async fn a_short_read_goes_on_where_it_ended() {
    let noted = Noted::new(250, |offset, length| {
        let length = length.min(100);
        Ok(vec![u8::try_from(offset).unwrap(); length].into())
    });
    let response = Representation::new(noted.clone()).respond(&request("GET", &[]));
    let expected = [vec![0; 100], vec![100; 100], vec![200; 50]].concat();
    assert_eq!(content(response).await.unwrap(), expected);
    assert_eq!(noted.reads(), [(0, 250), (100, 150), (200, 50)]);
}

#[tokio::test]
async fn a_source_that_ends_early_never_looks_complete() {
    let noted = Noted::new(1000, |offset, _| {
        let end: &[u8] = if offset < 100 { &[0; 100] } else { &[] };
        Ok(end.into())
    });
    let (came, error) = fails(&noted, "bytes=0-").await;
    assert_eq!(came, 100);
    let error = error.downcast_ref::<io::Error>().unwrap();
    assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof);
    let (came, _) = fails(&noted, "bytes=0-9,900-909").await;
    assert!(came < 300, "the second part is not there");
}

#[tokio::test]
async fn a_source_that_gives_more_than_asked_for_is_an_error() {
    let noted = Noted::new(1000, |_, length| Ok(vec![0; length + 1].into()));
    let (came, error) = fails(&noted, "bytes=0-9").await;
    assert_eq!(came, 0);
    assert_eq!(error.to_string(), "the source gave more than asked for");
}

#[tokio::test]
async fn an_error_of_a_source_comes_after_what_was_read() {
    let noted = Noted::new(1 << 20, |offset, length| match offset {
        0 => zeros(offset, length),
        _ => Err(io::ErrorKind::PermissionDenied.into()),
    });
    let (came, error) = fails(&noted, "bytes=0-").await;
    assert_eq!(came, 262_144);
    let error = error.downcast_ref::<io::Error>().unwrap();
    assert_eq!(error.kind(), io::ErrorKind::PermissionDenied);
}

#[tokio::test]
async fn a_panic_of_a_source_is_an_error_of_the_body() {
    let noted = Noted::new(1000, |_, _| panic!("no disk"));
    let (came, error) = fails(&noted, "bytes=0-9").await;
    assert_eq!(came, 0);
    assert!(error.is::<Panicked>());
}

/// A source whose reads never end, and which notes that one was dropped.
struct Stuck(Arc<AtomicBool>);

struct OnDrop(Arc<AtomicBool>);

impl Drop for OnDrop {
    fn drop(&mut self) {
        self.0.store(true, Relaxed);
    }
}

impl Addressable for Stuck {
    fn length(&self) -> u64 {
        1
    }

    async fn read_at(self: Arc<Self>, _: u64, _: usize) -> io::Result<Bytes> {
        let _on_drop = OnDrop(Arc::clone(&self.0));
        pending().await
    }
}

#[test]
fn a_read_is_dropped_with_its_body() {
    let dropped = Arc::new(AtomicBool::new(false));
    let content = Representation::new(Stuck(Arc::clone(&dropped)));
    let mut body = content.respond(&request("GET", &[])).into_body();
    {
        let mut frame = spawn(body.frame());
        assert_pending!(frame.poll());
    }
    assert!(!dropped.load(Relaxed), "a poll that waits loses nothing");
    drop(body);
    assert!(dropped.load(Relaxed));
}

#[tokio::test]
async fn bytes_give_what_they_have() {
    let bytes = Arc::new(Bytes::from_static(b"0123456789"));
    for (offset, length, expected) in [
        (0, 10, "0123456789"),
        (3, 4, "3456"),
        (8, 4, "89"),
        (10, 1, ""),
        (u64::MAX, 1, ""),
    ] {
        let read = pin!(Arc::clone(&bytes).read_at(offset, length));
        assert_eq!(read.await.unwrap(), expected);
    }
}

/// So that it can be spawned with its response.
#[test]
fn a_read_can_be_sent_to_another_thread() {
    fn is_send(_: impl Future + Send + 'static) {}
    is_send(async {
        let response = Representation::new(Bytes::new()).respond(&request("GET", &[]));
        content(response).await.unwrap();
    });
}
