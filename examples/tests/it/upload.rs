use std::{
    fs, io,
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::atomic::AtomicU64,
    time::Duration,
};

use peristyle::{
    BoxError,
    server::{Server, TestClient},
};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    sync::oneshot,
    task::{JoinSet, yield_now},
    time::timeout,
};

#[path = "../../upload.rs"]
#[expect(dead_code, reason = "its `main` is not run")]
mod example;

use self::example::{Folder, router};

/// A server of the example on a socket, whose files may have 10 bytes, and its folder.
struct Running {
    address: SocketAddr,
    path: PathBuf,
    end: oneshot::Sender<()>,
    serving: JoinSet<io::Result<()>>,
}

impl Running {
    async fn start(name: &str) -> Result<Self, BoxError> {
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("upload-{name}"));
        // An earlier run that failed may have left it.
        let _ = fs::remove_dir_all(&path);
        fs::create_dir(&path)?;
        let router = router(folder(&path))?;
        let server = Server::bind("127.0.0.1:0").await?;
        let address = server.local_addr()?;
        let (end, ended) = oneshot::channel();
        let mut serving = JoinSet::new();
        serving.spawn(server.serve_until(router, async { drop(ended.await) }));
        Ok(Self {
            address,
            path,
            end,
            serving,
        })
    }

    /// A client that has sent the head of a form and its body up to where the file's content begins.
    async fn client(&self, length: usize) -> Result<TcpStream, BoxError> {
        let mut client = TcpStream::connect(self.address).await?;
        let length = BEFORE.len() + length + AFTER.len();
        let head = format!(
            "POST /files HTTP/1.1\r\nhost: a\r\nconnection: close\r\ncontent-length: {length}\r\n\
            content-type: multipart/form-data; boundary=xyz\r\n\r\n{BEFORE}"
        );
        client.write_all(head.as_bytes()).await?;
        Ok(client)
    }

    /// Waits until these are the files with their contents.
    async fn files(&self, expected: &[(&str, &str)]) {
        let named = |(name, content): &(&str, &str)| ((*name).to_owned(), (*content).to_owned());
        let expected: Vec<_> = expected.iter().map(named).collect();
        let same = async {
            while files(&self.path).unwrap_or_default() != expected {
                yield_now().await;
            }
        };
        let same = timeout(Duration::from_secs(20), same).await;
        same.unwrap_or_else(|_| panic!("not {expected:?} but {:?}", files(&self.path)));
    }

    async fn end(mut self) -> Result<(), BoxError> {
        self.end.send(()).expect("the server runs");
        self.serving.join_next().await.transpose()?.transpose()?;
        Ok(fs::remove_dir_all(self.path)?)
    }
}

const BEFORE: &str = "--xyz\r\ncontent-disposition: form-data; name=\"title\"\r\n\r\nsunny\r\n\
    --xyz\r\ncontent-disposition: form-data; name=\"file\"; filename=\"../../a.txt\"\r\n\r\n";
const AFTER: &str = "\r\n--xyz--\r\n";

fn folder(path: &Path) -> Folder {
    Folder {
        path: path.to_owned(),
        limit: 10,
        saved: AtomicU64::new(0),
    }
}

/// The files of a folder in the order of their names.
fn files(path: &Path) -> Result<Vec<(String, String)>, BoxError> {
    let mut files = Vec::new();
    for entry in fs::read_dir(path)? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        files.push((name, fs::read_to_string(entry.path())?));
    }
    files.sort();
    Ok(files)
}

/// The status and the document.
async fn answer(mut client: TcpStream) -> Result<(String, Value), BoxError> {
    let mut answer = String::new();
    let read = client.read_to_string(&mut answer);
    timeout(Duration::from_secs(20), read).await??;
    let (head, body) = answer.split_once("\r\n\r\n").expect("it has a head");
    let status = head.split(' ').nth(1).expect("it has a status");
    Ok((status.to_owned(), serde_json::from_str(body)?))
}

#[tokio::test]
async fn a_file_is_written_as_it_comes_and_has_its_name_when_it_is_complete() -> Result<(), BoxError>
{
    let server = Running::start("complete").await?;
    let mut client = server.client(10).await?;
    server.files(&[("1.part", "")]).await;
    client.write_all(b"12345").await?;
    server.files(&[("1.part", "12345")]).await;
    client.write_all(b"67890").await?;
    client.write_all(AFTER.as_bytes()).await?;
    let saved = json!([{ "file": 1, "name": "../../a.txt", "bytes": 10 }]);
    assert_eq!(answer(client).await?, ("201".to_owned(), saved));
    server.files(&[("1", "1234567890")]).await;
    server.end().await
}

#[tokio::test]
async fn a_file_that_is_too_large_is_refused_and_removed() -> Result<(), BoxError> {
    let server = Running::start("large").await?;
    let mut client = server.client(11).await?;
    client.write_all(b"12345678901").await?;
    client.write_all(AFTER.as_bytes()).await?;
    let (status, problem) = answer(client).await?;
    assert_eq!(status, "413");
    let detail = "field `file` of the body: part 2: it is larger than its limit of 10 bytes";
    assert_eq!(problem["detail"], detail);
    server.files(&[]).await;
    server.end().await
}

#[tokio::test]
async fn a_file_whose_client_leaves_is_removed() -> Result<(), BoxError> {
    let server = Running::start("left").await?;
    let mut client = server.client(10).await?;
    client.write_all(b"12345").await?;
    server.files(&[("1.part", "12345")]).await;
    drop(client);
    server.files(&[]).await;
    server.end().await
}

#[tokio::test]
async fn the_page_has_the_form() -> Result<(), BoxError> {
    let client = TestClient::new(router(folder(Path::new("nowhere")))?);
    let page = client.get("/").send().await;
    assert_eq!(page.headers()["content-type"], "text/html; charset=utf-8");
    let form = r#"<form action="/files" method="post" enctype="multipart/form-data">"#;
    assert!(page.text().await?.contains(form));
    Ok(())
}
