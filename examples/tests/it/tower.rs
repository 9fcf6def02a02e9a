use std::net::SocketAddr;

use peristyle::{BoxError, server::TestClient};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    task::JoinSet,
};

#[path = "../../tower.rs"]
#[expect(dead_code, reason = "its `main` is not run")]
mod example;

#[tokio::test]
async fn axum_answers_what_is_its_own_and_peristyle_the_rest() -> Result<(), BoxError> {
    let (app, service) = example::axum_in_front()?;
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    let app = app.into_make_service_with_connect_info::<SocketAddr>();
    let mut server = JoinSet::new();
    server.spawn(async { axum::serve(listener, app).await });
    for (path, status, body) in [
        ("/users", "200 OK", "users, by axum"),
        ("/orders/7", "200 OK", "order 7, by Peristyle"),
        ("/prices", "200 OK", "prices, by Peristyle, for 127.0.0.1"),
    ] {
        let mut stream = TcpStream::connect(address).await?;
        let request = format!("GET {path} HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await?;
        assert!(
            answer.starts_with(&format!("HTTP/1.1 {status}\r\n")),
            "{answer}"
        );
        assert!(answer.ends_with(&format!("\r\n\r\n{body}")), "{answer}");
    }
    service.finished().await;
    Ok(())
}

#[tokio::test]
async fn peristyle_answers_what_is_its_own_and_axum_what_is_mounted() -> Result<(), BoxError> {
    let client = TestClient::new(example::peristyle_in_front()?);
    for (path, status, body) in [
        ("/orders/7", 200, "order 7, by Peristyle"),
        ("/old", 200, "the start page, by axum"),
        ("/old/users", 200, "users, by axum"),
        ("/users", 200, "users, by axum"),
        ("/old/none", 404, ""),
    ] {
        let response = client.get(path).send().await;
        assert_eq!(response.status(), status, "{path}");
        assert_eq!(response.text().await?, body, "{path}");
    }
    Ok(())
}
