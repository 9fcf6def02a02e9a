//! The floor: calls written by hand through boxed functions, in order and then in reverse.

use crate::{
    exchange::{Request, Response, answer, enter, leave, request},
    peer::Run,
};

struct Calls {
    enter: Vec<Box<dyn Fn(&mut Request)>>,
    leave: Vec<Box<dyn Fn(&mut Response)>>,
}

pub(crate) fn calls(depth: usize) -> Run {
    let calls = Calls {
        enter: (0..depth).map(|_| Box::new(enter) as _).collect(),
        leave: (0..depth).map(|_| Box::new(leave) as _).collect(),
    };
    Box::new(move || calls.call(request()))
}

impl Calls {
    fn call(&self, mut request: Request) -> Response {
        for enter in &self.enter {
            enter(&mut request);
        }
        let mut response = answer(&request);
        for leave in self.leave.iter().rev() {
            leave(&mut response);
        }
        response
    }
}
