//! What the dumps of one process add up to: groups and their growth, busy pools, equal stacks,
//! locks with their owners, threads that stand still.

mod idle;
mod locks;
mod stuck;

use std::collections::{BTreeMap, BTreeSet};

use wonin_model::{GroupCount, StackGroup, Thread, ThreadDump, ThreadGroup, ThreadSet};

use idle::is_idle;

/// Groups, equal stacks, locks and stuck threads that are kept of a set.
const KEPT_MAX: usize = 256;
/// Frames of a group or stack that are shown.
const FRAMES_SHOWN: usize = 16;

/// Puts dumps in the order of time and adds up those of each process. `dirs` has the directory of
/// each dump's file: what names no process belongs together by it.
pub(crate) fn sets(dumps: &[ThreadDump], dirs: &[String]) -> Vec<ThreadSet> {
    let mut by_process: BTreeMap<(String, String), Vec<usize>> = BTreeMap::new();
    for (index, dump) in dumps.iter().enumerate() {
        // An address tells processes apart by itself; numbers are equal in many containers.
        let process = dump.process.clone().unwrap_or_else(|| dump.format.to_owned());
        let dir = if process.starts_with("0x") { String::new() } else { dirs[index].clone() };
        by_process.entry((process, dir)).or_default().push(index);
    }
    let mut sets: Vec<Vec<usize>> = by_process.into_values().collect();
    sets.sort();
    sets.into_iter().map(|set| summary(dumps, set)).collect()
}

/// One thread with what is known of it within its set.
struct Member<'a> {
    thread: &'a Thread,
    pattern: &'a str,
    is_idle: bool,
}

fn summary(dumps: &[ThreadDump], set: Vec<usize>) -> ThreadSet {
    let patterns: Vec<Vec<String>> = set
        .iter()
        .map(|&dump| dumps[dump].threads.iter().map(|t| pattern(&t.name)).collect())
        .collect();
    let members: Vec<Vec<Member<'_>>> = set
        .iter()
        .zip(&patterns)
        .map(|(&dump, patterns)| {
            let threads = dumps[dump].threads.iter().zip(patterns);
            threads
                .filter(|(thread, _)| !thread.is_internal)
                .map(|(thread, pattern)| Member {
                    thread,
                    pattern,
                    is_idle: is_idle(&thread.stack),
                })
                .collect()
        })
        .collect();
    let times: Vec<Option<i64>> = set.iter().map(|&dump| dumps[dump].at_ms).collect();
    ThreadSet {
        counts: members.iter().map(|members| members.len() as u32).collect(),
        groups: groups(&members),
        stacks: members.last().map(|last| stacks(last)).unwrap_or_default(),
        locks: locks::owners(&members),
        stuck: stuck::stuck(&members, &times),
        dumps: set,
    }
}

/// A name with `#` for each run of digits; hexadecimal identifiers stay as they are.
pub(crate) fn pattern(name: &str) -> String {
    let mut out = String::with_capacity(name.len());
    let mut in_digits = false;
    for char in name.chars() {
        if char.is_ascii_digit() {
            if !in_digits {
                out.push('#');
            }
            in_digits = true;
        } else {
            in_digits = false;
            out.push(char);
        }
    }
    out
}

/// The runs of digits of a name.
fn numbers(name: &str) -> impl Iterator<Item = u64> {
    name.split(|char: char| !char.is_ascii_digit())
        .filter(|run| !run.is_empty())
        .map(|run| run.parse().unwrap_or(u64::MAX))
}

/// The pool that a name belongs to: what stands before its last run of digits, where more than
/// one run makes that a name of its own.
fn pool(name: &str) -> &str {
    let end = name.rfind(|char: char| char.is_ascii_digit()).map_or(0, |at| at + 1);
    let before = name[..end].trim_end_matches(|char: char| char.is_ascii_digit());
    if before.contains(|char: char| char.is_ascii_digit()) { before } else { "" }
}

fn groups(members: &[Vec<Member<'_>>]) -> Vec<ThreadGroup> {
    let mut groups: BTreeMap<&str, ThreadGroup> = BTreeMap::new();
    for (index, dump) in members.iter().enumerate() {
        let mut pools: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
        for member in dump {
            let group = groups.entry(member.pattern).or_insert_with(|| ThreadGroup {
                pattern: member.pattern.to_owned(),
                counts: vec![GroupCount::default(); members.len()],
                highest: Vec::new(),
                frames: Vec::new(),
                place: member.thread.place,
                is_virtual: member.thread.is_virtual,
            });
            add(group, index, member);
            pools.entry(member.pattern).or_default().insert(pool(&member.thread.name));
        }
        for (pattern, names) in pools {
            if let Some(group) = groups.get_mut(pattern) {
                group.counts[index].pools = names.len() as u32;
            }
        }
    }
    let mut groups: Vec<ThreadGroup> = groups.into_values().collect();
    groups.sort_by_key(|group| {
        let last = group.counts.last().map_or(0, |count| count.threads);
        (std::cmp::Reverse((group.growth(), last)), group.pattern.clone())
    });
    groups.truncate(KEPT_MAX);
    groups
}

fn add(group: &mut ThreadGroup, dump: usize, member: &Member<'_>) {
    let thread = member.thread;
    let count = &mut group.counts[dump];
    if count.threads == 0 {
        group.place = thread.place;
        group.frames = thread.stack.to_vec();
    } else {
        keep_common(&mut group.frames, &thread.stack);
    }
    group.frames.truncate(FRAMES_SHOWN);
    count.threads += 1;
    count.idle += u32::from(member.is_idle);
    count.blocked += u32::from(thread.waits_for.is_some());
    if let Some(state) = &thread.state {
        *count.states.entry(state.clone()).or_default() += 1;
    }
    for (at, number) in numbers(&thread.name).enumerate() {
        match group.highest.get_mut(at) {
            Some(highest) => *highest = number.max(*highest),
            None => group.highest.push(number),
        }
    }
}

/// Leaves the innermost frames that two stacks share.
fn keep_common(frames: &mut Vec<String>, other: &[String]) {
    let common = frames.iter().zip(other).take_while(|(a, b)| a == b).count();
    frames.truncate(common);
}

/// The patterns of some members with counts, the most frequent first.
fn patterns<'a>(members: impl Iterator<Item = &'a Member<'a>>) -> Vec<(String, u32)> {
    let mut counts: BTreeMap<&str, u32> = BTreeMap::new();
    for member in members {
        *counts.entry(member.pattern).or_default() += 1;
    }
    let mut counts: Vec<(String, u32)> =
        counts.into_iter().map(|(pattern, count)| (pattern.to_owned(), count)).collect();
    counts.sort_by(|a, b| (b.1, &a.0).cmp(&(a.1, &b.0)));
    counts.truncate(8);
    counts
}

fn stacks(members: &[Member<'_>]) -> Vec<StackGroup> {
    let mut by_stack: BTreeMap<&[String], Vec<&Member<'_>>> = BTreeMap::new();
    for member in members.iter().filter(|member| !member.thread.stack.is_empty()) {
        by_stack.entry(&member.thread.stack).or_default().push(member);
    }
    let mut equal: Vec<StackGroup> = by_stack
        .into_iter()
        .filter(|(_, members)| members.len() > 1)
        .map(|(stack, members)| StackGroup {
            count: members.len() as u32,
            is_idle: members[0].is_idle,
            patterns: patterns(members.iter().copied()),
            frames: stack.iter().take(FRAMES_SHOWN).cloned().collect(),
            place: members[0].thread.place,
        })
        .collect();
    equal.sort_by(|a, b| (b.count, a.place.span).cmp(&(a.count, b.place.span)));
    equal.truncate(KEPT_MAX);
    equal
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_fall_into_patterns_and_pools() {
        assert_eq!(pattern("pool-12-thread-3"), "pool-#-thread-#");
        assert_eq!(numbers("pool-12-thread-3").collect::<Vec<_>>(), [12, 3]);
        assert_eq!(pool("pool-12-thread-3"), "pool-12-thread-");
        assert_eq!(pool("http-nio-8080-exec-7"), "http-nio-8080-exec-");
        assert_eq!(pool("Thread-7"), "");
        assert_eq!(pool("main"), "");
    }
}
