//! A folder that no path leaves.

use std::{
    fs::{self, File},
    io,
    path::{Component, Path, PathBuf},
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
        open(&resolve(&self.path, path, links)?)
    }
}

/// As many as Linux follows.
const MOST_LINKS: usize = 40;

/// Where a path leads by the links that there are now. As with `openat2` none may be absolute, nor leave the root on the way.
fn resolve(root: &Path, path: &str, links: Links) -> io::Result<PathBuf> {
    let mut resolved = root.to_owned();
    let mut rest: Vec<_> = path.rsplit('/').map(PathBuf::from).collect();
    let mut followed = 0;
    while let Some(next) = rest.pop() {
        let mut parts = next.components();
        let Some(part) = parts.next() else { continue };
        rest.push(parts.as_path().to_owned());
        match part {
            Component::Normal(name) => resolved.push(name),
            Component::CurDir => continue,
            Component::ParentDir if resolved != root => {
                resolved.pop();
                continue;
            }
            _ => return Err(io::ErrorKind::NotFound.into()),
        }
        if fs::symlink_metadata(&resolved)?.is_symlink() {
            followed += 1;
            if links == Links::Refused || followed > MOST_LINKS {
                return Err(io::ErrorKind::NotFound.into());
            }
            rest.push(fs::read_link(&resolved)?);
            resolved.pop();
        }
    }
    Ok(resolved)
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

#[cfg(all(test, unix))]
mod tests {
    use std::{env, os::unix::fs::symlink, process};

    use super::*;

    /// What `path` is answered with by the kernel, and by resolving it first.
    fn both(root: &Root, path: &str, links: Links) -> [bool; 2] {
        [
            root.open(path, links).is_ok(),
            root.resolve_and_open(path, links).is_ok(),
        ]
    }

    #[test]
    fn a_path_that_is_resolved_first_leads_where_the_kernel_leads_it() {
        let outer = env::temp_dir().join(format!("peristyle-root-{}", process::id()));
        let path = outer.join("root");
        fs::create_dir_all(path.join("sub/deep")).expect("it is new");
        for file in ["secret", "root/a", "root/sub/a"] {
            fs::write(outer.join(file), file).expect("it is new");
        }
        let outside = outer.join("secret");
        let inside = path.join("sub");
        for (link, target) in [
            ("in", Path::new("sub")),
            ("sub/up", Path::new("../a")),
            ("sub/deep/up", Path::new("../../sub/./a")),
            ("in-in", Path::new("in/up")),
            ("out", Path::new("..")),
            ("secret", Path::new("../secret")),
            ("there-and-back", Path::new("../root/a")),
            ("absolute", &outside),
            ("absolute-in", &inside),
            ("loop", Path::new("loop")),
            ("one", Path::new("other")),
            ("other", Path::new("one")),
            ("dangling", Path::new("nothing")),
        ] {
            symlink(target, path.join(link)).expect("it is new");
        }
        let root = Root::new(&path).expect("it is a folder");
        for (path, expected) in [
            ("a", true),
            (".", true),
            ("sub/a", true),
            ("in/a", true),
            ("in", true),
            ("sub/up", true),
            ("in/up", true),
            ("in-in", true),
            ("sub/deep/up", true),
            ("in/deep/up", true),
            ("out/secret", false),
            ("out", false),
            ("secret", false),
            ("there-and-back", false),
            ("absolute", false),
            ("absolute-in/a", false),
            ("loop", false),
            ("one", false),
            ("dangling", false),
            ("missing", false),
            ("a/b", false),
        ] {
            let opened = both(&root, path, Links::WithinRoot);
            assert_eq!(opened, [expected; 2], "{path}");
            let has_link = !matches!(path, "a" | "." | "sub/a");
            let opened = both(&root, path, Links::Refused);
            assert_eq!(opened, [expected && !has_link; 2], "{path}");
        }
        fs::remove_dir_all(outer).expect("it is there");
    }
}
