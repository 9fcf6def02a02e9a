use peristyle::{BoxError, server::TestClient};

#[path = "../../hello.rs"]
#[expect(dead_code, reason = "its `main` is not run")]
mod example;

#[tokio::test]
async fn greets_everybody_and_by_name() -> Result<(), BoxError> {
    let client = TestClient::new(example::router()?);
    for (uri, status, text) in [
        ("/", 200, "hello\n"),
        ("/greet/Ada", 200, "hello, Ada\n"),
        ("/greet/Ada%20L", 200, "hello, Ada L\n"),
    ] {
        let response = client.get(uri).send().await;
        assert_eq!(response.status(), status, "{uri}");
        assert_eq!(response.text().await?, text, "{uri}");
    }
    assert_eq!(client.get("/greet").send().await.status(), 404);
    Ok(())
}
