//! Connections over TLS.

use std::{error::Error, io, sync::Arc, time::Duration};

use bytes::Bytes;
use http::Request;
use http_body_util::{BodyExt, Empty};
use hyper::client::conn::http2;
use hyper_util::rt::{TokioExecutor, TokioIo};
use peristyle_core::handler;
use peristyle_server::{
    Context, Listener, Router, Routes, Server, Threads, Tls,
    rustls::{
        ClientConfig, ConfigBuilder, HandshakeKind, RootCertStore, ServerConfig, WantsVerifier,
        crypto::ring,
        pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
        server::{ResolvesServerCertUsingSni, WebPkiClientVerifier},
        sign::CertifiedKey,
    },
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    task::JoinSet,
};
use tokio_rustls::{TlsConnector, client::TlsStream};

use crate::{
    logs::Logs,
    support::{Client as Raw, GET, Running, RunningOn, answer_over, finished, get, soon},
};

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// A certificate that signs itself, and its key, in PEM.
struct Pair {
    certificate: String,
    key: String,
}

impl Pair {
    fn of(host: &str) -> Self {
        let pair = rcgen::generate_simple_self_signed([host.to_owned()]).unwrap();
        Self {
            certificate: pair.cert.pem(),
            key: pair.signing_key.serialize_pem(),
        }
    }

    fn tls(&self) -> Tls {
        Tls::from_pem(self.certificate.as_bytes(), self.key.as_bytes()).unwrap()
    }

    fn reload(&self, tls: &Tls) {
        tls.reload(self.certificate.as_bytes(), self.key.as_bytes())
            .unwrap();
    }

    fn certificate(&self) -> CertificateDer<'static> {
        CertificateDer::from_pem_slice(self.certificate.as_bytes()).unwrap()
    }

    fn key(&self) -> PrivateKeyDer<'static> {
        PrivateKeyDer::from_pem_slice(self.key.as_bytes()).unwrap()
    }

    fn roots(&self) -> RootCertStore {
        let mut roots = RootCertStore::empty();
        roots.add(self.certificate()).unwrap();
        roots
    }

    /// A client that trusts this certificate alone, and offers these protocols.
    fn client(&self, protocols: &[&str]) -> ClientConfig {
        let provider = Arc::new(ring::default_provider());
        let mut config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(self.roots())
            .with_no_client_auth();
        config.alpn_protocols = protocols.iter().map(|name| (*name).into()).collect();
        config
    }
}

fn router() -> Router {
    let version = handler(|cx: &mut Context| format!("{:?}!", cx.request().version));
    Routes::new().get("/", version).build().unwrap()
}

async fn serving_with(tls: &Tls, set: impl FnOnce(Server) -> Server) -> Running {
    let listener = Listener::bind("127.0.0.1:0").await.unwrap().tls(tls);
    Running::serve(set(Server::on(listener)), router())
}

async fn serving(tls: &Tls) -> Running {
    serving_with(tls, |server| server).await
}

async fn shake(
    server: &Running,
    client: impl Into<Arc<ClientConfig>>,
    host: &'static str,
) -> io::Result<TlsStream<TcpStream>> {
    let stream = TcpStream::connect(server.address).await?;
    let connector = TlsConnector::from(client.into());
    soon(connector.connect(host.try_into().unwrap(), stream)).await
}

async fn secure(server: &Running, client: impl Into<Arc<ClientConfig>>) -> TlsStream<TcpStream> {
    shake(server, client, "localhost").await.unwrap()
}

fn agreed(stream: &TlsStream<TcpStream>) -> Option<&[u8]> {
    stream.get_ref().1.alpn_protocol()
}

/// The body of an answer over HTTP/2.
async fn over_http_2(stream: TlsStream<TcpStream>) -> Bytes {
    let shaken = http2::handshake(TokioExecutor::new(), TokioIo::new(stream));
    let (mut requests, connection) = soon(shaken).await.unwrap();
    let mut tasks = JoinSet::new();
    tasks.spawn(async { drop(connection.await) });
    let request = Request::get("https://localhost/").body(Empty::<Bytes>::new());
    let response = soon(requests.send_request(request.unwrap())).await.unwrap();
    soon(response.into_body().collect())
        .await
        .unwrap()
        .to_bytes()
}

async fn greet(stream: &mut TlsStream<TcpStream>) {
    soon(stream.write_all(GET.as_bytes())).await.unwrap();
    while soon(stream.read_u8()).await.unwrap() != b'!' {}
}

#[tokio::test]
async fn the_protocol_is_the_one_that_was_agreed_on() {
    let pair = Pair::of("localhost");
    let server = serving(&pair.tls()).await;
    for (offered, expected) in [
        (&["h2"][..], "h2"),
        (&["http/1.1"], "http/1.1"),
        (&["http/1.1", "h2"], "h2"),
        (&["spdy/1", "http/1.1"], "http/1.1"),
    ] {
        let stream = secure(&server, pair.client(offered)).await;
        assert_eq!(agreed(&stream), Some(expected.as_bytes()));
        if expected == "h2" {
            assert_eq!(over_http_2(stream).await, "HTTP/2.0!");
        } else {
            let answer = answer_over(stream, get("/")).await;
            assert!(answer.ends_with("\r\n\r\nHTTP/1.1!"), "{answer}");
        }
    }
    let error = shake(&server, pair.client(&["spdy/1"]), "localhost").await;
    assert!(
        error
            .unwrap_err()
            .to_string()
            .contains("NoApplicationProtocol")
    );
    server.ended().await;
}

#[tokio::test]
async fn without_an_agreement_a_client_speaks_what_it_likes() {
    let pair = Pair::of("localhost");
    let server = serving(&pair.tls()).await;
    let stream = secure(&server, pair.client(&[])).await;
    assert_eq!(agreed(&stream), None);
    assert_eq!(over_http_2(stream).await, "HTTP/2.0!");
    let stream = secure(&server, pair.client(&[])).await;
    let answer = answer_over(stream, get("/")).await;
    assert!(answer.ends_with("\r\n\r\nHTTP/1.1!"), "{answer}");
    server.ended().await;
}

#[tokio::test]
async fn a_client_that_speaks_another_protocol_than_agreed_on_is_closed() {
    let (logs, _kept) = Logs::kept();
    let pair = Pair::of("localhost");
    let server = serving(&pair.tls()).await;
    for (offered, sent) in [("h2", get("/").as_bytes()), ("http/1.1", PREFACE)] {
        let mut stream = secure(&server, pair.client(&[offered])).await;
        soon(stream.write_all(sent)).await.unwrap();
        let mut read = Vec::new();
        let _cut = soon(stream.read_to_end(&mut read)).await;
        assert!(read.is_empty(), "{}", String::from_utf8_lossy(&read));
    }
    let start = "DEBUG connection failed error=the client speaks another protocol";
    assert_eq!(logs.with(start).len(), 2);
    server.ended().await;
}

/// A client of rustls takes an end that was not said for an error.
#[tokio::test]
async fn the_end_is_said_to_the_client() {
    let pair = Pair::of("localhost");
    let server = serving(&pair.tls()).await;
    let mut idle = secure(&server, pair.client(&[])).await;
    greet(&mut idle).await;
    let stream = secure(&server, pair.client(&[])).await;
    answer_over(stream, get("/")).await;
    let serving = server.end();
    assert_eq!(soon(idle.read(&mut [0])).await.unwrap(), 0);
    finished(serving).await;
}

#[tokio::test]
async fn a_client_that_closes_without_saying_so_is_no_error() {
    let (logs, _kept) = Logs::kept();
    let pair = Pair::of("localhost");
    let server = serving(&pair.tls()).await;
    let mut stream = secure(&server, pair.client(&[])).await;
    greet(&mut stream).await;
    drop(stream);
    let mut stream = secure(&server, pair.client(&[])).await;
    let upload = b"POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 9\r\n\r\nand less";
    soon(stream.write_all(upload)).await.unwrap();
    soon(stream.read_to_end(&mut Vec::new())).await.unwrap();
    drop(stream);
    over_http_2(secure(&server, pair.client(&["h2"])).await).await;
    server.ended().await;
    let mut lines = logs.with("").into_iter().map(|(_, line)| line);
    assert_eq!(lines.find(|line| line.contains("close_notify")), None);
}

#[tokio::test]
async fn new_handshakes_get_the_new_certificate_and_connections_go_on() {
    let (before, after) = (Pair::of("localhost"), Pair::of("localhost"));
    let tls = before.tls();
    let server = serving(&tls).await;
    let mut open = secure(&server, before.client(&[])).await;
    greet(&mut open).await;
    after.reload(&tls);
    greet(&mut open).await;
    let refused = shake(&server, before.client(&[]), "localhost").await;
    assert!(refused.unwrap_err().to_string().contains("certificate"));
    greet(&mut secure(&server, after.client(&[])).await).await;
    greet(&mut open).await;
    drop(open);
    server.ended().await;
}

#[tokio::test]
async fn a_session_of_before_is_not_resumed_with_the_new_certificate() {
    let (before, after) = (Pair::of("localhost"), Pair::of("localhost"));
    let tls = before.tls();
    let server = serving(&tls).await;
    let client = Arc::new(before.client(&[]));
    for kind in [HandshakeKind::Full, HandshakeKind::Resumed] {
        let mut stream = secure(&server, Arc::clone(&client)).await;
        greet(&mut stream).await;
        assert_eq!(stream.get_ref().1.handshake_kind(), Some(kind));
    }
    after.reload(&tls);
    assert!(shake(&server, client, "localhost").await.is_err());
    server.ended().await;
}

#[tokio::test]
async fn what_cannot_be_used_is_refused_and_what_was_in_use_stays() {
    let (used, other) = (Pair::of("localhost"), Pair::of("localhost"));
    let tls = used.tls();
    let server = serving(&tls).await;
    let cases = [
        (
            &*used.certificate,
            &*other.key,
            "the certificate and its key cannot be used",
        ),
        ("", &used.key, "the certificate and its key cannot be used"),
        (
            &used.key,
            &used.key,
            "the certificate and its key cannot be used",
        ),
        (&used.certificate, "", "the private key cannot be read"),
        (
            &used.certificate,
            &used.certificate,
            "the private key cannot be read",
        ),
        (
            "-----BEGIN CERTIFICATE-----\n?",
            &used.key,
            "a certificate cannot be read",
        ),
    ];
    for (certificate, key, expected) in cases {
        let (certificate, key) = (certificate.as_bytes(), key.as_bytes());
        for error in [
            tls.reload(certificate, key).unwrap_err(),
            Tls::from_pem(certificate, key).unwrap_err(),
        ] {
            assert_eq!(error.to_string(), expected);
            assert!(error.source().is_some());
        }
        greet(&mut secure(&server, used.client(&[])).await).await;
    }
    server.ended().await;
}

/// A client that is silent, and one that stops in its first message.
async fn shake_no_hands(server: &Running) -> [Raw; 2] {
    let silent = server.connect().await;
    let mut half = server.connect().await;
    half.send(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc").await;
    [silent, half]
}

#[tokio::test]
async fn a_client_that_shakes_no_hands_is_closed_in_time() {
    let (logs, _kept) = Logs::kept();
    let limit = Duration::from_millis(5);
    let tls = Pair::of("localhost").tls();
    let server = serving_with(&tls, |server| server.handshake_timeout(limit)).await;
    for client in shake_no_hands(&server).await {
        assert_eq!(client.rest().await, "");
    }
    let late = logs.with("DEBUG no TLS handshake in time limit=5ms");
    assert_eq!(late.len(), 2);
    server.ended().await;
}

#[tokio::test]
async fn a_client_that_shakes_no_hands_holds_up_nobody() {
    let (logs, _kept) = Logs::kept();
    let pair = Pair::of("localhost");
    let server = serving(&pair.tls()).await;
    let waiting = shake_no_hands(&server).await;
    greet(&mut secure(&server, pair.client(&[])).await).await;
    assert_eq!(logs.with("DEBUG no TLS handshake in time").len(), 0);
    drop(waiting);
    server.ended().await;
}

#[tokio::test]
async fn a_handshake_takes_a_place() {
    let (logs, _kept) = Logs::kept();
    let pair = Pair::of("localhost");
    let limit = Duration::from_millis(5);
    let set = |server: Server| server.connections(1).handshake_timeout(limit);
    let server = serving_with(&pair.tls(), set).await;
    let silent = server.connect().await;
    // It comes to nothing before the other has been given up.
    let _second = server.connect().await.rest().await;
    assert_eq!(silent.rest().await, "");
    let given_up = logs.with("DEBUG no TLS handshake in time");
    assert_eq!(given_up.len(), 2);
    assert!(given_up[1].0 - given_up[0].0 >= limit, "{given_up:?}");
    server.ended().await;
}

#[tokio::test]
async fn what_is_no_tls_gets_an_alert_and_the_server_goes_on() {
    let (logs, _kept) = Logs::kept();
    let pair = Pair::of("localhost");
    let server = serving(&pair.tls()).await;
    let garbage = [0x16, 3, 1, 0, 5, 1, 0, 0, 1, 0];
    for sent in [GET.as_bytes(), PREFACE, &[0; 512], &garbage] {
        let mut client = server.connect().await;
        client.send(sent).await;
        let mut read = Vec::new();
        // What was not read resets the connection, perhaps before the alert is.
        let end = soon(client.0.read_to_end(&mut read)).await;
        assert!(end.is_err() || read.starts_with(&[0x15, 3]), "{read:?}");
        assert!(read.len() <= 7, "{read:?}");
    }
    assert_eq!(logs.with("DEBUG TLS handshake failed").len(), 4);
    assert_eq!(logs.with("ERROR").len() + logs.with("WARN").len(), 0);
    greet(&mut secure(&server, pair.client(&[])).await).await;
    server.ended().await;
}

#[tokio::test]
async fn a_handshake_is_given_up_when_the_server_ends() {
    let pair = Pair::of("localhost");
    let server = serving(&pair.tls()).await;
    let silent = server.connect().await;
    greet(&mut secure(&server, pair.client(&[])).await).await;
    let serving = server.end();
    assert_eq!(silent.rest().await, "");
    finished(serving).await;
}

#[tokio::test]
async fn with_and_without_tls_listeners_serve_side_by_side_on_threads_of_their_own() {
    let pair = Pair::of("localhost");
    let plain = Listener::bind("127.0.0.1:0").await.unwrap();
    let secured = Listener::bind("127.0.0.1:0")
        .await
        .unwrap()
        .tls(&pair.tls());
    let server = Server::on(secured).and(plain);
    let addresses = server.local_addrs().unwrap();
    let two = Threads::Count(2.try_into().unwrap());
    let server = RunningOn::<0>::serve(server.threads(two), router());
    for _ in 0..8 {
        greet(&mut secure(&server, pair.client(&[])).await).await;
        let mut client = Raw(TcpStream::connect(addresses[1]).await.unwrap());
        client.send(GET).await;
        client.until("\r\n\r\nHTTP/1.1!").await;
    }
    server.ended().await;
}

fn config() -> ConfigBuilder<ServerConfig, WantsVerifier> {
    ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
}

#[tokio::test]
async fn a_configuration_of_ones_own_can_ask_for_client_certificates() {
    let (here, there) = (Pair::of("localhost"), Pair::of("client"));
    let provider = Arc::new(ring::default_provider());
    let roots = Arc::new(there.roots());
    let verifier = WebPkiClientVerifier::builder_with_provider(roots, provider);
    let asks = config()
        .with_client_cert_verifier(verifier.build().unwrap())
        .with_single_cert(vec![here.certificate()], here.key());
    let tls = Tls::new(Arc::new(asks.unwrap()));
    let server = serving(&tls).await;
    let known = || {
        ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(here.roots())
            .with_client_auth_cert(vec![there.certificate()], there.key())
            .unwrap()
    };
    // A reload changes the certificate, and what is asked of clients stays.
    for _ in 0..2 {
        let mut stream = secure(&server, known()).await;
        greet(&mut stream).await;
        let mut unknown = secure(&server, here.client(&["http/1.1"])).await;
        assert_eq!(agreed(&unknown), Some(&b"http/1.1"[..]));
        assert!(soon(unknown.read_u8()).await.is_err());
        here.reload(&tls);
    }
    server.ended().await;
}

#[tokio::test]
async fn a_configuration_of_ones_own_can_have_a_certificate_for_each_host() {
    let pairs = ["one.example", "two.example"].map(|host| (host, Pair::of(host)));
    let mut resolver = ResolvesServerCertUsingSni::new();
    for (host, pair) in &pairs {
        let provider = ring::default_provider();
        let key = CertifiedKey::from_der(vec![pair.certificate()], pair.key(), &provider);
        resolver.add(host, key.unwrap()).unwrap();
    }
    let several = config()
        .with_no_client_auth()
        .with_cert_resolver(Arc::new(resolver));
    let tls = Pair::of("localhost").tls();
    let server = serving(&tls).await;
    tls.replace(Arc::new(several));
    for (host, pair) in &pairs {
        greet(&mut shake(&server, pair.client(&[]), host).await.unwrap()).await;
    }
    assert!(
        shake(&server, pairs[0].1.client(&[]), "three.example")
            .await
            .is_err()
    );
    server.ended().await;
}
