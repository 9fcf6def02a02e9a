//! Topics and choices of them, promise H3.

use std::iter::repeat_n;

use peristyle_sse::feed::{Follow, Topic, Topics};

use super::{feed, follow, gives, in_topic, publish, topic};

#[test]
fn a_pattern_matches_whole_segments() {
    for (pattern, matching, others) in [
        ("a/b", &["a/b"][..], &["a", "a/b/c", "a/bc", "b"][..]),
        ("a/*", &["a/b", "a/bc"], &["a", "a/b/c", "b/b"]),
        ("*/b", &["a/b", "c/b"], &["b", "a/b/b", "a/bc", "a/c"]),
        (
            "a/*/c",
            &["a/b/c"],
            &["a/c", "a/b/cc", "a/b/b/c", "a/b/c/d"],
        ),
        ("*/b/*", &["a/b/c"], &["a/bc/d", "a/b", "b/b"]),
        ("*", &["a", "abc"], &["a/b"]),
        ("a/**", &["a", "a/b", "a/b/c"], &["ab", "ab/c", "b/a"]),
        ("a/*/**", &["a/b", "a/b/c"], &["a", "b/b"]),
        ("*/b/**", &["a/b", "a/b/c"], &["a/bc", "a", "b/a"]),
        ("**", &["a", "a/b/c"], &[]),
        ("é/*", &["é/ü"], &["e/ü"]),
    ] {
        let topics: Topics = pattern.parse().unwrap();
        for name in matching {
            assert!(topics.contains(&topic(name)), "{pattern} {name}");
        }
        for name in others {
            assert!(!topics.contains(&topic(name)), "{pattern} {name}");
        }
    }
}

#[test]
fn several_names_and_patterns_are_any_of_them() {
    let topics = Topics::new(["a", "b/*"]).unwrap();
    for (name, expected) in [("a", true), ("b/c", true), ("b", false), ("a/c", false)] {
        assert_eq!(topics.contains(&topic(name)), expected, "{name}");
    }
    let none = Topics::new([]).unwrap();
    assert!(!none.contains(&topic("a")));
    assert!(Topics::all().contains(&topic("a")));
    assert_eq!(Topics::new(["b", "a", "b"]), Topics::new(["a", "b"]));
    assert_eq!(Topics::from(topic("a")), "a".parse().unwrap());
}

#[test]
fn what_is_no_topic_is_refused_with_the_reason() {
    let long = "x".repeat(257);
    for (name, reason) in [
        ("", "empty segment in a topic"),
        ("/a", "empty segment in a topic"),
        ("a/", "empty segment in a topic"),
        ("a//b", "empty segment in a topic"),
        ("a\nb", "control character in a topic"),
        ("a\0", "control character in a topic"),
        ("a*", "misplaced `*` in a topic"),
        (&long, "topic longer than 256 bytes"),
    ] {
        assert_eq!(
            Topic::new(name).unwrap_err().to_string(),
            reason,
            "{name:?}"
        );
        assert_eq!(
            Topics::new([name]).unwrap_err().to_string(),
            reason,
            "{name:?}"
        );
    }
    assert!(Topic::new("a/*").is_err());
    for pattern in ["**/a", "a**", "a/**/b", "***", "a/b*"] {
        let error = Topics::new([pattern]).unwrap_err();
        assert_eq!(error.to_string(), "misplaced `*` in a topic", "{pattern}");
        assert!(!error.is_too_many());
    }
    assert_eq!(Topic::new(&long[1..]).unwrap().as_str(), &long[1..]);
}

#[test]
fn more_than_256_topics_are_refused_and_no_more_are_looked_at() {
    assert!(Topics::new(repeat_n("a/*", 256)).is_ok());
    let error = Topics::new(std::iter::repeat("a")).unwrap_err();
    assert_eq!(error.to_string(), "more than 256 topics");
    assert!(error.is_too_many());
}

#[test]
fn followers_get_what_they_asked_for_in_the_order_of_the_log() {
    let feed = feed();
    for name in ["a", "b", "a/x", "b", "c"] {
        feed.publish(in_topic(name));
    }
    publish(&feed, 1);
    for (names, expected) in [
        (&["a"][..], &["1"][..]),
        (&["b"], &["2", "4"]),
        (&["b", "a"], &["1", "2", "4"]),
        (&["a/**", "c"], &["1", "3", "5"]),
        (&["**"], &["1", "2", "3", "4", "5"]),
        (&[], &[]),
    ] {
        let topics = Topics::new(names.iter().copied()).unwrap();
        let mut follower = follow(&feed, Follow::earliest().topics(topics));
        gives(&mut follower, expected);
    }
    gives(
        &mut follow(&feed, Follow::earliest()),
        &["1", "2", "3", "4", "5", "6"],
    );
}

#[test]
fn one_cursor_resumes_whatever_the_mix_of_topics() {
    let feed = feed();
    for name in ["a", "b", "a", "c", "b", "a"] {
        feed.publish(in_topic(name));
    }
    let topics = Topics::new(["a", "b"]).unwrap();
    let asked = [1, 2, 3, 5, 6];
    for held in 0..=6 {
        let mut follower = follow(&feed, Follow::after(super::at(held)).topics(topics.clone()));
        let rest: Vec<String> = asked
            .iter()
            .filter(|it| **it > held)
            .map(u64::to_string)
            .collect();
        let rest: Vec<&str> = rest.iter().map(String::as_str).collect();
        gives(&mut follower, &rest);
    }
}
