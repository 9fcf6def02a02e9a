//! The smallest server: `curl http://127.0.0.1:8080/greet/Ada`.

use peristyle::{
    BoxError, handler,
    server::{Context, RouteErrors, Router, Routes, Server},
};

fn hello(_: &mut Context) -> &'static str {
    "hello\n"
}

fn greet(cx: &mut Context) -> String {
    format!("hello, {}\n", cx.param("name").unwrap_or("stranger"))
}

pub(crate) fn router() -> Result<Router, RouteErrors> {
    Routes::new()
        .get("/", handler(hello))
        .get("/greet/{name}", handler(greet))
        .build()
}

#[tokio::main]
async fn main() -> Result<(), BoxError> {
    Server::bind("127.0.0.1:8080")
        .await?
        .serve(router()?)
        .await?;
    Ok(())
}
