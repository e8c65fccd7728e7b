//! What the thread dumps of one process add up to. Readers compute it; modes compare numbers.

use std::collections::BTreeMap;

use wonin_text::Place;

/// All dumps of one process.
#[derive(Clone, Debug)]
pub struct ThreadSet {
    /// Positions in `Evidence::dumps`, in the order of time.
    pub dumps: Vec<usize>,
    /// Threads that run Java code, per dump.
    pub counts: Vec<u32>,
    /// Threads by the pattern of their names: those that grew most first, then the largest.
    pub groups: Vec<ThreadGroup>,
    /// Equal stacks of two or more threads in the last dump, the most frequent first.
    pub stacks: Vec<StackGroup>,
    /// Locks that somebody waits for in the last dump, those that hold up most threads first.
    pub locks: Vec<LockOwner>,
    /// Threads that stand still over three dumps or more.
    pub stuck: Vec<StuckThread>,
}

/// Threads whose names differ only in their digits.
#[derive(Clone, Debug)]
pub struct ThreadGroup {
    /// The name with `#` for each run of digits: `pool-#-thread-#`.
    pub pattern: String,
    /// Counts in each dump of the set.
    pub counts: Vec<GroupCount>,
    /// Highest number of each run of digits, over all dumps.
    pub highest: Vec<u64>,
    /// Frames that all its threads share in the last dump that has it, the innermost first.
    pub frames: Vec<String>,
    /// Its first thread in the last dump that has it.
    pub place: Place,
    /// Whether its threads are virtual ones.
    pub is_virtual: bool,
}

impl ThreadGroup {
    /// Threads in the last dump minus threads in the first.
    pub fn growth(&self) -> i64 {
        let threads =
            |count: Option<&GroupCount>| count.map_or(0, |count| i64::from(count.threads));
        threads(self.counts.last()) - threads(self.counts.first())
    }

    /// Whether no dump has fewer of them than the one before.
    pub fn never_falls(&self) -> bool {
        self.counts.windows(2).all(|pair| pair[0].threads <= pair[1].threads)
    }
}

/// One group in one dump.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GroupCount {
    /// Threads.
    pub threads: u32,
    /// Those that wait for work: in the queue of their own pool, in a selector, in `accept`.
    pub idle: u32,
    /// Those that wait for a lock that another thread holds.
    pub blocked: u32,
    /// Pools: names that differ before their last run of digits; 1 for names with a single run.
    pub pools: u32,
    /// Threads by state, where the format has states.
    pub states: BTreeMap<String, u32>,
}

impl GroupCount {
    /// Those that do not wait for work.
    pub fn busy(&self) -> u32 {
        self.threads - self.idle
    }
}

/// Threads with the same stack.
#[derive(Clone, Debug)]
pub struct StackGroup {
    /// How many.
    pub count: u32,
    /// Whether they wait for work.
    pub is_idle: bool,
    /// Patterns of their names with counts, the most frequent first.
    pub patterns: Vec<(String, u32)>,
    /// The frames, the innermost first.
    pub frames: Vec<String>,
    /// The first of them.
    pub place: Place,
}

/// A lock that threads wait for, and who holds it.
#[derive(Clone, Debug)]
pub struct LockOwner {
    /// `class@number`.
    pub lock: String,
    /// Name of the thread that holds it; `None` where the dump does not tell.
    pub owner: Option<String>,
    /// Where the owner stands.
    pub owner_place: Option<Place>,
    /// The owner's innermost frames.
    pub owner_frames: Vec<String>,
    /// The lock that the owner waits for itself: this lock hangs below that one.
    pub owner_waits_for: Option<String>,
    /// Threads that wait for this lock.
    pub waiting: u32,
    /// Threads that wait for it or for a lock that one of those holds.
    pub behind: u32,
    /// Patterns of the waiting threads' names with counts, the most frequent first.
    pub patterns: Vec<(String, u32)>,
    /// The first waiting thread.
    pub place: Place,
    /// In how many dumps of the set this owner held a lock of this class that others waited for.
    pub dumps: u32,
}

/// A thread whose innermost frames are the same in three dumps or more, and that does not wait for
/// work.
#[derive(Clone, Debug)]
pub struct StuckThread {
    /// Name.
    pub name: String,
    /// The name with `#` for each run of digits.
    pub pattern: String,
    /// Where it stands in the last dump.
    pub place: Place,
    /// State in the last dump.
    pub state: Option<String>,
    /// The frames in common, the innermost first.
    pub frames: Vec<String>,
    /// Dumps in a row, up to the last one.
    pub dumps: u32,
    /// From the first of those dumps to the last, in milliseconds.
    pub span_ms: Option<i64>,
    /// Processor time used between them, in milliseconds: near the span, it loops.
    pub cpu_ms: Option<u64>,
    /// The lock it waits for.
    pub waits_for: Option<String>,
}
