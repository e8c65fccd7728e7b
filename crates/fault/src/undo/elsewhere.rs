//! Where the system is not Linux, no fault is done that would have to be undone.

use std::io;
use std::path::Path;

use super::RecoverReport;

/// There is nothing to undo.
#[expect(clippy::unused_async, reason = "the same signature as on Linux")]
pub async fn recover(_journal_dir: &Path) -> RecoverReport {
    RecoverReport::default()
}

/// There are no journals.
pub fn expect_journal(_dir: &Path) -> io::Result<()> {
    Err(io::Error::other("faults that must be undone need Linux"))
}

/// There is nothing to watch over.
pub fn watch(_journal: &Path, _run: &str) -> io::Result<()> {
    Ok(())
}
