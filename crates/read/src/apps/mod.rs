//! Applications: the configuration, code and build files of one module, and the service that runs
//! it.

mod arguments;
mod environment;
mod modules;
mod services;

use std::collections::BTreeSet;

use wonin_model::{App, Code, KafkaClient, KafkaTopic, Located, ServiceId, Stack};
use wonin_syntax::java::{Annotation, ExprKind, TypeDecl, Visit, walk};
use wonin_text::{Place, Sources, Span};

use crate::build::{self, SPRING_BOOT};
use crate::fragment::Fragment;
use crate::java::answers::early_answers;
use crate::java::callers::Callers;
use crate::java::codebase::Codebase;
use crate::java::credentials::frozen;
use crate::java::kafka::{self, Application};
use crate::java::pools::pools;
use crate::java::values::{Values, properties_prefix};
use crate::pipeline::Joining;
use crate::spring::kafka::Boot;
use crate::spring::known::{self, Parts};
use crate::spring::layers::{Effective, Surroundings, effective};
use crate::spring::names::{canonical, uniform};
use modules::{Module, modules};

/// Libraries whose version is worth knowing.
const LIBRARIES: &[&str] = &[
    "org.apache.kafka:kafka-clients",
    "org.apache.pinot:pinot-java-client",
    "org.springframework.kafka:spring-kafka",
];

/// Puts applications, their Kafka clients and what their code shows into the stack.
pub(crate) fn join(joining: &mut Joining<'_>) {
    let fragments = std::mem::take(&mut joining.fragments);
    let found = find(&fragments, &joining.evidence.stack, &joining.evidence.sources);
    joining.fragments = fragments;
    let stack = &mut joining.evidence.stack;
    stack.kafka_clients.retain(|client| !is_told_better(client, &found.clients));
    stack.apps.extend(found.apps);
    stack.kafka_clients.extend(found.clients);
    stack.topics.extend(found.topics);
    stack.code.pools_per_call.extend(found.code.pools_per_call);
    stack.code.frozen_credentials.extend(found.code.frozen_credentials);
    stack.code.early_answers.extend(found.code.early_answers);
}

/// What is found in applications.
#[derive(Default)]
struct Found {
    apps: Vec<App>,
    clients: Vec<KafkaClient>,
    topics: Vec<KafkaTopic>,
    code: Code,
}

/// The configuration of one module.
struct Configured<'s> {
    service: Option<ServiceId>,
    around: Surroundings<'s>,
    config: Effective,
    boot_version: Option<Located<String>>,
    boot: Boot,
}

fn find(fragments: &[Fragment], stack: &Stack, sources: &Sources) -> Found {
    let mut modules = modules(fragments);
    let mut services = services::attach(&modules, stack);
    // Of services without files there may be many, and nothing asks for their configuration later.
    let with_files = modules.len();
    let alone = environment::alone(stack, &services);
    modules.extend(alone.iter().map(|(module, _)| module.clone()));
    services.extend(alone.iter().map(|(_, id)| Some(*id)));
    let configured: Vec<Configured<'_>> = modules[..with_files]
        .iter()
        .zip(&services)
        .map(|(module, service)| configure(module, *service, stack))
        .collect();
    let units = modules.iter().enumerate().flat_map(|(index, module)| {
        module.units.iter().map(move |(file, unit)| (*file, index, *unit))
    });
    let code = Codebase::new(units);
    let callers = Callers::of(&code, |index| values_of(&code, &configured[index]));
    let mut found = Found::default();
    for (index, module) in modules.iter().enumerate() {
        let own;
        let configured = match configured.get(index) {
            Some(configured) => configured,
            None => {
                own = configure(module, services[index], stack);
                &own
            }
        };
        let values = values_of(&code, configured);
        let apps = stack.apps.len() + found.apps.len();
        of_module(module, configured, &values, index, (stack, apps), &mut found);
        let shown = &mut found.code;
        let service = services[index];
        shown.pools_per_call.extend(pools(&values, &callers, index, &services, sources));
        shown.frozen_credentials.extend(frozen(&values, &callers, index, service, sources));
        shown.early_answers.extend(early_answers(&values, index, service, sources));
    }
    found.code.frozen_credentials.extend(environment::session_tokens(stack));
    found
}

fn values_of<'v, 'a>(code: &'v Codebase<'a>, configured: &'v Configured<'_>) -> Values<'v, 'a> {
    let Configured { config, around, boot, .. } = configured;
    Values { code, config, around, boot: *boot }
}

fn configure<'s>(
    module: &Module<'_>,
    service: Option<ServiceId>,
    stack: &'s Stack,
) -> Configured<'s> {
    let around = service.map(|id| surroundings(stack, id)).unwrap_or_default();
    let config = effective(&module.spring_files(), &around);
    let boot_version = build::version(&module.build, SPRING_BOOT);
    let boot = boot_version.as_ref().and_then(|version| major_minor(&version.value));
    Configured { service, around, config, boot_version, boot }
}

/// The application of a module with its Kafka clients and topics; `apps` counts those before it.
fn of_module(
    module: &Module<'_>,
    configured: &Configured<'_>,
    values: &Values<'_, '_>,
    index: usize,
    (stack, apps): (&Stack, usize),
    found: &mut Found,
) {
    let Configured { service, boot_version, boot, .. } = configured;
    let app = app(module, values, index, *service, boot_version.clone());
    let name = app.as_ref().map_or_else(|| module.name().to_owned(), |app| app.name.clone());
    let application = Application {
        app: app.is_some().then_some(apps),
        service: *service,
        module: index,
        name: &name,
        used: &used_names(values.code, index),
        kafka_version: kafka_version(module, *boot),
        has_code: !module.units.is_empty(),
    };
    found.clients.extend(kafka::clients(values, &application));
    found.topics.extend(kafka::created(values, index, *service, only_cluster(stack)));
    found.apps.extend(app);
}

/// The application of a module, if it is one of Spring Boot's.
fn app(
    module: &Module<'_>,
    values: &Values<'_, '_>,
    index: usize,
    service: Option<ServiceId>,
    boot_version: Option<Located<String>>,
) -> Option<App> {
    let started = values.code.of_module(index).find_map(|(class, of)| {
        let annotation = of.decl.annotation("SpringBootApplication")?;
        Some(values.code.place(class, annotation.name.span))
    });
    let configured =
        module.spring.iter().map(|(_, file, _)| Place { file: *file, span: Span::default() });
    let place = configured.min().or(started).or(module.place)?;
    let mut properties = values.config.properties.clone();
    let parts = parts(module, values.config, index, values.code);
    known::fill(&mut properties, parts);
    let given = properties.get("spring.application.name").map(|name| name.value.clone());
    Some(App {
        name: given.unwrap_or_else(|| module.name().to_owned()),
        dir: module.dir.clone(),
        service,
        place,
        boot_version,
        libraries: LIBRARIES
            .iter()
            .filter_map(|library| {
                Some(((*library).to_owned(), build::version(&module.build, library)?))
            })
            .collect(),
        properties,
    })
}

/// What surrounds the configuration of the application that a service runs.
fn surroundings(stack: &Stack, id: ServiceId) -> Surroundings<'_> {
    let service = stack.service(id);
    Surroundings {
        environment: Some(&service.environment),
        arguments: arguments::properties(service),
    }
}

/// Which defaults apply, by properties, build files and code.
fn parts(module: &Module<'_>, config: &Effective, index: usize, code: &Codebase<'_>) -> Parts {
    let depends = |what: &[&str]| {
        let mut all = module.build.iter().flat_map(|build| &build.dependencies);
        all.any(|library| what.iter().any(|part| library.contains(part)))
    };
    let has = |prefix: &str| config.properties.iter().any(|(name, _)| name.starts_with(prefix));
    let handles = code.of_module(index).any(|(_, class)| {
        class.decl.annotation("RestController").is_some()
            || class.decl.annotation("Controller").is_some()
    });
    let built = module.build.iter().any(|build| !build.dependencies.is_empty());
    let other_server = depends(&["starter-webflux", "starter-jetty", "starter-undertow"]);
    let web =
        if built { depends(&["spring-boot-starter-web", "starter-thymeleaf"]) } else { handles };
    Parts {
        pool: has("spring.datasource.") && !has("spring.datasource.tomcat."),
        tomcat: (web || has("server.tomcat.")) && !other_server,
    }
}

/// Kafka's version: of the client library, else the one that Spring Boot brings (its dependency
/// versions appendix).
fn kafka_version(module: &Module<'_>, boot: Boot) -> Option<(u32, u32)> {
    let library = build::version(&module.build, "org.apache.kafka:kafka-clients");
    library.and_then(|version| major_minor(&version.value)).or_else(|| {
        let brought = match boot? {
            (1, _) => (1, 0),
            (2, 0..=5) => (2, 8),
            (2 | 3, _) => (3, 9),
            _ => (4, 0),
        };
        Some(brought)
    })
}

fn major_minor(version: &str) -> Option<(u32, u32)> {
    let mut parts = version.split(['.', '-']);
    let major = parts.next()?.parse().ok()?;
    Some((major, parts.next().and_then(|minor| minor.parse().ok()).unwrap_or(0)))
}

/// The cluster, if all brokers belong to one.
fn only_cluster(stack: &Stack) -> Option<usize> {
    let clusters: BTreeSet<usize> = stack.brokers.iter().map(|broker| broker.cluster).collect();
    clusters.first().copied().filter(|_| clusters.len() == 1)
}

/// Whether a client that merely stands for a variable of the environment is one of an
/// application's clients, which tells more.
fn is_told_better(client: &KafkaClient, found: &[KafkaClient]) -> bool {
    let Some(place) = client.place_of_servers() else { return false };
    client.app.is_none()
        && client.service.is_some()
        && found.iter().any(|other| {
            let servers = other.settings.get("bootstrap.servers");
            other.service == client.service
                && servers.is_some_and(|servers| servers.origin.places().contains(&place))
        })
}

/// Where a client's list of brokers stands.
trait Servers {
    fn place_of_servers(&self) -> Option<Place>;
}

impl Servers for KafkaClient {
    fn place_of_servers(&self) -> Option<Place> {
        self.settings.get("bootstrap.servers")?.place()
    }
}

/// Property names, in their shared form, that the code of a module reads.
fn used_names(code: &Codebase<'_>, module: usize) -> BTreeSet<String> {
    let mut used = BTreeSet::new();
    for (_, class) in code.of_module(module) {
        let prefix = class.decl.annotation("ConfigurationProperties").and_then(properties_prefix);
        used.extend(prefix.map(|prefix| uniform(&canonical(prefix))));
        for text in texts(class.decl) {
            for name in names_in(text) {
                used.insert(uniform(&canonical(name)));
            }
        }
    }
    used
}

/// All texts in a class: in annotations, fields and bodies.
fn texts(decl: &TypeDecl) -> Vec<&str> {
    let mut exprs = Vec::new();
    let fields = decl.fields.iter();
    let methods = decl.methods.iter();
    let annotations: Vec<&Annotation> = decl
        .annotations
        .iter()
        .chain(fields.clone().flat_map(|field| &field.annotations))
        .chain(methods.clone().flat_map(|method| &method.annotations))
        .chain(methods.clone().flat_map(|m| &m.params).flat_map(|param| &param.annotations))
        .collect();
    for (_, value) in annotations.iter().flat_map(|annotation| &annotation.args) {
        exprs.extend(value.items());
    }
    exprs.extend(fields.filter_map(|field| field.value.as_ref()));
    let mut found: Vec<&str> = exprs
        .into_iter()
        .filter_map(|expr| match &expr.kind {
            ExprKind::Str(text, _) => Some(text.as_str()),
            _ => None,
        })
        .collect();
    for method in methods {
        walk(method.statements(), &mut |visit, _| {
            if let Visit::Expr(expr) = visit
                && let ExprKind::Str(text, _) = &expr.kind
            {
                found.push(text);
            }
            true
        });
    }
    found
}

/// Property names in a text: of its placeholders, or the text itself.
fn names_in(text: &str) -> Vec<&str> {
    if text.starts_with("spring.") && !text.contains([' ', '$']) {
        return vec![text];
    }
    let placeholders = text.split("${").skip(1);
    placeholders.filter_map(|inside| inside.split([':', '}', '$']).next()).collect()
}

#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;
