//! Unix sockets, and the files that they are known by.

use std::{
    fs::{self, Permissions},
    io,
    os::unix::{
        fs::{MetadataExt, PermissionsExt},
        net::UnixListener,
    },
    path::{self, Path, PathBuf},
    sync::Arc,
};

use socket2::{Domain, SockAddr, Socket, Type};

use super::BACKLOG;

/// Listens at a path. With a `mode`, nobody can connect before the file has it.
pub(super) fn listen(path: &Path, mode: Option<u32>) -> io::Result<(UnixListener, SocketFile)> {
    let path = path::absolute(path)?;
    let socket = Socket::new(Domain::UNIX, Type::STREAM, None)?;
    bind(&socket, &path)?;
    let file = SocketFile::at(&path)?;
    if let Some(mode) = mode {
        fs::set_permissions(&path, Permissions::from_mode(mode))?;
    }
    socket.listen(BACKLOG)?;
    Ok((socket.into(), file))
}

fn bind(socket: &Socket, path: &Path) -> io::Result<()> {
    let address = SockAddr::unix(path)?;
    match socket.bind(&address) {
        Err(error) if error.kind() == io::ErrorKind::AddrInUse && is_stale(&address)? => {
            fs::remove_file(path)?;
            socket.bind(&address)
        }
        bound => bound,
    }
}

/// Whether nobody listens on a socket whose file is there. Of another kind of file it is not so.
fn is_stale(address: &SockAddr) -> io::Result<bool> {
    let client = Socket::new(Domain::UNIX, Type::STREAM, None)?;
    // One whose queue is full must not be waited for.
    client.set_nonblocking(true)?;
    let refused = |error: &io::Error| error.kind() == io::ErrorKind::ConnectionRefused;
    let is_socket = address
        .as_pathname()
        .is_some_and(|path| path.metadata().is_ok_and(|file| is_socket(&file)));
    Ok(is_socket && client.connect(address).is_err_and(|error| refused(&error)))
}

fn is_socket(file: &fs::Metadata) -> bool {
    std::os::unix::fs::FileTypeExt::is_socket(&file.file_type())
}

/// The file of a socket, removed with the last clone.
#[derive(Debug, Clone)]
pub(super) struct SocketFile(#[expect(dead_code, reason = "it is dropped")] Arc<Removed>);

#[derive(Debug)]
struct Removed {
    path: PathBuf,
    file: Identity,
}

/// Device and number of a file.
#[derive(Debug, PartialEq, Eq)]
struct Identity(u64, u64);

impl SocketFile {
    fn at(path: &Path) -> io::Result<Self> {
        let removed = Removed {
            path: path.to_owned(),
            file: Identity::of(path)?,
        };
        Ok(Self(Arc::new(removed)))
    }
}

impl Identity {
    fn of(path: &Path) -> io::Result<Self> {
        let file = fs::symlink_metadata(path)?;
        Ok(Self(file.dev(), file.ino()))
    }
}

impl Drop for Removed {
    fn drop(&mut self) {
        if Identity::of(&self.path).is_ok_and(|now| now == self.file) {
            if let Err(error) = fs::remove_file(&self.path) {
                tracing::warn!(%error, path = %self.path.display(), "the socket's file stays");
            }
        }
    }
}
