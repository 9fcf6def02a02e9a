//! What the debug observer writes of each stage.

use std::{
    fmt,
    future::{Future, pending},
    sync::{Arc, Mutex},
    task::{self, Waker},
    time::Duration,
};

use peristyle_core::{
    Chain, Context, Error, ExecutionId, Interceptor, Link, Name, Outcome, Stages, Step, after,
    around, before, binding,
    debug::{Changes, DebugObserver, Fields, Snapshot, debug_observer},
    on_error,
};
use tokio::time::{sleep, timeout};

use crate::{
    probe::{KINDS, Kind, drive, panic_quietly, pending_once},
    runs::runs,
};

/// Carries fields.
#[derive(Debug, Default)]
struct Carried(Vec<(&'static str, String)>);

impl Carried {
    fn set(&mut self, name: &'static str, value: &str) {
        match self.0.iter_mut().find(|(other, _)| *other == name) {
            Some((_, old)) => value.clone_into(old),
            None => self.0.push((name, value.to_owned())),
        }
    }

    fn unset(&mut self, name: &str) {
        self.0.retain(|(other, _)| *other != name);
    }
}

impl Snapshot for Carried {
    fn snapshot(&self, fields: &mut Fields<'_>) {
        for (name, value) in &self.0 {
            fields.display(name, value);
        }
    }
}

type Lines = Arc<Mutex<Vec<String>>>;

/// An observer that keeps the lines that it writes.
fn keeping() -> (DebugObserver, Lines) {
    let lines = Lines::default();
    let kept = Arc::clone(&lines);
    let keep = move |changes: &Changes<'_>| kept.lock().unwrap().push(changes.to_string());
    (debug_observer(keep), lines)
}

fn taken(lines: &Lines) -> Vec<String> {
    std::mem::take(&mut *lines.lock().unwrap())
}

fn context(id: &str, observer: &Arc<DebugObserver>) -> Context<Carried> {
    let mut cx = Context::with_id(Carried::default(), ExecutionId::given(id));
    cx.observe(Arc::clone(observer) as _);
    cx
}

/// The lines of one execution, `x`, where no time goes by unless a stage takes it.
async fn lines_of(interceptors: impl IntoIterator<Item = Link<Carried>>) -> Vec<String> {
    let (observer, lines) = keeping();
    let mut cx = context("x", &Arc::new(observer));
    let _ = Chain::new(interceptors).run(&mut cx).await;
    taken(&lines)
}

/// Does something in enter, in the given way.
struct Does<F>(Kind, F);

impl<F: Fn(&mut Context<Carried>) -> Outcome + Send + Sync + 'static> Interceptor<Carried>
    for Does<F>
{
    fn stages(&self) -> Stages {
        Stages::ENTER
    }

    fn enter<'a>(&'a self, cx: &'a mut Context<Carried>) -> Step<'a, Carried> {
        match self.0 {
            Kind::AtOnce => Step::Now((self.1)(cx)),
            Kind::Ready => Step::later(async move { (self.1)(cx) }),
            Kind::Pending => Step::later(async move {
                pending_once().await;
                (self.1)(cx)
            }),
            Kind::Conveying => {
                let done = (self.1)(cx).map(|()| std::mem::take(&mut **cx));
                Step::convey(async move {
                    pending_once().await;
                    done
                })
            }
        }
    }
}

fn idle(name: &'static str) -> Link<Carried> {
    before(|_: &mut Context<Carried>| ()).named(name)
}

fn fails(text: &'static str) -> Link<Carried> {
    before(move |_: &mut Context<Carried>| Err::<(), _>(text)).named("fails")
}

fn waits_for_ever() -> Link<Carried> {
    async fn wait(_: &mut Context<Carried>) {
        pending::<()>().await;
    }
    before(wait).named("waits")
}

binding! {
    static TENANT: u32;
}

binding! {
    static LOCALE: u32;
}

#[tokio::test(start_paused = true)]
async fn all_that_a_stage_changed_is_one_line() {
    for kind in KINDS {
        let prepare = |cx: &mut Context<Carried>| {
            cx.bind(&LOCALE, 1);
            cx.insert(1_u8);
            cx.insert('c');
            cx.set("same", "1");
            cx.set("status", "200");
            cx.set("draft", "3");
        };
        let change = |cx: &mut Context<Carried>| {
            cx.terminate();
            cx.enqueue([idle("last"), idle("again")])?;
            cx.enqueue_next(idle("next"))?;
            cx.unbind(&LOCALE);
            cx.bind(&TENANT, 2);
            cx.remove::<u8>();
            cx.insert('d');
            cx.insert("text");
            cx.insert(1_u16);
            cx.unset("draft");
            cx.set("status", "404");
            cx.set("user", "Ada");
            Ok(())
        };
        let does = Link::new(Does(kind, change)).named("change");
        let written = lines_of([before(prepare).named("prepare"), does, idle("dropped")]).await;
        let ending = if kind == Kind::AtOnce {
            "done"
        } else {
            "waited"
        };
        let expected = [
            "x enter prepare done after 0ns: bindings +LOCALE; values +char +u8; \
                same +1; status +200; draft +3"
                .to_owned(),
            format!(
                "x enter change {ending} after 0ns: queue +next +last +again -dropped; \
                    bindings +TENANT -LOCALE; values +&str +u16 -u8; \
                    status 200 -> 404; user +Ada; draft -3"
            ),
            "x enter next done after 0ns".to_owned(),
            "x enter last done after 0ns".to_owned(),
            "x enter again done after 0ns".to_owned(),
        ];
        assert_eq!(written, expected);
    }
}

#[tokio::test(start_paused = true)]
async fn a_line_says_how_the_stage_ended_after_how_long_and_what_became_of_the_error() {
    async fn sleeps(_: &mut Context<Carried>) {
        sleep(Duration::from_millis(2)).await;
    }
    #[derive(Debug)]
    struct Caused(fmt::Error);
    impl fmt::Display for Caused {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("no table")
        }
    }
    impl std::error::Error for Caused {
        fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
            Some(&self.0)
        }
    }
    let written = lines_of([
        after(sleeps).named("sleeps"),
        on_error(|cx: &mut Context<Carried>, _: Error| cx.set("status", "500")).named("handles"),
        on_error(|_: &mut Context<Carried>, _: Error| Err::<(), _>("bang")).named("worsens"),
        on_error(|_: &mut Context<Carried>, error: Error| Err::<(), _>(error)).named("declines"),
        before(|_: &mut Context<Carried>| Err::<(), _>(Caused(fmt::Error))).named("raises"),
    ])
    .await;
    let expected = [
        "x enter raises failed after 0ns: \
            error +no table: an error occurred when formatting an argument",
        "x error declines declined after 0ns",
        "x error worsens failed after 0ns: \
            error +bang -no table: an error occurred when formatting an argument",
        "x error handles done after 0ns: error -bang; status +500",
        "x leave sleeps waited after 2ms",
    ];
    assert_eq!(written, expected);
}

#[tokio::test(start_paused = true)]
async fn a_line_says_that_a_stage_was_interrupted_or_cancelled() {
    let (observer, lines) = keeping();
    let observer = Arc::new(observer.only_changes());
    let mut cx = context("x", &observer);
    cx.interrupt_with(async {
        sleep(Duration::from_millis(5)).await;
        "late"
    });
    let chain = Chain::from(waits_for_ever());
    chain.run(&mut cx).await.unwrap_err();
    assert_eq!(
        taken(&lines),
        ["x enter waits interrupted after 5ms: error +late"]
    );

    let run = timeout(Duration::from_millis(9), chain.run(&mut cx)).await;
    assert!(run.is_err(), "it waits for ever");
    assert_eq!(taken(&lines), ["x enter waits cancelled after 9ms"]);
}

/// Fails the test when it is rendered.
struct Secret;

impl fmt::Display for Secret {
    fn fmt(&self, _: &mut fmt::Formatter<'_>) -> fmt::Result {
        unreachable!("a secret is rendered")
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, _: &mut fmt::Formatter<'_>) -> fmt::Result {
        unreachable!("a secret is rendered")
    }
}

#[test]
fn a_field_that_is_left_out_is_never_rendered() {
    struct Login(u32);

    impl Snapshot for Login {
        fn snapshot(&self, fields: &mut Fields<'_>) {
            fields
                .display("tries", &self.0)
                .debug("Authorization", &Secret)
                .display("authorization", &Secret);
            if self.0 > 0 {
                fields.display("cookie", &Secret).debug("done", &true);
            }
        }
    }

    let lines = Lines::default();
    let kept = Arc::clone(&lines);
    let observer = debug_observer(move |changes: &Changes<'_>| {
        assert!(changes.fields.iter().all(|change| change.name != "cookie"));
        let fields = changes.fields.iter().map(ToString::to_string);
        kept.lock().unwrap().extend(fields);
    });
    let observer = observer
        .leaving_out(["authorization"])
        .leaving_out(vec![String::from("COOKIE")]);
    let mut cx = Context::new(Login(0));
    cx.observe(Arc::new(observer));
    let log_in = before(|cx: &mut Context<Login>| cx.0 += 1);
    Chain::from(log_in).run_now(&mut cx).unwrap();
    assert_eq!(taken(&lines), ["tries 0 -> 1", "done +true"]);
}

#[tokio::test(start_paused = true)]
async fn only_the_stages_that_changed_something_are_written_where_only_changes_are_asked_for() {
    let (observer, lines) = keeping();
    let observer = Arc::new(observer.only_changes());
    let mut cx = context("x", &observer);
    let chain = Chain::new([
        idle("idle"),
        around(
            |cx: &mut Context<Carried>| cx.set("a", "1"),
            |cx: &mut Context<Carried>| cx.set("a", "1"),
        )
        .named("sets"),
        on_error(|_: &mut Context<Carried>, _: Error| ()).named("handles"),
        on_error(|_: &mut Context<Carried>, error: Error| Err::<(), _>(error)).named("declines"),
        fails("boom"),
    ]);
    chain.run(&mut cx).await.unwrap();
    let expected = [
        "x enter sets done after 0ns: a +1",
        "x enter fails failed after 0ns: error +boom",
        "x error handles done after 0ns: error -boom",
    ];
    assert_eq!(taken(&lines), expected);
}

#[tokio::test(start_paused = true)]
async fn fields_and_interceptors_of_the_same_name_are_compared_one_by_one() {
    let set = |cx: &mut Context<Carried>| {
        cx.0 = ["1", "2", "3"]
            .map(|value| ("set-cookie", value.to_owned()))
            .into();
        cx.enqueue(idle("same"))
    };
    let change = |cx: &mut Context<Carried>| {
        cx.0 = ["1", "4"]
            .map(|value| ("set-cookie", value.to_owned()))
            .into();
        cx.enqueue([idle("same"), idle("same")])
    };
    let written = lines_of([before(set).named("set"), before(change).named("change")]).await;
    let expected = [
        "x enter set done after 0ns: queue +same; set-cookie +1; set-cookie +2; set-cookie +3",
        "x enter change done after 0ns: queue +same +same; set-cookie 2 -> 4; set-cookie -3",
    ];
    assert_eq!(written[..2], expected);
}

#[tokio::test(start_paused = true)]
async fn nothing_breaks_the_line() {
    let (observer, lines) = keeping();
    let mut cx = context("x\ny", &Arc::new(observer));
    let set = before(|cx: &mut Context<Carried>| {
        cx.set("a\r", "1\n\u{1b}[31m");
        Err::<(), _>("two\nlines")
    });
    Chain::from(set.named("set"))
        .run(&mut cx)
        .await
        .unwrap_err();
    let expected = "x\\ny enter set failed after 0ns: error +two\\nlines; a\\r +1\\n\\u{1b}[31m";
    assert_eq!(taken(&lines), [expected]);
}

#[test]
fn executions_at_once_are_kept_apart_though_their_identities_are_the_same() {
    async fn set(cx: &mut Context<Carried>) {
        pending_once().await;
        cx.set("a", "new");
    }
    let (observer, lines) = keeping();
    let observer = Arc::new(observer);
    let chain = Chain::from(before(set).named("set"));
    let mut contexts = ["same", "same", "other"].map(|id| context(id, &observer));
    for (cx, old) in contexts.iter_mut().zip(["1", "2", "3"]) {
        cx.set("a", old);
    }
    let mut runs = contexts.each_mut().map(|cx| Box::pin(chain.run(cx)));
    for ready in [false, true] {
        for run in &mut runs {
            let polled = run
                .as_mut()
                .poll(&mut task::Context::from_waker(Waker::noop()));
            assert_eq!(polled.is_ready(), ready);
        }
        let running = format!("{:?}", observer.as_ref())
            .matches("ExecutionId")
            .count();
        assert_eq!(running, if ready { 0 } else { 3 });
    }
    let changed = |line: String| line.split_once(": ").unwrap().1.to_owned();
    let written: Vec<_> = taken(&lines).into_iter().map(changed).collect();
    assert_eq!(written, ["a 1 -> new", "a 2 -> new", "a 3 -> new"]);
}

#[tokio::test(start_paused = true)]
async fn stages_of_a_run_inside_a_stage_are_written_before_it_and_what_they_changed_with_it() {
    let set = |value: &'static str| before(move |cx: &mut Context<Carried>| cx.set("a", value));
    let inner = Chain::new([set("1").named("first"), set("2").named("second")]);
    let written = lines_of([runs(runs(inner)), set("3").named("third")]).await;
    let expected = [
        "x enter first done after 0ns: a +1",
        "x enter second done after 0ns: a 1 -> 2",
        "x enter outer waited after 0ns: a +2",
        "x enter outer waited after 0ns: a +2",
        "x enter third done after 0ns: a 2 -> 3",
    ];
    assert_eq!(written, expected);
}

/// The executions of which the observer keeps something.
fn running(observer: &DebugObserver) -> String {
    let shown = format!("{observer:?}");
    shown.split_once("running: ").unwrap().1.to_owned()
}

#[test]
fn nothing_of_an_execution_stays_behind_however_it_ends() {
    let (observer, _lines) = keeping();
    let observer = Arc::new(observer);
    let poll = &mut task::Context::from_waker(Waker::noop());

    let mut cx = context("x", &observer);
    for _ in 0..2 {
        let chain = Chain::from(runs(runs(waits_for_ever())));
        let mut run = Box::pin(chain.run(&mut cx));
        assert!(run.as_mut().poll(poll).is_pending());
        assert_eq!(running(&observer), "[ExecutionId(x)], .. }");
        drop(run);
        assert_eq!(running(&observer), "[], .. }", "cancelled");
    }

    let panics = before(|_: &mut Context<Carried>| panic_quietly::<()>("bang"));
    drive(Chain::from(runs(panics)).run(&mut cx)).unwrap_err();
    assert_eq!(running(&observer), "[], .. }", "panicked");

    Chain::from(waits_for_ever()).run_now(&mut cx).unwrap_err();
    assert_eq!(running(&observer), "[], .. }", "would wait");
}

#[test]
fn what_a_context_that_a_stage_replaced_left_behind_goes_with_the_next_one_there() {
    let (observer, lines) = keeping();
    let observer = Arc::new(observer.only_changes());
    let mut cx = context("1", &observer);
    let replace = before(|cx: &mut Context<Carried>| *cx = Context::new(Carried::default()));
    Chain::from(replace).run_now(&mut cx).unwrap_err();
    assert_eq!(running(&observer), "[ExecutionId(1)], .. }");

    cx = context("2", &observer);
    let set = before(|cx: &mut Context<Carried>| cx.set("a", "1"));
    Chain::from(set).run_now(&mut cx).unwrap();
    assert_eq!(running(&observer), "[], .. }");
    assert!(taken(&lines)[0].ends_with(": a +1"));
}

#[test]
fn the_stage_that_adds_the_observer_is_not_written() {
    let (observer, lines) = keeping();
    let observer = Arc::new(observer);
    let adds = Arc::clone(&observer);
    let add = before(move |cx: &mut Context<Carried>| cx.observe(Arc::clone(&adds) as _));
    let mut cx = Context::new(Carried::default());
    Chain::new([add.named("add"), idle("idle")])
        .run_now(&mut cx)
        .unwrap();
    let lines = taken(&lines);
    assert_eq!(lines.len(), 1);
    assert!(lines[0].contains(" enter idle done after "));
}

#[test]
fn a_snapshot_or_a_sink_that_panics_loses_its_line_alone() {
    struct Touchy(u32);

    impl Snapshot for Touchy {
        fn snapshot(&self, fields: &mut Fields<'_>) {
            if self.0 == 1 {
                panic_quietly::<()>("cannot be seen");
            }
            fields.display("touched", &self.0);
        }
    }

    let lines = Lines::default();
    let kept = Arc::clone(&lines);
    let observer = Arc::new(debug_observer(move |changes: &Changes<'_>| {
        let name = changes.invocation.interceptor;
        let fields: Vec<_> = changes.fields.iter().map(ToString::to_string).collect();
        kept.lock()
            .unwrap()
            .push(format!("{name}: {}", fields.join(", ")));
        if name.as_str() == "loud" {
            panic_quietly::<()>("cannot be written");
        }
    }));
    let add = |name| before(|cx: &mut Context<Touchy>| cx.0 += 1).named(name);
    let inner = Chain::new([add("to one"), add("to two"), add("loud"), add("to four")]);
    let mut cx = Context::new(Touchy(0));
    cx.observe(Arc::clone(&observer) as _);
    drive(Chain::from(runs(inner)).run(&mut cx)).unwrap();
    assert_eq!(cx.0, 4);
    let expected = [
        "loud: touched 2 -> 3",
        "to four: touched 3 -> 4",
        "outer: touched 0 -> 4",
    ];
    assert_eq!(taken(&lines), expected);
    assert_eq!(running(&observer), "[], .. }");
}

#[test]
fn a_sink_reads_each_change_by_itself() {
    let seen = Lines::default();
    let kept = Arc::clone(&seen);
    let observer = debug_observer(move |changes: &Changes<'_>| {
        let added: Vec<_> = changes.queue.added.iter().map(Name::as_str).collect();
        let [change] = &changes.fields[..] else {
            return;
        };
        let (before, after) = (change.before.as_deref(), change.after.as_deref());
        kept.lock()
            .unwrap()
            .push(format!("{added:?} {} {before:?} {after:?}", change.name));
        assert!(changes.bindings.is_empty() && changes.values.is_empty());
        assert!(changes.error.is_empty() && !changes.is_empty());
    });
    let mut cx = context("x", &Arc::new(observer));
    let set = before(|cx: &mut Context<Carried>| {
        cx.set("a", "1");
        cx.enqueue(idle("next"))
    });
    Chain::from(set).run_now(&mut cx).unwrap();
    assert_eq!(taken(&seen), [r#"["next"] a None Some("1")"#]);
}

#[test]
fn a_carried_value_that_reports_nothing_is_watched_for_the_rest() {
    struct Opaque;
    impl Snapshot for Opaque {}
    let bind = before(|cx: &mut Context<Opaque>| cx.bind(&TENANT, 1));
    let (observer, lines) = keeping();
    let mut cx = Context::new(Opaque);
    cx.observe(Arc::new(observer));
    Chain::from(bind).run_now(&mut cx).unwrap();
    assert!(taken(&lines)[0].ends_with(": bindings +TENANT"));

    let (observer, lines) = keeping();
    let mut cx = Context::new(());
    cx.observe(Arc::new(observer.only_changes()));
    Chain::from(before(|_: &mut Context<()>| ()))
        .run_now(&mut cx)
        .unwrap();
    assert!(taken(&lines).is_empty());
}
