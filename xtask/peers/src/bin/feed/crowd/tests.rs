//! A crowd on servers that do what they should, and on some that do not.

use std::{
    io::{ErrorKind, Read, Write},
    net::{TcpListener, TcpStream},
    sync::Barrier,
    thread,
    time::Duration,
};

use peristyle_peers::Failure;

use super::Crowd;
use crate::{message::SIZE, target::Target};

const HEAD: &str = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n";

/// What a server sends for the data of all events.
type Sends = fn(Vec<String>) -> String;

/// Publishes two events to one follower of a server that sends this once it has both, and then says what the crowd thinks of it.
fn two_events(sends: Sends) -> Result<(), Failure> {
    let server = move |follower: &mut TcpStream, publisher: &mut TcpStream| {
        let events = [read_event(publisher)?, read_event(publisher)?];
        Ok(follower.write_all(sends(events.into()).as_bytes())?)
    };
    judged(server, |crowd| crowd.broadcast(2, 2, SIZE))
}

/// What becomes of a crowd of one on a server that does this with its follower and its publisher.
fn judged(
    serve: impl FnOnce(&mut TcpStream, &mut TcpStream) -> Result<(), Failure> + Send,
    publish: impl FnOnce(&mut Crowd) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let target = Target::at(listener.local_addr()?);
    thread::scope(|scope| {
        let serving = scope.spawn(move || open(&listener, serve));
        let judged = judge(&target, publish);
        serving.join().expect("no panic")?;
        judged
    })
}

fn judge(
    target: &Target,
    publish: impl FnOnce(&mut Crowd) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let mut crowd = Crowd::gathered(target, 1)?;
    publish(&mut crowd)?;
    crowd.audit(1)
}

/// Until the follower is gone.
fn open(
    listener: &TcpListener,
    serve: impl FnOnce(&mut TcpStream, &mut TcpStream) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let (mut follower, _) = listener.accept()?;
    read_head(&mut follower)?;
    follower.write_all(HEAD.as_bytes())?;
    let (mut publisher, _) = listener.accept()?;
    serve(&mut follower, &mut publisher)?;
    // It may be gone already.
    let _end = follower.read(&mut [0]);
    Ok(())
}

fn read_event(publisher: &mut TcpStream) -> Result<String, Failure> {
    read_head(publisher)?;
    let mut data = [0; SIZE];
    publisher.read_exact(&mut data)?;
    publisher.write_all(b"HTTP/1.1 204 No Content\r\n\r\n")?;
    Ok(String::from_utf8(data.to_vec())?)
}

fn read_head(client: &mut TcpStream) -> Result<(), Failure> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        client.read_exact(&mut byte)?;
        head.extend(byte);
    }
    Ok(())
}

fn chunk(data: &str) -> String {
    named_chunk("tick", data)
}

fn named_chunk(name: &str, data: &str) -> String {
    let event = format!("event: {name}\ndata: {data}\n\n");
    format!("{:x}\r\n{event}\r\n", event.len())
}

#[test]
fn two_events_that_come_once_and_in_order_are_well() {
    two_events(|events| events.iter().map(|it| chunk(it)).collect()).unwrap();
}

#[test]
fn what_comes_otherwise_is_an_error() {
    let wrong: [(&str, Sends); 6] = [
        ("the first is lost", |events| chunk(&events[1])),
        ("turned around", |events| {
            chunk(&events[1]) + &chunk(&events[0])
        }),
        ("the first comes twice", |events| {
            chunk(&events[0]) + &chunk(&events[0])
        }),
        ("one more at the end", |events| {
            events.iter().map(|it| chunk(it)).collect::<String>() + &chunk(&events[1])
        }),
        ("another byte", |events| {
            chunk(&events[0].replace('a', "b")) + &chunk(&events[1])
        }),
        ("a gap is told", |events| {
            named_chunk("gap", &events[0]) + &chunk(&events[1])
        }),
    ];
    for (what, sends) in wrong {
        assert!(two_events(sends).is_err(), "{what}");
    }
}

#[test]
fn an_event_that_comes_when_all_have_come_is_an_error() {
    let (received, sent) = (Barrier::new(2), Barrier::new(2));
    let server = |follower: &mut TcpStream, publisher: &mut TcpStream| {
        let event = chunk(&read_event(publisher)?);
        follower.write_all(event.as_bytes())?;
        received.wait();
        follower.write_all(event.as_bytes())?;
        sent.wait();
        Ok(())
    };
    let publish = |crowd: &mut Crowd| {
        crowd.broadcast(1, 1, SIZE)?;
        received.wait();
        sent.wait();
        Ok(())
    };
    let error = judged(server, publish).unwrap_err();
    let expected = "a follower got event 0 where event 1 of 1 was due";
    assert_eq!(error.to_string(), expected);
}

#[test]
fn a_stream_that_ends_is_an_error() {
    let error = two_events(|events| chunk(&events[0]) + "0\r\n\r\n").unwrap_err();
    assert_eq!(error.to_string(), "the server ended 1 streams");
}

#[test]
fn an_event_is_not_published_before_the_one_before_it_was_received() {
    let server = |follower: &mut TcpStream, publisher: &mut TcpStream| {
        for _ in 0..3 {
            let event = read_event(publisher)?;
            publisher.set_nonblocking(true)?;
            let early = publisher.read(&mut [0]);
            assert_eq!(early.unwrap_err().kind(), ErrorKind::WouldBlock);
            publisher.set_nonblocking(false)?;
            follower.write_all(chunk(&event).as_bytes())?;
        }
        Ok(())
    };
    judged(server, |crowd| crowd.broadcast(3, 1, SIZE)).unwrap();
}

#[test]
fn events_at_a_pace_wait_for_nobody_and_say_when_they_were_due() {
    let interval = Duration::from_micros(100);
    let server = |follower: &mut TcpStream, publisher: &mut TcpStream| {
        let events = [read_event(publisher)?, read_event(publisher)?];
        let due = |event: &str| event[11..31].parse::<u64>();
        assert_eq!(due(&events[1])? - due(&events[0])?, 100_000);
        Ok(follower.write_all(events.map(|it| chunk(&it)).concat().as_bytes())?)
    };
    let publish = |crowd: &mut Crowd| {
        crowd.broadcast_each(interval, 2)?;
        assert!(crowd.ledger().latency().max() >= 100.0);
        Ok(())
    };
    judged(server, publish).unwrap();
}

#[test]
fn many_who_connect_at_once_follow_the_floor_to_its_end() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let target = Target::at(listener.local_addr().unwrap());
    // It ends with the test's process.
    thread::spawn(move || crate::servers::floor::serve(&listener));
    let mut crowd = Crowd::new(&target, 40).unwrap();
    crowd.gather(40, 40, None).unwrap();
    for window in [1, 3] {
        crowd.broadcast(10, window, SIZE).unwrap();
        crowd.audit(40).unwrap();
    }
    assert_eq!(crowd.ledger().deliveries(), 40 * 20);
    crowd.restart().unwrap();
    assert_eq!(crowd.ledger().deliveries(), 0);
}
