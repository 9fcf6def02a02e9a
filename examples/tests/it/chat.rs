use hyper::Request;
use peristyle::{BoxError, server::TestClient};
use serde_json::{Value, json};

use crate::{
    browser::Browser,
    client::{Answer, Events},
    tool,
    wire::Running,
};

#[path = "../../chat/main.rs"]
#[expect(dead_code, reason = "its `main` is not run")]
mod example;

use example::{
    HISTORY,
    people::People,
    rooms::{May, Rooms},
    router,
};

/// Ann may do everything, Bob may talk, Cy may read the lobby, and Dee may nothing.
async fn open() -> Result<Chat, BoxError> {
    let people = People::new([("1", "ann"), ("2", "bob"), ("3", "cy"), ("4", "dee")]);
    let lobby = [("ann", May::Moderate), ("bob", May::Say), ("cy", May::Read)];
    let rooms = Rooms::new([("lobby", &lobby[..]), ("team", &lobby[..2])])?;
    Ok(Chat(Running::start(router(people, rooms)?).await))
}

struct Chat(Running);

const ANN: &str = "token=1";
const BOB: &str = "token=2";
const CY: &str = "token=3";
const DEE: &str = "token=4";

impl Chat {
    async fn ask(
        &self,
        who: &str,
        method: &str,
        path: &str,
        text: &str,
    ) -> Result<Answer, BoxError> {
        let request = Request::builder().method(method).uri(path);
        let request = request.header("cookie", who);
        Answer::to(self.0.address, request, text).await
    }

    async fn status(&self, who: &str, method: &str, path: &str) -> Result<u16, BoxError> {
        Ok(self.ask(who, method, path, "hello").await?.status())
    }

    async fn enter(&self, who: &str, room: &str) -> Result<Seat, BoxError> {
        let answer = self.ask(who, "GET", &format!("/rooms/{room}"), "").await?;
        Ok(Seat(answer.events()))
    }

    async fn say(&self, who: &str, room: &str, text: &str) -> Result<(), BoxError> {
        let answer = self
            .ask(who, "POST", &format!("/rooms/{room}"), text)
            .await?;
        assert_eq!(answer.status(), 202);
        Ok(())
    }
}

/// What somebody sees of a room.
struct Seat(Events);

impl Seat {
    async fn next(&mut self, name: &str) -> Result<Value, BoxError> {
        let event = self.0.next().await?;
        assert_eq!(event.event(), name, "{}", event.data());
        Ok(serde_json::from_str(event.data())?)
    }

    async fn sees(&mut self, names: &[&str]) -> Result<(), BoxError> {
        assert_eq!(self.next("here").await?, json!(names));
        Ok(())
    }

    async fn hears(&mut self, from: &str, text: &str) -> Result<(), BoxError> {
        let said = json!({ "from": from, "text": text });
        assert_eq!(self.next("said").await?, said);
        Ok(())
    }
}

#[tokio::test]
async fn two_in_a_room_hear_each_other_in_order_and_see_who_is_there() -> Result<(), BoxError> {
    let chat = open().await?;
    let mut ann = chat.enter(ANN, "lobby").await?;
    ann.sees(&["ann"]).await?;
    let mut bob = chat.enter(BOB, "lobby").await?;
    ann.sees(&["ann", "bob"]).await?;
    bob.sees(&["ann", "bob"]).await?;
    let talk = [(ANN, "ann", "hello, bob"), (BOB, "bob", "hello, ann")];
    for (number, (token, name, text)) in (1..).zip(talk.iter().cycle().take(20)) {
        let text = format!("{text}, {number}\n<b>");
        chat.say(token, "lobby", &text).await?;
        ann.hears(name, &text).await?;
        bob.hears(name, &text).await?;
    }
    // One who has two windows open is there once, until both are closed.
    let mut again = chat.enter(BOB, "lobby").await?;
    ann.sees(&["ann", "bob"]).await?;
    drop(bob);
    ann.sees(&["ann", "bob"]).await?;
    // The newest list alone: what was said comes before it, and no older list.
    again.hears("ann", "hello, bob, 1\n<b>").await?;
    drop(again);
    ann.sees(&["ann"]).await?;
    chat.0.ended().await;
    Ok(())
}

#[tokio::test]
async fn who_enters_hears_what_was_said_last_and_who_comes_back_what_was_missed()
-> Result<(), BoxError> {
    let chat = open().await?;
    for number in 1..=HISTORY + 10 {
        chat.say(BOB, "team", &number.to_string()).await?;
    }
    let mut ann = chat.enter(ANN, "team").await?;
    for number in 11..=HISTORY + 10 {
        ann.hears("bob", &number.to_string()).await?;
    }
    ann.sees(&["ann"]).await?;
    chat.say(BOB, "team", "one").await?;
    let id = ann.0.next().await?.id().to_owned();
    drop(ann);
    for number in 1..=HISTORY + 10 {
        chat.say(BOB, "team", &number.to_string()).await?;
    }
    let request = Request::get("/rooms/team").header("cookie", ANN);
    let request = request.header("last-event-id", id);
    let mut ann = Seat(Answer::to(chat.0.address, request, "").await?.events());
    // That she has left may be before or among them; that she is back makes it useless.
    for number in 1..=HISTORY + 10 {
        ann.hears("bob", &number.to_string()).await?;
    }
    ann.sees(&["ann"]).await?;
    chat.0.ended().await;
    Ok(())
}

#[tokio::test]
async fn nobody_does_what_is_not_allowed() -> Result<(), BoxError> {
    let chat = open().await?;
    for (who, method, path, status) in [
        ("", "GET", "/rooms", 401),
        ("token=5", "GET", "/rooms/lobby", 401),
        ("", "POST", "/rooms/lobby", 401),
        (DEE, "GET", "/rooms/lobby", 403),
        (DEE, "POST", "/rooms/lobby", 403),
        (CY, "POST", "/rooms/lobby", 403),
        (CY, "GET", "/rooms/team", 403),
        (CY, "POST", "/rooms/team", 403),
        (BOB, "DELETE", "/rooms/lobby/members/cy", 403),
        (ANN, "GET", "/rooms/unknown", 403),
        (ANN, "GET", "/rooms/*", 403),
        (ANN, "POST", "/rooms/unknown", 403),
    ] {
        let answered = chat.status(who, method, path).await?;
        assert_eq!(answered, status, "{who}: {method} {path}");
    }
    assert_eq!(
        chat.ask(ANN, "POST", "/rooms/lobby", " ").await?.status(),
        400
    );
    let rooms = chat.ask(CY, "GET", "/rooms", "").await?.text().await?;
    assert_eq!(rooms, r#"{"rooms":{"lobby":"read"},"user":"cy"}"#);
    let mut cy = chat.enter(CY, "lobby").await?;
    // Nothing of what was refused has been said.
    cy.sees(&["cy"]).await?;
    chat.0.ended().await;
    Ok(())
}

#[tokio::test]
async fn who_is_removed_is_cut_off_at_once_and_not_let_in_again() -> Result<(), BoxError> {
    let chat = open().await?;
    let mut ann = chat.enter(ANN, "lobby").await?;
    ann.sees(&["ann"]).await?;
    let mut bob = chat.enter(BOB, "lobby").await?;
    bob.sees(&["ann", "bob"]).await?;
    ann.sees(&["ann", "bob"]).await?;
    let mut bob_in_team = chat.enter(BOB, "team").await?;
    bob_in_team.sees(&["bob"]).await?;

    let removed = chat.status(ANN, "DELETE", "/rooms/lobby/members/bob");
    assert_eq!(removed.await?, 204);
    chat.say(ANN, "lobby", "now that he is gone").await?;
    bob.0.end().await?;
    for method in ["GET", "POST"] {
        assert_eq!(chat.status(BOB, method, "/rooms/lobby").await?, 403);
    }
    let request = Request::get("/rooms/lobby?last-event-id=0-1").header("cookie", BOB);
    let back = Answer::to(chat.0.address, request, "").await?;
    assert_eq!(back.status(), 403);
    // He leaves when his stream is next looked at, which is before or after that.
    let (mut heard, mut alone) = (false, false);
    while !(heard && alone) {
        let event = ann.0.next().await?;
        match event.event() {
            "said" => heard = event.data().contains("now that he is gone"),
            here => alone = here == "here" && event.data() == r#"["ann"]"#,
        }
    }
    // Elsewhere he is who he was.
    chat.say(BOB, "team", "what have I done?").await?;
    bob_in_team.hears("bob", "what have I done?").await?;
    chat.0.ended().await;
    Ok(())
}

#[tokio::test]
async fn nothing_that_is_said_in_a_room_is_heard_in_another() -> Result<(), BoxError> {
    let chat = open().await?;
    let mut cy = chat.enter(CY, "lobby").await?;
    cy.sees(&["cy"]).await?;
    let mut ann = chat.enter(ANN, "team").await?;
    ann.sees(&["ann"]).await?;
    chat.say(ANN, "team", "between us").await?;
    ann.hears("ann", "between us").await?;
    chat.say(ANN, "lobby", "good morning").await?;
    cy.hears("ann", "good morning").await?;
    drop(cy);
    // Nor with a place in the other room: the rooms have one log.
    let id = {
        chat.say(BOB, "team", "again").await?;
        ann.0.next().await?.id().to_owned()
    };
    chat.say(BOB, "team", "and again").await?;
    let uri = format!("/rooms/lobby?lastEventId={id}");
    let answer = chat.ask(CY, "GET", &uri, "").await?;
    Seat(answer.events()).sees(&["cy"]).await?;
    chat.0.ended().await;
    Ok(())
}

#[tokio::test]
async fn a_link_signs_in_by_a_cookie_that_no_script_and_no_other_site_can_use()
-> Result<(), BoxError> {
    let rooms = Rooms::new([])?;
    let client = TestClient::new(router(People::new([("1", "ann")]), rooms)?);
    let response = client.get("/as/1").send().await;
    assert_eq!(response.status(), 303);
    assert_eq!(response.headers()["location"], "/");
    let cookie = "token=1; Path=/; HttpOnly; SameSite=Strict";
    assert_eq!(response.headers()["set-cookie"], cookie);
    for unknown in ["/as/2", "/as/1%3B%20Domain=example.org"] {
        let response = client.get(unknown).send().await;
        assert_eq!(response.status(), 404);
        assert!(!response.headers().contains_key("set-cookie"));
    }
    Ok(())
}

/// A condition on a page.
fn shows(selector: &str, text: &str) -> String {
    let text = json!(text);
    format!("document.querySelector('{selector}')?.innerText === {text}")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_browsers_talk_until_one_removes_the_other() -> Result<(), BoxError> {
    let Some(chromium) = tool::require("chromium") else {
        return Ok(());
    };
    let chat = open().await?;
    let url = |token: &str| format!("http://{}/as/{token}", chat.0.address);
    let (mut ann, mut bob) = (Browser::start(&chromium), Browser::start(&chromium));
    ann.open(&url("1"));
    ann.wait_for(&shows("#here", "ann"));
    bob.open(&url("2"));
    bob.wait_for(&shows("#state", "bob in lobby"));
    ann.wait_for(&shows("#here", "ann\nbob\nremove"));
    bob.wait_for(&shows("#here", "ann\nbob"));

    let say = |text: &str| {
        let text = json!(text);
        format!("form.text.value = {text}; form.requestSubmit()")
    };
    bob.evaluate(&say("<i>hello</i>"));
    ann.wait_for(&shows("#said", "bob<i>hello</i>"));
    bob.wait_for(&shows("#said", "bob<i>hello</i>"));

    ann.evaluate("document.querySelector('#here button').click()");
    bob.wait_for(&shows("#state", "bob may not be in lobby"));
    bob.wait_for("source.readyState === EventSource.CLOSED && form.hidden");
    ann.wait_for(&shows("#here", "ann"));
    drop((ann, bob));
    chat.0.ended().await;
    Ok(())
}
