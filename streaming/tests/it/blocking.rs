//! Blocking producers.

use std::{
    future::pending,
    io::{self, ErrorKind, Write},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst},
    },
    thread,
    time::Duration,
};

use bytes::Bytes;
use http_body_util::BodyExt;
use peristyle_core::{BoxError, Control, End, Panicked};
use peristyle_streaming::{Blocking, Error, StreamBody, Streaming, Writer, write_blocking};
use tokio::{
    runtime::Handle,
    sync::mpsc,
    task::{JoinSet, spawn_blocking},
    time::timeout,
};

use crate::client::Client;

const VALUE: usize = 16 * 1024;

/// What the stream may hold when nobody reads: the documented 4 values.
const HELD: usize = 4 * VALUE;

fn body(streaming: Streaming<Blocking>) -> (StreamBody<Blocking>, Control) {
    let (head, body) = streaming.into_response().into_parts();
    let control = head.extensions.get::<Control>();
    (body, control.expect("a response carries a control").clone())
}

async fn value(body: &mut StreamBody<Blocking>) -> Bytes {
    let frame = body.frame().await.expect("it goes on").expect("no error");
    frame.into_data().expect("there are no trailers")
}

#[tokio::test]
async fn what_is_written_arrives() {
    let (body, control) = body(write_blocking(|out| {
        writeln!(out, "one")?;
        writeln!(out, "two")?;
        Ok(())
    }));

    assert_eq!(body.collect().await.unwrap().to_bytes(), "one\ntwo\n");
    assert_eq!(control.end(), Some(End::Finished));
}

#[tokio::test]
async fn a_large_write_arrives_in_values_of_16_kib() {
    let data: Vec<u8> = (0..40_000_u32).map(|n| (n % 251) as u8).collect();
    let expected = data.clone();
    let (mut body, _) = body(write_blocking(move |out| {
        out.write_all(&data[..1])?;
        Ok(out.write_all(&data[1..])?)
    }));

    for part in expected.chunks(VALUE) {
        assert_eq!(value(&mut body).await, part);
    }
    assert!(body.frame().await.is_none());
}

#[tokio::test]
async fn a_flushed_value_is_seen_before_the_next_is_written() {
    let (go, mut wait) = mpsc::channel(1);
    let (mut body, _) = body(write_blocking(move |out| {
        for number in 1..=3 {
            write!(out, "{number}")?;
            out.flush()?;
            wait.blocking_recv().ok_or("the test is over")?;
        }
        Ok(())
    }));

    for number in 1..=3 {
        assert_eq!(value(&mut body).await, number.to_string());
        go.send(()).await.unwrap();
    }
    assert!(body.frame().await.is_none());
}

#[tokio::test]
async fn flushing_nothing_takes_no_room() {
    let (go, mut wait) = mpsc::channel(1);
    let (tell, mut flushed) = mpsc::channel(1);
    let mut client = Client::of(write_blocking(move |out| {
        wait.blocking_recv().ok_or("the test is over")?;
        write!(out, "one")?;
        for _ in 0..100 {
            out.flush()?;
        }
        Ok(tell.blocking_send(())?)
    }));
    client.assert_pending();
    go.send(()).await.unwrap();

    let flushed = timeout(Duration::from_secs(30), flushed.recv()).await;
    assert_eq!(flushed, Ok(Some(())));
    assert_eq!(client.value(), "one");
}

#[tokio::test]
async fn a_producer_that_is_never_polled_never_runs() {
    let started = Arc::new(AtomicBool::new(false));
    let start = Arc::clone(&started);
    let (body, _) = body(write_blocking(move |_| {
        start.store(true, SeqCst);
        Ok(())
    }));
    // The closure and what it holds are gone at once, so it can never run.
    drop(body);

    assert_eq!(Arc::strong_count(&started), 1);
    assert!(!started.load(SeqCst));
}

#[tokio::test]
async fn a_writer_that_nobody_reads_stops_within_its_bound() {
    let written = Arc::new(AtomicUsize::new(0));
    let reading = Arc::new(AtomicBool::new(false));
    let (progress, is_reading) = (Arc::clone(&written), Arc::clone(&reading));
    let (go, mut wait) = mpsc::channel(1);
    let (tell, mut full) = mpsc::channel(1);
    let (report, mut ended) = mpsc::channel(1);
    let streaming = write_blocking(move |out| {
        wait.blocking_recv().ok_or("the test is over")?;
        loop {
            let result = out.write_all(&[b'x'; VALUE]);
            if let Err(error) = result {
                report.blocking_send(error.kind())?;
                return Err(error.into());
            }
            let total = progress.fetch_add(VALUE, SeqCst) + VALUE;
            if total == HELD {
                tell.blocking_send(())?;
            }
            // One value more than the bound means that one was taken.
            assert!(total <= HELD || is_reading.load(SeqCst));
        }
    });
    let mut client = Client::of(streaming);
    client.assert_pending();
    go.send(()).await.unwrap();

    full.recv().await.unwrap();
    for _ in 0..1_000 {
        thread::yield_now();
    }
    assert_eq!(written.load(SeqCst), HELD);
    reading.store(true, SeqCst);
    assert_eq!(client.value().len(), VALUE);
    drop(client);
    assert_eq!(ended.recv().await, Some(ErrorKind::BrokenPipe));
    assert!(written.load(SeqCst) <= HELD + VALUE);
}

#[tokio::test]
async fn a_blocked_writer_learns_at_once_why_the_stream_has_ended() {
    for (cut, text) in [
        (None, "the peer has left"),
        (Some(End::Stalled), "the peer has stalled"),
    ] {
        let (go, mut wait) = mpsc::channel(1);
        let (tell, mut full) = mpsc::channel(1);
        let (report, mut errors) = mpsc::channel::<io::Error>(4);
        let streaming = write_blocking(move |out| {
            wait.blocking_recv().ok_or("the test is over")?;
            out.write_all(&vec![b'x'; HELD])?;
            tell.blocking_send(())?;
            for result in [
                out.write_all(&[b'x'; VALUE]),
                out.write_all(b"y"),
                out.flush(),
            ] {
                report.blocking_send(result.unwrap_err())?;
            }
            Ok(())
        });
        let mut client = Client::of(streaming);
        client.assert_pending();
        go.send(()).await.unwrap();
        full.recv().await.unwrap();
        if let Some(why) = cut {
            client.control.cut(why);
        }
        drop(client);

        for _ in 0..3 {
            let error = errors.recv().await.unwrap();
            assert_eq!(error.kind(), ErrorKind::BrokenPipe);
            assert_eq!(error.to_string(), text);
        }
    }
}

#[tokio::test]
async fn a_writer_that_holds_nothing_learns_that_the_stream_has_ended_too() {
    let calls: [fn(&mut Writer) -> io::Result<()>; 2] = [|out| out.write_all(b"y"), Writer::flush];
    for call in calls {
        let (tell, mut started) = mpsc::channel(1);
        let (go, mut wait) = mpsc::channel(1);
        let (report, mut results) = mpsc::channel(1);
        let mut client = Client::of(write_blocking(move |out| {
            tell.blocking_send(())?;
            wait.blocking_recv().ok_or("the test is over")?;
            Ok(report.blocking_send(call(out))?)
        }));
        client.assert_pending();
        started.recv().await.unwrap();
        drop(client);
        go.send(()).await.unwrap();

        let error = results.recv().await.unwrap().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::BrokenPipe);
        assert_eq!(error.to_string(), "the peer has left");
    }
}

#[tokio::test]
async fn an_error_aborts_after_all_that_was_written() {
    let (mut body, control) = body(write_blocking(|out| {
        write!(out, "one")?;
        Err("out of paper".into())
    }));

    assert_eq!(value(&mut body).await, "one");
    let error = body.frame().await.unwrap().unwrap_err();
    assert_eq!(error.to_string(), "out of paper");
    assert!(body.frame().await.is_none());
    assert_eq!(control.end(), Some(End::Failed));
}

#[tokio::test]
async fn a_panic_aborts_after_all_that_was_written_with_its_text() {
    let (mut body, control) = body(write_blocking(|out| {
        write!(out, "one")?;
        panic!("no {}", "paper")
    }));

    assert_eq!(value(&mut body).await, "one");
    let error: BoxError = body.frame().await.unwrap().unwrap_err();
    assert!(error.is::<Panicked>());
    assert_eq!(error.to_string(), "panicked: no paper");
    assert!(body.frame().await.is_none());
    assert_eq!(control.end(), Some(End::Failed));
}

#[test]
fn a_producer_that_still_waits_for_a_thread_goes_with_its_body() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .max_blocking_threads(1)
        .build()
        .unwrap();
    let started = Arc::new(AtomicBool::new(false));
    let start = Arc::clone(&started);
    runtime.block_on(async {
        let (go, mut wait) = mpsc::channel::<()>(1);
        let occupied = spawn_blocking(move || wait.blocking_recv());
        let mut client = Client::of(write_blocking(move |_| {
            start.store(true, SeqCst);
            Ok(())
        }));
        client.assert_pending();
        drop(client);
        go.send(()).await.unwrap();
        occupied.await.unwrap();
        // The one thread takes its tasks in order.
        spawn_blocking(|| ()).await.unwrap();
    });

    assert!(!started.load(SeqCst));
}

#[test]
fn without_a_runtime_the_body_fails() {
    let mut client = Client::of(write_blocking(|_| Ok(())));

    assert!(client.fails_after([]).is::<Panicked>());
}

#[tokio::test]
async fn a_writer_that_sends_within_an_async_block_panics_and_loses_nothing() {
    let (mut body, _) = body(write_blocking(|out| {
        write!(out, "one")?;
        let flushed = Handle::current().block_on(async { out.flush() });
        Ok(flushed?)
    }));

    assert_eq!(value(&mut body).await, "one");
    let error = body.frame().await.unwrap().unwrap_err();
    assert!(error.is::<Panicked>());
    assert!(body.frame().await.is_none());
}

#[test]
fn a_runtime_that_has_shut_down_fails_the_body() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    let handle = runtime.handle().clone();
    drop(runtime);
    let _entered = handle.enter();
    let mut client = Client::of(write_blocking(|_| Ok(())));

    let error = client.fails_after([]);
    assert!(error.downcast_ref::<Error>().unwrap().is_not_run());
    assert_eq!(
        error.to_string(),
        "the runtime shut down before the producer could run"
    );
}

#[test]
fn a_runtime_with_a_blocked_writer_shuts_down_with_the_task_that_owns_the_body() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    let (report, ended) = std::sync::mpsc::sync_channel(1);
    let mut connections = JoinSet::new();
    runtime.block_on(async {
        let (tell, mut full) = mpsc::channel(1);
        let (mut body, _) = body(write_blocking(move |out| {
            out.write_all(&vec![b'x'; HELD])?;
            tell.blocking_send(())?;
            loop {
                if let Err(error) = out.write_all(&[b'x'; VALUE]) {
                    report.send(error.kind())?;
                    return Err(error.into());
                }
            }
        }));
        connections.spawn(async move {
            value(&mut body).await;
            pending::<()>().await;
            drop(body);
        });
        full.recv().await.unwrap();
    });
    drop(runtime);

    assert_eq!(ended.recv().unwrap(), ErrorKind::BrokenPipe);
}
