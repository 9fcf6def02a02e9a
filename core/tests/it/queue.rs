//! The queue and the terminators.

use peristyle_core::{Chain, Context, NotEntering, Outcome, Stages};

use crate::probe::{
    KINDS, Kind, Log, chain, drive, mixes, panic_quietly, probe, run, run_on, story,
};

fn names<'a>(names: impl Iterator<Item = &'a peristyle_core::Name>) -> String {
    names
        .map(peristyle_core::Name::as_str)
        .collect::<Vec<_>>()
        .join(" ")
}

/// Notes what is queued and what was entered.
fn look(cx: &mut Context<Log>) -> Outcome {
    let seen = format!("[{}] [{}]", names(cx.entered()), names(cx.queue()));
    cx.note(seen);
    Ok(())
}

fn links(names: &[&'static str], kind: Kind) -> Chain<Log> {
    chain(
        names
            .iter()
            .map(|name| probe(name, kind).only(Stages::ENTER)),
    )
}

#[test]
fn enqueue_appends_after_all_that_is_queued() {
    for [a, b, c] in mixes() {
        let (new, newer) = (links(&["d", "e"], c), links(&["f"], a));
        let a = probe("a", a).enter(move |cx| {
            cx.enqueue(&new)?;
            cx.enqueue(&newer)?;
            Ok(())
        });
        let (events, result) = run([a, probe("b", b)]);
        let expected = [
            "enter a", "enter b", "enter d", "enter e", "enter f", "leave b", "leave a",
        ];
        assert_eq!(events, expected);
        result.unwrap();
    }
}

#[test]
fn enqueue_next_puts_right_after_the_current_interceptor() {
    for [a, b, c] in mixes() {
        let (new, newer) = (links(&["d", "e"], c), links(&["f"], a));
        let a = probe("a", a).enter(move |cx| {
            cx.enqueue_next(&new)?;
            cx.enqueue_next(&newer)?;
            Ok(())
        });
        let (events, result) = run([a, probe("b", b)]);
        let expected = [
            "enter a", "enter f", "enter d", "enter e", "enter b", "leave b", "leave a",
        ];
        assert_eq!(events, expected);
        result.unwrap();
    }
}

#[test]
fn what_was_queued_on_the_way_is_left_like_all_the_rest() {
    for [a, b, c] in mixes() {
        let next = chain([probe("c", c), probe("d", a)]);
        let a = probe("a", a).enter(move |cx| Ok(cx.enqueue_next(&next)?));
        let (events, result) = run([a, probe("b", b)]);
        let way_in = ["enter a", "enter c", "enter d", "enter b"];
        let way_back = ["leave b", "leave d", "leave c", "leave a"];
        assert_eq!(events, [way_in, way_back].concat());
        result.unwrap();
    }
}

#[test]
fn one_that_was_queued_next_can_queue_next_itself() {
    for [a, b, c] in mixes() {
        let inner = links(&["c"], c);
        let b = move || {
            let inner = inner.clone();
            probe("b", b).enter(move |cx| Ok(cx.enqueue_next(&inner)?))
        };
        let next = chain([b()]).then(&links(&["d"], a));
        let a = probe("a", a).enter(move |cx| Ok(cx.enqueue_next(&next)?));
        let (events, _) = run([a, probe("z", Kind::AtOnce)]);
        let way_in = ["enter a", "enter b", "enter c", "enter d", "enter z"];
        assert_eq!(
            events,
            [&way_in[..], &["leave z", "leave b", "leave a"]].concat()
        );
    }
}

#[test]
fn terminate_drops_what_is_queued_and_turns_back_at_the_one_that_called_it() {
    for [a, b, c] in mixes() {
        let b = probe("b", b).enter(|cx| {
            cx.terminate();
            Ok(())
        });
        let (events, result) = run([probe("a", a), b, probe("c", c)]);
        assert_eq!(events, ["enter a", "enter b", "leave b", "leave a"]);
        result.unwrap();
    }
}

#[test]
fn terminate_drops_what_was_enqueued_before_it_too() {
    for [a, b] in mixes() {
        let (next, last) = (links(&["c"], a), links(&["d"], b));
        let a = probe("a", a).enter(move |cx| {
            cx.enqueue_next(&next)?;
            cx.enqueue(&last)?;
            cx.terminate();
            Ok(())
        });
        let (events, result) = run([a, probe("b", b)]);
        assert_eq!(events, ["enter a", "leave a"]);
        result.unwrap();
    }
}

#[test]
fn what_is_enqueued_after_terminate_runs_and_what_was_dropped_does_not() {
    for [a, b, c] in mixes() {
        let (last, next) = (links(&["d"], c), links(&["c"], c));
        let a = probe("a", a).enter(move |cx| {
            cx.terminate();
            cx.enqueue(&last)?;
            cx.enqueue_next(&next)?;
            Ok(())
        });
        let (events, result) = run([a, probe("b", b)]);
        assert_eq!(events, ["enter a", "enter c", "enter d", "leave a"]);
        result.unwrap();
    }
}

#[test]
fn a_terminator_ends_the_way_in_at_the_stage_after_which_it_says_yes() {
    for [a, b, c] in mixes() {
        let mut cx = Context::new(Log::default());
        cx.terminate_when(|cx| cx.events.len() == 2);
        let (events, result) = run_on(cx, &chain([probe("a", a), probe("b", b), probe("c", c)]));
        assert_eq!(events, ["enter a", "enter b", "leave b", "leave a"]);
        result.unwrap();
    }
}

#[test]
fn a_terminator_drops_what_the_stage_before_it_enqueued() {
    for [a, b] in mixes() {
        let new = links(&["c"], b);
        let a = probe("a", a).enter(move |cx| {
            cx.terminate_when(|_| true);
            Ok(cx.enqueue(&new)?)
        });
        let (events, result) = run([a, probe("b", b)]);
        assert_eq!(events, ["enter a", "leave a"]);
        result.unwrap();
    }
}

/// Runs `probes` under three terminators, and says when each was asked.
fn asked(answers: [bool; 3], probes: impl IntoIterator<Item = crate::probe::Probe>) -> Vec<String> {
    use std::sync::{Arc, Mutex};
    let asked = Arc::new(Mutex::new(Vec::new()));
    let mut cx = Context::new(Log::default());
    for (at, answer) in answers.into_iter().enumerate() {
        let asked = Arc::clone(&asked);
        cx.terminate_when(move |cx| {
            let last = cx.events.last().cloned().unwrap_or_default();
            asked.lock().unwrap().push(format!("{at} after {last}"));
            answer
        });
    }
    let _ = drive(chain(probes).run(&mut cx));
    drop(cx);
    Arc::into_inner(asked).unwrap().into_inner().unwrap()
}

#[test]
fn terminators_are_asked_newest_first_up_to_the_first_yes() {
    for [a, b] in mixes() {
        let seen = asked([true, true, false], [probe("a", a), probe("b", b)]);
        assert_eq!(seen, ["2 after enter a", "1 after enter a"]);
    }
}

#[test]
fn terminators_are_asked_after_each_enter_that_ran_and_never_on_the_way_back() {
    for [a, b] in mixes() {
        let seen = asked([false; 3], [probe("a", a), probe("b", b)]);
        let after_a = ["2 after enter a", "1 after enter a", "0 after enter a"];
        let after_b = ["2 after enter b", "1 after enter b", "0 after enter b"];
        assert_eq!(seen, [after_a, after_b].concat());
    }
}

#[test]
fn terminators_are_not_asked_before_the_first_interceptor_or_after_a_skipped_one() {
    for [a, b] in mixes() {
        let skipped = || probe("s", a).only(Stages::LEAVE | Stages::ERROR);
        let seen = asked(
            [false, false, true],
            [skipped(), probe("b", b), probe("c", a)],
        );
        assert_eq!(seen, ["2 after enter b"]);
        assert_eq!(asked([true; 3], [skipped(), skipped()]), [""; 0]);
        assert_eq!(asked([true; 3], []), [""; 0]);
    }
}

#[test]
fn terminators_are_not_asked_after_an_enter_that_failed() {
    for kind in KINDS {
        let fails = probe("a", kind).enter(|_| Err("boom".into()));
        assert_eq!(asked([true; 3], [fails]), [""; 0]);
    }
}

#[test]
fn a_terminator_that_a_stage_adds_is_asked_from_that_stage_on() {
    for [a, b, c] in mixes() {
        let b = probe("b", b).enter(|cx| {
            cx.terminate_when(|cx| cx.events.iter().any(|event| event == "enter a"));
            Ok(())
        });
        let (events, _) = run([probe("a", a), b, probe("c", c)]);
        assert_eq!(events, ["enter a", "enter b", "leave b", "leave a"]);
    }
}

#[test]
fn a_terminator_given_by_the_host_holds_for_each_run_and_one_added_by_a_stage_for_its_own() {
    let mut cx = Context::new(Log::default());
    cx.terminate_when(|cx| cx.events.len() == 5);
    let ends_at_once = probe("a", Kind::Pending).enter(|cx| {
        cx.terminate_when(|_| true);
        Ok(())
    });
    drive(chain([ends_at_once, probe("never", Kind::AtOnce)]).run(&mut cx)).unwrap();
    assert_eq!(cx.events, ["enter a", "leave a"]);
    drive(links(&["b", "c", "d", "e"], Kind::Pending).run(&mut cx)).unwrap();
    assert_eq!(cx.events[2..], ["enter b", "enter c", "enter d"]);
}

#[test]
fn a_terminator_that_panics_is_a_failure_of_the_enter_that_it_was_asked_after() {
    for [a, b, c] in mixes() {
        let mut cx = Context::new(Log::default());
        cx.terminate_when(|cx| cx.events.len() == 2 && panic_quietly("no idea"));
        let (events, result) = run_on(cx, &chain([probe("a", a), probe("b", b), probe("c", c)]));
        assert_eq!(events, ["enter a", "enter b", "error b", "error a"]);
        assert_eq!(story(&result.unwrap_err()), ["enter b: panicked: no idea"]);
    }
}

#[test]
fn what_was_entered_and_what_is_still_to_come_can_be_read_in_each_stage() {
    for [a, b, c] in mixes() {
        let (next, last) = (links(&["n"], a), links(&["z"], a));
        let b = probe("b", b).leave(look).enter(move |cx| {
            cx.enqueue(&last)?;
            cx.enqueue_next(&next)?;
            look(cx)
        });
        let a = probe("a", a).enter(look).leave(look);
        let c = probe("c", c).enter(look).leave(look);
        let (events, _) = run([a, b, c]);
        let expected = [
            "enter a",
            "[a] [b c]",
            "enter b",
            "[a b] [n c z]",
            "enter n",
            "enter c",
            "[a b n c] [z]",
            "enter z",
            "leave c",
            "[a b n] []",
            "leave b",
            "[a] []",
            "leave a",
            "[] []",
        ];
        assert_eq!(events, expected);
    }
}

#[test]
fn an_error_stage_sees_no_queue() {
    for [a, b] in mixes() {
        let a = probe("a", a)
            .enter(|_| Err("boom".into()))
            .error(|cx, _| look(cx));
        let (events, _) = run([a, probe("b", b)]);
        assert_eq!(events, ["enter a", "error a", "[] []"]);
    }
}

#[test]
fn changing_the_queue_on_the_way_back_is_a_returned_error_and_disturbs_nothing() {
    for [a, b] in mixes() {
        let new = links(&["never"], a);
        let refused = move |cx: &mut Context<Log>| {
            let refused = [
                cx.enqueue(&new).unwrap_err(),
                cx.enqueue_next(&new).unwrap_err(),
            ];
            cx.terminate();
            assert_eq!(cx.queue().count(), 0);
            assert_eq!(refused[0], refused[1]);
            cx.note(refused[0].to_string());
        };
        let (in_leave, in_error) = (refused.clone(), refused);
        let a = probe("a", a).leave(move |cx| {
            in_leave(cx);
            Ok(())
        });
        let b = probe("b", b)
            .enter(|_| Err("boom".into()))
            .error(move |cx, _| {
                in_error(cx);
                Ok(())
            });
        let (events, result) = run([a, b]);
        let said = "the queue can be changed only on the way in";
        assert_eq!(
            events,
            ["enter a", "enter b", "error b", said, "leave a", said]
        );
        result.unwrap();
    }
}

#[test]
fn a_refused_change_of_the_queue_can_be_raised_like_any_error() {
    for [a, b] in mixes() {
        let new = links(&["never"], a);
        let b = probe("b", b).leave(move |cx| Ok(cx.enqueue(&new)?));
        let (events, result) = run([probe("a", a), b]);
        assert_eq!(events, ["enter a", "enter b", "leave b", "error a"]);
        assert!(result.unwrap_err().is::<NotEntering>());
    }
}

#[test]
fn outside_a_run_the_queue_cannot_be_changed() {
    let mut cx = Context::new(Log::default());
    let new = links(&["a"], Kind::AtOnce);
    let _: NotEntering = cx.enqueue(&new).unwrap_err();
    cx.terminate();
    let (events, _) = run_on(cx, &new);
    assert_eq!(events, ["enter a"]);
}
