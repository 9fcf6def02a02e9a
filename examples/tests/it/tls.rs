use std::{env, fs, path::Path, process};

use peristyle::{
    BoxError,
    server::{Listener, Server},
};
use tokio::{process::Command, task::JoinSet};

use crate::tool;

#[path = "../../tls.rs"]
#[expect(dead_code, reason = "its `main` is not run")]
mod example;

use example::Files;

/// Writes a new certificate and its key.
fn renew(files: &Files) -> Result<(), BoxError> {
    let pair = rcgen::generate_simple_self_signed(["localhost".to_owned()])?;
    fs::write(&files.certificate, pair.cert.pem())?;
    fs::write(&files.key, pair.signing_key.serialize_pem())?;
    Ok(())
}

/// What curl gets when it trusts this certificate alone.
async fn got(curl: &Path, trusted: &Path, port: u16) -> Result<String, BoxError> {
    let got = Command::new(curl)
        .args(["--silent", "--max-time", "20", "--noproxy", "*", "--cacert"])
        .arg(trusted)
        .args(["--resolve", &format!("localhost:{port}:127.0.0.1")])
        .arg(format!("https://localhost:{port}/"))
        .output()
        .await?;
    Ok(String::from_utf8(got.stdout)?)
}

#[tokio::test]
async fn curl_gets_the_certificate_that_was_read_last_and_could_be_used() -> Result<(), BoxError> {
    let Some(curl) = tool::require("curl") else {
        return Ok(());
    };
    let folder = env::temp_dir().join(format!("peristyle-tls-{}", process::id()));
    fs::create_dir_all(&folder)?;
    let (first, second) = (folder.join("first.pem"), folder.join("second.pem"));
    let mut files = Files {
        certificate: first.clone(),
        key: folder.join("key.pem"),
    };
    renew(&files)?;
    let tls = files.load()?;
    let server = Server::on(Listener::bind("127.0.0.1:0").await?.tls(&tls));
    let port = server.local_addr()?.port();
    let mut serving = JoinSet::new();
    serving.spawn(server.serve_until(example::router()?, std::future::pending()));
    assert_eq!(got(&curl, &first, port).await?, "hello over HTTP/2.0\n");

    files.certificate = second.clone();
    renew(&files)?;
    files.reload(&tls)?;
    assert_eq!(got(&curl, &second, port).await?, "hello over HTTP/2.0\n");
    assert_eq!(got(&curl, &first, port).await?, "");

    fs::write(&files.key, "")?;
    let error = files.reload(&tls).expect_err("there is no key");
    assert_eq!(error.to_string(), "the private key cannot be read");
    assert_eq!(got(&curl, &second, port).await?, "hello over HTTP/2.0\n");
    fs::remove_dir_all(&folder)?;
    Ok(())
}
