//! Responses that the server's connection sends, although their bodies could write themselves.

use std::{
    pin::Pin,
    task::{Context as Task, Poll},
};

use bytes::Bytes;
use http_body::{Body, Frame};
use peristyle::{
    BoxError, handler,
    server::{Body as AnyBody, Context, Listener, Routes, Server},
    sse::{
        Event, EventBody,
        feed::{Feed, Follow, Following},
    },
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::UnixStream,
    sync::oneshot,
    task::JoinSet,
};

use crate::{
    client::Client,
    server::{Site, Still, Way, finished, tasks},
};

/// Changes what is sent.
struct Louder(Pin<Box<EventBody<Following>>>);

impl Body for Louder {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Task<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let frame = self.0.as_mut().poll_frame(cx);
        frame.map_ok(|frame| frame.map_data(|data| data.to_ascii_uppercase().into()))
    }
}

#[tokio::test(start_paused = true)]
async fn a_body_that_was_wrapped_is_sent_as_its_wrapper_says() {
    let _still = Still::stand();
    let feed = Feed::new();
    let follow = feed.clone();
    let routes = Routes::new().get(
        "/",
        handler(move |_: &mut Context| {
            let response = follow.follow(Follow::live()).unwrap().into_response();
            response.map(|body| AnyBody::new(Louder(Box::pin(body))))
        }),
    );
    let server = Server::bind("127.0.0.1:0").await.unwrap();
    let address = server.local_addr().unwrap();
    let table = routes.build().unwrap();
    let (end, ended) = oneshot::channel::<()>();
    let mut serving = JoinSet::new();
    serving.spawn(async move {
        server
            .serve_until(table, async { drop(ended.await) })
            .await
            .unwrap();
    });
    let mut client = Client::get(address).await;
    client.until(":\n\n").await;
    feed.publish(Event::data("loud"));
    client.until("DATA: LOUD\n\n").await;
    end.send(()).unwrap();
    finished(serving).await;
}

#[tokio::test(start_paused = true)]
async fn a_server_that_declines_keeps_the_connection() {
    let _still = Still::stand();
    let feed = Feed::new();
    let site = Site::live(Way::Connection, &feed).await;
    let before = tasks();
    let mut clients = Vec::new();
    for _ in 0..5 {
        let mut client = Client::get(site.address).await;
        client.until(":\n\n").await;
        clients.push(client);
    }
    assert_eq!(tasks(), before + 5);
    finished(site.end()).await;
}

#[tokio::test(start_paused = true)]
async fn a_follower_over_a_unix_socket_gets_its_events() {
    let _still = Still::stand();
    let feed = Feed::new();
    let follow = feed.clone();
    let answer = handler(move |_: &mut Context| {
        let stream = follow.follow(Follow::live()).unwrap();
        stream.into_response()
    });
    let path = std::env::temp_dir().join(format!("peristyle-sockets-{}", std::process::id()));
    let server = Server::on(Listener::unix(&path).unwrap());
    let router = Routes::new().get("/", answer).build().unwrap();
    let (end, ended) = oneshot::channel::<()>();
    let mut serving = JoinSet::new();
    serving.spawn(async move {
        server
            .serve_until(router, async { drop(ended.await) })
            .await
            .unwrap();
    });
    let mut client = UnixStream::connect(&path).await.unwrap();
    client
        .write_all(crate::client::GET.as_bytes())
        .await
        .unwrap();
    let mut read = Vec::new();
    while !read.ends_with(b"3\r\n:\n\n\r\n") {
        client.read_buf(&mut read).await.unwrap();
    }
    let cursor = feed.finish(Event::data("one"));
    while !read.ends_with(b"\r\n0\r\n\r\n") {
        client.read_buf(&mut read).await.unwrap();
    }
    let text = String::from_utf8(read).unwrap();
    assert!(
        text.contains(&format!("id: {cursor}\ndata: one\n\n\r\n0\r\n\r\n")),
        "{text}"
    );
    end.send(()).unwrap();
    finished(serving).await;
}
