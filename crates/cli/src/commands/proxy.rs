//! `wonin proxy`: the fault proxy alone, steered over Toxiproxy's API.

use std::hash::{BuildHasher as _, Hasher as _, RandomState};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::{fs, io};

use clap::ValueEnum;
use tracing::level_filters::LevelFilter;
use tracing::{info, warn};
use wonin_fault::kafka::{Act, KafkaFault, KafkaOptions, KafkaProxy, Select};
use wonin_fault::{CONNECTIONS_DEFAULT, Engine, Options, api, workers_for};

use crate::failure::Failure;
use crate::signals::interrupted;

const EXAMPLES: &str = "\
Examples:
  wonin proxy
      The control API on 127.0.0.1:8474, as Toxiproxy's: its clients work unchanged

  curl -d '{\"name\":\"db\",\"listen\":\"127.0.0.1:15432\",\"upstream\":\"127.0.0.1:5432\"}' \\
      127.0.0.1:8474/proxies
  curl -d '{\"type\":\"latency\",\"attributes\":{\"latency\":300,\"jitter\":50}}' \\
      127.0.0.1:8474/proxies/db/toxics
  curl -X DELETE 127.0.0.1:8474/proxies/db/toxics/latency_downstream
      A proxy before a database; its answers 250 to 350 ms late; and no longer

  wonin proxy --config proxies.json --seed 7
      Proxies from a file: [{\"name\":..,\"listen\":..,\"upstream\":..,\"toxics\":[..]}]

  curl 127.0.0.1:8474/hits
      Whom each fault hit: connections, bytes, first and last time

  wonin proxy --kafka 127.0.0.1:9092
      Before all brokers of a Kafka cluster: give clients the `bootstrap` that it prints

  curl -d '{\"name\":\"third\",\"on\":{\"api\":\"OffsetCommit\",\"group\":\"g\",\"nth\":3},
      \"act\":{\"type\":\"error\",\"code\":\"COORDINATOR_NOT_AVAILABLE\"}}' \\
      127.0.0.1:8474/kafka/faults
  curl -d '{\"name\":\"twice\",\"on\":{\"api\":\"Produce\",\"topic\":\"orders\",\"count\":1},
      \"act\":\"lose_response\"}' 127.0.0.1:8474/kafka/faults
  curl -X DELETE 127.0.0.1:8474/kafka/faults/twice
      The third commit of group `g` fails; one answer to a producer is lost; and no longer

  curl 127.0.0.1:8474/kafka/brokers
  curl 127.0.0.1:8474/kafka/escapes
      Who is where; clients that go around the proxy

Faults (`type`) and their attributes:
  latency     latency, jitter (ms)     bandwidth   rate (1000 bytes each second)
  slow_close  delay (ms)               timeout     timeout (ms; 0: until removed)
  reset_peer  timeout (ms)             slicer      average_size, size_variation, delay (us)
  limit_data  bytes                    refuse      nobody can connect
                                       silence     accepted, then nothing
`stream` is `downstream` (to the client) or `upstream`, `toxicity` the share of connections.

Faults on Kafka requests (`act`), chosen by `on`:
  error          code, side (`request`: the broker never sees it, `response`: it does)
  delay          ms, jitter_ms, side
  lose_request   then (`disconnect` or `silence`)
  lose_response  then
  disconnect
and on whole connections of a broker:
  refuse, silence, reset
  latency        ms, jitter_ms, direction (`downstream` or `upstream`)
  bandwidth      bytes_per_s, direction
`on` has api (one or a list), topic, partition, group, client_id, transactional_id, broker (node
id), nth, every, count, probability, from_ms, for_ms; all that is given must hold.";

/// Stand between a client and a server and break the connection on purpose
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// Where the control API listens
    #[arg(long, value_name = "HOST:PORT", default_value = "127.0.0.1:8474")]
    listen: String,

    /// Proxies to create at the start, as a list in JSON
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,

    /// Brokers to ask for the others of a Kafka cluster; each of them gets a listener
    #[arg(long, value_name = "HOST:PORT", value_delimiter = ',')]
    kafka: Vec<String>,

    /// Where the listeners of brokers are
    #[arg(long, value_name = "HOST", default_value = "127.0.0.1", requires = "kafka")]
    kafka_listen: String,

    /// The port of the first broker by node id, the next ones follow [default: free ports]
    #[arg(long, value_name = "PORT", requires = "kafka")]
    kafka_port: Option<u16>,

    /// Faults on Kafka requests to begin with: a JSON list, each with `name`, `on` and `act`
    #[arg(long, value_name = "FILE", requires = "kafka")]
    kafka_faults: Option<PathBuf>,

    /// Fix every random decision: which connections have a fault, each jitter [default: drawn]
    #[arg(long, value_name = "N")]
    seed: Option<u64>,

    /// Offer `GET /metrics` for Prometheus
    #[arg(long)]
    metrics: bool,

    /// Allow addresses that are not loopback, for the API, listeners and upstreams. The API has no
    /// password: whoever reaches it can connect through this machine
    #[arg(long)]
    allow_remote: bool,

    /// Connections at a time; more are reset [default: 16384, or what the system allows]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    max_connections: Option<u32>,

    /// Threads that carry bytes [default: one for each processor, 2 to 16]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u8).range(1..=64))]
    workers: Option<u8>,

    /// What to log to standard error
    #[arg(long, value_name = "LEVEL", default_value = "info")]
    log: Level,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Level {
    Off,
    Error,
    Warn,
    Info,
    Debug,
}

pub(crate) fn run(args: &Args) -> Result<ExitCode, Failure> {
    log_to_stderr(args.log);
    let processors = std::thread::available_parallelism().map_or(1, usize::from);
    let options = Options {
        seed: args.seed.unwrap_or_else(|| RandomState::new().build_hasher().finish()),
        workers: args.workers.map_or(workers_for(processors), usize::from),
        max_connections: max_connections(args.max_connections.map(|asked| asked as usize)),
        allow_remote: args.allow_remote,
    };
    let cannot = |cause| Failure::new("cannot start threads for the proxy").because(cause);
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(cannot)?;
    let engine = Arc::new(Engine::start(options).map_err(cannot)?);
    runtime.block_on(serve(args, engine))
}

/// As many connections as asked for, or as there are descriptors for.
fn max_connections(asked: Option<usize>) -> usize {
    let descriptors = wonin_fault::raise_descriptor_limit().unwrap_or(u64::MAX);
    // Each needs two; some are for listeners, pipes and the API.
    let possible = usize::try_from(descriptors.saturating_sub(1000) / 2).unwrap_or(usize::MAX);
    if asked.is_some_and(|asked| asked > possible) {
        warn!(descriptors, "too few descriptors for so many connections: each needs two");
    }
    asked.unwrap_or_else(|| CONNECTIONS_DEFAULT.min(possible.max(100)))
}

async fn serve(args: &Args, engine: Arc<Engine>) -> Result<ExitCode, Failure> {
    let listener = api::bind(&args.listen, args.allow_remote).await.map_err(|cause| {
        Failure::new(format!("the control API cannot listen on `{}`", args.listen))
            .because(cause)
            .hint("choose another address with `--listen HOST:PORT`; port 0 takes a free one")
    })?;
    let interrupted =
        interrupted().map_err(|cause| Failure::new("cannot listen for signals").because(cause))?;
    if let Some(path) = &args.config {
        configure(&engine, path).await?;
    }
    let kafka = match args.kafka.as_slice() {
        [] => None,
        bootstrap => Some(before_brokers(args, bootstrap, engine.seed()).await?),
    };
    let address = listener.local_addr().map_or_else(|_| args.listen.clone(), |a| a.to_string());
    info!(%address, seed = engine.seed(), "control API is listening");
    let control = api::Control {
        engine: Arc::clone(&engine),
        kafka: kafka.clone(),
        with_metrics: args.metrics,
    };
    tokio::select! {
        () = api::serve(control, listener) => {}
        signal = interrupted => info!(signal, "stopping"),
    }
    if let Some(kafka) = kafka {
        kafka.stop().await;
    }
    engine.stop().await;
    Ok(ExitCode::SUCCESS)
}

/// Stands before the brokers of a cluster, with the faults of a file.
async fn before_brokers(
    args: &Args,
    bootstrap: &[String],
    seed: u64,
) -> Result<KafkaProxy, Failure> {
    let options = KafkaOptions {
        bootstrap: bootstrap.to_vec(),
        listen_host: args.kafka_listen.clone(),
        first_port: args.kafka_port,
        seed,
        allow_remote: args.allow_remote,
    };
    let proxy = KafkaProxy::start(options).await.map_err(|error| {
        Failure::new(format!("cannot stand before the brokers of `{}`", bootstrap.join(",")))
            .because(io::Error::other(error))
    })?;
    if let Some(path) = &args.kafka_faults {
        let count = kafka_faults(&proxy, path)?;
        info!(count, file = %path.display(), "faults added");
    }
    info!(bootstrap = proxy.bootstrap(), brokers = proxy.brokers().len(), "clients are to use");
    Ok(proxy)
}

/// A fault of a file.
#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct NamedFault {
    name: String,
    #[serde(default)]
    on: Select,
    act: Act,
}

fn kafka_faults(proxy: &KafkaProxy, path: &Path) -> Result<usize, Failure> {
    let cannot = || {
        Failure::new(format!("cannot take faults from `{}`", path.display())).hint(
            "the file is a list: [{\"name\": \"twice\", \"on\": {\"api\": \"Produce\"}, \"act\": \
             \"lose_response\"}]",
        )
    };
    let text = fs::read(path).map_err(|cause| cannot().because(cause))?;
    let faults: Vec<NamedFault> =
        serde_json::from_slice(&text).map_err(|cause| cannot().because(io::Error::other(cause)))?;
    let count = faults.len();
    for NamedFault { name, on, act } in faults {
        proxy
            .add(&name, KafkaFault { on, act })
            .map_err(|error| cannot().because(of_file(&error.to_string())))?;
    }
    Ok(count)
}

/// What the API would answer, of a file, which is no request.
fn of_file(error: &str) -> io::Error {
    io::Error::other(error.strip_prefix("bad request body: ").unwrap_or(error).to_owned())
}

async fn configure(engine: &Engine, path: &Path) -> Result<(), Failure> {
    let cannot = || Failure::new(format!("cannot take proxies from `{}`", path.display()));
    let unread = |cause: io::Error| {
        cannot().because(cause).hint(
            "the file is a list: [{\"name\": \"db\", \"listen\": \"127.0.0.1:15432\", \
             \"upstream\": \"127.0.0.1:5432\"}]",
        )
    };
    let text = fs::read(path).map_err(|cause| cannot().because(cause))?;
    // The API's words for broken JSON, which are Toxiproxy's, do not say where.
    serde_json::from_slice::<serde::de::IgnoredAny>(&text)
        .map_err(|cause| unread(io::Error::other(cause)))?;
    let count = engine.configure(&text).await.map_err(|error| match error.status {
        400 => unread(of_file(&error.message)),
        // No question of how the file is written.
        _ => cannot().because(io::Error::other(error)),
    })?;
    info!(count, file = %path.display(), "proxies created");
    Ok(())
}

fn log_to_stderr(level: Level) {
    let level = match level {
        Level::Off => LevelFilter::OFF,
        Level::Error => LevelFilter::ERROR,
        Level::Warn => LevelFilter::WARN,
        Level::Info => LevelFilter::INFO,
        Level::Debug => LevelFilter::DEBUG,
    };
    let colour = anstream::AutoStream::choice(&io::stderr()) != anstream::ColorChoice::Never;
    tracing_subscriber::fmt()
        .with_max_level(level)
        .with_target(false)
        .with_ansi(colour)
        .with_writer(io::stderr)
        .init();
}
