//! Handlers of extracted arguments: their shapes, what they share, and how they live with functions of the context.

use std::sync::{
    Arc, Mutex,
    atomic::{AtomicU32, Ordering},
};

use http::{HeaderValue, Method, StatusCode, header};
use peristyle_core::{BoxError, Caught, Chain, Error, before, catch, on_error};
use peristyle_server::{
    Context, Cookies, Exchange, FromExchange, Headers, Part, Path, Problem, Query, Rejection,
    Routes, State, TestClient, handler,
};
use serde::Deserialize;
use serde_json::{Value, json};

/// What is answered to GET of `/`, by a chain that stands there alone.
async fn answer(chain: impl Into<Chain<Exchange>>) -> (u16, String) {
    let router = Routes::new().get("/", chain).build().unwrap();
    let response = TestClient::new(router).get("/").send().await;
    let status = response.status().as_u16();
    (status, response.text().await.unwrap())
}

async fn text(chain: impl Into<Chain<Exchange>>) -> String {
    let (status, text) = answer(chain).await;
    assert_eq!(status, 200, "{text}");
    text
}

/// A problem document, without the id.
fn document(text: &str) -> Value {
    let mut document: Value = serde_json::from_str(text).unwrap();
    let id = document.as_object_mut().unwrap().remove("id");
    assert!(id.is_some_and(|id| id.is_string()));
    document
}

/// Counts up: the arguments of a handler are made in order.
struct Next(u32);

impl FromExchange for Next {
    async fn from_exchange(cx: &mut Context) -> Result<Self, BoxError> {
        tokio::task::yield_now().await;
        let next = cx.get::<u32>().map_or(1, |last| last + 1);
        cx.insert(next);
        Ok(Self(next))
    }
}

#[tokio::test]
async fn every_shape_of_function_is_a_handler() {
    fn sync() -> &'static str {
        "fn"
    }
    async fn waits() -> &'static str {
        tokio::task::yield_now().await;
        "async fn"
    }
    fn of_context(cx: &mut Context) -> String {
        format!("fn of {}", cx.uri())
    }
    async fn waits_of_context(cx: &mut Context) -> String {
        tokio::task::yield_now().await;
        format!("async fn of {}", cx.uri())
    }
    fn extracts(Next(at): Next) -> String {
        format!("fn {at}")
    }
    async fn waits_extracts(Next(at): Next) -> String {
        tokio::task::yield_now().await;
        format!("async fn {at}")
    }
    let captured = Arc::new("captured".to_owned());
    assert_eq!(text(handler(sync)).await, "fn");
    assert_eq!(text(handler(waits)).await, "async fn");
    assert_eq!(text(handler(of_context)).await, "fn of /");
    assert_eq!(text(handler(waits_of_context)).await, "async fn of /");
    assert_eq!(text(handler(extracts)).await, "fn 1");
    assert_eq!(text(handler(waits_extracts)).await, "async fn 1");
    assert_eq!(text(handler(|| "closure")).await, "closure");
    assert_eq!(
        text(handler(async || "async closure")).await,
        "async closure"
    );
    assert_eq!(text(handler(|next: Next| next.0.to_string())).await, "1");
    assert_eq!(
        text(handler(async |next: Next| next.0.to_string())).await,
        "1"
    );
    let shared = Arc::clone(&captured);
    assert_eq!(text(handler(move || shared.to_string())).await, "captured");
    let shared = move |_: Next| {
        let shared = Arc::clone(&captured);
        async move { shared.to_string() }
    };
    assert_eq!(text(handler(shared)).await, "captured");
    assert_eq!(
        text(handler(|_: &mut Context| "cx closure")).await,
        "cx closure"
    );
    let of_context = handler(async |cx: &mut Context| cx.uri().to_string());
    assert_eq!(text(of_context).await, "/");
}

#[tokio::test]
async fn up_to_twelve_arguments_are_made_in_order() {
    macro_rules! all {
        ($($argument:ident)*) => {
            (
                text(handler(|$($argument: Next),*| numbers(&[$($argument.0),*]))).await,
                text(handler(async |$($argument: Next),*| numbers(&[$($argument.0),*]))).await,
            )
        };
    }
    let expected = |count| {
        let numbers = numbers(&(1..=count).collect::<Vec<_>>());
        (numbers.clone(), numbers)
    };
    assert_eq!(all!(), expected(0));
    assert_eq!(all!(a), expected(1));
    assert_eq!(all!(a b), expected(2));
    assert_eq!(all!(a b c), expected(3));
    assert_eq!(all!(a b c d), expected(4));
    assert_eq!(all!(a b c d e), expected(5));
    assert_eq!(all!(a b c d e f), expected(6));
    assert_eq!(all!(a b c d e f g), expected(7));
    assert_eq!(all!(a b c d e f g h), expected(8));
    assert_eq!(all!(a b c d e f g h i), expected(9));
    assert_eq!(all!(a b c d e f g h i j), expected(10));
    assert_eq!(all!(a b c d e f g h i j k), expected(11));
    assert_eq!(all!(a b c d e f g h i j k l), expected(12));
}

fn numbers(numbers: &[u32]) -> String {
    format!("{numbers:?}")
}

#[tokio::test]
async fn functions_of_the_context_and_of_arguments_mix_in_one_chain() {
    #[derive(Deserialize)]
    struct Page {
        at: u32,
    }
    async fn checks(cx: &mut Context) -> Result<(), BoxError> {
        let Query(page) = Query::<Page>::from_exchange(cx).await?;
        let bonus = cx.state::<u32>()?;
        cx.insert(page.at + *bonus);
        Ok(())
    }
    async fn shows(next: Next, bonus: State<u32>) -> String {
        format!("{} with {}", next.0, *bonus)
    }
    let router = Routes::new()
        .state(100_u32)
        .get("/extracts", Chain::new([before(checks), handler(shows)]))
        .get(
            "/whole",
            Chain::new([
                before(checks),
                handler(async |cx: &mut Context| cx.require::<u32>().map(u32::to_string)),
                handler(|| -> &'static str { panic!("it was answered before") }),
            ]),
        );
    let client = TestClient::new(router.build().unwrap());
    let get = async |uri| client.get(uri).send().await.text().await.unwrap();
    assert_eq!(get("/extracts?at=7").await, "108 with 100");
    assert_eq!(get("/whole?at=7").await, "107");
    let document = document(&get("/extracts?at=x").await);
    assert_eq!(
        document["detail"],
        "field `at` of the query: `x` is no `u32`"
    );
}

#[tokio::test]
async fn what_a_handler_returns_may_fail() {
    let gone = handler(|_: Next| Err::<(), _>(Problem::new(StatusCode::GONE)));
    assert_eq!(answer(gone).await.0, 410);
    let gone = handler(async |_: Next| Err::<(), _>(Problem::new(StatusCode::GONE)));
    assert_eq!(answer(gone).await.0, 410);
    let gone = handler(|| Err::<(), _>(Problem::new(StatusCode::GONE)));
    assert_eq!(answer(gone).await.0, 410);
    let secret = handler(async || Err::<(), BoxError>("the password is 1234".into()));
    let (status, text) = answer(secret).await;
    assert_eq!(status, 500);
    let expected = json!({ "status": 500, "title": "Internal Server Error" });
    assert_eq!(document(&text), expected);
}

#[tokio::test]
async fn state_is_shared_by_its_type_and_given_once() {
    struct Hits(AtomicU32);
    async fn count(hits: State<Hits>, name: State<&'static str>, State(last): State<u8>) -> String {
        let before = hits.0.0.fetch_add(1, Ordering::Relaxed);
        format!("{} {before} {last}", *name)
    }
    let router = Routes::new()
        .state("hits")
        .get("/", handler(count))
        .state(Hits(AtomicU32::new(7)))
        .state(1_u8)
        .state(2_u8);
    let client = TestClient::new(router.build().unwrap());
    let get = async || client.get("/").send().await.text().await.unwrap();
    assert_eq!(get().await, "hits 7 2");
    assert_eq!(get().await, "hits 8 2");
}

/// The texts of an error and of its sources.
fn causes(error: &dyn std::error::Error) -> Vec<String> {
    let mut texts = vec![error.to_string()];
    texts.extend(error.source().into_iter().flat_map(causes));
    texts
}

#[tokio::test]
async fn a_state_that_was_not_given_is_a_500_whose_error_names_the_type() {
    #[derive(Debug)]
    struct Database;
    let seen = Arc::new(Mutex::new(Vec::new()));
    let note = Arc::clone(&seen);
    let note = on_error(move |_: &mut Context, error: Error| {
        note.lock().unwrap().extend(causes(&error));
        Err::<(), _>(error)
    });
    let asks = handler(async |_: Next, _: State<Database>| ()).named("asks");
    let (status, text) = answer(Chain::new([note, asks])).await;
    assert_eq!(status, 500);
    let expected = json!({ "status": 500, "title": "Internal Server Error" });
    assert_eq!(document(&text), expected);
    let name = std::any::type_name::<Database>();
    let expected = [
        "enter of `asks` failed".to_owned(),
        "argument 2: the state is refused".to_owned(),
        format!("`Routes::state` was given no `{name}`"),
    ];
    assert_eq!(*seen.lock().unwrap(), expected);
}

#[tokio::test]
async fn a_failed_extraction_is_a_typed_error_that_an_interceptor_can_catch() {
    let explain = catch(|cx: &mut Context, rejection: Caught<Rejection>| {
        let text = format!(
            "{} {} {:?} {:?}",
            rejection.status().as_u16(),
            rejection.part(),
            rejection.field(),
            rejection.argument(),
        );
        assert_eq!(rejection.part(), Part::Path);
        cx.respond(text)
    });
    let show = handler(async |_: Headers, Path(_): Path<u8>| ());
    let router = Routes::new().get("/{id}", Chain::new([explain, show]));
    let client = TestClient::new(router.build().unwrap());
    let response = client.get("/x").send().await;
    let text = response.text().await.unwrap();
    assert_eq!(text, r#"400 path Some("id") Some(2)"#);
}

#[tokio::test]
async fn an_extractor_of_ones_own_raises_what_it_will() {
    struct User(String);
    impl FromExchange for User {
        async fn from_exchange(cx: &mut Context) -> Result<Self, BoxError> {
            let Headers(headers) = Headers::from_exchange(cx).await?;
            let user = headers.get("x-user");
            let user = user.ok_or_else(|| Problem::new(StatusCode::UNAUTHORIZED))?;
            Ok(Self(user.to_str()?.to_owned()))
        }
    }
    let router = Routes::new()
        .get("/", handler(async |User(name): User| name))
        .get(
            "/maybe",
            handler(|user: Result<User, BoxError>| {
                user.map_or_else(|_| "nobody".to_owned(), |it| it.0)
            }),
        );
    let client = TestClient::new(router.build().unwrap());
    let name = header::HeaderName::from_static("x-user");
    let ada = HeaderValue::from_static("Ada");
    let response = client
        .get("/")
        .header(name.clone(), ada.clone())
        .send()
        .await;
    assert_eq!(response.text().await.unwrap(), "Ada");
    assert_eq!(client.get("/").send().await.status(), 401);
    let bytes = HeaderValue::from_bytes(b"\xff").unwrap();
    let response = client.get("/").header(name.clone(), bytes).send().await;
    assert_eq!(response.status(), 500);
    let response = client.get("/maybe").header(name, ada).send().await;
    assert_eq!(response.text().await.unwrap(), "Ada");
    let response = client.get("/maybe").send().await;
    assert_eq!(response.text().await.unwrap(), "nobody");
}

#[tokio::test]
async fn an_argument_that_fails_ends_the_making_of_those_after_it() {
    let made = Arc::new(AtomicU32::new(0));
    struct Counts;
    impl FromExchange for Counts {
        async fn from_exchange(cx: &mut Context) -> Result<Self, BoxError> {
            cx.state::<Arc<AtomicU32>>()?
                .fetch_add(1, Ordering::Relaxed);
            Ok(Self)
        }
    }
    let show = handler(|_: Counts, _: Path<u8>, _: Counts| -> () { panic!("it is not called") });
    let routes = Routes::new().state(Arc::clone(&made)).get("/{id}", show);
    let client = TestClient::new(routes.build().unwrap());
    assert_eq!(client.get("/256").send().await.status(), 400);
    assert_eq!(made.load(Ordering::Relaxed), 1);
}

#[tokio::test]
async fn cookies_are_read_as_they_were_sent_and_what_is_none_is_passed_over() {
    async fn show(cookies: Cookies) -> String {
        let all: Vec<_> = cookies.iter().collect();
        format!("{:?} {:?} {all:?}", cookies.get("a"), cookies.get("nope"))
    }
    let client = TestClient::new(Routes::new().get("/", handler(show)).build().unwrap());
    let get = async |headers: &[&[u8]]| {
        let mut request = client.request(Method::GET, "/");
        for header in headers {
            let header = HeaderValue::from_bytes(header).unwrap();
            request = request.header(header::COOKIE, header);
        }
        request.send().await.text().await.unwrap()
    };
    assert_eq!(get(&[]).await, "None None []");
    assert_eq!(get(&[b""]).await, "None None []");
    assert_eq!(
        get(&[b"a=1;b=\"x y\"; a=2", b"c==%41; d="]).await,
        r#"Some("1") None [("a", "1"), ("b", "\"x y\""), ("a", "2"), ("c", "=%41"), ("d", "")]"#
    );
    assert_eq!(
        get(&[b"x; \xff=1; y=\xfe;;; =; a=1"]).await,
        r#"Some("1") None [("", ""), ("a", "1")]"#
    );
}

#[tokio::test]
async fn the_values_of_cookies_are_not_shown_for_debugging() {
    let show = handler(|cookies: Cookies| format!("{cookies:?}"));
    let client = TestClient::new(Routes::new().get("/", show).build().unwrap());
    let secret = HeaderValue::from_static("session=1234; theme=dark");
    let response = client.get("/").header(header::COOKIE, secret).send().await;
    let text = response.text().await.unwrap();
    assert_eq!(text, r#"Cookies(["session", "theme"])"#);
}
