//! Work that goes on whoever follows it, promise H18.

use std::task::Poll;

use peristyle_core::End;
use peristyle_sse::{
    Event,
    feed::{Feed, Follow},
};
use tokio::{sync::mpsc, task::JoinSet};

use super::{feed, in_topic, topic};
use crate::client::{Client, Ends};

fn viewer(feed: &Feed, last_event_id: Option<&str>) -> Follow {
    assert!(feed.stats().subscribers == 0, "one at a time");
    let follow = Follow::earliest().topics(topic("a"));
    follow.resume(last_event_id)
}

fn is_over(feed: &Feed, last_event_id: &str) -> bool {
    feed.follow(viewer(feed, Some(last_event_id))).is_err()
}

#[tokio::test(start_paused = true)]
async fn a_viewer_leaves_and_resumes_in_the_middle_and_the_work_goes_on_without_it() {
    let feed = feed();
    let (steps, mut todo) = mpsc::channel::<&str>(1);
    let run = feed.run(topic("a"));
    let mut work = JoinSet::new();
    work.spawn(async move {
        while let Some(step) = todo.recv().await {
            run.publish(Event::data(step));
        }
        run.finish(Event::data("done"))
    });
    let mut client = Client::open(feed.follow(viewer(&feed, None)).unwrap());
    steps.send("1").await.unwrap();
    assert_eq!(
        client.next().await,
        Some(Ok("id: e-1\ndata: 1\n\n".to_owned()))
    );
    drop(client);
    for step in ["2", "3"] {
        steps.send(step).await.unwrap();
    }
    feed.publish(in_topic("b"));
    drop(steps);
    let last = work.join_next().await.unwrap().unwrap();
    let (ends, stream) = Ends::of(feed.follow(viewer(&feed, Some("e-1"))).unwrap());
    let mut client = Client::open(stream);
    let mut got = Vec::new();
    while let Some(piece) = client.next().await {
        got.push(piece.unwrap());
    }
    let data: Vec<_> = got
        .iter()
        .filter_map(|it| it.split("data: ").nth(1))
        .collect();
    assert_eq!(data, ["2\n\n", "3\n\n", "done\n\n"]);
    ends.are(&[End::Finished]);
    assert!(is_over(&feed, &last.to_string()));
}

#[tokio::test(start_paused = true)]
async fn work_that_is_dropped_says_so_and_is_over() {
    let feed = feed();
    let run = feed.run(topic("a"));
    run.publish(Event::data("1"));
    let mut client = Client::open(feed.follow(viewer(&feed, None)).unwrap());
    client.gets("id: e-1\ndata: 1\n\n");
    client.waits();
    drop(run);
    assert!(client.is_woken());
    client.gets("event: failed\nid: e-2\ndata: \n\n");
    client.is_at_end();
    assert!(is_over(&feed, "e-2"));
    assert!(!is_over(&feed, "e-1"));
}

#[tokio::test]
async fn work_that_panics_or_is_aborted_says_so() {
    for aborted in [false, true] {
        let feed = feed();
        let run = feed.run(topic("a")).on_failure(Event::data("sorry"));
        let mut work = JoinSet::new();
        work.spawn(async move {
            run.publish(Event::data("1"));
            assert!(aborted, "oh");
            std::future::pending::<()>().await;
        });
        let mut client = Client::open(feed.follow(viewer(&feed, None)).unwrap());
        assert_eq!(
            client.next().await,
            Some(Ok("id: e-1\ndata: 1\n\n".to_owned()))
        );
        if aborted {
            work.abort_all();
        }
        let ended = work.join_next().await.unwrap();
        assert_eq!(ended.unwrap_err().is_panic(), !aborted);
        client.gets("id: e-2\ndata: sorry\n\n");
        client.is_at_end();
    }
}

#[tokio::test(start_paused = true)]
async fn work_that_is_finished_is_no_failure_and_work_that_did_nothing_is_one() {
    let feed = feed();
    let mut all = tokio_test::task::spawn(feed.subscribe(Follow::live()));
    feed.run(topic("a")).finish(Event::data("done"));
    assert_eq!(feed.cursor(), super::at(1));
    drop(feed.run(topic("a")));
    assert_eq!(feed.cursor(), super::at(2));
    super::gives(&mut all, &["1", "2"]);
    assert!(matches!(all.poll_next(), Poll::Pending));
}

#[tokio::test(start_paused = true)]
async fn a_topic_is_opened_again_by_the_first_event_of_another_run() {
    let feed = feed();
    let finished = feed.run(topic("a")).finish(Event::data("done")).to_string();
    let again = feed.run(topic("a"));
    assert_eq!(again.topic(), &topic("a"));
    assert!(is_over(&feed, &finished));
    again.publish(Event::data("1"));
    let mut client = Client::open(feed.follow(viewer(&feed, Some(&finished))).unwrap());
    client.gets("id: e-2\ndata: 1\n\n");
    client.waits();
}
