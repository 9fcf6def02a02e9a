//! The workspace as it lies on the disk and as Cargo sees it.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::Command,
};

use serde_json::Value;

pub(crate) const FACADE: &str = "peristyle";

pub(crate) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("xtask is a folder of the workspace")
}

pub(crate) fn read(path: &Path) -> Result<String, String> {
    fs::read_to_string(path).map_err(|error| format!("{}: {error}", relative(path)))
}

/// The path as problems name it.
pub(crate) fn relative(path: &Path) -> String {
    let path = path.strip_prefix(root()).unwrap_or(path);
    path.display().to_string()
}

pub(crate) struct Package {
    pub(crate) name: String,
    pub(crate) manifest: PathBuf,
    pub(crate) dependencies: Vec<Dependency>,
}

pub(crate) struct Dependency {
    pub(crate) name: String,
    pub(crate) kind: Kind,
    /// Where it is needed, if not everywhere.
    pub(crate) target: Option<String>,
    pub(crate) optional: bool,
    pub(crate) features: Vec<String>,
}

#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Kind {
    Normal,
    Build,
    Dev,
}

impl Package {
    /// Without what only our own fuzzer builds.
    pub(crate) fn normal_dependencies(&self) -> impl Iterator<Item = &Dependency> {
        let normal = |dependency: &&Dependency| {
            dependency.kind == Kind::Normal && dependency.target.as_deref() != Some("cfg(fuzzing)")
        };
        self.dependencies.iter().filter(normal)
    }
}

pub(crate) fn packages() -> Vec<Package> {
    let json = metadata();
    array(&json["packages"]).map(package).collect()
}

fn metadata() -> Value {
    let output = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
        .args(["metadata", "--format-version", "1", "--no-deps"])
        .current_dir(root())
        .output()
        .expect("cargo runs this test");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "cargo metadata: {errors}");
    serde_json::from_slice(&output.stdout).expect("cargo metadata writes JSON")
}

fn package(json: &Value) -> Package {
    Package {
        name: string(&json["name"]),
        manifest: string(&json["manifest_path"]).into(),
        dependencies: array(&json["dependencies"]).map(dependency).collect(),
    }
}

fn dependency(json: &Value) -> Dependency {
    Dependency {
        name: string(&json["name"]),
        kind: match json["kind"].as_str() {
            None => Kind::Normal,
            Some("build") => Kind::Build,
            Some(_) => Kind::Dev,
        },
        target: json["target"].as_str().map(str::to_owned),
        optional: json["optional"] == true,
        features: array(&json["features"]).map(string).collect(),
    }
}

fn array(json: &Value) -> impl Iterator<Item = &Value> {
    json.as_array().into_iter().flatten()
}

fn string(json: &Value) -> String {
    json.as_str().expect("a string by its format").to_owned()
}
