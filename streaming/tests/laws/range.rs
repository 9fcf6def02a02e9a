//! Ranges: what is sent is what was asked for, byte by byte, and never more than the content.

use std::{
    future::pending,
    io,
    pin::pin,
    sync::Arc,
    task::{Context, Poll, Waker},
};

use bytes::Bytes;
use http::{HeaderValue, Request, Response, StatusCode, header::RANGE};
use http_body::Body;

use super::Law;
#[cfg(test)]
use super::variations;
use crate::files::{Addressable, Representation};

/// The most that are answered in ranges, and how near each other they become one.
const MOST: usize = 16;
const NEAR: usize = 80;

pub(super) fn law() -> Law {
    let seeds = [
        "bytes=0-0",
        "bytes=0-499",
        "bytes=500-",
        "bytes=-500",
        "bytes=-0",
        "bytes=5-2",
        "bytes=0-9,100-109,300-309",
        "bytes=300-309 , ,0-9,\t305-320",
        "bytes=0-9,90-99,180-189,271-280",
        "bytes=-1,0-0",
        "bytes=605-650,0-9,600-609",
        "bytes=0-18446744073709551615,18446744073709551616-",
        "bytes=0-0,99-99,198-198,297-297,396-396,495-495,594-594,693-693,792-792,891-891",
        "bytes=0-0,1-1,2-2,3-3,4-4,5-5,6-6,7-7,8-8,9-9,10-10,11-11,12-12,13-13,14-14,15-15,16-16",
        "items=0-9",
    ];
    // Two bytes for the length, one for how near to the largest of all another content is.
    let lengths: [[u8; 3]; 3] = [[0, 0, 0], [3, 232, 1], [15, 160, 255]];
    let seed = |header: &str| lengths.map(|length| [&length, header.as_bytes()].concat());
    Law {
        holds,
        seeds: seeds.into_iter().flat_map(seed).collect(),
        words: &[
            "bytes=",
            "BYTES=",
            "-",
            ",",
            " ",
            "\t",
            "0",
            "9",
            "99",
            "100-",
            "-1",
            "0-0",
            "1000-1999",
            "-0",
            "+1",
            "18446744073709551615",
            "18446744073709551616",
        ],
    }
}

#[test]
fn what_is_sent_is_what_was_asked_for() {
    variations::check(&law());
}

fn holds(bytes: &[u8]) {
    let Some(([high, low, near], header)) = bytes.split_first_chunk() else {
        return;
    };
    let Ok(header) = HeaderValue::from_bytes(header) else {
        return;
    };
    let length = usize::from(u16::from_be_bytes([*high, *low])) % 4096;
    let expected = expected(header.as_bytes(), length);
    assert_eq!(answer(&header, length), expected);
    stays_within(&header, u64::MAX - u64::from(*near));
}

/// What a response consists of: its status, and the ranges with their bytes.
#[derive(Debug, PartialEq)]
enum Answer {
    Whole(Vec<u8>),
    None,
    Ranges(Vec<(usize, usize, Vec<u8>)>),
}

fn content(length: usize) -> Vec<u8> {
    (0..=250).cycle().take(length).collect()
}

fn answer(header: &HeaderValue, length: usize) -> Answer {
    let response = respond(Bytes::from(content(length)), header);
    let size: usize = text(&response, "content-length").parse().unwrap();
    let (status, place) = (
        response.status(),
        text(&response, "content-range").to_owned(),
    );
    let content_type = text(&response, "content-type").to_owned();
    let body = read(response.into_body());
    assert_eq!(body.len(), size);
    match status {
        StatusCode::OK => Answer::Whole(body),
        StatusCode::RANGE_NOT_SATISFIABLE => {
            assert_eq!(place, format!("bytes */{length}"));
            assert!(body.is_empty());
            Answer::None
        }
        StatusCode::PARTIAL_CONTENT if !place.is_empty() => {
            let (first, last) = within(&place, length);
            Answer::Ranges(vec![(first, last, body)])
        }
        StatusCode::PARTIAL_CONTENT => {
            assert!(body.len() < length, "it is worth its parts");
            Answer::Ranges(parts(&body, &content_type, length))
        }
        other => panic!("{other}"),
    }
}

fn parts(body: &[u8], content_type: &str, length: usize) -> Vec<(usize, usize, Vec<u8>)> {
    let boundary = content_type.split_once("boundary=").unwrap().1;
    let mut rest = [b"\r\n", body].concat();
    let mut parts = Vec::new();
    loop {
        let delimiter = format!("\r\n--{boundary}");
        rest = rest.strip_prefix(delimiter.as_bytes()).unwrap().to_vec();
        if rest == b"--\r\n" {
            return parts;
        }
        let end = rest.windows(4).position(|it| it == b"\r\n\r\n").unwrap();
        let head = std::str::from_utf8(&rest[..end]).unwrap();
        let place = head.split_once("content-range: ").unwrap().1;
        let (first, last) = within(place, length);
        let (start, end) = (end + 4, end + 5 + last - first);
        parts.push((first, last, rest[start..end].to_vec()));
        rest.drain(..end);
    }
}

/// The numbers of a `Content-Range`.
fn within(place: &str, length: usize) -> (usize, usize) {
    let place = place.strip_prefix("bytes ").unwrap();
    let place = place.strip_suffix(&format!("/{length}")).unwrap();
    let (first, last) = place.split_once('-').unwrap();
    (first.parse().unwrap(), last.parse().unwrap())
}

/// Marks each byte that is asked for, and those between two that are near each other.
fn expected(header: &[u8], length: usize) -> Answer {
    let whole = || Answer::Whole(content(length));
    let header = header.to_ascii_lowercase();
    let Some(set) = header.trim_ascii().strip_prefix(b"bytes=") else {
        return whole();
    };
    let elements = set.split(|byte| *byte == b',').map(<[u8]>::trim_ascii);
    let elements: Vec<_> = elements.filter(|element| !element.is_empty()).collect();
    let specs: Option<Vec<_>> = elements.iter().map(|it| spec(it, length)).collect();
    let Some(specs) = specs.filter(|it| (1..=MOST).contains(&it.len())) else {
        return whole();
    };
    let asked: Vec<_> = specs.into_iter().flatten().collect();
    if asked.is_empty() {
        return Answer::None;
    }
    if length == 0 {
        return whole();
    }
    let ranges = runs(&asked, length);
    if ranges.len() > 1 && parts_length(&ranges, length) >= length {
        return whole();
    }
    let content = content(length);
    let with_bytes = |(first, last)| (first, last, content[first..=last].to_vec());
    Answer::Ranges(ranges.into_iter().map(with_bytes).collect())
}

/// The first and last byte of one element: none, where there is no such byte. `None` for what is malformed.
fn spec(element: &[u8], length: usize) -> Option<Vec<(usize, usize)>> {
    let element = std::str::from_utf8(element).ok()?;
    let (first, last) = element.split_once('-')?;
    let digits = |text: &str| text.chars().all(|c| c.is_ascii_digit());
    if !digits(first) || !digits(last) || element == "-" {
        return None;
    }
    // Beyond all numbers is beyond all contents.
    let number = |text: &str| text.trim_start_matches('0').parse().unwrap_or(usize::MAX);
    let number = |text: &str| {
        if text.bytes().all(|it| it == b'0') {
            0
        } else {
            number(text)
        }
    };
    if first.is_empty() {
        let range = (
            length.saturating_sub(number(last)),
            length.saturating_sub(1),
        );
        return Some(vec![range; usize::from(number(last) > 0)]);
    }
    let first = number(first);
    let last = if last.is_empty() {
        usize::MAX
    } else {
        number(last)
    };
    let range = (first, last.min(length.saturating_sub(1)));
    (first <= last).then(|| vec![range; usize::from(first < length)])
}

fn runs(asked: &[(usize, usize)], length: usize) -> Vec<(usize, usize)> {
    let mut marked = vec![false; length];
    for &(first, last) in asked {
        marked[first..=last].fill(true);
    }
    let mut runs: Vec<(usize, usize)> = Vec::new();
    for place in (0..length).filter(|place| marked[*place]) {
        match runs.last_mut() {
            Some((_, last)) if place - *last - 1 <= NEAR => *last = place,
            _ => runs.push((place, place)),
        }
    }
    let place = |(first, last): &(usize, usize)| {
        asked.iter().position(|it| (*first..=*last).contains(&it.0))
    };
    runs.sort_by_key(place);
    runs
}

fn parts_length(ranges: &[(usize, usize)], length: usize) -> usize {
    let boundary = "b".repeat(32);
    let parts = ranges.iter().map(|(first, last)| {
        let head = format!(
            "--{boundary}\r\ncontent-type: application/octet-stream\r\n\
            content-range: bytes {first}-{last}/{length}\r\n\r\n"
        );
        head.len() + last - first + 1
    });
    let breaks = 2 * (ranges.len() - 1);
    parts.sum::<usize>() + breaks + format!("\r\n--{boundary}--\r\n").len()
}

/// A content of which nothing is read.
struct Huge(u64);

impl Addressable for Huge {
    fn length(&self) -> u64 {
        self.0
    }

    async fn read_at(self: Arc<Self>, _: u64, _: usize) -> io::Result<Bytes> {
        pending().await
    }
}

fn stays_within(header: &HeaderValue, length: u64) {
    let response = respond(Huge(length), header);
    let size: u64 = text(&response, "content-length").parse().unwrap();
    assert!(size <= length);
    let Some((place, whole)) = text(&response, "content-range").split_once('/') else {
        return;
    };
    assert_eq!(whole, length.to_string());
    if response.status() == StatusCode::PARTIAL_CONTENT {
        let (first, last) = place["bytes ".len()..].split_once('-').unwrap();
        let (first, last): (u64, u64) = (first.parse().unwrap(), last.parse().unwrap());
        assert!(first <= last && last < length);
        assert_eq!(size, last - first + 1);
    }
}

fn respond<S: Addressable>(
    source: S,
    header: &HeaderValue,
) -> Response<impl Body<Data = Bytes> + use<S>> {
    let request = Request::get("/").header(RANGE, header).body(()).unwrap();
    let (request, ()) = request.into_parts();
    Representation::new(source).respond(&request)
}

fn text<'a, B>(response: &'a Response<B>, name: &str) -> &'a str {
    let value = response.headers().get(name);
    value.map_or("", |value| value.to_str().unwrap())
}

/// What is in memory never has to be waited for.
fn read(body: impl Body<Data = Bytes>) -> Vec<u8> {
    let mut body = pin!(body);
    let mut read = Vec::new();
    let mut cx = Context::from_waker(Waker::noop());
    loop {
        match body.as_mut().poll_frame(&mut cx) {
            Poll::Ready(None) => return read,
            Poll::Ready(Some(Ok(frame))) => read.extend(frame.into_data().unwrap()),
            Poll::Ready(Some(Err(_))) | Poll::Pending => panic!("it does not end well"),
        }
    }
}
