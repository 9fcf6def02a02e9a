//! TLS, as the documentation of `connect_with` shows it.

use std::{io, net::SocketAddr, sync::Arc};

use http::Uri;
use peristyle_sse::client::{EventSource, Update};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};
use tokio_rustls::{
    TlsAcceptor, TlsConnector,
    rustls::{
        ClientConfig, RootCertStore, ServerConfig,
        crypto::ring,
        pki_types::{CertificateDer, PrivateKeyDer, ServerName},
    },
};

use super::{
    script::{STREAM, get},
    sockets::soon,
};

/// A certificate for `feed.test` that signs itself.
struct Pair {
    certificate: CertificateDer<'static>,
    key: PrivateKeyDer<'static>,
}

impl Pair {
    fn new() -> Self {
        let pair = rcgen::generate_simple_self_signed(["feed.test".to_owned()]);
        let pair = pair.expect("a valid name");
        let key = pair.signing_key.serialize_der();
        Self {
            certificate: pair.cert.der().clone(),
            key: key.try_into().expect("a key"),
        }
    }

    fn acceptor(&self) -> TlsAcceptor {
        let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .expect("versions that ring has")
            .with_no_client_auth()
            .with_single_cert(vec![self.certificate.clone()], self.key.clone_key());
        TlsAcceptor::from(Arc::new(config.expect("a pair")))
    }

    /// A source at `address` that trusts this certificate alone.
    fn source(&self, address: SocketAddr) -> EventSource {
        let mut roots = RootCertStore::empty();
        roots.add(self.certificate.clone()).expect("a certificate");
        let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .expect("versions that ring has")
            .with_root_certificates(roots)
            .with_no_client_auth();
        let tls = TlsConnector::from(Arc::new(config));
        let connect = move |uri: Uri| {
            let tls = tls.clone();
            async move {
                let host = uri.host().unwrap_or_default().to_owned();
                let tcp = TcpStream::connect(address).await?;
                let name = ServerName::try_from(host).map_err(io::Error::other)?;
                tls.connect(name, tcp).await
            }
        };
        let builder = EventSource::builder(get("https://feed.test/a")).connect_with(connect);
        builder.build().expect("a URL that can be followed")
    }
}

async fn serve(listener: &TcpListener, acceptor: TlsAcceptor) -> io::Result<String> {
    let (tcp, _) = listener.accept().await?;
    let mut stream = acceptor.accept(tcp).await?;
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await?);
    }
    let response = [STREAM, "data: a\n\n"].concat();
    stream.write_all(response.as_bytes()).await?;
    stream.shutdown().await?;
    Ok(String::from_utf8(head).expect("text"))
}

#[tokio::test]
async fn a_source_can_run_over_tls() {
    let pair = Pair::new();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut source = pair.source(listener.local_addr().unwrap());
    let (request, event) = soon(serve(&listener, pair.acceptor()), source.next()).await;
    assert_eq!(event.unwrap().unwrap().data(), "a");
    assert!(
        request
            .unwrap()
            .starts_with("GET /a HTTP/1.1\r\nhost: feed.test\r\n")
    );
}

#[tokio::test]
async fn a_certificate_that_is_not_trusted_is_no_connection() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut source = Pair::new().source(listener.local_addr().unwrap());
    let mut updates = source.updates();
    let (request, update) = soon(serve(&listener, Pair::new().acceptor()), updates.next()).await;
    request.unwrap_err();
    let Some(Ok(Update::Reconnecting { why, .. })) = update else {
        panic!("{update:?}");
    };
    assert_eq!(why.to_string(), "no connection");
    let cause = std::error::Error::source(&why).unwrap().to_string();
    assert!(cause.starts_with("invalid peer certificate: "), "{cause}");
}
