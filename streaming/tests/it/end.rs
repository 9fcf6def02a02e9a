//! Who learns what when a stream ends.

use std::sync::{Arc, Mutex, MutexGuard};

use bytes::Bytes;
use peristyle_core::{BoxError, End};
use peristyle_streaming::{Streaming, channel, from_iter, produce};
use tokio_test::{assert_pending, assert_ready_eq, task::spawn};

use crate::client::Client;

/// Every reason with which a stream has ended.
#[derive(Clone, Default)]
struct Ends(Arc<Mutex<Vec<End>>>);

impl Ends {
    fn of<S>(&self, streaming: Streaming<S>) -> Streaming<S> {
        let ends = self.clone();
        streaming.on_end(move |end| ends.lock().push(end))
    }

    fn so_far(&self) -> Vec<End> {
        self.lock().clone()
    }

    fn lock(&self) -> MutexGuard<'_, Vec<End>> {
        self.0.lock().expect("no test panics with it")
    }
}

#[test]
fn a_finished_stream_says_so_once() {
    let ends = Ends::default();
    let mut client = Client::of(ends.of(from_iter(["one"])));

    client.value();
    assert_eq!(ends.so_far(), []);
    client.assert_over(End::Finished);
    drop(client);
    assert_eq!(ends.so_far(), [End::Finished]);
}

#[test]
fn a_failed_stream_says_so_once() {
    let ends = Ends::default();
    let (sender, streaming) = channel::<Bytes>(1);
    let mut client = Client::of(ends.of(streaming));
    sender.abort("torn");

    client.error();
    drop(client);
    assert_eq!(ends.so_far(), [End::Failed]);
}

#[test]
fn every_sender_learns_at_once_that_the_peer_has_left() {
    let ends = Ends::default();
    let (sender, streaming) = channel(1);
    let client = Client::of(ends.of(streaming));
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
    assert_eq!(ends.so_far(), [End::PeerLeft]);
}

#[test]
fn a_sender_learns_why_the_host_cut_the_stream() {
    for why in [End::Stalled, End::Deadline, End::Drained, End::TooOld] {
        let ends = Ends::default();
        let (sender, streaming) = channel::<Bytes>(1);
        let client = Client::of(ends.of(streaming));
        client.control.cut(why);
        drop(client);

        assert_ready_eq!(spawn(sender.closed()).poll(), why);
        assert_eq!(ends.so_far(), [why]);
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
    let ends = Ends::default();
    let (sender, streaming) = channel::<Bytes>(1);
    drop(ends.of(streaming));

    assert_ready_eq!(spawn(sender.closed()).poll(), End::PeerLeft);
    assert_eq!(ends.so_far(), [End::PeerLeft]);
}
