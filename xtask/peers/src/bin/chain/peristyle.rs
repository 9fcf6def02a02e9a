//! `peristyle-core`: a chain of `around` with the endpoint last, and one terminator, as a server sets it.

use peristyle_core::{Chain, Context, Link, around, before};

use crate::{
    exchange::{self, Request, Response, request},
    peer::Run,
};

struct Exchange {
    request: Request,
    response: Option<Response>,
}

/// Stages that answer at once.
pub(crate) fn at_once(depth: usize) -> Run {
    run(depth, || around(enter, leave))
}

/// Stages that are `async fn`s: a future each, ready when it is first polled.
pub(crate) fn waiting(depth: usize) -> Run {
    run(depth, || around(enter_later, leave_later))
}

fn run(depth: usize, link: impl Fn() -> Link<Exchange>) -> Run {
    let links = (0..depth).map(|_| link());
    let chain = Chain::new(links.chain([before(answer)]));
    Box::new(move || {
        let mut cx = Context::new(Exchange {
            request: request(),
            response: None,
        });
        cx.terminate_when(|cx| cx.response.is_some());
        chain.run_now(&mut cx).expect("no stage fails");
        cx.into_inner().response.expect("the endpoint answers")
    })
}

fn enter(cx: &mut Context<Exchange>) {
    exchange::enter(&mut cx.request);
}

fn leave(cx: &mut Context<Exchange>) {
    exchange::leave(cx.response.as_mut().expect("the endpoint answers"));
}

async fn enter_later(cx: &mut Context<Exchange>) {
    enter(cx);
}

async fn leave_later(cx: &mut Context<Exchange>) {
    leave(cx);
}

fn answer(cx: &mut Context<Exchange>) {
    cx.response = Some(exchange::answer(&cx.request));
}
