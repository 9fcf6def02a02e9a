//! Files, and anything else that can be read from any place: conditions, ranges, and a folder that no path leaves.
//!
//! - [`Directory`] serves the files of a folder.
//! - [`OpenFile`] is one file of the program's choice.
//! - [`Addressable`] is any source with a length that can be read from any place: [`Bytes`](bytes::Bytes) are one.
//! - [`Representation`] answers a request with one of these.
//!
//! Their responses are for any host. In Peristyle, where a route has the pattern `/files/{*path}`:
//!
//! ```text
//! async fn file(cx: &mut Context) -> Result<Response<FileBody>, BoxError> {
//!     let files = cx.state::<Directory>()?;
//!     let path = cx.param("path").unwrap_or_default();
//!     Ok(files.respond(path, cx.request()).await)
//! }
//! ```
//!
//! In axum, where `Path` and `Parts` are extractors:
//!
//! ```text
//! async |Path(path): Path<String>, parts: Parts| files.respond(&path, &parts).await
//! ```
//!
//! In hyper, after `request.into_parts()`: `files.respond_below("/files", &parts).await`.

mod accept;
mod addressable;
mod conditional;
mod directory;
mod error;
mod etag;
mod media_type;
mod multipart;
mod open_file;
mod path;
mod range;
mod ranges;
mod representation;
mod root;
mod search;
mod validators;
mod version;

use crate::StreamBody;

pub use self::{
    addressable::Addressable,
    directory::{Directory, Hidden, Links},
    error::FileError,
    etag::{ETag, InvalidETag},
    open_file::OpenFile,
    ranges::Ranges,
    representation::Representation,
    validators::Validators,
};

/// The body of a response with a file.
pub type FileBody = StreamBody<Ranges<OpenFile>>;
