//! HTTPS with a certificate that is read again on SIGHUP: `tls cert.pem key.pem`, then `curl -k https://127.0.0.1:8443`.

#![expect(clippy::print_stderr, reason = "it says what became of a reload")]

use std::{env, fs, io, path::PathBuf};

use peristyle::{
    BoxError, handler,
    server::{Context, Listener, RouteErrors, Router, Routes, Server, Tls},
};
use tokio::signal::unix::{SignalKind, signal};

/// Where a certificate and its key are kept.
pub(crate) struct Files {
    pub(crate) certificate: PathBuf,
    pub(crate) key: PathBuf,
}

impl Files {
    pub(crate) fn load(&self) -> Result<Tls, BoxError> {
        let (certificate, key) = self.read()?;
        Ok(Tls::from_pem(&certificate, &key)?)
    }

    /// New handshakes get what is in the files now. When that cannot be used they get what they got before.
    pub(crate) fn reload(&self, tls: &Tls) -> Result<(), BoxError> {
        let (certificate, key) = self.read()?;
        Ok(tls.reload(&certificate, &key)?)
    }

    fn read(&self) -> io::Result<(Vec<u8>, Vec<u8>)> {
        Ok((fs::read(&self.certificate)?, fs::read(&self.key)?))
    }

    async fn reload_on_hangup(&self, tls: &Tls) -> io::Result<()> {
        let mut hangup = signal(SignalKind::hangup())?;
        while hangup.recv().await.is_some() {
            match self.reload(tls) {
                Ok(()) => eprintln!("the certificate was read again"),
                Err(error) => eprintln!("the certificate stays as it was: {error}"),
            }
        }
        Ok(())
    }
}

fn hello(cx: &mut Context) -> String {
    format!("hello over {:?}\n", cx.request().version)
}

pub(crate) fn router() -> Result<Router, RouteErrors> {
    Routes::new().get("/", handler(hello)).build()
}

#[tokio::main]
async fn main() -> Result<(), BoxError> {
    let mut arguments = env::args_os().skip(1).map(PathBuf::from);
    let (Some(certificate), Some(key)) = (arguments.next(), arguments.next()) else {
        return Err("give the files of a certificate and of its key".into());
    };
    let files = Files { certificate, key };
    let tls = files.load()?;
    let listener = Listener::bind("127.0.0.1:8443").await?.tls(&tls);
    tokio::select! {
        served = Server::on(listener).serve(router()?) => served?,
        reloading = files.reload_on_hangup(&tls) => reloading?,
    }
    Ok(())
}
