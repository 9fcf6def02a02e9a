//! A real nginx in front of a server.

use std::{fs, io, net::SocketAddr, path::Path, process::Stdio};

use peristyle::BoxError;
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader, Lines},
    net::UnixStream,
    process::{Child, ChildStderr, Command},
};

use crate::{folder::Folder, serving::soon};

/// nginx with the settings that it has when nobody sets them, and those that a test adds. Killed when dropped.
pub(crate) struct Nginx {
    process: Child,
    log: Lines<BufReader<ChildStderr>>,
    folder: Folder,
}

impl Nginx {
    /// Starts it and waits until it listens.
    ///
    /// It listens on a socket in a folder of its own: a port could be taken by another between the choice and its use.
    pub(crate) async fn before(
        upstream: SocketAddr,
        program: &Path,
        settings: &str,
    ) -> Result<Self, BoxError> {
        let folder = Folder::new("nginx")?;
        let configuration = folder.join("nginx.conf");
        fs::write(
            &configuration,
            CONFIGURATION
                .replace("FOLDER", &folder.to_string_lossy())
                .replace("UPSTREAM", &upstream.to_string())
                .replace("SETTINGS", settings),
        )?;
        let mut process = Command::new(program)
            .args(["-e", "stderr", "-c"])
            .arg(&configuration)
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()?;
        let stderr = process.stderr.take().ok_or("it is piped")?;
        let mut nginx = Self {
            process,
            log: BufReader::new(stderr).lines(),
            folder,
        };
        // It has opened its sockets by then.
        nginx.logs("event method").await?;
        Ok(nginx)
    }

    /// Waits until its log says this.
    pub(crate) async fn logs(&mut self, text: &str) -> Result<(), BoxError> {
        let mut seen = String::new();
        loop {
            let line = soon(self.log.next_line())
                .await
                .map_err(|_| format!("nothing of `{text}`, only: {seen}"))??;
            let Some(line) = line else {
                return Err(format!("nginx has ended: {seen}").into());
            };
            if line.contains(text) {
                return Ok(());
            }
            seen.push_str(&line);
        }
    }

    pub(crate) async fn get(&self, path: &str) -> io::Result<Client> {
        let mut stream = UnixStream::connect(self.folder.join("socket")).await?;
        let request = format!("GET {path} HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await?;
        Ok(Client {
            stream,
            seen: String::new(),
        })
    }

    /// Kills it and waits until it is gone.
    pub(crate) async fn end(mut self) -> io::Result<()> {
        self.process.kill().await
    }
}

/// A client of nginx, and all that it has seen.
pub(crate) struct Client {
    stream: UnixStream,
    pub(crate) seen: String,
}

impl Client {
    /// Reads until this was seen.
    pub(crate) async fn sees(&mut self, text: &str) -> Result<(), BoxError> {
        while !self.seen.contains(text) {
            let mut part = [0; 1024];
            let read = soon(self.stream.read(&mut part)).await;
            let length = read.map_err(|_| format!("no {text} after {}", self.seen))??;
            if length == 0 {
                return Err(format!("ended after {}", self.seen).into());
            }
            self.seen.push_str(std::str::from_utf8(&part[..length])?);
        }
        Ok(())
    }

    /// All that it sees up to the end of the connection. A response in chunks is whole with its last chunk.
    pub(crate) async fn rest(mut self) -> Result<(String, bool), BoxError> {
        soon(self.stream.read_to_string(&mut self.seen)).await??;
        assert!(
            self.seen.contains("\r\nTransfer-Encoding: chunked\r\n"),
            "{}",
            self.seen
        );
        let whole = self.seen.ends_with("\r\n0\r\n\r\n");
        Ok((self.seen, whole))
    }
}

/// A single process, so that killing it leaves no worker behind.
const CONFIGURATION: &str = "
daemon off;
master_process off;
pid FOLDER/nginx.pid;
error_log stderr notice;
events {}
http {
    access_log off;
    client_body_temp_path FOLDER/client_body;
    proxy_temp_path FOLDER/proxy;
    fastcgi_temp_path FOLDER/fastcgi;
    uwsgi_temp_path FOLDER/uwsgi;
    scgi_temp_path FOLDER/scgi;
    server {
        listen unix:FOLDER/socket;
        location / {
            proxy_pass http://UPSTREAM;
            SETTINGS
        }
    }
}
";
