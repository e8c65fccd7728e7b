//! A sign of life on standard error, once the work takes long enough to wonder.

use std::sync::mpsc::{RecvTimeoutError, channel};
use std::thread;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

use crate::terminal::Terminal;

/// Below this nobody wonders.
const PATIENCE: Duration = Duration::from_millis(500);
const REDRAW: Duration = Duration::from_millis(100);

/// Does the work; draws what `message` says while it lasts.
pub(crate) fn watched<T>(
    terminal: Terminal,
    message: impl Fn() -> String + Send,
    work: impl FnOnce() -> T,
) -> T {
    if !terminal.draws_progress() {
        return work();
    }
    thread::scope(|scope| {
        let (done, waiting) = channel::<()>();
        scope.spawn(move || {
            if waiting.recv_timeout(PATIENCE) != Err(RecvTimeoutError::Timeout) {
                return;
            }
            let bar = ProgressBar::new_spinner().with_style(ProgressStyle::default_spinner());
            loop {
                bar.set_message(message());
                bar.tick();
                if waiting.recv_timeout(REDRAW) != Err(RecvTimeoutError::Timeout) {
                    break;
                }
            }
            bar.finish_and_clear();
        });
        let outcome = work();
        drop(done);
        outcome
    })
}
