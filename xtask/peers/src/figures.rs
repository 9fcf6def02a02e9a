//! Figures for programs: `[{"name", "value", "unit"}]`.

use std::{fs, io, path::Path};

use serde_json::{Value, json};

/// One figure.
pub fn figure(name: &str, value: impl Into<Value>, unit: &str) -> Value {
    json!({"name": name, "value": value.into(), "unit": unit})
}

/// Writes `target/bench/TITLE.json` of the repository.
///
/// # Errors
///
/// When the file cannot be written.
pub fn write(title: &str, figures: &[Value]) -> io::Result<()> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/bench");
    fs::create_dir_all(&folder)?;
    let path = folder.join(format!("{title}.json"));
    fs::write(path, serde_json::to_string_pretty(figures)?)
}
