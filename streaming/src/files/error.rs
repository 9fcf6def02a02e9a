//! Why a file is not served.

use std::{error, fmt, io};

use http::StatusCode;

/// Why there is no file to answer with. No path of the machine is in its text, nor in that of its source.
#[derive(Debug)]
pub struct FileError(Kind);

#[derive(Debug)]
enum Kind {
    NotFound(Option<io::Error>),
    Folder,
    Forbidden(io::Error),
    Exhausted(io::Error),
    Failed(io::Error),
}

impl FileError {
    /// For what cannot be a path below a root, or is none that may be seen.
    pub(super) fn not_found() -> Self {
        Self(Kind::NotFound(None))
    }

    pub(super) fn folder() -> Self {
        Self(Kind::Folder)
    }

    pub(super) fn new(source: io::Error) -> Self {
        Self(match code(&source) {
            Code::Missing => Kind::NotFound(Some(source)),
            Code::Forbidden => Kind::Forbidden(source),
            Code::Exhausted => Kind::Exhausted(source),
            Code::Other => Kind::Failed(source),
        })
    }

    /// Whether there is no such file, none that may be seen, or something else than a regular file.
    pub fn is_not_found(&self) -> bool {
        matches!(self.0, Kind::NotFound(_) | Kind::Folder)
    }

    /// Whether it is a folder whose path was asked for without the slash at its end.
    pub fn is_folder(&self) -> bool {
        matches!(self.0, Kind::Folder)
    }

    /// Whether the system lets this process not read the file.
    pub fn is_forbidden(&self) -> bool {
        matches!(self.0, Kind::Forbidden(_))
    }

    /// Whether too many files are open, or the memory is used up: later it may be served.
    pub fn is_exhausted(&self) -> bool {
        matches!(self.0, Kind::Exhausted(_))
    }

    /// 404, 403, 503, or 500 for any other failure of the system.
    pub fn status(&self) -> StatusCode {
        match self.0 {
            Kind::NotFound(_) | Kind::Folder => StatusCode::NOT_FOUND,
            Kind::Forbidden(_) => StatusCode::FORBIDDEN,
            Kind::Exhausted(_) => StatusCode::SERVICE_UNAVAILABLE,
            Kind::Failed(_) => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }
}

impl fmt::Display for FileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.0 {
            Kind::NotFound(_) => "there is no such file",
            Kind::Folder => "it is a folder",
            Kind::Forbidden(_) => "the file may not be read",
            Kind::Exhausted(_) => "too many files are open",
            Kind::Failed(_) => "the file cannot be read",
        })
    }
}

impl error::Error for FileError {
    fn source(&self) -> Option<&(dyn error::Error + 'static)> {
        match &self.0 {
            Kind::NotFound(source) => source.as_ref().map(|source| source as _),
            Kind::Folder => None,
            Kind::Forbidden(source) | Kind::Exhausted(source) | Kind::Failed(source) => {
                Some(source)
            }
        }
    }
}

enum Code {
    Missing,
    Forbidden,
    Exhausted,
    Other,
}

#[cfg(unix)]
fn code(error: &io::Error) -> Code {
    use rustix::io::Errno;

    match Errno::from_io_error(error) {
        // No link may lead there (`XDEV`, `LOOP`), no name is like that, or it is a socket (`NXIO`).
        Some(
            Errno::NOENT
            | Errno::NOTDIR
            | Errno::XDEV
            | Errno::LOOP
            | Errno::NAMETOOLONG
            | Errno::INVAL
            | Errno::ILSEQ
            | Errno::NXIO
            | Errno::NODEV
            | Errno::STALE,
        ) => Code::Missing,
        Some(Errno::ACCESS | Errno::PERM) => Code::Forbidden,
        Some(Errno::MFILE | Errno::NFILE | Errno::NOMEM) => Code::Exhausted,
        _ => general(error),
    }
}

#[cfg(not(unix))]
fn code(error: &io::Error) -> Code {
    /// `ERROR_TOO_MANY_OPEN_FILES`.
    const TOO_MANY: i32 = 4;
    /// `ERROR_INVALID_NAME`.
    const INVALID_NAME: i32 = 123;
    match error.raw_os_error() {
        Some(TOO_MANY) => Code::Exhausted,
        Some(INVALID_NAME) => Code::Missing,
        _ => general(error),
    }
}

fn general(error: &io::Error) -> Code {
    match error.kind() {
        io::ErrorKind::NotFound
        | io::ErrorKind::NotADirectory
        | io::ErrorKind::IsADirectory
        | io::ErrorKind::InvalidInput => Code::Missing,
        io::ErrorKind::PermissionDenied => Code::Forbidden,
        io::ErrorKind::OutOfMemory => Code::Exhausted,
        _ => Code::Other,
    }
}

#[cfg(all(test, unix))]
mod tests {
    use rustix::io::Errno;

    use super::*;

    #[test]
    fn each_failure_of_the_system_has_its_status_and_no_path() {
        for (code, status, text) in [
            (Errno::NOENT, 404, "there is no such file"),
            (Errno::NOTDIR, 404, "there is no such file"),
            (Errno::XDEV, 404, "there is no such file"),
            (Errno::LOOP, 404, "there is no such file"),
            (Errno::NAMETOOLONG, 404, "there is no such file"),
            (Errno::NXIO, 404, "there is no such file"),
            (Errno::ACCESS, 403, "the file may not be read"),
            (Errno::PERM, 403, "the file may not be read"),
            (Errno::MFILE, 503, "too many files are open"),
            (Errno::NFILE, 503, "too many files are open"),
            (Errno::NOMEM, 503, "too many files are open"),
            (Errno::IO, 500, "the file cannot be read"),
        ] {
            let error = FileError::new(code.into());
            assert_eq!(error.status(), status, "{code}");
            assert_eq!(error.to_string(), text);
            assert_eq!(error.is_not_found(), status == 404);
            assert_eq!(error.is_forbidden(), status == 403);
            assert_eq!(error.is_exhausted(), status == 503);
            let source = error::Error::source(&error).expect("it has one");
            assert_eq!(source.to_string(), io::Error::from(code).to_string());
        }
    }
}
