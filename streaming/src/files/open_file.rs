//! An open file.

use std::{
    fs::{File, Metadata},
    io,
    path::PathBuf,
    sync::Arc,
    time::SystemTime,
};

use bytes::Bytes;
use tokio::task::{JoinHandle, spawn_blocking};

use super::{Addressable, Validators, version::validators};

/// A regular file that is open, with the length and the validators that it had then.
///
/// The one handle is read throughout: a file that is put in its place is another file. One that is written to while it is
/// read, or has another length than it had, is an error of the body.
///
/// Its entity tag is made of the time of its last change, its length, and, on Unix, of its number in the file system and
/// the time of its last change of any kind, which no program can set. So it is strong: a file that is written again, even
/// with the same length and its time set back, has another tag. The one exception are two changes within one tick of the
/// file system's clock. While a change is less than 2 seconds old the tag is therefore weak, another than the strong tag
/// later, and no `Last-Modified` is given, which has whole seconds only. Machines that serve copies of one file give them
/// different tags.
///
/// ```no_run
/// use http::request;
/// use peristyle_core::BoxError;
/// use peristyle_streaming::files::{OpenFile, Representation};
///
/// # async fn example(request: request::Parts) -> Result<(), BoxError> {
/// let file = OpenFile::open("report.pdf").await?;
/// let response = Representation::new(file)
///     .content_type("application/pdf")?
///     .respond(&request);
/// # drop(response);
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct OpenFile {
    file: File,
    length: u64,
    modified: Option<SystemTime>,
    validators: Validators,
}

impl OpenFile {
    /// Opens a file of the program's choice; one of a client's choice is opened by a [`Directory`](super::Directory).
    ///
    /// # Errors
    ///
    /// When there is no such file, it may not be read, or it is a folder, a pipe or a device.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future has no effect but that the file is closed.
    pub async fn open(path: impl Into<PathBuf>) -> io::Result<Self> {
        let path = path.into();
        blocking(move || Self::new(File::open(path)?)).await
    }

    /// A file that is open already.
    ///
    /// # Errors
    ///
    /// When the file cannot be asked for its length, or is a folder, a pipe or a device.
    pub fn new(file: File) -> io::Result<Self> {
        let metadata = file.metadata()?;
        Self::of(file, &metadata)
    }

    pub(super) fn of(file: File, metadata: &Metadata) -> io::Result<Self> {
        if !metadata.is_file() {
            let kind = io::ErrorKind::InvalidInput;
            return Err(io::Error::new(kind, "not a regular file"));
        }
        Ok(Self {
            file,
            length: metadata.len(),
            modified: metadata.modified().ok(),
            validators: validators(metadata, SystemTime::now()),
        })
    }

    /// Whether it was changed no earlier than the other.
    pub(super) fn is_as_new_as(&self, other: &Self) -> bool {
        self.modified >= other.modified
    }

    /// Blocks.
    fn read(&self, offset: u64, length: usize) -> io::Result<Bytes> {
        let bytes = read(&self.file, offset, length)?;
        let now = self.file.metadata()?;
        if now.len() != self.length || now.modified().ok() != self.modified {
            return Err(io::Error::other("the file was changed while it was read"));
        }
        Ok(bytes.into())
    }
}

impl Addressable for OpenFile {
    fn length(&self) -> u64 {
        self.length
    }

    fn validators(&self) -> Validators {
        self.validators.clone()
    }

    async fn read_at(self: Arc<Self>, offset: u64, length: usize) -> io::Result<Bytes> {
        blocking(move || self.read(offset, length)).await
    }
}

/// Runs on the blocking pool. What is dropped before it has begun is taken from its queue.
pub(super) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> io::Result<T> {
    let mut task = Task(spawn_blocking(work));
    let joined = (&mut task.0).await;
    joined.unwrap_or_else(|error| Err(io::Error::other(error)))
}

struct Task<T>(JoinHandle<io::Result<T>>);

impl<T> Drop for Task<T> {
    fn drop(&mut self) {
        self.0.abort();
    }
}

#[cfg(unix)]
fn read(file: &File, offset: u64, length: usize) -> io::Result<Vec<u8>> {
    use rustix::{
        buffer::spare_capacity,
        io::{Errno, pread},
    };

    let mut bytes = Vec::with_capacity(length);
    loop {
        match pread(file, spare_capacity(&mut bytes), offset) {
            Err(Errno::INTR) => {}
            read => {
                read?;
                return Ok(bytes);
            }
        }
    }
}

#[cfg(windows)]
fn read(file: &File, offset: u64, length: usize) -> io::Result<Vec<u8>> {
    use std::os::windows::fs::FileExt;

    let mut bytes = vec![0; length];
    let read = file.seek_read(&mut bytes, offset)?;
    bytes.truncate(read);
    Ok(bytes)
}
