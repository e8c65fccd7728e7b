//! Programs behind container services, and the settings that decide how they fail.
//!
//! A program is recognised by its image (or the image that it is built on) and its command. Its
//! settings come from the command line, the environment, configuration files that the container
//! sees and that are among the files, and documented defaults, in this order.

mod command;
mod container;
mod files;
pub(crate) mod jvm;
mod product;
mod rules;
mod special;
#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;

use wonin_model::{Located, Origin, Server, ServerProduct, Service, ServiceId, Settings};

pub(crate) use command::{Words, expand_text};
pub(crate) use container::Container;
pub(crate) use product::{repository, tag};
pub(crate) use special::made;

use crate::pipeline::Joining;
use rules::{Rules, rules};

/// Files of one directory that are read as configuration.
const FILES_MAX: usize = 100;

/// Finds the programs of all services.
pub(crate) fn join(joining: &mut Joining<'_>) {
    let services = std::mem::take(&mut joining.evidence.stack.services);
    let mut servers = Vec::new();
    for (index, service) in services.iter().enumerate() {
        servers.extend(server(ServiceId(index), service, joining));
    }
    joining.evidence.stack.services = services;
    joining.evidence.stack.servers.extend(servers);
}

fn server(id: ServiceId, service: &Service, joining: &mut Joining<'_>) -> Option<Server> {
    let words = Words::of(service, &joining.evidence.sources);
    let broker = joining.evidence.stack.brokers.iter().find(|broker| broker.service == Some(id));
    let (known, version) = match broker {
        Some(broker) => (Some(ServerProduct::Kafka), broker.version.clone()),
        None => (product::product(service, &words), product::version_of(service)),
    };
    let mut settings = jvm::settings(service, &words);
    let has_heap = settings.iter().next().is_some();
    let product = known.or(has_heap.then_some(ServerProduct::Jvm))?;
    configure(product, service, &words, joining, &mut settings);
    Some(Server {
        name: service.name.value.clone(),
        product,
        version: version.filter(|_| known.is_some()),
        service: Some(id),
        place: service.name.place()?,
        settings,
    })
}

/// Adds the product's own settings, the strongest source first.
fn configure(
    product: ServerProduct,
    service: &Service,
    words: &Words,
    joining: &mut Joining<'_>,
    settings: &mut Settings,
) {
    let rules = rules(product);
    for (flag, name) in rules.flags {
        let long = format!("-{flag}");
        if let Some(value) = words.flag(&[flag, &long]) {
            settings.set_default(name, || value);
        }
    }
    special::add(product, service, words, settings);
    for (variable, name) in rules.environment {
        if let Some(value) = service.environment.get(*variable) {
            settings.set_default(name, || value.clone());
        }
    }
    let all_read = read_files(rules, service, words, joining, settings);
    special::finish(product, service, settings);
    default_heap(product, service, settings);
    // What an unread file or an image that tunes itself says is not known.
    let tunes_itself = product::repository(service).contains("timescaledb");
    if all_read && !tunes_itself {
        settings.set_defaults(rules.defaults, &Origin::default_of(rules.of, rules.source));
    }
}

/// Start scripts that set a heap where nobody does.
fn default_heap(product: ServerProduct, service: &Service, settings: &mut Settings) {
    let (bytes, of) = match product {
        ServerProduct::Kafka => (1_u64 << 30, "Apache Kafka kafka-server-start.sh"),
        ServerProduct::ZooKeeper if is_recent_zookeeper(service) => {
            (1_000_u64 << 20, "Apache ZooKeeper zkEnv.sh")
        }
        _ => return,
    };
    if settings.get(jvm::PERCENTAGE).is_none() {
        settings.set_default(jvm::HEAP, || Located::default_of(bytes.to_string(), of, of));
    }
}

/// The official image of 3.5 or later, where the start script gives the heap.
fn is_recent_zookeeper(service: &Service) -> bool {
    let version = product::version_of(service);
    let mut parts =
        version.as_deref().unwrap_or("").split('.').map(|part| part.parse::<u32>().ok());
    let recent = match (parts.next().flatten(), parts.next().flatten()) {
        (Some(major), Some(minor)) => (3, 5) <= (major, minor),
        _ => false,
    };
    recent && product::repository(service) == "zookeeper"
}

/// Reads the files that the product looks for and those that the command names. Says whether
/// every file that the command names was read.
fn read_files(
    rules: &Rules,
    service: &Service,
    words: &Words,
    joining: &mut Joining<'_>,
    settings: &mut Settings,
) -> bool {
    let Some(syntax) = rules.syntax else { return true };
    let container = Container::of(service, joining);
    let mut all_read = true;
    let mut paths: Vec<String> = Vec::new();
    for named in words.iter().filter_map(|word| configuration_path(&word.value)) {
        match container.file(named).filter(|file| joining.exists(&file.path)) {
            Some(file) => paths.push(file.path),
            None => all_read = false,
        }
    }
    for inside in rules.files.iter().rev() {
        if inside.ends_with('/') {
            let below = container.below(inside, joining.paths().iter());
            paths.extend(below.into_values().rev().take(FILES_MAX));
        } else if let Some(file) = container.file(inside) {
            paths.push(file.path);
        }
    }
    for path in paths {
        if !joining.exists(&path) {
            continue;
        }
        let Ok(file) = joining.load(&path) else { continue };
        joining.note_read(file, "server configuration");
        let read = files::settings(file, joining.text(file), syntax);
        for (key, value) in read.iter() {
            let renamed = rules.renamed.iter().find(|(from, _)| *from == key);
            let name = renamed.map_or(key, |(_, to)| to);
            settings.set_default(name, || value.clone());
        }
    }
    all_read
}

/// A word that names a configuration file: a path, or `name=path`.
fn configuration_path(word: &str) -> Option<&str> {
    let path = word.rsplit_once('=').map_or(word, |(_, path)| path);
    let ending = path.rsplit_once('.')?.1;
    let is_configuration = matches!(ending, "cfg" | "cnf" | "conf" | "properties" | "yaml" | "yml");
    (is_configuration && path.starts_with('/')).then_some(path)
}
