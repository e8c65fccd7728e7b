//! A Kubernetes Deployment to a plan (rollout-semantics 9).

use std::collections::BTreeMap;

use wonin_model::{Count, Deployment, KubeContainer, KubeStrategy, KubeWorkload, Located, Origin};

use super::given::{self, Given};
use super::{Collector, Configured, Home, NO_STARTUP, Platform, Spelling, Unready};
use crate::draw::Draw;
use crate::plan::{Amount, KubernetesPlan, Memory, Plan, Probe, Strategy};
use crate::solve::Setting;

/// `None` for workloads that the simulator does not model (StatefulSets, DaemonSets).
pub(super) fn configured(
    deployment: &Deployment,
    workload: &KubeWorkload,
    given: &Given,
) -> Option<Result<Configured, Unready>> {
    if workload.kind != "Deployment" {
        return None;
    }
    Some(plan(deployment, workload, given).map_err(|why| Unready {
        name: deployment.name.clone(),
        dir: deployment.dir.clone(),
        platform: Platform::Kubernetes,
        place: deployment.place,
        at: None,
        why,
    }))
}

/// The container whose start decides: the first with a probe, else the first.
fn main_container(workload: &KubeWorkload) -> Option<&KubeContainer> {
    let probed = |container: &&KubeContainer| {
        container.startup.is_some() || container.readiness.is_some() || container.liveness.is_some()
    };
    workload.containers.iter().find(probed).or_else(|| workload.containers.first())
}

fn plan(
    deployment: &Deployment,
    workload: &KubeWorkload,
    given: &Given,
) -> Result<Configured, String> {
    let mut collector = Collector::default();
    let container = main_container(workload).ok_or("the pod has no container")?;
    let units = container.cpu_limit_millis.as_ref().map(|millis| {
        collector.note(Setting::Cpu, "limits.cpu", Spelling::Millicpu, millis);
        u32::try_from(millis.value * 1024 / 1000).unwrap_or(u32::MAX)
    });
    let startup = given::startup(given.startup.as_ref().ok_or(NO_STARTUP)?, units)?;
    if workload.replicas.value == 0 {
        return Err("`replicas` is 0: there is nothing to roll out".to_owned());
    }
    let mut plan = KubernetesPlan::new(workload.replicas.value, startup);
    collector.note(Setting::Desired, "replicas", Spelling::Plain, &workload.replicas);
    plan.strategy = strategy(workload, &mut collector);
    plan.startup_probe = probe(container.startup.as_deref(), STARTUP, &mut collector);
    plan.liveness = probe(container.liveness.as_deref(), LIVENESS, &mut collector);
    plan.readiness = probe(container.readiness.as_deref(), READINESS, &mut collector);
    if let (None, Some(liveness)) = (&container.startup, &container.liveness) {
        collector.enter(Some("startupProbe"), Some(Home::BesideLiveness(liveness.place)));
        let nobody = Origin::default_of("Kubernetes container", "Kubernetes API reference");
        let setting = Setting::StartupFailureThreshold;
        collector.note_origin(setting, "failureThreshold", Spelling::Plain, nobody);
    }
    collector.enter(None, workload.replicas.place().map(Home::Beside));
    let mut time = |setting, name, value: &Located<u64>| {
        collector.note(setting, name, Spelling::Plain, value);
        value.value.saturating_mul(1000)
    };
    plan.min_ready_ms = time(Setting::MinReady, "minReadySeconds", &workload.min_ready_s);
    plan.progress_deadline_ms =
        time(Setting::ProgressDeadline, "progressDeadlineSeconds", &workload.progress_deadline_s);
    plan.termination_grace_ms = time(
        Setting::TerminationGrace,
        "terminationGracePeriodSeconds",
        &workload.termination_grace_s,
    );
    if let Some(sleep) = &container.pre_stop_sleep_s {
        plan.pre_stop_ms = time(Setting::PreStop, "preStop", sleep);
    }
    memory(&mut plan, container, given, &mut collector);
    plan.slots = given.slots;
    let source = "rollout-semantics 0";
    let launch = collector.time("launch latency", given.launch_ms, "--launch", 20_000, source);
    plan.launch = Draw::constant(launch);
    let source = "rollout-semantics 7.5";
    plan.shutdown =
        Draw::constant(collector.time("stop time", given.stop_ms, "--stop", 5_000, source));
    collector.assume("endpoint lag", "2s", "rollout-semantics 4.4");
    match given.slots {
        Some(slots) => collector.assume("room in the cluster", slots.to_string(), "--slots"),
        None => {
            collector.assume(
                "room in the cluster",
                "enough for the surge",
                "rollout-semantics 4.3",
            );
        }
    }
    Ok(Configured {
        name: deployment.name.clone(),
        address: deployment.address.clone(),
        dir: deployment.dir.clone(),
        platform: Platform::Kubernetes,
        place: deployment.place,
        plan: Plan::Kubernetes(plan),
        settings: collector.settings,
        assumed: collector.assumed,
        fargate: false,
        shared: BTreeMap::new(),
    })
}

/// What the start needs against the limit of the container (E29).
fn memory(
    plan: &mut KubernetesPlan,
    container: &KubeContainer,
    given: &Given,
    collector: &mut Collector,
) {
    let (Some(peak_mib), Some(limit)) = (given.memory_mib, &container.memory_limit_bytes) else {
        return;
    };
    let limit_mib = u32::try_from(limit.value >> 20).unwrap_or(u32::MAX);
    plan.memory = Some(Memory { limit_mib, peak_mib });
    collector.note(Setting::Memory, "limits.memory", Spelling::Mebibytes, limit);
    collector.assume("memory of the start", format!("{peak_mib} MiB at its peak"), "--memory");
}

fn strategy(workload: &KubeWorkload, collector: &mut Collector) -> Strategy {
    if workload.strategy.value == KubeStrategy::Recreate {
        return Strategy::Recreate;
    }
    let amount = |count: &Located<Count>| match count.value {
        Count::Pods(pods) => Amount::Pods(pods),
        Count::Percent(percent) => Amount::Percent(percent),
    };
    collector.note(Setting::MaxSurge, "maxSurge", Spelling::Pods, &workload.max_surge);
    let unavailable = &workload.max_unavailable;
    collector.note(Setting::MaxUnavailable, "maxUnavailable", Spelling::Pods, unavailable);
    Strategy::RollingUpdate {
        max_surge: amount(&workload.max_surge),
        max_unavailable: amount(unavailable),
    }
}

/// The settings of one kind of probe: failure threshold, period, initial delay.
type ProbeSettings = (&'static str, [Setting; 3]);
const STARTUP: ProbeSettings = (
    "startupProbe",
    [Setting::StartupFailureThreshold, Setting::StartupPeriod, Setting::StartupInitialDelay],
);
const LIVENESS: ProbeSettings = (
    "livenessProbe",
    [Setting::LivenessFailureThreshold, Setting::LivenessPeriod, Setting::LivenessInitialDelay],
);
const READINESS: ProbeSettings = (
    "readinessProbe",
    [Setting::ReadinessFailureThreshold, Setting::ReadinessPeriod, Setting::ReadinessInitialDelay],
);

fn probe(
    probe: Option<&wonin_model::Probe>,
    settings: ProbeSettings,
    collector: &mut Collector,
) -> Option<Probe> {
    let probe = probe?;
    let (name, [failure, period, delay]) = settings;
    collector.enter(Some(name), Some(Home::Map(probe.place)));
    let plain = Spelling::Plain;
    collector.note(failure, "failureThreshold", plain, &probe.failure_threshold);
    collector.note(period, "periodSeconds", plain, &probe.period_s);
    collector.note(delay, "initialDelaySeconds", plain, &probe.initial_delay_s);
    Some(Probe {
        initial_delay_ms: probe.initial_delay_s.value.saturating_mul(1000),
        period_ms: probe.period_s.value.saturating_mul(1000),
        timeout_ms: probe.timeout_s.value.saturating_mul(1000),
        success_threshold: probe.success_threshold.value,
        failure_threshold: probe.failure_threshold.value,
        ..Probe::default()
    })
}
