//! Open files: what names them, and what happens when they change.

use std::{
    fs::{self, File},
    io::{self, Write},
    time::{Duration, SystemTime},
};

use http_body_util::BodyExt;
use peristyle_core::BoxError;
use peristyle_streaming::files::OpenFile;

use super::folder::{FileResponse, Folder, header, old, request, set_modified, text};

/// More than is read at once.
const LONG: usize = 300_000;

async fn etag(folder: &Folder, path: &str) -> String {
    header(&folder.get(path).await, "etag").to_owned()
}

#[tokio::test]
async fn the_tag_of_a_file_stays_as_long_as_the_file() {
    let folder = Folder::new("stays");
    folder.file("a", "one");
    let tag = etag(&folder, "a").await;
    assert_eq!(etag(&folder, "a").await, tag);
    assert!(tag.starts_with('"'), "{tag} is strong");
}

/// As `rsync --times` does, or `cp --preserve`: time and length are those of before, the change of the change is not.
#[tokio::test]
async fn a_file_that_is_written_again_with_its_old_time_has_another_tag() {
    let folder = Folder::new("again");
    let path = folder.file("a", "one");
    let tag = etag(&folder, "a").await;
    // Until the clock of the file system has ticked.
    let mut tries = 0..10_000;
    while etag(&folder, "a").await == tag {
        assert!(tries.next().is_some(), "it still is {tag}");
        fs::write(&path, "two").unwrap();
        set_modified(&path, old());
    }
    assert_eq!(text(folder.get("a").await).await, "two");
    let tag = etag(&folder, "a").await;
    let replaced = folder.file("b", "two");
    fs::rename(replaced, path).unwrap();
    assert_ne!(etag(&folder, "a").await, tag, "it is another file");
}

#[tokio::test]
async fn a_file_that_has_just_changed_has_a_weak_tag_and_no_date() {
    let folder = Folder::new("fresh");
    let path = folder.file("a", "0123456789");
    // However long the test is held up: as near to come is as fresh as just gone.
    set_modified(&path, SystemTime::now() + Duration::from_millis(1900));
    let response = folder.get("a").await;
    let fresh = header(&response, "etag").to_owned();
    assert!(fresh.starts_with("W/\""), "{fresh}");
    assert_eq!(header(&response, "last-modified"), "");

    let range = [("range", "bytes=5-"), ("if-range", fresh.as_str())];
    let response = folder.directory().respond("a", &request("/", &range)).await;
    assert_eq!(response.status(), 200);
    set_modified(&path, SystemTime::now() - Duration::from_secs(3));
    let settled = etag(&folder, "a").await;
    assert!(settled.starts_with('"'), "{settled}");
}

/// It is no time of a change that just happened, and no header may tell it.
#[tokio::test]
async fn a_time_to_come_is_told_to_nobody() {
    let folder = Folder::new("to-come");
    let path = folder.file("a", "");
    set_modified(&path, SystemTime::now() + Duration::from_secs(3600));
    let response = folder.get("a").await;
    assert!(header(&response, "etag").starts_with('"'));
    assert_eq!(header(&response, "last-modified"), "");
}

#[tokio::test]
async fn a_time_that_no_header_can_tell_is_none() {
    let folder = Folder::new("before");
    let path = folder.file("a", "");
    let before = SystemTime::UNIX_EPOCH - Duration::from_secs(1);
    set_modified(&path, before);
    let response = folder.get("a").await;
    assert!(header(&response, "etag").starts_with("\"-"));
    assert_eq!(header(&response, "last-modified"), "");
}

fn long(byte: u8) -> Vec<u8> {
    vec![byte; LONG]
}

/// A response of which one chunk was read.
async fn begun(folder: &Folder) -> FileResponse {
    let mut response = folder.get("a").await;
    let frame = response.body_mut().frame().await.unwrap().unwrap();
    assert!(frame.into_data().unwrap().len() < LONG);
    response
}

async fn error(response: FileResponse) -> BoxError {
    response.into_body().collect().await.unwrap_err()
}

#[tokio::test]
async fn a_file_that_is_replaced_is_read_to_its_end() {
    let folder = Folder::new("replaced-file");
    let path = folder.file("a", long(1));
    let response = begun(&folder).await;
    let other = folder.file("b", long(2));
    fs::rename(other, &path).unwrap();
    let rest = response.into_body().collect().await.unwrap().to_bytes();
    assert!(rest.iter().all(|byte| *byte == 1));

    let response = begun(&folder).await;
    fs::remove_file(path).unwrap();
    let rest = response.into_body().collect().await.unwrap().to_bytes();
    assert!(rest.iter().all(|byte| *byte == 2));
}

#[tokio::test]
async fn a_file_that_is_cut_grown_or_written_meanwhile_is_an_error() {
    let change: [fn(&File) -> io::Result<()>; 5] = [
        |file| file.set_len(LONG as u64 - 1),
        |file| file.set_len(0),
        |file| file.set_len(LONG as u64 + 1),
        |mut file| file.write_all(b"x"),
        |file| {
            file.set_len(LONG as u64 + 1)
                .and_then(|()| file.set_modified(old()))
        },
    ];
    for change in change {
        let folder = Folder::new("changed");
        let path = folder.file("a", long(1));
        let response = begun(&folder).await;
        let file = File::options().write(true).open(path).unwrap();
        change(&file).unwrap();
        let error = error(response).await;
        assert_eq!(error.to_string(), "the file was changed while it was read");
    }
}

#[tokio::test]
async fn an_empty_file_is_an_empty_body() {
    let folder = Folder::new("empty");
    folder.file("a", "");
    let response = folder.get("a").await;
    assert_eq!(response.status(), 200);
    assert_eq!(header(&response, "content-length"), "0");
    assert_eq!(text(response).await, "");
}

#[tokio::test]
async fn only_regular_files_can_be_opened() {
    let folder = Folder::new("regular");
    let path = folder.file("a", "");
    assert!(OpenFile::open(&path).await.is_ok());
    let error = OpenFile::open(&folder.root).await.unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::InvalidInput);
    let error = OpenFile::open(folder.root.join("b")).await.unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::NotFound);
    let error = OpenFile::new(File::open(&folder.root).unwrap()).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::InvalidInput);
}
