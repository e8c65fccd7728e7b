//! Threads that stand still.

use std::collections::BTreeMap;

use wonin_model::{StuckThread, Thread};

use super::{FRAMES_SHOWN, KEPT_MAX, Member};

/// Dumps that must agree.
const DUMPS_MIN: usize = 3;
/// Innermost frames that must be equal.
const FRAMES_EQUAL: usize = 8;

/// Threads whose innermost frames are equal in the last three dumps or more and that do not wait
/// for work. Whether that is an error is not said here: a main thread waits for the end.
pub(super) fn stuck(members: &[Vec<Member<'_>>], times: &[Option<i64>]) -> Vec<StuckThread> {
    if members.len() < DUMPS_MIN {
        return Vec::new();
    }
    let by_key: Vec<BTreeMap<Key<'_>, &Member<'_>>> = members
        .iter()
        .map(|dump| dump.iter().map(|member| (key(member.thread), member)).collect())
        .collect();
    let last = members.len() - 1;
    let mut stuck: Vec<StuckThread> = members[last]
        .iter()
        .filter(|member| !member.is_idle && !member.thread.stack.is_empty())
        .filter_map(|member| {
            let own = key(member.thread);
            let earlier = by_key[..last].iter().rev().map(|dump| dump.get(&own));
            let equal = earlier.take_while(|found| {
                found.is_some_and(|found| innermost(found.thread) == innermost(member.thread))
            });
            let first = last - equal.count();
            if last - first + 1 < DUMPS_MIN {
                return None;
            }
            let begin = by_key[first].get(&own)?;
            Some(one(member, begin, last - first + 1, times[last].zip(times[first])))
        })
        .collect();
    stuck.sort_by(|a, b| (b.dumps, a.place.span).cmp(&(a.dumps, b.place.span)));
    stuck.truncate(KEPT_MAX);
    stuck
}

fn one(
    member: &Member<'_>,
    begin: &Member<'_>,
    dumps: usize,
    times: Option<(i64, i64)>,
) -> StuckThread {
    let cpu = member.thread.cpu_ms.zip(begin.thread.cpu_ms);
    StuckThread {
        name: member.thread.name.clone(),
        pattern: member.pattern.to_owned(),
        place: member.thread.place,
        state: member.thread.state.clone(),
        frames: member.thread.stack.iter().take(FRAMES_SHOWN).cloned().collect(),
        dumps: dumps as u32,
        span_ms: times.map(|(last, first)| last.saturating_sub(first)),
        cpu_ms: cpu.map(|(last, first)| last.saturating_sub(first)),
        waits_for: member.thread.waits_for.clone(),
    }
}

type Key<'a> = (&'a str, Option<&'a str>);

fn key(thread: &Thread) -> Key<'_> {
    (&thread.name, thread.id.as_deref())
}

fn innermost(thread: &Thread) -> &[String] {
    &thread.stack[..thread.stack.len().min(FRAMES_EQUAL)]
}
