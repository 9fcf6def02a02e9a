//! Connections that go on after a response has written itself to their sockets.

use std::time::Duration;

use peristyle::sse::{
    Event,
    feed::{Feed, Follow},
};
use tokio::{io::AsyncWriteExt, time::advance};

use crate::{
    client::{Client, Ending, GET, HELLO},
    server::{BIG, Site, Still, WAYS, Way, finished},
};

const AGE: Duration = Duration::from_secs(5);

/// Streams that end when they are five seconds old.
async fn site(way: Way, feed: &Feed) -> Site {
    let feed = feed.clone();
    let stream = move || feed.follow(Follow::live()).unwrap().max_age(AGE);
    Site::start(way, stream).await
}

async fn ended(client: &mut Client) {
    advance(AGE).await;
    assert_eq!(client.rest().await, (":\n\n".to_owned(), Ending::Last));
}

#[tokio::test(start_paused = true)]
async fn the_next_requests_are_answered_on_the_same_connection() {
    for way in WAYS {
        let _still = Still::stand();
        let feed = Feed::new();
        let _others = way.others(&feed);
        let site = site(way, &feed).await;
        let mut client = Client::get(site.address).await;
        for _ in 0..3 {
            client.until(":\n\n").await;
            ended(&mut client).await;
            client.io.write_all(GET.as_bytes()).await.unwrap();
            client.next().await;
            assert!(client.head.starts_with("HTTP/1.1 200 OK\r\n"), "{way:?}");
        }
        client.until(":\n\n").await;
        feed.publish(Event::data("again"));
        client.until("data: again\n\n").await;
        finished(site.end()).await;
    }
}

#[tokio::test(start_paused = true)]
async fn requests_that_came_with_the_first_and_during_its_response_are_answered_after_it() {
    for way in WAYS {
        let _still = Still::stand();
        let feed = Feed::new();
        let _others = way.others(&feed);
        let site = site(way, &feed).await;
        let mut client = Client::send(site.address, &[GET, HELLO].concat()).await;
        client.until(":\n\n").await;
        client.io.write_all(HELLO.as_bytes()).await.unwrap();
        ended(&mut client).await;
        for _ in 0..2 {
            client.next_whole("hello").await;
            assert!(client.head.starts_with("HTTP/1.1 200 OK\r\n"), "{way:?}");
        }
        finished(site.end()).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_response_that_waits_behind_another_is_handed_over_when_its_head_is_out() {
    for way in WAYS {
        let _still = Still::stand();
        let feed = Feed::new();
        let _others = way.others(&feed);
        let site = site(way, &feed).await;
        let big = "GET /big HTTP/1.1\r\nhost: a\r\n\r\n";
        let mut client = Client::send(site.address, &[big, GET].concat()).await;
        client.pass(BIG).await;
        client.read_head().await;
        assert!(client.head.starts_with("HTTP/1.1 200 OK\r\n"), "{way:?}");
        client.until(":\n\n").await;
        feed.publish(Event::data("after"));
        client.until("data: after\n\n").await;
        finished(site.end()).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_request_that_comes_in_two_halves_around_the_end_is_answered() {
    for way in WAYS {
        let _still = Still::stand();
        let feed = Feed::new();
        let _others = way.others(&feed);
        let site = site(way, &feed).await;
        let (first, second) = HELLO.split_at(20);
        let mut client = Client::send(site.address, &[GET, first].concat()).await;
        client.until(":\n\n").await;
        ended(&mut client).await;
        client.io.write_all(second.as_bytes()).await.unwrap();
        client.next_whole("hello").await;
        assert!(client.head.starts_with("HTTP/1.1 200 OK\r\n"), "{way:?}");
        finished(site.end()).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_connection_is_closed_after_its_response_if_the_client_said_so() {
    for way in WAYS {
        let _still = Still::stand();
        let feed = Feed::new();
        let _others = way.others(&feed);
        let site = site(way, &feed).await;
        let request = "GET / HTTP/1.1\r\nhost: a\r\nconnection: x, Close\r\n\r\n";
        let mut client = Client::send(site.address, request).await;
        assert!(
            client.head.contains("connection: close\r\n"),
            "{}",
            client.head
        );
        client.until(":\n\n").await;
        ended(&mut client).await;
        assert_eq!(
            client.closed().await,
            (Vec::new(), Ending::Closed),
            "{way:?}"
        );
        finished(site.end()).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_connection_without_another_request_is_closed_in_time() {
    for way in WAYS {
        let _still = Still::stand();
        let feed = Feed::new();
        let _others = way.others(&feed);
        let site = site(way, &feed).await;
        let mut client = Client::get(site.address).await;
        client.until(":\n\n").await;
        ended(&mut client).await;
        // Not one second before.
        advance(Duration::from_secs(59)).await;
        client.io.write_all(HELLO.as_bytes()).await.unwrap();
        client.next_whole("hello").await;
        advance(Duration::from_secs(61)).await;
        assert_eq!(
            client.closed().await,
            (Vec::new(), Ending::Closed),
            "{way:?}"
        );
        finished(site.end()).await;
    }
}
