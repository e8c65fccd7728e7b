//! What programs wrote during a run, kept in memory for whoever wants to know why it failed.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{Read as _, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::io::AsyncRead;
use tokio_util::task::TaskTracker;
use wonin_fault::Written;

use crate::command::lines;

/// What has ended has written all; what outlives its run is not waited for.
const LAST_WORDS: Duration = Duration::from_millis(300);

/// Texts by the name of who wrote them. Clones write into the same.
#[derive(Clone, Debug, Default)]
pub(crate) struct Said(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    texts: Mutex<BTreeMap<String, Written>>,
    /// Files that programs write themselves, and how long they were before.
    files: Mutex<BTreeMap<String, (PathBuf, u64)>>,
    tasks: TaskTracker,
}

impl Said {
    /// Adds a line.
    pub(crate) fn note(&self, who: &str, line: &str) {
        let mut texts = unpoisoned(&self.0.texts);
        let text = texts.entry(who.to_owned()).or_default();
        text.push(line.as_bytes());
        text.push(b"\n");
    }

    /// Adds every line of an output until it ends.
    pub(crate) fn follow(&self, who: &str, out: Option<impl AsyncRead + Send + Unpin + 'static>) {
        let (said, who) = (self.clone(), who.to_owned());
        self.0.tasks.spawn(async move { lines(out, |line| said.note(&who, line)).await });
    }

    /// Takes what a file will have more than it has now.
    pub(crate) fn follow_file(&self, who: &str, path: &Path) {
        let len = std::fs::metadata(path).map_or(0, |seen| seen.len());
        let mut files = unpoisoned(&self.0.files);
        files.entry(who.to_owned()).or_insert_with(|| (path.to_owned(), len));
    }

    /// All that was written, by who wrote it.
    pub(crate) async fn all(self) -> BTreeMap<String, Written> {
        self.0.tasks.close();
        // Whoever goes on writing is no part of the run any more.
        _ = tokio::time::timeout(LAST_WORDS, self.0.tasks.wait()).await;
        let mut texts = std::mem::take(&mut *unpoisoned(&self.0.texts));
        for (who, (path, from)) in &*unpoisoned(&self.0.files) {
            texts.entry(who.clone()).or_default().push(&grown(path, *from));
        }
        texts
    }
}

fn unpoisoned<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Whatever is in there is whole.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The end of what a file has more than before, one byte more than is kept where there is more;
/// nothing where it cannot be read.
fn grown(path: &Path, from: u64) -> Vec<u8> {
    const MOST_BYTES: u64 = Written::KEPT_BYTES as u64 + 1;
    let read = || {
        let mut file = File::open(path)?;
        let len = file.metadata()?.len();
        file.seek(SeekFrom::Start(from.max(len.saturating_sub(MOST_BYTES))))?;
        let mut bytes = Vec::new();
        file.take(MOST_BYTES).read_to_end(&mut bytes)?;
        std::io::Result::Ok(bytes)
    };
    read().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    #[tokio::test]
    async fn lines_outputs_and_files_come_together() {
        let said = Said::default();
        let mut file = tempfile::NamedTempFile::new().unwrap();
        writeln!(file, "from before").unwrap();
        said.follow_file("app", file.path());
        writeln!(file, "since then").unwrap();
        said.follow("job", Some(&b"one\ntwo"[..]));
        said.note("app", "by the way");
        let all = texts(said).await;
        assert_eq!(all["app"], (false, "by the way\nsince then\n".to_owned()));
        assert_eq!(all["job"], (false, "one\ntwo\n".to_owned()));
    }

    #[tokio::test]
    async fn of_too_much_the_end_is_kept() {
        let said = Said::default();
        let mut file = tempfile::NamedTempFile::new().unwrap();
        said.follow_file("app", file.path());
        let line = "x".repeat(1 << 20);
        for number in 0..20 {
            said.note("job", &format!("{number} {line}"));
            writeln!(file, "{number} {line}").unwrap();
        }
        for (who, (is_cut, text)) in texts(said).await {
            assert!(is_cut && text.len() <= Written::KEPT_BYTES, "{who}");
            assert!(text.lines().last().unwrap().starts_with("19 "), "{who}");
            assert!(text.lines().all(|line| line.len() > 1 << 20), "{who}: lines are whole");
        }
    }

    async fn texts(said: Said) -> BTreeMap<String, (bool, String)> {
        let all = said.all().await.into_iter();
        all.map(|(who, text)| (who, (text.is_cut(), text.into_text()))).collect()
    }
}
