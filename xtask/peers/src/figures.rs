//! Figures for programs: `[{"name", "value", "unit"}]`.

use std::{fs, io, path::Path};

use serde_json::{Value, json};

use crate::Spread;

/// One figure.
pub fn figure(name: &str, value: impl Into<Value>, unit: &str) -> Value {
    json!({"name": name, "value": value.into(), "unit": unit})
}

/// The median under this name, with the least and the greatest under names below it.
pub fn spread_figures(name: &str, spread: Spread, unit: &str) -> [Value; 3] {
    [
        figure(name, spread.median, unit),
        figure(&format!("{name}/min"), spread.min, unit),
        figure(&format!("{name}/max"), spread.max, unit),
    ]
}

/// Writes `target/bench/TITLE.json` of the repository.
///
/// # Errors
///
/// When the file cannot be written.
pub fn write(title: &str, figures: &[Value]) -> io::Result<()> {
    let text = serde_json::to_string_pretty(figures)?;
    write_file(&format!("{title}.json"), &text)
}

/// Writes `target/bench/TITLE.svg` of the repository.
///
/// # Errors
///
/// When the file cannot be written.
pub fn write_picture(title: &str, svg: &str) -> io::Result<()> {
    write_file(&format!("{title}.svg"), svg)
}

fn write_file(name: &str, text: &str) -> io::Result<()> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/bench");
    fs::create_dir_all(&folder)?;
    fs::write(folder.join(name), text)
}
