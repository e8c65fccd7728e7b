//! `wonin rehearse kafka`: ready-made scenarios on a Kafka cluster, with what `diagnose` says beside
//! what happens.

mod copy;
mod own;
mod stack;

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use tokio_util::sync::CancellationToken;
use wonin_rehearse::kafka::{
    Application, Claim, KafkaRehearsal, Names, Node, Only, Reach, Wanted, brokers, is_near,
    one_listens, rehearse,
};
use wonin_rehearse::run::{RunOptions, Status};
use wonin_rehearse::workload::kafka::ExternalSpec;
use wonin_text::Sources;

use super::{
    cannot_run, confirm, injector, run_id, runtime, show, targets, watched_until_interrupted,
};
use crate::failure::Failure;
use crate::output::{self, Target};
use crate::progress::watched;
use crate::terminal::Terminal;

/// How often, and after which pause, brokers are looked for that are still starting.
const STARTING_LOOKS: u32 = 30;
const STARTING_LOOK: Duration = Duration::from_millis(500);

const EXAMPLES: &str = "\
Examples:
  wonin rehearse kafka --stop 1                         stop broker 1 of the Compose project here
  wonin rehearse kafka --compose deploy/compose.yml     all scenarios
  wonin rehearse kafka --compose deploy/compose.yml --dry-run --quick
  wonin rehearse kafka --compose deploy/compose.yml --up --quick
                                                        starts a copy of it for the rehearsal
  wonin rehearse kafka --compose deploy/compose.yml --prove
                                                        which causes are real: repairs a copy step
                                                        by step until a stopped broker does no harm
  wonin rehearse kafka --bootstrap 127.0.0.1:9092,127.0.0.2:9092
                                                        brokers are cut off at a proxy
  wonin rehearse kafka --bootstrap 127.0.0.1:9092 --pid 1=4711 --pid 2=4712 --yes
                                                        brokers are processes: stopped for real
  wonin rehearse kafka --bootstrap 127.0.0.1:9092 --client 'java -cp ... Records'

Scenarios: nothing broken; a broker stopped and killed, each with clients that are connected (warm)
and clients that start meanwhile (cold), until it is back; a broker whose answers are late, with
delays on both sides of what the application's timeouts bound. `--stop N` stops broker N and does
nothing else. A topic of its own is made with the brokers' own replication settings, and deleted.

`--up` and `--prove` start the brokers from a copy of the files, under a project name and with
volumes of their own, on the ports that the files publish (images that are not here are fetched by
Compose, as ever); containers, networks, volumes and the copy are removed at the end, and after a
kill by `wonin rehearse --recover` at the latest. The files themselves are never changed. With
`--prove` a cause is confirmed only if repairing it alone ends the failure, or if repairing one after
the other moves the failure on until it is gone.

Whatever happens, what was broken is healed: at the end, at an error, at Ctrl-C.

A client (`--client`) gets WONIN_BOOTSTRAP, WONIN_TOPIC, WONIN_GROUP, WONIN_PREFIX and WONIN_RATE, gives
record N the value WONIN_PREFIX + N, and prints lines of JSON:
  {\"try\":0}  {\"ack\":0,\"partition\":1,\"offset\":42}  {\"fail\":1,\"error\":\"TimeoutException\"}
  {\"read\":\"VALUE\",\"partition\":1,\"offset\":42}

Exit codes:
  0  held: records went on in every scenario
  1  broke: they did not
  2  could not run
  3  invalid: a fault hit nothing, no steady state to begin with
  4  aborted: by Ctrl-C";

/// Stop and slow down the brokers of a Kafka cluster, and see what becomes of records
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
#[allow(clippy::struct_excessive_bools, reason = "each is a flag of the command line")]
pub(crate) struct Args {
    /// Where the files of brokers and application are [default: beside the Compose file, else none
    /// with `--bootstrap`, else this directory]
    #[arg(value_name = "PATH")]
    path: Option<PathBuf>,

    /// The Compose file whose running project is rehearsed
    #[arg(long, value_name = "FILE")]
    compose: Option<PathBuf>,

    /// The name of the running Compose project [default: as Compose names it]
    #[arg(long, value_name = "NAME")]
    project: Option<String>,

    /// Brokers to start from, as `HOST:PORT`, with commas between
    #[arg(long, value_name = "HOST:PORT,...", value_delimiter = ',')]
    bootstrap: Vec<String>,

    /// A broker that is a process of this machine, as `NODE=PID`; several may be given
    #[arg(long = "pid", value_name = "NODE=PID", value_parser = node_and_pid)]
    pids: Vec<(i32, u32)>,

    /// Stop this broker, by its id, and do nothing else
    #[arg(long, value_name = "NODE", conflicts_with_all = ["only", "prove"])]
    stop: Option<i32>,

    /// Do nothing but this kind of scenarios
    #[arg(long, value_name = "KIND", value_enum, conflicts_with = "prove")]
    only: Option<Kind>,

    /// Fewer and shorter runs
    #[arg(long)]
    quick: bool,

    /// The longest delay to try, as `40s` [default: 22s; 3s with `--quick`]
    #[arg(long, value_name = "TIME", value_parser = delay)]
    delay_up_to: Option<Duration>,

    /// A program that sends and reads in the place of the built-in clients; run by `sh -c`
    #[arg(long, value_name = "COMMAND")]
    client: Option<String>,

    /// Start a copy of the Compose project for the rehearsal, and remove it afterwards
    #[arg(long, conflicts_with_all = ["bootstrap", "pids", "project"])]
    up: bool,

    /// Repair a copy of the Compose project cause by cause, stop a broker after each repair, and say
    /// which causes are confirmed; `--quick` leaves out killing
    #[arg(long, conflicts_with_all = ["bootstrap", "pids", "project", "client", "delay_up_to"])]
    prove: bool,

    /// Show what would be done; do nothing
    #[arg(long, conflicts_with = "formats")]
    dry_run: bool,

    /// Do not ask before breaking anything; needed where there is no terminal
    #[arg(long)]
    yes: bool,

    /// Fixes every random decision
    #[arg(long, value_name = "NUMBER", default_value_t = 1)]
    seed: u64,

    /// Allow brokers that are not on this machine
    #[arg(long)]
    allow_remote: bool,

    #[command(flatten)]
    injector: injector::InjectorArgs,

    /// text, json or junit; with `=FILE` into a file; several may be given
    #[arg(long = "format", value_name = "FORMAT[=FILE]")]
    formats: Vec<Target>,
}

/// A kind of scenarios.
#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum Kind {
    Stop,
    Kill,
    Slow,
}

impl From<Kind> for Only {
    fn from(kind: Kind) -> Self {
        match kind {
            Kind::Stop => Self::Stop,
            Kind::Kill => Self::Kill,
            Kind::Slow => Self::Slow,
        }
    }
}

fn node_and_pid(text: &str) -> Result<(i32, u32), String> {
    let (node, pid) = text.split_once('=').ok_or("it is to be NODE=PID")?;
    let wrong = |what: &str| format!("`{what}` is no number");
    let node = node.trim().parse().map_err(|_| wrong(node))?;
    let pid = pid.trim().parse().map_err(|_| wrong(pid))?;
    Ok((node, pid))
}

fn delay(text: &str) -> Result<Duration, String> {
    let text = text.trim();
    let (number, unit_ms) = match (text.strip_suffix("ms"), text.strip_suffix('s')) {
        (Some(number), _) => (number, 1.0),
        (None, Some(number)) => (number, 1000.0),
        _ => return Err("it is to be a time such as `40s` or `500ms`".to_owned()),
    };
    let number: f64 = number.trim().parse().map_err(|_| format!("`{number}` is no number"))?;
    if !(0.1..=600_000.0).contains(&(number * unit_ms)) {
        return Err("it is to be between 0.1 ms and 10 minutes".to_owned());
    }
    Ok(Duration::from_secs_f64(number * unit_ms / 1000.0))
}

pub(crate) fn run(args: &Args, terminal: Terminal) -> Result<ExitCode, Failure> {
    let targets = targets(&args.formats)?;
    let runtime = runtime()?;
    let stack = args.stack()?;
    if args.prove || args.up {
        return own::run(args, stack, &targets, terminal, &runtime);
    }
    let none = Sources::default();
    let sources = stack.as_ref().map_or(&none, |stack| &stack.evidence.sources);
    let (rehearsal, project) = runtime.block_on(plan(args, stack.as_ref()))?;
    let options = args.options(project)?;
    let shown = words(&rehearsal, args.seed);
    if !args.agreed(&shown)? {
        return Ok(ExitCode::SUCCESS);
    }
    let status = Status::default();
    let stop = CancellationToken::new();
    let work = rehearse(&rehearsal, &options, args.seed, &status, &stop);
    let done = watched(
        terminal,
        || status.text(),
        || runtime.block_on(watched_until_interrupted(work, &stop)),
    )?;
    show(&targets, terminal, &done.map_err(cannot_run)?, sources)
}

impl Args {
    /// The stack whose application is played and whose findings are held against what happens.
    fn stack(&self) -> Result<Option<stack::Stack>, Failure> {
        if let Some(file) = &self.compose {
            let cannot =
                |cause| Failure::new(format!("cannot read `{}`", file.display())).because(cause);
            std::fs::File::open(file).map_err(cannot)?;
        }
        let beside = self.compose.as_deref().and_then(std::path::Path::parent);
        let beside = beside.map(|dir| {
            if dir.as_os_str().is_empty() { PathBuf::from(".") } else { dir.to_owned() }
        });
        let here = || self.bootstrap.is_empty().then(|| PathBuf::from("."));
        let path = self.path.clone().or(beside).or_else(here);
        path.map(|path| stack::Stack::read(&path)).transpose()
    }

    /// Shows what would be done, and asks unless that was answered; `false` where showing was all.
    fn agreed(&self, shown: &str) -> Result<bool, Failure> {
        if self.dry_run {
            output::print(shown)?;
            return Ok(false);
        }
        if self.yes {
            output::tell(shown.trim_end());
        } else {
            confirm(shown)?;
        }
        Ok(true)
    }

    fn wanted(&self) -> Wanted {
        Wanted {
            stop: self.stop,
            only: self.only.map(Only::from),
            is_quick: self.quick,
            delay_max: self.delay_up_to,
        }
    }

    fn options(&self, project: Option<String>) -> Result<RunOptions, Failure> {
        let mut injector = self.injector.options()?;
        injector.project = project;
        // The processes were named one by one.
        injector.allow_foreign |= !self.pids.is_empty();
        Ok(RunOptions {
            seed: Some(self.seed),
            allow_remote: self.allow_remote,
            injector,
            run_id: run_id(),
        })
    }
}

/// What will be done, and the Compose project whose containers are hit, where there is one.
async fn plan(
    args: &Args,
    stack: Option<&stack::Stack>,
) -> Result<(KafkaRehearsal, Option<String>), Failure> {
    let is_compose = args.compose.is_some() || args.bootstrap.is_empty();
    let project = match (is_compose, stack) {
        (false, _) => None,
        (true, Some(stack)) => Some(stack.project(args.compose.as_deref(), args.project.clone())?),
        (true, None) => {
            return Err(Failure::new("there is nothing to rehearse")
                .hint("give `--compose FILE` or `--bootstrap HOST:PORT`"));
        }
    };
    let bootstrap = match &project {
        Some(project) if args.bootstrap.is_empty() => project.addresses.clone(),
        _ => {
            // A person says that they run; those of a project may be about to.
            one_listens(&args.bootstrap, args.allow_remote).await.map_err(cannot_run)?;
            args.bootstrap.clone()
        }
    };
    let expected = project.iter().flat_map(|project| project.services.keys().copied());
    let found = all_brokers(args, &bootstrap, expected.collect()).await?;
    let nodes: Vec<Node> = found
        .into_iter()
        .map(|(id, address)| {
            let pid = args.pids.iter().find(|(node, _)| *node == id).map(|(_, pid)| *pid);
            let service = project.as_ref().and_then(|project| project.services.get(&id));
            let reach = match (pid, &project, service) {
                (Some(pid), ..) => Reach::Process { pid },
                (None, Some(project), Some(service)) => {
                    Reach::Container { project: project.name.clone(), service: service.clone() }
                }
                _ => Reach::Proxy,
            };
            Node { id, address, reach }
        })
        .collect();
    check(args, &nodes)?;
    let (application, claims) = match stack {
        Some(stack) => {
            let index = project.as_ref().map(|project| project.index);
            (stack.application(index), stack.claims())
        }
        None => (Application { names: Names::Librdkafka, ..Application::default() }, Vec::new()),
    };
    let mut rehearsal = build(args, nodes, application, claims)?;
    if let Some(command) = &args.client {
        let command = ["sh", "-c", command].map(str::to_owned).to_vec();
        rehearsal.external = Some(ExternalSpec { command, dir: None });
    }
    Ok((rehearsal, project.map(|project| project.name)))
}

/// The brokers of the cluster; where it is just starting, those that are expected are waited for.
async fn all_brokers(
    args: &Args,
    bootstrap: &[String],
    expected: Vec<i32>,
) -> Result<Vec<(i32, String)>, Failure> {
    let mut found = match brokers(bootstrap).await {
        Ok(found) => found,
        // Why nobody could be reached is told better by the address than by the client.
        Err(error) => {
            let refused = one_listens(bootstrap, args.allow_remote).await.err();
            return Err(cannot_run(refused.unwrap_or(error)));
        }
    };
    for _ in 0..STARTING_LOOKS {
        let is_there = |id: &i32| found.iter().any(|(known, _)| known == id);
        if expected.iter().all(is_there) {
            break;
        }
        tokio::time::sleep(STARTING_LOOK).await;
        found = brokers(bootstrap).await.map_err(cannot_run)?;
    }
    Ok(found)
}

fn build(
    args: &Args,
    nodes: Vec<Node>,
    application: Application,
    claims: Vec<Claim>,
) -> Result<KafkaRehearsal, Failure> {
    KafkaRehearsal::new(nodes, application, claims, args.wanted()).map_err(cannot_run)
}

/// Refuses what is likely a mistake, before anything is done.
fn check(args: &Args, nodes: &[Node]) -> Result<(), Failure> {
    if let Some((node, _)) =
        args.pids.iter().find(|(node, _)| nodes.iter().all(|known| known.id != *node))
    {
        let ids: Vec<String> = nodes.iter().map(|node| node.id.to_string()).collect();
        return Err(Failure::new(format!("`--pid {node}=…`: there is no broker {node}"))
            .hint(format!("the cluster has {}", ids.join(", "))));
    }
    let far = nodes.iter().find(|node| !is_near(&node.address));
    match far {
        Some(node) if !args.allow_remote => Err(Failure::new(format!(
            "broker {} is at {}, which is not this machine",
            node.id, node.address
        ))
        .hint("`--allow-remote` allows it, on a cluster that you may break")),
        _ => Ok(()),
    }
}

/// The plan, for a person.
fn words(rehearsal: &KafkaRehearsal, seed: u64) -> String {
    let mut out = String::new();
    let mut line = |text: &str| {
        out.push_str(text);
        out.push('\n');
    };
    line("brokers:");
    for node in &rehearsal.nodes {
        let how = match &node.reach {
            Reach::Proxy => "cut off at a proxy".to_owned(),
            Reach::Process { pid } => format!("process {pid}"),
            Reach::Container { project, service } => {
                format!("container of service {service} of project {project}")
            }
        };
        line(&format!("  {} at {}: {how}", node.id, node.address));
    }
    let application = match rehearsal.application.name.as_str() {
        "" => "librdkafka's defaults".to_owned(),
        name => format!("the settings of {name}"),
    };
    match rehearsal.external.as_ref().and_then(|program| program.command.last()) {
        Some(command) => line(&format!("clients: `{command}`")),
        None => line(&format!("clients: librdkafka with {application}")),
    }
    if !rehearsal.starts_at.is_empty() {
        let ids: Vec<String> = rehearsal.starts_at.iter().map(i32::to_string).collect();
        line(&format!("  they start at broker {}", ids.join(" and ")));
    }
    line(&format!("scenarios, about {} in all, seed {seed}:", minutes(rehearsal.takes())));
    for planned in &rehearsal.planned {
        line(&format!("  {} (about {})", planned.name, minutes(planned.takes())));
    }
    for remark in &rehearsal.remarks {
        line(&format!("note: {remark}"));
    }
    out
}

fn minutes(time: Duration) -> String {
    match time.as_secs() {
        seconds if seconds < 100 => format!("{seconds} s"),
        seconds => format!("{} min", seconds.div_ceil(60)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_are_understood() {
        assert_eq!(node_and_pid("1=4711"), Ok((1, 4711)));
        assert!(node_and_pid("1:4711").is_err() && node_and_pid("a=1").is_err());
        assert_eq!(delay("40s"), Ok(Duration::from_secs(40)));
        assert_eq!(delay("500ms"), Ok(Duration::from_millis(500)));
        assert!(delay("40").is_err() && delay("0s").is_err() && delay("2h").is_err());
    }
}
