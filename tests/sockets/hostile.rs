//! Clients that mean no good while they follow.

use peristyle::{
    End,
    sse::{Event, feed::Feed},
};
use tokio::io::AsyncWriteExt;

use crate::{
    client::{Client, Ending},
    server::{Site, Still, WAYS, finished, soon},
};

/// Sends for as long as the system takes it. Returns how much that was.
async fn flood(client: &Client) -> usize {
    let mut sent = 0;
    let mut refused = 0;
    let much = vec![b'x'; 64 * 1024];
    while refused < 100 {
        match client.io.try_write(&much) {
            Ok(length) => {
                sent += length;
                refused = 0;
            }
            Err(_) => refused += 1,
        }
        tokio::task::yield_now().await;
    }
    sent
}

#[tokio::test(start_paused = true)]
async fn what_a_follower_sends_is_not_read_without_end_and_does_not_disturb_its_events() {
    for way in WAYS {
        let _still = Still::stand();
        let feed = Feed::new();
        let _others = way.others(&feed);
        let site = Site::live(way, &feed).await;
        let mut client = Client::get(site.address).await;
        client.until(":\n\n").await;
        let sent = flood(&client).await;
        assert!(sent > 64 * 1024, "{sent}");
        for number in 0..100 {
            feed.publish(Event::data(&number.to_string()));
            client.until(&format!("data: {number}\n\n")).await;
        }
        feed.finish(Event::data("end"));
        let (body, ending) = client.rest().await;
        assert!(body.ends_with("data: end\n\n"));
        assert_eq!(ending, Ending::Last, "{way:?}");
        // Whether the refusal arrives depends on how much is still on its way.
        let (refusal, _) = client.closed().await;
        let refusal = String::from_utf8(refusal).unwrap();
        assert!(
            refusal.is_empty() || refusal.starts_with("HTTP/1.1 4"),
            "{refusal}"
        );
        finished(site.end()).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_malformed_request_after_a_response_is_refused() {
    for way in WAYS {
        let _still = Still::stand();
        let feed = Feed::new();
        let _others = way.others(&feed);
        let site = Site::live(way, &feed).await;
        let mut client = Client::get(site.address).await;
        client.until(":\n\n").await;
        client
            .io
            .write_all(b"GET / HTTP/1.1\r\n\0\r\n\r\n")
            .await
            .unwrap();
        feed.publish(Event::data("one"));
        client.until("data: one\n\n").await;
        feed.finish(Event::data("end"));
        assert_eq!(client.rest().await.1, Ending::Last);
        let (refusal, _) = client.closed().await;
        let refusal = String::from_utf8(refusal).unwrap();
        assert!(
            refusal.starts_with("HTTP/1.1 400 Bad Request\r\n"),
            "{way:?}: {refusal}"
        );
        finished(site.end()).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_client_that_sends_no_more_has_left() {
    for way in WAYS {
        let _still = Still::stand();
        let feed = Feed::new();
        let _others = way.others(&feed);
        let mut site = Site::live(way, &feed).await;
        let mut client = Client::get(site.address).await;
        client.until(":\n\n").await;
        client.io.shutdown().await.unwrap();
        assert_eq!(soon(site.ends.recv()).await, Some(End::PeerLeft), "{way:?}");
        finished(site.end()).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_client_that_resets_its_connection_in_the_middle_of_a_write_is_gone() {
    for way in WAYS {
        let _still = Still::stand();
        let feed = Feed::builder().max_bytes(64 << 20).build();
        let others = way.others(&feed);
        let mut site = Site::live(way, &feed).await;
        let mut client = Client::get(site.address).await;
        client.until(":\n\n").await;
        feed.publish(Event::data(&"x".repeat(16 << 20)));
        client.until_at_least(1 << 20).await;
        client.io.set_zero_linger().unwrap();
        drop(client);
        assert_eq!(soon(site.ends.recv()).await, Some(End::PeerLeft), "{way:?}");
        assert_eq!(feed.stats().subscribers, others.len());
        finished(site.end()).await;
    }
}
