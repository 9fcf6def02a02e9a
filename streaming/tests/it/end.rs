//! Who learns what when a stream ends.

use bytes::Bytes;
use peristyle_core::{BoxError, End};
use peristyle_streaming::{channel, from_iter, produce};
use tokio_test::{assert_pending, assert_ready_eq, task::spawn};

use crate::client::{Client, Ends};

#[test]
fn a_finished_stream_says_so_once() {
    let (ends, streaming) = Ends::of(from_iter(["one"]));
    let mut client = Client::of(streaming);

    client.value();
    ends.are(&[]);
    client.assert_over(End::Finished);
    drop(client);
    ends.are(&[End::Finished]);
}

#[test]
fn a_failed_stream_says_so_once() {
    let (sender, streaming) = channel::<Bytes>(1);
    let (ends, streaming) = Ends::of(streaming);
    let mut client = Client::of(streaming);
    sender.abort("torn");

    client.error();
    drop(client);
    ends.are(&[End::Failed]);
}

#[test]
fn every_sender_learns_at_once_that_the_peer_has_left() {
    let (sender, streaming) = channel(1);
    let (ends, streaming) = Ends::of(streaming);
    let client = Client::of(streaming);
    sender.try_send("one").unwrap();
    let mut closed = spawn(sender.closed());
    let mut blocked = spawn(sender.send("two"));
    assert_pending!(closed.poll());
    assert_pending!(blocked.poll());

    drop(client);
    assert!(closed.is_woken() && blocked.is_woken());
    assert_ready_eq!(closed.poll(), End::PeerLeft);
    let error = tokio_test::assert_ready_err!(blocked.poll());
    assert_eq!(error.end(), Some(End::PeerLeft));
    ends.are(&[End::PeerLeft]);
}

#[test]
fn a_sender_learns_why_the_host_cut_the_stream() {
    for why in [End::Stalled, End::Deadline, End::Drained, End::TooOld] {
        let (sender, streaming) = channel::<Bytes>(1);
        let (ends, streaming) = Ends::of(streaming);
        let client = Client::of(streaming);
        client.control.cut(why);
        drop(client);

        assert_ready_eq!(spawn(sender.closed()).poll(), why);
        ends.are(&[why]);
    }
}

#[test]
fn the_reason_reaches_a_channel_through_its_format() {
    let (sender, streaming) = channel::<u32>(1);
    let client = Client::of(streaming.ndjson());
    client.control.cut(End::Stalled);
    drop(client);

    assert_ready_eq!(spawn(sender.closed()).poll(), End::Stalled);
}

#[test]
fn a_sender_that_a_producer_gave_away_learns_the_reason() {
    let (give, given) = std::sync::mpsc::sync_channel(1);
    let mut client = Client::of(produce::<Bytes, _, _>(1, |values| async move {
        give.send(values.clone())?;
        values.closed().await;
        Ok::<_, BoxError>(())
    }));
    client.assert_pending();
    let sender = given.try_recv().unwrap();
    client.control.cut(End::TooOld);
    drop(client);

    assert_ready_eq!(spawn(sender.closed()).poll(), End::TooOld);
}

#[test]
fn a_stream_that_never_became_a_response_ends_too() {
    let (sender, streaming) = channel::<Bytes>(1);
    let (ends, streaming) = Ends::of(streaming);
    drop(streaming);

    assert_ready_eq!(spawn(sender.closed()).poll(), End::PeerLeft);
    ends.are(&[End::PeerLeft]);
}
