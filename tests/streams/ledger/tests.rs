//! That the ledger finds what it is for: each test plants one wrong.

use super::{Account, Book, EVERYONE, Gap, Lag, Position, Reason, Record, Tally};

/// The feed keeps so many events.
const RETAINED: u64 = 5;
const ALL: u64 = u64::MAX;
/// Odd offsets.
const ODD: u64 = 1 << 1;

fn at(offset: u64) -> Position {
    Position { epoch: 1, offset }
}

fn of(epoch: u64, offset: u64) -> Position {
    Position { epoch, offset }
}

fn record(offset: u64) -> Record {
    Record {
        topic: u8::from(offset % 2 == 1),
        key: None,
        publisher: 0,
        number: u32::try_from(offset).unwrap(),
    }
}

fn keyed(offset: u64, key: u8) -> Record {
    Record {
        key: Some(key),
        ..record(offset)
    }
}

/// A life with so many events.
fn book(events: u64) -> Book {
    let mut book = Book::new(RETAINED);
    live(&mut book, 1, events);
    book
}

fn live(book: &mut Book, epoch: u64, events: u64) {
    for offset in 1..=events {
        book.enter(of(epoch, offset), record(offset));
    }
}

/// A client that was connected from the beginning.
fn client(asked: u64, lag: Lag) -> Account {
    let mut account = Account::new(asked, lag, asked != ALL);
    account.connected();
    account.start(at(0));
    account
}

fn events(account: &mut Account, offsets: impl IntoIterator<Item = u64>) {
    for offset in offsets {
        account.event(at(offset));
    }
}

fn gap(from: u64, to: u64, reason: Reason) -> Gap {
    Gap {
        from: Some(at(from)),
        to: at(to),
        reason,
    }
}

/// What is counted once the book is closed.
#[track_caller]
fn judged(mut account: Account, mut book: Book) -> Tally {
    let mut tally = Tally::default();
    account.settle(&book, &mut tally);
    for epoch in [1, 2] {
        book.close(epoch);
    }
    account.settle(&book, &mut tally);
    assert!(account.is_settled());
    tally.close(&book);
    tally
}

/// So much is wrong, and nothing else is.
#[track_caller]
fn assert_wrongs(tally: &Tally, expected: &[(&str, u64)]) {
    let wrongs = tally.wrongs();
    let wrongs: Vec<_> = wrongs.into_iter().filter(|(_, count)| *count > 0).collect();
    assert_eq!(wrongs, expected);
}

#[test]
fn who_got_everything_once_and_in_order_lost_nothing() {
    let mut all = client(ALL, Lag::Resume);
    events(&mut all, 1..=4);
    all.connected();
    events(&mut all, 5..=10);
    all.done();
    let tally = judged(all, book(10));
    assert_wrongs(&tally, &[]);
    assert_eq!((tally.deliveries, tally.covered), (10, 0));
    let mut odd = client(ODD, Lag::Resume);
    events(&mut odd, [1, 3, 5, 7, 9]);
    odd.done();
    assert_wrongs(&judged(odd, book(10)), &[]);
}

#[test]
fn an_event_that_was_passed_over_is_lost() {
    for (asked, given, lost) in [
        (ALL, vec![1, 2, 4, 5], 1),
        (ALL, vec![3, 4, 5], 2),
        (ODD, vec![1, 5], 1),
    ] {
        let mut account = client(asked, Lag::Resume);
        events(&mut account, given);
        assert_wrongs(&judged(account, book(5)), &[("lost", lost)]);
    }
}

#[test]
fn an_event_that_did_not_come_at_all_is_lost() {
    let mut account = client(ALL, Lag::Resume);
    events(&mut account, 1..=8);
    account.done();
    assert_wrongs(&judged(account, book(10)), &[("lost", 2)]);
    let mut account = client(ALL, Lag::Resume);
    events(&mut account, 1..=8);
    assert_wrongs(&judged(account, book(10)), &[]);
}

#[test]
fn an_event_that_was_lost_between_two_connections_is_lost() {
    let mut account = client(ALL, Lag::Resume);
    events(&mut account, 1..=4);
    account.connected();
    events(&mut account, 6..=8);
    assert_wrongs(&judged(account, book(8)), &[("lost", 1)]);
}

#[test]
fn an_event_that_came_twice_is_repeated() {
    let mut account = client(ALL, Lag::Resume);
    events(&mut account, [1, 2, 2, 3]);
    account.connected();
    events(&mut account, [3, 4]);
    assert_wrongs(&judged(account, book(4)), &[("repeated", 2)]);
}

#[test]
fn two_that_changed_places_are_reordered_and_not_lost() {
    let mut account = client(ALL, Lag::Resume);
    events(&mut account, [1, 3, 2, 4]);
    assert_wrongs(&judged(account, book(4)), &[("reordered", 1)]);
}

#[test]
fn another_life_of_which_nothing_was_said_is_a_silent_gap() {
    let mut account = client(ALL, Lag::Resume);
    events(&mut account, 1..=3);
    account.connected();
    account.event(of(2, 1));
    account.event(of(2, 2));
    let mut book = book(3);
    live(&mut book, 2, 2);
    assert_wrongs(&judged(account, book), &[("silent gaps", 1)]);
}

#[test]
fn a_start_in_the_middle_is_a_silent_gap() {
    let mut account = client(ALL, Lag::Resume);
    events(&mut account, 1..=3);
    account.connected();
    account.start(at(6));
    events(&mut account, 7..=8);
    assert_wrongs(&judged(account, book(8)), &[("silent gaps", 1)]);
    let mut unannounced = Account::new(ALL, Lag::Resume, false);
    unannounced.connected();
    unannounced.event(at(5));
    assert_wrongs(&judged(unannounced, book(5)), &[("silent gaps", 1)]);
}

#[test]
fn what_is_in_a_gap_that_was_told_is_not_lost() {
    let mut account = client(ALL, Lag::Resume);
    events(&mut account, 1..=3);
    account.connected();
    account.gap(gap(3, 7, Reason::Evicted));
    events(&mut account, 8..=12);
    account.done();
    let tally = judged(account, book(12));
    assert_wrongs(&tally, &[]);
    assert_eq!((tally.told(Reason::Evicted), tally.covered), (1, 4));
}

#[test]
fn what_comes_after_a_gap_was_told_of_it_is_repeated() {
    let mut account = client(ALL, Lag::Gap);
    events(&mut account, 1..=3);
    account.gap(gap(3, 7, Reason::Lagged));
    events(&mut account, 7..=12);
    assert_wrongs(&judged(account, book(12)), &[("repeated", 1)]);
}

#[test]
fn what_lies_between_the_client_and_its_gap_is_lost() {
    let mut account = client(ALL, Lag::Gap);
    events(&mut account, 1..=3);
    account.gap(gap(5, 7, Reason::Lagged));
    events(&mut account, 8..=12);
    let tally = judged(account, book(12));
    assert_wrongs(&tally, &[("lost", 2)]);
    assert_eq!(tally.covered, 2);
}

#[test]
fn a_gap_where_the_feed_still_has_the_events_is_false() {
    let mut account = client(ALL, Lag::Resume);
    events(&mut account, 1..=3);
    account.connected();
    account.gap(gap(3, 8, Reason::Evicted));
    events(&mut account, 9..=12);
    assert_wrongs(&judged(account, book(12)), &[("false gaps", 1)]);
}

#[test]
fn a_gap_of_which_nothing_was_asked_for_is_false() {
    let mut account = client(ODD, Lag::Resume);
    events(&mut account, [1, 3]);
    account.connected();
    account.gap(gap(3, 4, Reason::Evicted));
    events(&mut account, [5, 7, 9]);
    assert_wrongs(&judged(account, book(9)), &[("false gaps", 1)]);
}

#[test]
fn a_gap_that_says_another_position_than_the_client_had_is_false() {
    for (from, reason) in [
        (2, Reason::Evicted),
        (2, Reason::Lagged),
        (8, Reason::Lagged),
    ] {
        let mut account = client(ALL, Lag::Gap);
        events(&mut account, 1..=3);
        account.connected();
        account.gap(gap(from, 7, reason));
        events(&mut account, 8..=12);
        let tally = judged(account, book(12));
        assert_eq!(tally.false_gaps, 1, "{from}");
    }
}

#[test]
fn only_who_chose_so_is_told_of_a_gap_in_the_middle() {
    let mut account = client(ALL, Lag::Resume);
    events(&mut account, 1..=3);
    account.gap(gap(3, 7, Reason::Lagged));
    assert_wrongs(&judged(account, book(12)), &[("false gaps", 1)]);
    let mut account = client(ALL, Lag::Gap);
    events(&mut account, 1..=3);
    account.gap(gap(3, 7, Reason::Evicted));
    assert_wrongs(&judged(account, book(12)), &[("false gaps", 1)]);
}

#[test]
fn another_life_is_told_once_and_first() {
    let gap = Gap {
        from: Some(at(3)),
        to: of(2, 1),
        reason: Reason::Epoch,
    };
    let mut book = book(9);
    live(&mut book, 2, 8);
    let mut account = client(ALL, Lag::Resume);
    events(&mut account, 1..=3);
    account.connected();
    account.gap(gap);
    account.event(of(2, 2));
    let tally = judged(account, book);
    assert_wrongs(&tally, &[]);
    assert_eq!((tally.told(Reason::Epoch), tally.covered), (1, 7));
}

#[test]
fn another_life_that_is_told_again_is_a_false_gap() {
    let gap = Gap {
        from: Some(at(3)),
        to: of(2, 0),
        reason: Reason::Epoch,
    };
    let mut book = book(3);
    live(&mut book, 2, 2);
    let mut account = client(ALL, Lag::Resume);
    events(&mut account, 1..=3);
    account.connected();
    account.gap(gap);
    account.event(of(2, 1));
    account.connected();
    account.gap(gap);
    account.event(of(2, 2));
    let tally = judged(account, book);
    assert_eq!(tally.false_gaps, 1);
}

#[test]
fn who_says_what_is_no_position_is_told_so() {
    let unknown = |from| Gap {
        from,
        to: at(6),
        reason: Reason::Unknown,
    };
    for (strayed, from, wrongs) in [
        (true, None, &[][..]),
        (true, Some(at(3)), &[("false gaps", 1)]),
        (false, None, &[("false gaps", 1)]),
    ] {
        let mut account = client(ALL, Lag::Resume);
        events(&mut account, 1..=3);
        if strayed {
            account.strayed();
        } else {
            account.connected();
        }
        account.gap(unknown(from));
        events(&mut account, 7..=8);
        assert_wrongs(&judged(account, book(8)), wrongs);
    }
    let mut account = client(ALL, Lag::Resume);
    events(&mut account, 1..=3);
    account.strayed();
    events(&mut account, 4..=8);
    assert_wrongs(&judged(account, book(8)), &[("silent gaps", 1)]);
}

#[test]
fn only_what_was_replaced_may_be_passed_over_by_who_wants_the_latest() {
    for (given, lost) in [(vec![3, 4, 5], 0), (vec![1, 3, 5], 1), (vec![5], 2)] {
        let mut book = Book::new(RETAINED);
        for (offset, key) in [(1, 1), (2, 2), (3, 1), (4, 2), (5, 3)] {
            let (topic, record) = (0, keyed(offset, key));
            book.enter(at(offset), Record { topic, ..record });
        }
        let mut account = client(ALL, Lag::Latest);
        events(&mut account, given);
        let mut tally = Tally::default();
        account.settle(&book, &mut tally);
        assert_eq!(tally.lost, 0, "it may yet be replaced");
        book.close(1);
        account.settle(&book, &mut tally);
        assert_eq!(tally.lost, lost);
    }
}

#[test]
fn what_may_have_been_replaced_unheard_is_not_lost() {
    let mut book = Book::new(RETAINED);
    book.enter(at(1), keyed(1, 1));
    book.enter(at(2), record(2));
    book.unacknowledged(1, keyed(3, 1));
    let mut account = client(ALL, Lag::Latest);
    events(&mut account, [2]);
    assert_wrongs(&judged(account, book), &[]);
}

#[test]
fn what_was_not_asked_for_is_seen() {
    let mut account = client(ODD, Lag::Resume);
    events(&mut account, [1, 2, 3]);
    assert_wrongs(&judged(account, book(3)), &[("not asked for", 1)]);
}

#[test]
fn the_last_event_is_for_everyone() {
    let mut book = book(3);
    let last = Record {
        topic: EVERYONE,
        ..record(4)
    };
    book.enter(at(4), last);
    let mut account = client(ODD, Lag::Resume);
    events(&mut account, [1, 3]);
    account.done();
    assert_wrongs(&judged(account, book), &[("lost", 1)]);
}

#[test]
fn an_offset_that_is_told_otherwise_is_seen() {
    let mut book = book(3);
    book.enter(at(2), record(2));
    assert_wrongs(&judged(client(ALL, Lag::Gap), book), &[]);
    let mut book = self::book(3);
    book.enter(at(2), record(7));
    assert_wrongs(&judged(client(ALL, Lag::Gap), book), &[("contradicted", 1)]);
}

#[test]
fn an_event_in_two_places_is_seen_unless_the_first_had_left_the_log() {
    for (offset, wrong) in [(3 + RETAINED - 1, 1), (3 + RETAINED, 0)] {
        let mut book = book(offset - 1);
        book.enter(at(offset), record(3));
        let tally = judged(client(ALL, Lag::Gap), book);
        assert_eq!(tally.contradicted, wrong, "{offset}");
    }
}

#[test]
fn the_events_of_a_publisher_in_another_order_are_seen() {
    let mut book = Book::new(RETAINED);
    book.enter(at(1), record(2));
    book.enter(at(2), record(1));
    let tally = judged(client(ALL, Lag::Gap), book);
    assert_wrongs(&tally, &[("contradicted", 1)]);
}

#[test]
fn what_nobody_has_heard_of_was_published_without_an_answer() {
    let mut book = Book::new(RETAINED);
    book.enter(at(1), record(1));
    book.enter(at(3), record(3));
    book.unacknowledged(1, record(2));
    let tally = judged(client(ALL, Lag::Gap), book);
    assert_wrongs(&tally, &[]);
    assert_eq!(tally.unknown, 1);
    let mut book = Book::new(RETAINED);
    book.enter(at(2), record(2));
    let tally = judged(client(ALL, Lag::Gap), book);
    assert_wrongs(&tally, &[("contradicted", 1)]);
}

#[test]
fn nothing_is_judged_before_what_was_published_until_then_is_known() {
    let mut book = Book::new(RETAINED);
    book.enter(at(1), record(1));
    book.enter(at(3), record(3));
    let mut account = client(ODD, Lag::Resume);
    events(&mut account, [1, 3]);
    let mut tally = Tally::default();
    account.settle(&book, &mut tally);
    assert_eq!(tally.deliveries, 1);
    book.enter(at(2), record(2));
    account.settle(&book, &mut tally);
    assert_eq!(tally.deliveries, 2);
    assert!(account.is_settled());
}
