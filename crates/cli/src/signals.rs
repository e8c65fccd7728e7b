//! Ctrl-C, and being told to end.

use std::io;

/// Tells when Ctrl-C was pressed or the process was told to end; listens from the call on.
#[cfg(unix)]
pub(crate) fn interrupted() -> io::Result<impl Future<Output = &'static str>> {
    use tokio::signal::unix::{SignalKind, signal};

    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    Ok(async move {
        tokio::select! {
            _ = interrupt.recv() => "interrupt",
            _ = terminate.recv() => "terminate",
        }
    })
}

/// Tells when Ctrl-C was pressed.
#[cfg(not(unix))]
pub(crate) fn interrupted() -> io::Result<impl Future<Output = &'static str>> {
    Ok(async {
        // Where it cannot be caught, the process ends by it anyway.
        _ = tokio::signal::ctrl_c().await;
        "interrupt"
    })
}
