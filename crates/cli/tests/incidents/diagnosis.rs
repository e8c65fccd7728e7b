//! What wonin says to a folder.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

/// The folder of a case.
pub(crate) fn case(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../cases").join(name)
}

/// Copies a folder with all that is below it.
pub(crate) fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}

/// What `wonin diagnose` found.
pub(crate) struct Diagnosis {
    answer: Value,
}

impl Diagnosis {
    /// Runs the real program on a folder, without anything of the environment.
    pub(crate) fn of(folder: &Path) -> Self {
        let mut command = assert_cmd::Command::new(assert_cmd::cargo::cargo_bin!("wonin"));
        command.env_clear().current_dir(folder).args(["diagnose", "--format", "json"]);
        let output = command.output().unwrap();
        let answer = serde_json::from_slice(&output.stdout)
            .unwrap_or_else(|error| panic!("{error}: {output:?}"));
        Self { answer }
    }

    fn findings(&self) -> impl Iterator<Item = &Value> {
        self.answer["findings"].as_array().into_iter().flatten()
    }

    /// All findings as `mode standing role`, for messages.
    pub(crate) fn all(&self) -> Vec<String> {
        let word = |finding: &Value, key: &str| finding[key].as_str().unwrap_or("-").to_owned();
        self.findings()
            .map(|finding| {
                let [mode, standing, role, title] =
                    ["mode", "standing", "role", "title"].map(|key| word(finding, key));
                format!("{mode} {standing} {role}: {title}")
            })
            .collect()
    }

    /// Whether a mode was named.
    pub(crate) fn names(&self, mode: &str) -> bool {
        self.findings().any(|finding| finding["mode"] == mode)
    }

    /// A mode has to be named as something that happened, not only as something that may.
    pub(crate) fn assert_observed(&self, mode: &str) {
        let seen = |f: &Value| f["mode"] == mode && f["standing"] == "observed";
        assert!(self.findings().any(seen), "{mode} is not observed: {:#?}", self.all());
    }

    /// A mode has to be named.
    pub(crate) fn assert_names(&self, mode: &str) {
        assert!(self.names(mode), "{mode} is missing: {:#?}", self.all());
    }
}
