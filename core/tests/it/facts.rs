//! Facts that the compiler checks: what can move between threads, and how large it is.

use std::{cell::Cell, error::Error as StdError};

use peristyle_core::{
    Binding, Caught, Chain, Closed, Context, Control, Controlled, Detachable, End, Ending, Error,
    ExecutionId, InvalidName, Invocation, Later, Link, Missing, Name, NotDetachable, NotEntering,
    Panicked, Rest, Stage, Stages, Step, WouldWait, before,
    channel::{Aborted, Builder, Overflow, Permit, Produced, Receiver, SendError, Sender},
    debug::DebugObserver,
};

const fn is_send<T: Send + ?Sized>() {}
const fn is_sync<T: Sync + ?Sized>() {}
const fn is_both<T: Send + Sync + ?Sized>() {}
const fn is_error<T: StdError + Send + Sync + 'static>() {}

/// Moves between threads, but cannot be shared.
type Moves = Cell<u8>;

#[test]
fn what_is_public_is_send_and_sync_where_it_can_be() {
    is_both::<Context<u8>>();
    is_both::<Chain<u8>>();
    is_both::<Link<u8>>();
    is_both::<Name>();
    is_both::<ExecutionId>();
    is_both::<Stage>();
    is_both::<Stages>();
    is_both::<Control>();
    is_both::<Controlled>();
    is_both::<End>();
    is_both::<Overflow>();
    is_both::<Builder<u8>>();
    is_both::<Sender<u8>>();
    is_both::<Receiver<u8>>();
    is_both::<Permit<'_, u8>>();
    is_both::<Caught<std::fmt::Error>>();
    is_send::<Produced<u8>>();
    is_send::<Step<'_, u8>>();
    is_send::<Later<'_, u8>>();
    is_both::<Chain<Moves>>();
    is_both::<Link<Moves>>();
    is_both::<Sender<Moves>>();
    is_both::<Receiver<Moves>>();
    is_send::<Context<Moves>>();
    is_send::<Step<'_, Moves>>();
    is_error::<Error>();
    is_error::<Panicked>();
    is_error::<Closed>();
    is_error::<WouldWait>();
    is_error::<InvalidName>();
    is_error::<NotEntering>();
    is_error::<Aborted>();
    is_error::<SendError<u8>>();
    is_sync::<dyn peristyle_core::Observer<Moves>>();
    is_both::<dyn peristyle_core::Interceptor<Moves>>();
    is_both::<Binding<Moves>>();
    #[cfg(feature = "rt")]
    is_both::<peristyle_core::Blocking<u8>>();
    is_both::<Invocation<'_>>();
    is_both::<Ending<'_>>();
    is_both::<DebugObserver>();
    is_send::<Rest<Moves>>();
    is_send::<Detachable<Moves, fn(Rest<Moves>)>>();
    is_error::<Missing>();
    is_error::<NotDetachable>();
}

const _: () = {
    assert!(size_of::<Error>() == size_of::<usize>());
    assert!(size_of::<Result<(), Error>>() == size_of::<usize>());
    assert!(size_of::<Chain<u8>>() == 2 * size_of::<usize>());
};

#[test]
fn a_run_moves_between_threads_when_what_it_carries_does() {
    fn assert_send<T: Send>(value: T) -> T {
        value
    }
    let link = before(|cx: &mut Context<Moves>| (**cx).set((**cx).get() + 1));
    let chain = Chain::from(link.clone());
    let mut cx = Context::new(Cell::new(0));
    crate::probe::drive(assert_send(chain.run(&mut cx))).unwrap();
    crate::probe::drive(assert_send(link.enter(&mut cx))).unwrap();
    drop(assert_send(link.leave(&mut cx)));
    drop(assert_send(link.error(&mut cx, Error::new("boom"))));
    assert_eq!((*cx).get(), 2);
}

#[test]
fn sending_and_receiving_move_between_threads_when_the_value_does() {
    fn assert_send<T: Send>(_: &T) {}
    let (sender, mut receiver) = peristyle_core::channel::<Moves>(1);
    assert_send(&sender.send(Cell::new(0)));
    assert_send(&sender.reserve());
    assert_send(&sender.closed());
    assert_send(&receiver.recv());
}
