//! A table of paths that try to get out.

#![cfg(unix)]

use std::{
    fs,
    os::unix::{fs::symlink, net::UnixListener},
};

use peristyle_streaming::files::{Hidden, Links};
use rustix::fs::{CWD, FileType, Mode, mknodat};

use super::folder::{Folder, header, request, text};

const TABLE: &str = include_str!("hostile.txt");

fn folder(name: &str) -> Folder {
    let folder = Folder::new(name);
    for (path, content) in [
        ("a.txt", "plain"),
        ("100%.txt", "percent"),
        ("a b.txt", "blank"),
        ("é.txt", "accent"),
        ("c:d.txt", "colon"),
        ("con", "device"),
        ("back\\slash.txt", "backslash"),
        ("line\nbreak.txt", "line"),
        ("delete\u{7f}.txt", "delete"),
        ("..a", "dots"),
        (".hidden", "hidden"),
        (".git/config", "hidden"),
        ("sub/a.txt", "sub"),
        ("sub/index.html", "index"),
        ("bare/a.txt", "bare"),
        ("odd/index.html/a", "odd"),
        ("../secret.txt", "secret"),
    ] {
        folder.file(path, content);
    }
    let root = |path: &str| folder.root.join(path);
    for (link, target) in [
        ("in", "sub"),
        ("file-in", "sub/a.txt"),
        ("up", "../secret.txt"),
        ("out", ".."),
        ("loop", "loop"),
        ("there-and-back", "../root/a.txt"),
        ("up-and-in", "sub/../a.txt"),
        ("dangling", "nothing"),
    ] {
        symlink(target, root(link)).unwrap();
    }
    symlink(root("../secret.txt"), root("absolute")).unwrap();
    symlink(root("sub"), root("absolute-in")).unwrap();
    mknodat(CWD, root("fifo"), FileType::Fifo, Mode::RUSR, 0).unwrap();
    drop(UnixListener::bind(root("socket")).unwrap());
    folder
}

fn rows() -> impl Iterator<Item = (&'static str, &'static str)> {
    let rows = TABLE.lines().filter(|line| !line.is_empty());
    let rows = rows.filter(|line| !line.starts_with('#'));
    rows.map(|row| row.split_once(" ; ").unwrap())
}

#[tokio::test]
async fn no_path_leaves_the_root() {
    let folder = folder("hostile");
    let directory = folder.directory();
    let mut checked = 0;
    for (path, answer) in rows() {
        checked += 1;
        // What is no URI does not get here.
        let Ok(uri) = path.parse::<http::Uri>() else {
            assert_eq!(answer, "404", "{path}");
            continue;
        };
        let response = directory
            .respond_below("/files", &request(&uri.to_string(), &[]))
            .await;
        let (status, rest) = answer.split_once(' ').unwrap_or((answer, ""));
        assert_eq!(response.status().as_str(), status, "{path}");
        assert_eq!(
            header(&response, "location"),
            location(status, rest),
            "{path}"
        );
        let served = if status == "200" { rest } else { "" };
        assert_eq!(text(response).await, served, "{path}");
    }
    assert!(checked >= 100, "{checked}");
}

fn location<'a>(status: &str, rest: &'a str) -> &'a str {
    if status == "308" { rest } else { "" }
}

/// A router has decoded the path: what is left of an escape is a name.
#[tokio::test]
async fn a_decoded_path_is_not_decoded_again() {
    let folder = folder("decoded");
    let directory = folder.directory();
    for (path, status) in [
        ("100%.txt", 200),
        ("/100%.txt", 200),
        ("a%2Etxt", 404),
        ("sub/a.txt", 200),
        ("%2e%2e/secret.txt", 404),
        ("../secret.txt", 404),
        ("sub/../a.txt", 404),
        ("//a.txt", 404),
        ("a\0.txt", 404),
        ("..\\secret.txt", 404),
        ("up", 404),
        (".hidden", 404),
    ] {
        let response = directory.respond(path, &request("/", &[])).await;
        assert_eq!(response.status(), status, "{path}");
    }
}

#[tokio::test]
async fn links_can_be_refused() {
    let folder = folder("links");
    let directory = folder.directory().links(Links::Refused);
    for (path, status) in [
        ("a.txt", 200),
        ("sub/a.txt", 200),
        ("in/a.txt", 404),
        ("file-in", 404),
        ("up-and-in", 404),
        ("up", 404),
    ] {
        let response = directory.respond(path, &request("/", &[])).await;
        assert_eq!(response.status(), status, "{path}");
    }
}

#[tokio::test]
async fn hidden_names_can_be_served() {
    let folder = folder("hidden");
    let directory = folder.directory().hidden(Hidden::Served);
    for (path, status) in [
        (".hidden", 200),
        (".git/config", 200),
        ("..a", 200),
        ("..", 404),
        (".", 404),
        ("../secret.txt", 404),
        (".git/../a.txt", 404),
    ] {
        let response = directory.respond(path, &request("/", &[])).await;
        assert_eq!(response.status(), status, "{path}");
    }
}

/// The folder is the one that was opened.
#[tokio::test]
async fn a_root_that_is_replaced_by_a_link_is_still_the_root() {
    let folder = folder("replaced");
    let directory = folder.directory();
    let moved = folder.root.with_file_name("moved");
    fs::rename(&folder.root, moved).unwrap();
    symlink("..", &folder.root).unwrap();

    let response = directory.respond("a.txt", &request("/", &[])).await;
    assert_eq!(text(response).await, "plain");
    let response = directory.respond("secret.txt", &request("/", &[])).await;
    assert_eq!(response.status(), 404);
}

/// A path that is checked first and opened then would lead out at times.
#[cfg(target_os = "linux")]
#[test]
fn a_folder_that_is_swapped_for_a_link_meanwhile_never_leads_out() {
    use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

    use rustix::fs::{RenameFlags, renameat_with};

    let folder = folder("swapped");
    folder.file("swap/secret.txt", "inside");
    let (one, other) = (folder.root.join("swap"), folder.root.join("out"));
    let directory = folder.directory();
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !done.load(Relaxed) {
                renameat_with(CWD, &one, CWD, &other, RenameFlags::EXCHANGE).unwrap();
            }
        });
        let runtime = tokio::runtime::Builder::new_current_thread().build();
        // On a thread of its own, so that the exchange goes on meanwhile.
        let requests = scope.spawn(|| {
            runtime.unwrap().block_on(async {
                for _ in 0..2000 {
                    let response = directory
                        .respond("swap/secret.txt", &request("/", &[]))
                        .await;
                    let status = response.status();
                    assert!(status == 200 || status == 404, "{status}");
                    let expected = if status == 200 { "inside" } else { "" };
                    assert_eq!(text(response).await, expected);
                }
            });
        });
        let ended = requests.join();
        done.store(true, Relaxed);
        ended.unwrap();
    });
}
