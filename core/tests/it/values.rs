//! Typed values that stages leave for later ones.

use peristyle_core::{Chain, Context, Missing, Outcome, Stages};

use crate::probe::{KINDS, Kind, Log, chain, drive, mixes, probe, story};

#[derive(Debug, Clone, PartialEq)]
struct User(&'static str);

#[test]
fn a_context_holds_one_value_of_each_type() {
    let mut cx = Context::new(());
    assert_eq!(cx.get::<User>(), None);
    assert_eq!(cx.insert(User("Ada")), None);
    assert_eq!(cx.insert("Ada"), None);
    assert_eq!(cx.insert(User("Grace")), Some(User("Ada")));
    *cx.get_mut::<&str>().unwrap() = "changed";
    assert_eq!(
        (cx.get(), cx.get()),
        (Some(&User("Grace")), Some(&"changed"))
    );
    assert_eq!(cx.remove(), Some(User("Grace")));
    assert_eq!(cx.remove::<User>(), None);
    assert_eq!(cx.get_mut::<User>(), None);
    assert_eq!(cx.value_types().collect::<Vec<_>>(), ["&str"]);
}

#[test]
fn what_a_stage_leaves_is_there_for_every_later_stage_whatever_is_conveyed() {
    for [a, b, c] in mixes() {
        let saw = |cx: &mut Context<Log>| {
            let saw = format!("{:?}", cx.get::<User>());
            cx.note(saw);
            Ok(())
        };
        let leaves = probe("a", a).enter(|cx| {
            cx.insert(User("Ada"));
            Ok(())
        });
        let changes = probe("b", b).enter(saw).leave(|cx| {
            let user = cx.get_mut::<User>().ok_or("none")?;
            *user = User("Grace");
            Ok(())
        });
        let takes = probe("z", c).leave(|cx| {
            let taken = format!(
                "took {:?}, left {:?}",
                cx.remove::<User>(),
                cx.get::<User>()
            );
            cx.note(taken);
            Ok(())
        });
        let probes = [takes, leaves.leave(saw), changes, probe("c", c).enter(saw)];
        let mut cx = Context::new(Log::default());
        drive(chain(probes).run(&mut cx)).unwrap();
        let expected = [
            "enter z",
            "enter a",
            "enter b",
            "Some(User(\"Ada\"))",
            "enter c",
            "Some(User(\"Ada\"))",
            "leave c",
            "leave b",
            "leave a",
            "Some(User(\"Grace\"))",
            "leave z",
            "took Some(User(\"Grace\")), left None",
        ];
        assert_eq!(cx.events, expected);
    }
}

#[test]
fn an_error_stage_sees_what_the_failed_stage_left() {
    for [a, b] in mixes() {
        let a = probe("a", a).error(|cx, _| {
            let saw = format!("{:?}", cx.get::<User>());
            cx.note(saw);
            Ok(())
        });
        let b = probe("b", b).only(Stages::ENTER).enter(|cx| {
            cx.insert(User("Ada"));
            Err("boom".into())
        });
        let mut cx = Context::new(Log::default());
        drive(chain([a, b]).run(&mut cx)).unwrap();
        assert_eq!(cx.events.last().unwrap(), "Some(User(\"Ada\"))");
    }
}

fn requires_user(cx: &mut Context<Log>) -> Outcome {
    let name = cx.require::<User>()?.0;
    cx.note(name);
    Ok(())
}

#[test]
fn a_missing_value_that_a_stage_requires_is_an_error_naming_the_type_and_the_interceptor() {
    let path = std::any::type_name::<User>();
    for [a, b] in mixes() {
        let requires = |stage: &str| {
            let required = probe("greet", b);
            match stage {
                "enter" => required.enter(requires_user),
                "leave" => required.leave(requires_user),
                _ => required.error(|cx, _| requires_user(cx)),
            }
        };
        for stage in ["enter", "leave", "error"] {
            let fails = probe("fails", a).only(Stages::ENTER).enter(move |_| {
                if stage == "error" {
                    Err("boom".into())
                } else {
                    Ok(())
                }
            });
            let probes = [probe("a", a), requires(stage), fails];
            let error = drive(chain(probes).run(&mut Context::new(Log::default()))).unwrap_err();
            let text = format!("`greet` requires a `{path}`, and no stage before it left one");
            assert_eq!(story(&error)[0], format!("{stage} greet: {text}"));
            let missing = error.downcast_ref::<Missing>().unwrap();
            assert_eq!(missing.type_name(), path);
            assert_eq!(missing.interceptor().unwrap().as_str(), "greet");
        }
    }
}

#[test]
fn a_value_that_is_there_is_what_require_returns() {
    for kind in KINDS {
        let requires = probe("greet", kind).enter(requires_user);
        let mut cx = Context::new(Log::default());
        cx.insert(User("Ada"));
        drive(chain([requires]).run(&mut cx)).unwrap();
        assert_eq!(cx.events, ["enter greet", "Ada", "leave greet"]);
    }
}

#[test]
fn outside_of_a_run_a_missing_value_names_the_type_alone() {
    let missing = Context::new(()).require::<u32>().unwrap_err();
    assert_eq!(missing.to_string(), "no stage has left a `u32`");
    assert_eq!((missing.type_name(), missing.interceptor()), ("u32", None));
}

#[test]
fn values_stay_between_runs_and_are_not_in_other_contexts() {
    let leaves = probe("a", Kind::Conveying).enter(|cx| {
        cx.insert(User("Ada"));
        Ok(())
    });
    let chain = chain([leaves]);
    let mut cx = Context::new(Log::default());
    drive(chain.run(&mut cx)).unwrap();
    assert_eq!(cx.get(), Some(&User("Ada")));
    drive(Chain::new([]).run(&mut cx)).unwrap();
    assert_eq!(cx.get(), Some(&User("Ada")));
    assert_eq!(Context::new(Log::default()).get::<User>(), None);
}
