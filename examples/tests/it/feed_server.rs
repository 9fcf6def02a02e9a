use peristyle::{
    BoxError,
    sse::feed::{Epoch, Feed},
};

use crate::wire::{Client, Running};

#[path = "../../feed_server.rs"]
#[expect(dead_code, reason = "its `main` is not run")]
mod example;

/// In base 36 the epoch is `e`.
async fn serve() -> Result<Running, BoxError> {
    let feed = Feed::builder().epoch(Epoch::new(14)).build();
    Ok(Running::start(example::router(feed)?).await)
}

fn publishing(data: &str) -> String {
    let length = data.len();
    format!("POST /publish HTTP/1.1\r\nhost: test\r\ncontent-length: {length}\r\n\r\n{data}")
}

async fn following(server: &Running, headers: &str) -> Client {
    let mut client = server.ask("/events", headers).await;
    client.until("\r\n\r\n").await;
    client
}

#[tokio::test]
async fn what_is_published_goes_to_each_follower_once_and_in_order() -> Result<(), BoxError> {
    let server = serve().await?;
    let mut followers = Vec::new();
    for _ in 0..3 {
        let mut client = following(&server, "").await;
        client.until(":\n\n\r\n").await;
        followers.push(client);
    }
    let mut publisher = server
        .send(format!("{}{}", publishing("one"), publishing("two")))
        .await;
    for id in ["e-1", "e-2"] {
        let answer = publisher.until(id).await;
        assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
    }
    for follower in &mut followers {
        let (one, two) = (
            "event: tick\nid: e-1\ndata: one\n\n",
            "event: tick\nid: e-2\ndata: two\n\n",
        );
        assert_eq!(
            without_sizes(&follower.until(two).await),
            format!("{one}{two}")
        );
    }
    drop((followers, publisher));
    server.ended().await;
    Ok(())
}

/// The content of chunks, of which none has a line that could be the size of another.
fn without_sizes(chunks: &str) -> String {
    let pieces = chunks.split("\r\n");
    pieces.filter(|piece| piece.ends_with('\n')).collect()
}

#[tokio::test]
async fn when_publishing_is_answered_the_event_is_in_the_log() -> Result<(), BoxError> {
    let server = serve().await?;
    let mut publisher = server.send(publishing("one")).await;
    publisher.until("\r\n\r\ne-1").await;
    let mut publisher = server.send(publishing("two")).await;
    publisher.until("\r\n\r\ne-2").await;
    let mut back = following(&server, "last-event-id: e-1\r\n").await;
    let missed = back.until("data: two\n\n").await;
    assert!(missed.contains("event: tick\nid: e-2\n"), "{missed}");
    assert!(!missed.contains("e-1"), "{missed}");
    drop((back, publisher));
    server.ended().await;
    Ok(())
}

#[tokio::test]
async fn what_is_no_text_is_refused_and_nobody_gets_it() -> Result<(), BoxError> {
    let server = serve().await?;
    let wrong = "POST /publish HTTP/1.1\r\nhost: test\r\ncontent-length: 1\r\n\r\n";
    let mut publisher = server.send([wrong.as_bytes(), b"\xff"].concat()).await;
    publisher.until("HTTP/1.1 400 ").await;
    let mut publisher = server.send(publishing("one")).await;
    publisher.until("\r\n\r\ne-1").await;
    drop(publisher);
    server.ended().await;
    Ok(())
}

#[test]
fn it_listens_where_it_is_told_to() {
    let listen = |arguments: &[&str]| {
        let arguments = arguments.iter().map(|it| String::from(*it));
        example::listen_address(arguments).map(|address| address.to_string())
    };
    assert_eq!(listen(&[]).as_deref(), Ok("127.0.0.1:8080"));
    assert_eq!(listen(&["--listen", "[::]:80"]).as_deref(), Ok("[::]:80"));
    for (arguments, said) in [
        (&["--port"][..], "unknown argument `--port`"),
        (&["--listen"], "`--listen` needs an address"),
        (&["--listen", "80"], "`80` is not an address with a port"),
    ] {
        assert_eq!(listen(arguments).unwrap_err(), said);
    }
}
