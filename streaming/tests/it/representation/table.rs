//! A table of requests, each with its exact answer.

use std::time::{Duration, UNIX_EPOCH};

use bytes::Bytes;
use http::HeaderMap;
use peristyle_streaming::files::{ETag, Representation, Validators};

use super::{content, parts, request};

const TABLE: &str = include_str!("requests.txt");

const DATE: &str = "Sun, 06 Nov 1994 08:49:37 GMT";

/// A row of the table.
struct Row {
    text: &'static str,
    source: &'static str,
    method: &'static str,
    headers: Vec<(&'static str, &'static str)>,
    status: u16,
    ranges: Vec<(usize, usize)>,
}

impl Row {
    fn parse(text: &'static str) -> Self {
        let columns: Vec<_> = text.split(" ; ").collect();
        let [source, request, answer] = columns[..] else {
            panic!("not three columns: {text}");
        };
        let mut request = request.split(" | ");
        let method = request.next().unwrap();
        let headers = request.map(|header| header.split_once(':').unwrap());
        let headers = headers.map(|(name, value)| (name, value.trim())).collect();
        let (status, ranges) = answer.split_once(' ').unwrap_or((answer, ""));
        let ranges = ranges.split(',').filter(|range| !range.is_empty());
        let ranges = ranges.map(|range| {
            let (first, last) = range.split_once('-').unwrap();
            (first.parse().unwrap(), last.parse().unwrap())
        });
        Self {
            text,
            source,
            method,
            headers,
            status: status.parse().unwrap(),
            ranges: ranges.collect(),
        }
    }

    fn bytes(&self) -> Vec<u8> {
        let length = if self.source == "empty" { 0 } else { 1000 };
        (0..=250).cycle().take(length).collect()
    }

    fn etag(&self) -> Option<&'static str> {
        match self.source {
            "bare" => None,
            "weak" => Some("W/\"v1\""),
            _ => Some("\"v1\""),
        }
    }

    fn representation(&self) -> Representation<Bytes> {
        let etag = match self.source {
            "weak" => ETag::weak("v1"),
            _ => ETag::strong("v1"),
        };
        let validators = match self.source {
            "bare" => Validators::default(),
            _ => Validators::default()
                .with_etag(etag.unwrap())
                .with_last_modified(UNIX_EPOCH + Duration::from_millis(784_111_777_900)),
        };
        let content = Representation::new(Bytes::from(self.bytes()));
        content
            .content_type("text/plain")
            .unwrap()
            .validators(validators)
    }

    /// All headers, but for the type and the length of several parts.
    fn expected_head(&self) -> Vec<String> {
        let mut head = Vec::new();
        if self.status != 405 && self.status != 304 {
            head.push("accept-ranges: bytes".to_owned());
        }
        match self.status {
            200 => head.push(format!("content-length: {}", self.bytes().len())),
            206 if self.ranges.len() == 1 => {
                let (first, last) = self.ranges[0];
                head.push(format!("content-length: {}", last - first + 1));
                head.push(format!("content-range: bytes {first}-{last}/1000"));
            }
            206 | 304 => {}
            416 => {
                let length = self.bytes().len();
                head.push("content-length: 0".to_owned());
                head.push(format!("content-range: bytes */{length}"));
            }
            412 => head.push("content-length: 0".to_owned()),
            405 => head.extend(["allow: GET, HEAD", "content-length: 0"].map(str::to_owned)),
            other => panic!("there is no answer {other}: {}", self.text),
        }
        if self.status == 200 || self.status == 206 && self.ranges.len() == 1 {
            head.push("content-type: text/plain".to_owned());
        }
        if let (200 | 206 | 304, Some(etag)) = (self.status, self.etag()) {
            head.push(format!("etag: {etag}"));
            head.push(format!("last-modified: {DATE}"));
        }
        head.sort();
        head
    }

    async fn check(&self) {
        let request = request(self.method, &self.headers);
        let response = self.representation().respond(&request);
        assert_eq!(response.status(), self.status, "{}", self.text);
        let mut headers = response.headers().clone();
        let body = content(response).await.unwrap();
        if self.ranges.len() > 1 {
            self.check_parts(&mut headers, &body);
        } else {
            assert_eq!(body, self.expected_body(), "{}", self.text);
        }
        assert_eq!(lines(&headers), self.expected_head(), "{}", self.text);
    }

    fn expected_body(&self) -> Vec<u8> {
        match (self.method, self.status) {
            ("GET", 200) => self.bytes(),
            ("GET", 206) => self.bytes()[self.ranges[0].0..=self.ranges[0].1].to_vec(),
            _ => Vec::new(),
        }
    }

    fn check_parts(&self, headers: &mut HeaderMap, body: &[u8]) {
        let length = headers.remove("content-length").unwrap();
        assert_eq!(length, body.len().to_string().as_str(), "{}", self.text);
        let content_type = headers.remove("content-type").unwrap();
        let bytes = self.bytes();
        let expected = self.ranges.iter().map(|&(first, last)| {
            let place = format!("bytes {first}-{last}/1000");
            let head = format!("content-type: text/plain\r\ncontent-range: {place}");
            (head, &bytes[first..=last])
        });
        let parts = parts(body, content_type.to_str().unwrap());
        let parts = parts
            .into_iter()
            .map(|(head, part)| (head.to_owned(), part));
        assert!(parts.eq(expected), "{}", self.text);
    }
}

fn lines(headers: &HeaderMap) -> Vec<String> {
    let line = |(name, value): (&http::HeaderName, &http::HeaderValue)| {
        format!("{name}: {}", value.to_str().unwrap())
    };
    let mut lines: Vec<_> = headers.iter().map(line).collect();
    lines.sort();
    lines
}

#[tokio::test]
async fn each_request_has_its_exact_answer() {
    let rows = TABLE.lines().filter(|line| !line.is_empty());
    let rows = rows.filter(|line| !line.starts_with('#')).map(Row::parse);
    let mut checked = 0;
    for row in rows {
        row.check().await;
        checked += 1;
    }
    assert!(checked >= 130, "{checked}");
}
