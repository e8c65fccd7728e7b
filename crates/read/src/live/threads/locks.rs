//! Who holds what others wait for.

use std::collections::{BTreeMap, BTreeSet};

use wonin_model::LockOwner;

use super::{FRAMES_SHOWN, KEPT_MAX, Member, patterns};

/// The locks of the last dump that threads wait for.
pub(super) fn owners(members: &[Vec<Member<'_>>]) -> Vec<LockOwner> {
    let Some(last) = members.last() else {
        return Vec::new();
    };
    let seen: Vec<BTreeSet<(&str, &str)>> = members.iter().map(|dump| held(dump)).collect();
    let waits = Waits::of(last);
    let mut owners: Vec<LockOwner> = waits
        .waiting
        .iter()
        .map(|(lock, waiting)| {
            let owner = waits.owner(lock);
            let class = class_of(lock);
            let dumps = owner.map_or(1, |owner| {
                let key = (owner.thread.name.as_str(), class);
                seen.iter().filter(|dump| dump.contains(&key)).count()
            });
            LockOwner {
                lock: (*lock).to_owned(),
                owner: owner.map(|owner| owner.thread.name.clone()),
                owner_place: owner.map(|owner| owner.thread.place),
                owner_frames: owner
                    .map(|owner| owner.thread.stack.iter().take(FRAMES_SHOWN).cloned().collect())
                    .unwrap_or_default(),
                owner_waits_for: owner.and_then(|owner| owner.thread.waits_for.clone()),
                waiting: waiting.len() as u32,
                behind: waits.behind(lock),
                patterns: patterns(waiting.iter().copied()),
                place: waiting[0].thread.place,
                dumps: dumps as u32,
            }
        })
        .collect();
    owners.sort_by(|a, b| (b.behind, a.place.span).cmp(&(a.behind, b.place.span)));
    owners.truncate(KEPT_MAX);
    owners
}

/// Owners with the classes of the locks that others want of them. Addresses do not count: a
/// collector moves objects between two dumps.
fn held<'a>(members: &'a [Member<'a>]) -> BTreeSet<(&'a str, &'a str)> {
    let waits = Waits::of(members);
    let owner = |lock: &&'a str| Some((waits.owner(lock)?.thread.name.as_str(), class_of(lock)));
    waits.waiting.keys().filter_map(owner).collect()
}

fn class_of(lock: &str) -> &str {
    lock.split('@').next().unwrap_or(lock)
}

/// Who waits for what, and who holds it.
struct Waits<'a> {
    waiting: BTreeMap<&'a str, Vec<&'a Member<'a>>>,
    holders: BTreeMap<&'a str, &'a Member<'a>>,
}

impl<'a> Waits<'a> {
    fn of(members: &'a [Member<'a>]) -> Self {
        let mut waiting: BTreeMap<&str, Vec<&Member<'_>>> = BTreeMap::new();
        let mut holders = BTreeMap::new();
        let by_name: BTreeMap<&str, &Member<'_>> =
            members.iter().map(|member| (member.thread.name.as_str(), member)).collect();
        for member in members {
            for lock in &member.thread.holds {
                holders.insert(lock.as_str(), member);
            }
        }
        for member in members {
            let Some(lock) = &member.thread.waits_for else {
                continue;
            };
            waiting.entry(lock.as_str()).or_default().push(member);
            let named = member.thread.waits_for_thread.as_deref();
            if let Some(owner) = named.and_then(|name| by_name.get(name)) {
                holders.entry(lock.as_str()).or_insert(owner);
            }
        }
        Self { waiting, holders }
    }

    fn owner(&self, lock: &str) -> Option<&'a Member<'a>> {
        self.holders.get(lock).copied()
    }

    /// Threads that wait for a lock, or for one that a thread so waiting holds. Threads in a
    /// circle count once.
    fn behind(&self, lock: &'a str) -> u32 {
        let mut locks = BTreeSet::from([lock]);
        let mut open = vec![lock];
        let mut count = 0;
        while let Some(lock) = open.pop() {
            for member in self.waiting.get(lock).map_or(&[][..], Vec::as_slice) {
                count += 1;
                for held in &member.thread.holds {
                    if locks.insert(held) {
                        open.push(held);
                    }
                }
            }
        }
        count
    }
}
