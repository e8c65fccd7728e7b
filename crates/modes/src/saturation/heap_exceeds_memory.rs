//! # A Java heap that does not fit into its container
//!
//! ## What fails
//!
//! The kernel kills the container (exit code 137, `OOMKilled`) when the heap grows, mostly under
//! load, without any OutOfMemoryError in the log.
//!
//! ## Why
//!
//! The memory limit counts everything: heap, class metadata, compiled code, thread stacks, direct
//! buffers, the collector's own tables. A heap that may grow to the limit leaves nothing for the
//! rest, which is usually 150 to 300 MiB for a server.
//!
//! ## Example
//!
//! ```yaml compose.yaml
//! services:
//!   shop:
//!     image: eclipse-temurin:21-jre
//!     command: java -Xmx1g -jar shop.jar
//!     mem_limit: 1g
//! ```
//!
//! ## Fix
//!
//! Let the JVM take a share of the limit, or set the heap to about three quarters of it.
//!
//! ```yaml compose.yaml
//! services:
//!   shop:
//!     image: eclipse-temurin:21-jre
//!     command: java -Xmx700m -jar shop.jar
//!     mem_limit: 1g
//! ```
//!
//! ## How to rehearse
//!
//! Fill the heap (a large response, a load test) with `-XX:+AlwaysPreTouch` and watch the container.
//!
//! ## Evidence
//!
//! - JDK: `-Xmx`, `-XX:MaxRAMPercentage` (default 25 of the container's memory).
//! - Linux: memory controller documentation, `memory.max`. Row E29 of the rollout rules: tasks that
//!   are killed for memory before they are healthy.
//! - Inferred: what a server needs besides its heap.

use std::collections::BTreeSet;

use wonin_model::{
    ContainerState, Evidence, Finding, Fix, Located, Mode, ModeMeta, NotChecked, Origin, Role,
    Server, Service, Severity, Standing,
};

use crate::shared::deploys::{ecs_services, rehearsal, workloads};
use crate::shared::rows::{Row, recognised, row};
use crate::shared::seen::{Part, Values, all_of, beside, recognise_each, signals};
use crate::shared::words::bytes;

pub(crate) struct HeapExceedsMemory;

static META: ModeMeta = ModeMeta {
    id: "heap-exceeds-memory",
    family: "saturation",
    summary: "the Java heap may grow beyond what the container's memory limit leaves",
    source: include_str!("heap_exceeds_memory.rs"),
};

/// The least that a Java server needs besides its heap; inferred.
const BESIDES_HEAP: u64 = 150 << 20;

impl Mode for HeapExceedsMemory {
    fn meta(&self) -> &'static ModeMeta {
        &META
    }

    fn examine(&self, evidence: &Evidence, findings: &mut Vec<Finding>, _: &mut Vec<NotChecked>) {
        let stack = &evidence.stack;
        let mut told = BTreeSet::new();
        let mut own = Vec::new();
        for server in &stack.servers {
            let Some(id) = server.service.filter(|id| !told.contains(id)) else { continue };
            let service = stack.service(id);
            let Some(limit) = &service.memory_limit_bytes else { continue };
            let heap = heap_of(server);
            let by_heap = heap.and_then(|heap| by_size(&service.name.value, &heap, limit));
            let found = by_heap.or_else(|| by_share(server, service, limit));
            if let Some(finding) = found {
                told.insert(id);
                own.push(finding);
            }
        }
        own.extend(deployed(evidence));
        observe(evidence, &mut own);
        let is_told = own.iter().any(|one| one.standing >= Standing::Observed);
        findings.extend(own);
        if !is_told {
            findings.extend(killed_tasks(evidence));
        }
        findings.extend(heap_full(evidence));
    }
}

/// Recognises processes that the kernel killed for memory. Exit code 137 alone says only that
/// somebody killed it: the kernel, or a stop that ran out of patience.
fn observe(evidence: &Evidence, own: &mut Vec<Finding>) {
    let mut shown = all_of(
        evidence,
        &[
            ("kubernetes.oom-killed", "the kernel killed the container for memory"),
            ("ecs.killed-for-memory", "the kernel killed the container for memory"),
        ],
    );
    for signal in signals(evidence, &["host.out-of-memory"]) {
        let process = signal.all("process");
        let who = process.first().map_or("a process", |name| *name);
        shown.push((Part::whole(signal), format!("the kernel killed {who} for memory")));
    }
    if !shown.is_empty() {
        // A task whose container was killed ends, too.
        for signal in signals(evidence, &["ecs.essential-exited"]) {
            shown.push((Part::whole(signal), "follows: the task ended with it".to_owned()));
        }
    }
    let killed: Vec<&ContainerState> =
        evidence.containers.iter().filter(|container| container.oom_killed).collect();
    for signal in signals(evidence, &["compose.exited", "swarm.task-exited"]) {
        let certain = !shown.is_empty() || !killed.is_empty() || !own.is_empty();
        let part = Part::of(signal, is_kill).filter(|_| certain);
        shown.extend(part.map(|part| (part, "exit code 137 = 128 + 9: it was killed".to_owned())));
    }
    if shown.is_empty() {
        if let Some(container) = killed.first() {
            told_by_state(evidence, container, own);
        }
        return;
    }
    recognise_each(evidence, own, &shown, || {
        let title = "the kernel killed a process for memory: it needs more than its limit, or than the machine has";
        let finding = Finding::new(&META, title)
            .weigh(Role::Cause, Severity::High, 88)
            .arithmetic("exit code 137 = 128 + 9 (SIGKILL)");
        Some(finding.fix(Fix::advice(
            "of a JVM: heap + metaspace + threads × stack + direct buffers must stay below the limit (-XX:MaxRAMPercentage=75 or less); else raise the limit",
        )))
    });
}

/// Whether an exit code is that of a kill for which its engine gives no reason.
fn is_kill(values: &Values) -> bool {
    values.get("code").is_some_and(|code| code == "137") && !values.contains_key("why")
}

/// Tasks of Swarm that are killed again and again. Swarm says which ones it killed for their check,
/// and those that it stops do not count as failed: what is left is the kernel, or somebody by hand.
fn killed_tasks(evidence: &Evidence) -> Vec<Finding> {
    let kills = |signal| Part::of(signal, is_kill).filter(|part| part.events >= KILLS_MIN);
    let parts = signals(evidence, &["swarm.task-exited"]).into_iter().filter_map(kills);
    let told = parts.map(|part| {
        let whose =
            part.signal.service.as_deref().map_or(String::new(), |name| format!(" of {name}"));
        let title = format!("tasks{whose} are killed again and again: likely for memory");
        let mut finding = Finding::new(&META, title).weigh(Role::Cause, Severity::High, 68);
        finding.service.clone_from(&part.signal.service);
        part.tell(finding, "killed, and Swarm gives no reason of its own")
            .arithmetic("exit code 137 = 128 + 9 (SIGKILL)")
            .leads_to("endless-churn")
            .leads_to("no-healthy-target")
            .fix(Fix::advice(
                "look whether the kernel did it (`docker inspect` of the task's container, OOMKilled; `dmesg`); then raise the limit (`deploy.resources.limits.memory`) or lower what the program takes",
            ))
    });
    told.collect()
}

/// One kill may be somebody's.
const KILLS_MIN: u64 = 2;

/// Adds that the engine says it to what was predicted of the same service.
fn told_by_state(evidence: &Evidence, container: &ContainerState, own: &mut Vec<Finding>) {
    let same = |one: &&mut Finding| one.service.is_some() && one.service == container.service;
    let mut finding = by_state(container);
    for signal in signals(evidence, &["kubernetes.back-off"]) {
        let part = Part::whole(signal);
        finding = part.tell(finding, "follows: it is started again and again");
    }
    match own.iter_mut().find(same) {
        Some(known) => {
            let why = known.title.split_once(": ").map_or(known.title.as_str(), |(_, why)| why);
            let why = why.rsplit_once(": ").map_or(why, |(why, _)| why);
            known.title = format!("{}: {why}", finding.title);
            known.standing = Standing::Observed;
            known.confidence = known.confidence.max(finding.confidence);
            known.severity = known.severity.max(finding.severity);
            known.because.extend(finding.because);
            known.signals.extend(finding.signals);
        }
        None => own.push(finding),
    }
}

/// A container that its engine says was killed for memory.
fn by_state(container: &ContainerState) -> Finding {
    let limit =
        container.memory_limit_bytes.map_or(String::new(), |limit| format!(" at {}", bytes(limit)));
    let title = format!("{} was killed for memory{limit}", container.name);
    let mut finding = Finding::new(&META, title)
        .weigh(Role::Cause, Severity::High, 95)
        .because_at("its state says so", Origin::Written(container.place));
    finding.standing = Standing::Observed;
    finding.service.clone_from(&container.service);
    finding.fix(Fix::advice(
        "measure what it needs (heap and everything beside it), then set the limit above it",
    ))
}

/// Kinds of `OutOfMemoryError` that have nothing to do with the container's limit.
fn heap_full(evidence: &Evidence) -> Vec<Finding> {
    const KINDS: [(&str, &str, &str); 5] = [
        (
            "Java heap space",
            "the Java heap is full at its own maximum (-Xmx)",
            "look at what fills it with a heap dump (-XX:+HeapDumpOnOutOfMemoryError); raise -Xmx only below the container's limit",
        ),
        (
            "GC overhead limit exceeded",
            "the Java heap is nearly full: almost all time goes into collecting it",
            "look at what fills it with a heap dump; raise -Xmx only below the container's limit",
        ),
        (
            "Metaspace",
            "the JVM's class space is full (-XX:MaxMetaspaceSize)",
            "look for classes that are made again and again (proxies, scripts, redeployments)",
        ),
        (
            "Direct buffer memory",
            "the JVM's direct buffers are full (-XX:MaxDirectMemorySize)",
            "look for buffers that are not released; raise -XX:MaxDirectMemorySize only below the container's limit",
        ),
        (
            "Requested array size exceeds VM limit",
            "one array was asked for that is too large for any heap",
            "look at the trace: a size was computed or read wrong",
        ),
    ];
    let mut found = Vec::new();
    for signal in signals(evidence, &["jvm.out-of-memory"]) {
        for (text, what, fix) in KINDS {
            let is_it = |values: &Values| values.get("why").is_some_and(|why| why.contains(text));
            let Some(part) = Part::of(signal, is_it) else { continue };
            let title = format!("{what}; the container's limit is not what failed");
            let mut finding = Finding::new(&META, title).weigh(Role::Cause, Severity::High, 90);
            finding.service.clone_from(&signal.service);
            finding = part.tell(finding, text);
            for (name, what) in [("jvm.heap-dumped", "a heap dump was written")] {
                if let Some(other) = beside(evidence, name, signal.service.as_deref()) {
                    finding = Part::whole(other).tell(finding, what);
                }
            }
            found.push(finding.fix(Fix::advice(fix)));
        }
    }
    found.extend(recognised(&META, evidence, ROWS));
    found
}

/// Other memories with a maximum of their own.
const ROWS: &[Row] = &[
    row(
        "netty.direct-memory",
        "a buffer was not given",
        |_| {
            "Netty's direct buffers are full (io.netty.maxDirectMemory, the size of the heap unless it is set); the container's limit is not what failed".to_owned()
        },
        &[
            "look for buffers that are not released (-Dio.netty.leakDetection.level=paranoid) and for peers that take their answers too slowly",
        ],
    ),
    row(
        "node.out-of-memory",
        "the process ended",
        |_| {
            "Node.js' heap is full at its own maximum (--max-old-space-size); the container's limit is not what failed".to_owned()
        },
        &[
            "look at what fills it with heap snapshots (--heapsnapshot-near-heap-limit=2); set --max-old-space-size to about three quarters of the container's limit",
        ],
    ),
];

/// `-Xmx` against the limit.
fn by_size(name: &str, heap: &Located<u64>, limit: &Located<u64>) -> Option<Finding> {
    let needed = heap.value.saturating_add(BESIDES_HEAP);
    let (title, severity, confidence) = if heap.value >= limit.value {
        let title = format!(
            "{name}: heap of up to {} in a container of {}: killed before the heap is full",
            bytes(heap.value),
            bytes(limit.value)
        );
        (title, Severity::High, 95)
    } else if needed > limit.value && heap.value / 9 > limit.value / 10 {
        let title = format!(
            "{name}: heap of up to {} leaves {} of {} for everything else: likely killed under load",
            bytes(heap.value),
            bytes(limit.value - heap.value),
            bytes(limit.value)
        );
        (title, Severity::Medium, 65)
    } else {
        return None;
    };
    let most = limit.value / 4 * 3;
    Some(
        Finding::new(&META, title)
            .service(name)
            .weigh(Role::Cause, severity, confidence)
            .arithmetic(format!(
                "heap {} + likely {} or more besides = {} > limit {}",
                bytes(heap.value),
                bytes(BESIDES_HEAP),
                bytes(needed),
                bytes(limit.value)
            ))
            .because("the heap may grow to this many bytes", heap)
            .because("the container may use this many bytes", limit)
            .leads_to("container-killed")
            .fix(Fix::advice(format!(
                "lower the heap to about {} (three quarters of the limit), or use -XX:MaxRAMPercentage=75",
                bytes(most)
            ))),
    )
}

/// The heap that a server's own settings give it.
fn heap_of(server: &Server) -> Option<Located<u64>> {
    let heap = server.settings.get("jvm.heap-max-bytes").filter(|heap| heap.origin.is_certain())?;
    heap.and_then(|text| text.trim().parse::<u64>().ok())
}

/// Tasks of ECS and pods of Kubernetes: killed during their start, which fills the heap (row E29 of
/// the rollout rules).
fn deployed(evidence: &Evidence) -> Vec<Finding> {
    let mut found = Vec::new();
    for ecs in ecs_services(evidence) {
        let Some(task) = &ecs.service.task else { continue };
        for container in &task.containers {
            // Without a limit of its own a container may use what the task has.
            let limit = container.memory_mib.as_ref().or(task.memory_mib.as_ref());
            let (Some(heap), Some(limit)) = (&container.heap_max_bytes, limit) else { continue };
            let limit = limit.with(u64::from(limit.value) << 20);
            let finding = by_size(&ecs.deployment.name, heap, &limit);
            found.extend(finding.map(|finding| {
                finding.rehearse(format!(
                    "{} --memory {}M",
                    rehearsal(evidence, ecs.deployment),
                    (heap.value >> 20) + (BESIDES_HEAP >> 20)
                ))
            }));
        }
    }
    for kube in workloads(evidence) {
        for container in kube.containers() {
            let pair = (&container.heap_max_bytes, &container.memory_limit_bytes);
            let (Some(heap), Some(limit)) = pair else { continue };
            found.extend(by_size(&kube.deployment.name, heap, limit));
        }
    }
    found
}

/// `-XX:MaxRAMPercentage` so high that the rest does not fit.
fn by_share(server: &Server, service: &Service, limit: &Located<u64>) -> Option<Finding> {
    let share = server.settings.get("jvm.max-ram-percentage")?;
    let share = share.and_then(|text| text.trim().parse::<f64>().ok())?;
    let high = share.value > 85.0 && share.value <= 100.0;
    if !high {
        return None;
    }
    let rest = (limit.value as f64 * (100.0 - share.value) / 100.0) as u64;
    if rest >= 2 * BESIDES_HEAP {
        return None;
    }
    let name = &service.name.value;
    let title = format!(
        "{name}: a heap of {} % leaves {} of {} for everything else: likely killed under load",
        share.value,
        bytes(rest),
        bytes(limit.value)
    );
    Some(
        Finding::new(&META, title)
            .service(name)
            .weigh(Role::Cause, Severity::Medium, 65)
            .arithmetic(format!(
                "{} × (100 - {}) % = {} for metadata, code, stacks and buffers; likely {} or more needed",
                bytes(limit.value),
                share.value,
                bytes(rest),
                bytes(BESIDES_HEAP)
            ))
            .because("share of the container's memory that the heap may take", &share)
            .because("the container may use this many bytes", limit)
            .leads_to("container-killed")
            .fix(Fix::advice("use -XX:MaxRAMPercentage=75")),
    )
}
