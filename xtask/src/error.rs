//! Why a task did not succeed, in words for the person who ran it.

use std::{
    error,
    ffi::{OsStr, OsString},
    fmt, io,
    path::{Path, PathBuf},
    process::{ExitCode, ExitStatus},
};

#[derive(Debug)]
pub(crate) struct Error(Box<Kind>);

#[derive(Debug)]
enum Kind {
    Usage(String),
    Cargo(io::Error),
    Valgrind(io::Error),
    Program { name: String, source: io::Error },
    Unexpected { program: String, wrote: String },
    File { path: PathBuf, source: io::Error },
    Metadata(Box<dyn error::Error>),
    Command { line: String, status: ExitStatus },
    Failed { steps: usize, failed: Vec<String> },
    Taken(&'static str),
}

impl Error {
    pub(crate) fn unknown(what: &str, name: &OsStr) -> Self {
        let name = name.to_string_lossy();
        Self(Box::new(Kind::Usage(format!(
            "there is no {what} `{name}`"
        ))))
    }

    pub(crate) fn cargo(source: io::Error) -> Self {
        Self(Box::new(Kind::Cargo(source)))
    }

    pub(crate) fn valgrind(source: io::Error) -> Self {
        Self(Box::new(Kind::Valgrind(source)))
    }

    /// A program that was built or found before does not start.
    pub(crate) fn program(name: &OsStr, source: io::Error) -> Self {
        let name = name.to_string_lossy().into_owned();
        Self(Box::new(Kind::Program { name, source }))
    }

    pub(crate) fn unexpected(program: &str, wrote: &str) -> Self {
        let (program, wrote) = (program.to_owned(), wrote.to_owned());
        Self(Box::new(Kind::Unexpected { program, wrote }))
    }

    pub(crate) fn file(path: &Path, source: io::Error) -> Self {
        let path = path.to_owned();
        Self(Box::new(Kind::File { path, source }))
    }

    pub(crate) fn metadata(source: impl Into<Box<dyn error::Error>>) -> Self {
        Self(Box::new(Kind::Metadata(source.into())))
    }

    pub(crate) fn command(line: String, status: ExitStatus) -> Self {
        Self(Box::new(Kind::Command { line, status }))
    }

    pub(crate) fn failed(steps: usize, failed: Vec<String>) -> Self {
        Self(Box::new(Kind::Failed { steps, failed }))
    }

    /// Somebody else listens on an address that is needed.
    pub(crate) fn taken(address: &'static str) -> Self {
        Self(Box::new(Kind::Taken(address)))
    }

    pub(crate) fn is_usage(&self) -> bool {
        matches!(*self.0, Kind::Usage(_))
    }

    pub(crate) fn exit_code(&self) -> ExitCode {
        if self.is_usage() {
            ExitCode::from(2)
        } else {
            ExitCode::FAILURE
        }
    }
}

/// For a task that has nothing to configure.
pub(crate) fn no_arguments(task: &str, arguments: &[OsString]) -> Result<(), Error> {
    let Some(first) = arguments.first() else {
        return Ok(());
    };
    let first = first.to_string_lossy();
    let message = format!("`{task}` takes no arguments, but got `{first}`");
    Err(Error(Box::new(Kind::Usage(message))))
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &*self.0 {
            Kind::Usage(message) => f.write_str(message),
            Kind::Cargo(_) => f.write_str("`cargo` did not start; get it from https://rustup.rs"),
            Kind::Valgrind(_) => {
                f.write_str("`valgrind` did not start; get it with `apt-get install valgrind`")
            }
            Kind::Program { name, .. } => write!(f, "`{name}` did not start"),
            Kind::Unexpected { program, wrote } => write!(f, "`{program}` wrote {wrote}"),
            Kind::File { path, .. } => write!(f, "`{}` cannot be used", path.display()),
            Kind::Metadata(_) => f.write_str("`cargo metadata` does not describe the workspace"),
            Kind::Command { line, status } => write!(f, "`{line}` failed ({status})"),
            Kind::Taken(address) => write!(f, "something listens on {address} already"),
            Kind::Failed { steps, failed } => {
                write!(f, "{} of {steps} steps failed:", failed.len())?;
                failed.iter().try_for_each(|step| write!(f, "\n  {step}"))
            }
        }
    }
}

impl error::Error for Error {
    fn source(&self) -> Option<&(dyn error::Error + 'static)> {
        match &*self.0 {
            Kind::Cargo(source)
            | Kind::Valgrind(source)
            | Kind::Program { source, .. }
            | Kind::File { source, .. } => Some(source),
            Kind::Metadata(source) => Some(&**source),
            Kind::Usage(_)
            | Kind::Unexpected { .. }
            | Kind::Command { .. }
            | Kind::Failed { .. }
            | Kind::Taken(_) => None,
        }
    }
}
