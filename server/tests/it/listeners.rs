//! Where clients come in.

use std::{
    env, fs,
    io::{self, Write},
    net::{self, Ipv4Addr, Ipv6Addr},
    os::unix::fs::{FileTypeExt, PermissionsExt},
    path::PathBuf,
    process,
};

use peristyle_core::handler;
use peristyle_server::{Context, Listener, Router, Routes, Server};
use tokio::net::{TcpListener, TcpStream, UnixStream};

use crate::support::{Client, Running, answer_over, finished, get};

fn shows_peer() -> Router {
    let peer = |cx: &mut Context| match cx.peer() {
        Some(peer) => peer.ip().to_string(),
        None => "none".to_owned(),
    };
    Routes::new().get("/", handler(peer)).build().unwrap()
}

/// A path that no other test has.
fn path(name: &str) -> PathBuf {
    let path = env::temp_dir().join(format!("peristyle-{}-{name}", process::id()));
    let _none = fs::remove_file(&path);
    path
}

#[tokio::test]
async fn clients_come_in_wherever_the_server_listens() {
    let path = path("several");
    let given = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let blocking = net::TcpListener::bind("127.0.0.1:0").unwrap();
    let expected = [given.local_addr().unwrap(), blocking.local_addr().unwrap()];
    let server = Server::on(Listener::unix(&path).unwrap())
        .and(Listener::bind("[::1]:0").await.unwrap())
        .and(Listener::bind("127.0.0.1:0").await.unwrap())
        .and(given)
        .and(blocking);
    let addresses = server.local_addrs().unwrap();
    assert_eq!(server.local_addr().unwrap(), addresses[0]);
    assert_eq!(addresses[0].ip(), Ipv6Addr::LOCALHOST);
    assert_eq!(addresses[1].ip(), Ipv4Addr::LOCALHOST);
    assert_eq!(addresses[2..], expected);
    let server = Running::serve(server, shows_peer());
    for _ in 0..2 {
        for address in &addresses {
            let stream = TcpStream::connect(address).await.unwrap();
            let answer = answer_over(stream, get("/")).await;
            assert!(
                answer.ends_with(&format!("\r\n\r\n{}", address.ip())),
                "{answer}"
            );
        }
        let stream = UnixStream::connect(&path).await.unwrap();
        let answer = answer_over(stream, get("/")).await;
        assert!(answer.ends_with("\r\n\r\nnone"), "{answer}");
    }
    server.ended().await;
}

#[tokio::test]
async fn a_socket_for_any_address_takes_both_families_and_shows_each_as_it_is() {
    let server = Server::bind("[::]:0").await.unwrap();
    let port = server.local_addr().unwrap().port();
    let server = Running::serve(server, shows_peer());
    for address in ["127.0.0.1", "::1"] {
        let stream = TcpStream::connect((address, port)).await.unwrap();
        let answer = answer_over(stream, get("/")).await;
        assert!(answer.ends_with(&format!("\r\n\r\n{address}")), "{answer}");
    }
    server.ended().await;
}

#[tokio::test]
async fn a_server_with_unix_sockets_only_has_no_address() {
    let server = Server::on(Listener::unix(path("no-address")).unwrap());
    assert!(server.local_addrs().unwrap().is_empty());
    let error = server.local_addr().unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::AddrNotAvailable);
}

#[tokio::test]
async fn the_file_of_a_socket_has_its_mode_and_is_removed_at_the_end() {
    let path = path("mode");
    for mode in [0o600, 0o666] {
        let listener = Listener::unix_with_mode(&path, mode).unwrap();
        let file = fs::symlink_metadata(&path).unwrap();
        assert!(file.file_type().is_socket());
        assert_eq!(file.permissions().mode() & 0o777, mode);
        let server = Server::on(listener).and(Listener::bind("127.0.0.1:0").await.unwrap());
        Running::serve(server, shows_peer()).ended().await;
        assert!(!path.exists());
    }
}

#[test]
fn a_socket_that_nobody_listens_on_is_replaced_and_another_is_not() {
    let path = path("stale");
    drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
    assert!(path.exists());
    let listener = Listener::unix(&path).unwrap();
    let error = Listener::unix(&path).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::AddrInUse);
    // It is still there for those who come.
    drop(std::os::unix::net::UnixStream::connect(&path).unwrap());
    drop(listener);
    assert!(!path.exists());
}

#[test]
fn a_file_of_another_kind_is_never_removed() {
    let path = path("file");
    fs::write(&path, "kept").unwrap();
    let error = Listener::unix(&path).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::AddrInUse);
    fs::remove_file(&path).unwrap();
    let listener = Listener::unix(&path).unwrap();
    fs::remove_file(&path).unwrap();
    fs::write(&path, "kept").unwrap();
    drop(listener);
    assert_eq!(fs::read_to_string(&path).unwrap(), "kept");
    fs::remove_file(&path).unwrap();
}

/// The runtime learns of the client and of the end at once.
#[tokio::test]
async fn who_had_connected_when_the_end_came_is_served() {
    for _ in 0..16 {
        let server = Running::start(shows_peer()).await;
        tokio::task::yield_now().await;
        let mut client = net::TcpStream::connect(server.address).unwrap();
        client.write_all(get("/").as_bytes()).unwrap();
        let serving = server.end();
        client.set_nonblocking(true).unwrap();
        let answer = Client(TcpStream::from_std(client).unwrap()).rest().await;
        assert!(answer.ends_with("\r\n\r\n127.0.0.1"), "{answer}");
        finished(serving).await;
    }
}
