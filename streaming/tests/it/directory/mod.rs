//! Folders whose files are served.

#![expect(clippy::unwrap_used, reason = "a test may panic, in its helpers too")]

mod encodings;
mod file;
mod folder;
mod hostile;

use std::sync::Arc;

use http::Method;
use peristyle_streaming::files::{Directory, FileError};

use self::folder::{Folder, header, request, text};

#[tokio::test]
async fn a_file_has_its_type_its_length_and_its_validators() {
    let folder = Folder::new("head");
    folder.file("style.CSS", "p {}");
    let response = folder.get("style.CSS").await;

    assert_eq!(response.status(), 200);
    assert_eq!(header(&response, "content-type"), "text/css; charset=utf-8");
    assert_eq!(header(&response, "content-length"), "4");
    assert_eq!(header(&response, "accept-ranges"), "bytes");
    let date = "Sun, 06 Nov 1994 08:49:37 GMT";
    assert_eq!(header(&response, "last-modified"), date);
    assert!(header(&response, "etag").starts_with('"'));
    assert_eq!(header(&response, "vary"), "");
    assert_eq!(response.headers().len(), 5);
    assert_eq!(text(response).await, "p {}");
}

#[tokio::test]
async fn a_file_is_answered_in_ranges_and_on_conditions() {
    let folder = Folder::new("ranges");
    folder.file("a", "0123456789");
    let etag = header(&folder.get("a").await, "etag").to_owned();
    let directory = folder.directory();

    let known = request("/", &[("if-none-match", &etag)]);
    assert_eq!(directory.respond("a", &known).await.status(), 304);
    let rest = request("/", &[("range", "bytes=6-"), ("if-range", &etag)]);
    let response = directory.respond("a", &rest).await;
    assert_eq!(header(&response, "content-range"), "bytes 6-9/10");
    assert_eq!(text(response).await, "6789");
}

#[tokio::test]
async fn other_methods_are_refused_whatever_the_path() {
    let folder = Folder::new("methods");
    for method in [Method::POST, Method::PUT, Method::DELETE, Method::OPTIONS] {
        let mut request = request("/", &[]);
        request.method = method;
        let response = folder.directory().respond("../a", &request).await;
        assert_eq!(response.status(), 405);
        assert_eq!(header(&response, "allow"), "GET, HEAD");
    }
}

/// A client would take `a:b/` for an address of its own.
#[tokio::test]
async fn a_redirect_is_relative_and_escaped() {
    let folder = Folder::new("redirect");
    for (name, location) in [("a:b", "a%3Ab/"), ("é ?#%", "%C3%A9%20%3F%23%25/")] {
        folder.file(&format!("x/{name}/index.html"), "");
        let response = folder.get(&format!("x/{name}")).await;
        assert_eq!(response.status(), 308);
        assert_eq!(header(&response, "location"), location);
        assert_eq!(text(response).await, "");
    }
}

#[tokio::test]
async fn the_index_of_the_root_is_served() {
    let folder = Folder::new("index");
    folder.file("index.html", "welcome");
    for path in ["", "/"] {
        let response = folder.get(path).await;
        assert_eq!(
            header(&response, "content-type"),
            "text/html; charset=utf-8"
        );
        assert_eq!(text(response).await, "welcome");
    }
    let request = request("/files/", &[]);
    for prefix in ["/files", "/files/"] {
        let response = folder.directory().respond_below(prefix, &request).await;
        assert_eq!(text(response).await, "welcome");
    }
}

#[tokio::test]
async fn what_is_not_served_is_told_to_the_log_alone() {
    let folder = Folder::new("told");
    let response = folder.get("missing").await;

    let error = response.extensions().get::<Arc<FileError>>().unwrap();
    assert!(error.is_not_found());
    assert_eq!(error.to_string(), "there is no such file");
    assert_eq!(header(&response, "content-length"), "0");
    assert_eq!(response.headers().len(), 1);
    assert_eq!(text(response).await, "");
}

#[tokio::test]
async fn a_file_can_be_found_without_an_answer() {
    let folder = Folder::new("found");
    folder.file("a.txt", "a");
    folder.file("sub/index.html", "");
    let directory = folder.directory();
    let request = request("/", &[]);

    let found = directory.find("a.txt", &request.headers).await.unwrap();
    assert_eq!(text(found.respond(&request)).await, "a");
    let missing = directory.find("b.txt", &request.headers).await.unwrap_err();
    assert!(missing.is_not_found() && !missing.is_folder());
    let sub = directory.find("sub", &request.headers).await.unwrap_err();
    assert!(sub.is_folder() && sub.is_not_found());
    assert_eq!(sub.status(), 404);
    let out = directory.find("..", &request.headers).await.unwrap_err();
    assert!(out.is_not_found());
}

#[test]
fn a_root_is_a_folder() {
    let folder = Folder::new("root");
    let file = folder.file("a", "");
    assert!(Directory::new(file).is_err());
    assert!(Directory::new(folder.root.join("missing")).is_err());
}
