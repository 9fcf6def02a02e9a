//! Forms with files in the body, read as they come.

mod fault;
mod field;
mod head;
mod splitter;

use std::{fmt, task::Poll};

use bytes::Bytes;
use http::{HeaderValue, StatusCode, header::CONTENT_TYPE};
use peristyle_core::BoxError;

pub use self::field::Field;
use self::{
    fault::{Fault, Located},
    head::Head,
    splitter::Splitter,
};
use super::{FromExchange, Part, Rejection, content_type, parameters::parameter};
use crate::{Context, RequestBody};

/// The body, `multipart/form-data` (RFC 7578): the fields of a form, files among them, in the order in which they were sent.
///
/// The body is taken away and read as the fields are: nothing is held but the piece that came last. It is read within its
/// limit, 2 MiB by default, so a route that takes larger files needs a [`BodyLimit`](crate::interceptors::BodyLimit) of its
/// own. A form has at most 1,000 fields, or as [`set_max_fields`](Self::set_max_fields) says, and the head of each has at most
/// 8 KiB and 32 headers. More of any is a 413.
///
/// Another content type is a 415. One without a boundary or with one that is none (RFC 2046, section 5.1.1) is a 400, and so
/// is a form that breaks off or cannot be read, and a field without a name. What is wrong with a form is found as it is
/// read: by then the handler runs, and passes the [`Rejection`] on with `?`.
///
/// ```
/// use http::{HeaderValue, header::CONTENT_TYPE};
/// use peristyle_server::{Multipart, Rejection, Routes, TestClient, handler};
///
/// async fn upload(mut form: Multipart) -> Result<String, Rejection> {
///     let mut answer = String::new();
///     while let Some(field) = form.next_field().await {
///         let mut field = field?;
///         let mut size = 0;
///         while let Some(chunk) = field.chunk().await {
///             size += chunk?.len();
///         }
///         answer += &format!("{} of {size} bytes\n", field.file_name().unwrap_or("a text"));
///     }
///     Ok(answer)
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), peristyle_core::BoxError> {
/// let client = TestClient::new(Routes::new().post("/", handler(upload)).build()?);
/// let form = HeaderValue::from_static("multipart/form-data; boundary=xyz");
/// let body = "--xyz\r\ncontent-disposition: form-data; name=\"photo\"; filename=\"a.png\"\r\n\r\nPNG\r\n--xyz--\r\n";
/// let response = client.post("/", body).header(CONTENT_TYPE, form).send().await;
/// assert_eq!(response.text().await?, "a.png of 3 bytes\n");
/// # Ok(())
/// # }
/// ```
///
/// Fields are read in their order: the next one can be asked for when the one before is gone.
///
/// ```compile_fail,E0499
/// # async fn out_of_order(form: &mut peristyle_server::Multipart) -> Result<(), peristyle_server::Rejection> {
/// let (Some(first), Some(second)) = (form.next_field().await, form.next_field().await) else {
///     return Ok(());
/// };
/// let (second, first) = (second?.bytes().await?, first?.bytes().await?);
/// # Ok(())
/// # }
/// ```
pub struct Multipart {
    body: RequestBody,
    splitter: Splitter,
    max_fields: usize,
    /// The name of the field that is being read.
    field: Option<String>,
    state: State,
}

enum State {
    Reading,
    Ended,
    Failed(Failure),
}

/// Can be raised again each time.
#[derive(Clone)]
struct Failure {
    located: Located,
    field: Option<String>,
}

const FORM: HeaderValue = HeaderValue::from_static("multipart/form-data");

/// As many as a `Form` has pairs: far more than people fill in, and few enough to be kept.
const MAX_FIELDS: usize = 1000;

impl Multipart {
    fn new(body: RequestBody, boundary: &str) -> Self {
        Self {
            body,
            splitter: Splitter::new(boundary),
            max_fields: MAX_FIELDS,
            field: None,
            state: State::Reading,
        }
    }

    /// Sets how many fields the form may have in all. Default is 1,000; one more is a 413.
    pub fn set_max_fields(&mut self, fields: usize) {
        self.max_fields = fields;
    }

    /// The next field; `None` at the end of the body. What was left of the field before is passed over.
    ///
    /// # Errors
    ///
    /// When the form cannot be read (400) or is larger than a limit (413). No field comes after an error: a form that failed
    /// never looks complete.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future loses no field, but what was left of the field before may be gone.
    pub async fn next_field(&mut self) -> Option<Result<Field<'_>, Rejection>> {
        match &self.state {
            State::Reading => {}
            State::Ended => return None,
            State::Failed(failure) => return Some(Err(failure.clone().into())),
        }
        match self.advance().await {
            Ok(Some(head)) => {
                self.field = Some(head.name.clone());
                Some(Ok(Field::new(self, head)))
            }
            Ok(None) => {
                self.state = State::Ended;
                None
            }
            Err(fault) => Some(Err(self.fail(fault))),
        }
    }

    async fn advance(&mut self) -> Result<Option<Head>, Fault> {
        while self.content().await?.is_some() {}
        self.field = None;
        let Some(head) = self.head().await? else {
            return self.pass_epilogue().await.map(|()| None);
        };
        if self.splitter.part() > Some(self.max_fields) {
            return Err(Fault::ManyFields(self.max_fields));
        }
        Head::parse(&head).map(Some)
    }

    async fn content(&mut self) -> Result<Option<Bytes>, Fault> {
        loop {
            match self.splitter.content() {
                Poll::Ready(piece) => return Ok(piece),
                Poll::Pending => self.feed().await?,
            }
        }
    }

    async fn head(&mut self) -> Result<Option<Bytes>, Fault> {
        loop {
            match self.splitter.head() {
                Poll::Ready(head) => return head,
                Poll::Pending => self.feed().await?,
            }
        }
    }

    async fn feed(&mut self) -> Result<(), Fault> {
        let piece = self.body.chunk().await.ok_or(Fault::Unclosed)?;
        self.splitter.feed(piece.map_err(Fault::Body)?);
        Ok(())
    }

    /// Whatever follows the last boundary means nothing (RFC 2046, section 5.1.1), but is part of the body.
    async fn pass_epilogue(&mut self) -> Result<(), Fault> {
        while let Some(piece) = self.body.chunk().await {
            piece.map_err(Fault::Body)?;
        }
        Ok(())
    }

    fn fail(&mut self, fault: Fault) -> Rejection {
        let part = self.splitter.part();
        let failure = Failure {
            located: Located { part, fault },
            field: self.field.take(),
        };
        self.state = State::Failed(failure.clone());
        failure.into()
    }
}

impl From<Failure> for Rejection {
    fn from(failure: Failure) -> Self {
        let status = failure.located.fault.status();
        Self::new(status, Part::Body, failure.located).with_field(failure.field)
    }
}

impl FromExchange for Multipart {
    async fn from_exchange(cx: &mut Context) -> Result<Self, BoxError> {
        content_type::require(cx, FORM, |media_type| {
            media_type.eq_ignore_ascii_case("multipart/form-data")
        })?;
        let boundary = boundary(cx).map_err(|what| {
            let what = format!("its content type {what}");
            Rejection::new(StatusCode::BAD_REQUEST, Part::Body, what)
        })?;
        Ok(Self::new(cx.body().take(), &boundary))
    }
}

/// The parameter that RFC 2046, section 5.1.1 requires: 1 to 70 of some characters, of which the last is no space.
fn boundary(cx: &Context) -> Result<String, &'static str> {
    let value = cx.headers().get(CONTENT_TYPE);
    let value = value.and_then(|value| value.to_str().ok()).unwrap_or("");
    let boundary = parameter(value, "boundary").map_err(|_| "cannot be read")?;
    let boundary = boundary.ok_or("has no boundary")?;
    match boundary.len() {
        0 => Err("has no boundary"),
        71.. => Err("has a boundary of more than 70 characters"),
        _ if boundary.ends_with(' ') || !boundary.bytes().all(in_boundary) => {
            Err("has a boundary of characters that are not allowed in it")
        }
        _ => Ok(boundary),
    }
}

fn in_boundary(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"'()+_,-./:=? ".contains(&byte)
}

impl fmt::Debug for Multipart {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Multipart")
            .field("part", &self.splitter.part())
            .field("max_fields", &self.max_fields)
            .field("body", &self.body)
            .finish_non_exhaustive()
    }
}
