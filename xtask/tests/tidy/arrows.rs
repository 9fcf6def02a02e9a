//! Which package may depend on which, as drawn in `ARCHITECTURE.md`.

use crate::{
    problems::Problems,
    workspace::{FACADE, Package, packages},
};

/// Each published package, and the most that its users may have to build for it.
const ALLOWED: [(&str, &[&str]); 5] = [
    (
        "peristyle-core",
        &[
            "futures-core",
            "pin-project-lite",
            "smallvec",
            "tokio",
            "tracing",
        ],
    ),
    (
        "peristyle-server",
        &[
            "bytes",
            "compression-codecs",
            "headers",
            "http",
            "http-body",
            "http-body-util",
            "hyper",
            "hyper-util",
            "listenfd",
            "matchit",
            "memchr",
            "percent-encoding",
            "peristyle-core",
            "pin-project-lite",
            "rlimit",
            "serde",
            "serde_json",
            "serde_path_to_error",
            "socket2",
            "tokio",
            "tokio-rustls",
            "tower-service",
            "tracing",
        ],
    ),
    (
        "peristyle-sse",
        &[
            "bytes",
            "fastrand",
            "futures-core",
            "http",
            "http-body",
            "http-body-util",
            "hyper",
            "hyper-util",
            "memchr",
            "mio",
            "peristyle-core",
            "pin-project-lite",
            "serde",
            "serde_json",
            "simdutf8",
            "tokio",
            "tracing",
        ],
    ),
    (
        "peristyle-streaming",
        &[
            "bytes",
            "csv",
            "futures-core",
            "http",
            "http-body",
            "httpdate",
            "memchr",
            "percent-encoding",
            "peristyle-core",
            "pin-project-lite",
            "rustix",
            "serde",
            "serde_json",
            "serde_path_to_error",
            "tokio",
        ],
    ),
    (
        FACADE,
        &[
            "peristyle-core",
            "peristyle-server",
            "peristyle-sse",
            "peristyle-streaming",
        ],
    ),
];

/// The workspace packages that each may depend on, tests included.
const ARROWS: [(&str, &[&str]); 6] = [
    ("peristyle-core", &[]),
    ("peristyle-server", &["peristyle-core"]),
    ("peristyle-sse", &["peristyle-core"]),
    ("peristyle-streaming", &["peristyle-core"]),
    ("peristyle-examples", &[FACADE]),
    ("xtask", &[]),
];

#[test]
fn published_packages_depend_on_nothing_beyond_their_list() {
    let packages = packages();
    let mut problems = Problems::default();
    for (name, allowed) in ALLOWED {
        let Some(package) = find(&packages, name) else {
            problems.add(format!("{name} is not in the workspace"));
            continue;
        };
        let surplus = package
            .normal_dependencies()
            .filter(|dependency| !allowed.contains(&dependency.name.as_str()));
        problems.extend(surplus.map(|it| format!("{name} depends on {}", it.name)));
    }
    problems.assert_none();
}

#[test]
fn workspace_packages_depend_on_each_other_along_the_arrows() {
    let packages = packages();
    let mut problems = Problems::default();
    for (name, allowed) in ARROWS {
        let Some(package) = find(&packages, name) else {
            problems.add(format!("{name} is not in the workspace"));
            continue;
        };
        let surplus = package
            .dependencies
            .iter()
            .filter(|dependency| find(&packages, &dependency.name).is_some())
            .filter(|dependency| !allowed.contains(&dependency.name.as_str()));
        problems.extend(surplus.map(|it| format!("{name} depends on {}", it.name)));
    }
    problems.assert_none();
}

#[test]
fn every_workspace_package_has_its_arrows() {
    let mut problems = Problems::default();
    for package in packages() {
        let name = package.name.as_str();
        let listed = name == FACADE || ARROWS.iter().any(|(listed, _)| *listed == name);
        if !listed {
            problems.add(format!("{name} has no row in the table of arrows"));
        }
    }
    problems.assert_none();
}

#[test]
fn the_facade_makes_every_crate_but_core_optional() {
    let packages = packages();
    let facade = find(&packages, FACADE).expect("the facade is the root package");
    let required: Vec<_> = facade
        .normal_dependencies()
        .filter(|dependency| !dependency.optional)
        .map(|dependency| dependency.name.as_str())
        .collect();

    assert_eq!(required, ["peristyle-core"]);
}

#[test]
fn core_takes_only_channels_and_the_clock_from_tokio() {
    let packages = packages();
    let core = find(&packages, "peristyle-core").expect("core is in the workspace");
    let tokio: Vec<_> = core
        .normal_dependencies()
        .filter(|dependency| dependency.name == "tokio")
        .flat_map(|dependency| &dependency.features)
        .collect();

    assert_eq!(tokio, ["sync", "time"]);
}

fn find<'a>(packages: &'a [Package], name: &str) -> Option<&'a Package> {
    packages.iter().find(|package| package.name == name)
}
