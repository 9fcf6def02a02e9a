//! Names, and interceptors from functions and types.

use std::fmt;

use peristyle_core::{
    Answer, Caught, Chain, Context, Error, ExecutionId, Interceptor, InvalidName, Link, Name,
    Outcome, Stages, Step, after, always, around, before, catch, handler, on_error,
};

use crate::probe::{drive, pending_once, story};

type Cx = Context<Vec<&'static str>>;

fn ran(
    links: impl IntoIterator<Item = Link<Vec<&'static str>>>,
) -> (Vec<&'static str>, Result<(), Error>) {
    let mut cx = Context::new(Vec::new());
    let result = drive(Chain::new(links).run(&mut cx));
    (cx.into_inner(), result)
}

fn enter(cx: &mut Cx) {
    cx.push("enter");
}

async fn enter_later(cx: &mut Cx) {
    pending_once().await;
    cx.push("enter");
}

fn leave(cx: &mut Cx) -> Result<(), fmt::Error> {
    cx.push("leave");
    Ok(())
}

async fn leave_later(cx: &mut Cx) -> Result<(), fmt::Error> {
    pending_once().await;
    cx.push("leave");
    Ok(())
}

fn handle(cx: &mut Cx, _: Error) {
    cx.push("error");
}

async fn handle_later(cx: &mut Cx, _: Error) -> Result<(), Error> {
    pending_once().await;
    cx.push("error");
    Ok(())
}

fn fails() -> Link<Vec<&'static str>> {
    before(|_: &mut Cx| Err::<(), _>(fmt::Error)).named("fails")
}

#[test]
fn before_runs_on_the_way_in_only() {
    for link in [before(enter), before(enter_later)] {
        assert_eq!(format!("{:?}", link.stages()), "{Enter}");
        let (events, result) = ran([link, after(|cx: &mut Cx| cx.push("between"))]);
        assert_eq!(events, ["enter", "between"]);
        result.unwrap();
    }
}

#[test]
fn after_runs_on_the_way_back_unless_an_error_is_pending() {
    for link in [after(leave), after(leave_later)] {
        assert_eq!(format!("{:?}", link.stages()), "{Leave}");
        let (events, result) = ran([link.clone(), before(|cx: &mut Cx| cx.push("between"))]);
        assert_eq!(events, ["between", "leave"]);
        result.unwrap();
        assert_eq!(ran([link, fails()]).0, [""; 0]);
    }
}

#[test]
fn around_runs_one_function_on_the_way_in_and_the_other_back() {
    let links = [
        around(enter, leave),
        around(enter_later, leave),
        around(enter, leave_later),
        around(enter_later, leave_later),
    ];
    for link in links {
        assert_eq!(format!("{:?}", link.stages()), "{Enter, Leave}");
        assert!(link.name().as_str().contains("::enter"), "{link:?}");
        let (events, result) = ran([link, before(|cx: &mut Cx| cx.push("between"))]);
        assert_eq!(events, ["enter", "between", "leave"]);
        result.unwrap();
    }
}

#[test]
fn on_error_runs_while_an_error_is_pending_only() {
    for link in [on_error(handle), on_error(handle_later)] {
        assert_eq!(format!("{:?}", link.stages()), "{Error}");
        let (events, result) = ran([link.clone(), fails()]);
        assert_eq!(events, ["error"]);
        result.unwrap();
        assert_eq!(
            ran([link, before(|cx: &mut Cx| cx.push("well"))]).0,
            ["well"]
        );
    }
}

#[test]
fn catch_has_an_error_stage_only() {
    let link = catch(|cx: &mut Cx, _: Caught<fmt::Error>| cx.push("caught"));
    assert_eq!(format!("{:?}", link.stages()), "{Error}");
    let (events, result) = ran([link, fails()]);
    assert_eq!(events, ["caught"]);
    result.unwrap();
}

#[test]
fn always_runs_on_every_way_out_and_handles_nothing() {
    for link in [always(leave), always(leave_later)] {
        let (events, result) = ran([link.clone()]);
        assert_eq!(events, ["leave"]);
        result.unwrap();
        let (events, result) = ran([after(enter), link, fails()]);
        assert_eq!(events, ["leave"]);
        assert_eq!(
            story(&result.unwrap_err()),
            [format!("enter fails: {}", fmt::Error)]
        );
    }
}

#[test]
fn always_that_fails_itself_suppresses_the_pending_error() {
    async fn later(_: &mut Cx) -> Result<(), &'static str> {
        pending_once().await;
        Err("worse")
    }
    for link in [always(|_: &mut Cx| Err::<(), _>("worse")), always(later)] {
        let (_, result) = ran([link.clone().named("always"), fails()]);
        let expected = [
            "error always: worse".to_owned(),
            format!("enter fails: {}", fmt::Error),
        ];
        assert_eq!(story(&result.unwrap_err()), expected);
        assert_eq!(
            story(&ran([link.named("always")]).1.unwrap_err()),
            ["leave always: worse"]
        );
    }
}

#[derive(Default)]
struct Sum(Option<u32>);

impl Answer<u32> for Sum {
    fn answer(&mut self, answer: u32) -> Outcome {
        self.0 = Some(answer);
        Ok(())
    }
}

impl Answer<Result<u32, fmt::Error>> for Sum {
    fn answer(&mut self, answer: Result<u32, fmt::Error>) -> Outcome {
        self.0 = Some(answer?);
        Ok(())
    }
}

#[test]
fn a_handler_gives_what_it_returns_to_the_carried_value_on_the_way_in() {
    async fn later(_: &mut Context<Sum>) -> u32 {
        pending_once().await;
        7
    }
    for link in [handler(|_: &mut Context<Sum>| 7_u32), handler(later)] {
        assert_eq!(format!("{:?}", link.stages()), "{Enter}");
        let mut cx = Context::new(Sum::default());
        drive(Chain::from(link).run(&mut cx)).unwrap();
        assert_eq!(cx.0, Some(7));
    }
}

#[test]
fn an_answer_that_cannot_be_taken_is_an_error_of_the_handler() {
    async fn later(_: &mut Context<Sum>) -> Result<u32, fmt::Error> {
        pending_once().await;
        Err(fmt::Error)
    }
    for link in [
        handler(|_: &mut Context<Sum>| Err::<u32, _>(fmt::Error)),
        handler(later),
    ] {
        let chain = Chain::from(link.named("sum"));
        let error = drive(chain.run(&mut Context::new(Sum::default()))).unwrap_err();
        assert_eq!(story(&error), [format!("enter sum: {}", fmt::Error)]);
    }
}

#[test]
fn closures_of_both_kinds_are_stage_functions() {
    let (said, also) = ("captured", "moved");
    let links = [
        before(move |cx: &mut Cx| cx.push(said)),
        before(async |cx: &mut Cx| cx.push("async")),
        around(
            move |cx: &mut Cx| cx.push(also),
            async |cx: &mut Cx| cx.push("back"),
        ),
    ];
    assert_eq!(ran(links).0, ["captured", "async", "moved", "back"]);
}

#[test]
fn a_stage_function_may_return_any_error_that_has_a_box() {
    let raised = |link: Link<Vec<&'static str>>| story(&ran([link.named("a")]).1.unwrap_err());
    assert_eq!(
        raised(before(|_: &mut Cx| Err::<(), _>("text"))),
        ["enter a: text"]
    );
    assert_eq!(
        raised(before(|_: &mut Cx| Err::<(), _>("owned".to_owned()))),
        ["enter a: owned"]
    );
    assert_eq!(
        raised(before(|_: &mut Cx| Err::<(), _>(Error::new("new")))),
        ["enter a: new"]
    );
    let boxed: fn(&mut Cx) -> Outcome = |_| Err("boxed".into());
    assert_eq!(raised(before(boxed)), ["enter a: boxed"]);
}

struct LeavesOnly;

impl Interceptor<Vec<&'static str>> for LeavesOnly {
    fn stages(&self) -> Stages {
        Stages::LEAVE
    }

    fn leave<'a>(&'a self, cx: &'a mut Cx) -> Step<'a, Vec<&'static str>> {
        cx.push("leave");
        Step::next()
    }
}

#[test]
fn a_type_with_only_some_stages_is_an_interceptor() {
    let (events, result) = ran([Link::new(LeavesOnly)]);
    assert_eq!(events, ["leave"]);
    result.unwrap();
    assert_eq!(ran([Link::new(LeavesOnly), fails()]).0, [""; 0]);
}

/// Names stages that it does not write.
struct NamesAll;

impl Interceptor<Vec<&'static str>> for NamesAll {
    fn stages(&self) -> Stages {
        Stages::ENTER | Stages::LEAVE | Stages::ERROR
    }
}

#[test]
fn a_type_that_names_a_stage_and_does_not_write_it_passes_it_by() {
    ran([Link::new(NamesAll)]).1.unwrap();
    let passed = ran([Link::new(NamesAll), fails()]).1.unwrap_err();
    assert_eq!(story(&passed), [format!("enter fails: {}", fmt::Error)]);
}

#[test]
fn the_name_of_an_interceptor_is_the_path_of_its_function_or_type() {
    let path = |name: &str| format!("{}::{name}", module_path!());
    assert_eq!(before(enter).name().as_str(), path("enter"));
    assert_eq!(before(enter_later).name().as_str(), path("enter_later"));
    assert_eq!(after(leave).name().as_str(), path("leave"));
    assert_eq!(always(leave).name().as_str(), path("leave"));
    assert_eq!(on_error(handle).name().as_str(), path("handle"));
    assert_eq!(Link::new(LeavesOnly).name().as_str(), path("LeavesOnly"));
    let closure = before(|cx: &mut Cx| cx.push("x"));
    assert!(
        closure.name().as_str().ends_with("{{closure}}"),
        "{closure:?}"
    );
}

#[test]
fn a_name_that_was_given_takes_the_place_of_the_path() {
    let link = before(enter).named("first");
    assert_eq!(link.name().as_str(), "first");
    assert_eq!(link.named("second").name().to_string(), "second");
    let from_configuration = String::from("third");
    assert_eq!(
        before(enter)
            .try_named(from_configuration)
            .unwrap()
            .name()
            .as_str(),
        "third"
    );
}

#[test]
fn a_name_is_1_to_256_bytes_without_control_characters() {
    let good = [
        "a".to_owned(),
        " ".to_owned(),
        "x".repeat(256),
        "Wächter: ü".to_owned(),
    ];
    for good in good {
        assert_eq!(Name::new(good.clone()).unwrap().as_str(), good);
    }
    let bad = [
        String::new(),
        "x".repeat(257),
        "ä".repeat(129),
        "a\nb".to_owned(),
        "\u{7f}".to_owned(),
        "\u{85}".to_owned(),
        "\0".to_owned(),
    ];
    for bad in bad {
        let refused: InvalidName = Name::new(bad.clone()).unwrap_err();
        assert_eq!(
            refused.to_string(),
            "a name is 1 to 256 bytes without control characters"
        );
        assert_eq!(before(enter).try_named(bad).unwrap_err(), refused);
    }
}

#[should_panic = "a name is 1 to 256 bytes without control characters: \"two\\nlines\""]
#[test]
fn naming_a_link_wrongly_panics_with_the_name() {
    let _ = before(enter).named("two\nlines");
}

#[test]
fn the_path_of_a_type_that_is_too_long_loses_its_parameters() {
    struct Long<T>(std::marker::PhantomData<fn() -> T>);
    type Wide = (
        Caught<fmt::Error>,
        Caught<fmt::Error>,
        Caught<fmt::Error>,
        Caught<fmt::Error>,
    );
    let name = Name::of::<Long<(Wide, Wide, Wide)>>();
    let path = "the_path_of_a_type_that_is_too_long_loses_its_parameters::Long";
    assert!(name.as_str().ends_with(path), "{name}");
}

#[test]
fn the_name_given_to_a_link_is_the_one_in_errors_and_queues() {
    let chain = Chain::new([fails().named("mine")]);
    let error = chain.run_now(&mut Context::new(Vec::new())).unwrap_err();
    assert_eq!(error.interceptor(), Some("mine"));
    assert_eq!(
        chain.names().map(Name::as_str).collect::<Vec<_>>(),
        ["mine"]
    );
}

#[test]
fn an_execution_that_was_given_no_identity_has_one_that_no_other_has() {
    let ids = || {
        (0..1000)
            .map(|_| Context::new(()).id().to_string())
            .collect::<Vec<_>>()
    };
    let mut all = std::thread::scope(|scope| {
        let threads = [0, 1, 2, 3].map(|_| scope.spawn(ids));
        threads.map(|thread| thread.join().unwrap()).concat()
    });
    all.sort();
    all.dedup();
    assert_eq!(all.len(), 4000);
}

#[test]
fn an_execution_keeps_the_identity_that_the_host_gave() {
    let cx = Context::with_id((), ExecutionId::given("req-7"));
    assert_eq!(cx.id(), &ExecutionId::given("req-7"));
    assert_eq!(cx.id().to_string(), "req-7");
}
