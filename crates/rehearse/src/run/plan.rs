//! What a scenario will do, with its targets as they are found now; nothing is started.

use wonin_fault::check_addresses;
use wonin_model::rehearsal::Plan;

use super::{CannotRun, RunOptions, faults, reach};
use crate::scenario::{
    Ask, Check, Condition, DeliveryCount, FaultAct, Scenario, WorkloadKind, spoken,
};
use crate::workload::Workload as _;
use crate::workload::kafka::Records;

/// Resolves all targets. Fails where something may not be touched.
pub async fn plan(scenario: &Scenario, options: &RunOptions) -> Result<Plan, CannotRun> {
    let mut plan = Plan {
        name: scenario.name.clone(),
        seed: options.seed.unwrap_or(scenario.seed),
        runs: scenario.runs().into_iter().map(|run| run.label).collect(),
        ..Plan::default()
    };
    starts(scenario, options, &mut plan).await?;
    targets(scenario, options, &mut plan).await?;
    for fault in &scenario.faults {
        let acts: Vec<String> = fault.acts.iter().map(|(_, act)| deed(act)).collect();
        let what = acts.join(" or ");
        plan.timeline.push((fault.at.as_secs_f64(), format!("`{}` begins: {what}", fault.name)));
        plan.timeline.push((fault.ends().as_secs_f64(), format!("`{}` is healed", fault.name)));
    }
    plan.timeline.sort_by(|a, b| a.0.total_cmp(&b.0));
    let recovery = spoken(scenario.limits.recovery);
    let after = spoken(scenario.after);
    let end = format!("recovery is awaited for up to {recovery}, then watched for {after}");
    plan.timeline.push((scenario.heals_at().as_secs_f64(), end));
    for expect in &scenario.expects {
        let what = format!("`{}`: {}", expect.name, expected(scenario, &expect.check));
        plan.expectations.push((expect.phases.clone(), what));
    }
    for abort in &scenario.aborts {
        let what = match &abort.condition {
            Condition::SuccessBelow { workload, share } => {
                let name = &scenario.workloads[*workload].name;
                format!("success of `{name}` below {}%", share * 100.0)
            }
            Condition::Probe(probe) => format!("no good answer of {}", asked(&probe.ask)),
        };
        plan.aborts.push(format!("{what} for {}", spoken(abort.lasts)));
    }
    Ok(plan)
}

async fn starts(
    scenario: &Scenario,
    options: &RunOptions,
    plan: &mut Plan,
) -> Result<(), CannotRun> {
    for proxy in &scenario.proxies {
        let checked = check_addresses(&proxy.listen, &proxy.upstream, options.allow_remote).await;
        checked.map_err(|error| CannotRun::new(format!("proxy `{}`: {error}", proxy.name)))?;
        let listen = match proxy.listen.strip_suffix(":0") {
            Some(host) => format!("a free port of {host}"),
            None => proxy.listen.clone(),
        };
        plan.starts.push(format!("proxy {}: {listen} → {}", proxy.name, proxy.upstream));
    }
    if let Some(kafka) = &scenario.kafka {
        let brokers = kafka.bootstrap.join(",");
        plan.starts.push(format!("Kafka proxy: {} → {brokers}", kafka.listen_host));
    }
    for process in &scenario.processes {
        plan.starts.push(format!("process {}: {}", process.name, process.command.join(" ")));
    }
    for workload in &scenario.workloads {
        let about = match &workload.kind {
            WorkloadKind::Http(spec) => spec.about(),
            WorkloadKind::Command(spec) => spec.command.join(" "),
            WorkloadKind::Kafka(spec) => Records::new(spec.as_ref().clone()).about(),
        };
        plan.starts.push(format!("workload {}: {about}", workload.name));
    }
    Ok(())
}

async fn targets(
    scenario: &Scenario,
    options: &RunOptions,
    plan: &mut Plan,
) -> Result<(), CannotRun> {
    let resolver = reach::Resolver::open(scenario, options).await?;
    for fault in &scenario.faults {
        let mut found: Vec<String> = Vec::new();
        for (_, act) in &fault.acts {
            let names = match act {
                FaultAct::Inject(injection) => match resolver.resolve(injection).await {
                    Ok(names) => names,
                    Err(why) => {
                        plan.not_possible.push(format!("`{}`: {why}", fault.name));
                        Vec::new()
                    }
                },
                other => vec![faults::words(other).0],
            };
            for name in names {
                if !found.contains(&name) {
                    found.push(name);
                }
            }
        }
        plan.targets.push((fault.name.clone(), found));
    }
    Ok(())
}

fn deed(act: &FaultAct) -> String {
    let (target, what) = faults::words(act);
    format!("{what} ({target})")
}

fn expected(scenario: &Scenario, check: &Check) -> String {
    let name = |workload: &usize| format!("`{}`", scenario.workloads[*workload].name);
    match check {
        Check::Success { workload, at_least } => {
            format!("at least {}% of {} succeed", at_least * 100.0, name(workload))
        }
        Check::NoFailures { workload } => format!("nothing of {} fails", name(workload)),
        Check::Latency { workload, share, below } => {
            format!("p{} of {} is below {}", share * 100.0, name(workload), spoken(*below))
        }
        Check::Probe(probe) => format!("{} answers well", asked(&probe.ask)),
        Check::Delivery { count, at_most } => {
            let what = match count {
                DeliveryCount::Lost => "records are lost",
                DeliveryCount::NotDelivered => "records are not delivered in time",
                DeliveryCount::Duplicated => "records are duplicated",
                DeliveryCount::Reordered => "records are reordered",
                DeliveryCount::Anomalies => "anomalies are found",
            };
            format!("at most {at_most} {what}")
        }
        Check::Recovered { within } => format!("steady again within {}", spoken(*within)),
    }
}

fn asked(ask: &Ask) -> String {
    match ask {
        Ask::Http { url, .. } => url.clone(),
        Ask::Tcp { address } => address.clone(),
        Ask::Command { command, .. } => format!("`{}`", command.join(" ")),
    }
}
