//! A folder whose files are served.

use std::{io, path::Path, sync::Arc};

use http::{
    HeaderMap, HeaderValue, Response, StatusCode,
    header::{LOCATION, RETRY_AFTER, VARY},
    request,
};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use super::{
    FileBody, FileError, OpenFile, Representation,
    accept::{Coding, accepted},
    open_file::blocking,
    path::PathBelow,
    representation::{empty, is_read, not_allowed},
    root::Root,
    search::Search,
};

/// Serves the files of a folder and of those in it; never a list of them.
///
/// ```
/// use http::Request;
/// use peristyle_streaming::files::Directory;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let sources = Directory::new(concat!(env!("CARGO_MANIFEST_DIR"), "/src"))?;
/// let (request, ()) = Request::head("/code/files/mod.rs").body(())?.into_parts();
///
/// let response = sources.respond_below("/code", &request).await;
///
/// assert_eq!(response.status(), 200);
/// assert_eq!(response.headers()["accept-ranges"], "bytes");
/// # Ok(())
/// # }
/// ```
///
/// [`Representation`] says how a file answers conditions and ranges, [`OpenFile`] what its entity tag is made of.
///
/// | path | answer |
/// |---|---|
/// | a regular file | the file |
/// | a folder, with `/` at its end | its `index.html`, or 404 |
/// | a folder, without | 308 to the path with `/`, if it has an `index.html`, or 404 |
/// | a pipe, a socket, a device | 404, at once |
/// | a name that begins with a dot | 404, unless [served](Self::hidden) |
/// | a link that leads out of the folder, an absolute one included | 404 |
/// | `..`, `.`, an empty name, `\`, a control character, an encoded `/`; on Windows a drive, a device, a stream | 404 |
/// | a file that the process may not read | 403 |
/// | too many open files | 503 with `Retry-After` |
///
/// These answers have no content, and a [`FileError`] in the extensions of the response, for the log.
///
/// # What keeps a path below the folder
///
/// On Linux since 5.6 the kernel itself does (`openat2`), whatever is renamed or linked meanwhile. Elsewhere, and where a
/// sandbox forbids that call, a path is resolved first, checked, and opened then: who can change folders and links below the
/// root while files are served can win that race. Hard links and mounts below the folder are part of it.
///
/// The folder is opened once: one that is put in its place is not seen. It is the same folder if it is renamed.
#[derive(Debug, Clone)]
pub struct Directory {
    root: Arc<Root>,
    options: Options,
}

#[derive(Debug, Clone, Copy)]
struct Options {
    links: Links,
    hidden: Hidden,
    precompressed: Precompressed,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Precompressed {
    Ignored,
    Served,
}

/// What becomes of symbolic links below a [`Directory`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Links {
    /// One that stays in the folder is followed. The default.
    #[default]
    WithinRoot,
    /// None is followed.
    Refused,
}

/// What becomes of names that begin with a dot, in a [`Directory`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Hidden {
    /// They are as if they were not there. The default: such files are configuration, and often secret.
    #[default]
    Refused,
    /// They are as any other.
    Served,
}

impl Directory {
    /// Opens a folder, which blocks for a moment. A link to one is followed.
    ///
    /// # Errors
    ///
    /// When it is no folder, or cannot be opened.
    pub fn new(path: impl AsRef<Path>) -> io::Result<Self> {
        let options = Options {
            links: Links::default(),
            hidden: Hidden::default(),
            precompressed: Precompressed::Ignored,
        };
        Ok(Self {
            root: Arc::new(Root::new(path.as_ref())?),
            options,
        })
    }

    /// What becomes of symbolic links. Default is [`Links::WithinRoot`].
    #[must_use]
    pub fn links(mut self, links: Links) -> Self {
        self.options.links = links;
        self
    }

    /// What becomes of names that begin with a dot. Default is [`Hidden::Refused`]; `.well-known` (RFC 8615) is best served
    /// from a folder of its own.
    #[must_use]
    pub fn hidden(mut self, hidden: Hidden) -> Self {
        self.options.hidden = hidden;
        self
    }

    /// Serves `a.js.br`, `a.js.zst` or `a.js.gz` in the place of `a.js` to those who accept it, unless it is older than
    /// `a.js`. Default is not to.
    ///
    /// It has the content type of `a.js`, a `Content-Encoding`, and validators and ranges of its own (RFC 9110, section
    /// 8.1), but several ranges are answered with the whole: nothing could say that each part is encoded. An answer that could
    /// be another then has `Vary: accept-encoding`.
    #[must_use]
    pub fn precompressed(mut self) -> Self {
        self.options.precompressed = Precompressed::Served;
        self
    }

    /// Answers with the file at a path that is percent-decoded already, as routers give the value of a wildcard. With or
    /// without a slash before it.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future closes what it has opened and has no other effect.
    pub async fn respond(&self, path: &str, request: &request::Parts) -> Response<FileBody> {
        let path = path.strip_prefix('/').unwrap_or(path);
        self.answer(PathBelow::decoded(path, self.options.hidden), request)
            .await
    }

    /// Answers with the file at the path of the request's URI, below `prefix`, for hosts without a router. The path is
    /// percent-decoded once, each name by itself.
    ///
    /// # Cancel safety
    ///
    /// As [`respond`](Self::respond).
    pub async fn respond_below(
        &self,
        prefix: &str,
        request: &request::Parts,
    ) -> Response<FileBody> {
        let prefix = prefix.strip_suffix('/').unwrap_or(prefix);
        let path = request.uri.path().strip_prefix(prefix);
        let path = path.and_then(|path| path.strip_prefix('/'));
        let path = path.and_then(|path| PathBelow::encoded(path, self.options.hidden));
        self.answer(path, request).await
    }

    /// Finds the file for a path that is percent-decoded already, for who answers errors in another way. Of the request's
    /// headers only `Accept-Encoding` counts, if files are [`precompressed`](Self::precompressed).
    ///
    /// # Errors
    ///
    /// When there is no such file or it cannot be opened.
    ///
    /// # Cancel safety
    ///
    /// As [`respond`](Self::respond).
    pub async fn find(
        &self,
        path: &str,
        headers: &HeaderMap,
    ) -> Result<Representation<OpenFile>, FileError> {
        let path = path.strip_prefix('/').unwrap_or(path);
        let path = PathBelow::decoded(path, self.options.hidden);
        let path = path.ok_or_else(FileError::not_found)?;
        self.open(Arc::new(path), headers).await
    }

    async fn answer(
        &self,
        path: Option<PathBelow>,
        request: &request::Parts,
    ) -> Response<FileBody> {
        if !is_read(&request.method) {
            return not_allowed();
        }
        let Some(path) = path else {
            return self.refusal(FileError::not_found());
        };
        let path = Arc::new(path);
        match self.open(Arc::clone(&path), &request.headers).await {
            Ok(file) => file.respond(request),
            Err(error) if error.is_folder() => {
                let mut response = empty(StatusCode::PERMANENT_REDIRECT);
                let location = location(&path, request);
                response.headers_mut().insert(LOCATION, location);
                response
            }
            Err(error) => self.refusal(error),
        }
    }

    async fn open(
        &self,
        path: Arc<PathBelow>,
        headers: &HeaderMap,
    ) -> Result<Representation<OpenFile>, FileError> {
        let codings = match self.options.precompressed {
            Precompressed::Served => accepted(headers),
            Precompressed::Ignored => Vec::new(),
        };
        let search = Search {
            root: Arc::clone(&self.root),
            links: self.options.links,
            codings,
        };
        let found = blocking(move || Ok(search.run(&path))).await;
        let found = found.map_err(FileError::new)??;
        Ok(Representation::new(found.file)
            .typed(HeaderValue::from_static(found.media_type))
            .encoded(found.coding.map(Coding::to_header))
            .varying(self.vary()))
    }

    fn vary(&self) -> Option<HeaderValue> {
        let varies = self.options.precompressed == Precompressed::Served;
        varies.then(|| HeaderValue::from_static("accept-encoding"))
    }

    fn refusal(&self, error: FileError) -> Response<FileBody> {
        let mut response = empty(error.status());
        let headers = response.headers_mut();
        headers.extend(self.vary().map(|vary| (VARY, vary)));
        if error.is_exhausted() {
            headers.insert(RETRY_AFTER, HeaderValue::from_static("1"));
        }
        response.extensions_mut().insert(Arc::new(error));
        response
    }
}

/// What stays as it is in a segment of a path (RFC 3986, section 3.3): no colon, which would end a scheme.
const SEGMENT: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// The folder with a slash, relative to where it was asked for: whatever the prefix is under which a proxy shows it.
fn location(path: &PathBelow, request: &request::Parts) -> HeaderValue {
    let name = utf8_percent_encode(path.last_name(), SEGMENT);
    let query = request.uri.query();
    let query = query.map(|query| format!("?{query}")).unwrap_or_default();
    let location = HeaderValue::try_from(format!("{name}/{query}"));
    location.unwrap_or_else(|_| HeaderValue::from_static("./"))
}

#[cfg(all(test, unix))]
mod tests {
    use rustix::io::Errno;

    use super::*;

    #[test]
    fn who_finds_too_many_files_open_is_asked_to_come_back() {
        let directory = Directory::new(env!("CARGO_MANIFEST_DIR")).expect("it is a folder");
        for (code, status, retry_after) in [
            (Errno::MFILE, 503, Some(&HeaderValue::from_static("1"))),
            (Errno::ACCESS, 403, None),
            (Errno::IO, 500, None),
        ] {
            let response = directory.refusal(FileError::new(code.into()));
            assert_eq!(response.status(), status);
            assert_eq!(response.headers().get(RETRY_AFTER), retry_after);
        }
    }
}
