//! What a stream does when its host drains.

use std::time::Duration;

use bytes::Bytes;
use peristyle_core::{End, channel::Sender};
use peristyle_streaming::{DrainPolicy, Error, channel};
use tokio::time::advance;
use tokio_test::{assert_pending, assert_ready_eq, task::spawn};

use crate::client::Client;

type Receiver = peristyle_core::channel::Receiver<&'static str>;

fn stream(policy: DrainPolicy) -> (Sender<&'static str>, Client<Receiver>) {
    let (sender, streaming) = channel(4);
    (sender, Client::of(streaming.drain_policy(policy)))
}

#[test]
fn by_default_a_stream_goes_on_to_its_own_end_and_its_sender_learns_nothing() {
    let (sender, streaming) = channel(4);
    let mut client = Client::of(streaming);
    let mut closed = spawn(sender.closed());
    client.control.drain();

    client.assert_pending();
    assert_pending!(closed.poll());
    sender.try_send("one").unwrap();
    assert_eq!(client.value(), "one");
    drop(closed);
    sender.finish();
    client.assert_over(End::Finished);
}

#[test]
fn a_stream_that_is_to_abort_wakes_and_fails_at_once() {
    let (sender, mut client) = stream(DrainPolicy::Abort);
    client.assert_pending();
    sender.try_send("one").unwrap();
    client.control.drain();

    assert!(client.is_woken());
    let error = client.error();
    assert!(error.downcast_ref::<Error>().unwrap().is_drained());
    assert_eq!(
        error.to_string(),
        "the stream was cut: the server is draining"
    );
    client.assert_over(End::Drained);
    assert_ready_eq!(spawn(sender.closed()).poll(), End::Drained);
}

#[test]
fn a_stream_with_a_last_value_gives_it_and_ends_well() {
    let last = Bytes::from("{\"next\":7}\n");
    let (sender, mut client) = stream(DrainPolicy::EndWith(last));
    sender.try_send("one").unwrap();
    assert_eq!(client.value(), "one");
    client.control.drain();

    assert_eq!(client.value(), "{\"next\":7}\n");
    client.assert_over(End::Drained);
    assert_ready_eq!(spawn(sender.closed()).poll(), End::Drained);
}

#[test]
fn a_stream_with_an_empty_last_value_just_ends() {
    let (_sender, mut client) = stream(DrainPolicy::EndWith(Bytes::new()));
    client.control.drain();

    client.assert_over(End::Drained);
}

#[test]
fn a_body_of_declared_length_cannot_end_well_before_it() {
    let (_sender, streaming) = channel::<&str>(4);
    let policy = DrainPolicy::EndWith(Bytes::from("bye"));
    let mut client = Client::of(streaming.length(3).drain_policy(policy));
    client.control.drain();

    let error = client.error();
    assert!(error.downcast_ref::<Error>().unwrap().is_drained());
    client.assert_over(End::Drained);
}

#[tokio::test(start_paused = true)]
async fn a_stream_with_a_time_limit_fails_when_it_has_passed() {
    let (sender, mut client) = stream(DrainPolicy::Within(Duration::from_secs(5)));
    client.assert_pending();
    advance(Duration::from_secs(60)).await;
    client.assert_pending();
    client.control.drain();
    assert!(client.is_woken());
    client.assert_pending();

    advance(Duration::from_millis(4_990)).await;
    sender.try_send("one").unwrap();
    assert_eq!(client.value(), "one");
    client.assert_pending();
    advance(Duration::from_millis(20)).await;
    assert!(client.is_woken());
    assert_eq!(
        client.error().to_string(),
        "the stream was cut: the deadline has passed"
    );
    client.assert_over(End::Deadline);
    assert_ready_eq!(spawn(sender.closed()).poll(), End::Deadline);
}

#[tokio::test(start_paused = true)]
async fn a_stream_that_ends_within_its_time_limit_has_finished() {
    let (sender, mut client) = stream(DrainPolicy::Within(Duration::from_secs(5)));
    client.control.drain();
    client.assert_pending();
    advance(Duration::from_secs(4)).await;
    assert!(!sender.is_closed());
    sender.finish();

    client.assert_over(End::Finished);
}
