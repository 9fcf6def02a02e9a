//! TLS: certificates that can be replaced, and handshakes.

use std::{
    error, fmt,
    sync::{Arc, PoisonError, RwLock},
    time::Duration,
};

use peristyle_core::BoxError;
use tokio::time::timeout;
use tokio_rustls::{
    TlsAcceptor,
    rustls::{
        ServerConfig,
        crypto::{CryptoProvider, ring},
        pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
        server::ServerSessionMemoryCache,
        sign::{CertifiedKey, SingleCertAndKey},
    },
};

use super::{Stream, secure::Secure};

/// A certificate, its key, and how TLS is spoken with them, for [`Listener::tls`](crate::Listener::tls). All clones are one: they are
/// replaced together, also while they are in use.
///
/// A client agrees on HTTP/2 or HTTP/1.1 in the handshake (ALPN, RFC 7301); one that does not may speak either, as without TLS.
/// TLS 1.2 and 1.3 are spoken. A client that speaks anything else gets an alert, and its connection is closed; so does one that
/// speaks plain HTTP. A client that closes its connection without saying so over TLS has closed it: where a request ends is
/// told by HTTP.
///
/// ```no_run
/// use peristyle_server::{Listener, Server, Tls};
/// # use peristyle_server::{Context, Routes};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
/// # let router = Routes::new().build()?;
/// let read = || Ok::<_, std::io::Error>((std::fs::read("cert.pem")?, std::fs::read("key.pem")?));
/// let (certificate, key) = read()?;
/// let tls = Tls::from_pem(&certificate, &key)?;
/// let secure = Listener::bind("[::]:443").await?.tls(&tls);
/// // Whatever learns of a new certificate keeps a clone, and calls this.
/// let renew = move || -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
///     let (certificate, key) = read()?;
///     Ok(tls.reload(&certificate, &key)?)
/// };
/// # drop(renew);
/// Server::on(secure).serve(router).await?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Tls(Arc<RwLock<Arc<ServerConfig>>>);

/// What is agreed on in the handshake, what the server likes best first.
const PROTOCOLS: [&[u8]; 2] = [b"h2", b"http/1.1"];

/// How many sessions can be resumed; rustls keeps as many unless told otherwise.
const SESSIONS: usize = 256;

impl Tls {
    /// From a certificate, followed by those between it and a root, and its private key (PKCS #1, PKCS #8 or SEC1), all in PEM.
    /// The cryptography is that of ring, whichever the process has installed for rustls.
    ///
    /// # Errors
    ///
    /// When there is no certificate or key, when one cannot be read, and when they do not belong together.
    pub fn from_pem(certificates: &[u8], key: &[u8]) -> Result<Self, TlsError> {
        let provider = Arc::new(ring::default_provider());
        let certified = certified(certificates, key, &provider)?;
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(TlsError::refused)?
            .with_no_client_auth()
            .with_cert_resolver(Arc::new(SingleCertAndKey::from(certified)));
        Ok(Self::new(Arc::new(config)))
    }

    /// With a configuration of [rustls](crate::rustls): for client certificates, for several certificates of which each client
    /// gets that of the host it asks for, for another provider of cryptography. Where it names no protocols, `h2` and `http/1.1` are
    /// added.
    pub fn new(config: Arc<ServerConfig>) -> Self {
        Self(Arc::new(RwLock::new(complete(config))))
    }

    /// Replaces the certificate and its key, as in [`from_pem`](Self::from_pem); the rest of the configuration stays. New
    /// handshakes use them, and resume no session of before; connections go on.
    ///
    /// # Errors
    ///
    /// As for [`from_pem`](Self::from_pem). What was in use stays in use.
    pub fn reload(&self, certificates: &[u8], key: &[u8]) -> Result<(), TlsError> {
        let mut config = ServerConfig::clone(&self.config());
        let certified = certified(certificates, key, config.crypto_provider())?;
        config.cert_resolver = Arc::new(SingleCertAndKey::from(certified));
        config.session_storage = ServerSessionMemoryCache::new(SESSIONS);
        self.replace(Arc::new(config));
        Ok(())
    }

    /// Replaces the whole configuration, for new handshakes.
    pub fn replace(&self, config: Arc<ServerConfig>) {
        let mut current = self.0.write().unwrap_or_else(PoisonError::into_inner);
        *current = complete(config);
    }

    fn config(&self) -> Arc<ServerConfig> {
        let current = self.0.read().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(&current)
    }

    /// Whom no handshake succeeds with is closed, which is no error of the server.
    pub(crate) async fn handshake(self, stream: Stream, limit: Duration) -> Option<Secure> {
        let acceptor = TlsAcceptor::from(self.config());
        match timeout(limit, acceptor.accept(stream)).await {
            Ok(Ok(stream)) => return Some(Secure::new(stream)),
            Ok(Err(error)) => tracing::debug!(%error, "TLS handshake failed"),
            Err(_) => tracing::debug!(?limit, "no TLS handshake in time"),
        }
        None
    }
}

fn complete(config: Arc<ServerConfig>) -> Arc<ServerConfig> {
    if !config.alpn_protocols.is_empty() {
        return config;
    }
    let mut config = Arc::unwrap_or_clone(config);
    config.alpn_protocols = PROTOCOLS.map(ToOwned::to_owned).into();
    Arc::new(config)
}

fn certified(
    certificates: &[u8],
    key: &[u8],
    provider: &CryptoProvider,
) -> Result<CertifiedKey, TlsError> {
    let certificates: Vec<_> = CertificateDer::pem_slice_iter(certificates)
        .collect::<Result<_, _>>()
        .map_err(|error| TlsError::new("a certificate cannot be read", error))?;
    let key = PrivateKeyDer::from_pem_slice(key)
        .map_err(|error| TlsError::new("the private key cannot be read", error))?;
    CertifiedKey::from_der(certificates, key, provider).map_err(TlsError::refused)
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tls").finish_non_exhaustive()
    }
}

/// Why a certificate or its key cannot be used.
#[derive(Debug)]
pub struct TlsError {
    what: &'static str,
    source: BoxError,
}

impl TlsError {
    fn new(what: &'static str, source: impl Into<BoxError>) -> Self {
        let source = source.into();
        Self { what, source }
    }

    fn refused(source: tokio_rustls::rustls::Error) -> Self {
        Self::new("the certificate and its key cannot be used", source)
    }
}

impl fmt::Display for TlsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.what)
    }
}

impl error::Error for TlsError {
    fn source(&self) -> Option<&(dyn error::Error + 'static)> {
        Some(&*self.source)
    }
}

#[cfg(test)]
mod tests {
    use std::error::Error as _;

    use tokio::{io::AsyncWriteExt, net::UnixStream, time::Instant};

    use super::*;

    fn tls() -> Tls {
        let pair = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        let (certificate, key) = (pair.cert.pem(), pair.signing_key.serialize_pem());
        Tls::from_pem(certificate.as_bytes(), key.as_bytes()).unwrap()
    }

    #[tokio::test(start_paused = true)]
    async fn a_handshake_that_does_not_come_to_its_end_is_given_up_in_time() {
        for sent in [&b""[..], b"\x16", b"\x16\x03\x01\x02\x00\x01\x00"] {
            let (mut client, stream) = UnixStream::pair().unwrap();
            client.write_all(sent).await.unwrap();
            let started = Instant::now();
            let limit = Duration::from_secs(10);
            assert!(tls().handshake(Stream::Unix(stream), limit).await.is_none());
            assert_eq!(started.elapsed().as_secs(), 10, "{sent:?}");
        }
    }

    #[test]
    fn clones_are_replaced_together_and_the_protocols_are_added_where_there_are_none() {
        let (tls, other) = (tls(), tls());
        let clone = tls.clone();
        let mut config = ServerConfig::clone(&other.config());
        assert_eq!(config.alpn_protocols, [&b"h2"[..], b"http/1.1"]);
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        tls.replace(Arc::new(config));
        assert_eq!(clone.config().alpn_protocols, [b"http/1.1"]);
    }

    #[test]
    fn an_error_says_what_and_its_source_says_why() {
        let error = Tls::from_pem(b"", b"").unwrap_err();
        assert_eq!(error.to_string(), "the private key cannot be read");
        let source = error.source().unwrap().to_string();
        assert_eq!(source, "no items found");
    }
}
