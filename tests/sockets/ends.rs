//! How responses end that write themselves to their sockets.

use std::time::Duration;

use peristyle::{
    BoxError, End,
    server::Exit,
    sse::{
        Drain, Event, KeepAlive,
        feed::{Feed, Follow, Lag},
    },
};
use tokio::time::{Instant, advance};

use crate::{
    client::{Client, Ending},
    server::{Site, Still, WAYS, Way, finished, soon, tasks},
};

#[tokio::test(start_paused = true)]
async fn a_follower_has_no_task_of_its_own() {
    let _still = Still::stand();
    let feed = Feed::new();
    let site = Site::live(Way::Socket, &feed).await;
    let before = tasks();
    let mut clients = Vec::new();
    for _ in 0..50 {
        let mut client = Client::get(site.address).await;
        client.until(":\n\n").await;
        clients.push(client);
    }
    feed.publish(Event::data("all"));
    for client in &mut clients {
        client.until("data: all\n\n").await;
    }
    assert_eq!(feed.stats().subscribers, 50);
    // What writes to all of them.
    assert_eq!(tasks(), before + 1);
    finished(site.end()).await;
}

#[tokio::test(start_paused = true)]
async fn what_is_complete_ends_with_its_last_chunk() {
    for way in WAYS {
        let _still = Still::stand();
        let feed = Feed::new();
        let _others = way.others(&feed);
        let mut site = Site::live(way, &feed).await;
        let mut client = Client::get(site.address).await;
        client.until(":\n\n").await;
        let cursor = feed.finish(Event::data("done"));
        let (body, ending) = client.rest().await;
        assert_eq!(body, format!(":\n\nid: {cursor}\ndata: done\n\n"));
        assert_eq!(ending, Ending::Last, "{way:?}");
        assert_eq!(soon(site.ends.recv()).await, Some(End::Finished));
        let sent = body.len() as u64;
        assert_eq!(
            soon(site.exits.recv()).await,
            Some((Exit::Served, sent)),
            "{way:?}"
        );
        finished(site.end()).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_client_that_leaves_is_noticed_at_once() {
    for way in WAYS {
        let _still = Still::stand();
        let feed = Feed::new();
        let others = way.others(&feed);
        let mut site = Site::live(way, &feed).await;
        let mut client = Client::get(site.address).await;
        client.until(":\n\n").await;
        assert_eq!(feed.stats().subscribers, 1 + others.len());
        drop(client);
        assert_eq!(soon(site.ends.recv()).await, Some(End::PeerLeft), "{way:?}");
        assert_eq!(
            soon(site.exits.recv()).await,
            Some((Exit::Left, 3)),
            "{way:?}"
        );
        assert_eq!(feed.stats().subscribers, others.len());
        finished(site.end()).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_drain_ends_each_stream_as_it_says_and_closes_its_connection() {
    for way in WAYS {
        let _still = Still::stand();
        let feed = Feed::new();
        let _others = way.others(&feed);
        let follow = feed.clone();
        let mut site = Site::start(way, move || {
            let stream = follow.follow(Follow::live()).unwrap();
            stream.on_drain(Drain::Last(Event::data("bye")))
        })
        .await;
        let mut client = Client::get(site.address).await;
        client.until(":\n\n").await;
        let mut ends = std::mem::replace(&mut site.ends, tokio::sync::mpsc::channel(1).1);
        let serving = site.end();
        let (body, ending) = client.rest().await;
        assert_eq!(
            (body.as_str(), ending),
            (":\n\ndata: bye\n\n", Ending::Last)
        );
        assert_eq!(soon(ends.recv()).await, Some(End::Drained), "{way:?}");
        assert_eq!(
            client.closed().await,
            (Vec::new(), Ending::Closed),
            "{way:?}"
        );
        finished(serving).await;
    }
}

#[tokio::test(start_paused = true)]
async fn what_does_not_drain_is_cut_off_at_the_end_of_the_grace() {
    for way in WAYS {
        let still = Still::stand();
        let feed = Feed::new();
        let _others = way.others(&feed);
        let follow = feed.clone();
        let mut site = Site::start(way, move || {
            let stream = follow.follow(Follow::live()).unwrap();
            stream.on_drain(Drain::Finish).keep_alive(KeepAlive::OFF)
        })
        .await;
        let mut client = Client::get(site.address).await;
        client.until(":\n\n").await;
        let mut ends = std::mem::replace(&mut site.ends, tokio::sync::mpsc::channel(1).1);
        let mut exits = std::mem::replace(&mut site.exits, tokio::sync::mpsc::channel(1).1);
        let serving = site.end();
        feed.publish(Event::data("still"));
        client.until("data: still\n\n").await;
        drop(still);
        let (_, ending) = client.rest().await;
        assert_eq!(ending, Ending::Closed, "{way:?}");
        assert_eq!(soon(ends.recv()).await, Some(End::Deadline), "{way:?}");
        assert_eq!(
            soon(exits.recv()).await.unwrap().0,
            Exit::Shutdown,
            "{way:?}"
        );
        finished(serving).await;
    }
}

#[tokio::test(start_paused = true)]
async fn what_fails_does_not_look_complete() {
    let _still = Still::stand();
    for way in WAYS {
        for (request, ending) in [
            (crate::client::GET, Ending::Closed),
            ("GET / HTTP/1.0\r\nhost: a\r\n\r\n", Ending::Reset),
        ] {
            let feed = Feed::builder().max_events(1).build();
            let _others = way.others(&feed);
            for text in ["gone", "kept"] {
                feed.publish(Event::data(text));
            }
            let mut site = Site::start(way, move || {
                let failing = |_| async { Err::<Event, BoxError>("no state".into()) };
                let follow = Follow::since(Instant::now()).lag(Lag::Gap);
                feed.follow(follow.on_gap(failing)).unwrap()
            })
            .await;
            let mut client = Client::send(site.address, request).await;
            let (body, ended) = client.rest().await;
            assert_eq!((body.as_str(), ended), (":\n\n", ending), "{way:?}");
            assert_eq!(soon(site.ends.recv()).await, Some(End::Failed), "{way:?}");
            assert_eq!(
                soon(site.exits.recv()).await,
                Some((Exit::Aborted, 3)),
                "{way:?}"
            );
            finished(site.end()).await;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_response_of_http_1_0_goes_on_until_its_connection_ends() {
    for way in WAYS {
        let _still = Still::stand();
        let feed = Feed::new();
        let _others = way.others(&feed);
        let mut site = Site::live(way, &feed).await;
        let request = "GET / HTTP/1.0\r\nhost: a\r\nconnection: keep-alive\r\n\r\n";
        let mut client = Client::send(site.address, request).await;
        assert!(
            !client.head.contains("transfer-encoding"),
            "{}",
            client.head
        );
        client.until(":\n\n").await;
        feed.publish(Event::data("one"));
        client.until("data: one\n\n").await;
        feed.finish(Event::data("two"));
        let (body, ending) = client.rest().await;
        assert!(body.ends_with("data: two\n\n"), "{body}");
        assert_eq!(ending, Ending::Closed, "{way:?}");
        assert_eq!(soon(site.exits.recv()).await.unwrap().0, Exit::Served);
        finished(site.end()).await;
    }
}

#[tokio::test(start_paused = true)]
async fn comments_are_sent_in_silences_and_old_age_is_an_end() {
    for way in WAYS {
        let _still = Still::stand();
        let feed = Feed::new();
        let _others = way.others(&feed);
        let follow = feed.clone();
        let mut site = Site::start(way, move || {
            let stream = follow.follow(Follow::live()).unwrap();
            let often = KeepAlive::every(Duration::from_secs(10)).unwrap().seeded(7);
            stream.keep_alive(often).max_age(Duration::from_secs(30))
        })
        .await;
        let mut client = Client::get(site.address).await;
        client.until(":\n\n").await;
        advance(Duration::from_secs(13)).await;
        client.until(":\n\n:\n\n").await;
        advance(Duration::from_secs(18)).await;
        let (_, ending) = client.rest().await;
        assert_eq!(ending, Ending::Last, "{way:?}");
        assert_eq!(soon(site.ends.recv()).await, Some(End::TooOld), "{way:?}");
        finished(site.end()).await;
    }
}

#[tokio::test(start_paused = true)]
async fn who_is_revoked_is_given_nothing_more() {
    for way in WAYS {
        let _still = Still::stand();
        let feed = Feed::new();
        let _others = way.others(&feed);
        let follow = feed.clone();
        let stream = move || follow.follow(Follow::live().principal("ann")).unwrap();
        let mut site = Site::start(way, stream).await;
        let mut client = Client::get(site.address).await;
        client.until(":\n\n").await;
        assert_eq!(feed.revoke(|name: &&str| *name == "ann"), 1);
        feed.publish(Event::data("secret"));
        assert_eq!(client.rest().await, (":\n\n".to_owned(), Ending::Last));
        assert_eq!(soon(site.ends.recv()).await, Some(End::Revoked), "{way:?}");
        finished(site.end()).await;
    }
}
