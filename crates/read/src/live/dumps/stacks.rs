//! Stacks of a file: frames in one spelling, equal stacks once.

use std::collections::HashSet;
use std::sync::Arc;

use wonin_model::Thread;

/// Frames of all different stacks of one file; the stacks after them are left empty.
const FRAMES_MAX: usize = 2_000_000;

/// All stacks seen so far.
#[derive(Debug, Default)]
pub(in crate::live) struct Stacks {
    known: HashSet<Arc<[String]>>,
    frames: usize,
    /// Whether stacks were left out.
    pub(in crate::live) is_full: bool,
}

impl Stacks {
    /// The one copy of a stack.
    pub(in crate::live) fn share(&mut self, mut stack: Vec<String>) -> Arc<[String]> {
        stack.truncate(Thread::FRAMES_MAX);
        if let Some(known) = self.known.get(stack.as_slice()) {
            return Arc::clone(known);
        }
        if self.frames + stack.len() > FRAMES_MAX {
            self.is_full = true;
            return Arc::default();
        }
        self.frames += stack.len();
        let stack: Arc<[String]> = stack.into();
        self.known.insert(Arc::clone(&stack));
        stack
    }
}

/// A frame in the one spelling: `java.lang.Thread.sleep(Native Method)` for
/// `java.base@17.0.15/java.lang.Thread.sleep(java.base@17.0.15/Native Method)`. Modules, class
/// loaders and versions go, and what numbers hidden classes.
pub(in crate::live) fn frame(text: &str) -> String {
    let text = text.trim();
    let (call, source) = text.split_once('(').unwrap_or((text, ""));
    // A hidden class bears a number after its own slash: `Main$$Lambda$14/0x0000ab.run`.
    let call = match call.split_once("$$Lambda") {
        Some((class, rest)) => {
            let method = rest.rsplit_once('.').map_or("", |(_, method)| method);
            format!("{}$$Lambda.{method}", without_module(class))
        }
        None => without_module(call).to_owned(),
    };
    let source = without_module(source.trim_end_matches(')'));
    let source = source.strip_prefix("app//").unwrap_or(source);
    if source.is_empty() { call } else { format!("{call}({source})") }
}

fn without_module(text: &str) -> &str {
    text.rsplit_once('/').map_or(text, |(_, rest)| rest)
}

/// A lock in the one spelling: `java.lang.Object@fc087188` for `<0x00000000fc087188>` and
/// `(a java.lang.Object)`.
pub(in crate::live) fn lock(class: &str, number: &str) -> String {
    let digits = number.trim_start_matches("0x").trim_start_matches('0');
    format!("{}@{}", class.trim(), if digits.is_empty() { "0" } else { digits })
}

/// Whether nobody can hold such a thing: one waits for its signal.
pub(in crate::live) fn is_condition(class: &str) -> bool {
    const CONDITIONS: &[&str] = &[
        "AbstractQueuedSynchronizer$ConditionObject",
        "AbstractQueuedLongSynchronizer$ConditionObject",
        "CompletableFuture$Signaller",
        "CountDownLatch$Sync",
        "Exchanger$Node",
        "FutureTask",
        "LinkedTransferQueue",
        "Phaser$QNode",
        "Semaphore$FairSync",
        "Semaphore$NonfairSync",
        "SynchronousQueue",
    ];
    let class = class.split('@').next().unwrap_or(class);
    let is_lock = class.contains("ReentrantLock$")
        || class.contains("ReentrantReadWriteLock$")
        || class.contains("StampedLock");
    !is_lock && (CONDITIONS.iter().any(|name| class.contains(name)) || !class.ends_with("Sync"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_spelling_for_a_frame_of_any_tool() {
        for text in [
            "java.lang.Thread.sleep(java.base@17.0.15/Native Method)",
            "java.base/java.lang.Thread.sleep(Native Method)",
            "java.base@21/java.lang.Thread.sleep(Native Method)",
            "java.lang.Thread.sleep(Native Method)",
        ] {
            assert_eq!(frame(text), "java.lang.Thread.sleep(Native Method)");
        }
        let lambdas = [
            "Locks$$Lambda$4/0x00007efc69001448.run(Unknown Source)",
            "Locks$$Lambda/0x0000000054080210.run(Unknown Source)",
        ];
        assert_eq!(lambdas.map(frame), ["Locks$$Lambda.run(Unknown Source)"; 2]);
        assert_eq!(frame("app//shop.Main.main(Main.java:3)"), "shop.Main.main(Main.java:3)");
    }

    #[test]
    fn locks_are_told_from_conditions() {
        assert!(!is_condition("java.util.concurrent.locks.ReentrantLock$NonfairSync@1"));
        assert!(!is_condition("java.util.concurrent.locks.ReentrantReadWriteLock$FairSync"));
        assert!(is_condition(
            "java.util.concurrent.locks.AbstractQueuedSynchronizer$ConditionObject"
        ));
        assert!(is_condition("java.util.concurrent.CountDownLatch$Sync"));
        assert!(is_condition("java.util.concurrent.SynchronousQueue$TransferStack"));
    }

    #[test]
    fn equal_stacks_share_their_memory() {
        let mut stacks = Stacks::default();
        let one = stacks.share(vec!["a".to_owned()]);
        assert!(Arc::ptr_eq(&one, &stacks.share(vec!["a".to_owned()])));
    }
}
