//! Sockets that the process was started with.

use std::{
    env, fs, io,
    os::{fd::OwnedFd, unix::net::UnixListener},
    process,
};

use peristyle_core::handler;
use peristyle_server::{Context, Listener, Router, Routes, Server};
use tokio::net::{TcpStream, UnixStream};

use crate::{
    apart::{self, Apart},
    support::{answer_over, get},
};

fn router() -> Router {
    let hello = handler(|_: &mut Context| "hello");
    Routes::new().get("/", hello).build().unwrap()
}

/// In the process that has inherited the sockets. The third is no socket at all.
async fn inherits() {
    assert_eq!(
        Listener::inherited_as("other").unwrap_err().kind(),
        io::ErrorKind::NotFound
    );
    let unix = Listener::inherited_as("unix").unwrap();
    let tcp = Listener::inherited(0).unwrap();
    for taken in [
        Listener::inherited(0),
        Listener::inherited(1),
        Listener::inherited_as("unix"),
        Listener::inherited(3),
    ] {
        assert_eq!(taken.unwrap_err().kind(), io::ErrorKind::NotFound);
    }
    for _ in 0..2 {
        let no_socket = Listener::inherited(2).unwrap_err();
        assert_eq!(no_socket.kind(), io::ErrorKind::InvalidInput);
    }
    assert!(env::var_os("LISTEN_FDS").is_none());
    apart::serve(Server::on(tcp).and(unix), router()).await;
}

#[tokio::test]
async fn inherited_sockets_are_taken_once_each_by_place_or_by_name() {
    if apart::is_here() {
        return inherits().await;
    }
    let path = env::temp_dir().join(format!("peristyle-{}-inherited", process::id()));
    let _none = fs::remove_file(&path);
    let unix = UnixListener::bind(&path).unwrap();
    let tcp = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = tcp.local_addr().unwrap();
    let name = "inherited::inherited_sockets_are_taken_once_each_by_place_or_by_name";
    let setup = "exec 3<&0 4<&1 5</dev/null 0</dev/null 1>/dev/null; \
                 export LISTEN_PID=$$ LISTEN_FDS=3 LISTEN_FDNAMES=tcp:unix:none;";
    let (tcp, unix) = (OwnedFd::from(tcp), OwnedFd::from(unix));
    let server = Apart::start_with(name, setup, tcp.into(), unix.into()).await;
    assert_eq!(server.address, address);
    let stream = TcpStream::connect(address).await.unwrap();
    let answer = answer_over(stream, get("/")).await;
    assert!(answer.ends_with("\r\n\r\nhello"), "{answer}");
    let stream = UnixStream::connect(&path).await.unwrap();
    let answer = answer_over(stream, get("/")).await;
    assert!(answer.ends_with("\r\n\r\nhello"), "{answer}");
    server.ended().await;
    // Whoever made the file removes it.
    fs::remove_file(&path).unwrap();
}

#[tokio::test]
async fn sockets_that_are_meant_for_another_process_are_left_alone() {
    if apart::is_here() {
        let refused = Listener::inherited(0).unwrap_err();
        assert_eq!(refused.kind(), io::ErrorKind::NotFound);
        return apart::serve(Server::bind("127.0.0.1:0").await.unwrap(), router()).await;
    }
    let name = "inherited::sockets_that_are_meant_for_another_process_are_left_alone";
    for pid in ["unset LISTEN_PID;", "export LISTEN_PID=1;"] {
        let tcp = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let setup = format!("exec 3<&0; export LISTEN_FDS=1; {pid}");
        let input = OwnedFd::from(tcp).into();
        let server = Apart::start_with(name, &setup, input, process::Stdio::null()).await;
        server.ended().await;
    }
}

#[tokio::test]
async fn an_inherited_socket_that_does_not_listen_is_an_error() {
    if apart::is_here() {
        let refused = Listener::inherited(0).unwrap_err();
        assert_eq!(refused.kind(), io::ErrorKind::InvalidInput);
        return apart::serve(Server::bind("127.0.0.1:0").await.unwrap(), router()).await;
    }
    let name = "inherited::an_inherited_socket_that_does_not_listen_is_an_error";
    let (socket, _other) = std::os::unix::net::UnixStream::pair().unwrap();
    let setup = "exec 3<&0; export LISTEN_PID=$$ LISTEN_FDS=1;";
    let input = OwnedFd::from(socket).into();
    let server = Apart::start_with(name, setup, input, process::Stdio::null()).await;
    server.ended().await;
}
