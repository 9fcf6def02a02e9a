use peristyle::BoxError;

#[path = "../../order.rs"]
#[expect(dead_code, reason = "its `main` is not run")]
mod example;

#[test]
fn what_a_stage_queues_is_walked_in_and_back_like_the_rest() -> Result<(), BoxError> {
    assert_eq!(
        example::order("/orders")?,
        [
            r#"enter log, then ["guard", "route", "stamp"]"#,
            r#"enter guard, then ["route", "stamp"]"#,
            r#"enter route, then ["trace", "stamp", "load", "show"]"#,
            r#"enter trace, then ["stamp", "load", "show"]"#,
            r#"enter stamp, then ["load", "show"]"#,
            r#"enter load, then ["show"]"#,
            "enter show, then []",
            "leave show, then []",
            "leave load, then []",
            "leave stamp, then []",
            "leave trace, then []",
            "leave log, then []",
            "10 steps",
        ]
    );
    Ok(())
}

#[test]
fn one_that_terminates_turns_the_walk_around_at_its_own_place() -> Result<(), BoxError> {
    assert_eq!(
        example::order("/secret")?,
        [
            r#"enter log, then ["guard", "route", "stamp"]"#,
            "enter guard, then []",
            "leave log, then []",
            "2 steps",
        ]
    );
    Ok(())
}
