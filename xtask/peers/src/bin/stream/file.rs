//! The files that are downloaded.

use std::{
    fs::{self, File},
    io::{self, BufWriter, Write},
    path::{Path, PathBuf},
};

use crate::case::Case;

/// Holds one for each number of values, of this name.
pub(crate) fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/bench/files")
}

pub(crate) fn path(values: usize) -> PathBuf {
    folder().join(values.to_string())
}

/// Writes what a case of files will ask for. It is in the system's cache then.
pub(crate) fn make(case: &Case, values: u32) -> io::Result<()> {
    if !case.is_file {
        return Ok(());
    }
    fs::create_dir_all(folder())?;
    let mut file = BufWriter::new(File::create(folder().join(values.to_string()))?);
    for _ in 0..values {
        file.write_all((case.value)())?;
    }
    file.flush()
}

/// # Errors
///
/// When it is not there.
pub(crate) fn remove(case: &Case, values: u32) -> io::Result<()> {
    if !case.is_file {
        return Ok(());
    }
    fs::remove_file(folder().join(values.to_string()))
}
