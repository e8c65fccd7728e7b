//! `docker compose up` (rollout-semantics 5.3): create phase, then starts in dependency order.

use crate::docker::docker_health;
use crate::draw::{NEVER_MS, Stream};
use crate::event::{CapacityPoint, Event, EventKind, Recorder, seconds};
use crate::outcome::{Ending, Run};
use crate::plan::{ComposePlan, ComposeService, Condition, Dependency};

/// How often a waiting dependent looks.
const POLL_MS: u64 = 500;

/// Times of one service, in milliseconds since `up` began; [`NEVER_MS`] for what does not happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ServiceTimes {
    /// Its container starts.
    pub started_ms: u64,
    /// Its application answers.
    pub up_ms: u64,
    /// First healthy verdict of its check.
    pub healthy_ms: u64,
    /// First unhealthy verdict of its check.
    pub unhealthy_ms: u64,
    /// Its container ends by itself.
    pub exited_ms: u64,
}

/// Result of one `up`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ComposeRun {
    /// How it ended. A failed dependency counts as [`Ending::CircuitBreaker`], the wait timeout as
    /// [`Ending::Deadline`].
    pub run: Run,
    /// One entry per service of the plan.
    pub services: Vec<ServiceTimes>,
    /// Dependent and dependency whose wait failed first, as indices.
    pub failed: Option<(usize, usize)>,
}

/// An order in which every service comes after what it depends on.
///
/// A service on a cycle is returned as the error. Dependencies that do not exist are passed over.
pub fn order(plan: &ComposePlan) -> Result<Vec<usize>, usize> {
    let count = plan.services.len();
    let mut done = vec![false; count];
    let mut order = Vec::with_capacity(count);
    while order.len() < count {
        let free = |index: &usize| {
            let known = |d: &Dependency| d.on >= count || done[d.on];
            !done[*index] && plan.services[*index].depends_on.iter().all(known)
        };
        let ready: Vec<usize> = (0..count).filter(free).collect();
        if ready.is_empty() {
            return Err((0..count).find(|&index| !done[index]).unwrap_or(0));
        }
        for &index in &ready {
            done[index] = true;
        }
        order.extend(ready);
    }
    Ok(order)
}

/// Simulates one `up`. Equal plan and seed give equal results and equal records.
pub fn run<R: Recorder>(plan: &ComposePlan, seed: u64, recorder: &mut R) -> ComposeRun {
    let mut state = Up::new(plan, seed);
    // A plan with a cycle starts nothing, as Compose itself refuses it.
    for index in order(plan).unwrap_or_default() {
        state.start(index);
    }
    state.finish(recorder)
}

struct Up<'a> {
    plan: &'a ComposePlan,
    /// When the old containers of all changed services are gone.
    created_ms: u64,
    startups_ms: Vec<u64>,
    services: Vec<ServiceTimes>,
    failure: Option<(u64, usize, usize)>,
    warnings: Vec<(u64, usize, usize)>,
}

impl<'a> Up<'a> {
    fn new(plan: &'a ComposePlan, seed: u64) -> Self {
        let mut created_ms = 0;
        let mut startups_ms = Vec::with_capacity(plan.services.len());
        let mut services = Vec::with_capacity(plan.services.len());
        for (ordinal, service) in plan.services.iter().enumerate() {
            let mut stream = Stream::new(seed, ordinal as u64);
            startups_ms.push(service.startup.time.sample(&mut stream));
            let stop_ms = service.stop.sample(&mut stream);
            if service.changed {
                created_ms = created_ms.max(stop_ms);
            }
            // What was not changed runs since long ago.
            let at_ms = if service.changed { NEVER_MS } else { 0 };
            services.push(ServiceTimes {
                started_ms: at_ms,
                up_ms: at_ms,
                healthy_ms: at_ms,
                unhealthy_ms: NEVER_MS,
                exited_ms: NEVER_MS,
            });
        }
        Self { plan, created_ms, startups_ms, services, failure: None, warnings: Vec::new() }
    }

    /// Starts one service once all it waits for is there.
    fn start(&mut self, index: usize) {
        let service = &self.plan.services[index];
        if !service.changed {
            return;
        }
        let mut begin_ms = self.created_ms;
        for dependency in &service.depends_on {
            if dependency.on >= self.plan.services.len() {
                continue;
            }
            match self.wait(*dependency) {
                Ok(at_ms) => begin_ms = begin_ms.max(at_ms),
                Err(at_ms) if dependency.required => {
                    begin_ms = NEVER_MS;
                    let failure = (at_ms, index, dependency.on);
                    let first = self.failure.is_none_or(|before| failure < before);
                    if at_ms < NEVER_MS && first {
                        self.failure = Some(failure);
                    }
                }
                Err(at_ms) => {
                    begin_ms = begin_ms.max(at_ms);
                    self.warnings.push((at_ms, index, dependency.on));
                }
            }
        }
        if begin_ms < NEVER_MS {
            self.services[index] =
                times(service, begin_ms + self.plan.launch_ms, self.startups_ms[index]);
        }
    }

    /// When the wait for a dependency ends well, or fails.
    fn wait(&self, dependency: Dependency) -> Result<u64, u64> {
        let times = self.services[dependency.on];
        let service = &self.plan.services[dependency.on];
        if times.started_ms >= NEVER_MS {
            return Err(NEVER_MS);
        }
        match dependency.condition {
            Condition::Started => Ok(times.started_ms),
            Condition::Healthy if !service.changed => Ok(0),
            // Nothing will ever say that it is healthy, and Compose says so at once.
            Condition::Healthy if service.check.is_none() => Err(self.poll_ms(times.started_ms)),
            Condition::Healthy => {
                let bad_ms = times.unhealthy_ms.min(times.exited_ms);
                if times.healthy_ms <= bad_ms {
                    Ok(self.poll_ms(times.healthy_ms))
                } else {
                    Err(self.poll_ms(bad_ms))
                }
            }
            Condition::CompletedSuccessfully => match service.exits {
                Some((_, 0)) => Ok(self.poll_ms(times.exited_ms)),
                Some(_) => Err(self.poll_ms(times.exited_ms)),
                None => Err(NEVER_MS),
            },
        }
    }

    /// The poll at which something that happened at `at_ms` is seen.
    fn poll_ms(&self, at_ms: u64) -> u64 {
        if at_ms >= NEVER_MS {
            return NEVER_MS;
        }
        let waited_ms = at_ms.saturating_sub(self.created_ms).max(1);
        self.created_ms + waited_ms.div_ceil(POLL_MS) * POLL_MS
    }

    fn finish<R: Recorder>(mut self, recorder: &mut R) -> ComposeRun {
        let (ending, ended_ms) = self.ending();
        if ending != Ending::Completed {
            // What would have started later never does.
            for times in &mut self.services {
                if times.started_ms > ended_ms {
                    *times = ServiceTimes {
                        started_ms: NEVER_MS,
                        up_ms: NEVER_MS,
                        healthy_ms: NEVER_MS,
                        unhealthy_ms: NEVER_MS,
                        exited_ms: NEVER_MS,
                    };
                }
            }
        }
        let changed = |index: usize| self.plan.services[index].changed;
        let started: Vec<_> = (0..self.services.len())
            .filter(|&i| changed(i) && self.services[i].started_ms < NEVER_MS)
            .collect();
        let lowest = (0..self.services.len()).filter(|&i| !changed(i)).count() as u32;
        let last_up_ms = started.iter().map(|&i| self.services[i].up_ms).max().unwrap_or(0);
        let settled_ms = if last_up_ms < NEVER_MS { last_up_ms.max(ended_ms) } else { ended_ms };
        let unhealthy = |&&i: &&usize| {
            let times = self.services[i];
            times.unhealthy_ms < times.healthy_ms || times.exited_ms < times.healthy_ms
        };
        let failed = started.iter().filter(unhealthy).count() as u32;
        let run = Run {
            ending,
            ended_ms,
            settled_ms,
            lowest_capacity: lowest,
            lowest_weight_milli: u64::from(lowest) * 1000,
            started: started.len() as u32,
            survived: started.len() as u32 - failed,
            failed,
            ..Run::EMPTY
        };
        if R::RECORDS {
            self.record(&run, recorder);
        }
        let failed = self.failure.filter(|_| ending == Ending::CircuitBreaker);
        ComposeRun { run, services: self.services, failed: failed.map(|(_, who, on)| (who, on)) }
    }

    fn ending(&self) -> (Ending, u64) {
        let last_ms = self
            .plan
            .services
            .iter()
            .zip(&self.services)
            .map(|(service, times)| match service.check {
                Some(_) if self.plan.wait && service.changed => self.poll_ms(times.healthy_ms),
                _ => times.started_ms,
            })
            .max()
            .unwrap_or(0)
            .max(self.created_ms);
        let failed_ms = self.failure.map_or(NEVER_MS, |(at_ms, ..)| at_ms);
        let timeout_ms = self.plan.wait_timeout_ms.unwrap_or(NEVER_MS);
        let first_ms = failed_ms.min(timeout_ms).min(last_ms);
        if first_ms >= NEVER_MS {
            (Ending::Never, self.created_ms)
        } else if failed_ms == first_ms {
            (Ending::CircuitBreaker, failed_ms)
        } else if last_ms == first_ms {
            (Ending::Completed, last_ms)
        } else {
            (Ending::Deadline, timeout_ms)
        }
    }

    fn record<R: Recorder>(&self, run: &Run, recorder: &mut R) {
        let mut events = vec![(0, String::new(), EventKind::Begins, String::new())];
        for (service, times) in self.plan.services.iter().zip(&self.services) {
            if !service.changed {
                continue;
            }
            let mut add = |at_ms: u64, kind| {
                if at_ms < NEVER_MS {
                    let after_ms = at_ms.saturating_sub(times.started_ms);
                    let why = format!("{} s after its start", seconds(after_ms));
                    let why = if kind == EventKind::Running { String::new() } else { why };
                    events.push((at_ms, service.name.clone(), kind, why));
                }
            };
            add(times.started_ms, EventKind::Running);
            add(times.up_ms, EventKind::Up);
            add(times.unhealthy_ms, EventKind::Unhealthy);
            add(times.healthy_ms, EventKind::Healthy);
            add(times.exited_ms, EventKind::Exited);
            events.push((0, service.name.clone(), EventKind::Draining, "recreated".to_owned()));
        }
        let failure = self.failure.filter(|_| run.ending == Ending::CircuitBreaker);
        for (at_ms, who, on) in failure.into_iter().chain(self.warnings.iter().copied()) {
            let name = |index: usize| self.plan.services[index].name.as_str();
            let why = format!("`{}` waited for `{}`", name(who), name(on));
            events.push((at_ms, name(who).to_owned(), EventKind::DependencyFailed, why));
        }
        if run.ending == Ending::Completed {
            events.push((run.ended_ms, String::new(), EventKind::Completed, String::new()));
        }
        events.sort_by_key(|event| event.0);
        for (t_ms, task, kind, why) in events {
            recorder.event(Event { t_ms, task, kind, why });
        }
        self.record_capacity(recorder);
    }

    fn record_capacity<R: Recorder>(&self, recorder: &mut R) {
        let mut ups: Vec<u64> = self.services.iter().map(|times| times.up_ms).collect();
        ups.sort_unstable();
        for (index, &t_ms) in ups.iter().enumerate() {
            if index == 0 && t_ms > 0 {
                recorder.capacity(CapacityPoint { t_ms: 0, available: 0 });
            }
            if t_ms < NEVER_MS {
                recorder.capacity(CapacityPoint { t_ms, available: index as u32 + 1 });
            }
        }
    }
}

fn times(service: &ComposeService, started_ms: u64, startup_ms: u64) -> ServiceTimes {
    let later = |ms: u64| if ms < NEVER_MS { started_ms + ms } else { NEVER_MS };
    let exit_ms = service.exits.map_or(NEVER_MS, |(after_ms, _)| after_ms);
    let alive = |ms: u64| if ms <= exit_ms { later(ms) } else { NEVER_MS };
    let health = service.check.map(|check| docker_health(&check, startup_ms));
    ServiceTimes {
        started_ms,
        up_ms: alive(startup_ms),
        healthy_ms: health.map_or(NEVER_MS, |health| alive(health.healthy_ms)),
        unhealthy_ms: health.map_or(NEVER_MS, |health| alive(health.unhealthy_ms)),
        exited_ms: later(exit_ms),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::draw::Draw;
    use crate::event::{Silent, Timeline};
    use crate::plan::DockerCheck;
    use crate::startup::Startup;

    fn project(startup_ms: u64, check: Option<DockerCheck>, required: bool) -> ComposePlan {
        let mut db = ComposeService::new("db", Startup::constant(startup_ms));
        db.check = check;
        let mut web = ComposeService::new("web", Startup::constant(5_000));
        web.depends_on = vec![Dependency { on: 0, condition: Condition::Healthy, required }];
        ComposePlan::new(vec![db, web])
    }

    fn up(plan: &ComposePlan) -> ComposeRun {
        run(plan, 0, &mut Silent)
    }

    #[test]
    fn dependent_starts_at_the_first_healthy_verdict() {
        let result = up(&project(35_000, Some(DockerCheck::new(30_000, 30_000, 3)), true));
        assert_eq!(result.run.ending, Ending::Completed);
        assert_eq!(result.services[0].healthy_ms, 60_000);
        assert_eq!(result.services[1].started_ms, 60_000);
    }

    #[test]
    fn slow_dependency_fails_the_whole_project() {
        let plan = project(150_000, Some(DockerCheck::new(30_000, 30_000, 3)), true);
        let mut timeline = Timeline::default();
        let result = run(&plan, 0, &mut timeline);
        assert_eq!((result.run.ending, result.run.ended_ms), (Ending::CircuitBreaker, 90_000));
        assert_eq!(result.failed, Some((1, 0)));
        assert_eq!(result.services[1].started_ms, NEVER_MS);
        assert!(timeline.events.iter().any(|e| e.kind == EventKind::DependencyFailed));
    }

    #[test]
    fn optional_dependency_is_only_a_warning() {
        let plan = project(150_000, Some(DockerCheck::new(30_000, 30_000, 3)), false);
        let result = up(&plan);
        assert_eq!(result.run.ending, Ending::Completed);
        assert_eq!(result.services[1].started_ms, 90_000);
    }

    #[test]
    fn start_period_of_90_lets_the_project_start() {
        let check = DockerCheck { start_period_ms: 90_000, ..DockerCheck::new(30_000, 30_000, 3) };
        let result = up(&project(150_000, Some(check), true));
        assert_eq!(result.run.ending, Ending::Completed);
    }

    #[test]
    fn no_check_to_wait_for_fails_at_once() {
        let result = up(&project(1_000, None, true));
        assert_eq!((result.run.ending, result.run.ended_ms), (Ending::CircuitBreaker, 500));
    }

    #[test]
    fn recreated_service_is_gone_until_its_dependency_is_healthy() {
        let mut plan = project(35_000, Some(DockerCheck::new(30_000, 30_000, 3)), true);
        plan.services[1].stop = Draw::constant(10_000);
        let mut timeline = Timeline::default();
        let result = run(&plan, 0, &mut timeline);
        assert_eq!(result.run.lowest_capacity, 0);
        assert_eq!(result.services[1].up_ms, 10_000 + 60_000 + 5_000);
        assert_eq!(timeline.capacity.first(), Some(&CapacityPoint { t_ms: 0, available: 0 }));
    }

    #[test]
    fn job_must_end_with_zero() {
        let mut plan = project(1_000, None, true);
        plan.services[1].depends_on[0].condition = Condition::CompletedSuccessfully;
        plan.services[0].exits = Some((20_000, 0));
        assert_eq!(up(&plan).services[1].started_ms, 20_000);
        plan.services[0].exits = Some((20_000, 1));
        assert_eq!(up(&plan).run.ending, Ending::CircuitBreaker);
        plan.services[0].exits = None;
        assert_eq!(up(&plan).run.ending, Ending::Never);
        plan.wait_timeout_ms = Some(60_000);
        assert_eq!((up(&plan).run.ending, up(&plan).run.ended_ms), (Ending::Deadline, 60_000));
    }

    #[test]
    fn cycles_are_named_and_start_nothing() {
        let mut plan = project(1_000, Some(DockerCheck::default()), true);
        plan.services[0].depends_on =
            vec![Dependency { on: 1, condition: Condition::Started, required: true }];
        assert_eq!(order(&plan), Err(0));
        assert_eq!(up(&plan).run.ending, Ending::Never);
    }
}
