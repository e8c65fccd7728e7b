//! Files that exist in memory alone.

use std::collections::BTreeMap;

use crate::Files;

/// A small tree of files for tests and for text that was handed in: paths with their texts.
#[derive(Clone, Debug, Default)]
pub struct MemoryFiles {
    paths: Vec<String>,
    texts: BTreeMap<String, String>,
    unreadable: BTreeMap<String, String>,
}

impl MemoryFiles {
    /// Files from pairs of path (relative, `/` between parts) and text; of equal paths the last
    /// one counts.
    pub fn new<P: Into<String>, T: Into<String>>(files: impl IntoIterator<Item = (P, T)>) -> Self {
        let pairs = files.into_iter().map(|(path, text)| (path.into(), text.into()));
        let texts: BTreeMap<String, String> = pairs.collect();
        Self { paths: texts.keys().cloned().collect(), texts, unreadable: BTreeMap::new() }
    }

    /// Adds a file that a walk finds and that cannot be loaded, and why.
    #[must_use]
    pub fn unreadable(mut self, path: &str, why: &str) -> Self {
        self.unreadable.insert(path.to_owned(), why.to_owned());
        if let Err(at) = self.paths.binary_search_by(|known| known.as_str().cmp(path)) {
            self.paths.insert(at, path.to_owned());
        }
        self
    }
}

impl Files for MemoryFiles {
    fn paths(&self) -> &[String] {
        &self.paths
    }

    fn load(&self, path: &str) -> Result<String, String> {
        if let Some(why) = self.unreadable.get(path) {
            return Err(why.clone());
        }
        self.texts.get(path).cloned().ok_or_else(|| "no such file".to_owned())
    }
}
