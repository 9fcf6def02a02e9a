//! A follower that is revoked while events are published, and while it is about to wait.

use loom::thread;
use peristyle_core::End;

use super::{builder, event, explore, is_waiting, offset};
use crate::feed::Follow;

#[test]
fn who_is_revoked_while_it_begins_to_wait_is_woken() {
    explore(|| {
        let feed = builder().build();
        let mut follower = feed.subscribe(Follow::live().principal(7_u8));
        let revoker = feed.clone();
        let revoker = thread::spawn(move || assert_eq!(revoker.revoke(|_: &u8| true), 1));
        assert_eq!(offset(&mut follower), None);
        assert_eq!(follower.end(), Some(End::Revoked));
        revoker.join().unwrap();
    });
}

#[test]
fn nothing_is_given_once_revoking_has_returned() {
    explore(|| {
        let feed = builder().build();
        feed.publish(event());
        feed.publish(event());
        let mut follower = feed.subscribe(Follow::earliest().principal(7_u8));
        let revoker = feed.clone();
        let revoker = thread::spawn(move || revoker.revoke(|_: &u8| true));
        let before = offset(&mut follower);
        assert!(matches!(before, Some(1) | None));
        assert_eq!(revoker.join().unwrap(), 1);
        assert_eq!(offset(&mut follower), None);
        assert_eq!(follower.end(), Some(End::Revoked));
    });
}

#[test]
fn who_leaves_while_it_is_revoked_leaves_its_place_to_another() {
    explore(|| {
        let feed = builder().build();
        let follower = feed.subscribe(Follow::live().principal(7_u8));
        let revoker = feed.clone();
        let revoker = thread::spawn(move || revoker.revoke(|it: &u8| *it == 7));
        drop(follower);
        let mut other = feed.subscribe(Follow::live().principal(8_u8));
        assert!(revoker.join().unwrap() <= 1);
        assert!(is_waiting(&mut other));
    });
}
