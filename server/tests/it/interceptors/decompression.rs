//! Compressed requests.

use std::{
    io::Write,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context as TaskContext, Poll},
};

use bytes::Bytes;
use http::header;
use http_body::Frame;
use peristyle_core::{BoxError, Chain, Link, handler};
use peristyle_server::{
    Body, BodyError, Context, Exchange, Routes, TestClient, TestResponse,
    interceptors::{BodyLimit, Decompression},
};

use super::{
    codecs::{CODINGS, encode, noise},
    header, value,
};
use crate::support::Fed;

fn decoded() -> Link<Exchange> {
    Link::new(Decompression::new())
}

/// Answers with the body, if it came without headers that are not true any more.
fn echo() -> Link<Exchange> {
    handler(async |cx: &mut Context| {
        assert!(!cx.headers().contains_key(header::CONTENT_ENCODING));
        assert!(!cx.headers().contains_key(header::CONTENT_LENGTH));
        cx.body().bytes().await
    })
}

/// Counts the body, piece by piece.
fn count() -> Link<Exchange> {
    handler(async |cx: &mut Context| {
        let mut length = 0;
        while let Some(piece) = cx.body().chunk().await {
            length += piece?.len();
        }
        Ok::<_, BodyError>(length.to_string())
    })
}

fn client(chain: impl Into<Chain<Exchange>>) -> TestClient {
    TestClient::new(Routes::new().post("/", chain.into()).build().unwrap())
}

async fn sent(client: &TestClient, coding: &'static str, body: impl Into<Body>) -> TestResponse {
    let request = client.post("/", body);
    let request = request.header(header::CONTENT_ENCODING, value(coding));
    request.send().await
}

/// A body that comes in these pieces.
fn pieces<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> Body {
    Body::new(Pieces(
        pieces.into_iter().map(Bytes::copy_from_slice).collect(),
    ))
}

struct Pieces(std::collections::VecDeque<Bytes>);

impl http_body::Body for Pieces {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut TaskContext<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        Poll::Ready(self.0.pop_front().map(|piece| Ok(Frame::data(piece))))
    }
}

/// Of every size around that of a piece.
fn texts() -> Vec<Vec<u8>> {
    let sizes = [1, 100, 16_383, 16_384, 16_385, 32_768, 50_000];
    let zeros = sizes.iter().map(|&size| vec![0; size]);
    let random = sizes.iter().map(|&size| noise(size));
    zeros.chain(random).collect()
}

#[tokio::test]
async fn a_body_is_decoded_however_it_is_split() {
    let client = client([decoded(), echo()]);
    for coding in CODINGS {
        for text in texts() {
            let encoded = encode(coding, &text);
            for size in [1, 7, 1000, usize::MAX] {
                let split = encoded.chunks(size.min(encoded.len()));
                let response = sent(&client, coding, pieces(split)).await;
                assert_eq!(response.status(), 200, "{coding} {} {size}", text.len());
                assert!(response.bytes().await.unwrap() == text, "{coding} {size}");
            }
        }
    }
}

#[tokio::test]
async fn later_stages_see_no_encoding_and_no_length() {
    let client = client([decoded(), echo()]);
    let encoded = encode("gzip", b"text");
    let request = client.post("/", encoded.clone());
    let request = request
        .header(header::CONTENT_LENGTH, encoded.len().into())
        .header(header::CONTENT_ENCODING, value("X-GZip , identity"));
    assert_eq!(request.send().await.text().await.unwrap(), "text");
}

#[tokio::test]
async fn a_body_that_is_not_encoded_is_as_it_was() {
    let length = handler(|cx: &mut Context| {
        let encoding = cx.headers().contains_key(header::CONTENT_ENCODING);
        let length = cx.headers().get(header::CONTENT_LENGTH).cloned();
        format!("{encoding} {}", length.unwrap().to_str().unwrap())
    });
    let client = client([decoded(), length]);
    for encoding in [None, Some("identity"), Some("")] {
        let mut request = client
            .post("/", "text")
            .header(header::CONTENT_LENGTH, value("4"));
        if let Some(encoding) = encoding {
            request = request.header(header::CONTENT_ENCODING, value(encoding));
        }
        assert_eq!(request.send().await.text().await.unwrap(), "false 4");
    }
}

#[tokio::test]
async fn a_coding_that_is_not_known_or_one_too_many_is_a_415_that_says_what_is() {
    let client = client([decoded(), echo()]);
    let known = if cfg!(feature = "zstd") {
        "zstd, br, gzip, deflate"
    } else {
        "br, gzip, deflate"
    };
    for coding in ["compress", "gzip, br", "gzip, gzip", "br, x", "g zip"] {
        let response = sent(&client, coding, encode("gzip", b"text")).await;
        assert_eq!(response.status(), 415, "{coding}");
        assert_eq!(header(&response, "accept-encoding"), known);
    }
    let request = client.post("/", "text");
    let request = request
        .header(header::CONTENT_ENCODING, value("gzip"))
        .header(header::CONTENT_ENCODING, value("gzip"));
    assert_eq!(request.send().await.status(), 415);
}

#[tokio::test]
async fn a_body_that_breaks_off_anywhere_is_a_400() {
    let client = client([decoded(), echo()]);
    for coding in CODINGS {
        for text in [&b"some text, some text"[..], &noise(40_000)] {
            let encoded = encode(coding, text);
            let step = encoded.len() / 50 + 1;
            for length in (1..encoded.len()).step_by(step).chain([encoded.len() - 1]) {
                let response = sent(&client, coding, encoded[..length].to_vec()).await;
                assert_eq!(response.status(), 400, "{coding} {length}");
            }
        }
        assert_eq!(sent(&client, coding, "").await.text().await.unwrap(), "");
    }
}

#[tokio::test]
async fn a_body_that_is_malformed_or_goes_on_after_its_end_is_a_400() {
    let client = client([decoded(), echo()]);
    for coding in CODINGS {
        let encoded = encode(coding, &noise(300));
        let longer = [&encoded[..], b"more"].concat();
        let mut answers = vec![
            sent(&client, coding, "no such thing").await,
            sent(&client, coding, longer).await,
            sent(&client, coding, pieces([&encoded[..], b"\0"])).await,
        ];
        // The frames of zstd and br that are made here have no checksum.
        if ["gzip", "deflate"].contains(coding) {
            for at in [150, encoded.len() - 1] {
                let mut wrong = encoded.clone();
                wrong[at] ^= 1;
                answers.push(sent(&client, coding, wrong).await);
            }
        }
        for (at, response) in answers.into_iter().enumerate() {
            assert_eq!(response.status(), 400, "{coding} {at}");
            let text = response.text().await.unwrap();
            let detail = r#""detail":"the request body is not in its content coding""#;
            assert!(text.contains(detail), "{text}");
        }
    }
}

#[tokio::test]
async fn bodies_that_are_joined_are_one_where_the_format_says_so_up_to_a_number() {
    let client = client([decoded(), echo()]);
    for coding in CODINGS {
        let one = encode(coding, b"one");
        let two = [one.clone(), encode(coding, b"two")].concat();
        let many = one.repeat(1001);
        let too_many = one.repeat(1002);
        let expected = match *coding {
            "gzip" | "zstd" => [200, 200, 400],
            _ => [400, 400, 400],
        };
        for (body, expected) in [two, many, too_many].into_iter().zip(expected) {
            let response = sent(&client, coding, body).await;
            assert_eq!(response.status(), expected, "{coding}");
        }
        if expected[0] == 200 {
            let two = pieces([&one[..], &encode(coding, b"two")]);
            let response = sent(&client, coding, two).await;
            assert_eq!(response.text().await.unwrap(), "onetwo");
        }
    }
}

/// Ten gibibytes of zeros, made as they are asked for. Counts what was taken of them.
struct Bomb {
    encoder: flate2::write::GzEncoder<Vec<u8>>,
    left: usize,
    taken: Arc<AtomicUsize>,
}

impl Bomb {
    fn begin() -> (Body, Arc<AtomicUsize>) {
        let taken = Arc::new(AtomicUsize::new(0));
        let bomb = Self {
            encoder: flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast()),
            left: 10 << 30,
            taken: taken.clone(),
        };
        (Body::new(bomb), taken)
    }
}

impl http_body::Body for Bomb {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut TaskContext<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        while self.left > 0 && self.encoder.get_ref().len() < 1000 {
            self.encoder.write_all(&[0; 1024])?;
            self.left -= 1024;
        }
        let bytes = std::mem::take(self.encoder.get_mut());
        self.taken.fetch_add(bytes.len(), Ordering::Relaxed);
        Poll::Ready(Some(Ok(Frame::data(bytes.into()))))
    }
}

const MIB: usize = 1 << 20;
/// What is decoded at a time.
const PIECE: usize = 16 * 1024;

struct Measured {
    response: TestResponse,
    /// How many bytes of memory were held at once.
    held: u64,
    /// How often other tasks had their turn.
    waits: usize,
}

fn measured(client: &TestClient, coding: &'static str, body: Body) -> Measured {
    let mut response = None;
    let mut waits = 0;
    let held = allocation_counter::measure(|| {
        let mut sending = tokio_test::task::spawn(sent(client, coding, body));
        response = loop {
            if let Poll::Ready(response) = sending.poll() {
                break Some(response);
            }
            assert!(sending.is_woken());
            waits += 1;
        };
    });
    Measured {
        response: response.unwrap(),
        held: held.bytes_max,
        waits,
    }
}

#[test]
fn a_bomb_stops_at_the_limit_with_little_held_and_little_read() {
    let cases = [
        (client([decoded(), echo()]), 2),
        (client([decoded(), count()]), 2),
    ];
    for (client, limit) in cases {
        let (bomb, taken) = Bomb::begin();
        let Measured { response, held, .. } = measured(&client, "gzip", bomb);
        assert_eq!(response.status(), 413);
        assert!(held < 3 * limit * MIB as u64, "{held}");
        let taken = taken.load(Ordering::Relaxed);
        assert!(taken < 32 * 1024, "{taken}");
    }
    let limit = Link::new(BodyLimit::bytes(16 << 20));
    let client = client([limit, decoded(), count()]);
    let (bomb, taken) = Bomb::begin();
    let Measured { response, held, .. } = measured(&client, "gzip", bomb);
    assert_eq!(response.status(), 413);
    assert!(held < MIB as u64, "{held}");
    let taken = taken.load(Ordering::Relaxed);
    assert!(taken < 256 * 1024, "{taken}");
}

/// A few hundred bytes are megabytes of these.
#[test]
fn a_bomb_of_any_coding_is_decoded_piece_by_piece_with_turns_for_others() {
    let zeros = vec![0; 16 * MIB];
    for coding in CODINGS {
        let limit = Link::new(BodyLimit::bytes(12 << 20));
        let client = client([limit, decoded(), count()]);
        let bomb = encode(coding, &zeros);
        let Measured {
            response,
            held,
            waits,
        } = measured(&client, coding, bomb.into());
        assert_eq!(response.status(), 413, "{coding}");
        assert!(waits >= 12 * MIB / PIECE - 1, "{coding}: {waits}");
        assert!(held < 3 * MIB as u64, "{coding}: {held}");
    }
}

#[tokio::test]
async fn the_limit_counts_what_is_decoded_wherever_it_is_set() {
    let limit = |bytes: u16| Link::new(BodyLimit::bytes(bytes.into()));
    let (enough, too_little) = (40_000_u16, 39_999);
    let chains = [
        (vec![limit(enough), decoded(), echo()], 200),
        (vec![limit(too_little), decoded(), echo()], 413),
        (vec![decoded(), limit(enough), echo()], 200),
        (vec![decoded(), limit(too_little), echo()], 413),
        (vec![limit(1), decoded(), limit(enough), echo()], 200),
    ];
    for (chain, expected) in chains {
        let client = client(chain);
        for coding in CODINGS {
            for text in [vec![0; enough.into()], noise(enough.into())] {
                let response = sent(&client, coding, encode(coding, &text)).await;
                assert_eq!(response.status(), expected, "{coding}");
            }
        }
    }
}

#[tokio::test]
async fn a_body_that_decodes_to_nothing_is_limited_too() {
    let limit = Link::new(BodyLimit::bytes(16 * 1024));
    let client = client([limit, decoded(), echo()]);
    // A gzip header with a name that does not end.
    let (values, body) = Fed::new();
    let start = [0x1f, 0x8b, 8, 8, 0, 0, 0, 0, 0, 0];
    values.try_send(Ok(start.to_vec().into())).unwrap();
    for _ in 0..18 {
        values.try_send(Ok(vec![b'a'; 1024].into())).unwrap();
    }
    drop(values);
    let response = sent(&client, "gzip", Body::new(body)).await;
    assert_eq!(response.status(), 413);
}
