//! The HTTP server of Peristyle: the interceptor chain bound to hyper.
//!
//! ```no_run
//! use peristyle_core::{BoxError, before};
//! use peristyle_server::{Context, Json, Path, Problem, Routes, Server, handler};
//!
//! async fn authorise(cx: &mut Context) -> Result<(), Problem> {
//!     match cx.headers().get("x-key") {
//!         Some(_) => Ok(()),
//!         None => Err(Problem::new(http::StatusCode::UNAUTHORIZED).detail("send a key")),
//!     }
//! }
//!
//! async fn order(Path(id): Path<u64>) -> Json<[String; 1]> {
//!     Json([format!("order {id}")])
//! }
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), BoxError> {
//! let router = Routes::new()
//!     .get("/orders/{id}", [before(authorise), handler(order)])
//!     .build()?;
//! Server::bind("127.0.0.1:8080").await?.serve(router).await?;
//! # Ok(())
//! # }
//! ```
//!
//! A request becomes an [`Exchange`] in a [`Context`] and walks the [`Router`]'s chain. Setting a response ends the way in.
//! An error that no interceptor handles is answered as JSON, HTML or text, and logged once; see [`Problem`]. A [`handler`] takes
//! the context or arguments that are made from it; see [`FromExchange`]. A response's body is whole, or any
//! `http_body::Body` of bytes; one that carries a [`Control`](peristyle_core::Control) in its extensions is told when the
//! server drains.
//!
//! A body can also offer, in the extensions of its response, to write itself to the socket; see
//! [`handover`](peristyle_core::handover). Over HTTP/1 on a plain TCP connection it is taken at its word: once the head is
//! written it has the socket, and its client costs the server neither a task nor buffers. It gives the socket back for the next
//! request. Over TLS, HTTP/2 and Unix sockets, and when something has wrapped the body, it is sent as any other. The
//! streams of the feeds of `peristyle-sse` offer this; [`Server::decline_socket_offers`] declines it.
//!
//! What most services need around their routes is in [`interceptors`]. What a [`Server`] limits, and how long it waits, is listed
//! there. A [`TestClient`] asks a router without a socket.
//!
//! | feature | brings |
//! |---|---|
//! | `compression` | `interceptors::Compression` and `interceptors::Decompression`, with gzip, deflate and brotli |
//! | `zstd` | that coding for both; it is built from C |
//! | `tls` | `Listener::tls` and `Tls`: TLS by rustls, with certificates that can be replaced; it is built from C |
//! | `inherited` | `Listener::inherited`: sockets that were open when the process began, systemd's for instance |
//! | `tower` | [`RouterService`] as a service of tower; `mount` and `from_tower`: tower services in a router |
//! | `typed-header` | `TypedHeader`: headers as values of the types of the crate `headers` |
//!
//! None is on by default.

mod accept;
mod activity;
mod answering;
mod body;
mod causes;
mod connection;
mod deadline;
mod detached;
mod ended;
mod exchange;
mod extract;
mod frames;
mod guard;
mod handler;
mod http1;
pub mod interceptors;
mod interrupts;
#[cfg(any(test, fuzzing))]
#[path = "../tests/laws/mod.rs"]
#[doc(hidden)]
pub mod laws;
mod lease;
mod lifeline;
mod link;
mod listen;
#[cfg(feature = "tower")]
mod mount;
mod outgoing;
mod patience;
mod pieces;
mod problem;
mod progress;
mod request_body;
mod response;
mod router;
mod routes;
mod running;
mod server;
mod service;
mod shutdown;
mod snapshot;
mod sockets;
mod stall;
mod streams;
mod test_client;
mod wire;

/// The crate of typed headers, in the version of [`TypedHeader`].
#[cfg(feature = "typed-header")]
pub use headers;
/// The crate of HTTP's own types, in the version that this one speaks.
pub use http;
/// The crate of TLS, in the version that this one speaks.
#[cfg(feature = "tls")]
pub use tokio_rustls::rustls;

#[cfg(feature = "typed-header")]
pub use self::extract::TypedHeader;
#[cfg(feature = "tls")]
pub use self::listen::{Tls, TlsError};

#[cfg(feature = "tower")]
pub use self::mount::{OriginalUri, from_tower, mount};
pub use self::{
    body::Body,
    ended::{Ended, Exit},
    exchange::{Context, Exchange},
    extract::{
        Accept, Cookies, Field, Form, FromExchange, Headers, Multipart, NotAcceptable, Part, Path,
        Query, Rejection, State,
    },
    handler::{Handler, OfContext, handler},
    interrupts::{Interrupted, Interrupts},
    lifeline::Disconnected,
    listen::Listener,
    problem::Problem,
    request_body::{BodyError, RequestBody},
    response::{Html, IntoResponse, Json, Redirect, Response},
    router::Router,
    routes::{
        Group, ListedRoute, Route, RouteError, RouteErrors, RouteInfo, RouteList, RouteUrl, Routes,
        TrailingSlash, UrlError,
    },
    running::Threads,
    server::Server,
    service::{Peer, RouterService},
    shutdown::Shutdown,
    test_client::{TestClient, TestRequest, TestResponse},
};
