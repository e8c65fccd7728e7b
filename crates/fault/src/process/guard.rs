//! Which processes may be hit at all.

use super::proc::{Stat, ancestors};

/// Says why a process must not be hit, or cannot be.
///
/// `us` is the process that asks. With `allow_foreign` it need not descend from `us`.
pub(super) fn refusal(pid: u32, us: u32, allow_foreign: bool) -> Option<String> {
    if pid == 0 {
        return Some("0 is no process: it would be a whole group of them".to_owned());
    }
    if pid == 1 {
        return Some("process 1 holds up all others".to_owned());
    }
    let Some(stat) = Stat::of(pid) else {
        return Some(format!("there is no process {pid}"));
    };
    if stat.has_ended() {
        return Some(format!("process {pid} ({}) has ended already", stat.name));
    }
    if stat.is_kernel_thread() {
        return Some(format!("process {pid} ({}) is a thread of the kernel", stat.name));
    }
    if pid == us {
        return Some(format!("process {pid} is wonin itself"));
    }
    if ancestors(us).contains(&pid) {
        return Some(format!("process {pid} ({}) started wonin: it would not heal", stat.name));
    }
    if !allow_foreign && !ancestors(pid).contains(&us) {
        return Some(format!(
            "process {pid} ({}) was not started by this run; hitting processes of others must be \
             allowed explicitly",
            stat.name
        ));
    }
    not_permitted(pid, &stat)
}

fn not_permitted(pid: u32, stat: &Stat) -> Option<String> {
    let raw = i32::try_from(pid).ok().and_then(rustix::process::Pid::from_raw)?;
    match rustix::process::test_kill_process(raw) {
        Err(rustix::io::Errno::PERM) => Some(format!(
            "process {pid} ({}) belongs to another user, and this one may not signal it",
            stat.name
        )),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::{Command, Stdio};

    #[test]
    fn what_would_harm_is_refused_with_its_reason() {
        let us = std::process::id();
        let why = |pid, foreign| refusal(pid, us, foreign).unwrap_or_default();
        assert!(why(1, true).contains("all others"));
        assert!(why(us, true).contains("itself"));
        assert!(why(0, true).contains("group"));
        assert!(why(u32::MAX, true).contains("there is no process"));
        let parent = ancestors(us).first().copied().unwrap();
        if parent != 1 {
            assert!(why(parent, true).contains("started wonin"));
        }
        // Process 2 starts the kernel's threads, where it can be seen.
        if Stat::of(2).is_some_and(|stat| stat.is_kernel_thread()) {
            assert!(why(2, true).contains("kernel"));
        }
    }

    #[test]
    fn only_own_children_are_hit_unless_others_are_allowed() {
        let mut child = Command::new("sleep").arg("30").stdin(Stdio::null()).spawn().unwrap();
        let pid = child.id();
        let us = std::process::id();
        assert_eq!(refusal(pid, us, false), None);
        // To another process it is foreign.
        assert!(refusal(pid, pid + 1, false).unwrap().contains("not started by this run"));
        child.kill().unwrap();
        // Ended, not yet waited for.
        let begin = super::super::proc::since_boot_ms().unwrap();
        while Stat::of(pid).is_some_and(|stat| !stat.has_ended()) {
            assert!(super::super::proc::since_boot_ms().unwrap() < begin + 5_000);
            std::thread::yield_now();
        }
        assert!(refusal(pid, us, false).unwrap().contains("has ended"));
        child.wait().unwrap();
        assert!(refusal(pid, us, false).is_some());
    }
}
