//! Who waits for whom behind a reverse proxy, and for how long.

use wonin_model::{App, Gateway, Located, Origin, ServiceId, Stack, Upstream};

use super::hosts::endpoint;
use super::measure::{parse_ms, setting_ms};
use super::reach::{app_of, command_words};

/// A proxy that stops waiting before what stands behind it does. Times in milliseconds.
#[derive(Debug)]
pub(crate) struct Inversion {
    pub(crate) outer: Located<u64>,
    pub(crate) inner: Located<u64>,
    pub(crate) outer_name: String,
    pub(crate) inner_name: String,
    /// What the inner side waits for: `a database connection`.
    pub(crate) inner_what: &'static str,
    /// The setting of the inner wait.
    pub(crate) inner_setting: &'static str,
    /// How sure it is that requests through the proxy meet the inner wait.
    pub(crate) confidence: u8,
}

/// Every hop from a proxy to a service whose known wait is at least as long as the proxy's, where
/// somebody wrote one of the two: the defaults alone are in order.
pub(crate) fn inversions(stack: &Stack) -> Vec<Inversion> {
    let mut found = Vec::new();
    for gateway in &stack.gateways {
        for upstream in &gateway.upstreams {
            let Some(service) = target(stack, gateway, upstream) else { continue };
            for wait in waits(stack, service) {
                let outer = &upstream.read_timeout_ms;
                let chosen = !outer.origin.is_default() || !wait.length.origin.is_default();
                if chosen && outer.value > 0 && outer.value <= wait.length.value {
                    found.push(inversion(stack, gateway, upstream, service, wait));
                }
            }
        }
    }
    found.dedup_by(|a, b| a.outer == b.outer && a.inner == b.inner);
    found
}

/// The service that a proxy sends to.
pub(crate) fn target(stack: &Stack, gateway: &Gateway, upstream: &Upstream) -> Option<ServiceId> {
    let proxy = gateway.service?;
    let to = endpoint(&upstream.host);
    stack.resolve(stack.service(proxy).project, &to.host.value)
}

/// One wait inside a service.
struct Wait {
    length: Located<u64>,
    what: &'static str,
    setting: &'static str,
    confidence: u8,
}

fn waits(stack: &Stack, service: ServiceId) -> Vec<Wait> {
    let mut waits = Vec::new();
    if let Some(app) = app_of(stack, service) {
        waits.extend(app_waits(app));
    }
    waits.extend(gunicorn(stack, service));
    for inner in stack.gateways.iter().filter(|inner| inner.service == Some(service)) {
        let longest = inner.upstreams.iter().max_by_key(|up| up.read_timeout_ms.value);
        waits.extend(longest.map(|upstream| Wait {
            length: upstream.read_timeout_ms.clone(),
            what: "its own upstream",
            setting: "proxy_read_timeout",
            confidence: 75,
        }));
    }
    waits
}

fn app_waits(app: &App) -> Vec<Wait> {
    let mut waits = Vec::new();
    if app.properties.get("spring.datasource.url").is_some() {
        let length = setting_ms(&app.properties, "spring.datasource.hikari.connection-timeout");
        waits.extend(length.map(|length| Wait {
            length,
            what: "a database connection",
            setting: "spring.datasource.hikari.connection-timeout",
            confidence: 75,
        }));
    }
    let asynchronous = setting_ms(&app.properties, "spring.mvc.async.request-timeout");
    waits.extend(asynchronous.filter(|wait| !wait.origin.is_default()).map(|length| Wait {
        length,
        what: "asynchronous requests",
        setting: "spring.mvc.async.request-timeout",
        confidence: 85,
    }));
    waits
}

/// gunicorn's worker timeout, where the command writes one.
fn gunicorn(stack: &Stack, service: ServiceId) -> Option<Wait> {
    let seconds = flag(stack, service, "gunicorn", &["--timeout", "-t"])?;
    let length = seconds.and_then(|text| u64::try_from(parse_ms(text)?).ok()?.checked_mul(1000))?;
    let (what, setting) = ("a worker that answers", "gunicorn --timeout");
    Some(Wait { length, what, setting, confidence: 75 })
}

/// The value of a flag of a program that a service runs, written `--flag value` or `--flag=value`.
pub(crate) fn flag(
    stack: &Stack,
    service: ServiceId,
    program: &str,
    names: &[&str],
) -> Option<Located<String>> {
    let words = command_words(stack, service);
    let start = words.iter().position(|word| is_program(&word.value, program))?;
    let rest = &words[start + 1..];
    let written = rest.iter().enumerate().find_map(|(index, word)| {
        let (name, value) = match word.value.split_once('=') {
            Some((name, value)) => (name, Some(word.with(value.to_owned()))),
            None => (word.value.as_str(), rest.get(index + 1).cloned()),
        };
        names.contains(&name).then_some(value)
    });
    written?
}

/// Whether a word of a command runs this program.
pub(crate) fn is_program(word: &str, program: &str) -> bool {
    word.rsplit('/').next().is_some_and(|last| last == program)
}

fn inversion(
    stack: &Stack,
    gateway: &Gateway,
    upstream: &Upstream,
    service: ServiceId,
    wait: Wait,
) -> Inversion {
    let outer = &upstream.read_timeout_ms;
    // An included or interpolated value still is what the proxy runs with.
    let sure = matches!(outer.origin, Origin::Written(_) | Origin::Default(_));
    Inversion {
        outer: outer.clone(),
        inner: wait.length,
        outer_name: gateway.name.clone(),
        inner_name: stack.service(service).name.value.clone(),
        inner_what: wait.what,
        inner_setting: wait.setting,
        confidence: if sure { wait.confidence } else { 65 },
    }
}
