//! What happens to a deployment from outside: alarms that watch it, old tasks that die
//! (rollout-semantics 2.4, 2.5).

use super::task::{Revision, Stage};
use super::{Bake, Due, EcsSimulator, Step};
use crate::event::{EventKind, Recorder, seconds};
use crate::outcome::Ending;
use crate::plan::{Alarms, EcsPlan};
use crate::queue::Rank;

impl EcsSimulator {
    /// Puts what comes from outside into the queue.
    pub(super) fn expect_outside(&mut self, plan: &EcsPlan) {
        if let Some(lost) = plan.lost {
            self.expect(lost.at_ms, Rank::State, Step::Lost);
        }
        if let Some(raised_ms) = plan.alarms.and_then(|alarms| alarms.raised_ms) {
            self.expect(raised_ms, Rank::State, Step::AlarmRaised);
        }
    }

    /// An event of the deployment as a whole.
    fn expect(&mut self, at_ms: u64, rank: Rank, step: Step) {
        self.queue.push(at_ms, rank, Due { slot: 0, generation: 0, step });
    }

    /// Old tasks die. What takes their place is for the scheduler to say.
    pub(super) fn on_lost<R: Recorder>(&mut self, plan: &EcsPlan, recorder: &mut R) {
        let mut left = plan.lost.map_or(0, |lost| lost.tasks);
        for slot in 0..self.tasks.len() {
            let task = &self.tasks[slot];
            if left == 0 || task.revision != Revision::Old || task.stage != Stage::Running {
                continue;
            }
            left -= 1;
            self.note(recorder, Some(slot), EventKind::Exited, || "lost".to_owned());
            self.change(slot, |task| task.stage = Stage::Gone);
            self.update_serving(plan, slot, recorder);
            self.dirty = true;
        }
    }

    /// An alarm fails the deployment, unless it was one that had been raised before.
    pub(super) fn on_alarm<R: Recorder>(&mut self, plan: &EcsPlan, recorder: &mut R) {
        let Some(alarms) = plan.alarms else { return };
        if alarms.in_alarm_at_start {
            self.note(recorder, None, EventKind::AlarmRaised, || {
                "ignored: one was in ALARM when the deployment began".to_owned()
            });
            return;
        }
        self.note(recorder, None, EventKind::AlarmRaised, String::new);
        self.fail(Ending::Alarm, alarms.rollback, recorder);
    }

    /// Whether the deployment must be watched for longer before it is complete.
    pub(super) fn still_bakes<R: Recorder>(&mut self, plan: &EcsPlan, recorder: &mut R) -> bool {
        let bake_ms = match plan.alarms {
            Some(Alarms { in_alarm_at_start: false, bake_ms, .. }) => bake_ms,
            _ => 0,
        };
        match self.bake {
            Bake::Over => false,
            Bake::Going => true,
            Bake::NotYet if bake_ms == 0 => false,
            Bake::NotYet => {
                self.bake = Bake::Going;
                self.note(recorder, None, EventKind::Bakes, || {
                    format!("the alarms are watched for {} s more", seconds(bake_ms))
                });
                self.expect(self.now_ms + bake_ms, Rank::Expiry, Step::Baked);
                true
            }
        }
    }

    /// The zone of the next task of a revision, which has the fewest of it, and whether the load
    /// balancer leaves it out (2.3, E25). A replacement goes to the zone of the task that failed.
    pub(super) fn zone_of_next(&self, plan: &EcsPlan, revision: Revision) -> (u32, bool) {
        let Some(zones) = plan.zones.filter(|_| plan.target.is_some()) else { return (0, false) };
        let members = |zone: u32| {
            self.count_tasks(|task| {
                task.is_alive() && !task.bad && task.revision == revision && task.zone == zone
            })
        };
        let zone = (0..zones.all).min_by_key(|&zone| members(zone)).unwrap_or(0);
        (zone, zone >= zones.served)
    }

    /// An old task that died is replaced by one of its own revision, where the upper bound and the
    /// cluster leave room (2.4).
    pub(super) fn replace_lost<R: Recorder>(&mut self, plan: &EcsPlan, recorder: &mut R) {
        let rule = plan.switches.same_revision_replacement && plan.lost.is_some();
        if !rule || self.primary == Revision::Old {
            return;
        }
        let missing = self.old_wanted.saturating_sub(self.counts.of(Revision::Old).alive);
        for _ in 0..missing.min(self.room(plan)) {
            self.start_of(plan, Revision::Old, 'O', recorder);
        }
    }
}
