//! What many wait for goes to them together; what happens to one of them is its own.

use std::{
    fmt::Display,
    future::Future,
    pin::pin,
    task::{Context, Poll, Waker},
    time::Duration,
};

use peristyle::{
    server::Exit,
    sse::{
        Event,
        feed::{Cursor, Feed, Follow, Publish, Topics},
    },
};
use tokio::{
    task::{JoinSet, yield_now},
    time::{Instant, advance},
};

use crate::{
    client::{Client, Ending},
    fair::next_turn,
    server::{Site, Still, Way, all_had_turns, finished, soon},
};

async fn crowd(site: &Site, count: usize) -> Vec<Client> {
    let mut clients = Vec::new();
    for _ in 0..count {
        let mut client = Client::get(site.address).await;
        client.until(":\n\n").await;
        clients.push(client);
    }
    all_had_turns().await;
    clients
}

fn written(cursor: Cursor, data: impl Display) -> String {
    format!("id: {cursor}\ndata: {data}\n\n")
}

/// A runtime polls its own future only once in many turns of its tasks.
async fn as_a_task(test: impl Future<Output = ()> + Send + 'static) {
    let mut tasks = JoinSet::new();
    tasks.spawn(test);
    tasks.join_next().await.unwrap().unwrap();
}

/// How many of the crowd an event has gone to when others have their turn.
const SOME: u64 = 32;

/// The principal of each follower is its number.
async fn numbered(feed: &Feed) -> Site {
    let feed = feed.clone();
    Site::start(Way::Together, move || {
        let number = feed.stats().subscribers;
        feed.follow(Follow::live().principal(number)).unwrap()
    })
    .await
}

#[tokio::test(start_paused = true)]
async fn who_is_revoked_while_an_event_goes_out_gets_it_only_if_it_had_gone_to_it() {
    as_a_task(revoke_in_the_middle()).await;
}

async fn revoke_in_the_middle() {
    const COUNT: usize = 100;
    let _still = Still::stand();
    let feed = Feed::new();
    let site = numbered(&feed).await;
    let mut clients = crowd(&site, COUNT).await;
    feed.publish(Event::data("some"));
    while feed.metrics().delivered == 0 {
        next_turn().await;
    }
    let told = feed.metrics().delivered;
    assert_eq!(told, SOME, "not all at once");
    let revoked = feed.revoke(|number: &usize| *number != COUNT / 2);
    assert_eq!(revoked, COUNT - 1);
    feed.publish(Event::data("rest"));
    let mut got = 0;
    for (number, client) in clients.iter_mut().enumerate() {
        if number == COUNT / 2 {
            client.until("data: rest\n\n").await;
            assert_eq!(client.text().matches("data: some").count(), 1);
            continue;
        }
        let (body, ending) = client.rest().await;
        assert_eq!(ending, Ending::Last);
        assert!(!body.contains("rest"), "{number}: {body}");
        got += body.matches("data: some").count() as u64;
    }
    assert!((SOME - 1..=SOME).contains(&got), "{got} of {told}");
    finished(site.end()).await;
}

#[tokio::test(start_paused = true)]
async fn who_is_revoked_before_an_event_gets_nothing_and_the_others_all() {
    as_a_task(revoke_before()).await;
}

/// Whichever comes first to the task that writes: the event for all, or word of those who are to leave.
async fn revoke_before() {
    let _still = Still::stand();
    let feed = Feed::new();
    let site = numbered(&feed).await;
    let mut clients = crowd(&site, 40).await;
    let mut expected = ":\n\n".to_owned();
    for round in 0..4 {
        // Nothing is known to the task that writes but that there is an event, until it looks.
        let cursor = feed.publish(Event::data(&round.to_string()));
        expected.push_str(&written(cursor, round));
        assert_eq!(feed.revoke(|number: &usize| number % 5 == round), 8);
        for (number, client) in clients.iter_mut().enumerate() {
            if number % 5 == round {
                let (body, ending) = client.rest().await;
                assert!(expected.len() > body.len(), "{number}: {body}");
                assert_eq!(ending, Ending::Last);
            } else if number % 5 > round {
                client.until(&expected).await;
            }
        }
    }
    finished(site.end()).await;
}

#[tokio::test(start_paused = true)]
async fn one_that_has_not_taken_all_goes_by_itself() {
    let _still = Still::stand();
    let feed = Feed::builder().max_bytes(64 << 20).build();
    let _others = Way::Together.others(&feed);
    let site = Site::live(Way::Together, &feed).await;
    let mut clients = crowd(&site, 3).await;
    let mut expected = ":\n\n".to_owned();
    let big = "x".repeat(16 << 20);
    let cursor = feed.publish(Event::data(&big));
    expected.push_str(&written(cursor, big));
    all_had_turns().await;
    for (number, client) in clients.iter_mut().enumerate() {
        let cursor = feed.publish(Event::data(&number.to_string()));
        expected.push_str(&written(cursor, number));
        client.until_id(cursor).await;
    }
    let cursor = feed.finish(Event::data("end"));
    expected.push_str(&written(cursor, "end"));
    for client in &mut clients {
        let (body, ending) = client.rest().await;
        assert!(body == expected, "{} of {}", body.len(), expected.len());
        assert_eq!(ending, Ending::Last);
    }
    finished(site.end()).await;
}

#[tokio::test(start_paused = true)]
async fn one_that_still_takes_what_was_before_it_came_goes_by_itself() {
    let _still = Still::stand();
    let feed = Feed::builder().max_bytes(64 << 20).build();
    let _others = Way::Together.others(&feed);
    let big = "x".repeat(16 << 20);
    let cursor = feed.publish(Event::data(&big));
    let mut expected = ":\n\n".to_owned() + &written(cursor, big);
    let followed = feed.clone();
    let site = Site::start(Way::Together, move || {
        followed.follow(Follow::last(1)).unwrap()
    })
    .await;
    let mut client = Client::get(site.address).await;
    for number in 0..3 {
        all_had_turns().await;
        let cursor = feed.publish(Event::data(&number.to_string()));
        expected.push_str(&written(cursor, number));
    }
    let cursor = feed.finish(Event::data("end"));
    expected.push_str(&written(cursor, "end"));
    let (body, ending) = client.rest().await;
    assert!(body == expected, "{} of {}", body.len(), expected.len());
    assert_eq!(ending, Ending::Last);
    finished(site.end()).await;
}

#[tokio::test(start_paused = true)]
async fn nothing_is_left_of_a_crowd_that_has_left() {
    let _still = Still::stand();
    let feed = Feed::new();
    let follow = Follow::live().topics("a".parse::<Topics>().unwrap());
    let (followed, theirs) = (feed.clone(), follow.clone());
    let site = Site::start(Way::Together, move || {
        followed.follow(theirs.clone()).unwrap()
    })
    .await;
    let clients = crowd(&site, 12).await;
    assert_eq!(feed.stats().topics, 1);
    drop(clients);
    while feed.stats().subscribers > 0 {
        yield_now().await;
    }
    all_had_turns().await;
    assert_eq!(feed.stats().topics, 0);
    finished(site.end()).await;
}

/// The clock has moved, and no timer has rung yet.
fn move_the_clock(time: Duration) {
    let mut moves = pin!(advance(time));
    let polled = moves.as_mut().poll(&mut Context::from_waker(Waker::noop()));
    assert_eq!(polled, Poll::Pending);
}

#[tokio::test(start_paused = true)]
async fn what_comes_after_the_time_of_one_does_not_go_to_it() {
    const AGE: Duration = Duration::from_secs(10);
    let _still = Still::stand();
    let feed = Feed::new();
    let _others = Way::Together.others(&feed);
    let followed = feed.clone();
    let site = Site::start(Way::Together, move || {
        let at = Instant::now() + AGE;
        followed.follow(Follow::live().expires_at(at)).unwrap()
    })
    .await;
    let mut clients = crowd(&site, 3).await;
    move_the_clock(Duration::from_secs(5));
    clients.extend(crowd(&site, 3).await);
    feed.publish(Event::data("for all"));
    for client in &mut clients {
        client.until("data: for all\n\n").await;
    }
    move_the_clock(Duration::from_secs(5));
    feed.publish(Event::data("for some"));
    let (over, left) = clients.split_at_mut(3);
    for client in left {
        client.until("data: for some\n\n").await;
    }
    for client in over {
        let (body, ending) = client.rest().await;
        assert!(body.ends_with("data: for all\n\n"), "{body}");
        assert_eq!(ending, Ending::Last);
    }
    finished(site.end()).await;
}

#[tokio::test(start_paused = true)]
async fn each_has_its_topic_and_each_topic_its_crowd() {
    let _still = Still::stand();
    let feed = Feed::new();
    let followed = feed.clone();
    let site = Site::start(Way::Together, move || {
        let topic = ["red", "blue"][followed.stats().subscribers % 2];
        let topic: Topics = topic.parse().unwrap();
        followed.follow(Follow::live().topics(topic)).unwrap()
    })
    .await;
    let mut clients = crowd(&site, 24).await;
    let mut expected = [":\n\n".to_owned(), ":\n\n".to_owned()];
    for number in 0..20 {
        let which = number % 3;
        let event = Event::data(&number.to_string());
        let topic = ["red", "blue", "none"][which].parse().unwrap();
        let cursor = feed.publish(Publish::new(event).topic(topic));
        if let Some(expected) = expected.get_mut(which) {
            expected.push_str(&written(cursor, number));
        }
        if number % 5 == 0 {
            for (number, client) in clients.iter_mut().enumerate() {
                client.until(&expected[number % 2]).await;
            }
        }
    }
    let cursor = feed.finish(Event::data("end"));
    for (number, client) in clients.iter_mut().enumerate() {
        let (body, ending) = client.rest().await;
        let expected = expected[number % 2].clone() + &written(cursor, "end");
        assert_eq!((body, ending), (expected, Ending::Last));
    }
    assert_eq!(feed.metrics().delivered, 24 / 2 * 14 + 24);
    finished(site.end()).await;
}

#[tokio::test(start_paused = true)]
async fn those_who_leave_and_those_who_come_change_nothing_for_the_others() {
    as_a_task(leave_in_the_middle()).await;
}

async fn leave_in_the_middle() {
    let _still = Still::stand();
    let feed = Feed::new();
    let mut site = Site::live(Way::Together, &feed).await;
    let mut clients = crowd(&site, 60).await;
    let mut expected = vec![":\n\n".to_owned(); 60];
    for round in 0..8 {
        let cursor = feed.publish(Event::data(&round.to_string()));
        for expected in &mut expected {
            expected.push_str(&written(cursor, round));
        }
        // In the middle of it, for some of them.
        next_turn().await;
        for place in [clients.len() - 1, 17, 0] {
            drop(clients.swap_remove(place));
            expected.swap_remove(place);
        }
        for (client, expected) in clients.iter_mut().zip(&expected) {
            client.until(expected).await;
        }
        clients.extend(crowd(&site, 5).await);
        expected.extend(vec![":\n\n".to_owned(); 5]);
    }
    for _ in 0..24 {
        assert!(soon(site.ends.recv()).await.is_some());
    }
    assert_eq!(feed.stats().subscribers, clients.len());
    assert_eq!(feed.metrics().lag, 0);
    let cursor = feed.finish(Event::data("end"));
    let mut sent = Vec::new();
    for (client, expected) in clients.iter_mut().zip(expected) {
        let (body, ending) = client.rest().await;
        assert_eq!(body, expected + &written(cursor, "end"));
        assert_eq!(ending, Ending::Last);
        sent.push((Exit::Served, body.len() as u64));
    }
    let mut exits = Vec::new();
    while exits.len() < sent.len() {
        let exit = soon(site.exits.recv()).await.unwrap();
        exits.extend((exit.0 == Exit::Served).then_some(exit));
    }
    sent.sort_by_key(|(_, bytes)| *bytes);
    exits.sort_by_key(|(_, bytes)| *bytes);
    assert_eq!(exits, sent);
    finished(site.end()).await;
}
