//! actix-web, with one worker: the bytes of an event are shared over tokio's broadcast.

use std::{convert::Infallible, net::TcpListener};

use actix_web::{
    App, HttpResponse, HttpServer,
    rt::System,
    web::{Data, get, post},
};
use bytes::Bytes;
use peristyle_peers::Failure;
use tokio::sync::broadcast::Sender;
use tokio_stream::{StreamExt, wrappers::BroadcastStream};

use super::{KEPT, encoded};

pub(super) fn serve(listener: TcpListener) -> Result<(), Failure> {
    let events = Data::new(Sender::<Bytes>::new(KEPT));
    let app = move || {
        App::new()
            .app_data(events.clone())
            .route("/events", get().to(follow))
            .route("/publish", post().to(publish))
    };
    let server = HttpServer::new(app).workers(1).disable_signals();
    Ok(System::new().block_on(server.listen(listener)?.run())?)
}

async fn publish(events: Data<Sender<Bytes>>, data: String) -> HttpResponse {
    // Without a follower nobody gets it.
    let _followers = events.send(encoded(&data).into());
    HttpResponse::NoContent().finish()
}

/// Who is too slow loses the oldest.
async fn follow(events: Data<Sender<Bytes>>) -> HttpResponse {
    let events = BroadcastStream::new(events.subscribe());
    HttpResponse::Ok()
        .content_type("text/event-stream")
        .streaming(events.filter_map(|event| event.ok().map(Ok::<_, Infallible>)))
}
