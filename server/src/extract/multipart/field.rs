//! A field of a form, read as it comes.

use std::fmt;

use bytes::{Bytes, BytesMut};
use http::HeaderMap;

use super::{Failure, Fault, Head, Located, Multipart, Rejection, State};
use crate::request_body;

/// A field of a [`Multipart`] form: a text, or a file. Its content is as it was sent: nothing is decoded.
///
/// When it is dropped before its end, the rest is passed over.
pub struct Field<'a> {
    head: Head,
    part: Option<usize>,
    form: &'a mut Multipart,
    limit: Option<u64>,
    read: u64,
    /// The limit that it was found to be larger than.
    exceeded: Option<u64>,
}

impl<'a> Field<'a> {
    pub(super) fn new(form: &'a mut Multipart, head: Head) -> Self {
        Self {
            head,
            part: form.splitter.part(),
            form,
            limit: None,
            read: 0,
            exceeded: None,
        }
    }

    /// The name. Several fields can have the same.
    pub fn name(&self) -> &str {
        &self.head.name
    }

    /// The name of the file on the client's side; `None` when the field is no file.
    ///
    /// It is what the client says it is, with `%22` where browsers have a quote. It may be a path, or `..`: it names no file
    /// of the server. A name in the parameter `filename*` is not for forms (RFC 7578, section 4.2).
    pub fn file_name(&self) -> Option<&str> {
        self.head.file_name.as_deref()
    }

    /// The content type that the client says it has; `None` means `text/plain` (RFC 7578, section 4.4).
    pub fn content_type(&self) -> Option<&str> {
        self.head.content_type()
    }

    /// The headers.
    pub fn headers(&self) -> &HeaderMap {
        &self.head.headers
    }

    /// Sets how many bytes of the field are read in all. Default is all for [`chunk`](Self::chunk), within the body's limit,
    /// and 2 MiB for [`bytes`](Self::bytes) and [`text`](Self::text), since memory is shared by all.
    pub fn set_limit(&mut self, bytes: u64) {
        self.limit = Some(bytes);
    }

    /// The next piece, as it came; `None` at the end.
    ///
    /// # Errors
    ///
    /// When the field or the form is larger than a limit (413), or the form breaks off (400). No piece comes after an error.
    /// After a field that is too large the next one can be read.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future loses no piece.
    pub async fn chunk(&mut self) -> Option<Result<Bytes, Rejection>> {
        let limit = self.limit.unwrap_or(u64::MAX);
        self.next(limit).await.transpose()
    }

    /// The rest of the field.
    ///
    /// # Errors
    ///
    /// As [`chunk`](Self::chunk).
    ///
    /// # Cancel safety
    ///
    /// Dropping the future loses what was read.
    pub async fn bytes(&mut self) -> Result<Bytes, Rejection> {
        let limit = self.limit.unwrap_or(request_body::LIMIT);
        let Some(first) = self.next(limit).await? else {
            return Ok(Bytes::new());
        };
        let mut whole = BytesMut::from(first);
        while let Some(piece) = self.next(limit).await? {
            whole.extend_from_slice(&piece);
        }
        Ok(whole.freeze())
    }

    /// The rest of the field, which must be UTF-8, whatever its content type says.
    ///
    /// # Errors
    ///
    /// As [`chunk`](Self::chunk), and when it is not UTF-8 (400).
    ///
    /// # Cancel safety
    ///
    /// As [`bytes`](Self::bytes).
    pub async fn text(&mut self) -> Result<String, Rejection> {
        let text = String::from_utf8(self.bytes().await?.into());
        text.map_err(|error| self.refused(Fault::NotText(error.utf8_error())))
    }

    async fn next(&mut self, limit: u64) -> Result<Option<Bytes>, Rejection> {
        if let State::Failed(failure) = &self.form.state {
            return Err(failure.clone().into());
        }
        if self.exceeded.is_none() {
            let piece = self.form.content().await;
            let piece = piece.map_err(|fault| self.form.fail(fault))?;
            self.read += piece.as_ref().map_or(0, |piece| piece.len() as u64);
            if self.read <= limit {
                return Ok(piece);
            }
        }
        let limit = *self.exceeded.get_or_insert(limit);
        Err(self.refused(Fault::LongField(limit)))
    }

    /// What is wrong with this field alone.
    fn refused(&self, fault: Fault) -> Rejection {
        let part = self.part;
        let failure = Failure {
            located: Located { part, fault },
            field: Some(self.head.name.clone()),
        };
        failure.into()
    }
}

impl fmt::Debug for Field<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Field")
            .field("name", &self.name())
            .field("file_name", &self.file_name())
            .field("headers", self.headers())
            .finish_non_exhaustive()
    }
}
