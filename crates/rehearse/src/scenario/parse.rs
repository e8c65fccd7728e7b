//! A TOML document → [`Scenario`].

use std::ops::Range;
use std::time::Duration;

use serde_json::{Map, Value};
use toml::Spanned;
use toml::de::{DeTable, DeValue};
use wonin_fault::TcpFault;
use wonin_fault::inject::Injection;
use wonin_fault::kafka::KafkaFault;

use super::fields::Fields;
use super::problem::{Problem, Problems};
use super::{
    FaultAct, FaultSpec, KafkaSpec, KnownTimeout, Limits, ProcessSpec, ProxySpec, Scenario,
    WorkloadKind, WorkloadSpec, check, expects, places, records, ties,
};
use crate::workload::{Temperature, command, http};

/// How long is watched after recovery where the scenario does not say.
const AFTER: Duration = Duration::from_secs(5);
/// How long the steady state must hold where the scenario does not say.
const STEADY: Duration = Duration::from_secs(2);
/// How long a process of the scenario may take to be ready.
const READY: Duration = Duration::from_secs(30);

pub(super) fn parse(
    path: &str,
    text: &str,
    timeouts: &[KnownTimeout],
) -> Result<Scenario, Vec<Problem>> {
    let problems = Problems::new(path, text);
    let document = match DeTable::parse(text) {
        Ok(document) => document,
        Err(error) => {
            let at = error.span().unwrap_or_default();
            problems.add(at, format!("this is not TOML: {}", error.message().replace('\n', "; ")));
            return Err(problems.into_sorted());
        }
    };
    let reader = Reader::new(document.get_ref(), &problems);
    let scenario = reader.scenario();
    match scenario {
        Some(scenario) if problems.is_empty() => {
            reader.check(&scenario, timeouts);
            if problems.is_empty() { Ok(scenario) } else { Err(problems.into_sorted()) }
        }
        _ => {
            if problems.is_empty() {
                problems.add(0..0, "the scenario is not complete");
            }
            Err(problems.into_sorted())
        }
    }
}

/// The tables of a document by their names.
struct Reader<'a> {
    root: Fields<'a>,
    problems: &'a Problems<'a>,
}

/// A table and where it stands.
pub(super) type Table<'a> = (&'a DeTable<'a>, Range<usize>);

impl<'a> Reader<'a> {
    fn new(document: &'a DeTable<'a>, problems: &'a Problems<'a>) -> Self {
        Self { root: Fields::new(document, 0..0, "a scenario", problems), problems }
    }

    /// All tables of a name, whether it is one or a list.
    fn tables(&self, name: &'static str) -> Vec<Table<'a>> {
        let Some(value) = self.root.get(name) else { return Vec::new() };
        let one = |value: &'a Spanned<DeValue<'a>>| match value.get_ref() {
            DeValue::Table(table) => Some((table, value.span())),
            _ => {
                self.problems.add(value.span(), format!("`{name}` must be a table"));
                None
            }
        };
        match value.get_ref() {
            DeValue::Array(items) => items.iter().filter_map(one).collect(),
            _ => one(value).into_iter().collect(),
        }
    }

    fn all<T>(&self, name: &'static str, read: impl Fn(&Fields<'a>) -> Option<T>) -> Vec<T> {
        let read = |(table, span): Table<'a>| {
            let fields = Fields::new(table, span, format!("`[[{name}]]`"), self.problems);
            let read = read(&fields);
            // Where something is missing, what else is wrong is still worth telling.
            fields.finish();
            read
        };
        self.tables(name).into_iter().filter_map(read).collect()
    }

    /// The only table of a name.
    fn one<T>(&self, name: &'static str, read: impl Fn(&Fields<'a>) -> Option<T>) -> Option<T> {
        let tables = self.tables(name);
        if let Some((_, span)) = tables.get(1) {
            self.problems.add(span.clone(), format!("there is `[{name}]` already"));
        }
        let (table, span) = tables.into_iter().next()?;
        let fields = Fields::new(table, span, format!("`[{name}]`"), self.problems);
        let read = read(&fields);
        fields.finish();
        read
    }

    fn scenario(&self) -> Option<Scenario> {
        let head = self.one("scenario", head);
        if !self.root.has("scenario") {
            let hint = "begin with `[scenario]` and `name = \"what is rehearsed\"`";
            self.problems.add_with_hint(0..0, "there is no `[scenario]`", hint);
        }
        let proxies = self.all("proxy", proxy);
        let kafka = self.one("kafka", kafka);
        let processes = self.all("process", process);
        let workloads = self.all("workload", workload);
        let faults = self.all("fault", fault);
        // As they are written: one with something wrong in it is still meant.
        let name = |(table, _): Table<'a>| table.get("name")?.get_ref().as_str().map(str::to_owned);
        let names = self.tables("workload").into_iter().map(|one| name(one).unwrap_or_default());
        let names: Vec<String> = names.collect();
        let expects = self.all("expect", |fields| expects::expect(fields, &names));
        let aborts = self.all("abort", |fields| expects::abort(fields, &names));
        let limits = self.one("limits", |fields| Some(limits(fields))).unwrap_or_default();
        // What is left over in the document itself.
        self.root.finish();
        let mut scenario = head?;
        scenario.proxies = proxies;
        scenario.kafka = kafka;
        scenario.processes = processes;
        scenario.workloads = workloads;
        scenario.faults = faults;
        scenario.expects = expects;
        scenario.aborts = aborts;
        scenario.limits = limits;
        Some(scenario)
    }

    /// What no single table can tell.
    fn check(&self, scenario: &Scenario, timeouts: &[KnownTimeout]) {
        for (table, index, key, what, hint) in check::check(scenario) {
            self.problems.add_with_hint(self.place(table, index, key), what, hint);
        }
        for (index, key, what) in ties::ties(scenario, timeouts) {
            let tables = self.tables("fault");
            let is_allowed = tables.get(index).is_some_and(|(table, _)| {
                table.get("allow_tie").is_some_and(|value| value.get_ref().as_bool() == Some(true))
            });
            if !is_allowed {
                let hint = "take at most half of it or at least twice as much; `allow_tie = true` \
                            if the tie itself is what you want to see";
                self.problems.add_with_hint(self.place("fault", index, key), what, hint);
            }
        }
        self.check_places(scenario);
    }

    fn place(&self, table: &'static str, index: usize, key: &str) -> Range<usize> {
        let tables = self.tables(table);
        let Some((table, span)) = tables.get(index) else { return 0..0 };
        table.get(key).map_or_else(|| span.clone(), Spanned::span)
    }

    /// `${…}` names something that exists.
    fn check_places(&self, scenario: &Scenario) {
        let mut known = Vec::new();
        for proxy in &scenario.proxies {
            let name = format!("proxy.{}", proxy.name);
            known.extend([format!("{name}.host"), format!("{name}.port"), name]);
        }
        if scenario.kafka.is_some() {
            known.push("kafka.bootstrap".to_owned());
        }
        if let Some((name, at)) = texts(&self.root)
            .into_iter()
            .flat_map(|(text, at)| places::names(text).into_iter().map(move |n| (n, at.clone())))
            .find(|(name, _)| !known.iter().any(|known| known == name))
        {
            let names: Vec<&str> = known.iter().map(String::as_str).collect();
            let hint = match super::problem::nearest(name, &names) {
                Some(near) => format!("did you mean `${{{near}}}`?"),
                None if known.is_empty() => {
                    "there is neither a `[[proxy]]` nor `[kafka]`".to_owned()
                }
                None => format!("there is {}", known.join(", ")),
            };
            self.problems.add_with_hint(at, format!("`${{{name}}}` stands for nothing"), hint);
        }
    }
}

/// Every text of a document with its place.
fn texts<'a>(root: &Fields<'a>) -> Vec<(&'a str, Range<usize>)> {
    fn collect<'a>(value: &'a Spanned<DeValue<'a>>, out: &mut Vec<(&'a str, Range<usize>)>) {
        match value.get_ref() {
            DeValue::String(text) => out.push((text.as_ref(), value.span())),
            DeValue::Array(items) => items.iter().for_each(|item| collect(item, out)),
            DeValue::Table(table) => table.iter().for_each(|(_, value)| collect(value, out)),
            _ => {}
        }
    }
    let mut out = Vec::new();
    root.table().iter().for_each(|(_, value)| collect(value, &mut out));
    out
}

fn head(fields: &Fields<'_>) -> Option<Scenario> {
    let clients = clients(fields);
    let stack = fields.text("stack");
    let seed = fields.whole("seed").unwrap_or(0);
    let warm_up = fields.duration("warm_up").unwrap_or_default();
    let steady = fields.duration("steady").unwrap_or(STEADY);
    let after = fields.duration("after").unwrap_or(AFTER);
    Some(Scenario {
        name: fields.name()?,
        seed,
        stack,
        clients: clients?,
        warm_up,
        steady,
        after,
        proxies: Vec::new(),
        kafka: None,
        processes: Vec::new(),
        workloads: Vec::new(),
        faults: Vec::new(),
        expects: Vec::new(),
        aborts: Vec::new(),
        limits: Limits::default(),
    })
}

fn clients(fields: &Fields<'_>) -> Option<Vec<Temperature>> {
    let Some(words) = fields.texts("clients") else {
        return (!fields.has("clients")).then(|| vec![Temperature::Warm]);
    };
    let known = [("warm", Temperature::Warm), ("cold", Temperature::Cold)];
    let mut clients = Vec::new();
    for word in words {
        let client = fields.choose("clients", &word, &known)?;
        if !clients.contains(&client) {
            clients.push(client);
        }
    }
    if clients.is_empty() {
        fields.wrong("clients", "`clients` names nothing; there is \"warm\" and \"cold\"");
        return None;
    }
    Some(clients)
}

fn limits(fields: &Fields<'_>) -> Limits {
    let default = Limits::default();
    Limits {
        total: fields.duration("total").unwrap_or(default.total),
        recovery: fields.span_of_time("recovery").unwrap_or(default.recovery),
    }
}

fn proxy(fields: &Fields<'_>) -> Option<ProxySpec> {
    let listen = fields.text("listen").unwrap_or_else(|| "127.0.0.1:0".to_owned());
    let upstream = fields.need("upstream", "\"127.0.0.1:5432\"", fields.text("upstream"));
    Some(ProxySpec { name: fields.name()?, listen, upstream: upstream? })
}

fn kafka(fields: &Fields<'_>) -> Option<KafkaSpec> {
    let bootstrap = fields.texts("bootstrap");
    let bootstrap = fields.need("bootstrap", "\"127.0.0.1:9092\"", bootstrap)?;
    let split = bootstrap.iter().flat_map(|text| text.split(','));
    let bootstrap = split.map(|address| address.trim().to_owned()).collect();
    let listen_host = fields.text("listen_host").unwrap_or_else(|| "127.0.0.1".to_owned());
    let first_port = match fields.whole("first_port").map(u16::try_from) {
        Some(Err(_)) => {
            fields.wrong("first_port", "`first_port` must be a port, 1 to 65535");
            None
        }
        port => port.and_then(Result::ok),
    };
    Some(KafkaSpec { bootstrap, listen_host, first_port })
}

fn process(fields: &Fields<'_>) -> Option<ProcessSpec> {
    let command = fields.need("command", "[\"program\"]", fields.command("command"));
    let dir = fields.text("dir");
    let env = fields.text_table("env").unwrap_or_default();
    let log = fields.text("log");
    let ready = fields.address("ready");
    let ready_within = fields.span_of_time("ready_within").unwrap_or(READY);
    Some(ProcessSpec {
        name: fields.name()?,
        command: command?,
        dir,
        env,
        log,
        ready,
        ready_within,
    })
}

fn workload(fields: &Fields<'_>) -> Option<WorkloadSpec> {
    let name = fields.name();
    let kind = fields.need("kind", "\"http\"", fields.text("kind"))?;
    let words = [("http", 0), ("command", 1), ("kafka", 2)];
    let kind = match kind_of(fields, &kind, &words)? {
        0 => WorkloadKind::Http(http::HttpSpec::read(fields)?),
        2 => WorkloadKind::Kafka(Box::new(records::read(fields)?)),
        _ => WorkloadKind::Command(command::CommandSpec::read(fields)?),
    };
    Some(WorkloadSpec { name: name?, kind })
}

/// What is to be read by the kind of a table; of an unknown kind all other keys may be right.
fn kind_of<T: Copy>(fields: &Fields<'_>, kind: &str, kinds: &[(&str, T)]) -> Option<T> {
    let found = fields.choose("kind", kind, kinds);
    if found.is_none() {
        fields.claim_rest();
    }
    found
}

fn fault(fields: &Fields<'_>) -> Option<FaultSpec> {
    let name = fields.name();
    let at = fields.need("at", "\"5s\"", fields.duration("at"));
    let lasts = fields.need("for", "\"10s\"", fields.duration("for"));
    // Read where ties are looked for.
    _ = fields.truth("allow_tie");
    let stands_for = fields.text("stands_for");
    let kind = fields.need("kind", "\"tcp\"", fields.text("kind"))?;
    let read = [
        ("tcp", tcp as fn(&Fields<'_>) -> Option<Vec<(Option<String>, FaultAct)>>),
        ("kafka", kafka_fault),
        ("process", process_fault),
        ("container", container_fault),
    ];
    let acts = kind_of(fields, &kind, &read)?(fields);
    if lasts == Some(Duration::ZERO) {
        fields.wrong("for", "`for` must be longer than nothing");
        return None;
    }
    Some(FaultSpec { name: name?, at: at?, lasts: lasts?, stands_for, acts: acts? })
}

type Acts = Option<Vec<(Option<String>, FaultAct)>>;

/// Toxiproxy's words, on a proxy of the scenario.
fn tcp(fields: &Fields<'_>) -> Acts {
    let proxy = fields.need("proxy", "\"db\"", fields.text("proxy"));
    for key in ["type", "stream", "toxicity", "attributes"] {
        fields.get(key);
    }
    fields.need("type", "\"latency\"", fields.text("type"))?;
    let words = ["type", "stream", "toxicity", "attributes"];
    match TcpFault::parse(&Value::Object(fields.only(&words))) {
        Ok(fault) => Some(vec![(None, FaultAct::Tcp { proxy: proxy?, fault })]),
        Err(error) => {
            let keys =
                [("attribute", "attributes"), ("toxicity", "toxicity"), ("stream", "stream")];
            let named = keys.into_iter().find(|(word, _)| error.message.contains(word));
            let message = error.message.trim_start_matches("bad request body: ");
            if message == "invalid toxic type" {
                let known = TcpFault::kinds().map(|kind| (kind, ()));
                let known: Vec<(&str, ())> = known.collect();
                let kind = fields.text("type").unwrap_or_default();
                fields.choose("type", &kind, &known);
            } else {
                fields.wrong(named.map_or("type", |(_, key)| key), message.to_owned());
            }
            None
        }
    }
}

fn kafka_fault(fields: &Fields<'_>) -> Acts {
    let words = fields.rest();
    fields.claim_rest();
    if let Some((key, what, example)) = incomplete(&words) {
        fields.wrong_with_hint(key, what, format!("for example `{example}`"));
        return None;
    }
    let read = serde_json::from_value::<KafkaFault>(Value::Object(words));
    let checked = read.map_err(|error| error.to_string());
    match checked.and_then(|fault| fault.check().map(|()| fault)) {
        Ok(fault) => Some(vec![(None, FaultAct::Kafka(fault))]),
        Err(error) => {
            fields.foreign(&error);
            None
        }
    }
}

/// The mistakes that are made with what a Kafka fault does: the place, what is wrong, and how it is
/// written.
fn incomplete(words: &Map<String, Value>) -> Option<(&'static str, String, &'static str)> {
    const ERROR: &str = "act = { type = \"error\", code = \"NOT_LEADER_OR_FOLLOWER\" }";
    const DELAY: &str = "act = { type = \"delay\", ms = 700 }";
    match words.get("act") {
        None => Some(("act", "`[[fault]]` has no `act`".to_owned(), "act = \"lose_response\"")),
        Some(Value::String(act)) if act == "error" => {
            Some(("act", "`error` needs a `code`".to_owned(), ERROR))
        }
        Some(Value::String(act)) if act == "delay" => {
            Some(("act", "`delay` needs `ms`".to_owned(), DELAY))
        }
        Some(Value::Object(act)) if !act.contains_key("type") => {
            Some(("act", "`act` has no `type`".to_owned(), ERROR))
        }
        _ => None,
    }
}

fn process_fault(fields: &Fields<'_>) -> Acts {
    let own = fields.text("process");
    variants(fields, |mut words| {
        words.insert("kind".to_owned(), "process".into());
        let Some(process) = own.clone() else {
            return injection(Value::Object(words));
        };
        if words.get("act").is_some_and(|act| act == "restart") || words.contains_key("comes_back")
        {
            return Err(
                "a process of the scenario is started again when the fault is healed: use \
                        `act = \"terminate\"` or `\"kill\"`, without `comes_back`"
                    .to_owned(),
            );
        }
        // The words are checked now, with an id that stands for the one to come.
        let mut trial = words.clone();
        trial.insert("pid".to_owned(), 1.into());
        injection(Value::Object(trial))?;
        Ok(FaultAct::Own { process, words: Value::Object(words) })
    })
}

fn container_fault(fields: &Fields<'_>) -> Acts {
    // `name` is the fault's own.
    let container = fields.text("container");
    variants(fields, |mut words| {
        words.insert("kind".to_owned(), "container".into());
        if let Some(container) = &container {
            words.insert("name".to_owned(), container.as_str().into());
        }
        injection(Value::Object(words))
    })
}

fn injection(words: Value) -> Result<FaultAct, String> {
    serde_json::from_value::<Injection>(words)
        .map(FaultAct::Inject)
        .map_err(|error| error.to_string())
}

/// One act, or one for each of `runs`.
fn variants(
    fields: &Fields<'_>,
    read: impl Fn(Map<String, Value>) -> Result<FaultAct, String>,
) -> Acts {
    let runs = fields.texts("runs");
    let words = fields.rest();
    fields.claim_rest();
    let is_process = fields.text("kind").as_deref() == Some("process");
    let acts: Vec<(Option<String>, Map<String, Value>)> = match runs {
        None => vec![(None, words)],
        Some(runs) => runs
            .into_iter()
            .map(|run| {
                let mut words = words.clone();
                // A person says `stop` of both; a process is asked to terminate.
                let act = if is_process && run == "stop" { "terminate" } else { run.as_str() };
                words.insert("act".to_owned(), act.into());
                (Some(run), words)
            })
            .collect(),
    };
    let mut read_all = Vec::new();
    for (label, words) in acts {
        match read(words) {
            Ok(act) => read_all.push((label, act)),
            Err(error) => {
                fields.foreign(&error);
                return None;
            }
        }
    }
    if read_all.is_empty() {
        fields.wrong("runs", "`runs` names nothing; for example [\"stop\", \"kill\"]");
        return None;
    }
    Some(read_all)
}
