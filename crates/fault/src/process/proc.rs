//! What `/proc` says of processes, and who a process is.
//!
//! A number alone does not name a process: numbers are used again. Here a process is its number
//! together with the moment of its start (field 22 of `/proc/PID/stat`), the boot that this moment
//! counts from, and the namespace that the number belongs to.

use std::fs;
use std::io;
use std::os::fd::OwnedFd;

use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};
use serde::{Deserialize, Serialize};

/// Set in the flags of kernel threads (`PF_KTHREAD` in the kernel's `sched.h`).
const KERNEL_THREAD: u64 = 0x0020_0000;

/// A process that cannot be taken for another one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Identity {
    pub(crate) pid: u32,
    /// Clock ticks from the boot to its start.
    pub(crate) start: u64,
    #[serde(flatten)]
    pub(crate) boot: Boot,
}

/// What numbers of processes and their start count from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Boot {
    /// `/proc/sys/kernel/random/boot_id`.
    pub(crate) boot: String,
    /// What `/proc/self/ns/pid` links to.
    pub(crate) pid_namespace: String,
}

impl Boot {
    pub(crate) fn current() -> io::Result<Self> {
        let boot = fs::read_to_string("/proc/sys/kernel/random/boot_id")?.trim().to_owned();
        let pid_namespace = fs::read_link("/proc/self/ns/pid")?.display().to_string();
        Ok(Self { boot, pid_namespace })
    }

    /// Whether processes of then can be here at all.
    pub(crate) fn presence(&self) -> Presence {
        match Self::current() {
            Ok(now) if now.boot != self.boot => Presence::EarlierBoot,
            Ok(now) if now.pid_namespace != self.pid_namespace => Presence::OtherNamespace,
            _ => Presence::Here,
        }
    }
}

/// Milliseconds since the boot, also while the machine slept: no clock that is set moves it.
pub(crate) fn since_boot_ms() -> io::Result<u64> {
    let text = fs::read_to_string("/proc/uptime")?;
    let seconds = text.split(' ').next().and_then(|word| word.parse::<f64>().ok());
    let seconds = seconds.ok_or_else(|| io::Error::other("/proc/uptime cannot be understood"))?;
    Ok((seconds * 1000.0) as u64)
}

/// What `/proc/PID/stat` says, as far as it is needed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Stat {
    pub(crate) name: String,
    /// `R`, `S`, `D`, `T` (stopped), `t` (traced), `Z` (ended, not yet waited for), `X`.
    pub(crate) state: char,
    pub(crate) parent: u32,
    pub(crate) flags: u64,
    pub(crate) start: u64,
}

impl Stat {
    /// `None` where there is no such process.
    pub(crate) fn of(pid: u32) -> Option<Self> {
        Self::parse(&fs::read_to_string(format!("/proc/{pid}/stat")).ok()?)
    }

    /// The name stands in parentheses and may hold any character, those too: it ends at the last.
    fn parse(text: &str) -> Option<Self> {
        let (before, after) = text.rsplit_once(')')?;
        let (_, name) = before.split_once('(')?;
        let fields: Vec<&str> = after.split_whitespace().collect();
        // The first of them is field 3 of the manual page.
        let field = |number: usize| fields.get(number - 3).copied();
        Some(Self {
            name: name.to_owned(),
            state: field(3)?.chars().next()?,
            parent: field(4)?.parse().ok()?,
            flags: field(9)?.parse().ok()?,
            start: field(22)?.parse().ok()?,
        })
    }

    /// Milliseconds from the boot to its start, not rounded down. A tick is a hundredth of a second
    /// for programs, whatever the kernel itself counts in.
    pub(crate) fn start_ms(&self) -> u64 {
        self.start * 10 + 9
    }

    pub(crate) fn is_kernel_thread(&self) -> bool {
        self.flags & KERNEL_THREAD != 0
    }

    pub(crate) fn has_ended(&self) -> bool {
        matches!(self.state, 'Z' | 'X' | 'x')
    }
}

/// What became of a process that was identified earlier.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Presence {
    /// It runs, or is stopped.
    Here,
    /// It has ended; its number may belong to another by now.
    Ended,
    /// The machine was started again since.
    EarlierBoot,
    /// Its number means another process here.
    OtherNamespace,
}

impl Identity {
    /// `None` where there is no such process.
    pub(crate) fn of(pid: u32) -> Option<Self> {
        Some(Self { pid, start: Stat::of(pid)?.start, boot: Boot::current().ok()? })
    }

    /// Its state, as long as it is the same process.
    pub(crate) fn stat(&self) -> Option<Stat> {
        Stat::of(self.pid).filter(|stat| stat.start == self.start && !stat.has_ended())
    }

    pub(crate) fn presence(&self) -> Presence {
        match self.boot.presence() {
            Presence::Here if self.stat().is_none() => Presence::Ended,
            other => other,
        }
    }

    /// Sends a signal to this very process. An error of kind `NotFound` says that it has ended.
    pub(crate) fn signal(&self, signal: Signal) -> io::Result<()> {
        let ended = || io::Error::new(io::ErrorKind::NotFound, "the process has ended");
        let pid = i32::try_from(self.pid).ok().and_then(Pid::from_raw).ok_or_else(ended)?;
        let handle: Option<OwnedFd> = match pidfd_open(pid, PidfdFlags::empty()) {
            Ok(handle) => Some(handle),
            Err(rustix::io::Errno::SRCH) => return Err(ended()),
            // An old kernel: the check below then is as near as one gets.
            Err(_) => None,
        };
        // Looked at after the handle was taken: if it matches, the handle is of this process.
        if self.presence() != Presence::Here {
            return Err(ended());
        }
        let sent = match handle {
            Some(handle) => pidfd_send_signal(handle, signal),
            None => rustix::process::kill_process(pid, signal),
        };
        sent.map_err(|error| if error == rustix::io::Errno::SRCH { ended() } else { error.into() })
    }
}

/// The command line as a person would type it; the name in brackets where there is none.
pub(crate) fn command_line(pid: u32) -> String {
    const SHOWN: usize = 120;
    let bytes = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    let words: Vec<String> = bytes
        .split(|byte| *byte == 0)
        .filter(|word| !word.is_empty())
        .map(|word| String::from_utf8_lossy(word).into_owned())
        .collect();
    if words.is_empty() {
        return Stat::of(pid).map_or_else(|| "ended".to_owned(), |stat| format!("[{}]", stat.name));
    }
    let line = words.join(" ");
    if line.chars().count() <= SHOWN {
        return line;
    }
    let mut short: String = line.chars().take(SHOWN).collect();
    short.push('…');
    short
}

/// The processes that a process descends from, its parent first.
pub(crate) fn ancestors(pid: u32) -> Vec<u32> {
    // Deeper trees do not exist; numbers that are used again while we look could make a circle.
    const DEEPEST: usize = 1000;
    let mut found = Vec::new();
    let mut current = pid;
    while let Some(stat) = Stat::of(current) {
        if stat.parent == 0 || found.len() == DEEPEST {
            break;
        }
        found.push(stat.parent);
        current = stat.parent;
    }
    found
}

/// The numbers of all processes.
pub(crate) fn all() -> Vec<u32> {
    let Ok(entries) = fs::read_dir("/proc") else { return Vec::new() };
    let names = entries.flatten().map(|entry| entry.file_name());
    let mut pids: Vec<u32> = names.filter_map(|name| name.to_str()?.parse().ok()).collect();
    pids.sort_unstable();
    pids
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_may_look_like_fields() {
        let mut fields = vec!["T"; 1];
        fields.extend(["77", "1", "1", "0", "-1", "2097152"]);
        fields.extend(["0"; 12]);
        fields.push("4242");
        let text = format!("12 (a) R 1 (b) {}\n", fields.join(" "));
        let stat = Stat::parse(&text).unwrap();
        assert_eq!(stat.name, "a) R 1 (b");
        assert_eq!((stat.state, stat.parent, stat.start), ('T', 77, 4242));
        assert!(stat.is_kernel_thread());
    }

    #[test]
    fn a_number_that_is_used_again_is_another_process() {
        let me = Identity::of(std::process::id()).unwrap();
        assert_eq!(me.presence(), Presence::Here);
        let other = Identity { start: me.start - 1, ..me.clone() };
        assert_eq!(other.presence(), Presence::Ended);
        let error = other.signal(Signal::CONT).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::NotFound);
        let boot = Boot { boot: "another".to_owned(), ..me.boot.clone() };
        assert_eq!(Identity { boot, ..me.clone() }.presence(), Presence::EarlierBoot);
        let boot = Boot { pid_namespace: "pid:[1]".to_owned(), ..me.boot.clone() };
        assert_eq!(Identity { boot, ..me }.presence(), Presence::OtherNamespace);
    }

    #[test]
    fn a_process_descends_from_its_parent() {
        let me = std::process::id();
        let parent = rustix::process::getppid().unwrap().as_raw_nonzero().get();
        assert_eq!(ancestors(me).first().copied(), u32::try_from(parent).ok());
    }
}
