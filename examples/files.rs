//! A folder of files, in ranges and on conditions: `cargo run --example files -- FOLDER`, then open
//! `http://127.0.0.1:8080/#film.mp4` and drag the video to its end, or
//! `curl -r -100 http://127.0.0.1:8080/files/film.mp4`.

use std::env;

use peristyle::{
    BoxError,
    server::{Context, Html, Routes, Server, handler, http::Response},
    streaming::files::{Directory, FileBody},
};

const PAGE: &str = r"<!doctype html>
<title>Files</title>
<video controls preload=metadata></video>
<script>
const video = document.querySelector('video');
video.onloadedmetadata = () => { video.dataset.duration = video.duration; };
video.onseeked = () => { video.dataset.time = video.currentTime; };
video.onerror = () => { video.dataset.error = video.error.message; };
const show = () => { video.src = '/files/' + location.hash.slice(1); };
window.onhashchange = show;
show();
</script>
";

pub(crate) fn routes(files: Directory) -> Routes {
    Routes::new()
        .state(files)
        .get("/", handler(|| Html(PAGE)))
        .get("/files/{*path}", handler(file))
}

async fn file(cx: &mut Context) -> Result<Response<FileBody>, BoxError> {
    let files = cx.state::<Directory>()?;
    let path = cx.param("path").unwrap_or_default();
    Ok(files.respond(path, cx.request()).await)
}

#[tokio::main]
async fn main() -> Result<(), BoxError> {
    let folder = env::args_os().nth(1).unwrap_or_else(|| ".".into());
    let router = routes(Directory::new(folder)?).build()?;
    Server::bind("127.0.0.1:8080").await?.serve(router).await?;
    Ok(())
}
