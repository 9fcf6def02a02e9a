//! Files.

use std::{env, io, path::PathBuf, process};

use http::Response;
use http_body_util::BodyExt;
use peristyle_streaming::{Error, Reader, StreamBody, from_file};
use tokio::{
    fs::{self, File, OpenOptions},
    io::{AsyncReadExt, AsyncWriteExt, Take},
};

/// A file that is removed with the value.
struct Temporary(PathBuf);

impl Temporary {
    async fn with(name: &str, content: &[u8]) -> Self {
        let path = env::temp_dir().join(format!("peristyle-streaming-{}-{name}", process::id()));
        fs::write(&path, content).await.expect("a file can be made");
        Self(path)
    }

    async fn response(&self) -> Response<StreamBody<Reader<Take<File>>>> {
        let streaming = from_file(self.open().await).await;
        streaming.expect("it is a file").into_response()
    }

    async fn open(&self) -> File {
        File::open(&self.0).await.expect("it is there")
    }

    async fn open_to_change(&self) -> File {
        let mut options = OpenOptions::new();
        options
            .append(true)
            .open(&self.0)
            .await
            .expect("it is there")
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        std::fs::remove_file(&self.0).expect("it is there");
    }
}

fn content(length: u32) -> Vec<u8> {
    (0..length).map(|n| (n % 251) as u8).collect()
}

#[tokio::test]
async fn a_file_is_streamed_with_its_length() {
    let content = content(200_000);
    let file = Temporary::with("whole", &content).await;
    let response = file.response().await;

    assert_eq!(response.headers()["content-length"], "200000");
    let body = response.into_body().collect().await.unwrap();
    assert_eq!(body.to_bytes(), content);
}

#[tokio::test]
async fn a_file_is_read_in_chunks_of_64_kib() {
    let file = Temporary::with("chunks", &content(100_000)).await;
    let mut body = file.response().await.into_body();

    for size in [65_536, 34_464] {
        let frame = body.frame().await.unwrap().unwrap();
        assert_eq!(frame.into_data().unwrap().len(), size);
    }
    assert!(body.frame().await.is_none());
}

#[tokio::test]
async fn a_file_is_streamed_from_its_position() {
    let file = Temporary::with("position", b"headbody").await;
    let mut open = file.open().await;
    open.read_exact(&mut [0; 4]).await.unwrap();
    let response = from_file(open).await.unwrap().into_response();

    assert_eq!(response.headers()["content-length"], "4");
    let body = response.into_body().collect().await.unwrap();
    assert_eq!(body.to_bytes(), "body");
}

#[tokio::test]
async fn an_empty_file_is_an_empty_body() {
    let file = Temporary::with("empty", b"").await;
    let response = file.response().await;

    assert_eq!(response.headers()["content-length"], "0");
    let body = response.into_body().collect().await.unwrap();
    assert_eq!(body.to_bytes(), "");
}

#[tokio::test]
async fn what_is_appended_later_is_no_part_of_the_body() {
    let file = Temporary::with("grown", b"one").await;
    let response = file.response().await;
    let mut grown = file.open_to_change().await;
    grown.write_all(b"two").await.unwrap();
    grown.flush().await.unwrap();

    let body = response.into_body().collect().await.unwrap();
    assert_eq!(body.to_bytes(), "one");
}

#[tokio::test]
async fn a_file_that_is_cut_meanwhile_is_an_error() {
    let file = Temporary::with("cut", b"one two").await;
    let response = file.response().await;
    file.open_to_change().await.set_len(3).await.unwrap();

    let mut body = response.into_body();
    let frame = body.frame().await.unwrap().unwrap();
    assert_eq!(frame.into_data().unwrap(), "one");
    let error = body.frame().await.unwrap().unwrap_err();
    assert!(error.downcast_ref::<Error>().unwrap().is_wrong_length());
    assert!(body.frame().await.is_none());
}

#[tokio::test]
async fn a_directory_is_refused() {
    let directory = File::open(env::temp_dir()).await.unwrap();

    let error = from_file(directory).await.unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::InvalidInput);
}
