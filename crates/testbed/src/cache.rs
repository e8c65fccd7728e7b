//! What is fetched once and kept between runs, in `.cache` of the workspace.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use crate::{Skip, run};

/// Fetching jars from a cold registry.
const FETCH: Duration = Duration::from_mins(5);

/// The folder that is kept.
pub(crate) fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../.cache")
}

/// Whether a program can be found on the path.
pub(crate) fn installed(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|folder| fs::metadata(folder.join(program)).is_ok())
}

/// `Err` that names the program which is missing.
pub(crate) fn need(programs: &[&str]) -> Result<(), Skip> {
    match programs.iter().find(|program| !installed(program)) {
        Some(missing) => Err(Skip(format!("`{missing}` is not installed"))),
        None => Ok(()),
    }
}

/// The folder of jars of `dependencies` (Maven's XML), `.cache/NAME/lib`.
///
/// Only what is complete gets the name: it is fetched into a folder beside it and renamed.
pub(crate) fn jars(name: &str, dependencies: &str) -> Result<PathBuf, Skip> {
    need(&["java"])?;
    let kept = folder().join(name);
    let lib = kept.join("lib");
    if fs::metadata(&lib).is_ok() {
        return canonical(&lib);
    }
    need(&["mvn"])?;
    let new = folder().join(format!("{name}.{}", std::process::id()));
    _ = fs::remove_dir_all(&new);
    fs::create_dir_all(&new).map_err(|error| Skip(format!("{}: {error}", new.display())))?;
    let project = format!(
        "<project xmlns=\"http://maven.apache.org/POM/4.0.0\"><modelVersion>4.0.0</modelVersion>\
         <groupId>wonin</groupId><artifactId>testbed</artifactId><version>1</version>\
         <packaging>pom</packaging><dependencies>{dependencies}</dependencies></project>\n"
    );
    fs::write(new.join("pom.xml"), project).expect("a new folder can be written to");
    let fetched = run(
        Command::new("mvn")
            .args(["-q", "-B", "dependency:copy-dependencies", "-DoutputDirectory=lib"])
            .arg("-DincludeScope=runtime")
            .current_dir(&new),
        FETCH,
    );
    if !fetched.status.success() {
        let said = String::from_utf8_lossy(&fetched.stdout).into_owned();
        _ = fs::remove_dir_all(&new);
        let first = said.lines().find(|line| line.contains("ERROR")).unwrap_or("no message");
        return Err(Skip(format!("the jars of {name} cannot be fetched: {first}")));
    }
    // Another test may have been faster; its folder is as good.
    if fs::rename(&new, &kept).is_err() {
        _ = fs::remove_dir_all(&new);
    }
    canonical(&lib)
}

fn canonical(lib: &Path) -> Result<PathBuf, Skip> {
    lib.canonicalize().map_err(|error| Skip(format!("{}: {error}", lib.display())))
}
