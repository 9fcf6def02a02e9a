//! Plain tower: a layer and its service written by hand, which box nothing.

use std::{
    convert::Infallible,
    future::{Future, Ready, ready},
    pin::{Pin, pin},
    task::{Context, Poll, Waker},
};

use pin_project_lite::pin_project;
use tower::{Layer, Service, ServiceBuilder, util::BoxCloneSyncService};

use crate::{
    exchange::{Request, Response, answer, enter, leave, request},
    peer::Run,
};

/// A `ServiceBuilder` with this layer 1, 4, 16 or 64 times.
macro_rules! stacked {
    (1, $builder:expr, $layer:expr) => {
        $builder.layer($layer)
    };
    (4, $builder:expr, $layer:expr) => {
        stacked!(four times 1, $builder, $layer)
    };
    (16, $builder:expr, $layer:expr) => {
        stacked!(four times 4, $builder, $layer)
    };
    (64, $builder:expr, $layer:expr) => {
        stacked!(four times 16, $builder, $layer)
    };
    (four times $n:tt, $builder:expr, $layer:expr) => {
        stacked!($n, stacked!($n, stacked!($n, stacked!($n, $builder, $layer), $layer), $layer), $layer)
    };
}
pub(crate) use stacked;

/// Services that hold each other by value, up to 64: a type as deep as the stack. The optimizer sees through it and leaves
/// of each layer next to nothing, which no stack chosen at run time can have.
pub(crate) fn by_value(depth: usize) -> Option<Run> {
    let builder = ServiceBuilder::new();
    Some(match depth {
        0 => serving(Endpoint),
        1 => serving(stacked!(1, builder, Counting).service(Endpoint)),
        4 => serving(stacked!(4, builder, Counting).service(Endpoint)),
        16 => serving(stacked!(16, builder, Counting).service(Endpoint)),
        64 => serving(stacked!(64, builder, Counting).service(Endpoint)),
        _ => return None,
    })
}

/// The same services, each behind a `BoxCloneSyncService`: a depth chosen at run time, and a boxed future for each.
pub(crate) fn boxed(depth: usize) -> Run {
    let endpoint = BoxCloneSyncService::new(Endpoint);
    let wrap = |inner, _| BoxCloneSyncService::new(Counting.layer(inner));
    serving((0..depth).fold(endpoint, wrap))
}

/// Runs a service whose futures are ready when they are first polled.
pub(crate) fn serving<S>(mut service: S) -> Run
where
    S: Service<Request, Response = Response, Error = Infallible> + 'static,
{
    Box::new(move || {
        let mut task = Context::from_waker(Waker::noop());
        let Poll::Ready(Ok(())) = service.poll_ready(&mut task) else {
            unreachable!("no service here holds a request back");
        };
        match pin!(service.call(request())).poll(&mut task) {
            Poll::Ready(Ok(response)) => response,
            Poll::Pending => unreachable!("no service here waits"),
        }
    })
}

#[derive(Clone)]
struct Counting;

impl<S> Layer<S> for Counting {
    type Service = Counted<S>;

    fn layer(&self, inner: S) -> Counted<S> {
        Counted { inner }
    }
}

#[derive(Clone)]
struct Counted<S> {
    inner: S,
}

impl<S: Service<Request, Response = Response>> Service<Request> for Counted<S> {
    type Response = Response;
    type Error = S::Error;
    type Future = CountedFuture<S::Future>;

    fn poll_ready(&mut self, task: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(task)
    }

    fn call(&mut self, mut request: Request) -> Self::Future {
        enter(&mut request);
        CountedFuture {
            inner: self.inner.call(request),
        }
    }
}

pin_project! {
    struct CountedFuture<F> {
        #[pin]
        inner: F,
    }
}

impl<F: Future<Output = Result<Response, E>>, E> Future for CountedFuture<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, task: &mut Context<'_>) -> Poll<F::Output> {
        self.project().inner.poll(task).map_ok(|mut response| {
            leave(&mut response);
            response
        })
    }
}

#[derive(Clone)]
struct Endpoint;

impl Service<Request> for Endpoint {
    type Response = Response;
    type Error = Infallible;
    type Future = Ready<Result<Response, Infallible>>;

    fn poll_ready(&mut self, _task: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request) -> Self::Future {
        ready(Ok(answer(&request)))
    }
}
