//! Rooms in which members talk, see who is there, and from which a moderator removes others for good: open one of the links that
//! it prints, and another one in a private window.
//!
//! A room is a topic of one feed. Who enters it gets what was said last, and then what is said; who has lost the connection goes on
//! where it was. Who is removed is cut off at once, and not let in again.

#![expect(clippy::print_stdout, reason = "a program for the terminal")]

pub(crate) mod people;
pub(crate) mod rooms;

use peristyle::{
    BoxError,
    server::{
        Headers, Html, IntoResponse, Json, Path, Problem, Response, RouteErrors, Router, Routes,
        Server, State, handler,
        http::{
            StatusCode, Uri,
            header::{LOCATION, SET_COOKIE},
        },
    },
    sse::{self, feed::Follow},
};
use serde_json::{Value, json};

use self::{
    people::{People, User},
    rooms::{May, Rooms},
};

const PAGE: &str = include_str!("page.html");

/// How many of the newest events of a room one gets who enters it.
pub(crate) const HISTORY: usize = 50;

pub(crate) fn router(people: People, rooms: Rooms) -> Result<Router, RouteErrors> {
    Routes::new()
        .state(people)
        .state(rooms)
        .get("/", handler(|| Html(PAGE)))
        .get("/as/{token}", handler(sign_in))
        .get("/rooms", handler(list))
        .get("/rooms/{room}", handler(enter))
        .post("/rooms/{room}", handler(say))
        .delete("/rooms/{room}/members/{name}", handler(remove))
        .build()
}

/// An `EventSource` can send no header of its own, but the browser sends the cookie with it.
async fn sign_in(people: State<People>, Path(token): Path<String>) -> Result<Response, BoxError> {
    if people.name(&token).is_none() {
        return Err(Problem::new(StatusCode::NOT_FOUND).into());
    }
    let cookie = format!("token={token}; Path=/; HttpOnly; SameSite=Strict");
    let headers = [(LOCATION, "/".to_owned()), (SET_COOKIE, cookie)];
    (StatusCode::SEE_OTHER, headers, "").into_response()
}

/// Who asks, and the rooms that are open to them.
async fn list(user: User, rooms: State<Rooms>) -> Json<Value> {
    Json(json!({ "user": user.name, "rooms": rooms.open_to(&user) }))
}

async fn enter(
    user: User,
    Path(room): Path<String>,
    rooms: State<Rooms>,
    headers: Headers,
    uri: Uri,
) -> Result<Response, BoxError> {
    let follow = Follow::last(HISTORY).resume_request(&headers, &uri);
    match rooms.enter(&room, &user, follow)? {
        Ok(events) => events.into_response().into_response(),
        Err(_finished) => sse::finished().into_response(),
    }
}

async fn say(
    user: User,
    Path(room): Path<String>,
    rooms: State<Rooms>,
    text: String,
) -> Result<StatusCode, BoxError> {
    if text.trim().is_empty() {
        return Err(Problem::new(StatusCode::BAD_REQUEST).into());
    }
    rooms.say(&room, &user, &text)?;
    Ok(StatusCode::ACCEPTED)
}

async fn remove(
    user: User,
    Path((room, name)): Path<(String, String)>,
    rooms: State<Rooms>,
) -> Result<StatusCode, BoxError> {
    rooms.remove(&room, &user, &name)?;
    Ok(StatusCode::NO_CONTENT)
}

#[tokio::main]
async fn main() -> Result<(), BoxError> {
    // Tokens of a real program come from a sign-in, and cannot be guessed.
    let people = People::new([("a1", "ann"), ("b2", "bob"), ("c3", "cy")]);
    let rooms = Rooms::new([
        (
            "lobby",
            &[("ann", May::Moderate), ("bob", May::Say), ("cy", May::Read)][..],
        ),
        ("team", &[("ann", May::Moderate), ("bob", May::Say)]),
    ])?;
    let server = Server::bind("127.0.0.1:8080").await?;
    for (token, name) in people.iter() {
        println!("{name}: http://{}/as/{token}", server.local_addr()?);
    }
    server.serve(router(people, rooms)?).await?;
    Ok(())
}
