//! A form that uploads files: open `http://127.0.0.1:8080`, or `curl -F file=@photo.jpg http://127.0.0.1:8080/files`.

use std::{
    env, fs,
    io::{self, Write},
    path::{Path, PathBuf},
    process,
    sync::atomic::{AtomicU64, Ordering::Relaxed},
};

use peristyle::{
    BoxError, Chain, Link,
    server::{
        Field, Html, Json, Multipart, RouteErrors, Router, Routes, Server, State, handler,
        http::StatusCode, interceptors::BodyLimit,
    },
};
use serde_json::{Value, json};
use tokio::{fs::File, io::AsyncWriteExt};

const PAGE: &str = r#"<!doctype html>
<title>Upload</title>
<form action="/files" method="post" enctype="multipart/form-data">
<input type="file" name="file" multiple>
<button>Send</button>
</form>
"#;

/// Where files go, of which each has at most `limit` bytes.
pub(crate) struct Folder {
    pub(crate) path: PathBuf,
    pub(crate) limit: u64,
    pub(crate) saved: AtomicU64,
}

pub(crate) fn router(folder: Folder) -> Result<Router, RouteErrors> {
    // A form has some files, and a little around them.
    let form = BodyLimit::bytes(10 * folder.limit + 100_000);
    Routes::new()
        .state(folder)
        .get("/", handler(|| Html(PAGE)))
        .post("/files", Chain::new([Link::new(form), handler(upload)]))
        .build()
}

async fn upload(
    folder: State<Folder>,
    mut form: Multipart,
) -> Result<(StatusCode, Json<Vec<Value>>), BoxError> {
    let mut files = Vec::new();
    while let Some(field) = form.next_field().await {
        let field = field?;
        if field.file_name().is_some() {
            files.push(save(&folder, field).await?);
        }
    }
    Ok((StatusCode::CREATED, Json(files)))
}

/// The name that the client gave is told and no more: as a path it could lead anywhere.
async fn save(folder: &Folder, mut field: Field<'_>) -> Result<Value, BoxError> {
    field.set_limit(folder.limit);
    let number = folder.saved.fetch_add(1, Relaxed) + 1;
    let path = folder.path.join(number.to_string());
    let partial = Partial(path.with_extension("part"));
    let mut file = File::create_new(&partial.0).await?;
    let mut size = 0;
    while let Some(chunk) = field.chunk().await {
        let chunk = chunk?;
        size += chunk.len();
        file.write_all(&chunk).await?;
    }
    file.flush().await?;
    partial.keep(&path)?;
    Ok(json!({ "file": number, "name": field.file_name(), "bytes": size }))
}

/// A file that is removed unless it is kept: a handler can be dropped wherever it waits, when its client leaves.
struct Partial(PathBuf);

impl Partial {
    fn keep(self, path: &Path) -> Result<(), BoxError> {
        Ok(fs::rename(&self.0, path)?)
    }
}

impl Drop for Partial {
    fn drop(&mut self) {
        // Not there any more when it was kept.
        let _ = fs::remove_file(&self.0);
    }
}

#[tokio::main]
async fn main() -> Result<(), BoxError> {
    let path = env::temp_dir().join(format!("upload-{}", process::id()));
    fs::create_dir(&path)?;
    writeln!(io::stdout(), "files go to {}", path.display())?;
    let router = router(Folder {
        path,
        limit: 1 << 30,
        saved: AtomicU64::new(0),
    })?;
    Server::bind("127.0.0.1:8080").await?.serve(router).await?;
    Ok(())
}
