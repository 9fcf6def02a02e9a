//! What others wrote, in the versions and with the hashes that `examples/judges` names.

use std::{
    ffi::OsStr,
    fs,
    hash::{DefaultHasher, Hash, Hasher},
    path::{Path, PathBuf},
};

use peristyle::BoxError;

use crate::{folder::Folder, serving::soon, tool};

/// Where `package.json` and `requirements.txt` are, and what reads with their packages.
pub(crate) fn source() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("judges")
}

/// The folder with the packages of npm; `None` where they cannot be had.
pub(crate) async fn of_npm(npm: &Path) -> Result<Option<PathBuf>, BoxError> {
    let arguments = [
        "ci",
        "--ignore-scripts",
        "--no-audit",
        "--no-fund",
        "--fetch-retries=1",
    ];
    let files = ["package-lock.json", "package.json"];
    install(npm, &arguments, &files).await
}

/// The folder with the packages of `PyPI`; `None` where they cannot be had.
pub(crate) async fn of_pypi(python: &Path) -> Result<Option<PathBuf>, BoxError> {
    let arguments = [
        "-m",
        "pip",
        "install",
        "--quiet",
        "--disable-pip-version-check",
        "--no-deps",
        "--require-hashes",
        "--only-binary=:all:",
        "--retries=1",
        "--target=.",
        "--requirement=requirements.txt",
    ];
    install(python, &arguments, &["requirements.txt"]).await
}

/// A folder below the target folder with these files, in which the program has run well. It is kept for the next time.
async fn install(
    program: &Path,
    arguments: &[&str],
    files: &[&str],
) -> Result<Option<PathBuf>, BoxError> {
    let mut hasher = DefaultHasher::new();
    arguments.hash(&mut hasher);
    for file in files {
        fs::read(source().join(file))?.hash(&mut hasher);
    }
    let name = program.file_name().map(OsStr::to_string_lossy);
    let name = name.ok_or("a program has a name")?;
    let target = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let installed = target.join(format!("judges-{name}-{:016x}", hasher.finish()));
    if installed.is_dir() {
        return Ok(Some(installed));
    }
    let fresh = Folder::within(target, "judges")?;
    for file in files {
        fs::copy(source().join(file), fresh.join(file))?;
    }
    let mut command = tool::command(program, arguments);
    let output = soon(command.current_dir(&*fresh).output()).await??;
    if !output.status.success() {
        let errors = String::from_utf8_lossy(&output.stderr);
        let what = format!("{name} package ({})", errors.trim());
        return Ok(tool::required(&what, None));
    }
    // Another run of the tests may have been faster.
    if let Err(error) = fs::rename(&*fresh, &installed) {
        if !installed.is_dir() {
            return Err(error.into());
        }
    }
    Ok(Some(installed))
}
