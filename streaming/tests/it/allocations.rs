//! What a value costs.

use std::task::Poll;

use allocation_counter::measure;
use bytes::Bytes;
use http_body_util::Full;
use peristyle_core::End;
use peristyle_streaming::{Reading, StreamBody, Streaming, from_iter};
use tokio_test::task::spawn;

use crate::client::Client;

/// How many allocations a value takes, apart from the few by which buffers grow.
fn of_a_value<S>(streaming: Streaming<S>) -> u64
where
    http::Response<StreamBody<S>>: From<Streaming<S>>,
{
    let mut client = Client::of(streaming);
    for _ in 0..10 {
        client.value();
    }
    let taken = measure(|| {
        for _ in 0..1000 {
            client.value();
        }
    });
    assert!(client.values().len() > 10);
    client.assert_over(End::Finished);
    (taken.count_total - 5).div_ceil(1000)
}

fn rows() -> Streaming<peristyle_streaming::Iter<impl Iterator<Item = (u64, &'static str)>>> {
    from_iter((0..1024).map(|number| (number, "a text, to be \"quoted\"")))
}

#[test]
fn a_value_in_a_format_takes_one_allocation() {
    let lines = from_iter((0..1024).map(|_| "a line that is long enough"));
    assert_eq!(of_a_value(lines.lines()), 1);
    assert_eq!(of_a_value(rows().ndjson()), 1);
    assert_eq!(of_a_value(rows().json_seq()), 1);
    assert_eq!(of_a_value(rows().json_array()), 1);
    #[cfg(feature = "csv")]
    assert_eq!(of_a_value(rows().csv()), 1);
}

#[test]
fn a_value_that_is_read_from_one_piece_is_not_copied() {
    let mut values =
        spawn(Reading::new(Full::<Bytes>::from("[1,2]\n".repeat(100))).ndjson::<(u8, u8)>());
    let mut next = || assert!(matches!(values.poll_next(), Poll::Ready(Some(Ok((1, 2))))));
    next();
    next();
    let taken = measure(|| {
        for _ in 0..90 {
            next();
        }
    });
    assert_eq!(taken.count_total, 0);
}
