//! What goes to many at once leaves others their turn.

use std::{
    future::poll_fn,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    task::Poll,
};

use peristyle::sse::{Event, feed::Feed};
use tokio::task::JoinSet;

use crate::{
    client::Client,
    server::{Site, Still, Way, finished},
};

const FOLLOWERS: usize = 200;

/// Goes behind all who are waiting for their turn, and not, as tokio's `yield_now` does, behind all that they wake.
pub(crate) async fn next_turn() {
    let mut turned = false;
    poll_fn(|cx| {
        if std::mem::replace(&mut turned, true) {
            return Poll::Ready(());
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

/// How many clients of a shard have a turn before others have theirs.
const TURNS: usize = 32;

/// A task that asks for a turn again and again meets each turn of the shard: between two of its own, no more is written than the
/// shard may write at once.
#[tokio::test(start_paused = true)]
async fn others_have_their_turn_while_an_event_goes_to_many() {
    let _still = Still::stand();
    let feed = Feed::new();
    let site = Site::live(Way::Socket, &feed).await;
    let mut clients = Vec::new();
    for _ in 0..FOLLOWERS {
        let mut client = Client::get(site.address).await;
        client.until(":\n\n").await;
        clients.push(client);
    }
    let before = feed.metrics().delivered;
    let most = Arc::new(AtomicUsize::new(0));
    let mut other = JoinSet::new();
    let (watched, seen) = (feed.clone(), Arc::clone(&most));
    other.spawn(async move {
        let mut last = before;
        while last < before + FOLLOWERS as u64 {
            let delivered = watched.metrics().delivered;
            let step = usize::try_from(delivered - last).unwrap();
            seen.fetch_max(step, Ordering::Relaxed);
            last = delivered;
            next_turn().await;
        }
    });
    feed.publish(Event::data("all"));
    other.join_next().await.unwrap().unwrap();
    let most = most.load(Ordering::Relaxed);
    assert!((1..=TURNS).contains(&most), "{most} at once");
    for client in &mut clients {
        client.until("data: all\n\n").await;
    }
    finished(site.end()).await;
}
