//! The sender's side, promises X2 and X4: room, order, overflow.

use peristyle_core::{
    BoxError,
    channel::{Builder, Overflow, Receiver, Sender},
};
use peristyle_sse::{Event, EventStream, channel, produce};
use tokio_test::{assert_pending, assert_ready, assert_ready_ok, task};

use crate::client::Client;

fn with(overflow: Overflow) -> (Sender<Event>, Client<Receiver<Event>>) {
    let (sender, receiver) = Builder::new(2).overflow(overflow).build();
    (sender, Client::open(EventStream::from_receiver(receiver)))
}

/// Sends events `1` to `4` where there is room for two; gives how many were taken.
fn send_four(sender: &Sender<Event>) -> usize {
    let events = (1..=4).map(|number| Event::data(&number.to_string()));
    events
        .filter(|event| sender.try_send(event.clone()).is_ok())
        .count()
}

#[track_caller]
fn gets<const N: usize>(client: &mut Client<Receiver<Event>>, numbers: [u32; N]) {
    for number in numbers {
        client.gets(&format!("data: {number}\n\n"));
    }
    client.is_at_end();
}

#[test]
fn twenty_events_from_one_producer_go_through_a_buffer_of_ten() {
    let stream = produce(10, |events| async move {
        for number in 0..20 {
            events.send(Event::data(&number.to_string())).await?;
        }
        Ok::<_, BoxError>(())
    });
    let mut client = Client::open(stream);
    for number in 0..20 {
        client.gets(&format!("data: {number}\n\n"));
    }
    client.is_at_end();
}

#[test]
fn a_sender_waits_for_room_until_the_client_reads() {
    let (sender, stream) = channel(1);
    let mut client = Client::open(stream);
    assert_ready_ok!(task::spawn(sender.send(Event::data("1"))).poll());
    let mut second = task::spawn(sender.send(Event::data("2")));
    assert_pending!(second.poll());
    client.gets("data: 1\n\n");
    assert!(second.is_woken());
    assert_ready_ok!(second.poll());
    client.gets("data: 2\n\n");
    drop(second);
    sender.finish();
    client.is_at_end();
}

#[test]
fn a_full_channel_gives_the_event_back() {
    for overflow in [Overflow::Wait, Overflow::Fail] {
        let (sender, mut client) = with(overflow);
        assert_eq!(send_four(&sender), 2);
        let error = sender.try_send(Event::data("5")).unwrap_err();
        assert!(error.is_full());
        assert_eq!(error.into_inner(), Event::data("5"));
        sender.finish();
        gets(&mut client, [1, 2]);
    }
}

#[test]
fn dropping_the_oldest_keeps_the_newest_and_counts() {
    let (sender, mut client) = with(Overflow::DropOldest);
    assert_eq!(send_four(&sender), 4);
    assert_eq!(sender.dropped(), 2);
    sender.finish();
    gets(&mut client, [3, 4]);
}

#[test]
fn dropping_the_newest_keeps_the_oldest_and_counts() {
    let (sender, mut client) = with(Overflow::DropNewest);
    assert_eq!(send_four(&sender), 4);
    assert_eq!(sender.dropped(), 2);
    sender.finish();
    gets(&mut client, [1, 2]);
}

#[test]
fn room_can_be_reserved_and_many_sent_at_once() {
    let (sender, mut client) = with(Overflow::Wait);
    let permit = assert_ready_ok!(task::spawn(sender.reserve()).poll());
    let mut many = task::spawn(sender.send_all([Event::data("1"), Event::data("2")]));
    assert_pending!(many.poll());
    client.gets("data: 1\n\n");
    assert!(many.is_woken());
    assert_ready_ok!(many.poll());
    drop(many);
    permit.send(Event::data("3")).unwrap();
    sender.finish();
    gets(&mut client, [2, 3]);
}

#[test]
fn a_send_that_is_dropped_while_it_waits_sends_nothing() {
    let (sender, mut client) = with(Overflow::Wait);
    assert_eq!(send_four(&sender), 2);
    let mut dropped = task::spawn(sender.send(Event::data("5")));
    assert_pending!(dropped.poll());
    drop(dropped);
    sender.finish();
    gets(&mut client, [1, 2]);
}

#[test]
fn room_may_be_bounded_by_encoded_bytes() {
    let one = Event::data("1").as_bytes().len();
    let (sender, receiver) = Builder::new(100)
        .bytes(u32::try_from(2 * one).unwrap(), |event: &Event| {
            event.as_bytes().len()
        })
        .build();
    let mut client = Client::open(EventStream::from_receiver(receiver));
    assert_eq!(send_four(&sender), 2);
    let mut third = task::spawn(sender.send(Event::data("3")));
    assert_pending!(third.poll());
    client.gets("data: 1\n\n");
    assert!(third.is_woken());
    assert!(assert_ready!(third.poll()).is_ok());
    drop(third);
    sender.finish();
    gets(&mut client, [2, 3]);
}

#[test]
fn several_senders_are_complete_when_each_has_finished() {
    let (sender, stream) = channel(2);
    let other = sender.clone();
    let mut client = Client::open(stream.keep_alive(peristyle_sse::KeepAlive::OFF));
    sender.try_send(Event::data("1")).unwrap();
    sender.finish();
    client.gets("data: 1\n\n");
    client.waits();
    other.try_send(Event::data("2")).unwrap();
    other.finish();
    gets(&mut client, [2]);
}

#[test]
#[should_panic(expected = "a channel holds at least one value")]
fn a_channel_without_room_is_refused() {
    let _ = channel(0);
}
