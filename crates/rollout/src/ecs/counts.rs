//! How many tasks there are of each kind, kept up to date: the scheduler asks at every event, and
//! looking at all tasks each time would take longer than everything else.

use super::EcsSimulator;
use super::task::{Revision, Stage, Task};

/// Tasks of one revision that launch or run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Group {
    pub(super) alive: u32,
    /// Those that the scheduler has seen healthy.
    pub(super) healthy: u32,
    /// Those that it holds for unhealthy.
    pub(super) bad: u32,
    /// Those of them that are not booked as failures yet.
    pub(super) uncounted: u32,
}

impl Group {
    /// Those that are not unhealthy.
    pub(super) fn good(self) -> u32 {
        self.alive - self.bad
    }
}

/// All tasks by kind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Counts {
    old: Group,
    new: Group,
    /// On their way out.
    pub(super) stopping: u32,
}

impl Counts {
    pub(super) fn of(&self, revision: Revision) -> Group {
        match revision {
            Revision::Old => self.old,
            Revision::New => self.new,
        }
    }

    pub(super) fn alive(&self) -> u32 {
        self.old.alive + self.new.alive
    }

    pub(super) fn healthy(&self) -> u32 {
        self.old.healthy + self.new.healthy
    }

    /// Tasks that take a place in the cluster.
    pub(super) fn placed(&self) -> u32 {
        self.alive() + self.stopping
    }

    fn book(&mut self, task: &Task, sign: i32) {
        let step = |count: &mut u32, applies: bool| {
            if applies {
                *count = count.wrapping_add_signed(sign);
            }
        };
        step(&mut self.stopping, task.stage == Stage::Stopping);
        if !task.is_alive() {
            return;
        }
        let group = match task.revision {
            Revision::Old => &mut self.old,
            Revision::New => &mut self.new,
        };
        step(&mut group.alive, true);
        step(&mut group.healthy, task.healthy);
        step(&mut group.bad, task.bad);
        step(&mut group.uncounted, task.bad && !task.counted);
    }
}

impl EcsSimulator {
    /// Changes a task; all changes of its stage and health come here.
    pub(super) fn change(&mut self, slot: usize, change: impl FnOnce(&mut Task)) {
        let task = &mut self.tasks[slot];
        self.counts.book(task, -1);
        change(task);
        self.counts.book(task, 1);
    }

    /// Books a task in a slot that was free.
    pub(super) fn book_new(&mut self, slot: usize) {
        self.counts.book(&self.tasks[slot], 1);
    }

    /// Counts anew.
    pub(super) fn recount(&self) -> Counts {
        let mut counts = Counts::default();
        for task in &self.tasks {
            counts.book(task, 1);
        }
        counts
    }
}
