//! Comma-separated values.

use std::{
    fmt,
    io::{self, Write},
    sync::{Mutex, PoisonError},
};

use csv::{Terminator, Writer, WriterBuilder};
use futures_core::Stream;
use http::HeaderValue;
use peristyle_core::BoxError;
use serde::Serialize;

use super::{Format, Formatted};
use crate::Streaming;

/// What the writer gathers before it hands it on; each row is handed on at its end anyway.
const BUFFER: usize = 1024;

/// Each value as a row of comma-separated values (RFC 4180), the first row the names of the columns.
pub struct Csv {
    writer: Writer<Rows>,
    header: Vec<String>,
}

impl Csv {
    /// Its content type.
    pub const CONTENT_TYPE: &str = "text/csv; charset=utf-8";

    /// With the names of the fields as the first row, if the rows are structs or maps; see [`Streaming::csv`].
    pub fn new() -> Self {
        Self::headed(Vec::new())
    }

    /// With these names as the first row, whatever the rows are, and also when there are none.
    #[must_use]
    pub fn header<N: Into<String>>(self, names: impl IntoIterator<Item = N>) -> Self {
        Self::headed(names.into_iter().map(Into::into).collect())
    }

    fn headed(header: Vec<String>) -> Self {
        let writer = WriterBuilder::new()
            .terminator(Terminator::CRLF)
            .buffer_capacity(BUFFER)
            .has_headers(header.is_empty())
            .from_writer(Rows::default());
        Self { writer, header }
    }

    fn write_header(&mut self) -> Result<(), csv::Error> {
        if self.header.is_empty() {
            return Ok(());
        }
        self.writer.write_record(self.header.drain(..))
    }

    fn take(&mut self, out: &mut Vec<u8>) -> Result<(), BoxError> {
        self.writer.flush()?;
        self.writer.get_ref().take(out);
        Ok(())
    }
}

impl<V: Serialize> Format<V> for Csv {
    fn content_type(&self) -> HeaderValue {
        HeaderValue::from_static(Self::CONTENT_TYPE)
    }

    fn encode(&mut self, row: V, out: &mut Vec<u8>) -> Result<(), BoxError> {
        self.write_header()?;
        self.writer.serialize(row)?;
        self.take(out)
    }

    fn finish(&mut self, out: &mut Vec<u8>) -> Result<(), BoxError> {
        self.write_header()?;
        self.take(out)
    }
}

impl Default for Csv {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Csv {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Csv").finish_non_exhaustive()
    }
}

/// What the writer wrote. It lends out its own only shared; the mutex is never contended.
#[derive(Default)]
struct Rows(Mutex<Vec<u8>>);

impl Rows {
    fn take(&self, out: &mut Vec<u8>) {
        let mut rows = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        out.append(&mut rows);
    }
}

impl Write for Rows {
    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        let rows = self.0.get_mut().unwrap_or_else(PoisonError::into_inner);
        rows.extend_from_slice(data);
        Ok(data.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<S, V, E> Streaming<S>
where
    S: Stream<Item = Result<V, E>>,
    V: Serialize,
{
    /// Each value as a row of comma-separated values (RFC 4180), with the content type `text/csv; charset=utf-8`. Of the
    /// feature `csv`.
    ///
    /// The fields of a struct are the columns, and their names the first row; tuples and sequences have no such row. When
    /// there are no values there is no first row either: [`Csv::header`] gives one. Fields with commas, quotes or line
    /// breaks are quoted. A value that is no row, such as a struct in a struct, or that has another number of fields than
    /// the first, aborts the stream.
    ///
    /// Values are written as they are: a field that begins with `=`, `+`, `-` or `@` may be taken for a formula by a program
    /// that opens the file, and to guard against it is up to those who know the program.
    ///
    /// ```
    /// use peristyle_streaming::from_iter;
    ///
    /// #[derive(serde::Serialize)]
    /// struct Order {
    ///     id: u64,
    ///     customer: String,
    /// }
    ///
    /// let orders = (1..=3).map(|id| Order { id, customer: "Ada".to_owned() });
    /// let response = from_iter(orders).csv().into_response();
    /// assert_eq!(response.headers()["content-type"], "text/csv; charset=utf-8");
    /// ```
    pub fn csv(self) -> Streaming<Formatted<S, Csv>> {
        self.format(Csv::new())
    }
}
