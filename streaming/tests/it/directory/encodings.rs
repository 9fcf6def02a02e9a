//! Files that lie there in an encoded form too.

use std::time::Duration;

use peristyle_streaming::files::Directory;

use super::folder::{FileResponse, Folder, header, old, request, set_modified, text};

fn folder(name: &str) -> Folder {
    let folder = Folder::new(name);
    for (path, content) in [
        ("a.js", "plain"),
        ("a.js.br", "brotli"),
        ("a.js.gz", "in gzip"),
        ("b.js", "plain"),
        ("b.js.zst", "zstd"),
        ("index.html", "plain"),
        ("index.html.gz", "in gzip"),
        ("only.js.gz", "in gzip"),
    ] {
        folder.file(path, content);
    }
    folder
}

async fn get(directory: &Directory, path: &str, headers: &[(&str, &str)]) -> FileResponse {
    directory.respond(path, &request("/", headers)).await
}

#[tokio::test]
async fn the_client_s_preference_chooses_the_form() {
    let folder = folder("forms");
    let directory = folder.directory().precompressed();
    for (path, accept, coding, content) in [
        ("a.js", "", "", "plain"),
        ("a.js", "gzip", "gzip", "in gzip"),
        ("a.js", "gzip, br, zstd", "br", "brotli"),
        ("a.js", "gzip, br;q=0.5", "gzip", "in gzip"),
        ("a.js", "zstd", "", "plain"),
        ("a.js", "zstd, gzip;q=0.1", "gzip", "in gzip"),
        ("a.js", "gzip;q=0.5, identity", "", "plain"),
        ("b.js", "gzip, br, zstd", "zstd", "zstd"),
        ("", "gzip", "gzip", "in gzip"),
    ] {
        let response = get(&directory, path, &[("accept-encoding", accept)]).await;
        assert_eq!(
            header(&response, "content-encoding"),
            coding,
            "{path} {accept}"
        );
        assert_eq!(header(&response, "vary"), "accept-encoding");
        let length = content.len().to_string();
        assert_eq!(header(&response, "content-length"), length);
        let is_page = path.is_empty();
        let expected = if is_page {
            "text/html; charset=utf-8"
        } else {
            "text/javascript; charset=utf-8"
        };
        assert_eq!(header(&response, "content-type"), expected);
        assert_eq!(text(response).await, content);
    }
}

#[tokio::test]
async fn each_form_has_its_own_tag_and_ranges() {
    let folder = folder("tags");
    let directory = folder.directory().precompressed();
    let gzip = ("accept-encoding", "gzip");
    let plain = header(&get(&directory, "a.js", &[]).await, "etag").to_owned();
    let encoded = header(&get(&directory, "a.js", &[gzip]).await, "etag").to_owned();
    assert_ne!(plain, encoded);

    let known = get(&directory, "a.js", &[gzip, ("if-none-match", &encoded)]).await;
    assert_eq!(known.status(), 304);
    assert_eq!(header(&known, "vary"), "accept-encoding");
    let other = get(&directory, "a.js", &[gzip, ("if-none-match", &plain)]).await;
    assert_eq!(other.status(), 200);
    let range = [gzip, ("range", "bytes=3-"), ("if-range", &encoded)];
    let range = get(&directory, "a.js", &range).await;
    assert_eq!(header(&range, "content-range"), "bytes 3-6/7");
    assert_eq!(header(&range, "content-encoding"), "gzip");
    assert_eq!(text(range).await, "gzip");
}

#[tokio::test]
async fn a_form_that_is_older_than_its_file_is_not_served() {
    let folder = folder("stale");
    let directory = folder.directory().precompressed();
    let gzip = [("accept-encoding", "gzip")];
    set_modified(&folder.root.join("a.js"), old() + Duration::from_nanos(1));
    assert_eq!(text(get(&directory, "a.js", &gzip).await).await, "plain");
    set_modified(
        &folder.root.join("a.js.gz"),
        old() + Duration::from_nanos(1),
    );
    assert_eq!(text(get(&directory, "a.js", &gzip).await).await, "in gzip");
}

#[tokio::test]
async fn a_form_without_its_file_or_that_is_no_file_is_not_served() {
    let folder = folder("forms-only");
    folder.file("c.js", "plain");
    folder.file("c.js.gz/a", "");
    let directory = folder.directory().precompressed();
    let gzip = [("accept-encoding", "gzip")];
    let response = get(&directory, "only.js", &gzip).await;
    assert_eq!(response.status(), 404);
    assert_eq!(header(&response, "vary"), "accept-encoding");
    assert_eq!(text(get(&directory, "c.js", &gzip).await).await, "plain");
    let itself = get(&directory, "only.js.gz", &gzip).await;
    assert_eq!(header(&itself, "content-type"), "application/gzip");
    assert_eq!(header(&itself, "content-encoding"), "");
}

#[tokio::test]
async fn without_being_asked_for_no_form_is_looked_for() {
    let folder = folder("unasked");
    let response = get(&folder.directory(), "a.js", &[("accept-encoding", "br")]).await;
    assert_eq!(header(&response, "vary"), "");
    assert_eq!(text(response).await, "plain");
}

/// `Content-Encoding` would be that of the parts together with their heads.
#[tokio::test]
async fn several_ranges_of_an_encoded_form_are_the_whole_of_it() {
    let folder = folder("several");
    folder.file("long.js", [b'x'; 2000]);
    folder.file("long.js.gz", [b'y'; 1000]);
    let directory = folder.directory().precompressed();
    let ranges = ("range", "bytes=0-1,500-501");
    let gzip = get(
        &directory,
        "long.js",
        &[("accept-encoding", "gzip"), ranges],
    )
    .await;
    assert_eq!(gzip.status(), 200);
    assert_eq!(header(&gzip, "content-encoding"), "gzip");
    assert_eq!(text(gzip).await, "y".repeat(1000));
    let plain = get(&directory, "long.js", &[ranges]).await;
    assert_eq!(plain.status(), 206);
    assert_eq!(header(&plain, "content-encoding"), "");
}
