//! A folder that no path leaves.

use std::{
    fs::{self, File},
    io,
    path::{Path, PathBuf},
};

#[cfg(target_os = "linux")]
use rustix::fd::OwnedFd;
#[cfg(unix)]
use rustix::fs::{Mode, OFlags};

use super::Links;

/// On Linux the kernel keeps every path below the folder, whatever is renamed or linked meanwhile. Elsewhere, and where the
/// kernel has no `openat2` or a sandbox forbids it, a path is resolved first and opened then: see [`Self::resolve_and_open`].
#[derive(Debug)]
pub(super) struct Root {
    #[cfg(target_os = "linux")]
    folder: Option<OwnedFd>,
    path: PathBuf,
}

impl Root {
    pub(super) fn new(path: &Path) -> io::Result<Self> {
        let path = fs::canonicalize(path)?;
        if !fs::metadata(&path)?.is_dir() {
            return Err(io::ErrorKind::NotADirectory.into());
        }
        Ok(Self {
            #[cfg(target_os = "linux")]
            folder: beneath::folder(&path)?,
            path,
        })
    }

    /// Opens what stands at a path of plain names. It does not wait for whoever would write to a pipe.
    #[cfg(target_os = "linux")]
    pub(super) fn open(&self, path: &str, links: Links) -> io::Result<File> {
        match &self.folder {
            Some(folder) => beneath::open(folder, path, links),
            None => self.resolve_and_open(path, links),
        }
    }

    #[cfg(not(target_os = "linux"))]
    pub(super) fn open(&self, path: &str, links: Links) -> io::Result<File> {
        self.resolve_and_open(path, links)
    }

    /// Whoever can rename in the root, between the two steps, can still have a path lead out of it.
    fn resolve_and_open(&self, path: &str, links: Links) -> io::Result<File> {
        let asked = self.path.join(path);
        let resolved = fs::canonicalize(&asked)?;
        let stays = match links {
            Links::WithinRoot => resolved.starts_with(&self.path),
            Links::Refused => resolved == asked.components().collect::<PathBuf>(),
        };
        if !stays {
            return Err(io::ErrorKind::NotFound.into());
        }
        open(&resolved)
    }
}

/// A terminal does not become that of the process, and a pipe is not waited for.
#[cfg(unix)]
const FLAGS: OFlags = OFlags::RDONLY
    .union(OFlags::CLOEXEC)
    .union(OFlags::NOCTTY)
    .union(OFlags::NONBLOCK);

#[cfg(unix)]
fn open(path: &Path) -> io::Result<File> {
    Ok(rustix::fs::open(path, FLAGS, Mode::empty())?.into())
}

#[cfg(not(unix))]
fn open(path: &Path) -> io::Result<File> {
    File::open(path)
}

#[cfg(target_os = "linux")]
mod beneath {
    use std::{fs::File, io, path::Path};

    use rustix::{
        fd::OwnedFd,
        fs::{CWD, Mode, OFlags, ResolveFlags, openat, openat2},
        io::Errno,
    };

    use super::FLAGS;
    use crate::files::Links;

    /// How often a path is tried again of which something was renamed while it was walked.
    const TRIES: usize = 16;

    /// `None` where the kernel cannot, or a sandbox forbids it.
    pub(super) fn folder(path: &Path) -> io::Result<Option<OwnedFd>> {
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let folder = openat(CWD, path, flags, Mode::empty())?;
        let tried = openat2(&folder, ".", flags, Mode::empty(), ResolveFlags::BENEATH);
        Ok(tried.is_ok().then_some(folder))
    }

    pub(super) fn open(folder: &OwnedFd, path: &str, links: Links) -> io::Result<File> {
        let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_MAGICLINKS | refused(links);
        for _ in 1..TRIES {
            match openat2(folder, path, FLAGS, Mode::empty(), resolve) {
                Err(Errno::AGAIN | Errno::INTR) => {}
                opened => return Ok(opened?.into()),
            }
        }
        Ok(openat2(folder, path, FLAGS, Mode::empty(), resolve)?.into())
    }

    fn refused(links: Links) -> ResolveFlags {
        match links {
            Links::WithinRoot => ResolveFlags::empty(),
            Links::Refused => ResolveFlags::NO_SYMLINKS,
        }
    }
}
