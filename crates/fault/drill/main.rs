//! A program for tests that kill it: it injects the faults that it is given, one after the other,
//! says `acts` for each, and waits. As `watchdog` it is its own watchdog.
//!
//! `wonin-fault-drill run JOURNAL SECONDS SOCKET|- LISTEN|- FAULT…`, where a fault is JSON.
#![allow(clippy::print_stdout, reason = "its tests read what it says")]

use std::error::Error;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

#[cfg(target_os = "linux")]
fn main() -> Result<(), Box<dyn Error>> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = args.iter().map(String::as_str).collect();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    match words.as_slice() {
        ["watchdog", "--journal", journal, "--run", run] => {
            Ok(wonin_fault::undo::watch(Path::new(journal), run)?)
        }
        ["run", journal, seconds, socket, listen, faults @ ..] => {
            let at_most = Duration::from_secs(seconds.parse()?);
            runtime.block_on(drill(journal, at_most, socket, listen, faults))
        }
        _ => Err("see the source for how it is called".into()),
    }
}

#[cfg(not(target_os = "linux"))]
fn main() {}

#[cfg(target_os = "linux")]
async fn drill(
    journal: &str,
    at_most: Duration,
    socket: &str,
    listen: &str,
    faults: &[&str],
) -> Result<(), Box<dyn Error>> {
    use tokio::signal::unix::{SignalKind, signal};
    use wonin_fault::inject::{Injection, Injector, InjectorOptions, Watchdog};

    let mut told_to_end = signal(SignalKind::terminate())?;
    let _proxies = if listen == "-" { None } else { Some(proxy(listen).await?) };
    let injector = Injector::open(InjectorOptions {
        journal: PathBuf::from(journal),
        docker_socket: (socket != "-").then(|| PathBuf::from(socket)),
        watchdog: Watchdog::Command {
            program: std::env::current_exe()?,
            args: vec!["watchdog".to_owned()],
        },
        // The targets are children of the test.
        allow_foreign: true,
        project: None,
    })
    .await?;
    for fault in faults {
        let injection: Injection = serde_json::from_str(fault)?;
        let active = injector.inject(&injection, at_most).await?;
        println!("acts {} {}", active.hits, active.what);
        std::io::stdout().flush()?;
    }
    told_to_end.recv().await;
    for error in injector.heal_all().await {
        println!("not healed: {error}");
    }
    Ok(())
}

#[cfg(target_os = "linux")]
async fn proxy(listen: &str) -> Result<wonin_fault::Engine, Box<dyn Error>> {
    let engine = wonin_fault::Engine::start(wonin_fault::Options {
        seed: 1,
        workers: 1,
        max_connections: 16,
        allow_remote: false,
    })?;
    let proxies = serde_json::json!([
        {"name": "drill", "listen": listen, "upstream": "127.0.0.1:1", "toxics": [{"type": "silence"}]}
    ]);
    engine.configure(proxies.to_string().as_bytes()).await?;
    Ok(engine)
}
