//! A run inside a stage.

use peristyle_core::{Chain, Context, Interceptor, Link, Stages, Step};

/// Runs a chain in enter.
pub(crate) fn runs<T: Send + 'static>(inner: impl Into<Chain<T>>) -> Link<T> {
    struct Runs<T>(Chain<T>);

    impl<T: Send + 'static> Interceptor<T> for Runs<T> {
        fn stages(&self) -> Stages {
            Stages::ENTER
        }

        fn enter<'a>(&'a self, cx: &'a mut Context<T>) -> Step<'a, T> {
            Step::later(async move { Ok(self.0.run(cx).await?) })
        }
    }

    Link::new(Runs(inner.into())).named("outer")
}
