//! The merged keys of a service to the service of the stack.

use std::collections::BTreeMap;

use indexmap::IndexMap;
use wonin_model::{
    Condition, Dependency, Interpolated, Located, Origin, Restart, Service, UpdateConfig,
};
use wonin_text::Place;

use super::health::health_check;
use super::image::image;
use super::interpolate::Variables;
use super::mounts::{HostPaths, Mounts};
use super::networks::attachments;
use super::ports::{expose, ports};
use super::units::{bytes, duration_ms, limit, millicpus};
use super::value::{Data, Map, MergeTag, Notes, Value};
use crate::words::words;

/// The keys of a service that are looked into.
pub(crate) fn is_known(key: &str) -> bool {
    matches!(
        key,
        "build"
            | "cap_add"
            | "command"
            | "configs"
            | "container_name"
            | "cpus"
            | "depends_on"
            | "deploy"
            | "entrypoint"
            | "env_file"
            | "environment"
            | "expose"
            | "extends"
            | "healthcheck"
            | "hostname"
            | "image"
            | "labels"
            | "links"
            | "mem_limit"
            | "network_mode"
            | "networks"
            | "pids_limit"
            | "ports"
            | "profiles"
            | "restart"
            | "scale"
            | "secrets"
            | "stop_grace_period"
            | "tmpfs"
            | "ulimits"
            | "volumes"
    )
}

/// What decoding a service needs besides its keys.
pub(crate) struct Surroundings<'a> {
    /// Index of the project.
    pub(crate) project: usize,
    /// The variables of the project, for `environment` keys without value.
    pub(crate) variables: &'a dyn Variables,
    /// What is known of host paths.
    pub(crate) host: &'a HostPaths<'a>,
    /// Top-level `configs` and `secrets`.
    pub(crate) handed: &'a Handed,
    /// Profiles that are active (`COMPOSE_PROFILES`).
    pub(crate) active: &'a [String],
    /// The values of `env_file`.
    pub(crate) env_file: BTreeMap<String, Located<String>>,
}

/// What a project hands to services that ask for it by name.
pub(crate) struct Handed {
    pub(crate) configs: Map,
    pub(crate) secrets: Map,
}

/// The service `name` from its merged keys.
pub(crate) fn service(
    name: Located<String>,
    body: Option<Place>,
    keys: Map,
    around: &Surroundings<'_>,
    notes: &mut Notes,
) -> Service {
    let place = name.place().or(body);
    let whole = place.map(|place| Value { place, tag: MergeTag::Merge, data: Data::Map(keys) });
    // A name is always written; without a place there is nothing to decode.
    let empty = || Value { place: NOWHERE, tag: MergeTag::Merge, data: Data::Null };
    let keys = &whole.unwrap_or_else(empty);
    let limits = |name| keys.text_at(&["deploy", "resources", "limits", name]);
    let own = |name| keys.text_at(&[name]);
    let either = |deploy, key| limits(deploy).or(own(key));
    let list = |name: &str| keys.at(&[name]);
    Service {
        project: around.project,
        image: own("image").filter(|text| !text.value.is_empty()).map(|t| t.with(image(&t.value))),
        base_image: None,
        dockerfile: None,
        build_context: build_context(keys, around.host),
        container_name: own("container_name").cloned(),
        hostname: own("hostname").cloned(),
        entrypoint: list("entrypoint").and_then(command),
        command: list("command").and_then(command),
        ports: list("ports").map(|list| ports(list, notes)).unwrap_or_default(),
        expose: list("expose").map(|list| expose(list, notes)).unwrap_or_default(),
        networks: attachments(keys),
        network_mode: own("network_mode").cloned(),
        mounts: mounts(keys, around),
        healthcheck: keys
            .map()
            .and_then(|map| map.get("healthcheck"))
            .and_then(|field| health_check(&field.value, field.key, notes))
            .map(Box::new),
        depends_on: dependencies(keys),
        restart: restart(keys),
        replicas: number(own("scale").or(keys.text_at(&["deploy", "replicas"]))),
        memory_limit_bytes: limit(either("memory", "mem_limit"), bytes),
        cpu_limit_millis: limit(either("cpus", "cpus"), millicpus),
        pids_limit: number(either("pids", "pids_limit")).filter(|limit| limit.value > 0),
        nproc_limit: number(
            keys.text_at(&["ulimits", "nproc", "soft"]).or(keys.text_at(&["ulimits", "nproc"])),
        ),
        stop_grace_ms: own("stop_grace_period").and_then(|text| text.and_then(|t| duration_ms(t))),
        profiles: profiles(keys, around.active),
        labels: pairs(keys.at(&["labels"]), around.variables),
        cap_add: list("cap_add").map(Value::texts).unwrap_or_default(),
        environment: environment(keys, around),
        update: update_config(keys).map(Box::new),
        name,
        body,
    }
}

/// The place of what has none.
const NOWHERE: Place =
    Place { file: wonin_text::FileId(0), span: wonin_text::Span { start: 0, end: 0 } };

fn update_config(keys: &Value) -> Option<UpdateConfig> {
    let config = keys.at(&["deploy", "update_config"]).filter(|value| value.map().is_some())?;
    let text = |name: &str| config.text_at(&[name]);
    let duration = |name: &str| text(name).and_then(|text| text.and_then(|t| duration_ms(t)));
    Some(UpdateConfig {
        parallelism: number(text("parallelism")),
        delay_ms: duration("delay"),
        failure_action: text("failure_action").cloned(),
        monitor_ms: duration("monitor"),
        max_failure_ratio: text("max_failure_ratio").cloned(),
        order: text("order").cloned(),
    })
}

fn number(text: Option<&Located<String>>) -> Option<Located<u32>> {
    text?.and_then(|text| text.trim().parse().ok())
}

fn build_context(keys: &Value, host: &HostPaths<'_>) -> Option<Located<String>> {
    let build = keys.at(&["build"])?;
    match build.text_at(&["context"]) {
        Some(context) if is_foreign(&context.value) => Some(context.clone()),
        Some(context) => Some(context.with(host.resolve(context, &context.value))),
        // Without a context Compose builds in the project's directory.
        None => build.map().map(|_| {
            let here = Located::written(".".to_owned(), build.place);
            here.with(host.resolve(&here, "."))
        }),
    }
}

/// Whether a build context lies elsewhere (`https://…`, `git@…`).
pub(crate) fn is_foreign(context: &str) -> bool {
    context.contains("://") || context.starts_with("git@")
}

/// `command` and `entrypoint`: a list of words, or a line that is split like a shell does.
fn command(value: &Value) -> Option<Located<Vec<String>>> {
    match &value.data {
        Data::Text(text) => Some(text.with(words(&text.value))),
        Data::List(_) => {
            let words = value.texts().into_iter().map(|word| word.value).collect();
            Some(Located { value: words, origin: value.origin() })
        }
        Data::Null | Data::Map(_) => None,
    }
}

fn mounts(keys: &Value, around: &Surroundings<'_>) -> Vec<Located<wonin_model::Mount>> {
    let mut mounts = Mounts::default();
    if let Some(list) = keys.at(&["volumes"]) {
        mounts.volumes(list, around.host);
    }
    if let Some(list) = keys.at(&["tmpfs"]) {
        mounts.tmpfs(list);
    }
    let handed = around.handed;
    for (key, known, dir) in
        [("configs", &handed.configs, "/"), ("secrets", &handed.secrets, "/run/secrets/")]
    {
        for item in keys.at(&[key]).map(Value::items).unwrap_or_default() {
            if let Some((file, target)) = handed_file(item, known, dir) {
                mounts.file(file, &target, around.host);
            }
        }
    }
    mounts.into_vec()
}

/// The file that an entry of `configs` or `secrets` hands to the service, and where that sees it:
/// under its name in `dir`, unless `target` says otherwise (Compose specification, services,
/// "configs" and "secrets"). What is not made from a file has none.
fn handed_file<'a>(
    item: &Value,
    known: &'a Map,
    dir: &str,
) -> Option<(&'a Located<String>, String)> {
    let name = item.text().or(item.text_at(&["source"]))?;
    let file = known.get(&name.value)?.value.text_at(&["file"])?;
    let target = &item.text_at(&["target"]).unwrap_or(name).value;
    let is_absolute = target.starts_with('/');
    let target = if is_absolute { target.clone() } else { format!("{dir}{target}") };
    Some((file, target))
}

/// `depends_on` and, for services that it does not name, `links`.
fn dependencies(keys: &Value) -> Vec<Dependency> {
    let mut all: IndexMap<String, Dependency> = IndexMap::new();
    let depends_on = keys.at(&["depends_on"]);
    for (name, field) in depends_on.into_iter().flat_map(Value::fields) {
        let named = named(name, field.key, &field.value);
        let condition = match field.value.text_at(&["condition"]) {
            Some(text) => text.with(match text.value.as_str() {
                "service_healthy" => Condition::Healthy,
                "service_completed_successfully" => Condition::Completed,
                _ => Condition::Started,
            }),
            None => named.with(Condition::Started),
        };
        let required = field.value.text_at(&["required"]).is_none_or(|text| text.value != "false");
        all.insert(name.clone(), Dependency { service: named, condition, required });
    }
    for link in keys.at(&["links"]).map(Value::items).unwrap_or_default() {
        let Some(text) = link.text() else { continue };
        let end = text.value.find(':').unwrap_or(text.value.len());
        let service = text.part(0..end);
        let condition = service.with(Condition::Started);
        let dependency = Dependency { service, condition, required: true };
        all.entry(dependency.service.value.clone()).or_insert(dependency);
    }
    all.into_values().collect()
}

/// A key as a value. In the short form the key is the list's item itself, with its origin.
fn named(name: &str, key: Place, value: &Value) -> Located<String> {
    match value.text_at(&["condition"]) {
        Some(condition) if value.place == key => condition.with(name.to_owned()),
        _ => Located::written(name.to_owned(), key),
    }
}

/// `deploy.restart_policy` counts before `restart`, as in Compose itself.
fn restart(keys: &Value) -> Option<Located<Restart>> {
    let policy = keys.at(&["deploy", "restart_policy"]).filter(|value| value.map().is_some());
    if let Some(policy) = policy {
        return match policy.text_at(&["condition"]) {
            Some(text) => text.and_then(|text| named_restart(text)),
            None => Some(Located::default_of(
                Restart::Always,
                "Compose deploy.restart_policy",
                "Compose Deploy Specification, \"restart_policy\"",
            )),
        };
    }
    keys.text_at(&["restart"])?.and_then(|text| named_restart(text))
}

fn named_restart(text: &str) -> Option<Restart> {
    match text.split(':').next().unwrap_or_default() {
        "no" | "none" | "false" => Some(Restart::No),
        "on-failure" => Some(Restart::OnFailure),
        "always" | "any" => Some(Restart::Always),
        "unless-stopped" => Some(Restart::UnlessStopped),
        _ => None,
    }
}

/// The profiles of a service; none where one of them is active, since it then starts like others.
fn profiles(keys: &Value, active: &[String]) -> Vec<Located<String>> {
    let profiles = keys.at(&["profiles"]).map(Value::texts).unwrap_or_default();
    let is_active =
        |profile: &Located<String>| active.iter().any(|a| a == "*" || *a == profile.value);
    if profiles.iter().any(is_active) { Vec::new() } else { profiles }
}

/// `env_file` with `environment` laid over it.
fn environment(keys: &Value, around: &Surroundings<'_>) -> BTreeMap<String, Located<String>> {
    let mut all = around.env_file.clone();
    let own = keys.at(&["environment"]);
    for (name, _) in own.into_iter().flat_map(Value::fields) {
        // A key without value that nothing defines is not passed on at all.
        all.remove(name);
    }
    all.extend(pairs(own, around.variables));
    all
}

/// Keys with values; a key without value takes the variable of the same name.
fn pairs(value: Option<&Value>, variables: &dyn Variables) -> BTreeMap<String, Located<String>> {
    let mut all = BTreeMap::new();
    for (name, field) in value.into_iter().flat_map(Value::fields) {
        let found = match &field.value.data {
            Data::Text(text) => Some(text.clone()),
            Data::Null => variables.variable(name).map(|found| Located {
                value: found.value.clone(),
                origin: Origin::from(Interpolated {
                    place: field.key,
                    from: found.place().into_iter().collect(),
                    unset: Vec::new(),
                }),
            }),
            Data::List(_) | Data::Map(_) => None,
        };
        all.extend(found.map(|found| (name.clone(), found)));
    }
    all
}
