//! The Deployment controller (rollout-semantics 4.3).

use super::pod::{Pod, Stage};
use super::{KubernetesSimulator, Rank, Step};
use crate::draw::Stream;
use crate::event::{EventKind, Recorder, seconds};
use crate::outcome::Ending;
use crate::plan::{KubernetesPlan, Strategy};

impl KubernetesSimulator {
    /// Scales until nothing changes, then looks for progress and completion.
    pub(super) fn sync<R: Recorder>(&mut self, plan: &KubernetesPlan, recorder: &mut R) {
        self.dirty = false;
        while self.scale_up(plan, recorder) || self.scale_down(plan, recorder) {}
        self.note_progress(plan);
        self.complete(plan, recorder);
    }

    fn scale_up<R: Recorder>(&mut self, plan: &KubernetesPlan, recorder: &mut R) -> bool {
        let new = self.count(|pod| pod.is_alive() && pod.is_new);
        let old = self.count(|pod| pod.is_alive() && !pod.is_new);
        let total_max = match plan.strategy {
            Strategy::RollingUpdate { .. } => plan.replicas.saturating_add(plan.steps().0),
            // Recreate: nothing new while anything old is there, terminating or not.
            Strategy::Recreate if self.count(|p| !p.is_new && p.stage != Stage::Gone) > 0 => 0,
            Strategy::Recreate => plan.replicas,
        };
        let room = total_max.saturating_sub(old + new);
        let starts = room.min(plan.replicas.saturating_sub(new));
        for _ in 0..starts {
            self.create(plan, recorder);
        }
        self.place_pending(plan);
        starts > 0
    }

    fn scale_down<R: Recorder>(&mut self, plan: &KubernetesPlan, recorder: &mut R) -> bool {
        let old = self.count(|pod| pod.is_alive() && !pod.is_new);
        let new = self.count(|pod| pod.is_alive() && pod.is_new);
        if old == 0 {
            return false;
        }
        if plan.strategy == Strategy::Recreate {
            self.delete_old(plan, old, recorder);
            return true;
        }
        let floor = plan.replicas - plan.steps().1;
        let new_available = self.count(|pod| pod.is_alive() && pod.is_new && pod.available);
        let max_down = (old + new).saturating_sub(floor).saturating_sub(new - new_available);
        if max_down == 0 {
            return false;
        }
        let available = self.count(|pod| pod.is_alive() && pod.available);
        // Old pods that are not available cost nothing, so they go first.
        let idle = self.count(|pod| pod.is_alive() && !pod.is_new && !pod.available);
        let drop = idle.min(max_down) + (old - idle).min(available.saturating_sub(floor));
        self.delete_old(plan, drop, recorder);
        drop > 0
    }

    fn create<R: Recorder>(&mut self, plan: &KubernetesPlan, recorder: &mut R) {
        self.numbers[1] += 1;
        let number = self.numbers[1];
        let stream = Stream::new(self.seed, u64::from(number));
        self.pods.push(Pod::new(plan, number, stream));
        self.run.started += 1;
        self.note(recorder, Some(self.pods.len() - 1), EventKind::Started, String::new);
    }

    /// Gives pending pods the room there is; pods keep theirs until they are gone.
    pub(super) fn place_pending(&mut self, plan: &KubernetesPlan) {
        let taken = self.count(|pod| !matches!(pod.stage, Stage::Pending | Stage::Gone));
        let mut room = plan.slots.unwrap_or(u32::MAX).saturating_sub(taken);
        for index in 0..self.pods.len() {
            if room == 0 {
                return;
            }
            if self.pods[index].stage == Stage::Pending {
                self.pods[index].stage = Stage::Launching;
                let launch_ms = plan.launch.sample(&mut self.pods[index].stream);
                self.push(self.now_ms + launch_ms, Rank::Ready, index, 0, Step::Start);
                room -= 1;
            }
        }
    }

    /// Takes old pods away, those that are not available before the others.
    fn delete_old<R: Recorder>(&mut self, plan: &KubernetesPlan, drop: u32, recorder: &mut R) {
        let mut left = drop;
        for available in [false, true] {
            for index in (0..self.pods.len()).rev() {
                let pod = &self.pods[index];
                if left > 0 && pod.is_alive() && !pod.is_new && pod.available == available {
                    self.delete(plan, index, recorder);
                    left -= 1;
                }
            }
        }
    }

    fn delete<R: Recorder>(&mut self, plan: &KubernetesPlan, index: usize, recorder: &mut R) {
        self.note(recorder, Some(index), EventKind::Draining, String::new);
        self.lose_readiness(index, recorder);
        self.pods[index].stage = Stage::Terminating;
        let stop_ms = self.stop_ms(plan, index);
        self.push(self.now_ms + stop_ms, Rank::State, index, 0, Step::Gone);
    }

    /// More updated, fewer old, more ready or more available: the clock starts anew.
    fn note_progress(&mut self, plan: &KubernetesPlan) {
        let new = |counts: fn(&Pod) -> bool| {
            self.count(|pod| pod.is_alive() && pod.is_new && counts(pod))
        };
        let old = self.count(|pod| pod.is_alive() && !pod.is_new);
        let now = [
            new(|_| true),
            plan.replicas.saturating_sub(old),
            new(|pod| pod.ready),
            new(|pod| pod.available),
        ];
        if now.iter().zip(&self.progress).any(|(now, before)| now > before) {
            self.progress_ms = self.now_ms;
            let at_ms = self.now_ms + plan.progress_deadline_ms;
            self.push(at_ms, Rank::Expiry, 0, 0, Step::Deadline);
        }
        self.progress = now;
    }

    pub(super) fn on_deadline<R: Recorder>(&mut self, plan: &KubernetesPlan, recorder: &mut R) {
        let passed = self.now_ms - self.progress_ms >= plan.progress_deadline_ms;
        if !passed || self.ending.is_some() {
            return;
        }
        self.note(recorder, None, EventKind::DeadlineExceeded, || {
            format!("no progress since {} s", seconds(self.progress_ms))
        });
        self.ending = Some((Ending::Deadline, self.now_ms));
    }

    fn complete<R: Recorder>(&mut self, plan: &KubernetesPlan, recorder: &mut R) {
        let old = self.count(|pod| pod.is_alive() && !pod.is_new);
        let available = self.count(|pod| pod.is_alive() && pod.is_new && pod.available);
        if old > 0 || available < plan.replicas {
            return;
        }
        self.note(recorder, None, EventKind::Completed, String::new);
        self.run.completed_late = self.ending.is_some();
        self.ending.get_or_insert((Ending::Completed, self.now_ms));
        self.done = true;
    }

    fn count(&self, counts: impl Fn(&Pod) -> bool) -> u32 {
        self.pods.iter().filter(|pod| counts(pod)).count() as u32
    }
}
