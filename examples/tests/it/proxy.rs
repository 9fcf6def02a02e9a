//! A real nginx in front, with the proxy settings that it has when nobody sets them.

use std::{
    env, fs, io,
    net::SocketAddr,
    path::{Path, PathBuf},
    process,
    sync::Mutex,
    time::Duration,
};

use peristyle::{
    BoxError,
    channel::Sender,
    handler,
    server::{Context, IntoResponse, Response, Routes, Server},
    sse::{self, Event},
    streaming,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    process::{Child, Command},
    task::{JoinSet, yield_now},
    time::timeout,
};

use crate::tool;

/// Only a hang takes this long.
const TOO_LONG: Duration = Duration::from_secs(30);

/// Killed when dropped; its directory is removed.
struct Nginx {
    process: Child,
    address: SocketAddr,
    directory: PathBuf,
}

impl Nginx {
    async fn before(upstream: SocketAddr, program: &Path) -> Result<Self, BoxError> {
        let directory = env::temp_dir().join(format!("peristyle-nginx-{}", process::id()));
        fs::create_dir_all(&directory)?;
        let address = TcpListener::bind("127.0.0.1:0").await?.local_addr()?;
        let configuration = directory.join("nginx.conf");
        fs::write(
            &configuration,
            CONFIGURATION
                .replace("DIRECTORY", &directory.to_string_lossy())
                .replace("ADDRESS", &address.to_string())
                .replace("UPSTREAM", &upstream.to_string()),
        )?;
        let process = Command::new(program)
            .args(["-e", "stderr", "-c"])
            .arg(&configuration)
            .kill_on_drop(true)
            .spawn()?;
        let nginx = Self {
            process,
            address,
            directory,
        };
        timeout(TOO_LONG, nginx.ready()).await?
    }

    async fn ready(mut self) -> Result<Self, BoxError> {
        while TcpStream::connect(self.address).await.is_err() {
            if let Some(status) = self.process.try_wait()? {
                return Err(format!("nginx has ended: {status}").into());
            }
            yield_now().await;
        }
        Ok(self)
    }

    async fn get(&self, path: &str) -> io::Result<TcpStream> {
        let mut stream = TcpStream::connect(self.address).await?;
        let request = format!("GET {path} HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await?;
        Ok(stream)
    }
}

impl Drop for Nginx {
    fn drop(&mut self) {
        // Both fail only when there is nothing left to do.
        drop(self.process.start_kill());
        drop(fs::remove_dir_all(&self.directory));
    }
}

/// A single process, so that killing it leaves no worker behind.
const CONFIGURATION: &str = "
daemon off;
master_process off;
pid DIRECTORY/nginx.pid;
error_log stderr;
events {}
http {
    access_log off;
    client_body_temp_path DIRECTORY/client_body;
    proxy_temp_path DIRECTORY/proxy;
    fastcgi_temp_path DIRECTORY/fastcgi;
    uwsgi_temp_path DIRECTORY/uwsgi;
    scgi_temp_path DIRECTORY/scgi;
    server {
        listen ADDRESS;
        location / {
            proxy_pass http://UPSTREAM;
        }
    }
}
";

/// Sends three values, each only when the client has got the one before.
async fn each_before_the_next<V>(
    mut client: TcpStream,
    sender: Sender<V>,
    value: impl Fn(&str) -> V,
) -> Result<(), BoxError> {
    let mut seen = String::new();
    for text in ["value-1", "value-2", "value-3"] {
        assert!(!seen.contains(text), "{seen}");
        sender
            .send(value(text))
            .await
            .map_err(|_| "nobody listens")?;
        while !seen.contains(text) {
            let mut part = [0; 1024];
            let length = timeout(TOO_LONG, client.read(&mut part)).await??;
            assert_ne!(length, 0, "ended after {seen}");
            seen.push_str(std::str::from_utf8(&part[..length])?);
        }
    }
    sender.finish();
    timeout(TOO_LONG, client.read_to_string(&mut seen)).await??;
    assert!(seen.starts_with("HTTP/1.1 200 OK\r\n"), "{seen}");
    assert!(seen.ends_with("\r\n0\r\n\r\n"), "{seen}");
    Ok(())
}

/// The response for the first who asks.
fn once(response: Response) -> impl Fn(&mut Context) -> Result<Response, &'static str> {
    let response = Mutex::new(Some(response));
    move |_| {
        let mut response = response.lock().map_err(|_| "poisoned")?;
        response.take().ok_or("was asked for twice")
    }
}

#[tokio::test]
async fn each_value_passes_nginx_before_the_next_is_sent() -> Result<(), BoxError> {
    let Some(program) = tool::require("nginx") else {
        return Ok(());
    };
    let (lines, streamed) = streaming::channel(1);
    let (events, event_stream) = sse::channel(1);
    let router = Routes::new()
        .get(
            "/lines",
            handler(once(streamed.into_response().into_response()?)),
        )
        .get(
            "/events",
            handler(once(event_stream.into_response().into_response()?)),
        )
        .build()?;
    let server = Server::bind("127.0.0.1:0").await?;
    let upstream = server.local_addr()?;
    let mut serving = JoinSet::new();
    serving.spawn(server.serve_until(router, std::future::pending()));

    let nginx = Nginx::before(upstream, &program).await?;
    each_before_the_next(nginx.get("/lines").await?, lines, |text| {
        format!("{text}\n")
    })
    .await?;
    each_before_the_next(nginx.get("/events").await?, events, Event::data).await
}
