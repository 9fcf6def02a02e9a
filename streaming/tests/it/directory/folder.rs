//! A folder with files, gone when it is dropped.

use std::{
    env,
    fs::{self, File},
    path::{Path, PathBuf},
    process,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use http::{Request, Response, request};
use http_body_util::BodyExt;
use peristyle_streaming::files::{Directory, FileBody};

pub(super) type FileResponse = Response<FileBody>;

/// The folder `root`, within one of its own.
pub(super) struct Folder {
    outer: PathBuf,
    pub(super) root: PathBuf,
}

impl Folder {
    pub(super) fn new(name: &str) -> Self {
        let outer = env::temp_dir().join(format!("peristyle-files-{}-{name}", process::id()));
        // An earlier process of the same number may have left it.
        let _ = fs::remove_dir_all(&outer);
        let root = outer.join("root");
        fs::create_dir_all(&root).unwrap();
        let outer = fs::canonicalize(outer).unwrap();
        Self {
            root: outer.join("root"),
            outer,
        }
    }

    /// A file that was changed long ago.
    pub(super) fn file(&self, path: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.root.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, content).unwrap();
        set_modified(&path, old());
        path
    }

    pub(super) fn directory(&self) -> Directory {
        Directory::new(&self.root).unwrap()
    }

    pub(super) async fn get(&self, path: &str) -> FileResponse {
        self.directory().respond(path, &request("/", &[])).await
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        fs::remove_dir_all(&self.outer).unwrap();
    }
}

/// Sun, 06 Nov 1994 08:49:37 GMT.
pub(super) fn old() -> SystemTime {
    UNIX_EPOCH + Duration::new(784_111_777, 123_456_789)
}

pub(super) fn set_modified(path: &Path, time: SystemTime) {
    let file = File::options().append(true).open(path).unwrap();
    file.set_modified(time).unwrap();
}

pub(super) fn request(uri: &str, headers: &[(&str, &str)]) -> request::Parts {
    let mut request = Request::get(uri);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request.body(()).unwrap().into_parts().0
}

pub(super) async fn text(response: FileResponse) -> String {
    let body = response.into_body().collect().await.unwrap();
    String::from_utf8(body.to_bytes().to_vec()).unwrap()
}

/// A header, or nothing.
pub(super) fn header<'a>(response: &'a FileResponse, name: &str) -> &'a str {
    let value = response.headers().get(name);
    value.map_or("", |value| value.to_str().unwrap())
}
