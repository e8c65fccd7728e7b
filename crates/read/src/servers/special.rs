//! What tables cannot say: flags of any name, lists in forms of their own, names in variables.

use wonin_model::{Interpolated, Located, Origin, ServerProduct, Service, Settings};
use wonin_syntax::{json, yaml};

use super::command::Words;

/// Adds what the command line and the environment of a product say in a way of its own; what is
/// set already stays.
pub(super) fn add(
    product: ServerProduct,
    service: &Service,
    words: &Words,
    settings: &mut Settings,
) {
    match product {
        ServerProduct::Postgres => postgres(words, settings),
        ServerProduct::MariaDb | ServerProduct::MySql => mysql(service, words, settings),
        ServerProduct::Redis => redis(service, words, settings),
        ServerProduct::RedisSentinel => sentinel_words(words, settings),
        ServerProduct::Elasticsearch | ServerProduct::OpenSearch => {
            search(service, words, settings);
        }
        ServerProduct::Consul => consul(service, words, settings),
        ServerProduct::Flink => flink(service, words, settings),
        ServerProduct::HBase => named(service, "HBASE_CONF_", unescape, settings),
        ServerProduct::Druid => {
            let dotted = |name: &str| format!("druid.{}", name.replace('_', "."));
            named(service, "druid_", dotted, settings);
        }
        ServerProduct::Nacos => nacos(service, settings),
        ServerProduct::ZooKeeper => ensemble_of_environment(service, settings),
        _ => {}
    }
}

/// Brings settings of files into the product's form, after all files were read.
pub(super) fn finish(product: ServerProduct, service: &Service, settings: &mut Settings) {
    match product {
        ServerProduct::ZooKeeper => ensemble_of_file(service, settings),
        ServerProduct::RedisSentinel => sentinel_file(settings),
        ServerProduct::PinotBroker
        | ServerProduct::PinotController
        | ServerProduct::PinotMinion
        | ServerProduct::PinotServer => {
            // A whole instance id fixes the host as well.
            if let Some(id) = settings.get("instance.id").cloned() {
                put(settings, "host", id);
            }
        }
        ServerProduct::Nacos => {
            // The start script takes names between spaces.
            if let Some(nodes) = settings.get("cluster.nodes").filter(|n| n.value.contains(' ')) {
                let list: Vec<&str> = nodes.value.split_whitespace().collect();
                let joined = made(nodes, list.join(","));
                settings.set("cluster.nodes", joined);
            }
        }
        _ => {}
    }
}

fn put(settings: &mut Settings, name: &str, value: Located<String>) {
    settings.set_default(name, || value);
}

/// A value made of a text that is not the value itself, so that nobody replaces that text by
/// another value.
pub(crate) fn made(from: &Located<String>, value: String) -> Located<String> {
    let origin = match &from.origin {
        Origin::Written(place) => {
            Interpolated { place: *place, from: Vec::new(), unset: Vec::new() }.into()
        }
        other => other.clone(),
    };
    Located { value, origin }
}

/// `name=value` within one word, the value at its place.
fn assignment(word: &Located<String>, prefix: &str) -> Option<(String, Located<String>)> {
    let rest = word.value.strip_prefix(prefix)?;
    let (name, _) = rest.split_once('=')?;
    let value = word.part(prefix.len() + name.len() + 1..word.value.len());
    (!name.is_empty()).then(|| (name.to_owned(), value))
}

/// `-c name=value`, `-cname=value`, `--name=value`.
fn postgres(words: &Words, settings: &mut Settings) {
    for value in words.flags(&["-c"]) {
        if let Some((name, value)) = assignment(&value, "") {
            put(settings, &name, value);
        }
    }
    for word in words.iter() {
        if let Some((name, value)) = assignment(word, "--").or_else(|| assignment(word, "-c")) {
            put(settings, &name.replace('-', "_"), value);
        }
    }
}

/// `--name=value`, with dashes or underscores; bitnami's images take more flags from a variable.
fn mysql(service: &Service, words: &Words, settings: &mut Settings) {
    let extra = ["MARIADB_EXTRA_FLAGS", "MYSQL_EXTRA_FLAGS"];
    let extra = extra.iter().filter_map(|name| service.environment.get(*name));
    let extra: Vec<Words> = extra.map(Words::of_text).collect();
    for word in words.iter().chain(extra.iter().flat_map(Words::iter)) {
        if let Some((name, value)) = assignment(word, "--") {
            put(settings, &name.replace('-', "_"), value);
        }
    }
    for word in words.flags(&["--max_connections", "--max-connections"]) {
        put(settings, "max_connections", word);
    }
}

/// `--name value`; redis-stack and bitnami take more from variables.
fn redis(service: &Service, words: &Words, settings: &mut Settings) {
    let extra = ["REDIS_ARGS", "REDIS_EXTRA_FLAGS"];
    let extra = extra.iter().filter_map(|name| service.environment.get(*name));
    let texts: Vec<Words> = extra.map(Words::of_text).collect();
    for words in std::iter::once(words).chain(&texts) {
        let all: Vec<&Located<String>> = words.iter().collect();
        for pair in all.windows(2) {
            if let Some(name) = pair[0].value.strip_prefix("--").filter(|n| !n.is_empty()) {
                put(settings, name, pair[1].clone());
            }
        }
    }
    let repository = super::product::repository(service);
    if repository.ends_with("/redis-cluster") || repository.ends_with("/valkey-cluster") {
        let source = "the image's start script";
        let value = Located::default_of("yes".to_owned(), format!("{repository} image"), source);
        put(settings, "cluster-enabled", value);
    }
}

/// `sentinel monitor NAME HOST PORT QUORUM` and `sentinel resolve-hostnames yes` wherever a script
/// writes them.
fn sentinel_words(words: &Words, settings: &mut Settings) {
    for word in words.iter().filter(|word| word.value.contains("sentinel ")) {
        for line in word.value.lines() {
            let parts: Vec<&str> = line.split_whitespace().collect();
            let host = match parts.as_slice() {
                ["sentinel", "monitor", _, host, ..] => Some(("sentinel.monitor", *host)),
                ["sentinel", name @ ("resolve-hostnames" | "announce-hostnames"), value, ..] => {
                    let known = *name == "resolve-hostnames";
                    let name = if known {
                        "sentinel.resolve-hostnames"
                    } else {
                        "sentinel.announce-hostnames"
                    };
                    Some((name, *value))
                }
                _ => None,
            };
            if let Some((name, value)) = host {
                put(settings, name, made(word, value.to_owned()));
            }
        }
    }
}

/// In a file each line begins with `sentinel`, so the lines are keys of that name by their second
/// word; see `files`.
fn sentinel_file(settings: &mut Settings) {
    let monitor = settings.get("sentinel.monitor").cloned();
    let Some(monitor) = monitor.filter(|monitor| monitor.value.contains(' ')) else { return };
    // `NAME HOST PORT QUORUM`
    let pieces = monitor.split(' ');
    if let Some(host) = pieces.get(1) {
        settings.set("sentinel.monitor", host.clone());
    }
}

/// Variables with dots are settings; so are `-Ename=value` and `ES_SETTING_…`.
fn search(service: &Service, words: &Words, settings: &mut Settings) {
    for word in words.iter() {
        if let Some((name, value)) = assignment(word, "-E") {
            put(settings, &name, value);
        }
    }
    for value in words.flags(&["-E"]) {
        if let Some((name, value)) = assignment(&value, "") {
            put(settings, &name, value);
        }
    }
    for (variable, value) in &service.environment {
        let setting = variable.strip_prefix("ES_SETTING_").map(|name| {
            name.replace("__", "\u{0}").replace('_', ".").replace('\u{0}', "_").to_ascii_lowercase()
        });
        if let Some(setting) = setting.or_else(|| variable.contains('.').then(|| variable.clone()))
        {
            put(settings, &setting, value.clone());
        }
    }
    let old = settings.get("discovery.zen.ping.unicast.hosts").cloned();
    if let Some(old) = old {
        put(settings, "discovery.seed_hosts", old);
    }
}

/// Several `-retry-join`, and `CONSUL_LOCAL_CONFIG` as JSON.
fn consul(service: &Service, words: &Words, settings: &mut Settings) {
    let joins = words.flags(&["-retry-join", "--retry-join", "-join", "--join"]);
    if let Some(first) = joins.first() {
        let all: Vec<&str> = joins.iter().map(|join| join.value.as_str()).collect();
        let value = if all.len() == 1 { first.clone() } else { made(first, all.join(",")) };
        settings.set("retry-join", value);
    }
    let Some(config) = service.environment.get("CONSUL_LOCAL_CONFIG") else { return };
    let names = [
        ("advertise_addr", "advertise"),
        ("bind_addr", "bind"),
        ("bootstrap_expect", "bootstrap-expect"),
        ("retry_join", "retry-join"),
    ];
    for document in json::parse(&config.value).documents {
        for (key, name) in names {
            let Some(node) = document.get(key) else { continue };
            let items: Vec<&str> = node.items().iter().filter_map(|item| item.as_str()).collect();
            let text = node.as_str().map_or_else(|| items.join(","), str::to_owned);
            put(settings, name, made(config, text));
        }
    }
}

/// `FLINK_PROPERTIES` holds lines of the configuration file; `-Dname=value` sets one.
fn flink(service: &Service, words: &Words, settings: &mut Settings) {
    for word in words.iter() {
        if let Some((name, value)) = assignment(word, "-D") {
            put(settings, &name, value);
        }
    }
    let Some(properties) = service.environment.get("FLINK_PROPERTIES") else { return };
    for document in yaml::parse(&properties.value).documents {
        for entry in document.entries() {
            if let (Some(name), Some(value)) = (entry.key.as_str(), entry.value.as_str()) {
                put(settings, name, made(properties, value.to_owned()));
            }
        }
    }
}

/// Variables with a prefix, the rest turned into a setting's name.
fn named(service: &Service, prefix: &str, name: impl Fn(&str) -> String, settings: &mut Settings) {
    for (variable, value) in &service.environment {
        if let Some(rest) = variable.strip_prefix(prefix) {
            put(settings, &name(rest), value.clone());
        }
    }
}

/// `___` stands for a dash, `__` for an underscore, `_` for a dot.
fn unescape(name: &str) -> String {
    name.replace("___", "-").replace("__", "\u{0}").replace('_', ".").replace('\u{0}', "_")
}

fn nacos(service: &Service, settings: &mut Settings) {
    if let Some(mode) = service.environment.get("PREFER_HOST_MODE") {
        let by_name = mode.value.trim() == "hostname";
        put(settings, "prefer-hostname-over-ip", made(mode, by_name.to_string()));
    }
}

/// `server.1=zoo1:2888:3888;2181 …` (official), `zoo1:2888:3888,…` (bitnami), the same between
/// semicolons (Confluent).
fn ensemble_of_environment(service: &Service, settings: &mut Settings) {
    let names = ["ZOO_SERVERS", "ZOOKEEPER_SERVERS"];
    let Some(servers) = names.iter().find_map(|name| service.environment.get(*name)) else {
        return;
    };
    let separators: &[char] = if servers.value.contains("server.") {
        &[' ', ',', '\n', '\t']
    } else {
        &[' ', ',', ';', '\n', '\t']
    };
    let entries = servers.value.split(separators).map(str::trim).filter(|entry| !entry.is_empty());
    let members: Vec<String> = entries.filter_map(|entry| member(entry, service)).collect();
    if !members.is_empty() {
        put(settings, "servers", made(servers, members.join(",")));
    }
}

/// `server.N` lines of `zoo.cfg`.
fn ensemble_of_file(service: &Service, settings: &mut Settings) {
    let lines: Vec<Located<String>> = settings
        .iter()
        .filter(|(name, _)| name.starts_with("server."))
        .map(|(_, value)| value.clone())
        .collect();
    let members: Vec<String> = lines.iter().filter_map(|l| member(&l.value, service)).collect();
    if let Some(first) = lines.first().filter(|_| !members.is_empty()) {
        put(settings, "servers", made(first, members.join(",")));
    }
}

/// Host and peer port of `server.1=host:2888:3888;2181`; the address of all interfaces stands for
/// the member itself.
fn member(entry: &str, service: &Service) -> Option<String> {
    let address = entry.split_once('=').map_or(entry, |(_, address)| address);
    let address = address.split([';', '|']).next()?;
    let mut parts = address.split(':');
    let host = parts.next().filter(|host| !host.is_empty())?;
    let host = if host == "0.0.0.0" { service.name.value.as_str() } else { host };
    Some(format!("{host}:{}", parts.next().unwrap_or("2888")))
}
